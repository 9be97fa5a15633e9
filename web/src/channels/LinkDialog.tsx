// Linking a number: by a QR that its phone scans, or by a code that is typed on it.
import { Check, CircleAlert, Keyboard, QrCode as QrIcon } from 'lucide-react'
import { lazy, type ReactNode, Suspense, useEffect, useRef, useState } from 'react'
import { useTranslation } from '@/i18n'
import { ApiError } from '@/api/client'
import type { PairingNews, WhatsappSession } from '@/api/model'
import { Address } from '@/ui/Address'
import { Button } from '@/ui/Button'
import { cx } from '@/ui/cx'
import { Dialog } from '@/ui/Dialog'
import { Field, Input } from '@/ui/Field'
import { Bone, useProblem } from '@/ui/State'
import { useNow } from '@/ui/useNow'
import { pair, type Wish } from './pairing'

const QrCode = lazy(() => import('./QrCode'))

/** No code for so long is unusual, and said. */
const SLOW_MS = 12_000

type Stage =
  | { at: 'ready' }
  | { at: 'asking'; since: number }
  | { at: 'shown'; kind: 'qr' | 'code'; code: string; since: number; until: number }
  | { at: 'linked'; phone: string }
  | { at: 'failed'; reason: string }
  | { at: 'refused'; error: ApiError }

/** One pairing at a time; a new one, or leaving, ends the one before. */
function usePairing(sessionId: string) {
  const [stage, setStage] = useState<Stage>({ at: 'ready' })
  const running = useRef<AbortController>(null)
  useEffect(() => () => running.current?.abort(), [])
  const begin = (wish: Wish) => {
    running.current?.abort()
    const own = new AbortController()
    running.current = own
    setStage({ at: 'asking', since: Date.now() })
    const tell = (news: PairingNews) => !own.signal.aborted && setStage((now) => next(now, news))
    pair(sessionId, wish, own.signal, tell).catch((error: unknown) => {
      if (!own.signal.aborted) setStage({ at: 'refused', error: error as ApiError })
    })
  }
  const reset = () => {
    running.current?.abort()
    setStage({ at: 'ready' })
  }
  return { stage, begin, reset }
}

function next(now: Stage, news: PairingNews): Stage {
  switch (news.type) {
    case 'qr':
    case 'code':
      return { at: 'shown', kind: news.type, code: news.code, since: Date.now(), until: Date.now() + news.expires_in_s * 1000 }
    case 'linked':
      return { at: 'linked', phone: news.phone }
    case 'failed':
      // A code that is being typed holds whether or not the server can be heard: the session itself will say.
      return news.reason === 'interrupted' && now.at === 'shown' && now.kind === 'code' ? now : { at: 'failed', reason: news.reason }
  }
}

export function LinkDialog({ session, onClose }: { session: WhatsappSession; onClose: () => void }) {
  const { t } = useTranslation()
  const [mode, setMode] = useState<'qr' | 'code'>('qr')
  const { stage, begin, reset } = usePairing(session.id)
  // The stream may be lost, the session's own event comes another way.
  const [wasLinked] = useState(() => session.phone !== null && session.observed !== 'logged_out')
  const linked = !wasLinked && session.phone && (session.observed === 'connecting' || session.observed === 'connected') ? session.phone : null
  const shown: Stage = linked ? { at: 'linked', phone: linked } : stage
  useEffect(() => {
    if (mode === 'qr') begin({ mode: 'qr' })
    else reset()
    // Anew only when the way changes.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [mode])
  return (
    <Dialog open onClose={onClose} wide title={t('whatsapp.link_title', { name: session.name })}>
      <div data-testid="linking" data-stage={shown.at}>
        {shown.at === 'linked' ? (
          <Linked phone={shown.phone} onClose={onClose} />
        ) : (
          <>
            <div role="group" aria-label={t('whatsapp.way')} className="mb-5 flex gap-1">
              <Way pressed={mode === 'qr'} onClick={() => setMode('qr')} icon={<QrIcon className="size-4" />}>
                {t('whatsapp.by_qr')}
              </Way>
              <Way pressed={mode === 'code'} onClick={() => setMode('code')} icon={<Keyboard className="size-4" />}>
                {t('whatsapp.by_code')}
              </Way>
            </div>
            {mode === 'qr' ? <ByQr stage={shown} retry={() => begin({ mode: 'qr' })} /> : <ByCode stage={shown} begin={begin} reset={reset} />}
          </>
        )}
      </div>
    </Dialog>
  )
}

function Way({ pressed, onClick, icon, children }: { pressed: boolean; onClick: () => void; icon: ReactNode; children: ReactNode }) {
  return (
    <button
      type="button"
      aria-pressed={pressed}
      onClick={onClick}
      className={cx('inline-flex h-8 items-center gap-1.5 rounded px-3 text-sm', pressed ? 'bg-selected font-medium text-ink' : 'text-ink-2 hover:bg-hover')}
    >
      {icon}
      {children}
    </button>
  )
}

function ByQr({ stage, retry }: { stage: Stage; retry: () => void }) {
  const { t } = useTranslation()
  return (
    <div className="flex flex-wrap gap-x-8 gap-y-5">
      <div className="mx-auto w-64 shrink-0">
        <div className="grid size-64 place-items-center rounded border bg-sunken">
          {stage.at === 'shown' && <Picture code={stage.code} until={stage.until} />}
          {(stage.at === 'asking' || stage.at === 'ready') && <Bone className="size-56 rounded" />}
          {(stage.at === 'failed' || stage.at === 'refused') && <QrIcon className="size-10 text-ink-3 opacity-40" aria-hidden />}
        </div>
        <Progress stage={stage} renewed={t('whatsapp.next_qr')} />
      </div>
      <div className="min-w-56 flex-1">
        {stage.at === 'failed' || stage.at === 'refused' ? <Failed stage={stage} retry={retry} /> : <Steps names={['step_open', 'step_devices', 'step_scan']} />}
      </div>
    </div>
  )
}

/** Faded when its time is over, so that nobody scans what is worth nothing. */
function Picture({ code, until }: { code: string; until: number }) {
  const { t } = useTranslation()
  const over = useNow(1_000) >= until
  return (
    <div className={cx('size-full', over && 'opacity-15')} data-testid="qr">
      <Suspense fallback={<Bone className="m-4 size-56 rounded" />}>
        <QrCode text={code} label={t('whatsapp.qr')} />
      </Suspense>
    </div>
  )
}

function ByCode({ stage, begin, reset }: { stage: Stage; begin: (wish: Wish) => void; reset: () => void }) {
  const { t } = useTranslation()
  const [phone, setPhone] = useState('')
  const fault = stage.at === 'refused' ? stage.error.field('phone') : undefined
  const over = stage.at === 'failed' || (stage.at === 'refused' && !fault)
  if (stage.at === 'shown') {
    return (
      <div>
        <ShownCode code={stage.code} />
        <Progress stage={stage} renewed={t('whatsapp.code_over')} />
        <div className="mt-5">
          <Steps names={['step_open', 'step_devices', 'step_phone', 'step_type']} />
        </div>
        <Button className="mt-5" onClick={reset}>
          {t('whatsapp.other_number')}
        </Button>
      </div>
    )
  }
  return (
    <form
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault()
        begin({ mode: 'code', phone: phone.trim() })
      }}
    >
      {over && <Failed stage={stage} />}
      <Field label={t('whatsapp.phone')} help={t('whatsapp.phone_help')} fault={fault ? t('whatsapp.phone_fault') : null}>
        {(ids) => (
          <Input {...ids} autoFocus type="tel" dir="ltr" required autoComplete="off" placeholder="+15550147" className="max-w-64" value={phone} onChange={(event) => setPhone(event.target.value)} />
        )}
      </Field>
      {stage.at === 'asking' ? (
        <Progress stage={stage} renewed="" />
      ) : (
        <Button type="submit" kind="primary" className="self-start">
          {over ? t('common.try_again') : t('whatsapp.get_code')}
        </Button>
      )}
    </form>
  )
}

/** Two groups of four, as the phone asks for them. */
function ShownCode({ code }: { code: string }) {
  const { t } = useTranslation()
  const letters = code.replaceAll('-', '')
  return (
    <p
      data-testid="pairing-code"
      dir="ltr"
      role="img"
      aria-label={t('whatsapp.code', { code: [...letters].join(' ') })}
      className="flex justify-center gap-1.5 rounded border bg-sunken px-3 py-5 font-mono text-2xl font-semibold max-sm:gap-1 max-sm:text-xl"
    >
      {[...letters].map((letter, at) => (
        <span key={at} className={cx('grid h-11 w-8 place-items-center rounded border bg-surface max-sm:w-7', at === 4 && 'ms-3')}>
          {letter}
        </span>
      ))}
    </p>
  )
}

/** What is awaited, and for how long. The clock ticks for the eye only; screen readers hear what changes. */
function Progress({ stage, renewed }: { stage: Stage; renewed: string }) {
  const { t } = useTranslation()
  const now = useNow(1_000)
  // The clock may have ticked before the code came.
  const left = stage.at === 'shown' ? Math.ceil((stage.until - Math.max(now, stage.since)) / 1000) : 0
  const slow = stage.at === 'asking' && now - stage.since > SLOW_MS
  const said = stage.at === 'asking' ? (slow ? t('whatsapp.slow') : t('whatsapp.asking')) : stage.at === 'shown' ? (left > 0 ? t('whatsapp.shown') : renewed) : ''
  return (
    <div className="mt-2 min-h-10 text-center text-xs text-ink-2">
      <p role="status" className={stage.at === 'shown' && left > 0 ? 'sr-only' : undefined}>
        {said}
      </p>
      {stage.at === 'shown' && left > 0 && (
        <p aria-hidden className="tabular-nums" data-testid="left">
          {t(stage.kind === 'qr' ? 'whatsapp.qr_left' : 'whatsapp.code_left', { count: left })}
        </p>
      )}
    </div>
  )
}

type Step = 'step_open' | 'step_devices' | 'step_scan' | 'step_phone' | 'step_type'

function Steps({ names }: { names: Step[] }) {
  const { t } = useTranslation()
  return (
    <>
      <ol className="flex flex-col gap-3">
        {names.map((name, at) => (
          <li key={name} className="flex gap-3 text-sm">
            <span aria-hidden className="grid size-5 shrink-0 place-items-center rounded-full border border-line-strong text-2xs tabular-nums">
              {at + 1}
            </span>
            {t(`whatsapp.${name}`)}
          </li>
        ))}
      </ol>
      <p className="mt-5 text-xs text-ink-3">{t('whatsapp.risk')}</p>
    </>
  )
}

const KNOWN = ['codes_spent', 'refused', 'passkey_needed', 'rate_limited', 'outdated', 'network', 'superseded', 'no_worker', 'signed_out', 'interrupted'] as const

function Failed({ stage, retry }: { stage: Stage; retry?: () => void }) {
  const { t } = useTranslation()
  const problem = useProblem(stage.at === 'refused' ? stage.error : null)
  const reason = stage.at === 'failed' ? (KNOWN.find((name) => name === stage.reason) ?? 'unknown') : null
  return (
    <div role="alert" data-testid="pairing-failed" data-reason={stage.at === 'failed' ? stage.reason : undefined} className="rounded bg-lamp-soft p-4">
      <p className="flex items-center gap-2 text-base font-medium text-lamp-ink">
        <CircleAlert className="size-4 shrink-0" aria-hidden />
        {reason ? t(`whatsapp.f_${reason}`) : t('whatsapp.f_unknown')}
      </p>
      <p className="mt-1 text-sm">{reason ? t(`whatsapp.f_${reason}_help`, { reason: stage.at === 'failed' ? stage.reason : '' }) : problem}</p>
      {retry && (
        <Button className="mt-3" onClick={retry}>
          {t('common.try_again')}
        </Button>
      )}
    </div>
  )
}

function Linked({ phone, onClose }: { phone: string; onClose: () => void }) {
  const { t } = useTranslation()
  return (
    <div className="flex flex-col items-center gap-1 py-6 text-center">
      <span aria-hidden className="mb-2 grid size-12 place-items-center rounded-full border-2 border-ink">
        <Check className="size-6" />
      </span>
      <p role="status" className="text-lg font-semibold">
        {t('whatsapp.linked')}
      </p>
      <p className="text-base">
        <Address>{phone}</Address>
      </p>
      <p className="max-w-sm text-sm text-ink-2">{t('whatsapp.linked_help')}</p>
      <Button autoFocus kind="primary" className="mt-4" onClick={onClose}>
        {t('whatsapp.done')}
      </Button>
    </div>
  )
}
