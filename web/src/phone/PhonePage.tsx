// The browser phone: one big button, a ring, levels, keys, and the transcript beside it.
import { Link } from '@tanstack/react-router'
import { Grid3x3, Mic, MicOff, Phone, PhoneOff } from 'lucide-react'
import { useCallback, useEffect, useState } from 'react'
import { useTranslation } from '@/i18n'
import { useSession } from '@/api/session'
import Transcript from '@/calls/Transcript'
import { stopwatch } from '@/i18n/format'
import { cx } from '@/ui/cx'
import { Meter } from '@/ui/Meter'
import { useNow } from '@/ui/useNow'
import { call, hangUp, onPhoneLevels, pressKey, setMuted, usePhone } from './line'

const KEYS = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '0', '#']
const LETTERS: Record<string, string> = { 2: 'ABC', 3: 'DEF', 4: 'GHI', 5: 'JKL', 6: 'MNO', 7: 'PQRS', 8: 'TUV', 9: 'WXYZ', 0: '+' }

export default function PhonePage() {
  const { t } = useTranslation()
  const phone = usePhone()
  const signedIn = useSession((state) => state.phase === 'in')
  const permission = useMicrophonePermission()
  const busy = phone.state === 'ringing' || phone.state === 'talking'
  const [keys, setKeys] = useState(false)
  return (
    <div className={cx('grid h-full min-h-0 bg-surface', signedIn && 'md:grid-cols-[minmax(340px,420px)_minmax(0,1fr)]')}>
      <section
        aria-label={t('phone.title')}
        data-testid="phone"
        data-state={phone.state}
        data-sent={phone.sent}
        data-marks={phone.marks}
        data-call={phone.callId ?? undefined}
        className="scroll-thin flex min-h-0 flex-col items-center justify-center-safe overflow-y-auto p-6 md:border-e"
      >
        <h1 className="text-xl font-semibold tracking-tight">{t('phone.title')}</h1>
        <p className="mt-1 max-w-xs text-center text-sm text-balance text-ink-2">{t('phone.about')}</p>
        <div className="flex min-h-80 flex-col items-center justify-center gap-5 py-6">
          <Status />
          <BigButton />
          {busy ? <PhoneLevelMeters /> : <Explain permission={permission} />}
        </div>
        <div className={cx('flex gap-2', !busy && 'invisible')}>
          <button
            type="button"
            aria-pressed={phone.muted}
            onClick={() => setMuted(!phone.muted)}
            className="inline-flex h-10 items-center gap-2 rounded border border-line-strong px-3 text-sm font-medium hover:bg-hover aria-pressed:bg-ink aria-pressed:text-on-ink"
          >
            {phone.muted ? <MicOff className="size-4" aria-hidden /> : <Mic className="size-4" aria-hidden />}
            {phone.muted ? t('phone.unmute') : t('phone.mute')}
          </button>
          <button
            type="button"
            aria-expanded={keys}
            onClick={() => setKeys(!keys)}
            className="inline-flex h-10 items-center gap-2 rounded border border-line-strong px-3 text-sm font-medium hover:bg-hover aria-expanded:bg-selected"
          >
            <Grid3x3 className="size-4" aria-hidden />
            {t('phone.keys')}
          </button>
        </div>
        {busy && keys && <Keypad />}
      </section>
      {signedIn && (
        <section aria-label={t('call.transcript')} className="scroll-thin min-h-0 overflow-y-auto px-4 py-5 sm:px-8 max-md:border-t">
          <div className="mx-auto max-w-3xl">
            {phone.callId ? (
              <>
                <div className="mb-3 flex items-center justify-between">
                  <h2 className="text-sm font-semibold">{t('call.transcript')}</h2>
                  <Link to="/calls/$callId" params={{ callId: phone.callId }} className="rounded text-xs text-ink-2 underline underline-offset-4 hover:text-ink">
                    {t('call.open')}
                  </Link>
                </div>
                <Transcript key={phone.callId} callId={phone.callId} live={busy} />
              </>
            ) : (
              <Suggestions />
            )}
          </div>
        </section>
      )}
    </div>
  )
}

function Suggestions() {
  const { t } = useTranslation()
  return (
    <div className="pt-10">
      <h2 className="text-sm font-semibold">{t('phone.say_title')}</h2>
      <ul className="mt-2 flex flex-col gap-2 text-base text-ink-2">
        {(['say_hours', 'say_message', 'say_person'] as const).map((key) => (
          <li key={key} className="border-s-2 border-line-strong ps-3">
            {t(`phone.${key}`)}
          </li>
        ))}
      </ul>
      <p className="mt-4 text-sm text-ink-3">{t('phone.say_help')}</p>
    </div>
  )
}

function BigButton() {
  const { t } = useTranslation()
  const state = usePhone((now) => now.state)
  const busy = state === 'ringing' || state === 'talking' || state === 'dialling' || state === 'asking'
  return (
    <div className="relative">
      {state === 'ringing' && <span aria-hidden className="absolute inset-0 rounded-full bg-ink-3" style={{ animation: 'ring 1.4s ease-out infinite' }} />}
      <button
        type="button"
        aria-label={busy ? t('phone.hang_up') : t('phone.call')}
        onClick={() => (busy ? hangUp() : void call())}
        className={cx(
          'relative inline-flex size-24 items-center justify-center rounded-full transition-colors duration-100 focus-visible:rounded-full',
          busy ? 'bg-danger text-on-ink' : 'bg-ink text-on-ink hover:opacity-85',
        )}
      >
        {busy ? <PhoneOff className="size-9" /> : <Phone className="size-9" />}
      </button>
    </div>
  )
}

function Status() {
  const { t } = useTranslation()
  const { state, startedAt, endedAt, problem, detail } = usePhone()
  const now = useNow(1_000)
  return (
    <div role="status" className="min-h-12 max-w-xs text-center">
      {state === 'failed' ? (
        <>
          <p className="text-base font-medium text-danger">{t(`phone.problem_${problem ?? 'refused'}`)}</p>
          <p className="text-sm text-ink-2">{detail ?? t(`phone.problem_${problem ?? 'refused'}_help`)}</p>
          {problem === 'not_signed_in' && (
            <Link to="/sign-in" search={{ next: '/phone' }} className="text-sm underline underline-offset-4">
              {t('sign_in.title')}
            </Link>
          )}
        </>
      ) : (
        <>
          <p className="text-base font-medium">{t(`phone.${state}`)}</p>
          {startedAt !== null && (
            <bdi dir="ltr" role="timer" className="text-sm text-ink-2 tabular-nums">
              {stopwatch((endedAt ?? Math.max(now, startedAt)) - startedAt)}
            </bdi>
          )}
        </>
      )}
    </div>
  )
}

/** Before the browser asks: why it will, and what happens with the sound. */
function Explain({ permission }: { permission: PermissionState | 'unknown' }) {
  const { t } = useTranslation()
  if (permission === 'granted') return <p className="text-xs text-ink-3">{t('phone.ready')}</p>
  return (
    <p className="flex max-w-xs items-start gap-2 rounded border px-3 py-2 text-sm text-ink-2">
      <Mic className="mt-0.5 size-4 shrink-0" aria-hidden />
      {permission === 'denied' ? t('phone.problem_microphone_denied_help') : t('phone.explain')}
    </p>
  )
}

function useMicrophonePermission(): PermissionState | 'unknown' {
  const [state, setState] = useState<PermissionState | 'unknown'>('unknown')
  useEffect(() => {
    let status: PermissionStatus | undefined
    const show = () => status && setState(status.state)
    navigator.permissions
      ?.query({ name: 'microphone' as PermissionName })
      .then((found) => {
        status = found
        show()
        found.addEventListener('change', show)
      })
      // Some browsers do not tell; then the explanation stays.
      .catch(() => undefined)
    return () => status?.removeEventListener('change', show)
  }, [])
  return state
}

function PhoneLevelMeters() {
  const { t } = useTranslation()
  const microphone = useCallback((show: (level: number) => void) => onPhoneLevels((now) => show(now.microphone)), [])
  const ear = useCallback((show: (level: number) => void) => onPhoneLevels((now) => show(now.ear)), [])
  return (
    <dl className="grid grid-cols-[auto_auto] items-center gap-x-3 gap-y-1.5 text-xs text-ink-3">
      <dt>{t('phone.you')}</dt>
      <dd>
        <Meter label={t('phone.you')} subscribe={microphone} />
      </dd>
      <dt>{t('speaker.agent')}</dt>
      <dd>
        <Meter label={t('speaker.agent')} subscribe={ear} />
      </dd>
    </dl>
  )
}

function Keypad() {
  const { t } = useTranslation()
  useEffect(() => {
    const listener = (event: KeyboardEvent) => {
      if (KEYS.includes(event.key) && !(event.target instanceof HTMLInputElement)) pressKey(event.key)
    }
    document.addEventListener('keydown', listener)
    return () => document.removeEventListener('keydown', listener)
  }, [])
  return (
    <div role="group" aria-label={t('phone.keys')} dir="ltr" className="appear mt-4 grid grid-cols-3 gap-2">
      {KEYS.map((key) => (
        <button
          key={key}
          type="button"
          aria-label={key}
          onClick={() => pressKey(key)}
          className="flex h-13 w-18 flex-col items-center justify-center rounded border border-line-strong text-lg font-medium hover:bg-hover active:bg-selected"
        >
          {key}
          <span className="h-3 text-[9px] leading-3 font-normal text-ink-3" aria-hidden>
            {LETTERS[key]}
          </span>
        </button>
      ))}
    </div>
  )
}
