// The first word to somebody: by which of our numbers, to which of theirs, and what.
import { useMutation, useQuery } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { MessageSquarePlus, SendHorizontal, TriangleAlert } from 'lucide-react'
import { useRef, useState } from 'react'
import { api, ApiError, body } from '@/api/client'
import type { Inbox, Message, WhatsappSession } from '@/api/model'
import { inboxesQuery, sessionsQuery } from '@/api/queries'
import { useTranslation } from '@/i18n'
import { dateAndTime, number } from '@/i18n/format'
import { readable } from '@/ui/Address'
import { Button } from '@/ui/Button'
import { Dialog } from '@/ui/Dialog'
import { Field, Input, Select, Textarea } from '@/ui/Field'
import { Bone, Empty, Loading, Trouble, useProblem } from '@/ui/State'
import { useNow } from '@/ui/useNow'
import { useNewMessage } from './new-message'
import { draftOf, keepDraft } from './outbox'

/** As the server takes them. */
const WORDS_MAX = 1_600
/** Under this the words are kept until they are sent. */
const DRAFT = 'new'
const LAST = 'switchboard.writes-from'

const close = () => useNewMessage.setState({ open: false })

export default function NewMessage() {
  const { t } = useTranslation()
  const inboxes = useQuery(inboxesQuery)
  const sessions = useQuery(sessionsQuery)
  const error = inboxes.error ?? sessions.error
  const ready = inboxes.data && sessions.data
  return (
    <Dialog open onClose={close} wide title={t('write.title')} description={t('writing.about')}>
      {error && !ready && <Trouble error={error} className="mx-0" />}
      {!ready && !error && (
        <Loading>
          <Bone className="h-64 w-full rounded" />
        </Loading>
      )}
      {ready && <Inside from={ways(inboxes.data.items as Inbox[], sessions.data.items)} />}
    </Dialog>
  )
}

interface Way {
  inbox: Inbox
  /** Its number: of a linked one, the one it is linked to now. */
  number: string
  /** Of a WhatsApp number. */
  session: WhatsappSession | undefined
}

/** What can send just now. */
function ways(inboxes: Inbox[], sessions: WhatsappSession[]): Way[] {
  return inboxes
    .map((inbox) => {
      const session = sessions.find((each) => each.inbox_id === inbox.id)
      return { inbox, session, number: session?.phone ?? inbox.address }
    })
    .filter(({ inbox, session }) => {
      if (inbox.disabled) return false
      if (inbox.channel === 'sms') return inbox.connection_id !== null
      return inbox.channel === 'whatsapp' && session?.desired === 'running' && session.phone !== null && session.observed !== 'logged_out'
    })
}

function Inside({ from }: { from: Way[] }) {
  const { t } = useTranslation()
  const [chosen, setChosen] = useState(lastUsed)
  const [to, setTo] = useState('')
  const [words, setWords] = useState(() => draftOf(DRAFT, 'reply'))
  const way = from.find(({ inbox }) => inbox.id === chosen) ?? from[0]
  const send = useSend()
  if (!way) return <NoWay />
  const fault = send.error instanceof ApiError ? send.error.field('address') : undefined
  const own = to.replace(/[^\d+]/g, '') === way.number
  const change = (address: string) => {
    setTo(address)
    // What was wrong with the one before says nothing of this one.
    if (send.isError) send.reset()
  }
  const submit = () => {
    if (!to.trim() || !words.trim() || send.isPending) return
    send.mutate({ inbox_id: way.inbox.id, address: to.trim(), body: words })
  }
  return (
    <form
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault()
        submit()
      }}
    >
      <div className="grid gap-4 sm:grid-cols-2">
        <Field label={t('writing.from')}>
          {(ids) => (
            <Select {...ids} className="w-full" value={way.inbox.id} onChange={(event) => setChosen(event.target.value)}>
              {from.map(({ inbox, number: own }) => (
                <option key={inbox.id} value={inbox.id}>
                  {/* Set apart, so that a number reads left to right in every language. */}
                  {`${inbox.name} · ${t(`channels.${inbox.channel as 'sms'}`)} · \u2066${readable(own)}\u2069`}
                </option>
              ))}
            </Select>
          )}
        </Field>
        <Field label={t('writing.to')} help={t('writing.to_help')} fault={fault ? t(own ? 'writing.to_own' : 'writing.to_fault') : null}>
          {(ids) => (
            <Input {...ids} autoFocus required type="tel" dir="ltr" autoComplete="off" placeholder="+15550100" value={to} onChange={(event) => change(event.target.value)} />
          )}
        </Field>
      </div>
      <Field label={t('writing.words')}>
        {(ids) => (
          <Textarea
            {...ids}
            required
            rows={4}
            dir={words ? 'auto' : undefined}
            maxLength={WORDS_MAX}
            value={words}
            onChange={(event) => {
              setWords(event.target.value)
              keepDraft(DRAFT, 'reply', event.target.value)
            }}
            onKeyDown={(event) => {
              if (event.key === 'Enter' && (event.metaKey || event.ctrlKey)) {
                event.preventDefault()
                submit()
              }
            }}
          />
        )}
      </Field>
      <Risk session={way.session} />
      {send.error && !fault && <Refused error={send.error} />}
      <div className="flex justify-end gap-2">
        <Button onClick={close}>{t('common.cancel')}</Button>
        <Button kind="primary" type="submit" disabled={send.isPending} icon={<SendHorizontal className="mirror-rtl size-4" />}>
          {t('composer.send')}
        </Button>
      </div>
    </form>
  )
}

function lastUsed(): string | null {
  try {
    return localStorage.getItem(LAST)
  } catch {
    return null
  }
}

interface Wish {
  inbox_id: string
  address: string
  body: string
}

/** The same wish again is the same message, however often it is sent. */
function useSend() {
  const navigate = useNavigate()
  const draft = useRef({ key: '', of: '' })
  return useMutation({
    mutationFn: (wish: Wish): Promise<Message> => {
      const of = JSON.stringify(wish)
      if (draft.current.of !== of) draft.current = { key: crypto.randomUUID(), of }
      return body(api.POST('/api/v1/conversations', { body: { ...wish, draft_key: draft.current.key } }))
    },
    onSuccess: (message, { inbox_id }) => {
      keepDraft(DRAFT, 'reply', '')
      try {
        localStorage.setItem(LAST, inbox_id)
      } catch {
        // Then the first one is offered next time.
      }
      close()
      void navigate({ to: '/inbox/$conversationId', params: { conversationId: message.conversation_id }, search: {} })
    },
  })
}

/** What writing first means on this channel, and whether it is possible today. */
function Risk({ session }: { session: WhatsappSession | undefined }) {
  const { t } = useTranslation()
  const now = useNow(10_000)
  if (!session) return <p className="text-xs text-ink-2">{t('writing.texts')}</p>
  const { new_chats_today: begun, new_chats_limit: limit, paused_until: until } = session
  const paused = until !== null && Date.parse(until) > now
  const spent = limit !== null && begun >= limit
  return (
    <div className="flex gap-3 rounded border bg-sunken p-3 text-sm" data-testid="risk">
      <TriangleAlert className="mt-0.5 size-4 shrink-0" aria-hidden />
      <div className="min-w-0 flex-1 space-y-1">
        <p>{t('writing.chats')}</p>
        <p className="text-ink-2">
          {limit === null ? t('writing.begun', { begun: number(begun) }) : t('writing.begun_of', { begun: number(begun), limit: number(limit) })} {t('writing.slow')}
        </p>
        {paused && <p className="font-medium">{t(session.pause_scope === 'all' ? 'writing.held' : 'writing.sparing', { time: dateAndTime(until, now) })}</p>}
        {!paused && spent && <p className="font-medium">{t('writing.spent')}</p>}
      </div>
    </div>
  )
}

function Refused({ error }: { error: unknown }) {
  const problem = useProblem(error)
  return (
    <p role="alert" dir="auto" className="text-sm text-danger">
      {problem}
    </p>
  )
}

function NoWay() {
  const { t } = useTranslation()
  const action = 'inline-flex h-8 items-center rounded border px-3 text-sm font-medium hover:bg-hover'
  return (
    <Empty
      icon={<MessageSquarePlus />}
      title={t('writing.none')}
      action={
        <span className="flex flex-wrap justify-center gap-2">
          <Link to="/settings/inboxes" className={action} onClick={close}>
            {t('place.inboxes')}
          </Link>
          <Link to="/settings/channels/whatsapp" className={action} onClick={close}>
            {t('place.whatsapp')}
          </Link>
        </span>
      }
    >
      {t('writing.none_help')}
    </Empty>
  )
}
