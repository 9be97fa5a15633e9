// Plays both sides of a call for somebody who listens: the caller on one ear's side, the agent on the other's.
import { decode, loudness, RATE } from './mulaw'
import { JitterBuffer, SILENT_FRAME } from './jitter'
import { Resampler } from './resample'

/** How far each voice sits from the middle: enough to tell them apart, near enough to follow both. */
const SIDE = 0.35

class Listen extends AudioWorkletProcessor {
  private readonly buffer = new JitterBuffer()
  private readonly up = [new Resampler(RATE, sampleRate), new Resampler(RATE, sampleRate)]
  private ready: [Float32Array, Float32Array] = [new Float32Array(0), new Float32Array(0)]
  private at = 0
  private frames = 0

  constructor() {
    super()
    this.port.onmessage = ({ data }) => {
      if (data === 'clear') return this.buffer.clearAgent()
      this.buffer.push(data.track, data.seq, decode(data.codes))
    }
  }

  override process(_inputs: Float32Array[][], outputs: Float32Array[][]): boolean {
    const [start, end] = outputs[0]!
    for (let n = 0; n < start!.length; n++) {
      while (this.at >= this.ready[0].length) this.refill()
      const caller = this.ready[0][this.at]!
      const agent = this.ready[1][this.at]!
      this.at += 1
      start![n] = caller * (0.5 + SIDE) + agent * (0.5 - SIDE)
      if (end) end[n] = caller * (0.5 - SIDE) + agent * (0.5 + SIDE)
    }
    return true
  }

  private refill() {
    const [caller, agent] = this.buffer.pull()
    this.ready = [this.up[0]!.push(caller ?? SILENT_FRAME), this.up[1]!.push(agent ?? SILENT_FRAME)]
    this.at = 0
    this.frames += 1
    // Every 60 ms: enough for a meter to look alive.
    if (this.frames % 3 === 0) {
      this.port.postMessage({
        caller: caller ? loudness(caller) : 0,
        agent: agent ? loudness(agent) : 0,
        waitingMs: this.buffer.waitingMs,
        missed: this.buffer.missed,
      })
    }
  }
}

registerProcessor('switchboard-listen', Listen)
