// Quotations, cards, signs, files and what one does to a message: not in the first load of the inbox, since most words are
// just words. They come with the first conversation that is opened; one that needs them is shown when they are there, so
// that nothing in it is ever empty, or jumps.
import { create } from 'zustand'
import type { Message } from '@/api/model'

type Parts = typeof import('./chat-parts')

/** The parts, once they are there. `failed`: they could not be had; words are shown without what is around them. */
export const useParts = create<{ parts: Parts | null; failed: boolean }>(() => ({ parts: null, failed: false }))

let loading = false

/** Has them brought, if they are neither there nor on their way. */
export function bringParts() {
  if (loading) return
  loading = true
  import('./chat-parts')
    .then((parts) => useParts.setState({ parts, failed: false }))
    .catch(() => {
      loading = false
      useParts.setState({ failed: true })
    })
}

/** Whether a message is words and nothing else. */
export function isPlain(message: Message): boolean {
  return !message.card && !message.answers && !message.deletion && message.reactions.length === 0 && !message.edited_at
}
