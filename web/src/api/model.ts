// The API's nouns under short names; the generated schema stays out of the rest of the code.
import type { components } from './schema'

type Schemas = components['schemas']

export type Role = Schemas['Role']
export type Me = Schemas['Me']
export type Session = Schemas['Session']
export type Person = Schemas['Person']
export type Problem = Schemas['Problem']
export type Staff = Schemas['Staff']
export type ApiKey = Schemas['ApiKey']
export type Connection = Schemas['Connection']
export type Channel = Schemas['Channel']
export type Inbox = Schemas['Inbox']
export type Contact = Schemas['Contact']
export type Conversation = Schemas['Conversation']
export type ConversationCounts = Schemas['ConversationCounts']
export type Attachment = Schemas['Attachment']
export type Message = Schemas['Message']
export type Call = Schemas['Call']
export type Turn = Schemas['Turn']
export type AgentSettings = Schemas['AgentSettings']
export type TotpSetup = Schemas['TotpSetup']

export interface Page<T> {
  items: T[]
  next_cursor: string | null
}
