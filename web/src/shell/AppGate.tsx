// In front of every page but sign-in: who are you, and may we show it?
import { Outlet, useLocation, useNavigate } from '@tanstack/react-router'
import { useEffect } from 'react'
import { useTranslation } from '@/i18n'
import { useSession } from '@/api/session'
import { Logo } from './Logo'
import { Shell } from './Shell'

export function AppGate() {
  const phase = useSession((state) => state.phase)
  const { pathname, searchStr } = useLocation()
  if (phase === 'in') return <Shell />
  if (phase === 'out') {
    // The phone explains itself to whoever is not signed in.
    if (pathname === '/phone') return <Outlet />
    // On the way there already: the address changes before the page has come, and is not where to return to.
    if (pathname === '/sign-in') return <Waiting unreachable={false} />
    return <ToSignIn next={pathname === '/inbox' ? undefined : pathname + searchStr} />
  }
  return <Waiting unreachable={phase === 'unreachable'} />
}

/** Sets out once, however often it is drawn while the page is fetched. */
function ToSignIn({ next }: { next: string | undefined }) {
  const navigate = useNavigate()
  useEffect(() => {
    void navigate({ to: '/sign-in', search: next ? { next } : {}, replace: true })
  }, [navigate, next])
  return <Waiting unreachable={false} />
}

function Waiting({ unreachable }: { unreachable: boolean }) {
  const { t } = useTranslation()
  return (
    <main className="flex h-full flex-col items-center justify-center gap-3 p-6 text-center" role="status">
      <Logo className="size-8 text-ink-3" />
      {unreachable ? (
        <>
          <p className="text-base font-medium">{t('problem.unreachable')}</p>
          <p className="max-w-xs text-sm text-ink-2">{t('problem.unreachable_help')}</p>
        </>
      ) : (
        <span className="sr-only">{t('common.loading')}</span>
      )}
    </main>
  )
}
