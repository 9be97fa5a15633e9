// What was sent and is not confirmed yet. It survives a closed tab; its key makes a second try harmless.
import { create } from 'zustand'
import { api, ApiError, body } from '@/api/client'
import type { Message } from '@/api/model'
import { queries } from '@/api/queries'
import { keys, placeMessage } from '@/live/patch'
import type { Place } from './place'

export interface Outgoing {
  draft_key: string
  conversation_id: string
  body: string
  kind: 'reply' | 'note'
  /** The message that it answers. */
  answers_id?: string
  /** The file that goes with it; of a voice note, how long it is. */
  file?: { id: string; name: string; voiceMs?: number }
  /** A place that it is. */
  location?: Place
  /** Somebody's card that it is. */
  contact?: { name: string; phones: string[] }
  created_at: string
  /** `waiting`: the server did not answer; tried again by itself. `refused`: it said no, and why. */
  state: 'sending' | 'waiting' | 'refused'
  attempts: number
  problem: { code: string; message: string } | null
}

/** What is sent besides words and a file. */
export type Special = Pick<Outgoing, 'location' | 'contact'>

/** The card that it will be. */
export function cardOf({ location, contact }: Special): NonNullable<Message['card']> | null {
  if (location) return { type: 'place', name: '', ...location }
  return contact ? { type: 'person', ...contact } : null
}

const KEY = 'switchboard.outbox'
/** A person does not write more than this without an answer; beyond it the oldest refused ones go. */
const OUTBOX_MAX = 200
const RETRY_MAX_MS = 30_000

export const useOutbox = create<{ items: Outgoing[] }>(() => ({ items: load() }))

useOutbox.subscribe(({ items }) => {
  try {
    localStorage.setItem(KEY, JSON.stringify(items))
  } catch {
    // Without storage a message lives as long as the tab; it is still sent.
  }
})

function load(): Outgoing[] {
  try {
    const items = JSON.parse(localStorage.getItem(KEY) ?? '[]') as Outgoing[]
    return items.map((item) => (item.state === 'sending' ? { ...item, state: 'waiting' } : item))
  } catch {
    return []
  }
}

export function send(conversationId: string, text: string, kind: 'reply' | 'note', more: Pick<Outgoing, 'answers_id' | 'file' | 'location' | 'contact'> = {}) {
  const item: Outgoing = {
    draft_key: crypto.randomUUID(),
    conversation_id: conversationId,
    body: text,
    kind,
    ...more,
    created_at: new Date().toISOString(),
    state: 'sending',
    attempts: 0,
    problem: null,
  }
  useOutbox.setState(({ items }) => ({ items: [...items, item].slice(-OUTBOX_MAX) }))
  // One after the other: three pictures arrive in the order they were chosen in.
  const before = last.get(conversationId) ?? Promise.resolve()
  last.set(conversationId, before.then(() => deliver(item)))
}

const last = new Map<string, Promise<void>>()

export function retryOutgoing(draftKey: string) {
  const item = useOutbox.getState().items.find((each) => each.draft_key === draftKey)
  if (item) void deliver(item)
}

export function discard(draftKey: string) {
  useOutbox.setState(({ items }) => ({ items: items.filter((item) => item.draft_key !== draftKey) }))
}

/** Everything that waits is tried again, in the order it was written: called when the feed is live again. */
export async function deliverWaiting() {
  for (const item of useOutbox.getState().items) {
    if (item.state === 'waiting') await deliver(item)
  }
}

const running = new Set<string>()

async function deliver(item: Outgoing) {
  if (running.has(item.draft_key)) return
  running.add(item.draft_key)
  change(item.draft_key, { state: 'sending', problem: null })
  try {
    const message = await body(
      api.POST('/api/v1/conversations/{id}/messages', {
        params: { path: { id: item.conversation_id } },
        body: {
          body: item.body,
          draft_key: item.draft_key,
          kind: item.kind,
          answers_id: item.answers_id,
          upload_id: item.file?.id,
          location: item.location,
          contact: item.contact,
        },
      }),
    )
    settle(message)
  } catch (error) {
    later(item, error)
  } finally {
    running.delete(item.draft_key)
  }
}

/** The server has it: the real row takes the place of ours, in one step. */
function settle(message: Message) {
  queries.setQueryData(keys.messages(message.conversation_id), (data: Parameters<typeof placeMessage>[0] | undefined) => {
    // The feed may have been faster and already have brought a newer state of it.
    const known = data?.pages.some((page) => page.items.some((each) => each.id === message.id))
    return !data || known ? data : placeMessage(data, message, 'message.created')
  })
  if (message.draft_key) discard(message.draft_key)
}

function later(item: Outgoing, error: unknown) {
  const problem = error instanceof ApiError ? { code: error.code, message: error.message } : { code: 'unexpected', message: String(error) }
  const passing = error instanceof ApiError && error.passing
  const attempts = item.attempts + 1
  change(item.draft_key, { state: passing ? 'waiting' : 'refused', problem, attempts })
  if (!passing) return
  setTimeout(() => {
    const now = useOutbox.getState().items.find((each) => each.draft_key === item.draft_key)
    if (now?.state === 'waiting') void deliver(now)
  }, Math.min(RETRY_MAX_MS, 1_000 * 2 ** attempts) * (0.75 + Math.random() / 2))
}

function change(draftKey: string, part: Partial<Outgoing>) {
  useOutbox.setState(({ items }) => ({ items: items.map((item) => (item.draft_key === draftKey ? { ...item, ...part } : item)) }))
}

// Drafts: one for each conversation and kind, kept until sent.

const DRAFTS = 'switchboard.draft.'

export function draftOf(conversationId: string, kind: 'reply' | 'note'): string {
  try {
    return localStorage.getItem(`${DRAFTS}${kind}.${conversationId}`) ?? ''
  } catch {
    return ''
  }
}

export function keepDraft(conversationId: string, kind: 'reply' | 'note', text: string) {
  try {
    const key = `${DRAFTS}${kind}.${conversationId}`
    if (text) localStorage.setItem(key, text)
    else localStorage.removeItem(key)
  } catch {
    // Then the draft lives as long as the page.
  }
}
