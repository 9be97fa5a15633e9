// One live call on the wall: who, how long, both voices, the last sentence as it is spoken.
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { PhoneIncoming } from 'lucide-react'
import { useCallback } from 'react'
import { useTranslation } from '@/i18n'
import type { Call } from '@/api/model'
import { turnsQuery } from '@/api/queries'
import { stopwatch } from '@/i18n/format'
import { onLevels, useSignals } from '@/live/signals'
import { Address } from '@/ui/Address'
import { Avatar } from '@/ui/Avatar'
import { cx } from '@/ui/cx'
import { Meter } from '@/ui/Meter'
import { useNow } from '@/ui/useNow'
import { Who } from '@/ui/Who'
import { ListenButton } from './ListenButton'

export function LiveCallCard({ call }: { call: Call }) {
  const { t } = useTranslation()
  return (
    <article data-testid="live-call" data-call={call.id} className="appear relative flex h-full flex-col rounded border bg-raised p-4">
      <div className="flex items-center gap-3">
        <Avatar id={call.contact?.id ?? call.id} name={call.contact?.name ?? null} />
        <div className="min-w-0 flex-1">
          <h2 className="truncate text-sm font-semibold">
            <Link to="/calls/$callId" params={{ callId: call.id }} className="after:absolute after:inset-0 after:rounded">
              <Who name={call.contact?.name} address={call.from_address} />
            </Link>
          </h2>
          <p className="truncate text-xs text-ink-3">
            {call.contact?.name && (
              <>
                <Address>{call.from_address}</Address> ·{' '}
              </>
            )}
            {call.visitor ? t('call.from_demo') : call.source === 'phone' ? t('call.from_browser') : call.inbox && <bdi>{call.inbox.name}</bdi>}
          </p>
        </div>
        <Clock call={call} />
      </div>
      <LastWords call={call} />
      <div className="flex items-end justify-between gap-3">
        <Levels callId={call.id} />
        {call.state === 'live' && (
          <div className="relative z-10">
            <ListenButton callId={call.id} />
          </div>
        )}
      </div>
    </article>
  )
}

export function Clock({ call }: { call: Call }) {
  const { t } = useTranslation()
  const now = useNow(1_000)
  if (call.state === 'ringing' || !call.answered_at) {
    return (
      <span className="inline-flex items-center gap-1.5 text-xs text-ink-2">
        <PhoneIncoming className="size-3.5" aria-hidden />
        {t('call.ringing')}
      </span>
    )
  }
  return (
    <bdi dir="ltr" className="text-sm font-medium tabular-nums" role="timer" aria-label={t('call.length')}>
      {stopwatch((call.ended_at ? Date.parse(call.ended_at) : now) - Date.parse(call.answered_at))}
    </bdi>
  )
}

function LastWords({ call }: { call: Call }) {
  const { t } = useTranslation()
  const { data } = useQuery(turnsQuery(call.id))
  const partials = useSignals((state) => state.partials[call.id])
  const speaking = Object.values(partials ?? {})
    .filter((partial) => partial.text)
    .toSorted((a, b) => b.ordinal - a.ordinal)[0]
  const said = data?.items.findLast((turn) => turn.speaker !== 'tool')
  const last = speaking ?? said
  return (
    <div className="my-3 min-h-[82px] flex-1" data-testid="last-words">
      {last ? (
        <>
          <p className="text-xs text-ink-3">{t(`speaker.${last.speaker as 'caller'}`)}</p>
          <p dir="auto" className={cx('line-clamp-3 text-base', !speaking && 'text-ink-2')}>
            {last.text}
            {speaking && <span aria-hidden> …</span>}
          </p>
        </>
      ) : (
        <p className="text-base text-ink-3">{t('call.nothing_yet')}</p>
      )}
    </div>
  )
}

export function Levels({ callId }: { callId: string }) {
  const { t } = useTranslation()
  const caller = useCallback((show: (level: number) => void) => onLevels(callId, (now) => show(now.caller)), [callId])
  const agent = useCallback((show: (level: number) => void) => onLevels(callId, (now) => show(now.agent)), [callId])
  return (
    <dl className="grid grid-cols-[auto_auto] items-center gap-x-2 gap-y-1 text-xs text-ink-3">
      <dt>{t('speaker.caller')}</dt>
      <dd>
        <Meter label={t('call.level', { who: t('speaker.caller') })} subscribe={caller} />
      </dd>
      <dt>{t('speaker.agent')}</dt>
      <dd>
        <Meter label={t('call.level', { who: t('speaker.agent') })} subscribe={agent} />
      </dd>
    </dl>
  )
}
