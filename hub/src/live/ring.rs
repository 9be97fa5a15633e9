//! A tenant's recent events in memory: contiguous, bounded, shared by all its clients of this process.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::role::Role;

/// Events kept; more than a client may have unsent, so that whoever is not slow is served from here.
const EVENTS_MAX: usize = 1_024;
/// Bytes kept, likewise.
const BYTES_MAX: u64 = 1024 * 1024;

/// An event as clients get it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its place in the tenant's sequence.
    pub seq: i64,
    /// The lowest role that may see it.
    pub audience: Role,
    /// The frame, ready for the wire; shared by every socket.
    pub frame: Bytes,
}

/// The last events, without holes. When full, the oldest go: who needs them reads Postgres.
#[derive(Debug)]
pub(super) struct Ring {
    /// The number before the first one held.
    floor: i64,
    /// Bytes that ever went through, up to the floor.
    floor_bytes: u64,
    slots: VecDeque<Slot>,
}

#[derive(Debug)]
struct Slot {
    event: Event,
    /// Bytes that ever went through, up to and with this event.
    end_bytes: u64,
}

impl Ring {
    /// Holds nothing; the next event is `head + 1`.
    pub(super) fn new(head: i64) -> Self {
        Self {
            floor: head,
            floor_bytes: 0,
            slots: VecDeque::new(),
        }
    }

    /// The last number held, or the floor.
    pub(super) fn head(&self) -> i64 {
        self.slots.back().map_or(self.floor, |slot| slot.event.seq)
    }

    /// The number before the first one held.
    pub(super) fn floor(&self) -> i64 {
        self.floor
    }

    fn end_bytes(&self) -> u64 {
        self.slots.back().map_or(self.floor_bytes, |slot| slot.end_bytes)
    }

    /// Appends the next event; anything but `head + 1` is refused.
    pub(super) fn push(&mut self, event: Event) -> bool {
        if event.seq != self.head() + 1 {
            return false;
        }
        let end_bytes = self.end_bytes() + event.frame.len() as u64;
        self.slots.push_back(Slot { event, end_bytes });
        while self.slots.len() > EVENTS_MAX
            || (self.slots.len() > 1 && self.end_bytes() - self.floor_bytes > BYTES_MAX)
        {
            let Some(oldest) = self.slots.pop_front() else {
                break;
            };
            self.floor = oldest.event.seq;
            self.floor_bytes = oldest.end_bytes;
        }
        true
    }

    /// Forgets everything; the next event is `head + 1`.
    pub(super) fn restart(&mut self, head: i64) {
        self.floor_bytes = self.end_bytes();
        self.slots.clear();
        self.floor = head;
    }

    /// The events after `seq`, oldest first; none when they are not all here.
    pub(super) fn after(&self, seq: i64) -> Option<impl Iterator<Item = &Event>> {
        let from = usize::try_from(seq - self.floor).ok()?;
        let from = from.min(self.slots.len());
        Some(self.slots.range(from..).map(|slot| &slot.event))
    }

    /// How many events and bytes come after `seq`.
    pub(super) fn lag(&self, seq: i64) -> (usize, usize) {
        let events = usize::try_from(self.head() - seq).unwrap_or(0);
        let begin = match usize::try_from(seq - self.floor) {
            Err(_) | Ok(0) => self.floor_bytes,
            Ok(at) => self
                .slots
                .get(at - 1)
                .map_or(self.end_bytes(), |slot| slot.end_bytes),
        };
        (events, usize::try_from(self.end_bytes() - begin).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a difference of numbers.
    const KEPT: i64 = 1_024;

    fn event(seq: i64, len: usize) -> Event {
        Event {
            seq,
            audience: Role::ReadOnly,
            frame: vec![0; len].into(),
        }
    }

    #[test]
    fn it_holds_the_last_events_within_its_bounds() {
        let mut ring = Ring::new(10);
        for seq in 11..=10 + 2 * KEPT {
            assert!(ring.push(event(seq, 10)));
        }
        assert_eq!(ring.head() - ring.floor(), KEPT);
        assert!(ring.after(ring.floor() - 1).is_none());
        assert_eq!(ring.after(ring.floor()).unwrap().count(), EVENTS_MAX);
        assert_eq!(ring.lag(ring.head() - 3), (3, 30));
        assert_eq!(ring.lag(ring.floor()), (EVENTS_MAX, EVENTS_MAX * 10));
        let head = ring.head();
        for seq in head + 1..=head + 5 {
            ring.push(event(seq, 400_000));
        }
        assert_eq!(ring.head() - ring.floor(), 2);
    }

    #[test]
    fn it_takes_only_the_next_one() {
        let mut ring = Ring::new(0);
        assert!(!ring.push(event(2, 1)));
        assert!(ring.push(event(1, 1)));
        assert!(!ring.push(event(1, 1)));
        ring.restart(7);
        assert!(ring.push(event(8, 1)));
        assert_eq!(ring.lag(7), (1, 1));
        assert_eq!(ring.lag(9), (0, 0), "a client that is ahead of us waits");
    }
}
