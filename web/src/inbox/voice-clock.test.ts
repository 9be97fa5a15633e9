import { describe, expect, it } from 'vitest'
import { bars, countDown, elapsed, halted, LIMIT_MS, loudness, started, stopped } from './voice-clock'

describe('the clock', () => {
  it('stands still while paused', () => {
    const running = started(stopped, 1_000)
    expect(elapsed(running, 4_000)).toBe(3_000)
    const paused = halted(running, 4_000)
    expect(elapsed(paused, 60_000)).toBe(3_000)
    expect(elapsed(started(paused, 60_000), 62_000)).toBe(5_000)
  })

  it('does not begin anew when it runs, nor run back with the computer’s', () => {
    const running = started(stopped, 1_000)
    expect(started(running, 5_000)).toBe(running)
    expect(elapsed(running, 0)).toBe(0)
  })

  it('counts down only near the end, and never below nothing', () => {
    const running = started(stopped, 0)
    expect(countDown(running, LIMIT_MS - 30_001)).toBeNull()
    expect(countDown(running, LIMIT_MS - 30_000)).toBe(30_000)
    expect(countDown(running, LIMIT_MS + 5)).toBe(0)
  })
})

describe('loudness', () => {
  const tone = (height: number) => Float32Array.from({ length: 480 }, (_, n) => height * Math.sin(n / 3))
  it('is nothing in silence, all when loud, and between for speech', () => {
    expect(loudness(new Float32Array(480))).toBe(0)
    expect(loudness(new Float32Array(0))).toBe(0)
    expect(loudness(tone(0.9))).toBe(1)
    expect(loudness(tone(0.02))).toBeGreaterThan(0.2)
    expect(loudness(tone(0.02))).toBeLessThan(0.6)
  })
})

describe('bars', () => {
  it('keep the loudest moment of each stretch', () => {
    expect(bars([0, 0.2, 0.9, 0.1], 2)).toEqual([0.2, 0.9])
  })
  it('are as many as wished, however short the sound', () => {
    expect(bars([], 3)).toEqual([0, 0, 0])
    expect(bars([0.5], 3)).toEqual([0.5, 0.5, 0.5])
  })
})
