// Signing in: password, the second factor when there is one, or a link that works once.
import { useMutation } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { LoaderCircle } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import { api, ApiError, body } from '@/api/client'
import { accept, announce, useSession } from '@/api/session'
import { type Language, languages, speak, useTranslation } from '@/i18n'
import { Logo } from '@/shell/Logo'
import { Button } from '@/ui/Button'
import { Field, Input } from '@/ui/Field'
import { useProblem } from '@/ui/State'

export default function SignInPage() {
  const { t, language: spoken } = useTranslation()
  const [link] = useState(() => new URLSearchParams(location.hash.slice(1)).get('link'))
  useGoOn()
  return (
    <div className="flex h-full flex-col items-center overflow-y-auto px-4 py-8">
      <main className="flex w-full max-w-sm flex-1 flex-col justify-center">
        <div className="mb-6 flex items-center gap-2.5">
          <Logo className="size-8" />
          <span className="text-xl font-semibold">Switchboard</span>
        </div>
        {link ? <ByLink token={link} /> : <ByPassword />}
      </main>
      <nav aria-label={t('nav.language')} className="flex gap-1 pt-8">
        {(Object.keys(languages) as Language[]).map((language) => (
          <button
            key={language}
            type="button"
            lang={language}
            aria-pressed={spoken === language}
            onClick={() => void speak(language)}
            className="h-8 rounded px-2 text-sm text-ink-2 hover:bg-hover aria-pressed:font-medium aria-pressed:text-ink"
          >
            {languages[language]}
          </button>
        ))}
      </nav>
    </div>
  )
}

/** Signed in here or in another tab: on to where one wanted to go. */
function useGoOn() {
  const { next } = useSearch({ from: '/sign-in' })
  const phase = useSession((state) => state.phase)
  const navigate = useNavigate()
  useEffect(() => {
    // Only a path of our own: an address somebody put into a link must not lead away.
    if (phase === 'in') void navigate({ to: next && /^\/(?![/\\])/.test(next) ? next : '/inbox', replace: true })
  }, [phase, next, navigate])
}

function ByLink({ token }: { token: string }) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const started = useRef(false)
  const { mutate, error } = useMutation({
    mutationFn: () => body(api.POST('/api/v1/auth/link', { body: { token } })),
    onSuccess: (session) => {
      accept(session)
      announce()
    },
  })
  const problem = useProblem(error)
  useEffect(() => {
    // The link works once: not twice where React runs effects twice.
    if (started.current) return
    started.current = true
    history.replaceState(null, '', location.pathname + location.search)
    mutate()
  }, [mutate])
  if (!error) {
    return (
      <p role="status" className="flex items-center gap-2 text-base text-ink-2">
        <LoaderCircle className="size-4 animate-spin" aria-hidden />
        {t('sign_in.by_link')}
      </p>
    )
  }
  const used = error instanceof ApiError && error.status === 401
  return (
    <div role="alert">
      <p className="text-base font-medium">{used ? t('sign_in.link_used') : problem}</p>
      <p className="mt-1 text-sm text-ink-2">{used ? t('sign_in.link_used_help') : t('sign_in.link_kept')}</p>
      <div className="mt-4 flex gap-2">
        {!used && <Button onClick={() => mutate()}>{t('common.try_again')}</Button>}
        <Button kind="primary" onClick={() => void navigate({ to: '/sign-in', search: {}, hash: '', reloadDocument: true })}>
          {t('sign_in.with_password')}
        </Button>
      </div>
    </div>
  )
}

function ByPassword() {
  const { t } = useTranslation()
  const [form, setForm] = useState({ email: '', password: '', totp: '', tenant: '' })
  const [step, setStep] = useState<'password' | 'totp'>('password')
  const [askTenant, setAskTenant] = useState(false)
  const login = useMutation({
    mutationFn: () =>
      body(
        api.POST('/api/v1/auth/login', {
          body: {
            email: form.email.trim(),
            password: form.password,
            ...(form.totp ? { totp: form.totp.replaceAll(' ', '') } : {}),
            ...(form.tenant ? { tenant: form.tenant.trim() } : {}),
          },
        }),
      ),
    onSuccess: (session) => {
      accept(session)
      announce()
    },
    onError: (error) => {
      if (!(error instanceof ApiError)) return
      if (error.code === 'totp_required') setStep('totp')
      if (error.code === 'tenant_required') setAskTenant(true)
    },
  })
  const problem = useProblem(login.error)
  // These ask for more; nothing is wrong.
  const asked = login.error instanceof ApiError && ['totp_required', 'tenant_required'].includes(login.error.code)
  const retryAfter = login.error instanceof ApiError && login.error.status === 429 ? login.error.retryAfterS : null
  const set = (name: keyof typeof form) => (event: React.ChangeEvent<HTMLInputElement>) => setForm({ ...form, [name]: event.target.value })
  return (
    <form
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault()
        login.mutate()
      }}
    >
      <h1 className="text-2xl font-semibold tracking-tight">{step === 'totp' ? t('sign_in.totp_title') : t('sign_in.title')}</h1>
      {step === 'password' ? (
        <>
          <Field label={t('sign_in.email')}>
            {(ids) => <Input {...ids} autoFocus type="email" name="email" autoComplete="username" required dir="ltr" value={form.email} onChange={set('email')} />}
          </Field>
          <Field label={t('sign_in.password')}>
            {(ids) => <Input {...ids} type="password" name="password" autoComplete="current-password" required dir="ltr" value={form.password} onChange={set('password')} />}
          </Field>
          {askTenant && (
            <Field label={t('sign_in.tenant')} help={t('sign_in.tenant_help')}>
              {(ids) => <Input {...ids} autoFocus name="tenant" required dir="ltr" value={form.tenant} onChange={set('tenant')} />}
            </Field>
          )}
        </>
      ) : (
        <Field label={t('sign_in.totp')} help={t('sign_in.totp_help')}>
          {(ids) => (
            <Input
              {...ids}
              autoFocus
              name="totp"
              inputMode="numeric"
              autoComplete="one-time-code"
              required
              dir="ltr"
              className="text-lg tracking-widest tabular-nums"
              value={form.totp}
              onChange={set('totp')}
            />
          )}
        </Field>
      )}
      {login.error && !asked && (
        <p role="alert" className="text-sm text-danger">
          {retryAfter ? t('sign_in.slow_down', { count: retryAfter }) : problem}
        </p>
      )}
      <div className="flex gap-2">
        <Button kind="primary" size="lg" type="submit" disabled={login.isPending} className="flex-1">
          {login.isPending ? t('sign_in.checking') : t('sign_in.go')}
        </Button>
        {step === 'totp' && (
          <Button
            size="lg"
            onClick={() => {
              setStep('password')
              setForm({ ...form, totp: '' })
              login.reset()
            }}
          >
            {t('common.back')}
          </Button>
        )}
      </div>
    </form>
  )
}
