// A level meter: a row of bars that light up with the voice. Drawn past React, ten times a second.
import { useEffect, useRef } from 'react'
import { cx } from './cx'

const BARS = 12

interface MeterProps {
  label: string
  /** Calls back with the level, 0 to 1; returns how to stop. */
  subscribe: (show: (level: number) => void) => () => void
  className?: string
}

export function Meter({ label, subscribe, className }: MeterProps) {
  const element = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const bars = element.current
    if (!bars) return
    return subscribe((level) => {
      const lit = Math.round(level * BARS)
      bars.setAttribute('aria-valuenow', String(Math.round(level * 100)))
      for (let n = 0; n < BARS; n++) (bars.children[n] as HTMLElement).style.opacity = n < lit ? '1' : '0.16'
    })
  }, [subscribe])
  return (
    <div
      ref={element}
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={0}
      className={cx('flex h-3 items-center gap-[2px] text-ink', className)}
    >
      {Array.from({ length: BARS }, (_, n) => (
        <span key={n} className="h-full w-[3px] rounded-[1px] bg-current transition-opacity duration-75" style={{ opacity: 0.16 }} />
      ))}
    </div>
  )
}
