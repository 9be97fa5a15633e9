// The live list: virtual, newest word first, moved through with j and k.
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { useVirtualizer } from '@tanstack/react-virtual'
import { Check, ChevronDown, ListFilter, MessageSquarePlus, Search, SquarePen, X } from 'lucide-react'
import { useEffect, useMemo, useRef, useState } from 'react'
import { useTranslation } from '@/i18n'
import type { Conversation } from '@/api/model'
import { conversationQuery, conversationsQuery, countsQuery, messagesQuery, queries } from '@/api/queries'
import { useSession } from '@/api/session'
import { number } from '@/i18n/format'
import { type Command, useCommands, useOffer } from '@/shell/commands'
import { IconButton } from '@/ui/Button'
import { cx } from '@/ui/cx'
import { Menu, MenuItem, MenuLabel, MenuLine } from '@/ui/Menu'
import { Bone, Empty, Loading, Trouble } from '@/ui/State'
import { ConversationRow, ROW_HEIGHT } from './ConversationRow'
import { useNewMessage } from './new-message'
import { CHANNELS, filterOf, type InboxSearch, VIEWS } from './views'

interface Props {
  search: InboxSearch
  selected: string | null
}

export function ConversationList({ search, selected }: Props) {
  const { t } = useTranslation()
  const filter = useMemo(() => filterOf(search), [search])
  const query = useInfiniteQuery(conversationsQuery(filter))
  const [wish, setWish] = useState<string | null>(null)
  const all = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data])
  const rows = useMemo(() => (wish ? all.filter((row) => says(row, wish)) : all), [all, wish])
  useListKeys(rows, selected, () => setWish((now) => now ?? ''))
  return (
    <div className="flex h-full flex-col">
      <Header search={search} wish={wish} setWish={setWish} />
      {query.isPending ? (
        <ListSkeleton />
      ) : query.isError && !query.data ? (
        <Trouble error={query.error} retry={() => void query.refetch()} />
      ) : rows.length === 0 ? (
        wish ? (
          <Empty icon={<Search />} title={t('inbox.not_found')}>
            {t('inbox.not_found_help')}
          </Empty>
        ) : (
          <NothingHere view={search.view} channel={search.channel} />
        )
      ) : (
        <Rows
          rows={rows}
          selected={selected}
          more={query.hasNextPage && !query.isFetchingNextPage ? () => void query.fetchNextPage() : null}
          complete={!query.hasNextPage}
        />
      )}
    </div>
  )
}

function says(row: Conversation, wish: string): boolean {
  const text = `${row.contact.name ?? ''} ${row.contact.address} ${row.subject ?? ''} ${row.last_message_preview}`.toLowerCase()
  return wish.toLowerCase().split(/\s+/).every((word) => text.includes(word))
}

function Header({ search, wish, setWish }: { search: InboxSearch; wish: string | null; setWish: (wish: string | null) => void }) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const { data: counts } = useQuery(countsQuery)
  const mayWrite = useSession((state) => state.me?.staff.role !== 'read_only')
  const view = search.view ?? 'open'
  const count = search.channel ? undefined : counts?.[view]
  const go = (change: Partial<InboxSearch>) => void navigate({ to: '.', search: (now: InboxSearch) => ({ ...now, ...change }) })
  return (
    <header className="shrink-0 border-b">
      <div className="flex h-13 items-center gap-1 ps-2 pe-2">
        <h2 className="min-w-0 flex-1">
          <Menu
            trigger={
              <button type="button" className="flex h-9 max-w-full items-center gap-1.5 rounded px-2 hover:bg-hover">
                <span className="truncate text-lg font-semibold">{t(`view.${view}`)}</span>
                {count !== undefined && (
                  <span className="text-sm text-ink-3 tabular-nums" data-testid="view-count">
                    {number(count)}
                  </span>
                )}
                <ChevronDown className="size-4 shrink-0 text-ink-3" aria-hidden />
              </button>
            }
          >
            {VIEWS.map((name) => (
              <MenuItem key={name} checked={view === name} onSelect={() => go({ view: name === 'open' ? undefined : name })}>
                {t(`view.${name}`)}
                {counts && <span className="ms-2 text-xs text-ink-3">{number(counts[name])}</span>}
              </MenuItem>
            ))}
          </Menu>
        </h2>
        <Menu
          align="end"
          trigger={
            <button
              type="button"
              aria-label={search.channel ? `${t('inbox.filter')}: ${t(`channels.${search.channel}`)}` : t('inbox.filter')}
              className={cx(
                'flex h-8 items-center gap-1.5 rounded px-2 text-xs hover:bg-hover',
                search.channel ? 'bg-selected font-medium text-ink' : 'text-ink-2',
              )}
            >
              <ListFilter className="size-4" aria-hidden />
              {search.channel && t(`channels.${search.channel}`)}
            </button>
          }
        >
          <MenuLabel>{t('nav.channels')}</MenuLabel>
          <MenuItem checked={!search.channel} onSelect={() => go({ channel: undefined })}>
            {t('channels.all')}
          </MenuItem>
          <MenuLine />
          {CHANNELS.map((channel) => (
            <MenuItem key={channel} checked={search.channel === channel} onSelect={() => go({ channel })}>
              {t(`channels.${channel}`)}
            </MenuItem>
          ))}
        </Menu>
        {mayWrite && (
          <IconButton label={t('write.title')} shortcut="C" icon={<SquarePen className="size-4" />} onClick={() => useNewMessage.setState({ open: true })} />
        )}
        <IconButton
          label={t('inbox.find')}
          shortcut="/"
          pressed={wish !== null}
          icon={<Search className="size-4" />}
          onClick={() => setWish(wish === null ? '' : null)}
        />
      </div>
      {wish !== null && (
        <div className="flex items-center gap-1 border-t px-2 py-1.5">
          <input
            autoFocus
            type="search"
            aria-label={t('inbox.find')}
            placeholder={t('inbox.find_placeholder')}
            className="field h-8 flex-1"
            value={wish}
            onChange={(event) => setWish(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === 'Escape') setWish(null)
            }}
          />
          <IconButton label={t('common.close')} icon={<X className="size-4" />} onClick={() => setWish(null)} />
        </div>
      )}
    </header>
  )
}

function Rows({ rows, selected, more, complete }: { rows: Conversation[]; selected: string | null; more: (() => void) | null; complete: boolean }) {
  const { t } = useTranslation()
  const scroller = useRef<HTMLDivElement>(null)
  // The React Compiler is not used here; its complaint about this library is about memoised code.
  // eslint-disable-next-line react-hooks/incompatible-library
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    getItemKey: (index) => rows[index]!.id,
    overscan: 8,
  })
  const items = virtual.getVirtualItems()
  const last = items.at(-1)?.index ?? 0
  useEffect(() => {
    if (more && last > rows.length - 20) more()
  }, [more, last, rows.length])

  // The chosen row stays in sight when the keyboard moves, not when others' messages reorder the list.
  const index = selected ? rows.findIndex((row) => row.id === selected) : -1
  const shown = useRef<string | null>(null)
  useEffect(() => {
    if (index < 0 || shown.current === selected) return
    shown.current = selected
    virtual.scrollToIndex(index, { align: 'auto' })
  }, [index, selected, virtual])

  return (
    <div ref={scroller} className="scroll-thin min-h-0 flex-1 overflow-y-auto">
      <ul aria-label={t('inbox.list')} aria-busy={!complete && !more} style={{ height: virtual.getTotalSize() }} className="relative">
        {items.map((item) => {
          const row = rows[item.index]!
          return (
            <li
              key={item.key}
              aria-setsize={complete ? rows.length : -1}
              aria-posinset={item.index + 1}
              className="absolute inset-x-0 top-0"
              style={{ height: ROW_HEIGHT, transform: `translateY(${item.start}px)` }}
            >
              <Link
                to="/inbox/$conversationId"
                params={{ conversationId: row.id }}
                search={(now: InboxSearch) => now}
                data-testid="conversation-row"
                aria-current={row.id === selected ? 'true' : undefined}
                className="inset-focus block h-full rounded-none"
                onMouseEnter={() => prefetch(row.id)}
                onFocus={() => prefetch(row.id)}
              >
                <ConversationRow row={row} selected={row.id === selected} />
              </Link>
            </li>
          )
        })}
      </ul>
    </div>
  )
}

function prefetch(id: string) {
  void queries.prefetchInfiniteQuery(messagesQuery(id))
  void queries.prefetchQuery(conversationQuery(id))
}

function useListKeys(rows: Conversation[], selected: string | null, find: () => void) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const held = useRef({ rows, selected, find })
  useEffect(() => {
    held.current = { ...held.current, rows, find }
  })
  // Only when it changes: a row that arrives while a move is under way must not take the move back.
  useEffect(() => {
    held.current = { ...held.current, selected }
  }, [selected])
  const commands = useMemo<Command[]>(() => {
    const move = (by: number) => {
      const { rows, selected } = held.current
      const at = rows.findIndex((row) => row.id === selected)
      const next = rows[at < 0 ? 0 : Math.max(0, Math.min(rows.length - 1, at + by))]
      if (!next) return
      // The next key may come before this one is on the screen.
      held.current = { ...held.current, selected: next.id }
      void navigate({ to: '/inbox/$conversationId', params: { conversationId: next.id }, search: (now) => now })
      const after = rows[rows.indexOf(next) + by]
      if (after) prefetch(after.id)
    }
    const section = t('nav.inbox')
    return [
      { id: 'next', title: t('inbox.next'), section, shortcut: 'j', run: () => move(1) },
      { id: 'previous', title: t('inbox.previous'), section, shortcut: 'k', run: () => move(-1) },
      { id: 'find', title: t('inbox.find'), section, shortcut: '/', run: () => held.current.find() },
    ]
  }, [t, navigate])
  useOffer(commands)
}

function NothingHere({ view, channel }: { view: InboxSearch['view']; channel: InboxSearch['channel'] }) {
  const { t } = useTranslation()
  if (view === 'mine' || view === 'unassigned' || view === 'closed') {
    return (
      <Empty icon={<Check />} title={t(`empty.${view}`)}>
        {t(`empty.${view}_help`)}
      </Empty>
    )
  }
  return (
    <Empty
      icon={<MessageSquarePlus />}
      title={channel ? t('empty.channel') : t('empty.open')}
      action={
        <Link to="/settings/inboxes" className="inline-flex h-8 items-center rounded bg-ink px-3 text-sm font-medium text-on-ink">
          {t('empty.open_action')}
        </Link>
      }
    >
      {t('empty.open_help')}{' '}
      <button type="button" className="rounded underline underline-offset-2" onClick={() => useCommands.setState({ help: true })}>
        {t('help.title')}
      </button>
    </Empty>
  )
}

function ListSkeleton() {
  return (
    <Loading>
      {Array.from({ length: 9 }, (_, n) => (
        <div key={n} className="flex items-center gap-3 border-b px-4" style={{ height: ROW_HEIGHT }}>
          <Bone className="size-8 rounded-full" />
          <div className="flex-1 space-y-2">
            <Bone className="h-3 w-2/5" />
            <Bone className="h-3 w-4/5" />
          </div>
        </div>
      ))}
    </Loading>
  )
}
