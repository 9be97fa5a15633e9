// The timeline: by day, in groups of one voice, nothing shown twice while it is being sent.
import { describe, expect, it } from 'vitest'
import type { Message } from '@/api/model'
import type { Outgoing } from './outbox'
import { timeline } from './timeline-items'

const message = (id: string, at: string, part: Partial<Message> = {}): Message => ({
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
  created_at: at,
  sent_at: null,
  ...part,
})
const outgoing = (draft_key: string): Outgoing => ({
  draft_key,
  conversation_id: 'a',
  body: 'x',
  kind: 'reply',
  created_at: '2026-01-02T12:00:00',
  state: 'sending',
  attempts: 0,
  problem: null,
})

describe('the timeline', () => {
  it('separates days and groups one voice within five minutes', () => {
    const rows = [
      message('d', '2026-01-02T12:20:00'),
      message('c', '2026-01-02T12:03:00'),
      message('b', '2026-01-02T12:00:00'),
      message('a', '2026-01-01T12:00:00'),
    ]
    const shape = timeline(rows, []).map((entry) => (entry.kind === 'message' ? `${entry.message.id}${entry.first ? '<' : ''}${entry.last ? '>' : ''}` : entry.kind))
    expect(shape).toEqual(['day', 'a<>', 'day', 'b<', 'c>', 'd<>'])
  })

  it('shows what is being sent once, under the same key before and after', () => {
    const before = timeline([], [outgoing('k')])
    expect(before.map((entry) => entry.key)).toEqual(['k'])
    const after = timeline([message('m', '2026-01-02T12:00:00', { draft_key: 'k', direction: 'out', author: 'staff' })], [outgoing('k')])
    expect(after.filter((entry) => entry.kind !== 'day').map((entry) => [entry.kind, entry.key])).toEqual([['message', 'k']])
  })
})
