// A page that does not exist, and one that broke.
import { type ErrorComponentProps, Link } from '@tanstack/react-router'
import { Compass, TriangleAlert } from 'lucide-react'
import { useEffect } from 'react'
import { useTranslation } from '@/i18n'
import { Button } from '@/ui/Button'
import { Empty } from '@/ui/State'

export function NotFound() {
  const { t } = useTranslation()
  return (
    <Empty
      icon={<Compass />}
      title={t('problem.no_page')}
      action={
        <Link to="/inbox" className="inline-flex h-8 items-center rounded bg-ink px-3 text-sm font-medium text-on-ink">
          {t('problem.no_page_action')}
        </Link>
      }
    />
  )
}

/** Code of an earlier version that the server no longer has: a reload brings the new one. */
const STALE = /dynamically imported module|importing a module script failed|module script/i

export function RouteTrouble({ error, reset }: ErrorComponentProps) {
  const { t } = useTranslation()
  const stale = STALE.test(String(error))
  useEffect(() => {
    const key = 'switchboard.reloaded'
    if (!stale || !navigator.onLine || Date.now() - Number(sessionStorage.getItem(key)) < 30_000) return
    sessionStorage.setItem(key, String(Date.now()))
    location.reload()
  }, [stale])
  return (
    <Empty icon={<TriangleAlert />} title={stale ? t('problem.new_version') : t('problem.broken')} action={<Button onClick={stale ? () => location.reload() : reset}>{t('common.try_again')}</Button>}>
      {stale ? t('problem.new_version_help') : t('problem.broken_help')}
    </Empty>
  )
}
