// The time of a recording, and its picture.

/** As long as a voice note may be; the last part of it is counted down. */
export const LIMIT_MS = 5 * 60_000
export const COUNT_DOWN_MS = 30_000

/** Time that stands still while a recording is paused. */
export interface Clock {
  /** What was recorded before the stretch that is being recorded now. */
  before: number
  /** When that began; null while nothing is recorded. */
  since: number | null
}

export const stopped: Clock = { before: 0, since: null }

export function elapsed(clock: Clock, now: number): number {
  return clock.before + (clock.since === null ? 0 : Math.max(0, now - clock.since))
}

export function started(clock: Clock, now: number): Clock {
  return clock.since === null ? { ...clock, since: now } : clock
}

export function halted(clock: Clock, now: number): Clock {
  return { before: elapsed(clock, now), since: null }
}

/** The milliseconds left, once that is worth saying. */
export function countDown(clock: Clock, now: number): number | null {
  const left = LIMIT_MS - elapsed(clock, now)
  return left <= COUNT_DOWN_MS ? Math.max(0, left) : null
}

/** How loud a stretch of sound is, 0 to 1, as the ear would say: a whisper is seen, a shout is not off the scale. */
export function loudness(samples: Float32Array): number {
  let sum = 0
  for (const sample of samples) sum += sample * sample
  const level = 20 * Math.log10(Math.sqrt(sum / Math.max(1, samples.length)) || 1e-9)
  // From −55 dB, a quiet room, to −10 dB, somebody close.
  return Math.min(1, Math.max(0, (level + 55) / 45))
}

/** Levels as so many bars: the loudest moment of each stretch. */
export function bars(levels: number[], count: number): number[] {
  if (levels.length === 0) return Array.from({ length: count }, () => 0)
  return Array.from({ length: count }, (_, n) => {
    const from = Math.floor((n * levels.length) / count)
    const to = Math.max(from + 1, Math.floor(((n + 1) * levels.length) / count))
    return Math.max(...levels.slice(from, to))
  })
}
