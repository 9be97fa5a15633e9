// The conversation's one timeline: messages, notes, calls and what happened, by day.
import { useInfiniteQuery } from '@tanstack/react-query'
import { useEffect, useMemo, useRef, useState } from 'react'
import { useTranslation } from '@/i18n'
import type { Conversation, Message } from '@/api/model'
import { messagesQuery } from '@/api/queries'
import { day } from '@/i18n/format'
import { Bone, Loading, Trouble } from '@/ui/State'
import { useNow } from '@/ui/useNow'
import { MessageEntry, OutgoingEntry } from './MessageEntry'
import { useOutbox } from './outbox'
import { bringParts, isPlain, useParts } from './parts'
import { timeline } from './timeline-items'

export function Timeline({ conversation }: { conversation: Conversation }) {
  const { t } = useTranslation()
  const query = useInfiniteQuery(messagesQuery(conversation.id))
  const items = useOutbox((state) => state.items)
  const now = useNow(60_000)
  const messages = useMemo(() => query.data?.pages.flatMap((page) => page.items), [query.data])
  const entries = useMemo(
    () => timeline(messages ?? [], items.filter((item) => item.conversation_id === conversation.id)),
    [messages, items, conversation.id],
  )
  const opened = useOpened(messages)

  if (query.isError && !query.data) return <Trouble error={query.error} retry={() => void query.refetch()} />
  if (!opened) return <TimelineSkeleton />
  return (
    // Turned upside down and the list inside it the right way up: the browser itself keeps the newest in sight.
    // Focusable, so that the keyboard can scroll it.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="scroll-thin inset-focus flex min-h-0 flex-1 flex-col-reverse overflow-y-auto" tabIndex={0} role="region" aria-label={t('conversation.timeline')}>
      <div className="mx-auto w-full max-w-3xl px-4 pt-4 pb-3">
        {query.hasNextPage && <Earlier load={() => void query.fetchNextPage()} loading={query.isFetchingNextPage} />}
        <ol aria-live="polite" aria-relevant="additions" data-testid="timeline">
          {entries.map((entry) => (
            <li key={entry.key}>
              {entry.kind === 'day' && (
                <div className="mt-6 mb-4 flex items-center gap-3 text-xs text-ink-3">
                  <span className="h-px flex-1 bg-line" />
                  <time>{day(entry.at, now)}</time>
                  <span className="h-px flex-1 bg-line" />
                </div>
              )}
              {entry.kind === 'message' && (
                <MessageEntry
                  message={entry.message}
                  contact={conversation.contact}
                  chat={conversation.channel === 'whatsapp' && !conversation.contact.address?.endsWith('@g.us')}
                  first={entry.first}
                  last={entry.last}
                />
              )}
              {entry.kind === 'outgoing' && <OutgoingEntry item={entry.item} />}
            </li>
          ))}
        </ol>
        {entries.length === 0 && <p className="py-12 text-center text-ink-3">{t('conversation.empty')}</p>}
      </div>
    </div>
  )
}

/** Whether everything that the messages need is there; what comes later does not close what is open. */
function useOpened(messages: Message[] | undefined): boolean {
  const [opened, setOpened] = useState(false)
  const settled = useParts((state) => state.parts !== null || state.failed)
  useEffect(bringParts, [])
  const ready = messages !== undefined && (settled || messages.every((message) => isPlain(message) && message.attachments.length === 0))
  if (ready && !opened) setOpened(true)
  return opened
}

/** Earlier messages come by themselves when one scrolls up to them. */
function Earlier({ load, loading }: { load: () => void; loading: boolean }) {
  const { t } = useTranslation()
  const mark = useRef<HTMLButtonElement>(null)
  const act = useRef(load)
  useEffect(() => {
    act.current = load
  })
  useEffect(() => {
    if (!mark.current || loading) return
    const watcher = new IntersectionObserver(([entry]) => entry?.isIntersecting && act.current(), { rootMargin: '300px' })
    watcher.observe(mark.current)
    return () => watcher.disconnect()
  }, [loading])
  return (
    <button ref={mark} type="button" disabled={loading} onClick={load} className="mx-auto mb-3 block rounded px-3 py-1 text-xs text-ink-3 hover:bg-hover">
      {loading ? t('common.loading') : t('conversation.earlier')}
    </button>
  )
}

export function TimelineSkeleton() {
  return (
    <div className="min-h-0 flex-1 overflow-hidden">
      <Loading>
        <div className="mx-auto flex max-w-3xl flex-col gap-3 p-4">
          {[56, 38, 64, 30, 48].map((width, n) => (
            <div key={n} className={n % 2 ? 'flex justify-end' : 'flex'}>
              <div className="skeleton h-12" style={{ width: `${width}%` }} />
            </div>
          ))}
          <Bone className="h-3 w-24" />
        </div>
      </Loading>
    </div>
  )
}
