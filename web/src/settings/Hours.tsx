// Opening hours: always, or by the days of the week in the business's own time.
import { Copy, Plus, Trash2 } from 'lucide-react'
import { useTranslation } from '@/i18n'
import type { AgentSettings } from '@/api/model'
import { useSession } from '@/api/session'
import { locale } from '@/i18n'
import { Button, IconButton } from '@/ui/Button'
import { Field, Input, Select } from '@/ui/Field'

type Hours = AgentSettings['hours']
const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const

/** 5 January 2026 was a Monday. */
function dayName(index: number): string {
  return new Intl.DateTimeFormat(locale(), { weekday: 'long', timeZone: 'UTC' }).format(Date.UTC(2026, 0, 5 + index))
}

export function Hours({ hours, onChange }: { hours: Hours; onChange: (hours: Hours) => void }) {
  const { t } = useTranslation()
  const timezone = useSession((state) => state.me?.tenant.timezone) ?? 'UTC'
  const usual = DAYS.slice(0, 5).map((day) => ({ day, from: '09:00', to: '17:00' }))
  return (
    <div className="flex flex-col gap-3">
      <Field label={t('settings.agent.hours')}>
        {(ids) => (
          <Select {...ids} className="self-start" value={hours ? 'days' : 'always'} onChange={(event) => onChange(event.target.value === 'days' ? { timezone, days: usual } : null)}>
            <option value="always">{t('settings.agent.hours_always')}</option>
            <option value="days">{t('settings.agent.hours_days')}</option>
          </Select>
        )}
      </Field>
      {hours && <Week hours={hours} onChange={onChange} />}
    </div>
  )
}

function Week({ hours, onChange }: { hours: NonNullable<Hours>; onChange: (hours: Hours) => void }) {
  const { t } = useTranslation()
  const set = (days: NonNullable<Hours>['days']) => onChange({ ...hours, days })
  const zones = Intl.supportedValuesOf('timeZone')
  return (
    <>
      <ul className="flex flex-col gap-1">
        {DAYS.map((day, index) => {
          const rows = hours.days.map((row, n) => ({ ...row, n })).filter((row) => row.day === day)
          return (
            <li key={day} className="flex flex-wrap items-start gap-x-3 gap-y-1">
              <span className="flex h-9 w-28 items-center text-sm">{dayName(index)}</span>
              <div className="flex flex-col gap-1">
                {rows.length === 0 && <span className="flex h-9 items-center text-sm text-ink-3">{t('settings.agent.closed')}</span>}
                {rows.map((row) => (
                  <div key={row.n} className="flex items-center gap-1.5">
                    <Input
                      type="time"
                      className="w-28"
                      aria-label={t('settings.agent.from', { day: dayName(index) })}
                      value={row.from}
                      onChange={(event) => set(hours.days.with(row.n, { day, from: event.target.value, to: row.to }))}
                    />
                    <span aria-hidden>–</span>
                    <Input
                      type="time"
                      className="w-28"
                      aria-label={t('settings.agent.to', { day: dayName(index) })}
                      value={row.to}
                      onChange={(event) => set(hours.days.with(row.n, { day, from: row.from, to: event.target.value }))}
                    />
                    <IconButton label={t('common.remove')} icon={<Trash2 className="size-4" />} onClick={() => set(hours.days.toSpliced(row.n, 1))} />
                  </div>
                ))}
              </div>
              <IconButton
                label={t('settings.agent.add_hours', { day: dayName(index) })}
                icon={<Plus className="size-4" />}
                onClick={() => set([...hours.days, { day, from: rows.length ? '18:00' : '09:00', to: rows.length ? '20:00' : '17:00' }])}
              />
            </li>
          )
        })}
      </ul>
      <div className="flex flex-wrap items-end gap-3">
        <Field label={t('settings.agent.timezone')}>
          {(ids) => (
            <Select {...ids} dir="ltr" value={hours.timezone} onChange={(event) => onChange({ ...hours, timezone: event.target.value })}>
              {[...new Set([hours.timezone, 'UTC', ...zones])].map((zone) => (
                <option key={zone}>{zone}</option>
              ))}
            </Select>
          )}
        </Field>
        <Button
          icon={<Copy className="size-4" />}
          onClick={() => {
            const first = hours.days.filter((row) => row.day === 'mon')
            set([
              ...DAYS.slice(0, 5).flatMap((day) => first.map((row) => ({ ...row, day }))),
              ...hours.days.filter((row) => row.day === 'sat' || row.day === 'sun'),
            ])
          }}
        >
          {t('settings.agent.copy_monday', { day: dayName(0) })}
        </Button>
      </div>
    </>
  )
}
