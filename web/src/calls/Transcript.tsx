// What was said, in two lanes: the caller's on one side, ours on the other; what the caller never heard is struck.
import { useQuery } from '@tanstack/react-query'
import { Scissors, Wrench } from 'lucide-react'
import { useTranslation } from '@/i18n'
import type { Turn } from '@/api/model'
import { turnsQuery } from '@/api/queries'
import { latency, stopwatch } from '@/i18n/format'
import { useSignals } from '@/live/signals'
import { cx } from '@/ui/cx'
import { Bone, Loading, Trouble } from '@/ui/State'

export default function Transcript({ callId, live }: { callId: string; live?: boolean }) {
  const { t } = useTranslation()
  const query = useQuery(turnsQuery(callId))
  if (query.isPending) return <Skeleton />
  if (query.isError) return <Trouble error={query.error} retry={() => void query.refetch()} />
  const { items } = query.data
  return (
    <div data-testid="transcript">
      <div className="sticky top-0 z-10 mb-1 grid grid-cols-2 gap-8 bg-surface py-1 text-xs text-ink-3 max-sm:hidden" aria-hidden>
        <span>{t('speaker.caller')}</span>
        <span>{t('speaker.agent')}</span>
      </div>
      <ol className="flex flex-col gap-2" aria-live={live ? 'polite' : undefined}>
        {items.map((turn) => (
          <TurnEntry key={turn.id} turn={turn} />
        ))}
        {live && <Speaking callId={callId} />}
      </ol>
      {items.length === 0 && !live && <p className="py-6 text-center text-sm text-ink-3">{t('call.nothing_said')}</p>}
    </div>
  )
}

function TurnEntry({ turn }: { turn: Turn }) {
  const { t } = useTranslation()
  if (turn.speaker === 'tool') {
    return (
      <li className="flex items-start justify-center gap-1.5 py-1 text-xs text-ink-3" data-speaker="tool">
        <Wrench className="mt-0.5 size-3.5 shrink-0" aria-hidden />
        <bdi className="min-w-0 break-words">{turn.text}</bdi>
      </li>
    )
  }
  return (
    <Lane speaker={turn.speaker} label={`${t(`speaker.${turn.speaker}`)}, ${stopwatch(turn.started_ms)}`}>
      <p dir="auto" className="text-base break-words">
        {turn.text}
        {turn.unheard && (
          <>
            {' '}
            <del className="text-ink-3 decoration-ink-3" title={t('call.unheard')} data-testid="unheard">
              <span className="sr-only">{t('call.unheard')}: </span>
              {turn.unheard}
            </del>
          </>
        )}
      </p>
      <p className="mt-0.5 flex flex-wrap items-center gap-x-2 text-xs text-ink-3 tabular-nums">
        <bdi dir="ltr">{stopwatch(turn.started_ms)}</bdi>
        {turn.latency_ms !== null && <span title={t('call.latency_help')}>{t('call.after', { span: latency(turn.latency_ms) })}</span>}
        {turn.interrupted && (
          <span className="inline-flex items-center gap-1">
            <Scissors className="size-3" aria-hidden />
            {t('call.interrupted')}
          </span>
        )}
      </p>
    </Lane>
  )
}

function Lane({ speaker, label, children, faint }: { speaker: 'caller' | 'agent' | 'staff'; label: string; children: React.ReactNode; faint?: boolean }) {
  return (
    <li data-speaker={speaker} className="sm:grid sm:grid-cols-2 sm:gap-8">
      <div
        className={cx(
          'border-s-2 ps-3',
          speaker === 'caller' ? 'border-line-strong max-sm:me-8' : 'border-ink max-sm:ms-8 sm:col-start-2',
          faint && 'border-dashed',
        )}
      >
        <h3 className="sr-only">{label}</h3>
        {children}
      </div>
    </li>
  )
}

/** What is being said right now, word by word. */
function Speaking({ callId }: { callId: string }) {
  const { t } = useTranslation()
  const partials = useSignals((state) => state.partials[callId])
  return Object.values(partials ?? {})
    .filter((partial) => partial.text)
    .toSorted((a, b) => a.ordinal - b.ordinal)
    .map((partial) => (
      <Lane key={partial.speaker} speaker={partial.speaker} label={t(`speaker.${partial.speaker}`)} faint>
        <p dir="auto" className="text-base text-ink-2" data-testid="partial">
          {partial.text}
          <span aria-hidden> …</span>
        </p>
      </Lane>
    ))
}

function Skeleton() {
  return (
    <Loading>
      <div className="flex flex-col gap-4 py-2">
        {[70, 55, 80, 40].map((width, n) => (
          <div key={n} className="grid grid-cols-2 gap-8">
            <div className={n % 2 ? 'col-start-2' : ''}>
              <div className="skeleton h-10" style={{ width: `${width}%` }} />
            </div>
          </div>
        ))}
        <Bone className="h-3 w-20" />
      </div>
    </Loading>
  )
}
