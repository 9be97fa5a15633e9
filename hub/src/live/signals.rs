//! Signals: what is true only now. The last ones of a tenant wait here for its clients; a later word on the same thing
//! replaces an earlier one, and when the shelf is full the oldest goes. A slow client thus costs nothing and sees the
//! newest.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

/// Signals on the shelf of a tenant.
const KEPT_MAX: usize = 256;
/// How old a signal may be for a newcomer.
const FRESH: Duration = Duration::from_secs(5);

/// The last signals of a tenant.
#[derive(Debug, Default)]
pub(super) struct Signals {
    /// The number the last one got.
    last: u64,
    slots: VecDeque<Slot>,
}

#[derive(Debug)]
struct Slot {
    n: u64,
    key: String,
    from: Option<String>,
    at: Instant,
    frame: Bytes,
}

impl Signals {
    /// Puts a signal on the shelf. `from` is the client that does not get it back.
    pub(super) fn push(&mut self, key: String, from: Option<String>, frame: Bytes, now: Instant) {
        self.slots.retain(|slot| slot.key != key);
        if self.slots.len() == KEPT_MAX {
            self.slots.pop_front();
        }
        self.last += 1;
        self.slots.push_back(Slot {
            n: self.last,
            key,
            from,
            at: now,
            frame,
        });
    }

    /// Where a newcomer begins: what others type or say just now is for it too.
    pub(super) fn newcomer(&self, now: Instant) -> u64 {
        let fresh = self
            .slots
            .iter()
            .find(|slot| now.saturating_duration_since(slot.at) < FRESH);
        fresh.map_or(self.last, |slot| slot.n - 1)
    }

    /// The clients that what came after `n` is from.
    pub(super) fn authors(&self, n: u64) -> Vec<String> {
        let from = self.slots.partition_point(|slot| slot.n <= n);
        let mut authors: Vec<String> = self
            .slots
            .range(from..)
            .filter_map(|slot| slot.from.clone())
            .collect();
        authors.sort_unstable();
        authors.dedup();
        authors
    }

    /// Adds what came after `n` and is not `client`'s own; answers the number now seen.
    pub(super) fn after(&self, n: u64, client: &str, out: &mut VecDeque<Bytes>) -> u64 {
        if n < self.last {
            let from = self.slots.partition_point(|slot| slot.n <= n);
            let theirs = self.slots.range(from..);
            let others = theirs.filter(|slot| slot.from.as_deref() != Some(client));
            out.extend(others.map(|slot| slot.frame.clone()));
        }
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(signals: &mut Signals, key: &str, body: &'static str, now: Instant) {
        signals.push(key.to_owned(), Some("me".to_owned()), body.into(), now);
    }

    #[test]
    fn the_newest_word_on_a_thing_is_the_only_one() {
        let now = Instant::now();
        let mut signals = Signals::default();
        push(&mut signals, "level:1", "old", now);
        push(&mut signals, "typing:1", "t", now);
        push(&mut signals, "level:1", "new", now);
        let mut out = VecDeque::new();
        let seen = signals.after(0, "you", &mut out);
        assert_eq!(out, ["t", "new"]);
        assert_eq!(signals.after(seen, "you", &mut out), seen);
        assert_eq!(signals.after(0, "me", &mut VecDeque::new()), seen);
        assert_eq!(out.len(), 2);
    }

    #[test]
    fn the_shelf_is_bounded_and_a_newcomer_gets_the_fresh_part() {
        let start = Instant::now();
        let mut signals = Signals::default();
        for i in 0..KEPT_MAX * 2 {
            push(&mut signals, &format!("old{i}"), "old", start);
        }
        let now = start + FRESH;
        assert_eq!(signals.newcomer(now), signals.last);
        push(&mut signals, "new", "new", now);
        let mut out = VecDeque::new();
        signals.after(signals.newcomer(now), "you", &mut out);
        assert_eq!(out, ["new"]);
        out.clear();
        signals.after(0, "you", &mut out);
        assert_eq!(out.len(), KEPT_MAX);
    }
}
