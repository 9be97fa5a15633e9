// A voice note in the composer: it is spoken, listened to, and sent or thrown away. In the place of the words, and as tall.
import { CircleAlert, LoaderCircle, Mic, MicOff, Pause, Play, SendHorizontal, Square, Trash2, X } from 'lucide-react'
import { type ReactNode, useEffect, useMemo, useRef, useState } from 'react'
import { useTranslation } from '@/i18n'
import { duration, stopwatch } from '@/i18n/format'
import { type Command, useOffer } from '@/shell/commands'
import { Button, IconButton } from '@/ui/Button'
import { cx } from '@/ui/cx'
import { Confirm } from '@/ui/Dialog'
import { Kbd, MOD } from '@/ui/Kbd'
import { useProblem } from '@/ui/State'
import { useNow } from '@/ui/useNow'
import { begin, discard, hold, pause, resume, stop, type Take, type Trouble, type Voice, watch } from './voice'
import { countDown, elapsed } from './voice-clock'
import { LiveWave, StillWave } from './Wave'

/** More than this is not thrown away by one key. */
const ASKED_FROM_MS = 10_000

interface Props {
  conversationId: string
  voice: Voice
  onSend: () => void
}

export default function VoiceBar({ conversationId: id, voice, onSend }: Props) {
  const { t } = useTranslation()
  const { stage, clock, take, trouble } = voice
  const [asking, setAsking] = useState(false)
  const speaking = stage === 'recording' || stage === 'paused'
  useEffect(() => watch(id), [id])
  const row = useFocusFollows(stage)

  const leave = () => {
    if (stage === 'finishing') return
    if (stage === 'sending') return hold(id)
    if (elapsed(clock, Date.now()) < ASKED_FROM_MS) return discard(id)
    // Nobody is recorded while they decide.
    pause(id)
    setAsking(true)
  }
  const submit = () => {
    if (speaking || stage === 'ready') onSend()
  }
  useKeys(speaking ? () => void stop(id) : null, leave)

  return (
    // Keys of what is inside, wherever in it the focus is.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <div
      ref={row}
      role="group"
      aria-label={t('voice_note.label')}
      data-testid="voice"
      data-stage={stage}
      onKeyDown={(event) => {
        if (event.key === 'Enter' && (event.metaKey || event.ctrlKey)) {
          event.preventDefault()
          submit()
        }
        // Also from the slider, which the page's own keys leave alone.
        if (event.key === 'Escape') {
          event.preventDefault()
          leave()
        }
      }}
    >
      <p role="status" className="sr-only">
        {stage === 'ready' || speaking ? t(`voice_note.${stage}`) : ''}
      </p>
      <div className="flex min-h-[60px] flex-wrap items-center gap-x-3 px-3 py-2">
        {stage === 'asking' && <Says icon={<Mic className="size-4 animate-pulse" />}>{t('voice_note.asking')}</Says>}
        {stage === 'finishing' && <Says icon={<LoaderCircle className="size-4 animate-spin" />}>{t('voice_note.finishing')}</Says>}
        {stage === 'refused' && <Refused trouble={trouble} />}
        {speaking && <Speaking voice={voice} />}
        {take && <Listen take={take} locked={stage === 'sending'} />}
        {stage === 'sending' && <progress className="mt-1 block h-1 w-full" max={1} value={voice.share} aria-label={t('voice_note.sending')} />}
        {stage === 'ready' && trouble && <WentWrong trouble={trouble} />}
      </div>
      <div className="flex items-center gap-2 px-1.5 pb-1.5">
        {stage === 'asking' || stage === 'refused' || stage === 'sending' ? (
          <IconButton label={t('common.cancel')} shortcut="Esc" icon={<X className="size-4" />} onClick={leave} />
        ) : (
          <IconButton label={t('voice_note.discard')} shortcut="Esc" icon={<Trash2 className="size-4" />} disabled={stage === 'finishing'} onClick={leave} />
        )}
        <span className="min-w-0 flex-1" />
        {stage === 'recording' && <IconButton label={t('voice_note.pause')} icon={<Pause className="size-4" />} onClick={() => pause(id)} />}
        {stage === 'paused' && <IconButton label={t('voice_note.resume')} icon={<Mic className="size-4" />} onClick={() => resume(id)} data-first />}
        {speaking && (
          <IconButton label={t('voice_note.stop')} shortcut="V" icon={<Square className="size-3.5 fill-current" />} onClick={() => void stop(id)} data-first={stage === 'recording' || undefined} />
        )}
        {stage === 'refused' ? (
          <Button onClick={() => void begin(id)} data-first>
            {t('common.try_again')}
          </Button>
        ) : (
          <>
            <span className="flex items-center gap-1 max-sm:hidden" aria-hidden>
              <Kbd>{MOD}</Kbd>
              <Kbd>↵</Kbd>
            </span>
            <Button kind="primary" disabled={!speaking && stage !== 'ready'} onClick={submit} icon={<SendHorizontal className="mirror-rtl size-4" />}>
              {t('composer.send')}
            </Button>
          </>
        )}
      </div>
      <Confirm
        open={asking}
        onClose={() => setAsking(false)}
        onConfirm={() => discard(id)}
        title={t('voice_note.discard_title')}
        description={t('voice_note.discard_help', { length: duration(clock.before) })}
        confirm={t('voice_note.discard')}
      />
    </div>
  )
}

/** What had the focus goes with each stage; then the next thing to press has it, unless somebody is elsewhere by now. */
function useFocusFollows(stage: Voice['stage']) {
  const row = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const at = document.activeElement
    if (at && at !== document.body && !row.current?.contains(at)) return
    row.current?.querySelector<HTMLElement>('[data-first]')?.focus()
  }, [stage])
  return row
}

function useKeys(onStop: (() => void) | null, onLeave: () => void) {
  const { t } = useTranslation()
  const latest = useRef({ onStop, onLeave })
  useEffect(() => {
    latest.current = { onStop, onLeave }
  })
  const stoppable = onStop !== null
  const commands = useMemo<Command[]>(() => {
    const section = t('conversation.label')
    return [
      ...(stoppable ? [{ id: 'record', title: t('voice_note.stop'), section, shortcut: 'v', run: () => latest.current.onStop?.() }] : []),
      { id: 'discard-voice', title: t('voice_note.discard_this'), section, shortcut: 'Escape', run: () => latest.current.onLeave() },
    ]
  }, [t, stoppable])
  useOffer(commands)
}

function Says({ icon, children }: { icon: ReactNode; children: ReactNode }) {
  return (
    <p role="status" className="flex items-center gap-2 text-sm text-ink-2">
      <span className="shrink-0" aria-hidden>
        {icon}
      </span>
      {children}
    </p>
  )
}

function Refused({ trouble }: { trouble: Trouble | null }) {
  const { t } = useTranslation()
  const why = typeof trouble === 'string' ? trouble : 'broken'
  return (
    <div role="alert" className="flex items-start gap-2 text-sm">
      <MicOff className="mt-0.5 size-4 shrink-0 text-danger" aria-hidden />
      <p>
        <span className="font-medium">{t(`voice_note.trouble_${why}`)}</span> <span className="text-ink-2">{t(`voice_note.trouble_${why}_help`)}</span>
      </p>
    </div>
  )
}

function WentWrong({ trouble }: { trouble: Trouble }) {
  const { t } = useTranslation()
  const problem = useProblem(trouble)
  return (
    <p role="alert" dir="auto" className="mt-1 flex w-full items-start gap-1.5 text-xs text-danger">
      <CircleAlert className="mt-px size-3.5 shrink-0" aria-hidden />
      {trouble === 'lost' ? t('voice_note.trouble_lost') : t('voice_note.not_sent', { why: problem })}
    </p>
  )
}

function Speaking({ voice: { stage, clock } }: { voice: Voice }) {
  const { t } = useTranslation()
  const now = useNow(200)
  const left = countDown(clock, now)
  return (
    <>
      <span className="flex shrink-0 items-center gap-2 text-sm">
        <span aria-hidden className={cx('size-2 rounded-full', stage === 'recording' ? 'animate-pulse bg-danger' : 'bg-ink-3')} />
        <span className="max-sm:sr-only">{t(`voice_note.${stage as 'recording'}_short`)}</span>
        <bdi dir="ltr" className="min-w-[4ch] tabular-nums" data-testid="voice-time">
          {stopwatch(elapsed(clock, now))}
        </bdi>
      </span>
      <LiveWave label={t('voice_note.level')} still={stage === 'paused'} />
      {left !== null && (
        <span role="timer" className="shrink-0 text-xs font-medium text-danger tabular-nums" data-testid="voice-left">
          {t('voice_note.left', { time: `\u2066${stopwatch(Math.ceil(left / 1000) * 1000)}\u2069` })}
        </span>
      )}
    </>
  )
}

function Listen({ take, locked }: { take: Take; locked: boolean }) {
  const { t } = useTranslation()
  const audio = useRef<HTMLAudioElement>(null)
  const [playing, setPlaying] = useState(false)
  const [at, setAt] = useState(0)
  useEffect(() => {
    const url = URL.createObjectURL(take.sound)
    if (audio.current) audio.current.src = url
    return () => URL.revokeObjectURL(url)
  }, [take])
  useSmoothly(playing, () => setAt((audio.current?.currentTime ?? 0) * 1000))
  const toggle = () => {
    if (playing) audio.current?.pause()
    else void audio.current?.play().catch(() => setPlaying(false))
  }
  return (
    <>
      {/* Nobody has written down what was just said. */}
      {/* eslint-disable-next-line jsx-a11y/media-has-caption */}
      <audio ref={audio} onPlay={() => setPlaying(true)} onPause={() => setPlaying(false)} onEnded={() => setAt(0)} />
      <button
        type="button"
        data-first
        disabled={locked}
        aria-label={playing ? t('message.pause') : t('message.play')}
        onClick={toggle}
        className="inline-flex size-9 shrink-0 items-center justify-center rounded-full bg-ink text-on-ink disabled:opacity-45"
      >
        {playing ? <Pause className="size-4" /> : <Play className="size-4" />}
      </button>
      <span className="relative min-w-0 flex-1">
        <input
          type="range"
          aria-label={t('message.position')}
          disabled={locked}
          min={0}
          max={Math.max(100, take.ms)}
          step={100}
          value={Math.min(at, take.ms)}
          onChange={(event) => {
            setAt(Number(event.target.value))
            if (audio.current) audio.current.currentTime = Number(event.target.value) / 1000
          }}
          className="peer absolute inset-0 m-0 h-full w-full cursor-pointer opacity-0"
        />
        <span className="block rounded peer-focus-visible:outline-2 peer-focus-visible:outline-offset-2 peer-focus-visible:outline-ink">
          <StillWave levels={take.levels} heard={at / Math.max(1, take.ms)} />
        </span>
      </span>
      <bdi dir="ltr" className="shrink-0 text-xs text-ink-2 tabular-nums" data-testid="voice-time">
        {stopwatch(at || take.ms)}
      </bdi>
    </>
  )
}

/** With every frame for as long as it plays; the player itself tells only four times a second. */
function useSmoothly(playing: boolean, tell: () => void) {
  const latest = useRef(tell)
  useEffect(() => {
    latest.current = tell
  })
  useEffect(() => {
    if (!playing) return
    let frame = requestAnimationFrame(function next() {
      latest.current()
      frame = requestAnimationFrame(next)
    })
    return () => cancelAnimationFrame(frame)
  }, [playing])
}

