// Events that come while an answer is on its way are not lost in it.
import { QueryClient } from '@tanstack/react-query'
import { describe, expect, it, vi } from 'vitest'
import type { Conversation, Page } from '@/api/model'
import { LiveCache } from './cache'
import { keys } from './patch'
import type { Event } from './protocol'

const row = (version: number, part: Partial<Conversation> = {}): Conversation => ({
  id: 'a',
  contact: { id: 'c', name: 'A', address: '+15550100' },
  inbox: { id: 'i', name: 'Line', channel: 'sms', address: '+15550101' },
  channel: 'sms',
  status: 'open',
  assignee: null,
  subject: null,
  last_message_at: `2026-01-01T10:00:0${version}Z`,
  last_message_preview: '',
  last_message_direction: 'in',
  waiting_since: null,
  inbound_count: version,
  message_count: version,
  version,
  created_at: '2026-01-01T10:00:00Z',
  ...part,
})
const event = (conversation: Conversation): Event => ({ type: 'event', seq: conversation.version, kind: 'conversation.updated', at: '', data: { conversation } })
const filter = { status: 'open' } as const
type Pages = { pages: Page<Conversation>[] }

function setup() {
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false, staleTime: Infinity } } })
  const read = vi.fn()
  const cache = new LiveCache(queries, read)
  cache.viewer.staffId = 'me'
  let answer: (page: Page<Conversation>) => void = () => undefined
  const fetching = () =>
    queries.fetchInfiniteQuery({
      queryKey: keys.conversations(filter),
      queryFn: () => new Promise<Page<Conversation>>((resolve) => (answer = resolve)),
      initialPageParam: null as string | null,
      getNextPageParam: (page: Page<Conversation>) => page.next_cursor,
    })
  return { queries, cache, read, fetching, answer: (page: Page<Conversation>) => answer(page), held: () => queries.getQueryData<Pages>(keys.conversations(filter)) }
}

describe('the live cache', () => {
  it('brings an answer up to date that was on its way while events came', async () => {
    const { cache, fetching, answer, held } = setup()
    const done = fetching()
    cache.apply([event(row(2))])
    answer({ items: [row(1, { unread: 0 })], next_cursor: null })
    await done
    await vi.waitFor(() => expect(held()?.pages[0]?.items[0]?.version).toBe(2))
    expect(held()?.pages[0]?.items[0]?.unread).toBe(1)
  })

  it('does not put an event over an answer that already has it', async () => {
    const { cache, fetching, answer, held } = setup()
    const done = fetching()
    cache.apply([event(row(2))])
    answer({ items: [row(3, { unread: 0 })], next_cursor: null })
    await done
    await new Promise((resolve) => setTimeout(resolve, 10))
    expect(held()?.pages[0]?.items[0]?.version).toBe(3)
  })

  it('learns from answers how much was seen, and asks only about rows it does not know', async () => {
    const { cache, read, fetching, answer, held } = setup()
    const done = fetching()
    answer({ items: [row(4, { unread: 1 })], next_cursor: null })
    await done
    cache.apply([event(row(6))])
    expect(held()?.pages[0]?.items[0]?.unread).toBe(3)
    expect(read).not.toHaveBeenCalled()
    cache.apply([event(row(7, { id: 'unknown' }))])
    expect(read).toHaveBeenCalledWith('unknown')
  })
})
