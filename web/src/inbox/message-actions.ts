// What staff do to a message of a chat. Shown at once, then confirmed; put back, with the reason, when the server says no.
import { useEffect, useRef } from 'react'
import { create } from 'zustand'
import { api, body } from '@/api/client'
import type { Message } from '@/api/model'
import { queries } from '@/api/queries'
import { useSession } from '@/api/session'
import { keys, placeMessage } from '@/live/patch'
import { complain } from '@/shell/complaints'

/** WhatsApp lets words be changed for so long, and a message be taken back for so long. */
const EDIT_MS = 15 * 60_000
const DELETE_MS = 60 * 3_600_000

/** What the composer is about, by conversation: a message that is answered, or one whose words are changed. */
export const useAbout = create<Record<string, AboutMessage | undefined>>(() => ({}))

interface AboutMessage {
  deed: 'answer' | 'edit'
  message: Message
}

/** Calls back when somebody has begun to answer or change a message of the conversation. */
export function useBegun(conversationId: string, then: (about: AboutMessage) => void) {
  const latest = useRef(then)
  useEffect(() => {
    latest.current = then
  })
  useEffect(
    () =>
      useAbout.subscribe((now, before) => {
        const about = now[conversationId]
        if (about && about !== before[conversationId]) latest.current(about)
      }),
    [conversationId],
  )
}

export function begin(deed: 'answer' | 'edit', message: Message) {
  useAbout.setState({ [message.conversation_id]: { deed, message } })
}

export function leave(conversationId: string) {
  useAbout.setState({ [conversationId]: undefined })
}

/** What one may do to a message just now. */
export function possible(message: Message, now: number) {
  const me = useSession.getState().me?.staff
  const there = message.deletion === null && ['received', 'sent', 'delivered', 'read'].includes(message.state)
  const mine = message.direction === 'out' && (message.staff?.id === me?.id || me?.role === 'admin' || me?.role === 'owner')
  const age = now - Date.parse(message.sent_at ?? message.created_at)
  return {
    answer: there,
    react: there,
    edit: there && mine && message.attachments.length === 0 && age < EDIT_MS,
    remove: there && mine && age < DELETE_MS,
  }
}

export function react(message: Message, emoji: string) {
  const me = useSession.getState().me?.staff.name ?? null
  const others = message.reactions.filter((sign) => !sign.ours)
  const reactions = emoji ? [...others, { emoji, ours: true, name: me, at: new Date().toISOString() }] : others
  return confirm(message, { reactions }, () => body(api.PUT('/api/v1/messages/{id}/reaction', { params: { path: { id: message.id } }, body: { emoji } })))
}

export function edit(message: Message, words: string) {
  if (words === message.body) return Promise.resolve()
  const until = new Date().toISOString()
  const versions = [...message.versions, { body: message.body, until }]
  return confirm(message, { body: words, versions, edited_at: until }, () =>
    body(api.PATCH('/api/v1/messages/{id}', { params: { path: { id: message.id } }, body: { body: words } })),
  )
}

export function remove(message: Message) {
  const deletion = { at: new Date().toISOString(), by: 'staff' as const, name: useSession.getState().me?.staff.name ?? null }
  return confirm(message, { deletion }, () => body(api.DELETE('/api/v1/messages/{id}', { params: { path: { id: message.id } } })))
}

async function confirm(message: Message, shown: Partial<Message>, ask: () => Promise<Message>) {
  show({ ...message, ...shown })
  try {
    show(await ask())
  } catch (error) {
    show(message)
    complain(error)
  }
}

function show(message: Message) {
  queries.setQueryData(keys.messages(message.conversation_id), (data: Parameters<typeof placeMessage>[0] | undefined) =>
    data ? placeMessage(data, message, 'message.updated') : data,
  )
}
