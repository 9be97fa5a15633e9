// One entry of the timeline: a message, a note, a call, or something that happened.
import { useMutation } from '@tanstack/react-query'
import { Bot, Check, CheckCheck, CircleAlert, CircleHelp, Clock, CloudOff, Lock, Mic, Paperclip, RotateCw, Smartphone, Trash2 } from 'lucide-react'
import { lazy, type ReactNode, Suspense } from 'react'
import { useTranslation } from '@/i18n'
import { api, ApiError, body } from '@/api/client'
import type { Message } from '@/api/model'
import { queries } from '@/api/queries'
import { useSession } from '@/api/session'
import { withTexts } from '@/i18n'
import { clock, full, stopwatch } from '@/i18n/format'
import { keys, placeMessage } from '@/live/patch'
import { complain } from '@/shell/complaints'
import { Avatar } from '@/ui/Avatar'
import { Button } from '@/ui/Button'
import { cx } from '@/ui/cx'
import { useProblem } from '@/ui/State'
import { react } from './message-actions'
import { cardOf, discard, keepDraft, type Outgoing, retryOutgoing } from './outbox'
import { isPlain, useParts } from './parts'

const CallEntry = lazy(() => withTexts(import('./CallEntry')))

interface Props {
  message: Message
  contact: { id: string; name: string | null }
  /** Whether messages may be answered, changed and taken back: in a chat that is written to. */
  chat: boolean
  first: boolean
  last: boolean
}

export function MessageEntry({ message, contact, chat, first, last }: Props) {
  const { t } = useTranslation()
  const parts = useParts((state) => state.parts)
  if (message.call_id) {
    return (
      <Suspense fallback={<div className="my-4 h-24 rounded border" />}>
        <CallEntry message={message} />
      </Suspense>
    )
  }
  if (message.author === 'system') {
    return (
      <p className="my-3 text-center text-xs text-ink-3">
        <bdi>{message.body}</bdi> · <time title={full(message.created_at)}>{clock(message.created_at)}</time>
      </p>
    )
  }
  const sender = message.sender && { id: message.sender.address, name: message.sender.name ?? message.sender.address }
  const who = sender ?? (message.author === 'contact' ? contact : message.staff)
  const files = message.attachments.map((attachment) =>
    parts ? <parts.Attached key={attachment.id} attachment={attachment} /> : <div key={attachment.id} className="skeleton mt-2 h-8 w-48" />,
  )
  const plain = isPlain(message)
  return (
    <Bubble
      direction={message.direction}
      first={first}
      author={message.author === 'agent' ? t('message.agent') : (who?.name ?? t(message.elsewhere ? 'message.us' : 'message.unknown_author'))}
      named={sender !== null}
      menu={parts && chat && message.direction !== 'note' ? <parts.ChatMenu message={message} /> : null}
      below={
        parts && message.reactions.length > 0 ? (
          <parts.Reactions reactions={message.reactions} onTake={chat ? () => void react(message, '') : undefined} />
        ) : null
      }
      avatar={
        message.author === 'agent' ? (
          <span className="inline-flex size-6 items-center justify-center rounded-full bg-sunken text-ink-2" aria-hidden>
            <Bot className="size-4" />
          </span>
        ) : (
          who && <Avatar id={who.id} name={who.name} size="sm" />
        )
      }
      text={plain ? message.body : ''}
      testId="message"
      foot={last || message.elsewhere || message.state === 'failed' || message.state === 'unknown' ? <Foot message={message} /> : null}
    >
      {plain ? (
        files
      ) : parts ? (
        <parts.Rich message={message} contact={contact.name} files={files} />
      ) : (
        <p dir="auto" className="break-words whitespace-pre-wrap">
          {message.deletion ? '…' : message.body}
        </p>
      )}
    </Bubble>
  )
}

interface BubbleProps {
  direction: 'in' | 'out' | 'note'
  first: boolean
  author: string
  /** Whether the author is shown with the first message of a group of theirs. */
  named?: boolean
  avatar: ReactNode
  text: string
  menu?: ReactNode
  below?: ReactNode
  foot: ReactNode
  testId: string
  children?: ReactNode
}

function Bubble({ direction, first, author, named, avatar, text, menu, below, foot, testId, children }: BubbleProps) {
  const { t } = useTranslation()
  const ours = direction !== 'in'
  return (
    <article data-testid={testId} data-direction={direction} className={cx('group/message flex gap-2', first ? 'mt-3' : 'mt-0.5', ours && 'flex-row-reverse')}>
      <div className="w-6 shrink-0 pt-0.5">{first && avatar}</div>
      <div className={cx('flex max-w-[min(85%,60ch)] min-w-0 flex-col', ours ? 'items-end' : 'items-start')}>
        <h2 className={first && (direction === 'note' || named) ? 'mb-1 flex items-center gap-1.5 text-xs text-ink-2' : 'sr-only'}>
          <bdi>{author}</bdi>
          {direction === 'note' && (
            <span className="inline-flex items-center gap-1">
              · <Lock className="size-3" aria-hidden /> {t('message.note_private')}
            </span>
          )}
        </h2>
        <div className="relative max-w-full">
          <div
            className={cx(
              'rounded px-3 py-1.5 text-base',
              direction === 'in' && 'bg-bubble-in',
              direction === 'out' && 'bg-bubble-out',
              direction === 'note' && 'border border-note-line bg-note',
            )}
          >
            {text && (
              <p dir="auto" className="break-words whitespace-pre-wrap">
                {text}
              </p>
            )}
            {children}
          </div>
          {menu && <div className={cx('absolute top-1', ours ? 'end-full pe-1' : 'start-full ps-1')}>{menu}</div>}
        </div>
        {below}
        {foot}
      </div>
    </article>
  )
}

const ticks = { queued: Clock, sending: Clock, sent: Check, delivered: CheckCheck, read: CheckCheck, failed: CircleAlert, unknown: CircleHelp, received: null }

function Foot({ message }: { message: Message }) {
  const { t } = useTranslation()
  const me = useSession((state) => state.me?.staff.id)
  const Tick = message.direction === 'out' ? ticks[message.state] : null
  const trouble = message.state === 'failed' || message.state === 'unknown'
  return (
    <>
      <p className={cx('mt-0.5 flex items-center gap-1 text-xs', trouble ? 'text-danger' : 'text-ink-3')}>
        {message.direction === 'out' && message.staff && message.staff.id !== me && (
          <span>
            <bdi>{message.staff.name}</bdi> ·
          </span>
        )}
        {message.elsewhere && (
          <span className="inline-flex items-center gap-1" data-testid="elsewhere">
            <Smartphone className="size-3" aria-hidden /> {t('message.elsewhere')} ·
          </span>
        )}
        <time dateTime={message.created_at} title={full(message.created_at)}>
          {clock(message.created_at)}
        </time>
        {Tick && (
          <span className="inline-flex items-center gap-1" data-testid="tick" data-state={message.state}>
            <Tick className={cx('size-3.5', message.state === 'read' && 'text-ink')} strokeWidth={message.state === 'read' ? 2.75 : 2} aria-hidden />
            <span className={trouble || message.state === 'read' ? '' : 'sr-only'}>{t(`state.${message.state}`)}</span>
          </span>
        )}
      </p>
      {trouble && <Failed message={message} />}
    </>
  )
}

function Failed({ message }: { message: Message }) {
  const { t } = useTranslation()
  const retry = useMutation({
    mutationFn: () => body(api.POST('/api/v1/messages/{id}/retry', { params: { path: { id: message.id } } })),
    onSuccess: (row) =>
      queries.setQueryData(keys.messages(row.conversation_id), (data: Parameters<typeof placeMessage>[0] | undefined) =>
        data ? placeMessage(data, row, 'message.updated') : data,
      ),
    onError: complain,
  })
  return (
    <div className="mt-1 flex max-w-full flex-wrap items-center justify-end gap-2 rounded border border-line-strong p-2 text-xs">
      <p dir="auto" className="min-w-0 flex-1 basis-40 text-ink-2">{message.failure?.help ?? t(`state.${message.state === 'failed' ? 'failed_help' : 'unknown_help'}`)}</p>
      {message.state === 'failed' && (
        <Button size="sm" icon={<RotateCw className="size-3.5" />} disabled={retry.isPending} onClick={() => retry.mutate()}>
          {t('common.try_again')}
        </Button>
      )}
    </div>
  )
}

/** Written here, not yet confirmed by the server. */
export function OutgoingEntry({ item }: { item: Outgoing }) {
  const { t } = useTranslation()
  const me = useSession((state) => state.me?.staff)
  const parts = useParts((state) => state.parts)
  const card = cardOf(item)
  const problem = useProblem(item.problem ? new ApiError(item.problem.code, 400, item.problem.message) : null)
  return (
    <Bubble
      direction={item.kind === 'note' ? 'note' : 'out'}
      first
      author={me?.name ?? ''}
      avatar={me && <Avatar id={me.id} name={me.name} size="sm" />}
      text={item.body}
      testId="outgoing"
      foot={
        item.state === 'refused' ? (
          <div className="mt-1 flex max-w-full flex-wrap items-center justify-end gap-2 rounded border border-danger p-2 text-xs">
            <p className="flex min-w-0 flex-1 basis-40 items-center gap-1.5 text-danger">
              <CircleAlert className="size-3.5 shrink-0" aria-hidden />
              {t('composer.refused', { why: problem })}
            </p>
            <Button
              size="sm"
              kind="quiet"
              icon={<Trash2 className="size-3.5" />}
              onClick={() => {
                // The words are not lost: they go back to where they were written.
                if (item.body) keepDraft(item.conversation_id, item.kind, item.body)
                discard(item.draft_key)
                window.dispatchEvent(new CustomEvent('switchboard:draft', { detail: item }))
              }}
            >
              {t('composer.take_back')}
            </Button>
            <Button size="sm" icon={<RotateCw className="size-3.5" />} onClick={() => retryOutgoing(item.draft_key)}>
              {t('common.try_again')}
            </Button>
          </div>
        ) : (
          <p className="mt-0.5 flex items-center gap-1 text-xs text-ink-3" data-testid="tick" data-state={item.state}>
            {item.state === 'waiting' ? <CloudOff className="size-3.5" aria-hidden /> : <Clock className="size-3.5" aria-hidden />}
            {item.state === 'waiting' ? t('composer.waiting') : t('state.sending')}
          </p>
        )
      }
    >
      {item.file && (
        <p className="flex items-center gap-2 text-sm">
          {item.file.voiceMs === undefined ? <Paperclip className="size-4 shrink-0" aria-hidden /> : <Mic className="size-4 shrink-0" aria-hidden />}
          <bdi className="min-w-0 truncate">{item.file.voiceMs === undefined ? item.file.name : t('message.voice')}</bdi>
          {item.file.voiceMs !== undefined && (
            <bdi dir="ltr" className="text-xs text-ink-2 tabular-nums">
              {stopwatch(item.file.voiceMs)}
            </bdi>
          )}
        </p>
      )}
      {card && (parts ? <parts.CardView card={card} /> : <p>{card.name || t('message.place')}</p>)}
    </Bubble>
  )
}
