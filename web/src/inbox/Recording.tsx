// A voicemail's player. The sound is fetched when it is first wanted, with the reader's own permission.
import { Download, LoaderCircle, Pause, Play } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import { useTranslation } from '@/i18n'
import { bytes } from '@/api/client'
import type { Attachment } from '@/api/model'
import { stopwatch } from '@/i18n/format'
import { complain } from '@/shell/complaints'

export default function Recording({ attachment }: { attachment: Attachment }) {
  const { t } = useTranslation()
  const audio = useRef<HTMLAudioElement>(null)
  const [url, setUrl] = useState<string | null>(null)
  const [state, setState] = useState<'still' | 'loading' | 'playing'>('still')
  const [at, setAt] = useState(0)
  const [length, setLength] = useState((attachment.duration_ms ?? 0) / 1000)
  const sound = attachment.kind === 'recording' || attachment.media_type.startsWith('audio/')

  useEffect(() => () => void (url && URL.revokeObjectURL(url)), [url])

  const fetchSound = async () => {
    if (url) return url
    const made = URL.createObjectURL(await bytes(attachment.url))
    setUrl(made)
    return made
  }
  const play = async () => {
    const element = audio.current
    if (!element) return
    if (state === 'playing') return element.pause()
    setState('loading')
    try {
      const source = await fetchSound()
      if (element.src !== source) element.src = source
      await element.play()
    } catch (error) {
      setState('still')
      complain(error)
    }
  }
  const save = async () => {
    try {
      const link = document.createElement('a')
      link.href = await fetchSound()
      link.download = attachment.file_name ?? `${attachment.id}.${attachment.media_type.split(/[/;]/)[1] ?? 'bin'}`
      link.click()
    } catch (error) {
      complain(error)
    }
  }
  if (!sound) {
    return (
      <button type="button" onClick={() => void save()} className="mt-2 flex items-center gap-2 rounded border px-2 py-1 text-sm">
        <Download className="size-4" aria-hidden /> {t('message.attachment')}
      </button>
    )
  }
  const Icon = state === 'loading' ? LoaderCircle : state === 'playing' ? Pause : Play
  return (
    <div className="mt-2 flex min-w-56 items-center gap-3" data-testid="recording">
      {/* A voicemail has no captions of its own: its words are the message's text. */}
      {/* eslint-disable-next-line jsx-a11y/media-has-caption */}
      <audio
        ref={audio}
        onPlay={() => setState('playing')}
        onPause={() => setState('still')}
        onEnded={() => setAt(0)}
        onTimeUpdate={(event) => setAt(event.currentTarget.currentTime)}
        onLoadedMetadata={(event) => {
          if (Number.isFinite(event.currentTarget.duration)) setLength(event.currentTarget.duration)
        }}
      />
      <button
        type="button"
        aria-label={state === 'playing' ? t('message.pause') : t('message.play')}
        onClick={() => void play()}
        className="inline-flex size-9 shrink-0 items-center justify-center rounded-full bg-ink text-on-ink"
      >
        <Icon className={state === 'loading' ? 'size-4 animate-spin' : 'size-4'} />
      </button>
      <input
        type="range"
        aria-label={t('message.position')}
        min={0}
        max={length || 1}
        step={0.1}
        value={at}
        onChange={(event) => {
          if (audio.current) audio.current.currentTime = Number(event.target.value)
        }}
        className="h-1 min-w-0 flex-1 accent-(--ink)"
      />
      <bdi dir="ltr" className="text-xs text-ink-2 tabular-nums">
        {stopwatch(at * 1000)} / {stopwatch(length * 1000)}
      </bdi>
    </div>
  )
}
