// In front of every page but sign-in: who are you, and may we show it?
import { Navigate, Outlet, useLocation } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { useSession } from '@/api/session'
import { Logo } from './Logo'
import { Shell } from './Shell'

export function AppGate() {
  const phase = useSession((state) => state.phase)
  const { pathname, searchStr } = useLocation()
  if (phase === 'in') return <Shell />
  if (phase === 'out') {
    // The phone is for visitors too, where the business allows it: the server decides.
    if (pathname === '/phone') return <Outlet />
    return <Navigate to="/sign-in" search={pathname === '/inbox' ? {} : { next: pathname + searchStr }} replace />
  }
  return <Waiting unreachable={phase === 'unreachable'} />
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
