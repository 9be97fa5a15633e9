// ⌘K: every action of the app and every conversation that is loaded, by a few letters of its name.
import { useNavigate } from '@tanstack/react-router'
import { Search } from 'lucide-react'
import { Dialog } from 'radix-ui'
import { useDeferredValue, useId, useMemo, useRef, useState } from 'react'
import { useTranslation } from '@/i18n'
import type { Conversation } from '@/api/model'
import { queries } from '@/api/queries'
import { cx } from '@/ui/cx'
import { allCommands, useCommands } from './commands'
import { Shortcut } from './Shortcut'

interface Entry {
  id: string
  title: string
  section: string
  shortcut?: string
  haystack: string
  run: () => void
}

const SHOWN_MAX = 40

export default function Palette() {
  const open = useCommands((state) => state.palette)
  return (
    <Dialog.Root open={open} onOpenChange={(palette) => useCommands.setState({ palette })}>
      <Dialog.Portal>
        <Dialog.Overlay className="fixed inset-0 z-40 bg-(--scrim)" />
        <Dialog.Content
          aria-describedby={undefined}
          className="appear fixed inset-x-4 top-[12vh] z-50 mx-auto flex max-h-[60vh] max-w-xl flex-col overflow-hidden rounded bg-raised shadow-float"
        >
          <Inside close={() => useCommands.setState({ palette: false })} />
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  )
}

function Inside({ close }: { close: () => void }) {
  const { t } = useTranslation()
  const [wish, setWish] = useState('')
  const [at, setAt] = useState(0)
  const entries = useEntries()
  const deferred = useDeferredValue(wish)
  const found = useMemo(() => rank(entries, deferred), [entries, deferred])
  const list = useRef<HTMLDivElement>(null)
  const listId = useId()
  const chosen = Math.min(at, found.length - 1)

  const move = (to: number) => {
    const next = (to + found.length) % Math.max(1, found.length)
    setAt(next)
    list.current?.querySelector(`[data-at="${next}"]`)?.scrollIntoView({ block: 'nearest' })
  }
  const run = (entry: Entry | undefined) => {
    if (!entry) return
    close()
    // After the dialog has given the focus back, so that the action may place it.
    setTimeout(entry.run, 0)
  }

  return (
    <>
      <Dialog.Title className="sr-only">{t('palette.title')}</Dialog.Title>
      <div className="flex items-center gap-2 border-b px-3">
        <Search className="size-4 text-ink-3" aria-hidden />
        <input
          autoFocus
          role="combobox"
          aria-expanded
          aria-controls={listId}
          aria-activedescendant={found[chosen] ? `${listId}-${chosen}` : undefined}
          aria-label={t('palette.title')}
          placeholder={t('palette.placeholder')}
          className="h-12 flex-1 bg-transparent text-base outline-none focus-visible:outline-none"
          value={wish}
          onChange={(event) => {
            setWish(event.target.value)
            setAt(0)
          }}
          onKeyDown={(event) => {
            if (event.key === 'ArrowDown') move(chosen + 1)
            else if (event.key === 'ArrowUp') move(chosen - 1)
            // By what is written, not by what is drawn so far: fingers are faster.
            else if (event.key === 'Enter') run(wish === deferred ? found[chosen] : rank(entries, wish)[0])
            else return
            event.preventDefault()
          }}
        />
      </div>
      <div ref={list} id={listId} role="listbox" aria-label={t('palette.title')} className="scroll-thin overflow-y-auto p-1">
        {found.map((entry, n) => (
          <div key={entry.id} role="presentation">
            {entry.section !== found[n - 1]?.section && (
              <div role="presentation" className="px-2 pt-2 pb-1 text-xs text-ink-3">
                {entry.section}
              </div>
            )}
            {/* The input has the keyboard; rows are for the pointer and the screen reader. */}
            {/* eslint-disable-next-line jsx-a11y/click-events-have-key-events */}
            <div
              role="option"
              tabIndex={-1}
              id={`${listId}-${n}`}
              data-at={n}
              aria-selected={n === chosen}
              onMouseMove={() => setAt(n)}
              onClick={() => run(entry)}
              className={cx('flex h-9 cursor-pointer items-center gap-3 rounded-[5px] px-2', n === chosen && 'bg-selected')}
            >
              <bdi className="min-w-0 flex-1 truncate">{entry.title}</bdi>
              {entry.shortcut && <Shortcut keys={entry.shortcut} />}
            </div>
          </div>
        ))}
        {found.length === 0 && <p className="p-6 text-center text-ink-2">{t('palette.nothing')}</p>}
      </div>
    </>
  )
}

function useEntries(): Entry[] {
  const { t } = useTranslation()
  const navigate = useNavigate()
  return useMemo(() => {
    const commands = allCommands()
      .filter((command) => !command.hidden)
      .map((command) => ({ ...command, haystack: `${command.title} ${command.section} ${command.keywords ?? ''}`.toLowerCase() }))
    const seen = new Map<string, Entry>()
    for (const [, data] of queries.getQueriesData<{ pages: { items: Conversation[] }[] }>({ queryKey: ['conversations'] })) {
      for (const row of data?.pages.flatMap((page) => page.items) ?? []) {
        if (seen.size >= 2_000) break
        const title = row.contact.name ?? row.contact.address ?? t('contact.unknown')
        seen.set(row.id, {
          id: row.id,
          title,
          section: t('palette.conversations'),
          haystack: `${title} ${row.contact.address} ${row.subject ?? ''} ${row.last_message_preview}`.toLowerCase(),
          run: () => void navigate({ to: '/inbox/$conversationId', params: { conversationId: row.id }, search: (now) => now }),
        })
      }
    }
    return [...commands, ...seen.values()]
  }, [t, navigate])
}

/** Every word must be there; what starts with the wish comes first. Sections stay together. */
function rank(entries: Entry[], wish: string): Entry[] {
  const words = wish.toLowerCase().split(/\s+/).filter(Boolean)
  const fit = entries.filter((entry) => words.every((word) => entry.haystack.includes(word)))
  const first = words[0]
  const score = (entry: Entry) => (first && entry.title.toLowerCase().startsWith(first) ? 0 : 1)
  const sections = [...new Set(fit.toSorted((a, b) => score(a) - score(b)).map((entry) => entry.section))]
  return sections.flatMap((section) => fit.filter((entry) => entry.section === section).toSorted((a, b) => score(a) - score(b))).slice(0, SHOWN_MAX)
}
