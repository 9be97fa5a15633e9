// The audio path's arithmetic: codes, rates, buffers.
import { describe, expect, it } from 'vitest'
import { AGENT, CALLER, JitterBuffer, LATE_FRAMES } from './jitter'
import { decode, decodeSample, encode, encodeSample, FRAME, fromBase64, loudness, SILENCE, toBase64 } from './mulaw'
import { PlayQueue } from './play-queue'
import { Resampler } from './resample'

describe('μ-law', () => {
  it("has G.711's values at the ends and around zero", () => {
    expect(decodeSample(0x00)).toBe(-32124)
    expect(decodeSample(0x80)).toBe(32124)
    expect(decodeSample(0xff)).toBe(0)
    expect(decodeSample(0x7f)).toBe(0)
    expect(decodeSample(0xfe)).toBe(8)
    expect(encodeSample(0)).toBe(SILENCE)
    expect(encodeSample(32767)).toBe(0x80)
    expect(encodeSample(-32768)).toBe(0x00)
  })

  it('gives every code back that it decodes', () => {
    for (let code = 0; code < 256; code++) {
      const again = encodeSample(decodeSample(code))
      // 0x7f is the negative zero.
      expect(again).toBe(code === 0x7f ? 0xff : code)
    }
  })

  it('keeps speech within a few per cent', () => {
    const sound = sine(440, 8000, 800, 0.5)
    const back = decode(encode(sound))
    let error = 0
    for (let n = 0; n < sound.length; n++) error += (sound[n]! - back[n]!) ** 2
    expect(10 * Math.log10(power(sound) / (error / sound.length))).toBeGreaterThan(30)
  })

  it('survives base64', () => {
    const codes = Uint8Array.from({ length: 256 }, (_, n) => n)
    expect(fromBase64(toBase64(codes))).toEqual(codes)
    expect(toBase64(new Uint8Array(FRAME)).length).toBe(216)
  })

  it('measures loudness', () => {
    expect(loudness(new Float32Array(160))).toBe(0)
    expect(loudness(sine(440, 8000, 800, 1))).toBeGreaterThan(0.9)
  })
})

describe('resampling', () => {
  it.each([44_100, 48_000, 16_000])('brings %i Hz down to 8 kHz in any block size', (rate) => {
    const down = new Resampler(rate, 8_000)
    const sound = sine(1_000, rate, rate, 0.5)
    const out: number[] = []
    for (let n = 0; n < sound.length; n += 128) out.push(...down.push(sound.subarray(n, n + 128)))
    expect(Math.abs(out.length - 8_000)).toBeLessThan(40)
    const middle = Float32Array.from(out.slice(1_000, 7_000))
    expect(Math.sqrt(power(middle))).toBeCloseTo(0.5 / Math.SQRT2, 2)
  })

  it('lets nothing fold down from above', () => {
    const down = new Resampler(48_000, 8_000)
    const out = down.push(sine(6_000, 48_000, 48_000, 0.5)).slice(500, 7_000)
    // 6 kHz would be heard as 2 kHz: at least 40 dB down.
    expect(10 * Math.log10(power(out) / 0.125)).toBeLessThan(-40)
  })

  it('brings 8 kHz up', () => {
    const up = new Resampler(8_000, 48_000)
    const out: number[] = []
    const sound = sine(1_000, 8_000, 8_000, 0.5)
    for (let n = 0; n < sound.length; n += 40) out.push(...up.push(sound.subarray(n, n + 40)))
    expect(Math.abs(out.length - 48_000)).toBeLessThan(200)
    expect(Math.sqrt(power(Float32Array.from(out.slice(5_000, 40_000))))).toBeCloseTo(0.5 / Math.SQRT2, 2)
  })
})

describe('the listener’s buffer', () => {
  const sound = (value: number) => new Float32Array(FRAME).fill(value)

  it('starts after 60 ms and keeps both tracks on one clock', () => {
    const buffer = new JitterBuffer()
    buffer.push(CALLER, 0, sound(0.1))
    buffer.push(AGENT, 0, sound(0.2))
    buffer.push(CALLER, 1, sound(0.1))
    expect(buffer.pull()).toEqual([null, null])
    buffer.push(CALLER, 2, sound(0.1))
    const [caller, agent] = buffer.pull()
    expect(caller?.[0]).toBeCloseTo(0.1)
    expect(agent?.[0]).toBeCloseTo(0.2)
    expect(buffer.pull()[1]).toBeNull()
  })

  it('puts frames that overtook each other back in order', () => {
    const buffer = new JitterBuffer()
    for (const seq of [1, 0, 2]) buffer.push(CALLER, seq, sound(seq))
    expect([buffer.pull()[0]?.[0], buffer.pull()[0]?.[0], buffer.pull()[0]?.[0]]).toEqual([0, 1, 2])
  })

  it('gathers again after it ran dry, and drops what comes too late', () => {
    const buffer = new JitterBuffer()
    for (const seq of [0, 1, 2]) buffer.push(CALLER, seq, sound(seq))
    for (let n = 0; n < 4; n++) buffer.pull()
    expect(buffer.missed).toBe(1)
    for (const seq of [5, 6]) buffer.push(CALLER, seq, sound(seq))
    expect(buffer.pull()[0]).toBeNull()
    buffer.push(CALLER, 7, sound(7))
    expect(buffer.pull()[0]?.[0]).toBe(5)
    buffer.push(CALLER, 4, sound(4))
    expect(buffer.dropped).toBe(1)
  })

  it('never falls further behind than 200 ms', () => {
    const buffer = new JitterBuffer()
    for (let seq = 0; seq < 100; seq++) {
      buffer.push(CALLER, seq, sound(seq))
      expect(buffer.waitingMs).toBeLessThanOrEqual(LATE_FRAMES * 20)
    }
    expect(buffer.pull()[0]?.[0]).toBeGreaterThan(88)
  })

  it('drops the agent’s words on a barge-in and keeps the caller’s', () => {
    const buffer = new JitterBuffer()
    for (const seq of [0, 1, 2]) {
      buffer.push(CALLER, seq, sound(1))
      buffer.push(AGENT, seq, sound(1))
    }
    buffer.clearAgent()
    const [caller, agent] = buffer.pull()
    expect(caller).not.toBeNull()
    expect(agent).toBeNull()
  })
})

describe('the phone’s queue', () => {
  it('says a mark when the sound before it was played, not earlier', () => {
    const queue = new PlayQueue()
    queue.sound(new Float32Array(100).fill(0.5))
    expect(queue.mark('a')).toEqual([])
    queue.sound(new Float32Array(100).fill(0.25))
    queue.mark('b')
    const out = new Float32Array(80)
    expect(queue.pull(out)).toEqual([])
    expect(queue.pull(out)).toEqual(['a'])
    expect(out[19]).toBe(0.5)
    expect(out[20]).toBe(0.25)
    expect(queue.waiting).toBe(40)
    expect(queue.pull(out)).toEqual(['b'])
    expect(out[39]).toBe(0.25)
    expect(out[40]).toBe(0)
  })

  it('says the mark at the very end of a block at once', () => {
    const queue = new PlayQueue()
    queue.sound(new Float32Array(80))
    queue.mark('end')
    expect(queue.pull(new Float32Array(80))).toEqual(['end'])
  })

  it('gives all marks back when it is cleared, and a mark on an empty queue at once', () => {
    const queue = new PlayQueue()
    queue.sound(new Float32Array(100))
    queue.mark('a')
    queue.mark('b')
    expect(queue.clear()).toEqual(['a', 'b'])
    expect(queue.waiting).toBe(0)
    expect(queue.mark('c')).toEqual(['c'])
  })
})

function sine(hertz: number, rate: number, length: number, volume: number): Float32Array {
  return Float32Array.from({ length }, (_, n) => volume * Math.sin((2 * Math.PI * hertz * n) / rate))
}

function power(sound: Float32Array): number {
  return sound.reduce((sum, sample) => sum + sample * sample, 0) / sound.length
}
