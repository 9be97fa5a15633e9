// What a place shows instead of its content: nothing yet, nothing at all, or why not.
import { RotateCw } from 'lucide-react'
import type { ReactNode } from 'react'
import { useTranslation } from '@/i18n'
import { ApiError } from '@/api/client'
import { Button } from './Button'
import { cx } from './cx'

/** Teaches the one next step. */
export function Empty({ icon, title, children, action }: { icon: ReactNode; title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className="flex h-full flex-col items-center justify-center gap-1 p-8 text-center">
      <span className="mb-2 text-ink-3 [&>svg]:size-6" aria-hidden>
        {icon}
      </span>
      <p className="text-base font-medium">{title}</p>
      {children && <p className="max-w-xs text-sm text-balance text-ink-2">{children}</p>}
      {action && <div className="mt-3">{action}</div>}
    </div>
  )
}

/** Says what happened, and offers the one thing that may help. */
export function Trouble({ error, retry, className }: { error: unknown; retry?: () => void; className?: string }) {
  const { t } = useTranslation()
  return (
    <div role="alert" className={cx('m-4 flex flex-wrap items-center gap-3 rounded border border-line-strong bg-surface p-3 text-sm', className)}>
      <p className="min-w-40 flex-1">{useProblem(error)}</p>
      {retry && (
        <Button size="sm" icon={<RotateCw className="size-3.5" />} onClick={retry}>
          {t('common.try_again')}
        </Button>
      )}
    </div>
  )
}

/** A failure in the reader's language where we know it, else in the server's own words. */
export function useProblem(error: unknown): string {
  const { t } = useTranslation()
  if (!(error instanceof ApiError)) return t('problem.unexpected')
  if (error.status === 0) return t('problem.offline')
  return t(`problem.${error.code as 'offline'}`, { defaultValue: error.message })
}

export function Bone({ className }: { className: string }) {
  return <span aria-hidden className={cx('skeleton block', className)} />
}

/** Says that a place is loading, to those who do not see the skeleton. */
export function Loading({ children }: { children: ReactNode }) {
  const { t } = useTranslation()
  return (
    <div role="status" aria-label={t('common.loading')}>
      {children}
    </div>
  )
}
