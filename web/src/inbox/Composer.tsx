// Where staff write: a reply under the channel's rules, or a note that only the team sees.
import { Clock, Lock, PenLine, SendHorizontal, TriangleAlert } from 'lucide-react'
import { type Ref, useEffect, useImperativeHandle, useLayoutEffect, useRef, useState } from 'react'
import { useTranslation } from '@/i18n'
import type { Conversation } from '@/api/model'
import { useSession } from '@/api/session'
import { live } from '@/live/live'
import { useSignals } from '@/live/signals'
import { Address } from '@/ui/Address'
import { Avatar } from '@/ui/Avatar'
import { Button } from '@/ui/Button'
import { cx } from '@/ui/cx'
import { Kbd, MOD } from '@/ui/Kbd'
import { markSeen } from './actions'
import { useTyping } from './attention'
import { useBarrier, useWaits } from './composer-rules'
import { Tools, useSpecial } from './ComposerTools'
import { sendAll, useFiles } from './draft-files'
import { edit, leave, useAbout, useBegun } from './message-actions'
import { draftOf, keepDraft, type Outgoing } from './outbox'
import { useParts } from './parts'
import { segments } from './segments'

export interface ComposerHandle {
  focus: (kind: 'reply' | 'note') => void
}

/** How often the others hear that one is still writing. */
const TYPING_MS = 2_000

export function Composer({ conversation, ref }: { conversation: Conversation; ref: Ref<ComposerHandle> }) {
  const { t } = useTranslation()
  const barrier = useBarrier(conversation)
  const waits = useWaits(conversation)
  const chat = conversation.channel === 'whatsapp'
  const readOnly = useSession((state) => state.me?.staff.role === 'read_only')
  const [kind, setKind] = useState<'reply' | 'note'>(() => (barrier || (!draftOf(conversation.id, 'reply') && draftOf(conversation.id, 'note')) ? 'note' : 'reply'))
  const shown = barrier ? 'note' : kind
  const [draft, setDraft] = useDraft(conversation.id, shown)
  const about = useAbout((state) => state[conversation.id])
  const parts = useParts((state) => state.parts)
  const editing = about?.deed === 'edit' && shown === 'reply' ? about.message : null
  // What was being written stays as it is while something said before is changed.
  const [changed, setChanged] = useState('')
  const [text, setText] = editing ? [changed, setChanged] : [draft, setDraft]
  const area = useRef<HTMLTextAreaElement>(null)
  // As tall as its words.
  useLayoutEffect(() => {
    const element = area.current
    if (!element) return
    element.style.height = 'auto'
    element.style.height = `${element.scrollHeight}px`
  }, [text])
  useTypingSignal(conversation.id, draft)
  const saysTyping = useTyping(conversation)
  const files = useFiles(chat || shown === 'note')
  // Who wants to answer or change a message wants to write.
  useBegun(conversation.id, (begun) => {
    setKind('reply')
    if (begun.deed === 'edit') setChanged(begun.message.body)
    requestAnimationFrame(() => area.current?.focus())
  })
  useImperativeHandle(ref, () => ({
    focus: (wanted) => {
      setKind(wanted)
      requestAnimationFrame(() => area.current?.focus())
    },
  }))

  const special = useSpecial(conversation, {
    offered: chat && shown === 'reply' && !editing && !readOnly,
    empty: !text && files.items.length === 0,
    answersId: about?.deed === 'answer' ? about.message.id : undefined,
    sent: () => {
      leave(conversation.id)
      void markSeen(conversation)
      requestAnimationFrame(() => area.current?.focus())
    },
  })

  const ready = files.items.length > 0 ? files.ready : text.trim().length > 0
  const submit = () => {
    if (!ready) return
    if (editing) void edit(editing, text.trim())
    else {
      sendAll(conversation.id, text.trim(), shown, files.take(), about?.message.id)
      setText('')
    }
    leave(conversation.id)
    live.typing(conversation.id, '')
    void markSeen(conversation)
    area.current?.focus()
  }
  if (readOnly) {
    return <p className="border-t px-4 py-3 text-center text-xs text-ink-3">{t('composer.read_only')}</p>
  }
  return (
    <div className="shrink-0 border-t px-4 pt-2 pb-3 max-sm:px-2">
      <div className="mx-auto max-w-3xl">
        <OthersWriting conversationId={conversation.id} />
        <div className={cx('rounded border border-field-line focus-within:border-ink', files.dragging && 'outline-2 outline-offset-2 outline-ink outline-dashed', shown === 'note' ? 'bg-note' : 'bg-surface')}>
          <div role="group" aria-label={t('composer.kind')} className="flex items-center gap-1 px-1.5 pt-1.5">
            <Tab pressed={shown === 'reply'} disabled={barrier !== null} onClick={() => setKind('reply')} shortcut="R">
              {t('composer.reply')}
            </Tab>
            <Tab pressed={shown === 'note'} onClick={() => setKind('note')} shortcut="N">
              <Lock className="size-3" aria-hidden />
              {t('composer.note')}
            </Tab>
            <span className="min-w-0 flex-1 truncate px-2 text-end text-xs text-ink-3">
              {shown === 'note' ? (
                t('message.note_private')
              ) : (
                <>
                  {chat ? t('composer.by_whatsapp') : t('composer.by_sms')}{' '}
                  {conversation.contact.address && !conversation.contact.address.includes('@') && <Address>{conversation.contact.address}</Address>}
                </>
              )}
            </span>
          </div>
          {parts && about && <parts.About about={about} contact={conversation.contact.name} onLeave={() => leave(conversation.id)} />}
          {parts && files.items.length > 0 && <parts.Files files={files} />}
          {special.bar ?? (
            <>
              <textarea
                ref={area}
                // Empty, it has no direction of its own: the placeholder keeps the page's.
                dir={text ? 'auto' : undefined}
                rows={2}
                value={text}
                aria-label={shown === 'note' ? t('composer.note_label') : t('composer.reply_label')}
                placeholder={shown === 'note' ? t('composer.note_placeholder') : chat ? t('composer.whatsapp_placeholder') : t('composer.reply_placeholder')}
                className="scroll-thin block max-h-[40vh] w-full resize-none bg-transparent px-3 py-2 text-base outline-none focus-visible:outline-none"
                onChange={(event) => {
                  setText(event.target.value)
                  if (shown === 'reply' && event.target.value) saysTyping()
                }}
                onPaste={(event) => {
                  const pasted = [...event.clipboardData.files]
                  if (files.add(pasted)) event.preventDefault()
                }}
                onKeyDown={(event) => {
                  if (event.key === 'Enter' && (event.metaKey || event.ctrlKey)) {
                    event.preventDefault()
                    submit()
                  }
                  if (event.key === 'Escape' && about) leave(conversation.id)
                  else if (event.key === 'Escape') event.currentTarget.blur()
                }}
              />
              <div className="flex items-center gap-2 px-1.5 pb-1.5">
                {(chat || shown === 'note') && !editing && <Tools files={files} special={special} />}
                <div className="min-w-0 flex-1 px-1.5">{shown === 'reply' && !chat && <SegmentCount text={text} />}</div>
                <span className="flex items-center gap-1 max-sm:hidden" aria-hidden>
                  <Kbd>{MOD}</Kbd>
                  <Kbd>↵</Kbd>
                </span>
                <Button
                  kind="primary"
                  disabled={!ready}
                  onClick={submit}
                  icon={shown === 'note' ? <PenLine className="size-4" /> : <SendHorizontal className="mirror-rtl size-4" />}
                >
                  {shown === 'note' ? t('composer.add_note') : editing ? t('composer.change') : t('composer.send')}
                </Button>
              </div>
            </>
          )}
        </div>
        {barrier && (
          <p className="mt-2 flex items-start gap-1.5 text-xs text-ink-2" data-testid="barrier">
            <TriangleAlert className="mt-px size-3.5 shrink-0" aria-hidden />
            {t(`composer.barrier_${barrier}`)}
          </p>
        )}
        {special.dialog}
        {!barrier && waits && shown === 'reply' && (
          <p className="mt-2 flex items-start gap-1.5 text-xs text-ink-2" data-testid="waits">
            <Clock className="mt-px size-3.5 shrink-0" aria-hidden />
            {t('composer.chat_waits')}
          </p>
        )}
      </div>
    </div>
  )
}

function Tab({ pressed, disabled, onClick, children, shortcut }: { pressed: boolean; disabled?: boolean; onClick: () => void; children: React.ReactNode; shortcut: string }) {
  return (
    <button
      type="button"
      aria-pressed={pressed}
      aria-keyshortcuts={shortcut}
      disabled={disabled}
      onClick={onClick}
      className={cx(
        'inline-flex h-6 items-center gap-1 rounded-[5px] px-2 text-xs disabled:opacity-50',
        pressed ? 'bg-selected font-medium text-ink' : 'text-ink-2 hover:bg-hover',
      )}
    >
      {children}
    </button>
  )
}

function useDraft(conversationId: string, kind: 'reply' | 'note'): [string, (text: string) => void] {
  const [texts, setTexts] = useState(() => ({ reply: draftOf(conversationId, 'reply'), note: draftOf(conversationId, 'note') }))
  useEffect(() => {
    const restore = (event: Event) => {
      const item = (event as CustomEvent<Outgoing>).detail
      // What has no words of its own leaves those that are being written.
      if (item.conversation_id === conversationId && item.body) setTexts((now) => ({ ...now, [item.kind]: item.body }))
    }
    window.addEventListener('switchboard:draft', restore)
    return () => window.removeEventListener('switchboard:draft', restore)
  }, [conversationId])
  return [
    texts[kind],
    (text) => {
      keepDraft(conversationId, kind, text)
      setTexts((now) => ({ ...now, [kind]: text }))
    },
  ]
}

function useTypingSignal(conversationId: string, text: string) {
  const sentAt = useRef(0)
  const first = useRef(true)
  useEffect(() => {
    // A draft that was there when the conversation was opened is not being written now.
    if (first.current) {
      first.current = false
      return
    }
    const wait = Math.max(0, sentAt.current + TYPING_MS - Date.now())
    const timer = setTimeout(() => {
      sentAt.current = Date.now()
      live.typing(conversationId, text)
    }, text ? wait : 0)
    return () => clearTimeout(timer)
  }, [conversationId, text])
}

function SegmentCount({ text }: { text: string }) {
  const { t } = useTranslation()
  if (!text) return null
  const { count, left, because } = segments(text)
  return (
    <p className="truncate text-xs text-ink-3 tabular-nums" data-testid="segments" data-count={count}>
      {t('composer.segments', { count })} · {t('composer.left', { count: left })}
      {because && count > 1 && <span className="max-sm:hidden"> · {t('composer.unicode', { character: because })}</span>}
    </p>
  )
}

/** Before one writes over a colleague: who writes, and what. */
function OthersWriting({ conversationId }: { conversationId: string }) {
  const { t } = useTranslation()
  const me = useSession((state) => state.me?.staff.id)
  const typing = useSignals((state) => state.typing[conversationId])
  const others = Object.values(typing ?? {}).filter(({ staff }) => staff.id !== me)
  return (
    <div aria-live="polite" data-testid="others-writing">
      {others.map(({ staff, draft }) => (
        <p key={staff.id} className="appear mb-2 flex items-center gap-2 rounded bg-lamp-soft px-2 py-1 text-xs text-ink">
          <Avatar id={staff.id} name={staff.name} size="xs" />
          <span className="shrink-0 font-medium">{t('composer.writing', { name: staff.name })}</span>
          <bdi className="min-w-0 flex-1 truncate text-ink-2">“{draft.split('\n')[0]}”</bdi>
        </p>
      ))}
    </div>
  )
}
