// What staff do to a conversation. Shown at once, then confirmed; put back, with the reason, when the server says no.
import { api, ApiError, body } from '@/api/client'
import type { Conversation, Person } from '@/api/model'
import { queries } from '@/api/queries'
import { useSession } from '@/api/session'
import { keys } from '@/live/patch'
import { live } from '@/live/live'
import { complain } from '@/shell/complaints'

export function held(id: string): Conversation | undefined {
  const own = queries.getQueryData<Conversation>(keys.conversation(id))
  if (own) return own
  for (const [, data] of queries.getQueriesData<{ pages: { items: Conversation[] }[] }>({ queryKey: ['conversations'] })) {
    for (const page of data?.pages ?? []) {
      const row = page.items.find((item) => item.id === id)
      if (row) return row
    }
  }
}

export function assign(id: string, assignee: Person | null) {
  return change(id, { assignee }, { assignee_id: assignee?.id ?? null })
}

export function assignToMe(id: string) {
  const me = useSession.getState().me?.staff
  if (me) void assign(id, { id: me.id, name: me.name })
}

export function setStatus(id: string, status: 'open' | 'closed') {
  return change(id, { status }, { status })
}

async function change(id: string, shown: Partial<Conversation>, wanted: { status?: 'open' | 'closed'; assignee_id?: string | null }) {
  const before = held(id)
  // A guess counts as half a version: newer than what is shown, older than whatever the server says next.
  if (before) live.place({ ...before, ...shown, version: Math.floor(before.version) + 0.5 })
  try {
    live.place(await patch(id, wanted, before && Math.floor(before.version)))
    // The row left or joined lists whose counts only the server knows.
    void queries.invalidateQueries({ queryKey: keys.counts })
  } catch (error) {
    if (before) live.place({ ...before, version: Math.floor(before.version) + 0.75 })
    void queries.invalidateQueries({ queryKey: keys.conversation(id) })
    complain(error)
  }
}

/** Somebody else may have changed the row a moment ago: what was asked for here still stands, on the row as it now is. */
async function patch(id: string, wanted: { status?: 'open' | 'closed'; assignee_id?: string | null }, version?: number) {
  const send = (at?: number) =>
    body(
      api.PATCH('/api/v1/conversations/{id}', {
        params: { path: { id }, header: at === undefined ? {} : { 'If-Match': `"${at}"` } },
        body: wanted,
      }),
    )
  try {
    return await send(version)
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 412) throw error
    const now = await body(api.GET('/api/v1/conversations/{id}', { params: { path: { id } } }))
    return send(now.version)
  }
}

export async function markSeen(conversation: Conversation) {
  if (!conversation.unread) return
  live.place({ ...conversation, unread: 0 })
  live.cache.viewer.seen.set(conversation.id, conversation.inbound_count)
  try {
    await api.POST('/api/v1/conversations/{id}/seen', { params: { path: { id: conversation.id } } })
  } catch {
    // Nobody needs to know: it is said again with the next message that is seen.
  }
}
