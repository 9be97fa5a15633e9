// While one listens to a call, on whatever page: which call, both levels, and how to stop.
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Headphones, Square } from 'lucide-react'
import { useCallback } from 'react'
import { useTranslation } from '@/i18n'
import { callQuery } from '@/api/queries'
import { Button } from '@/ui/Button'
import { Meter } from '@/ui/Meter'
import { Who } from '@/ui/Who'
import { onHeard, stopListening, useListening } from './listening'

export default function ListeningBar() {
  const { callId, state } = useListening()
  if (!callId || state === 'off') return null
  return <Bar callId={callId} />
}

function Bar({ callId }: { callId: string }) {
  const { t } = useTranslation()
  const { state, problem, frames, waitingMs, missed } = useListening()
  const { data: call } = useQuery(callQuery(callId))
  const caller = useCallback((show: (level: number) => void) => onHeard((now) => show(now.caller)), [])
  const agent = useCallback((show: (level: number) => void) => onHeard((now) => show(now.agent)), [])
  return (
    <section
      aria-label={t('listen.label')}
      data-testid="listening"
      data-state={state}
      data-frames={frames}
      data-waiting-ms={waitingMs}
      data-missed={missed}
      className="appear fixed inset-x-3 bottom-16 z-30 mx-auto flex max-w-xl flex-wrap items-center gap-x-4 gap-y-2 rounded bg-raised py-2 ps-4 pe-2 shadow-float sm:bottom-4"
    >
      <Headphones className="size-4 shrink-0" aria-hidden />
      <div className="min-w-0 flex-1">
        <p className="truncate text-sm font-medium" role="status">
          {t(`listen.${state}`)}
          {state === 'failed' && problem && problem !== 'lost' && `: ${problem}`}
        </p>
        {call && (
          <Link to="/calls/$callId" params={{ callId }} className="block truncate rounded text-xs text-ink-2 hover:text-ink">
            <Who name={call.contact?.name} address={call.from_address} />
          </Link>
        )}
      </div>
      <div className="flex gap-3">
        <Meter label={t('speaker.caller')} subscribe={caller} />
        <Meter label={t('speaker.agent')} subscribe={agent} />
      </div>
      <Button size="sm" icon={<Square className="size-3 fill-current" />} onClick={stopListening}>
        {t('listen.stop')}
      </Button>
    </section>
  )
}
