// Sound as bars: while it is recorded, and when it can be listened to.
import { useEffect, useRef } from 'react'
import { cx } from '@/ui/cx'
import { levelsUpToNow, onVoiceLevel } from './voice'
import { bars } from './voice-clock'

const LIVE = 160
const STILL = 56

const height = (level: number) => `${Math.round(8 + level * 92)}%`

/** The newest at the end; drawn past React, ten times a second. */
export function LiveWave({ label, still }: { label: string; still: boolean }) {
  const element = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const draw = () => {
      const drawn = element.current
      if (!drawn) return
      const levels = levelsUpToNow()
      drawn.setAttribute('aria-valuenow', String(Math.round((levels.at(-1) ?? 0) * 100)))
      for (let n = 0; n < LIVE; n++) {
        const level = levels[levels.length - LIVE + n]
        const bar = drawn.children[n] as HTMLElement
        bar.style.height = height(level ?? 0)
        bar.style.opacity = level === undefined ? '0.25' : '1'
      }
    }
    draw()
    return onVoiceLevel(draw)
  }, [])
  return (
    <div
      ref={element}
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={0}
      className={cx('flex h-8 min-w-0 flex-1 items-center justify-end gap-[2px] overflow-hidden', still ? 'text-ink-3' : 'text-ink')}
    >
      {Array.from({ length: LIVE }, (_, n) => (
        <span key={n} className="w-[3px] shrink-0 rounded-[1px] bg-current" style={{ height: height(0), opacity: 0.25 }} />
      ))}
    </div>
  )
}

/** All of it, up to where it was heard in ink. */
export function StillWave({ levels, heard }: { levels: number[]; heard: number }) {
  return (
    <div aria-hidden className="pointer-events-none flex h-8 w-full items-center gap-[2px]">
      {bars(levels, STILL).map((level, n) => (
        <span key={n} className={cx('min-w-px flex-1 rounded-[1px]', (n + 0.5) / STILL <= heard ? 'bg-ink' : 'bg-ink-3 opacity-60')} style={{ height: height(level) }} />
      ))}
    </div>
  )
}
