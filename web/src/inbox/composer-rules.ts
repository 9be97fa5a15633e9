// What a conversation's channel allows just now.
import { useQuery } from '@tanstack/react-query'
import type { Conversation } from '@/api/model'
import { contactQuery, sessionsQuery } from '@/api/queries'

/** Why a reply cannot go out, where that is known before trying. */
export function useBarrier(conversation: Conversation): 'opted_out' | 'no_phone' | 'group' | 'not_linked' | null {
  const chat = conversation.channel === 'whatsapp'
  const { data: contact } = useQuery(contactQuery(conversation.contact.id))
  const { data: sessions } = useQuery({ ...sessionsQuery, enabled: chat })
  if (chat) {
    if (conversation.contact.address?.endsWith('@g.us')) return 'group'
    const session = sessions?.items.find((item) => item.inbox_id === conversation.inbox.id)
    const linked = session?.desired === 'running' && session.phone && session.observed !== 'logged_out'
    return session && !linked ? 'not_linked' : null
  }
  const phones = contact?.identities.filter((identity) => identity.kind === 'phone')
  if (phones && phones.length === 0 && !conversation.contact.address?.startsWith('+')) return 'no_phone'
  return phones && phones.length > 0 && phones.every((phone) => phone.sms_opted_out) ? 'opted_out' : null
}

/** Whether what is written now waits, because its number needs somebody or is held back. */
export function useWaits(conversation: Conversation): boolean {
  const { data: sessions } = useQuery({ ...sessionsQuery, enabled: conversation.channel === 'whatsapp' })
  const session = sessions?.items.find((item) => item.inbox_id === conversation.inbox.id)
  return session?.health.state === 'needs_you' || (session?.health.state === 'paused' && session.pause_scope === 'all')
}
