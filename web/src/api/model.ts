// The API's nouns under short names; the generated schema stays out of the rest of the code.
import type { components } from './schema'

type Schemas = components['schemas']

/** The server always writes a field, as null when there is nothing: the document calls that optional, we do not. */
export type Complete<T> = T extends (infer Item)[]
  ? Complete<Item>[]
  : T extends object
    ? { [Key in keyof T]-?: Complete<Exclude<T[Key], undefined>> }
    : T

export type Role = Schemas['Role']
export type Me = Complete<Schemas['Me']>
export type Session = Complete<Schemas['Session']>
export type Person = { id: string; name: string }
export type Problem = Schemas['Problem']
export type Staff = Complete<Schemas['Staff']>
export type ApiKey = Complete<Schemas['ApiKey']>
export type Connection = Complete<Schemas['Connection']>
export type Channel = Schemas['Channel']
export type Inbox = Complete<Schemas['Inbox']>
/** A WhatsApp number that is linked as a further device. */
export type WhatsappSession = Complete<Schemas['WhatsappSession']>
export type PairingNews = Schemas['PairingNews']
export type Contact = Complete<Schemas['Contact']>
/** As events carry it; from REST it also says how much of it the reader has not seen. */
export type Conversation = Complete<Schemas['Conversation']> & { unread?: number }
export type ConversationCounts = Schemas['Counts']
export type Attachment = Complete<Schemas['Attachment']>
export type Message = Complete<Schemas['Message']>
/** A file that was put in, before a message takes it along. */
export type Upload = Complete<Schemas['Upload']>
export type Call = Complete<Schemas['Call']>
export type Turn = Complete<Schemas['Turn']>
export type AgentSettings = Complete<Schemas['AgentSettings']>
export type DeadJob = Complete<Schemas['DeadJob']>
export type AuditEntry = Complete<Omit<Schemas['Entry'], 'detail'>> & { detail: Record<string, unknown> }
export type TotpSetup = Schemas['TotpSecret']

export interface Page<T> {
  items: T[]
  next_cursor: string | null
}
