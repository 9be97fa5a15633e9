// What is true only now: who is here, who looks at what, who types, how loud a call is, what is being said.
import { create } from 'zustand'
import type { Person } from '@/api/model'
import type { Signal } from './protocol'

interface Typing {
  staff: Person
  draft: string
  at: number
}

interface Partial {
  speaker: 'caller' | 'agent' | 'staff'
  text: string
  ordinal: number
}

export interface ContactNow {
  doing: 'typing' | 'recording' | 'nothing'
  online: boolean
  at: number
}

interface Signals {
  online: Record<string, Person>
  /** By conversation, then by member. */
  viewing: Record<string, Record<string, Person>>
  typing: Record<string, Record<string, Typing>>
  /** What contacts do in their chats, by conversation. */
  contacts: Record<string, ContactNow>
  /** What is being said in a call and is not a turn yet; one line for each speaker. */
  partials: Record<string, Record<string, Partial>>
}

const nothing: Signals = { online: {}, viewing: {}, typing: {}, contacts: {}, partials: {} }

export const useSignals = create<Signals>(() => nothing)

/** A draft that was not renewed for this long is not being written any more. */
const TYPING_MS = 6_000

export function receive(signal: Signal, now: number) {
  switch (signal.kind) {
    case 'typing':
      return setTyping(signal.conversation_id, signal.staff, signal.draft, now)
    case 'viewing':
      return useSignals.setState((state) => {
        const here = { ...state.viewing[signal.conversation_id] }
        if (signal.viewing) here[signal.staff.id] = signal.staff
        else delete here[signal.staff.id]
        return { viewing: { ...state.viewing, [signal.conversation_id]: here } }
      })
    case 'presence':
      return useSignals.setState((state) => {
        const online = { ...state.online }
        if (signal.state === 'online') online[signal.staff.id] = signal.staff
        else delete online[signal.staff.id]
        return { online }
      })
    case 'contact.typing':
      return setContact(signal.conversation_id, { doing: signal.doing }, now)
    case 'contact.presence':
      return setContact(signal.conversation_id, { online: signal.online, doing: 'nothing' }, now)
    case 'call.partial':
      return useSignals.setState((state) => ({
        partials: {
          ...state.partials,
          [signal.call_id]: {
            ...state.partials[signal.call_id],
            [signal.speaker]: { speaker: signal.speaker, text: signal.text, ordinal: signal.turn_ordinal },
          },
        },
      }))
    case 'call.level':
      return setLevels(signal.call_id, signal.caller, signal.agent)
  }
}

/** A contact who is writing says so again every few seconds. */
const CONTACT_MS = 25_000

function setContact(conversationId: string, part: ContactPart, now: number) {
  useSignals.setState((state) => {
    const before = state.contacts[conversationId] ?? { doing: 'nothing', online: false }
    return { contacts: { ...state.contacts, [conversationId]: { ...before, ...part, at: now } } }
  })
  if (!part.doing || part.doing === 'nothing') return
  setTimeout(() => {
    const held = useSignals.getState().contacts[conversationId]
    if (held?.at === now) setContact(conversationId, { doing: 'nothing' }, now + 1)
  }, CONTACT_MS)
}

type ContactPart = { doing?: ContactNow['doing']; online?: boolean }

function setTyping(conversationId: string, staff: Person, draft: string, now: number) {
  useSignals.setState((state) => {
    const here = { ...state.typing[conversationId] }
    if (draft) here[staff.id] = { staff, draft, at: now }
    else delete here[staff.id]
    return { typing: { ...state.typing, [conversationId]: here } }
  })
  if (draft) setTimeout(() => expireTyping(conversationId, staff.id, now), TYPING_MS)
}

function expireTyping(conversationId: string, staffId: string, at: number) {
  useSignals.setState((state) => {
    const typing = state.typing[conversationId]?.[staffId]
    if (!typing || typing.at !== at) return state
    const here = { ...state.typing[conversationId] }
    delete here[staffId]
    return { typing: { ...state.typing, [conversationId]: here } }
  })
}

/** A turn was settled: what was being said up to it is said. */
export function settle(callId: string, speaker: string, ordinal: number) {
  useSignals.setState((state) => {
    const partial = state.partials[callId]?.[speaker]
    if (!partial || partial.ordinal > ordinal) return state
    const here = { ...state.partials[callId] }
    delete here[speaker]
    return { partials: { ...state.partials, [callId]: here } }
  })
}

export function endCall(callId: string) {
  levels.delete(callId)
  useSignals.setState((state) => {
    if (!state.partials[callId]) return state
    const partials = { ...state.partials }
    delete partials[callId]
    return { partials }
  })
}

/** After a break in the connection nobody is known to be typing or looking until they say so again. */
export function forgetSignals() {
  useSignals.setState({ viewing: {}, typing: {}, contacts: {}, partials: {} })
}

// Levels come ten times a second for every call: they go to the meters directly, past React.

export interface Levels {
  caller: number
  agent: number
}

const levels = new Map<string, Levels>()
const meters = new Map<string, Set<(now: Levels) => void>>()

function setLevels(callId: string, caller: number, agent: number) {
  const now = { caller, agent }
  levels.set(callId, now)
  for (const meter of meters.get(callId) ?? []) meter(now)
}

export function onLevels(callId: string, meter: (now: Levels) => void): () => void {
  const here = meters.get(callId) ?? new Set()
  meters.set(callId, here.add(meter))
  const now = levels.get(callId)
  if (now) meter(now)
  return () => {
    here.delete(meter)
    if (here.size === 0) meters.delete(callId)
  }
}
