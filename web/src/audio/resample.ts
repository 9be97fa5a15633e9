// Changes the rate of sound: from the microphone's rate down to the telephone's, and up again where a browser insists.

/** Taps on each side of a sample, at the lower of both rates. */
const REACH = 16

/** A windowed-sinc resampler that keeps its state from block to block; what is above the lower rate's limit is filtered out. */
export class Resampler {
  private history: Float32Array
  /** Position of the next output sample in the input, counted from the history's start. */
  private position: number
  private readonly ratio: number
  private readonly cutoff: number
  private readonly half: number

  constructor(from: number, to: number) {
    this.ratio = from / to
    // Of the input's own limit; a tenth lower, so that the filter's slope ends before the fold.
    this.cutoff = Math.min(1, to / from) * 0.92
    this.half = Math.ceil(REACH / Math.min(1, to / from))
    this.history = new Float32Array(this.half)
    this.position = this.half
  }

  push(input: Float32Array): Float32Array {
    if (this.ratio === 1) return input.slice()
    const sound = new Float32Array(this.history.length + input.length)
    sound.set(this.history)
    sound.set(input, this.history.length)
    const output: number[] = []
    while (this.position + this.half < sound.length) {
      output.push(this.at(sound, this.position))
      this.position += this.ratio
    }
    const keepFrom = Math.max(0, Math.floor(this.position) - this.half)
    this.history = sound.slice(keepFrom)
    this.position -= keepFrom
    return Float32Array.from(output)
  }

  private at(sound: Float32Array, position: number): number {
    const first = Math.max(0, Math.ceil(position - this.half))
    const last = Math.min(sound.length - 1, Math.floor(position + this.half))
    let sum = 0
    let weight = 0
    for (let n = first; n <= last; n++) {
      const distance = position - n
      const tap = sinc(distance * this.cutoff) * (0.5 + 0.5 * Math.cos((Math.PI * distance) / (this.half + 1)))
      sum += tap * sound[n]!
      weight += tap
    }
    return weight === 0 ? 0 : sum / weight
  }
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x)
}
