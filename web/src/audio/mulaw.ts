// G.711 μ-law: the telephone network's 8-bit samples, to and from linear sound.

/** Samples in one frame: 20 ms at 8 kHz. */
export const FRAME = 160
export const RATE = 8_000
/** The code of silence. */
export const SILENCE = 0xff

const BIAS = 0x84
const CLIP = 32_635

/** One code as a 16-bit linear sample. */
export function decodeSample(code: number): number {
  const inverted = ~code & 0xff
  const exponent = (inverted >> 4) & 7
  const magnitude = ((((inverted & 0x0f) << 3) + BIAS) << exponent) - BIAS
  // `|| 0`: the negative code of zero is zero.
  return (inverted & 0x80 ? -magnitude : magnitude) || 0
}

/** A 16-bit linear sample as its code. */
export function encodeSample(sample: number): number {
  const sign = sample < 0 ? 0x80 : 0
  const magnitude = Math.min(Math.abs(sample), CLIP) + BIAS
  let exponent = 7
  for (let mask = 0x4000; exponent > 0 && !(magnitude & mask); mask >>= 1) exponent -= 1
  return ~(sign | (exponent << 4) | ((magnitude >> (exponent + 3)) & 0x0f)) & 0xff
}

const table = Float32Array.from({ length: 256 }, (_, code) => decodeSample(code) / 32_768)

export function decode(codes: Uint8Array): Float32Array {
  const sound = new Float32Array(codes.length)
  for (let n = 0; n < codes.length; n++) sound[n] = table[codes[n]!]!
  return sound
}

export function encode(sound: Float32Array): Uint8Array {
  const codes = new Uint8Array(sound.length)
  for (let n = 0; n < sound.length; n++) codes[n] = encodeSample(Math.round(Math.max(-1, Math.min(1, sound[n]!)) * 32_767))
  return codes
}

export function toBase64(codes: Uint8Array): string {
  let text = ''
  for (const code of codes) text += String.fromCharCode(code)
  return btoa(text)
}

export function fromBase64(text: string): Uint8Array {
  const raw = atob(text)
  const codes = new Uint8Array(raw.length)
  for (let n = 0; n < raw.length; n++) codes[n] = raw.charCodeAt(n)
  return codes
}

/** Loudness from 0 (silence) to 1, on a scale that looks like hearing: −60 dB to 0 dB. */
export function loudness(sound: Float32Array): number {
  if (sound.length === 0) return 0
  let sum = 0
  for (const sample of sound) sum += sample * sample
  const decibels = 10 * Math.log10(sum / sound.length + 1e-12)
  return Math.max(0, Math.min(1, (decibels + 60) / 60))
}
