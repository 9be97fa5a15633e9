// People that we know, for a card, and their numbers.
import type { Conversation } from '@/api/model'

export interface Known {
  id: string
  name: string
  address: string | null
}

/** What a phone number is made of, as people write it; at least this many digits. */
const PHONE = /^\+?[\d\s().-]+$/
const DIGITS_MIN = 5
const DIGITS_MAX = 15

/** A number as it is kept, without what is only there to be read; null when it is none. */
export function phoneOf(text: string): string | null {
  const trimmed = text.trim()
  if (!PHONE.test(trimmed)) return null
  const digits = trimmed.replace(/\D/g, '')
  if (digits.length < DIGITS_MIN || digits.length > DIGITS_MAX) return null
  return trimmed.startsWith('+') ? `+${digits}` : digits
}

/** Everybody with a name, once; without the one who would get the card. */
export function everybody(conversations: Iterable<Pick<Conversation, 'contact'>>, without: string): Known[] {
  const known = new Map<string, Known>()
  for (const { contact } of conversations) {
    if (!contact.name || contact.id === without || contact.address?.endsWith('@g.us')) continue
    // By a number, where one of their conversations has one.
    if (!known.get(contact.id)?.address?.startsWith('+')) known.set(contact.id, { id: contact.id, name: contact.name, address: contact.address })
  }
  return [...known.values()]
}

/** Those that a few letters of a name, or digits of a number, may mean; what begins with them comes first. */
export function search(people: Known[], wish: string, most: number): Known[] {
  const words = wish.toLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0) return []
  const digits = /^[+\d\s().-]+$/.test(wish) ? wish.replace(/\D/g, '') : ''
  const fits = (person: Known) => {
    const name = person.name.toLowerCase()
    return words.every((word) => name.includes(word)) || (digits.length > 2 && (person.address ?? '').replace(/\D/g, '').includes(digits))
  }
  const begins = (person: Known) => (person.name.toLowerCase().startsWith(words[0]!) ? 0 : 1)
  return people
    .filter(fits)
    .toSorted((a, b) => begins(a) - begins(b) || a.name.localeCompare(b.name))
    .slice(0, most)
}
