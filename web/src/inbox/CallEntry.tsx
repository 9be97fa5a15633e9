// A call on the timeline: who answered, how long, what it was about, the recording, and the transcript on demand.
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Phone, PhoneMissed, Voicemail } from 'lucide-react'
import { lazy, Suspense, useState } from 'react'
import { useTranslation } from '@/i18n'
import type { Message } from '@/api/model'
import { callQuery } from '@/api/queries'
import { outcomeWords } from '@/calls/outcome'
import { clock, duration, full } from '@/i18n/format'
import Recording from './Recording'

const Transcript = lazy(() => import('@/calls/Transcript'))

export default function CallEntry({ message }: { message: Message }) {
  const { t } = useTranslation()
  const { data: call } = useQuery(callQuery(message.call_id!))
  const [open, setOpen] = useState(false)
  const voicemail = message.attachments.length > 0
  const Icon = voicemail ? Voicemail : call?.state === 'not_taken' ? PhoneMissed : Phone
  return (
    <article data-testid="call-entry" className="my-4 rounded border p-3">
      <div className="flex items-center gap-2.5">
        <Icon className="size-4 shrink-0 text-ink-3" aria-hidden />
        <h2 className="min-w-0 flex-1 truncate text-sm font-medium">{voicemail ? t('call.voicemail') : call ? outcomeWords(call, t) : t('call.call')}</h2>
        <span className="shrink-0 text-xs text-ink-3 tabular-nums">
          {call?.duration_ms ? `${duration(call.duration_ms)} · ` : ''}
          <time dateTime={message.created_at} title={full(message.created_at)}>
            {clock(message.created_at)}
          </time>
        </span>
      </div>
      {message.body && (
        <p dir="auto" className="mt-2 text-base whitespace-pre-wrap">
          {message.body}
        </p>
      )}
      {message.attachments.map((attachment) => (
        <Recording key={attachment.id} attachment={attachment} />
      ))}
      {call && call.state !== 'not_taken' && (
        <div className="mt-2 flex gap-4 text-xs">
          <button type="button" aria-expanded={open} onClick={() => setOpen(!open)} className="rounded text-ink-2 underline decoration-line-strong underline-offset-4 hover:text-ink">
            {open ? t('call.hide_transcript') : t('call.show_transcript')}
          </button>
          <Link
            to="/calls/$callId"
            params={{ callId: call.id }}
            className="rounded text-ink-2 underline decoration-line-strong underline-offset-4 hover:text-ink"
          >
            {t('call.open')}
          </Link>
        </div>
      )}
      {open && (
        <div className="mt-3 border-t pt-3">
          <Suspense>
            <Transcript callId={message.call_id!} />
          </Suspense>
        </div>
      )}
    </article>
  )
}
