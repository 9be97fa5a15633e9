// The frame: places and views on the side, the connection's truth and oneself below, the place itself beside it.
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link, Outlet, useNavigate } from '@tanstack/react-router'
import { AudioLines, CircleUserRound, Inbox, Keyboard, LogOut, Monitor, Moon, PhoneCall, Search, Settings, Sun } from 'lucide-react'
import { lazy, type ReactNode, Suspense, useEffect, useMemo } from 'react'
import { callsQuery, countsQuery } from '@/api/queries'
import { signOut, useSession } from '@/api/session'
import { type Language, languages, speak, useTranslation, withTexts } from '@/i18n'
import { number } from '@/i18n/format'
import { CHANNELS, VIEWS } from '@/inbox/views'
import { useNewMessage } from '@/inbox/new-message'
import { live } from '@/live/live'
import { useLive } from '@/live/driver'
import { useSignals } from '@/live/signals'
import { deliverWaiting } from '@/inbox/outbox'
import { Avatar } from '@/ui/Avatar'
import { IconButton } from '@/ui/Button'
import { Hint } from '@/ui/Hint'
import { ChannelIcon } from '@/ui/ChannelIcon'
import { cx } from '@/ui/cx'
import { MOD } from '@/ui/Kbd'
import { Menu, MenuItem, MenuLabel, MenuLine } from '@/ui/Menu'
import { type Command, listenToKeys, useCommands, useOffer } from './commands'
import { Complaints } from './Complaints'
import { ConnectionBadge } from './ConnectionBadge'
import { Logo } from './Logo'
import { setTheme, useTheme } from './theme'

const Palette = lazy(() => import('./Palette'))
const Help = lazy(() => import('./Help'))
const NewMessage = lazy(() => withTexts(import('@/inbox/NewMessage')))
const ListeningBar = lazy(() => import('@/calls/ListeningBar'))

export function Shell() {
  const me = useSession((state) => state.me)
  const staffId = me?.staff.id
  useEffect(() => {
    if (!staffId) return
    live.start(staffId)
    return () => live.stop()
  }, [staffId])
  useEffect(listenToKeys, [])
  useRetryWhenLive()
  useGlobalCommands()
  const { palette, help } = useCommands()
  const writing = useNewMessage((state) => state.open)
  const { t } = useTranslation()
  return (
    <div className="grid h-full grid-rows-[minmax(0,1fr)_auto] sm:grid-cols-[56px_minmax(0,1fr)] sm:grid-rows-1 lg:grid-cols-[216px_minmax(0,1fr)]">
      <a href="#main" className="sr-only focus:not-sr-only focus:fixed focus:start-2 focus:top-2 focus:z-50 focus:rounded focus:bg-ink focus:px-3 focus:py-2 focus:text-on-ink">
        {t('nav.skip')}
      </a>
      <Side />
      <main id="main" tabIndex={-1} className="min-h-0 min-w-0 outline-none focus-visible:outline-none">
        <Outlet />
      </main>
      <BottomBar />
      <Complaints />
      <Suspense>
        <ListeningBar />
        {palette && <Palette />}
        {help && <Help />}
        {writing && <NewMessage />}
      </Suspense>
    </div>
  )
}

/** Whatever waited for the connection goes out when it is back. */
function useRetryWhenLive() {
  const phase = useLive((state) => state.phase)
  useEffect(() => {
    if (phase === 'live') void deliverWaiting()
  }, [phase])
}

function useLiveCalls(): number {
  const { data } = useInfiniteQuery(callsQuery('live'))
  return data?.pages.reduce((sum, page) => sum + page.items.length, 0) ?? 0
}

function Side() {
  const { t } = useTranslation()
  const me = useSession((state) => state.me)
  const { data: counts } = useQuery(countsQuery)
  const calls = useLiveCalls()
  const view = { open: counts?.open, mine: counts?.mine, unassigned: counts?.unassigned, closed: undefined }
  return (
    <nav aria-label={t('nav.label')} className="hidden min-h-0 flex-col border-e bg-canvas sm:flex">
      <div className="flex h-13 shrink-0 items-center gap-2 px-3 max-lg:justify-center lg:ps-4">
        <Logo className="size-6 shrink-0" />
        <span className="min-w-0 flex-1 truncate font-semibold max-lg:hidden">{me?.tenant.name}</span>
        <IconButton
          label={t('palette.title')}
          shortcut={`${MOD} K`}
          icon={<Search className="size-4" />}
          className="max-lg:hidden"
          onClick={() => useCommands.setState({ palette: true })}
        />
      </div>
      <div className="scroll-thin flex min-h-0 flex-1 flex-col gap-px overflow-y-auto px-2 pb-2">
        <Item to="/inbox" icon={<Inbox className="size-4" />} label={t('nav.inbox')} top count={view.open} exact />
        <div className="flex flex-col gap-px max-lg:hidden">
          {VIEWS.filter((name) => name !== 'open').map((name) => (
            <Item key={name} to="/inbox" search={{ view: name }} label={t(`view.${name}`)} count={view[name]} inner />
          ))}
          <p className="px-2 pt-4 pb-1 text-xs text-ink-3">{t('nav.channels')}</p>
          {CHANNELS.map((channel) => (
            <Item
              key={channel}
              to="/inbox"
              search={{ channel }}
              icon={<ChannelIcon silent channel={channel} className="size-4" />}
              label={t(`channels.${channel}`)}
            />
          ))}
          <p className="px-2 pt-4 pb-1 text-xs text-ink-3">{t('nav.voice')}</p>
        </div>
        <Item to="/calls" icon={<AudioLines className="size-4" />} label={t('nav.calls')} count={calls || undefined} lit={calls > 0} top />
        <Item to="/phone" icon={<PhoneCall className="size-4" />} label={t('nav.phone')} top />
        <Item to="/settings" icon={<Settings className="size-4" />} label={t('nav.settings')} top />
      </div>
      <div className="flex shrink-0 items-center gap-2 border-t p-2 max-lg:flex-col">
        <UserMenu />
        <div className="min-w-0 flex-1 max-lg:hidden">
          <ConnectionBadge />
        </div>
        <div className="lg:hidden">
          <ConnectionBadge compact />
        </div>
        <Colleagues />
      </div>
    </nav>
  )
}

interface ItemProps {
  to: '/inbox' | '/calls' | '/phone' | '/settings'
  search?: { view?: (typeof VIEWS)[number]; channel?: (typeof CHANNELS)[number] }
  icon?: ReactNode
  label: string
  count?: number
  lit?: boolean
  top?: boolean
  inner?: boolean
  exact?: boolean
}

function Item({ to, search, icon, label, count, lit, inner, exact }: ItemProps) {
  const inside = (
    <Link
      to={to}
      // The inbox itself is where nothing is chosen.
      search={search ?? (exact ? { view: undefined, channel: undefined } : {})}
      activeOptions={{ exact: false, includeSearch: to === '/inbox', explicitUndefined: exact }}
      preload="intent"
      className="inset-focus group flex h-8 items-center gap-2.5 rounded px-2 text-ink-2 hover:bg-hover hover:text-ink max-lg:h-10 max-lg:justify-center aria-[current=page]:bg-selected aria-[current=page]:font-medium aria-[current=page]:text-ink"
    >
      {icon && (
        <span className="relative shrink-0">
          {icon}
          {lit && <span className="absolute -end-1 -top-1 size-2 rounded-full border border-canvas bg-lamp lg:hidden" />}
        </span>
      )}
      <span className={cx('min-w-0 flex-1 truncate max-lg:sr-only', inner && 'ps-[26px]')}>{label}</span>
      {lit && <span className="size-1.5 rounded-full bg-lamp max-lg:hidden" aria-hidden />}
      {count !== undefined && count > 0 && <span className="text-xs text-ink-3 tabular-nums max-lg:sr-only">{number(count)}</span>}
    </Link>
  )
  return inside
}

function Colleagues() {
  const { t } = useTranslation()
  const me = useSession((state) => state.me?.staff.id)
  const online = useSignals((state) => state.online)
  const others = Object.values(online).filter((person) => person.id !== me)
  if (others.length === 0) return null
  return (
    <Hint label={t('nav.here', { names: others.map((person) => person.name).join(', ') })}>
      <button type="button" aria-label={t('nav.here', { names: others.map((person) => person.name).join(', ') })} className="flex cursor-default -space-x-1 rounded-full max-lg:hidden">
        {others.slice(0, 3).map((person) => (
          <Avatar key={person.id} id={person.id} name={person.name} size="sm" className="ring-2 ring-canvas" />
        ))}
      </button>
    </Hint>
  )
}

const themes = { system: Monitor, light: Sun, dark: Moon }

function UserMenu() {
  const { t, language: spoken } = useTranslation()
  const me = useSession((state) => state.me)
  const { theme } = useTheme()
  const navigate = useNavigate()
  if (!me) return null
  return (
    <Menu
      trigger={
        <button type="button" aria-label={t('nav.account', { name: me.staff.name })} className="rounded-full">
          <Avatar id={me.staff.id} name={me.staff.name} />
        </button>
      }
    >
      <div className="px-2 py-1.5">
        <p className="text-sm font-medium">{me.staff.name}</p>
        <p className="text-xs text-ink-3">
          {me.staff.email} · {t(`role.${me.staff.role}`)}
        </p>
      </div>
      <MenuLine />
      <MenuItem icon={<CircleUserRound className="size-4" />} onSelect={() => void navigate({ to: '/settings/security' })}>
        {t('place.security')}
      </MenuItem>
      <MenuItem icon={<Keyboard className="size-4" />} shortcut="?" onSelect={() => useCommands.setState({ help: true })}>
        {t('help.title')}
      </MenuItem>
      <MenuLabel>{t('nav.theme')}</MenuLabel>
      {(['system', 'light', 'dark'] as const).map((name) => {
        const Icon = themes[name]
        return (
          <MenuItem key={name} icon={<Icon className="size-4" />} checked={theme === name} onSelect={() => setTheme(name)}>
            {t(`theme.${name}`)}
          </MenuItem>
        )
      })}
      <MenuLabel>{t('nav.language')}</MenuLabel>
      {(Object.keys(languages) as Language[]).map((language) => (
        <MenuItem key={language} checked={spoken === language} onSelect={() => void speak(language)}>
          <bdi lang={language}>{languages[language]}</bdi>
        </MenuItem>
      ))}
      <MenuLine />
      <MenuItem icon={<LogOut className="size-4" />} onSelect={() => void signOut()}>
        {t('nav.sign_out')}
      </MenuItem>
    </Menu>
  )
}

/** On a phone: the four places, within the thumb's reach. */
function BottomBar() {
  const { t } = useTranslation()
  const calls = useLiveCalls()
  const item =
    'relative flex min-h-13 flex-1 flex-col items-center justify-center gap-0.5 text-2xs text-ink-3 inset-focus aria-[current=page]:text-ink aria-[current=page]:font-medium'
  return (
    <div className="border-t bg-canvas pb-[env(safe-area-inset-bottom)] sm:hidden">
      <div className="flex justify-center px-3 pt-1 empty:hidden">
        <OfflineOnly />
      </div>
      <nav aria-label={t('nav.label')} className="flex">
        <Link to="/inbox" search={{}} className={item} activeOptions={{ includeSearch: false }}>
          <Inbox className="size-5" aria-hidden />
          {t('nav.inbox')}
        </Link>
        <Link to="/calls" className={item}>
          <AudioLines className="size-5" aria-hidden />
          {t('nav.calls')}
          {calls > 0 && <span className="absolute top-2 ms-6 size-2 rounded-full bg-lamp" aria-hidden />}
        </Link>
        <Link to="/phone" className={item}>
          <PhoneCall className="size-5" aria-hidden />
          {t('nav.phone_short')}
        </Link>
        <Link to="/settings" className={item}>
          <Settings className="size-5" aria-hidden />
          {t('nav.settings')}
        </Link>
      </nav>
    </div>
  )
}

/** A phone has no room to say that all is well. */
function OfflineOnly() {
  const quiet = useLive((state) => state.phase === 'live' && state.head <= (state.position?.seq ?? state.head))
  return quiet ? null : <ConnectionBadge />
}

function useGlobalCommands() {
  const { t, language } = useTranslation()
  const navigate = useNavigate()
  const mayWrite = useSession((state) => state.me?.staff.role !== 'read_only')
  const commands = useMemo<Command[]>(() => {
    const go = t('help.go')
    const look = t('help.look')
    return [
      { id: 'palette', title: t('palette.title'), section: go, shortcut: 'mod+k', always: true, hidden: true, run: () => useCommands.setState((now) => ({ palette: !now.palette })) },
      ...(mayWrite ? [{ id: 'write', title: t('write.title'), section: t('nav.inbox'), shortcut: 'c', run: () => useNewMessage.setState({ open: true }) }] : []),
      { id: 'go-inbox', title: t('nav.inbox'), section: go, shortcut: 'g i', run: () => void navigate({ to: '/inbox' }) },
      { id: 'go-mine', title: t('view.mine'), section: go, shortcut: 'g m', run: () => void navigate({ to: '/inbox', search: { view: 'mine' } }) },
      { id: 'go-unassigned', title: t('view.unassigned'), section: go, shortcut: 'g u', run: () => void navigate({ to: '/inbox', search: { view: 'unassigned' } }) },
      { id: 'go-closed', title: t('view.closed'), section: go, run: () => void navigate({ to: '/inbox', search: { view: 'closed' } }) },
      { id: 'go-calls', title: t('nav.calls'), section: go, shortcut: 'g c', run: () => void navigate({ to: '/calls' }) },
      { id: 'go-phone', title: t('nav.phone'), section: go, shortcut: 'g p', run: () => void navigate({ to: '/phone' }) },
      { id: 'go-settings', title: t('nav.settings'), section: go, shortcut: 'g s', run: () => void navigate({ to: '/settings/agent' }) },
      { id: 'go-team', title: t('place.team'), section: go, run: () => void navigate({ to: '/settings/team' }) },
      { id: 'go-inboxes', title: t('place.inboxes'), section: go, run: () => void navigate({ to: '/settings/inboxes' }) },
      { id: 'go-whatsapp', title: t('place.whatsapp'), section: go, run: () => void navigate({ to: '/settings/channels/whatsapp' }) },
      { id: 'go-keys', title: t('place.keys'), section: go, run: () => void navigate({ to: '/settings/api-keys' }) },
      { id: 'go-jobs', title: t('place.jobs'), section: go, run: () => void navigate({ to: '/settings/jobs' }) },
      { id: 'go-audit', title: t('place.audit'), section: go, run: () => void navigate({ to: '/settings/audit' }) },
      { id: 'go-security', title: t('place.security'), section: go, run: () => void navigate({ to: '/settings/security' }) },
      { id: 'help', title: t('help.title'), section: look, shortcut: '?', run: () => useCommands.setState({ help: true }) },
      ...(['system', 'light', 'dark'] as const).map((name) => ({
        id: `theme-${name}`,
        title: `${t('nav.theme')}: ${t(`theme.${name}`)}`,
        section: look,
        run: () => setTheme(name),
      })),
      ...(Object.keys(languages) as Language[])
        .filter((name) => name !== language)
        .map((name) => ({ id: `language-${name}`, title: `${t('nav.language')}: ${languages[name]}`, section: look, run: () => void speak(name) })),
      { id: 'sign-out', title: t('nav.sign_out'), section: look, run: () => void signOut() },
    ]
  }, [t, navigate, language, mayWrite])
  useOffer(commands)
}
