// What one does at a WhatsApp chat, for the other side to see: that we are here, and that we write.
import { useEffect, useRef } from 'react'
import { api } from '@/api/client'
import type { Conversation } from '@/api/model'
import { useSession } from '@/api/session'

const LOOKING_MS = 30_000
const TYPING_MS = 4_000

function attend(id: string, doing: 'looking' | 'typing' | 'nothing') {
  // Nobody needs to know when it is lost: it is said again.
  api.POST('/api/v1/conversations/{id}/attention', { params: { path: { id } }, body: { doing } }).catch(() => undefined)
}

/** Whether the other side can see what we do: in a chat with one person. */
function useIsSeen(conversation: Conversation | undefined): string | null {
  const readOnly = useSession((state) => state.me?.staff.role === 'read_only')
  const chat = conversation?.channel === 'whatsapp' && !conversation.contact.address?.endsWith('@g.us')
  return chat && !readOnly ? conversation.id : null
}

/** While the conversation is open and the page is looked at. */
export function useLooking(conversation: Conversation | undefined) {
  const id = useIsSeen(conversation)
  useEffect(() => {
    if (!id) return
    const say = () => attend(id, document.hidden ? 'nothing' : 'looking')
    const again = () => {
      if (!document.hidden) attend(id, 'looking')
    }
    say()
    const timer = setInterval(again, LOOKING_MS)
    document.addEventListener('visibilitychange', say)
    return () => {
      clearInterval(timer)
      document.removeEventListener('visibilitychange', say)
      attend(id, 'nothing')
    }
  }, [id])
}

/** To be called with every word of an answer that is being written. */
export function useTyping(conversation: Conversation): () => void {
  const id = useIsSeen(conversation)
  const saidAt = useRef(0)
  return () => {
    const now = Date.now()
    if (!id || now - saidAt.current < TYPING_MS) return
    saidAt.current = now
    attend(id, 'typing')
  }
}
