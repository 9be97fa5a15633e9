// What goes out besides words: files, a place, somebody's card, a voice note.
import { MapPin, Mic, Paperclip, Plus, UserRound } from 'lucide-react'
import { type ReactNode, useCallback, useEffect, useMemo, useRef, useState } from 'react'
import type { Conversation } from '@/api/model'
import { useTranslation } from '@/i18n'
import { type Command, useOffer } from '@/shell/commands'
import { complain } from '@/shell/complaints'
import { IconButton } from '@/ui/Button'
import { Menu, MenuItem } from '@/ui/Menu'
import type { FilesOfDraft } from './draft-files'
import { bringMore, useMore } from './more'
import { type Outgoing, send, type Special } from './outbox'
import { begin, canRecord, sendVoice, takeBack, useVoice } from './voice'

interface Wishes {
  /** Whether there is a reply in a chat to write. */
  offered: boolean
  /** Whether nothing is written yet. */
  empty: boolean
  answersId: string | undefined
  /** Called when something is on its way. */
  sent: () => void
}

export interface SpecialTools {
  offered: boolean
  /** Whether a voice note can be begun. */
  speakable: boolean
  /** What had the focus before somebody spoke, and has it again after. */
  from: Element | null
  speak: () => void
  open: (kind: 'place' | 'person') => void
  /** Whether a dialog is open. */
  asking: boolean
  /** In the place of the words, while one speaks. */
  bar: ReactNode
  dialog: ReactNode
}

type Asked = { kind: 'place'; initial?: Outgoing['location'] } | { kind: 'person'; initial?: Outgoing['contact'] }

/** Voice notes, places and cards: their state, their keys, what they show. */
export function useSpecial(conversation: Conversation, { offered, empty, answersId, sent }: Wishes): SpecialTools {
  const { id } = conversation
  const more = useMore((state) => state.more)
  const voice = useVoice((state) => state[id])
  const able = useAble()
  const [asked, setAsked] = useState<Asked | null>(null)
  const [from, setFrom] = useState<Element | null>(null)
  const speakable = offered && able && empty && !voice
  useEffect(() => {
    if (offered) void bringMore().catch(() => undefined)
  }, [offered])
  const speak = useCallback(() => {
    const at = document.activeElement
    setFrom(at)
    // Nobody's, so that what is done next takes it.
    if (at instanceof HTMLElement) at.blur()
    void begin(id)
    bringMore().catch(complain)
  }, [id])
  const open = useCallback((kind: 'place' | 'person') => {
    setAsked({ kind })
    bringMore().catch(complain)
  }, [])
  useTakenBack(id, setAsked)
  useKeys(offered, speakable, speak, open)

  const give = (what: Special) => {
    setAsked(null)
    send(id, '', 'reply', { ...what, answers_id: answersId })
    sent()
  }
  const close = () => setAsked(null)
  return {
    offered,
    speakable,
    from,
    speak,
    open,
    asking: asked !== null,
    bar: offered && voice && more ? (
      <more.VoiceBar
        conversationId={id}
        voice={voice}
        onSend={() => void sendVoice(id, answersId).then((gone) => gone && sent())}
      />
    ) : null,
    dialog: more && asked && (
      asked.kind === 'place' ? (
        <more.PlaceDialog initial={asked.initial} onClose={close} onSend={(location) => give({ location })} />
      ) : (
        <more.PersonDialog to={conversation.contact.id} initial={asked.initial} onClose={close} onSend={(contact) => give({ contact })} />
      )
    ),
  }
}

function useAble(): boolean {
  const [able, setAble] = useState(false)
  useEffect(() => void canRecord.then(setAble), [])
  return able
}

/** What was taken back is where it was made: the dialog with what it said, the recording to be listened to. */
function useTakenBack(id: string, ask: (asked: Asked) => void) {
  useEffect(() => {
    const restore = (event: Event) => {
      const item = (event as CustomEvent<Outgoing>).detail
      if (item.conversation_id !== id) return
      if (item.location) ask({ kind: 'place', initial: item.location })
      if (item.contact) ask({ kind: 'person', initial: item.contact })
      if (item.file?.voiceMs !== undefined) takeBack(id, item.file.id)
    }
    window.addEventListener('switchboard:draft', restore)
    return () => window.removeEventListener('switchboard:draft', restore)
  }, [id, ask])
}

function useKeys(offered: boolean, speakable: boolean, speak: () => void, open: (kind: 'place' | 'person') => void) {
  const { t } = useTranslation()
  const commands = useMemo<Command[]>(() => {
    const section = t('conversation.label')
    return [
      ...(speakable ? [{ id: 'record', title: t('composer.record'), section, shortcut: 'v', run: speak }] : []),
      ...(offered
        ? [
            { id: 'send-place', title: t('composer.send_place'), section, run: () => open('place') },
            { id: 'send-person', title: t('composer.send_person'), section, run: () => open('person') },
          ]
        : []),
    ]
  }, [t, offered, speakable, speak, open])
  useOffer(commands)
}

/** Beside the words: in a note files alone, in a chat all there is. */
export function Tools({ files, special }: { files: FilesOfDraft; special: SpecialTools }) {
  const { t } = useTranslation()
  const picker = useRef<HTMLInputElement>(null)
  const choose = () => picker.current?.click()
  const trigger = useRef<HTMLButtonElement>(null)
  const { asking } = special
  useEffect(() => {
    const button = trigger.current
    if (!asking) return
    // The menu's item that opened the dialog is gone when that is closed.
    return () => void setTimeout(() => document.activeElement === document.body && button?.focus())
  }, [asking])
  return (
    <>
      <input
        ref={picker}
        type="file"
        multiple
        hidden
        aria-label={t('composer.attach')}
        onChange={(event) => {
          files.add([...(event.target.files ?? [])])
          event.target.value = ''
        }}
      />
      {special.offered ? (
        <Menu trigger={<IconButton ref={trigger} label={t('composer.add')} icon={<Plus className="size-4" />} data-testid="attach" />}>
          <MenuItem icon={<Paperclip className="size-4" />} onSelect={choose}>
            {t('composer.attach')}
          </MenuItem>
          {/* Each is a message of its own; the words that are being written stay. */}
          <MenuItem icon={<MapPin className="size-4" />} onSelect={() => special.open('place')}>
            {t('composer.send_place')}
          </MenuItem>
          <MenuItem icon={<UserRound className="size-4" />} onSelect={() => special.open('person')}>
            {t('composer.send_person')}
          </MenuItem>
        </Menu>
      ) : (
        <IconButton label={t('composer.attach')} icon={<Paperclip className="size-4" />} onClick={choose} />
      )}
      {special.speakable && <Microphone from={special.from} onClick={special.speak} />}
    </>
  )
}

function Microphone({ from, onClick }: { from: Element | null; onClick: () => void }) {
  const { t } = useTranslation()
  const button = useRef<HTMLButtonElement>(null)
  useEffect(() => {
    if (!from) return
    // After a dialog that asked has given the focus back, too.
    const timer = setTimeout(() => {
      if (document.activeElement && document.activeElement !== document.body) return
      const back = from instanceof HTMLElement && from !== document.body && from.isConnected ? from : button.current
      back?.focus()
    })
    return () => clearTimeout(timer)
  }, [from])
  return <IconButton ref={button} label={t('composer.record')} shortcut="V" icon={<Mic className="size-4" />} onClick={onClick} data-testid="record" />
}
