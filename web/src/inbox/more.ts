// Speaking, and sending places and cards: not in the first load, nor in that of a conversation.
import { create } from 'zustand'
import { withTexts } from '@/i18n'

export const useMore = create<{ more: typeof import('./chat-more') | null }>(() => ({ more: null }))

let loading: Promise<void> | null = null

/** Has it brought, if it is not there. */
export function bringMore(): Promise<void> {
  loading ??= withTexts(import('./chat-more')).then(
    (more) => useMore.setState({ more }),
    (error: unknown) => {
      loading = null
      throw error
    },
  )
  return loading
}
