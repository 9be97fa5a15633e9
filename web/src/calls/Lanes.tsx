// The whole call at a glance: who spoke when, the caller above, we below, and where we were cut short.
import { useTranslation } from '@/i18n'
import type { Turn } from '@/api/model'
import { stopwatch } from '@/i18n/format'

export function Lanes({ turns }: { turns: Turn[] }) {
  const { t } = useTranslation()
  const spoken = turns.filter((turn) => turn.speaker !== 'tool')
  const end = Math.max(1, ...turns.map((turn) => turn.ended_ms))
  const share = (ms: number) => `${(ms / end) * 100}%`
  return (
    <div className="mb-5" role="img" aria-label={t('call.lanes')}>
      <div className="relative h-10 rounded bg-sunken" dir="ltr">
        <span className="absolute inset-x-0 top-1/2 h-px bg-line" />
        {spoken.map((turn) => (
          <span
            key={turn.id}
            className={turn.speaker === 'caller' ? 'absolute top-1.5 h-3 rounded-[2px] bg-ink-3' : 'absolute bottom-1.5 h-3 rounded-[2px] bg-ink'}
            style={{ insetInlineStart: share(turn.started_ms), width: `max(2px, ${share(Math.max(0, turn.ended_ms - turn.started_ms))})` }}
          >
            {turn.interrupted && <span className="absolute -inset-y-1 end-0 w-0.5 bg-danger" />}
          </span>
        ))}
      </div>
      <div className="mt-1 flex justify-between text-xs text-ink-3 tabular-nums" dir="ltr">
        <span>0:00</span>
        <span>{stopwatch(end)}</span>
      </div>
    </div>
  )
}
