// The last events, kept so that an answer that was on its way while they came can be brought up to date.
import type { Event } from './protocol'

/** Far more than come during any request that is still worth waiting for. */
const KEPT = 2_000

export class Journal {
  private events: Event[] = []
  private dropped = 0

  /** A point in time: "everything so far". */
  mark(): number {
    return this.dropped + this.events.length
  }

  add(event: Event) {
    this.events.push(event)
    // Dropped in halves, so that the cost of it is spread.
    if (this.events.length > KEPT * 2) {
      this.events = this.events.slice(KEPT)
      this.dropped += KEPT
    }
  }

  /** What came after the mark; null when that is no longer known, and the answer must be asked for again. */
  since(mark: number): Event[] | null {
    return mark < this.dropped ? null : this.events.slice(mark - this.dropped)
  }
}
