// What the telephone network does with the sound it is sent: plays it in order, and says when a mark was reached.

/** Ten minutes: far more than anybody says at once; what comes on top is dropped, as the network would. */
const QUEUE_MAX = 8_000 * 600

type Item = { sound: Float32Array } | { mark: string }

export class PlayQueue {
  private items: Item[] = []
  /** Samples of the first item that were played. */
  private offset = 0
  private length = 0

  /** Samples that wait. */
  get waiting(): number {
    return this.length
  }

  sound(sound: Float32Array) {
    if (sound.length === 0 || this.length + sound.length > QUEUE_MAX) return
    this.items.push({ sound })
    this.length += sound.length
  }

  /** Marks that are reached already, because nothing waits before them, come back at once. */
  mark(name: string): string[] {
    if (this.items.length === 0) return [name]
    this.items.push({ mark: name })
    return []
  }

  /** Throws the waiting sound away. The marks in it come back, as they do from the network. */
  clear(): string[] {
    const marks = this.items.flatMap((item) => ('mark' in item ? [item.mark] : []))
    this.items = []
    this.offset = 0
    this.length = 0
    return marks
  }

  /** Fills `out`, with silence when nothing waits; returns the marks that were reached. */
  pull(out: Float32Array): string[] {
    const marks: string[] = []
    let filled = 0
    while (this.items.length > 0) {
      const item = this.items[0]!
      if ('mark' in item) {
        marks.push(item.mark)
        this.items.shift()
        continue
      }
      if (filled === out.length) break
      const part = item.sound.subarray(this.offset, this.offset + out.length - filled)
      out.set(part, filled)
      filled += part.length
      this.offset += part.length
      this.length -= part.length
      if (this.offset === item.sound.length) {
        this.items.shift()
        this.offset = 0
      }
    }
    out.fill(0, filled)
    return marks
  }
}
