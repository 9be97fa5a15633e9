// Brings events into the query cache: into what is there, and into answers that were under way while they came.
import { notifyManager, type QueryClient } from '@tanstack/react-query'
import type { Conversation, ConversationCounts } from '@/api/model'
import { Journal } from './journal'
import { conversationOf, keys, patch, type Viewer } from './patch'
import type { Event } from './protocol'

/** Pages of a list that are read again after a reload; the rest come back by scrolling. */
const PAGES_KEPT = 2
const COUNTS_MS = 1_500

interface Known {
  status: string
  assignee: string | null
  inbound: number
}

export class LiveCache {
  readonly viewer: Viewer = { staffId: '', seen: new Map() }
  private readonly journal = new Journal()
  /** For each running query, where the journal stood when its request left. */
  private readonly marks = new Map<string, number>()
  private readonly known = new Map<string, Known>()
  private countsTimer: ReturnType<typeof setTimeout> | undefined

  constructor(
    private readonly queries: QueryClient,
    /** Reads one conversation through the API, to learn what only it knows (how much this member has seen). */
    private readonly readConversation: (id: string) => void,
  ) {
    queries.getQueryCache().subscribe((change) => {
      if (change.type !== 'updated') return
      const { query, action } = change
      if (action.type === 'fetch') this.marks.set(query.queryHash, this.journal.mark())
      if (action.type !== 'success') return
      this.learn(query.queryKey, query.state.data)
      if (action.manual) return
      const mark = this.marks.get(query.queryHash)
      this.marks.delete(query.queryHash)
      if (mark === undefined) return
      const missed = this.journal.since(mark)
      if (missed === null) void queries.invalidateQueries({ queryKey: query.queryKey, exact: true })
      else if (missed.length > 0) this.write(query.queryKey, missed)
    })
  }

  /** Applies events in order to everything the screens hold; one write per cached answer, however many events. */
  apply(events: Event[]) {
    for (const event of events) {
      this.journal.add(event)
      this.before(event)
    }
    notifyManager.batch(() => {
      for (const query of this.queries.getQueryCache().getAll()) {
        if (query.state.data !== undefined) this.write(query.queryKey, events)
      }
    })
  }

  /** Everything may be old. What is on the screen is read again now, the rest when it is next looked at. */
  reload() {
    this.known.clear()
    this.viewer.seen.clear()
    for (const query of this.queries.getQueryCache().getAll()) {
      const data = query.state.data as { pages?: unknown[]; pageParams?: unknown[] } | undefined
      if (data?.pages && data.pageParams && data.pages.length > PAGES_KEPT) {
        this.queries.setQueryData(query.queryKey, {
          pages: data.pages.slice(0, PAGES_KEPT),
          pageParams: data.pageParams.slice(0, PAGES_KEPT),
        })
      }
    }
    // Requests that are under way left before the position was known: their answers do not count.
    void this.queries.invalidateQueries({}, { cancelRefetch: true })
  }

  private write(key: readonly unknown[], events: Event[]) {
    this.queries.setQueryData(key, (data: unknown) =>
      data === undefined ? undefined : events.reduce<unknown>((now, event) => patch(key, now, event, this.viewer), data),
    )
  }

  /** What must be known or asked for before an event is applied. */
  private before(event: Event) {
    if (event.kind === 'conversation.seen') {
      if (event.data.staff_id === this.viewer.staffId) this.viewer.seen.set(event.data.conversation_id, event.data.seen_count)
      return
    }
    if (event.kind === 'agent_settings.updated') {
      void this.queries.invalidateQueries({ queryKey: keys.agentSettings })
      return
    }
    const next = conversationOf(event)
    if (!next) return
    const known = this.known.get(next.id)
    const assignee = next.assignee?.id ?? null
    if (event.kind === 'conversation.created') this.viewer.seen.set(next.id, 0)
    else if (!known && !this.viewer.seen.has(next.id)) this.readConversation(next.id)
    if (!known || known.status !== next.status || known.assignee !== assignee) this.recount()
    this.known.set(next.id, { status: next.status, assignee, inbound: next.inbound_count })
  }

  /** The counts are the server's: asked for again, at most once in a while. */
  private recount() {
    this.countsTimer ??= setTimeout(() => {
      this.countsTimer = undefined
      void this.queries.invalidateQueries({ queryKey: keys.counts })
    }, COUNTS_MS)
  }

  /** Rows that REST gave with `unread` say how much of them this member has seen. */
  private learn(key: readonly unknown[], data: unknown) {
    if (key[0] === 'conversation') this.learnRow(data as Conversation | undefined)
    if (key[0] !== 'conversations') return
    for (const page of (data as { pages: { items: Conversation[] }[] } | undefined)?.pages ?? []) {
      for (const row of page.items) this.learnRow(row)
    }
  }

  private learnRow(row: Conversation | undefined) {
    if (!row || row.unread === undefined) return
    const known = this.known.get(row.id)
    if (known && known.inbound > row.inbound_count) return
    this.viewer.seen.set(row.id, row.inbound_count - row.unread)
    this.known.set(row.id, { status: row.status, assignee: row.assignee?.id ?? null, inbound: row.inbound_count })
  }
}

/** Puts one row, read or answered by the API, into every list and page that shows it. */
export function placeRow(queries: QueryClient, viewer: Viewer, conversation: Conversation) {
  const event: Event = { type: 'event', seq: 0, kind: 'conversation.updated', at: '', data: { conversation } }
  notifyManager.batch(() => {
    for (const query of queries.getQueryCache().getAll()) {
      if (query.queryKey[0] !== 'conversations' && query.queryKey[0] !== 'conversation') continue
      queries.setQueryData(query.queryKey, (data: unknown) => (data === undefined ? undefined : patch(query.queryKey, data, event, viewer)))
    }
  })
}

export type Counts = ConversationCounts
