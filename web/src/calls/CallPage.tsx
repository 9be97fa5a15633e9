// One call: its controls while it lives, what was said in lanes, and how fast we answered.
import { useMutation, useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { ArrowLeft, MessageSquare, PhoneOff } from 'lucide-react'
import { useState } from 'react'
import { useTranslation } from '@/i18n'
import { api } from '@/api/client'
import type { Call, Turn } from '@/api/model'
import { callQuery, turnsQuery } from '@/api/queries'
import { useSession } from '@/api/session'
import { duration, full, latency } from '@/i18n/format'
import { complain } from '@/shell/complaints'
import { Address } from '@/ui/Address'
import { Avatar } from '@/ui/Avatar'
import { Button } from '@/ui/Button'
import { Confirm } from '@/ui/Dialog'
import { Bone, Loading, Trouble } from '@/ui/State'
import { Who } from '@/ui/Who'
import { Lanes } from './Lanes'
import { Clock, Levels } from './LiveCallCard'
import { ListenButton } from './ListenButton'
import { outcomeWords, reasonWords } from './outcome'
import Transcript from './Transcript'

export default function CallPage() {
  const { t } = useTranslation()
  const { callId } = useParams({ from: '/app/calls/$callId' })
  const query = useQuery(callQuery(callId))
  const turns = useQuery(turnsQuery(callId))
  return (
    <div className="scroll-thin h-full overflow-y-auto bg-surface">
      <div className="mx-auto max-w-5xl px-4 pb-24 sm:px-6">
        <Link to="/calls" className="mt-3 inline-flex h-8 items-center gap-1.5 rounded text-sm text-ink-2 hover:text-ink">
          <ArrowLeft className="mirror-rtl size-4" aria-hidden />
          {t('calls.all')}
        </Link>
        {query.isPending && (
          <Loading>
            <div className="mt-4 flex items-center gap-4">
              <Bone className="size-12 rounded-full" />
              <Bone className="h-5 w-60" />
            </div>
          </Loading>
        )}
        {query.isError && <Trouble error={query.error} retry={() => void query.refetch()} className="mx-0" />}
        {query.data && <Details call={query.data} turns={turns.data?.items ?? []} />}
      </div>
    </div>
  )
}

function Details({ call, turns }: { call: Call; turns: Turn[] }) {
  const { t } = useTranslation()
  const live = call.state === 'live' || call.state === 'ringing'
  return (
    <>
      <header className="mt-2 flex flex-wrap items-center gap-x-4 gap-y-3 border-b pb-4">
        <Avatar id={call.contact?.id ?? call.id} name={call.contact?.name ?? null} size="lg" />
        <div className="min-w-40 flex-1">
          <h1 className="truncate text-xl font-semibold"><Who name={call.contact?.name} address={call.from_address} /></h1>
          <p className="flex flex-wrap items-center gap-x-1.5 text-sm text-ink-2" data-testid="call-state" data-state={call.state}>
            {live ? <Clock call={call} /> : outcomeWords(call, t)}
            {!live && call.outcome && call.state !== 'not_taken' && <span>· {reasonWords(call.outcome)}</span>}
          </p>
        </div>
        {live && <Levels callId={call.id} />}
        <Controls call={call} />
      </header>
      <div className="grid gap-x-10 gap-y-6 pt-5 md:grid-cols-[minmax(0,1fr)_240px]">
        <section aria-label={t('call.transcript')} className="min-w-0">
          <h2 className="sr-only">{t('call.transcript')}</h2>
          {call.summary && (
            <p dir="auto" className="mb-4 rounded bg-sunken p-3 text-base">
              {call.summary}
            </p>
          )}
          {turns.length > 0 && <Lanes turns={turns} />}
          <Transcript callId={call.id} live={live} />
        </section>
        <aside className="md:order-none" aria-label={t('call.facts')}>
          <Facts call={call} />
          <Latencies turns={turns} />
        </aside>
      </div>
    </>
  )
}

function Controls({ call }: { call: Call }) {
  const { t } = useTranslation()
  const [asking, setAsking] = useState(false)
  const role = useSession((state) => state.me?.staff.role)
  const hangUp = useMutation({
    mutationFn: () => api.POST('/api/v1/calls/{id}/hang-up', { params: { path: { id: call.id } } }),
    onError: complain,
  })
  const live = call.state === 'live' || call.state === 'ringing'
  return (
    <div className="flex gap-2 max-sm:w-full max-sm:*:flex-1">
      {call.conversation_id && (
        <Link
          to="/inbox/$conversationId"
          params={{ conversationId: call.conversation_id }}
          search={{}}
          className="inline-flex h-10 items-center justify-center gap-1.5 rounded border border-line-strong px-4 text-base font-medium whitespace-nowrap hover:bg-hover"
        >
          <MessageSquare className="size-4" aria-hidden />
          {t('call.conversation')}
        </Link>
      )}
      {call.state === 'live' && <ListenButton callId={call.id} size="lg" />}
      {live && role !== 'read_only' && (
        <Button kind="danger" size="lg" icon={<PhoneOff className="size-4" />} disabled={hangUp.isPending || hangUp.isSuccess} onClick={() => setAsking(true)}>
          {hangUp.isSuccess ? t('call.hanging_up') : t('call.hang_up')}
        </Button>
      )}
      <Confirm
        open={asking}
        onClose={() => setAsking(false)}
        onConfirm={() => hangUp.mutate()}
        title={t('call.hang_up_title')}
        description={t('call.hang_up_help')}
        confirm={t('call.hang_up')}
      />
    </div>
  )
}

function Facts({ call }: { call: Call }) {
  const { t } = useTranslation()
  const rows: [string, React.ReactNode][] = [
    [t('call.from'), <Address key="from">{call.from_address}</Address>],
    [t('call.to'), <Address key="to">{call.to_address}</Address>],
    [t('call.started'), full(call.started_at)],
  ]
  if (call.duration_ms !== null) rows.push([t('call.length'), duration(call.duration_ms)])
  if (call.agent) rows.push([t('call.agent'), t(`agent.${call.agent as 'realtime'}`)])
  if (call.fallback) rows.push([t('call.fallback'), t(`fallback.${call.fallback as 'voicemail'}`, { defaultValue: call.fallback })])
  return (
    <dl className="flex flex-col gap-3 text-sm">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt className="text-xs text-ink-3">{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

/** From the caller's last word to our first, turn by turn. */
function Latencies({ turns }: { turns: Turn[] }) {
  const { t } = useTranslation()
  const measured = turns.filter((turn) => turn.latency_ms !== null)
  if (measured.length === 0) return null
  const worst = Math.max(...measured.map((turn) => turn.latency_ms!))
  const sorted = measured.map((turn) => turn.latency_ms!).toSorted((a, b) => a - b)
  const median = sorted[Math.floor(sorted.length / 2)]!
  return (
    <section className="mt-6" aria-label={t('call.latency')}>
      <h2 className="text-xs text-ink-3">{t('call.latency')}</h2>
      <p className="text-sm">{t('call.latency_line', { median: latency(median), worst: latency(worst) })}</p>
      <ol className="mt-2 flex h-14 items-end gap-1" data-testid="latencies">
        {measured.map((turn) => (
          <li
            key={turn.id}
            title={latency(turn.latency_ms!)}
            className="min-w-1 max-w-4 flex-1 rounded-[2px] bg-ink-3"
            style={{ height: `${Math.max(6, (turn.latency_ms! / worst) * 100)}%` }}
          >
            <span className="sr-only">{latency(turn.latency_ms!)}</span>
          </li>
        ))}
      </ol>
    </section>
  )
}
