// What goes over the live socket, both ways.
import type { AgentSettings, Call, Contact, Conversation, Inbox, Message, Person, Staff, Turn, WhatsappSession } from '@/api/model'

export const SUBPROTOCOL = 'switchboard.v1'

/** Where a client stands in its tenant's sequence of events. */
export interface Position {
  epoch: string
  seq: number
}

interface Kinds {
  'conversation.created': { conversation: Conversation }
  'conversation.updated': { conversation: Conversation }
  'conversation.seen': { conversation_id: string; staff_id: string; seen_count: number }
  'message.created': { message: Message; conversation: Conversation }
  'message.updated': { message: Message }
  'call.started': { call: Call }
  'call.updated': { call: Call }
  'call.turn': { call_id: string; turn: Turn }
  'call.ended': { call: Call }
  'contact.updated': { contact: Contact }
  'agent_settings.updated': { version: number; settings?: AgentSettings }
  'staff.updated': { staff: Staff }
  'inbox.updated': { inbox: Inbox }
  'session.updated': { session: WhatsappSession }
}

/** A fact for screens. A kind this version does not know only moves the position. */
export type Event = { [K in keyof Kinds]: { type: 'event'; seq: number; kind: K; at: string; data: Kinds[K] } }[keyof Kinds]

interface SignalKinds {
  typing: { conversation_id: string; staff: Person; draft: string }
  viewing: { conversation_id: string; staff: Person; viewing: boolean }
  presence: { staff: Person; state: 'online' | 'offline' }
  'contact.typing': { conversation_id: string; doing: 'typing' | 'recording' | 'nothing' }
  'contact.presence': { conversation_id: string; online: boolean }
  'call.level': { call_id: string; caller: number; agent: number }
  'call.partial': { call_id: string; speaker: 'caller' | 'agent' | 'staff'; text: string; turn_ordinal: number }
}

/** Unnumbered and lossy: what is true only now. */
export type Signal = { [K in keyof SignalKinds]: { type: 'signal'; kind: K } & SignalKinds[K] }[keyof SignalKinds]

export type ServerFrame =
  | { type: 'welcome'; position: Position; recovered: boolean; heartbeat_s: number; expires_in_s?: number }
  | Event
  | { type: 'skip'; seq: number }
  | Signal
  | { type: 'ping'; seq: number }
  | { type: 'reload'; position?: Position }
  | { type: 'bye'; reason: 'drain' | 'slow' | 'expired' | 'revoked' | 'too_many' | 'unavailable'; retry_ms?: number }

export type ClientFrame =
  | { type: 'hello'; ticket: string; position?: Position }
  | { type: 'refresh'; ticket: string }
  | { type: 'pong' }
  | { type: 'typing'; conversation_id: string; draft: string }
  | { type: 'viewing'; conversation_id: string | null }
