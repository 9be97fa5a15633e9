// Messages and what was just sent, as the timeline shows them: by day, in groups of one voice.
import type { Message } from '@/api/model'
import { dayOf } from '@/i18n/format'
import type { Outgoing } from './outbox'

export type Entry =
  | { kind: 'day'; key: string; at: number }
  | { kind: 'message'; key: string; message: Message; first: boolean; last: boolean }
  | { kind: 'outgoing'; key: string; item: Outgoing }

/** A pause longer than this starts a new group. */
const GROUP_MS = 5 * 60_000

/** `messages` newest first, as the server lists them; `outgoing` not yet confirmed, oldest first. */
export function timeline(messages: Message[], outgoing: Outgoing[]): Entry[] {
  const known = new Set(messages.map((message) => message.draft_key).filter(Boolean))
  const entries: Entry[] = []
  const rows = messages.toReversed()
  for (const [n, message] of rows.entries()) {
    const before = rows[n - 1]
    const after = rows[n + 1]
    if (!before || dayOf(before.created_at) !== dayOf(message.created_at)) {
      entries.push({ kind: 'day', key: `day-${dayOf(message.created_at)}`, at: dayOf(message.created_at) })
    }
    entries.push({
      kind: 'message',
      // The draft's key where there is one: the bubble stays the same bubble when the server confirms it.
      key: message.draft_key ?? message.id,
      message,
      first: !before || !together(before, message),
      last: !after || !together(message, after),
    })
  }
  for (const item of outgoing) {
    if (!known.has(item.draft_key)) entries.push({ kind: 'outgoing', key: item.draft_key, item })
  }
  return entries
}

function together(a: Message, b: Message): boolean {
  return (
    a.author === b.author &&
    a.direction === b.direction &&
    a.staff?.id === b.staff?.id &&
    a.sender?.address === b.sender?.address &&
    a.elsewhere === b.elsewhere &&
    !a.call_id &&
    !b.call_id &&
    dayOf(a.created_at) === dayOf(b.created_at) &&
    Date.parse(b.created_at) - Date.parse(a.created_at) < GROUP_MS
  )
}
