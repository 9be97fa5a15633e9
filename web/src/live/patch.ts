// How an event changes what the screens hold: a pure function over every kind of cached answer.
//
// Applying the same event again, or one that a fresh answer already contains, changes nothing: rows carry ids and versions.
import type { InfiniteData } from '@tanstack/react-query'
import type { Call, Contact, Conversation, Inbox, Message, Page, Staff, Turn, WhatsappSession } from '@/api/model'
import type { Event } from './protocol'

/** The caches that events know how to change, by key. */
export const keys = {
  conversations: (filter: ConversationFilter) => ['conversations', filter] as const,
  counts: ['conversation-counts'] as const,
  conversation: (id: string) => ['conversation', id] as const,
  messages: (conversationId: string) => ['messages', conversationId] as const,
  calls: (state: 'live' | 'ended' | 'not_taken') => ['calls', state] as const,
  call: (id: string) => ['call', id] as const,
  turns: (callId: string) => ['turns', callId] as const,
  contact: (id: string) => ['contact', id] as const,
  agentSettings: ['agent-settings'] as const,
  staff: ['staff'] as const,
  inboxes: ['inboxes'] as const,
  sessions: ['sessions'] as const,
  apiKeys: ['api-keys'] as const,
  connections: ['connections'] as const,
  demoPage: (inboxId: string) => ['demo-page', inboxId] as const,
  deadJobs: ['dead-jobs'] as const,
  audit: (wanted: { actor?: string; action?: string }) => ['audit', wanted] as const,
  presence: ['presence'] as const,
}

export interface ConversationFilter {
  status?: 'open' | 'closed'
  /** `me`, `none` or a member's id. */
  assignee?: string
  channel?: Conversation['channel']
}

/** What a patch may look at besides the data: who is looking, and how much of each conversation they have seen. */
export interface Viewer {
  staffId: string
  seen: Map<string, number>
}

type Pages<T> = InfiniteData<Page<T>, string | null>

/** The data after the event; the very same object when the event does not concern it. */
export function patch(key: readonly unknown[], data: unknown, event: Event, viewer: Viewer): unknown {
  switch (key[0]) {
    case 'conversations': {
      const filter = key[1] as ConversationFilter
      const pages = data as Pages<Conversation>
      if (event.kind === 'conversation.seen') return markSeen(pages, event.data, viewer)
      if (event.kind === 'contact.updated') return rename(pages, event.data.contact)
      const conversation = conversationOf(event)
      return conversation ? placeConversation(pages, conversation, filter, viewer) : data
    }
    case 'conversation': {
      const held = data as Conversation
      if (event.kind === 'conversation.seen') return event.data.conversation_id === held.id ? seenRow(held, event.data, viewer) : data
      if (event.kind === 'contact.updated') return renamed(held, event.data.contact)
      const conversation = conversationOf(event)
      return conversation?.id === held.id ? newer(held, conversation, viewer) : data
    }
    case 'messages':
      if (event.kind === 'message.created' || event.kind === 'message.updated') {
        const { message } = event.data
        return message.conversation_id === key[1] ? placeMessage(data as Pages<Message>, message, event.kind) : data
      }
      return data
    case 'calls':
      return 'call' in event.data ? placeCall(data as Pages<Call>, event.data.call, key[1] as 'live' | 'ended' | 'not_taken') : data
    case 'call': {
      const held = data as Call
      return 'call' in event.data && event.data.call.id === held.id && event.data.call.version >= held.version ? event.data.call : data
    }
    case 'turns':
      return event.kind === 'call.turn' && event.data.call_id === key[1] ? placeTurn(data as { items: Turn[] }, event.data.turn) : data
    case 'contact':
      return event.kind === 'contact.updated' && event.data.contact.id === key[1] ? event.data.contact : data
    case 'staff':
      return event.kind === 'staff.updated' ? replaceOrAdd(data as Page<Staff>, event.data.staff) : data
    case 'inboxes':
      return event.kind === 'inbox.updated' ? replaceOrAdd(data as Page<Inbox>, event.data.inbox) : data
    case 'sessions':
      return event.kind === 'session.updated' ? replaceOrAdd(data as Page<WhatsappSession>, event.data.session) : data
    default:
      return data
  }
}

/** The conversation an event carries, if it carries one. */
export function conversationOf(event: Event): Conversation | null {
  return 'conversation' in event.data && event.data.conversation ? event.data.conversation : null
}

/** The number of unread messages: the server's where it gave one, else counted from what this member has seen. */
export function unreadOf(conversation: Conversation, viewer: Viewer): number {
  if (conversation.unread !== undefined) return conversation.unread
  const seen = viewer.seen.get(conversation.id)
  // Never seen by this browser: "something new" is all that is known until the row is read through the API.
  return seen === undefined ? Math.min(1, conversation.inbound_count) : Math.max(0, conversation.inbound_count - seen)
}

export function matches(conversation: Conversation, filter: ConversationFilter, staffId: string): boolean {
  if (filter.status && conversation.status !== filter.status) return false
  if (filter.channel && conversation.channel !== filter.channel) return false
  if (filter.assignee === 'none') return !conversation.assignee
  if (filter.assignee) return conversation.assignee?.id === (filter.assignee === 'me' ? staffId : filter.assignee)
  return true
}

/** Newest word first; the id decides between two of the same instant, as in the server's list. */
function before(a: Conversation, b: Conversation): boolean {
  return a.last_message_at === b.last_message_at ? a.id > b.id : a.last_message_at > b.last_message_at
}

/** A row's version grows with status and assignee, its message count with what is said: neither ever goes back. */
function newer(held: Conversation, next: Conversation, viewer: Viewer): Conversation {
  const unread = unreadOf(next, viewer)
  if (next.message_count < held.message_count) return held
  const spoken = next.message_count > held.message_count
  if (next.version < held.version) {
    // A guess of ours that the server has not confirmed yet stands; what was said meanwhile counts all the same.
    const guessed = spoken && next.version === Math.floor(held.version)
    return guessed ? { ...next, unread, version: held.version, status: held.status, assignee: held.assignee } : held
  }
  return next.version === held.version && !spoken && held.unread === unread ? held : { ...next, unread }
}

function placeConversation(data: Pages<Conversation>, next: Conversation, filter: ConversationFilter, viewer: Viewer): Pages<Conversation> {
  let held: Conversation | undefined
  for (const page of data.pages) {
    held = page.items.find((item) => item.id === next.id)
    if (held) break
  }
  const row = held ? newer(held, next, viewer) : { ...next, unread: unreadOf(next, viewer) }
  if (row === held) return data
  const fits = matches(row, filter, viewer.staffId)
  if (!held && !fits) return data
  if (held && fits && held.last_message_at === row.last_message_at) {
    return mapPages(data, (item) => (item.id === row.id ? row : item))
  }
  const without = held ? removeFrom(data, row.id) : data
  return fits ? insertInto(without, row) : without
}

function removeFrom<T extends { id: string }>(data: Pages<T>, id: string): Pages<T> {
  return {
    ...data,
    pages: data.pages.map((page) =>
      page.items.some((item) => item.id === id) ? { ...page, items: page.items.filter((item) => item.id !== id) } : page,
    ),
  }
}

function insertInto(data: Pages<Conversation>, row: Conversation): Pages<Conversation> {
  const last = data.pages.length - 1
  for (const [number, page] of data.pages.entries()) {
    let at = page.items.findIndex((item) => before(row, item))
    if (at < 0) {
      // Older than everything here: it belongs to a later page, which may not be loaded.
      if (number < last || page.next_cursor !== null) continue
      at = page.items.length
    }
    const items = page.items.toSpliced(at, 0, row)
    return { ...data, pages: data.pages.with(number, { ...page, items }) }
  }
  return data
}

function mapPages<T>(data: Pages<T>, change: (item: T) => T): Pages<T> {
  let touched = false
  const pages = data.pages.map((page) => {
    let here = false
    const items = page.items.map((item) => {
      const next = change(item)
      if (next !== item) here = true
      return next
    })
    if (here) touched = true
    return here ? { ...page, items } : page
  })
  return touched ? { ...data, pages } : data
}

type Seen = { conversation_id: string; staff_id: string; seen_count: number }

function markSeen(data: Pages<Conversation>, seen: Seen, viewer: Viewer): Pages<Conversation> {
  return mapPages(data, (item) => (item.id === seen.conversation_id ? seenRow(item, seen, viewer) : item))
}

function seenRow(held: Conversation, seen: Seen, viewer: Viewer): Conversation {
  if (seen.staff_id !== viewer.staffId) return held
  const unread = Math.max(0, held.inbound_count - seen.seen_count)
  return held.unread === unread ? held : { ...held, unread }
}

function rename(data: Pages<Conversation>, contact: Contact): Pages<Conversation> {
  return mapPages(data, (item) => renamed(item, contact))
}

function renamed(held: Conversation, contact: Contact): Conversation {
  if (held.contact.id !== contact.id || held.contact.name === contact.name) return held
  return { ...held, contact: { ...held.contact, name: contact.name } }
}

/** Messages are held newest first. An update of one that is not loaded is none of ours. */
export function placeMessage(data: Pages<Message>, message: Message, kind: 'message.created' | 'message.updated'): Pages<Message> {
  const known = data.pages.some((page) => page.items.some((item) => item.id === message.id))
  if (known) return mapPages(data, (item) => (item.id === message.id ? message : item))
  const first = data.pages[0]
  if (kind === 'message.updated' || !first) return data
  const at = first.items.findIndex((item) => item.created_at < message.created_at || (item.created_at === message.created_at && item.id < message.id))
  if (at < 0 && first.next_cursor !== null) return data
  const items = first.items.toSpliced(at < 0 ? first.items.length : at, 0, message)
  return { ...data, pages: data.pages.with(0, { ...first, items }) }
}

function placeCall(data: Pages<Call>, call: Call, list: 'live' | 'ended' | 'not_taken'): Pages<Call> {
  let held: Call | undefined
  for (const page of data.pages) held ??= page.items.find((item) => item.id === call.id)
  if (held && held.version > call.version) return data
  const fits = list === 'live' ? call.state === 'live' || call.state === 'ringing' : call.state === list
  if (!fits) return held ? removeFrom(data, call.id) : data
  if (held) return mapPages(data, (item) => (item.id === call.id ? call : item))
  const first = data.pages[0]
  if (!first) return data
  const at = first.items.findIndex((item) => item.started_at <= call.started_at)
  if (at < 0 && first.next_cursor !== null) return data
  const items = first.items.toSpliced(at < 0 ? first.items.length : at, 0, call)
  return { ...data, pages: data.pages.with(0, { ...first, items }) }
}

function placeTurn(data: { items: Turn[] }, turn: Turn): { items: Turn[] } {
  const others = data.items.filter((item) => item.ordinal !== turn.ordinal)
  const at = others.findIndex((item) => item.ordinal > turn.ordinal)
  return { items: others.toSpliced(at < 0 ? others.length : at, 0, turn) }
}

function replaceOrAdd<T extends { id: string }>(data: Page<T>, row: T): Page<T> {
  const known = data.items.some((item) => item.id === row.id)
  return { ...data, items: known ? data.items.map((item) => (item.id === row.id ? row : item)) : [...data.items, row] }
}
