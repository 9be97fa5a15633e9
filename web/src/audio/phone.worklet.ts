// The browser phone's ear and mouth: plays what the agent says and cuts what the microphone hears into 20 ms frames.
import { decode, encode, FRAME, loudness, RATE } from './mulaw'
import { PlayQueue } from './play-queue'
import { Resampler } from './resample'

class Phone extends AudioWorkletProcessor {
  private readonly queue = new PlayQueue()
  private readonly down = new Resampler(sampleRate, RATE)
  private readonly up = new Resampler(RATE, sampleRate)
  private readonly pulled = new Float32Array(FRAME / 4)
  private frame = new Float32Array(FRAME)
  private filled = 0
  private ready: Float32Array = new Float32Array(0)
  private at = 0
  private heard = 0
  private pulls = 0
  private muted = false

  constructor() {
    super()
    this.port.onmessage = ({ data }) => {
      if (data.sound) this.queue.sound(decode(data.sound))
      else if (data.mark !== undefined) this.played(this.queue.mark(data.mark))
      else if (data.clear) {
        this.ready = new Float32Array(0)
        this.at = 0
        this.played(this.queue.clear())
      } else if (data.muted !== undefined) this.muted = data.muted
    }
  }

  override process(inputs: Float32Array[][], outputs: Float32Array[][]): boolean {
    const out = outputs[0]?.[0]
    if (out) {
      for (let n = 0; n < out.length; n++) {
        while (this.at >= this.ready.length) this.refill()
        out[n] = this.ready[this.at]!
        this.at += 1
      }
      for (const other of outputs[0]!.slice(1)) other.set(out)
    }
    // A microphone that is not there yet is silence: the line is open from the first moment.
    this.hear(inputs[0]?.[0] ?? new Float32Array(128))
    return true
  }

  private refill() {
    this.played(this.queue.pull(this.pulled))
    this.heard = Math.max(this.heard, loudness(this.pulled))
    this.ready = this.up.push(this.pulled)
    this.at = 0
    this.pulls += 1
    // Every 50 ms.
    if (this.pulls % 10 === 0) {
      this.port.postMessage({ level: this.heard })
      this.heard = 0
    }
  }

  private hear(input: Float32Array) {
    for (const sample of this.down.push(input)) {
      this.frame[this.filled] = this.muted ? 0 : sample
      this.filled += 1
      if (this.filled < FRAME) continue
      this.port.postMessage({ frame: encode(this.frame), level: loudness(this.frame) })
      this.filled = 0
    }
  }

  private played(marks: string[]) {
    for (const mark of marks) this.port.postMessage({ mark })
  }
}

registerProcessor('switchboard-phone', Phone)
