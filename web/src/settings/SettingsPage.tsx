// Settings: the places on one side, each place's sentences on the other.
import { Link, Outlet, useLocation } from '@tanstack/react-router'
import { Bot, Inbox, KeyRound, ScrollText, ShieldCheck, TriangleAlert, Users } from 'lucide-react'
import { useEffect, useRef } from 'react'
import { useTranslation } from '@/i18n'
import { useSession } from '@/api/session'
import { ChannelIcon } from '@/ui/ChannelIcon'
import { cx } from '@/ui/cx'

export default function SettingsPage() {
  const { t } = useTranslation()
  const admin = useAdmin()
  const places = useRef<HTMLElement>(null)
  const { pathname } = useLocation()
  // On a phone the places are a row that scrolls: where one is must be seen.
  useEffect(() => {
    places.current?.querySelector('[aria-current=page]')?.scrollIntoView({ block: 'nearest', inline: 'center' })
  }, [pathname])
  const item =
    'inset-focus flex h-9 shrink-0 items-center gap-2.5 rounded px-2.5 text-sm text-ink-2 hover:bg-hover hover:text-ink aria-[current=page]:bg-selected aria-[current=page]:font-medium aria-[current=page]:text-ink'
  return (
    <div className="grid h-full min-h-0 grid-rows-[auto_minmax(0,1fr)] bg-surface md:grid-cols-[216px_minmax(0,1fr)] md:grid-rows-1">
      <nav ref={places} aria-label={t('settings.title')} className="scroll-thin flex gap-px overflow-x-auto border-b p-2 md:flex-col md:border-e md:border-b-0">
        <h1 className="flex h-9 items-center px-2.5 text-lg font-semibold max-md:sr-only">{t('settings.title')}</h1>
        <Link to="/settings/agent" className={item}>
          <Bot className="size-4" aria-hidden /> {t('place.agent')}
        </Link>
        <Link to="/settings/team" className={item}>
          <Users className="size-4" aria-hidden /> {t('place.team')}
        </Link>
        <p className="px-2.5 pt-3 pb-1 text-xs text-ink-3 max-md:hidden">{t('nav.channels')}</p>
        <Link to="/settings/inboxes" className={item}>
          <Inbox className="size-4" aria-hidden /> {t('place.inboxes')}
        </Link>
        <Link to="/settings/channels/whatsapp" className={cx(item, 'md:mb-3')}>
          <ChannelIcon silent channel="whatsapp" className="size-4" /> {t('place.whatsapp')}
        </Link>
        {admin && (
          <Link to="/settings/api-keys" className={item}>
            <KeyRound className="size-4" aria-hidden /> {t('place.keys')}
          </Link>
        )}
        <Link to="/settings/security" className={item}>
          <ShieldCheck className="size-4" aria-hidden /> {t('place.security')}
        </Link>
        {admin && (
          <>
            <Link to="/settings/jobs" className={cx(item, 'md:mt-3')}>
              <TriangleAlert className="size-4" aria-hidden /> {t('place.jobs')}
            </Link>
            <Link to="/settings/audit" className={item}>
              <ScrollText className="size-4" aria-hidden /> {t('place.audit')}
            </Link>
          </>
        )}
      </nav>
      <div className="scroll-thin min-h-0 overflow-y-auto">
        <Outlet />
      </div>
    </div>
  )
}

export function useAdmin(): boolean {
  const role = useSession((state) => state.me?.staff.role)
  return role === 'admin' || role === 'owner' || role === 'system_admin'
}
