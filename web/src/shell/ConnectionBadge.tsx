// The connection's truth, always on the screen: live, catching up (n), offline since.
import { CloudOff, LoaderCircle, RefreshCw } from 'lucide-react'
import { useTranslation } from '@/i18n'
import { clock } from '@/i18n/format'
import { badge } from '@/live/machine'
import { useLive } from '@/live/driver'
import { cx } from '@/ui/cx'
import { useNow } from '@/ui/useNow'

export function ConnectionBadge({ compact }: { compact?: boolean }) {
  const { t } = useTranslation()
  const state = useLive()
  const now = useNow(500)
  const shown = badge(state, Math.max(now, state.downSince ?? 0))
  const words =
    shown.kind === 'live'
      ? t('live.live')
      : shown.kind === 'connecting'
        ? t('live.connecting')
        : shown.kind === 'catching_up'
          ? t('live.catching_up', { count: shown.behind })
          : t('live.offline', { time: clock(shown.since) })
  return (
    <div
      role="status"
      data-testid="connection"
      data-state={shown.kind}
      title={shown.kind === 'offline' ? t('live.offline_help') : state.position ? t('live.position', { count: state.position.seq }) : undefined}
      className={cx(
        'flex min-w-0 items-center gap-1.5 rounded-full text-xs',
        shown.kind === 'offline' ? 'bg-lamp-soft px-2 py-0.5 font-medium text-lamp-ink' : 'text-ink-3',
      )}
    >
      {shown.kind === 'live' && <span aria-hidden className="mx-[3px] size-1.5 shrink-0 rounded-full bg-ink-3" />}
      {shown.kind === 'connecting' && <LoaderCircle className="size-3.5 shrink-0 animate-spin" aria-hidden />}
      {shown.kind === 'catching_up' && <RefreshCw className="size-3.5 shrink-0" aria-hidden />}
      {shown.kind === 'offline' && <CloudOff className="size-3.5 shrink-0" aria-hidden />}
      <span className={cx('truncate', compact && shown.kind !== 'offline' && 'sr-only')}>{words}</span>
    </div>
  )
}
