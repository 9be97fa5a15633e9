// The inbox's views and what they ask the server for; they live in the URL.
import type { ConversationFilter } from '@/live/patch'

export const VIEWS = ['open', 'mine', 'unassigned', 'closed'] as const
export type View = (typeof VIEWS)[number]

export const CHANNELS = ['voice', 'sms', 'whatsapp', 'form'] as const

export interface InboxSearch {
  view?: View
  channel?: (typeof CHANNELS)[number]
}

export function readSearch(raw: Record<string, unknown>): InboxSearch {
  const search: InboxSearch = {}
  // "open" is what no view means: it stays out of the address.
  if (VIEWS.includes(raw.view as View) && raw.view !== 'open') search.view = raw.view as View
  if (CHANNELS.includes(raw.channel as 'sms')) search.channel = raw.channel as InboxSearch['channel']
  return search
}

export function filterOf(search: InboxSearch): ConversationFilter {
  const channel = search.channel ? { channel: search.channel } : {}
  switch (search.view) {
    case 'mine':
      return { status: 'open', assignee: 'me', ...channel }
    case 'unassigned':
      return { status: 'open', assignee: 'none', ...channel }
    case 'closed':
      return { status: 'closed', ...channel }
    default:
      return { status: 'open', ...channel }
  }
}
