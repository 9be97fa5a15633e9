// The listener's buffer: two tracks on one clock, played a little late so that a frame that took longer is still in time.
import { FRAME } from './mulaw'

/** Three frames (60 ms) are gathered before playing starts. */
export const START_FRAMES = 3
/** More than this much waiting (200 ms) is lateness, not safety: the oldest is dropped down to the start again. */
export const LATE_FRAMES = 10

export const CALLER = 0
export const AGENT = 1

export class JitterBuffer {
  /** For each track: frames by their number. At most LATE_FRAMES + 1 each: older ones are dropped as newer come. */
  private readonly tracks = [new Map<number, Float32Array>(), new Map<number, Float32Array>()]
  /** The number of the frame that plays next; null while gathering. */
  private next: number | null = null
  private newest = -1
  /** What was missing when its time came. */
  missed = 0
  dropped = 0

  push(track: number, seq: number, sound: Float32Array) {
    const frames = this.tracks[track]
    if (!frames) return
    if (this.next !== null && seq < this.next) {
      this.dropped += 1
      return
    }
    frames.set(seq, sound)
    this.newest = Math.max(this.newest, seq)
    if (this.next === null) this.begin()
    else if (this.newest - this.next >= LATE_FRAMES) this.skipTo(this.newest - START_FRAMES + 1)
  }

  /** Barge-in: nothing more of what the agent was going to say. */
  clearAgent() {
    this.tracks[AGENT]!.clear()
  }

  /** The next 20 ms of both tracks; silence where nothing is there in time. */
  pull(): [Float32Array | null, Float32Array | null] {
    if (this.next === null) return [null, null]
    const seq = this.next
    if (seq > this.newest) {
      // Ran dry: gather again before going on.
      this.missed += 1
      this.next = null
      return [null, null]
    }
    this.next = seq + 1
    const both = this.tracks.map((frames) => {
      const sound = frames.get(seq) ?? null
      frames.delete(seq)
      return sound
    })
    return [both[CALLER]!, both[AGENT]!]
  }

  get waitingMs(): number {
    return this.next === null ? 0 : (this.newest - this.next + 1) * 20
  }

  private begin() {
    const first = Math.min(...this.tracks.flatMap((frames) => [...frames.keys()]))
    if (this.newest - first + 1 >= START_FRAMES) this.next = first
  }

  private skipTo(seq: number) {
    for (const frames of this.tracks) {
      for (const number of frames.keys()) {
        if (number < seq) {
          frames.delete(number)
          this.dropped += 1
        }
      }
    }
    this.next = seq
  }
}

export const SILENT_FRAME = new Float32Array(FRAME)
