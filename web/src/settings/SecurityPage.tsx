// One's own security: the second factor and the password.
import { useMutation } from '@tanstack/react-query'
import { ShieldCheck, ShieldOff } from 'lucide-react'
import qrcode from 'qrcode-generator'
import { useMemo, useState } from 'react'
import { useTranslation } from '@/i18n'
import { api, ApiError, body } from '@/api/client'
import type { TotpSetup } from '@/api/model'
import { setMe, useSession } from '@/api/session'
import { Button } from '@/ui/Button'
import { Field, Input } from '@/ui/Field'
import { useProblem } from '@/ui/State'
import { CopyText, Page, Section } from './Page'

export default function SecurityPage() {
  const { t } = useTranslation()
  return (
    <Page title={t('place.security')} about={t('settings.security.about')}>
      <SecondFactor />
      <Password />
    </Page>
  )
}

function SecondFactor() {
  const { t } = useTranslation()
  const me = useSession((state) => state.me)
  const [codes, setCodes] = useState<string[] | null>(null)
  const on = me?.staff.totp_enabled ?? false
  const set = (totp_enabled: boolean) => me && setMe({ ...me, staff: { ...me.staff, totp_enabled } })
  const setup = useMutation({ mutationFn: () => body(api.POST('/api/v1/me/totp')) })
  return (
    <Section title={t('settings.security.totp')} about={t('settings.security.totp_about')}>
      <p className="flex items-center gap-2 text-base">
        {on ? <ShieldCheck className="size-4" aria-hidden /> : <ShieldOff className="size-4 text-ink-3" aria-hidden />}
        {on ? t('settings.security.totp_on') : t('settings.security.totp_off')}
      </p>
      {codes && <RecoveryCodes codes={codes} />}
      {on && !codes && <TurnOff onDone={() => set(false)} />}
      {!on && !setup.data && (
        <Button className="self-start" disabled={setup.isPending} onClick={() => setup.mutate()}>
          {t('settings.security.totp_start')}
        </Button>
      )}
      <Fault error={setup.error} />
      {!on && setup.data && (
        <ScanCode
          setup={setup.data}
          onDone={(made) => {
            setCodes(made)
            set(true)
            setup.reset()
          }}
        />
      )}
    </Section>
  )
}

function Fault({ error }: { error: unknown }) {
  const problem = useProblem(error)
  if (!error) return null
  return (
    <p role="alert" className="text-sm text-danger">
      {problem}
    </p>
  )
}

function ScanCode({ setup, onDone }: { setup: TotpSetup; onDone: (codes: string[]) => void }) {
  const { t } = useTranslation()
  const confirm = useMutation({
    mutationFn: (code: string) => body(api.POST('/api/v1/me/totp/confirm', { body: { code } })),
    onSuccess: ({ recovery_codes }) => onDone(recovery_codes),
  })
  const picture = useMemo(() => {
    const code = qrcode(0, 'M')
    code.addData(setup.otpauth_url)
    code.make()
    return `data:image/svg+xml;utf8,${encodeURIComponent(code.createSvgTag({ cellSize: 4, margin: 16, scalable: true }))}`
  }, [setup.otpauth_url])
  return (
    <div className="flex flex-wrap gap-6">
      {/* As an image, so that nothing in it can be more than a picture. */}
      <img src={picture} alt={t('settings.security.qr')} className="size-44 rounded border bg-white" />
      <div className="flex min-w-60 flex-1 flex-col gap-3">
        <p className="text-sm text-ink-2">{t('settings.security.scan')}</p>
        <CopyText text={setup.secret} label={t('settings.security.secret')} />
        <a href={setup.otpauth_url} className="self-start rounded text-sm underline underline-offset-4">
          {t('settings.security.open_app')}
        </a>
        <CodeForm label={t('settings.security.code')} action={t('settings.security.confirm')} pending={confirm.isPending} onCode={(code) => confirm.mutate(code)} />
        <Fault error={confirm.error} />
      </div>
    </div>
  )
}

function CodeForm({ label, action, pending, onCode }: { label: string; action: string; pending: boolean; onCode: (code: string) => void }) {
  const [code, setCode] = useState('')
  return (
    <form
      className="flex items-end gap-2"
      onSubmit={(event) => {
        event.preventDefault()
        onCode(code.replaceAll(' ', ''))
      }}
    >
      <Field label={label}>
        {(ids) => (
          <Input {...ids} required inputMode="numeric" autoComplete="one-time-code" dir="ltr" className="w-36 tracking-widest tabular-nums" value={code} onChange={(event) => setCode(event.target.value)} />
        )}
      </Field>
      <Button type="submit" className="h-9" disabled={pending}>
        {action}
      </Button>
    </form>
  )
}

function RecoveryCodes({ codes }: { codes: string[] }) {
  const { t } = useTranslation()
  return (
    <div className="flex flex-col gap-2">
      <p className="text-sm font-medium">{t('settings.security.recovery')}</p>
      <p className="text-sm text-ink-2">{t('settings.security.recovery_help')}</p>
      <CopyText block text={codes.join('\n')} label={t('settings.security.recovery')} />
    </div>
  )
}

function TurnOff({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation()
  const disable = useMutation({ mutationFn: (code: string) => api.POST('/api/v1/me/totp/disable', { body: { code } }), onSuccess: onDone })
  return (
    <>
      <CodeForm label={t('settings.security.code')} action={t('settings.security.totp_stop')} pending={disable.isPending} onCode={(code) => disable.mutate(code)} />
      <Fault error={disable.error} />
    </>
  )
}

function Password() {
  const { t } = useTranslation()
  const email = useSession((state) => state.me?.staff.email)
  const [form, setForm] = useState({ current: '', fresh: '' })
  const change = useMutation({
    mutationFn: () => api.POST('/api/v1/me/password', { body: { current: form.current, new: form.fresh } }),
    onSuccess: () => setForm({ current: '', fresh: '' }),
  })
  const problem = useProblem(change.error)
  const fault = (field: string) => (change.error instanceof ApiError ? (change.error.field(field) ?? null) : null)
  return (
    <Section title={t('settings.security.password')} about={t('settings.security.password_about')}>
      <form
        className="flex max-w-sm flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault()
          change.mutate()
        }}
      >
        {/* So that a password manager knows whose password this is. */}
        <input type="hidden" name="username" autoComplete="username" value={email ?? ''} readOnly />
        <Field label={t('settings.security.current')} fault={fault('current')}>
          {(ids) => <Input {...ids} type="password" autoComplete="current-password" dir="ltr" value={form.current} onChange={(event) => setForm({ ...form, current: event.target.value })} />}
        </Field>
        <Field label={t('settings.security.new')} help={t('settings.security.new_help')} fault={fault('new')}>
          {(ids) => (
            <Input {...ids} type="password" required minLength={12} autoComplete="new-password" dir="ltr" value={form.fresh} onChange={(event) => setForm({ ...form, fresh: event.target.value })} />
          )}
        </Field>
        {change.error && !fault('current') && !fault('new') && (
          <p role="alert" className="text-sm text-danger">
            {problem}
          </p>
        )}
        {change.isSuccess && (
          <p role="status" className="text-sm">
            {t('settings.security.password_done')}
          </p>
        )}
        <Button type="submit" className="self-start" disabled={change.isPending || form.fresh.length < 12}>
          {t('settings.security.password_change')}
        </Button>
      </form>
    </Section>
  )
}
