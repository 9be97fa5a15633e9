// Events against what the screens hold: placed right, once, and never older over newer.
import { describe, expect, it } from 'vitest'
import type { Conversation, Message, Page, Turn, WhatsappSession } from '@/api/model'
import { Journal } from './journal'
import { type ConversationFilter, keys, patch, type Viewer } from './patch'
import type { Event } from './protocol'

const ME = 'me'

function conversation(id: string, minute: number, part: Partial<Conversation> = {}): Conversation {
  const at = `2026-01-01T10:${String(minute).padStart(2, '0')}:00Z`
  return {
    id,
    contact: { id: `contact-${id}`, name: id, address: '+15550100' },
    inbox: { id: 'i', name: 'Line', channel: 'sms', address: '+15550101' },
    channel: 'sms',
    status: 'open',
    assignee: null,
    subject: null,
    last_message_at: at,
    last_message_preview: '',
    last_message_direction: 'in',
    waiting_since: null,
    inbound_count: 1,
    message_count: 1,
    version: 1,
    created_at: at,
    ...part,
  }
}

function message(id: string, minute: number, part: Partial<Message> = {}): Message {
  return {
    id,
    conversation_id: 'a',
    direction: 'in',
    author: 'contact',
    staff: null,
    body: id,
    sender: null,
    elsewhere: false,
    card: null,
    answers: null,
    reactions: [],
    edited_at: null,
    versions: [],
    deletion: null,
    state: 'received',
    failure: null,
    call_id: null,
    segments: null,
    attachments: [],
    draft_key: null,
    created_at: `2026-01-01T10:${String(minute).padStart(2, '0')}:00Z`,
    sent_at: null,
    ...part,
  }
}

let seq = 0
const at = '2026-01-01T10:00:00Z'
const updated = (row: Conversation): Event => ({ type: 'event', seq: ++seq, kind: 'conversation.updated', at, data: { conversation: row } })
const written = (row: Message, of: Conversation): Event => ({ type: 'event', seq: ++seq, kind: 'message.created', at, data: { message: row, conversation: of } })

type Pages<T> = { pages: Page<T>[]; pageParams: (string | null)[] }
const pages = <T>(...lists: T[][]): Pages<T> => ({
  pages: lists.map((items, n) => ({ items, next_cursor: n < lists.length - 1 ? `after-${n}` : null })),
  pageParams: lists.map((_, n) => (n === 0 ? null : `after-${n - 1}`)),
})
const ids = (data: unknown) => (data as Pages<{ id: string }>).pages.map((page) => page.items.map((item) => item.id))
const viewer = (seen: [string, number][] = []): Viewer => ({ staffId: ME, seen: new Map(seen) })
const list = (filter: ConversationFilter) => keys.conversations(filter)

describe('the list of conversations', () => {
  const held = pages([conversation('c', 30), conversation('b', 20)], [conversation('a', 10)])

  it('moves the one that was written in to the top', () => {
    const row = conversation('a', 40, { version: 2 })
    expect(ids(patch(list({ status: 'open' }), held, written(message('m', 40), row), viewer()))).toEqual([['a', 'c', 'b'], []])
  })

  it('puts a new one where it belongs, not always on top', () => {
    expect(ids(patch(list({}), held, updated(conversation('x', 25)), viewer()))).toEqual([['c', 'x', 'b'], ['a']])
    expect(ids(patch(list({}), held, updated(conversation('x', 5)), viewer()))).toEqual([['c', 'b'], ['a', 'x']])
  })

  it('leaves out what belongs to a page that is not loaded', () => {
    const part: Pages<Conversation> = { pages: [{ items: [conversation('c', 30)], next_cursor: 'more' }], pageParams: [null] }
    expect(patch(list({}), part, updated(conversation('x', 5)), viewer())).toBe(part)
  })

  it('drops what does not fit the filter any more, and takes what fits now', () => {
    const closed = updated(conversation('b', 20, { version: 2, status: 'closed' }))
    expect(ids(patch(list({ status: 'open' }), held, closed, viewer()))).toEqual([['c'], ['a']])
    expect(ids(patch(list({ status: 'closed' }), pages([]), closed, viewer()))).toEqual([['b']])
    const mine = updated(conversation('b', 20, { version: 2, assignee: { id: ME, name: 'Me' } }))
    expect(ids(patch(list({ assignee: 'me' }), pages([]), mine, viewer()))).toEqual([['b']])
    expect(ids(patch(list({ assignee: 'none' }), held, mine, viewer()))).toEqual([['c'], ['a']])
  })

  it('never puts an older version over a newer one, and does nothing twice', () => {
    const now = patch(list({}), held, updated(conversation('a', 40, { version: 5 })), viewer())
    expect(patch(list({}), now, updated(conversation('a', 35, { version: 4, status: 'closed' })), viewer())).toBe(now)
    expect(patch(list({}), now, updated(conversation('a', 40, { version: 5 })), viewer())).toBe(now)
  })

  it('takes new words though the version stays, and keeps an unconfirmed guess', () => {
    const said = conversation('a', 40, { version: 1, message_count: 2, inbound_count: 2, last_message_preview: 'new' })
    const now = patch(list({}), held, updated(said), viewer([['a', 1]])) as Pages<Conversation>
    expect(now.pages[0]!.items[0]).toMatchObject({ id: 'a', last_message_preview: 'new', unread: 1 })
    const guess = patch(list({}), held, updated(conversation('a', 10, { version: 1.5, assignee: { id: ME, name: 'Me' } })), viewer())
    const both = patch(list({}), guess, updated(said), viewer()) as Pages<Conversation>
    expect(both.pages[0]!.items[0]).toMatchObject({ version: 1.5, last_message_preview: 'new', assignee: { id: ME } })
    // The server's own answer to the deed ends the guess.
    const sure = patch(list({}), both, updated({ ...said, version: 2 }), viewer()) as Pages<Conversation>
    expect(sure.pages[0]!.items[0]).toMatchObject({ version: 2, assignee: null })
  })

  it('counts unread from what this member has seen', () => {
    const row = conversation('a', 40, { version: 2, inbound_count: 7 })
    const unread = (seen: [string, number][]) =>
      (patch(list({}), held, updated(row), viewer(seen)) as Pages<Conversation>).pages[0]!.items[0]!.unread
    expect(unread([['a', 5]])).toBe(2)
    expect(unread([['a', 9]])).toBe(0)
    expect(unread([])).toBe(1)
  })

  it('clears unread when this member saw it elsewhere, not when another did', () => {
    const some = pages([conversation('a', 10, { inbound_count: 4, unread: 3 })])
    const seen = (staff_id: string): Event => ({
      type: 'event',
      seq: ++seq,
      kind: 'conversation.seen',
      at,
      data: { conversation_id: 'a', staff_id, seen_count: 4 },
    })
    expect((patch(list({}), some, seen(ME), viewer()) as Pages<Conversation>).pages[0]!.items[0]!.unread).toBe(0)
    expect(patch(list({}), some, seen('other'), viewer())).toBe(some)
  })

  it('does not touch what an event does not concern', () => {
    const event: Event = { type: 'event', seq: ++seq, kind: 'agent_settings.updated', at, data: { version: 2 } }
    expect(patch(list({}), held, event, viewer())).toBe(held)
    expect(patch(keys.messages('a'), held, event, viewer())).toBe(held)
  })

  it('stays in order under a thousand random events, applied twice', () => {
    let seed = 7
    const random = (below: number) => (seed = (seed * 1103515245 + 12345) % 2147483648) % below
    let data: unknown = pages([] as Conversation[])
    const truth = new Map<string, Conversation>()
    for (let n = 0; n < 1000; n++) {
      const id = `c${random(60)}`
      const row = conversation(id, random(60), { version: n + 1, status: random(4) ? 'open' : 'closed' })
      truth.set(id, row)
      const event = updated(row)
      data = patch(list({ status: 'open' }), data, event, viewer())
      data = patch(list({ status: 'open' }), data, event, viewer())
    }
    const expected = [...truth.values()]
      .filter((row) => row.status === 'open')
      .sort((a, b) => (a.last_message_at === b.last_message_at ? (a.id < b.id ? 1 : -1) : a.last_message_at < b.last_message_at ? 1 : -1))
      .map((row) => row.id)
    expect(ids(data)).toEqual([expected])
  })
})

describe('a conversation’s messages', () => {
  const row = conversation('a', 10)

  it('takes a new one on top, once', () => {
    const event = written(message('m2', 20), row)
    const once = patch(keys.messages('a'), pages([message('m1', 10)]), event, viewer())
    expect(ids(once)).toEqual([['m2', 'm1']])
    expect(ids(patch(keys.messages('a'), once, event, viewer()))).toEqual([['m2', 'm1']])
    expect(ids(patch(keys.messages('b'), pages([]), event, viewer()))).toEqual([[]])
  })

  it('changes the one that changed', () => {
    const data = pages([message('m1', 10, { state: 'queued' })])
    const event: Event = { type: 'event', seq: ++seq, kind: 'message.updated', at, data: { message: message('m1', 10, { state: 'delivered' }) } }
    expect((patch(keys.messages('a'), data, event, viewer()) as Pages<Message>).pages[0]!.items[0]!.state).toBe('delivered')
    const other: Event = { ...event, data: { message: message('old', 1) } }
    expect(patch(keys.messages('a'), data, other, viewer())).toBe(data)
  })
})

describe('calls', () => {
  it('keeps turns by their place', () => {
    const turn = (ordinal: number, text = ''): Turn => ({
      id: `t${ordinal}${text}`,
      ordinal,
      speaker: 'caller',
      text,
      unheard: '',
      interrupted: false,
      started_ms: 0,
      ended_ms: 1,
      latency_ms: null,
    })
    const said = (of: Turn): Event => ({ type: 'event', seq: ++seq, kind: 'call.turn', at, data: { call_id: 'k', turn: of } })
    let data: unknown = { items: [] }
    for (const each of [turn(0), turn(2), turn(1), turn(2, 'corrected')]) data = patch(keys.turns('k'), data, said(each), viewer())
    expect((data as { items: Turn[] }).items.map((each) => [each.ordinal, each.text])).toEqual([
      [0, ''],
      [1, ''],
      [2, 'corrected'],
    ])
  })
})

describe('WhatsApp sessions', () => {
  it('are held as their last event says, new ones too', () => {
    const session = (id: string, observed: WhatsappSession['observed']) => ({ id, observed }) as WhatsappSession
    const said = (of: WhatsappSession): Event => ({ type: 'event', seq: ++seq, kind: 'session.updated', at, data: { session: of } })
    let data: unknown = { items: [session('a', 'connecting')], next_cursor: null }
    for (const each of [session('a', 'connected'), session('b', 'new')]) data = patch(keys.sessions, data, said(each), viewer())
    expect((data as Page<WhatsappSession>).items).toEqual([session('a', 'connected'), session('b', 'new')])
  })
})

describe('the journal', () => {
  it('gives what came after a mark, or says that it no longer knows', () => {
    const journal = new Journal()
    const first = journal.mark()
    const event = updated(conversation('a', 1))
    journal.add(event)
    expect(journal.since(first)).toEqual([event])
    expect(journal.since(journal.mark())).toEqual([])
    for (let n = 0; n < 5_000; n++) journal.add(event)
    expect(journal.since(first)).toBeNull()
    expect(journal.since(journal.mark() - 10)).toHaveLength(10)
  })
})
