//! What the caller really heard. Every piece sent carries a mark; its echo says that it was played. What lies between the
//! last echo and now was played in real time, since Twilio plays at the speed of speech whatever we send.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use crate::agent::Item;

/// μ-law at 8 kHz.
pub(crate) const BYTES_PER_MS: u64 = 8;

/// A piece of audio on its way to the caller's ear.
#[derive(Debug)]
pub(crate) struct Piece {
    /// Its mark's number.
    pub(crate) mark: u64,
    /// Which reply it is of.
    pub(crate) item: Item,
    /// Base64, kept for listeners, who hear it when the caller does.
    pub(crate) payload: Bytes,
    /// Its length in bytes of audio.
    bytes: u64,
    /// The reply's bytes before it.
    before: u64,
}

/// How much of a reply was heard when it was cut.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// The reply.
    pub(crate) item: Item,
    /// How much of it the caller heard.
    pub(crate) heard_ms: u64,
    /// How much was sent.
    pub(crate) sent_ms: u64,
}

/// Pieces sent and not yet played, in order. Holds what the model made ahead of the caller's ear, so at most one reply's
/// length; dropped as a whole when the caller interrupts.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    waiting: VecDeque<Piece>,
    next_mark: u64,
    /// When the first waiting piece began to play.
    since: Duration,
    /// The reply that was sent to last, and how much of it.
    sent: Option<(Item, u64)>,
}

impl Ledger {
    /// Notes a piece that is sent at `now`; answers its mark.
    pub(crate) fn send(&mut self, item: &Item, payload: Bytes, now: Duration) -> u64 {
        if self.waiting.is_empty() {
            self.since = now;
        }
        let before = match &self.sent {
            Some((last, bytes)) if last == item => *bytes,
            _ => 0,
        };
        let bytes = audio_bytes(&payload);
        self.sent = Some((Item::clone(item), before + bytes));
        let mark = self.next_mark;
        self.next_mark += 1;
        self.waiting.push_back(Piece {
            mark,
            item: Item::clone(item),
            payload,
            bytes,
            before,
        });
        mark
    }

    /// A mark came back at `now`: everything up to it was played. Answers the replies that have nothing waiting any
    /// more. The echo of a piece that was cut (Twilio echoes those too) or never sent says nothing.
    pub(crate) fn echoed(&mut self, mark: u64, now: Duration) -> Vec<Item> {
        let mut played: Vec<Item> = Vec::new();
        while let Some(piece) = self.waiting.pop_front_if(|piece| piece.mark <= mark) {
            self.since = now;
            if played.last() != Some(&piece.item) {
                played.push(piece.item);
            }
        }
        if let Some(next) = self.waiting.front() {
            played.retain(|item| *item != next.item);
        }
        played
    }

    /// Throws away what waits and says how much of each reply was heard; empty when nothing was playing.
    pub(crate) fn cut(&mut self, now: Duration) -> Vec<Cut> {
        let mut left = bytes_in(now.saturating_sub(self.since));
        let mut cuts: Vec<Cut> = Vec::new();
        for piece in self.waiting.drain(..) {
            let heard = piece.bytes.min(left);
            left -= heard;
            let (heard_ms, sent_ms) = (
                (piece.before + heard) / BYTES_PER_MS,
                (piece.before + piece.bytes) / BYTES_PER_MS,
            );
            match cuts.last_mut() {
                // A later piece of the same reply: only counts when the one before it was heard whole.
                Some(cut) if cut.item == piece.item => {
                    cut.heard_ms = cut.heard_ms.max(heard_of(heard, heard_ms));
                    cut.sent_ms = sent_ms;
                }
                _ => cuts.push(Cut {
                    item: piece.item,
                    heard_ms,
                    sent_ms,
                }),
            }
        }
        self.sent = None;
        cuts
    }

    /// Whether something still plays, as far as echoes say.
    pub(crate) fn is_playing(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether a piece of this reply still waits.
    pub(crate) fn holds(&self, item: &Item) -> bool {
        self.waiting.iter().any(|piece| piece.item == *item)
    }

    /// When the last piece will have been played.
    pub(crate) fn ends_at(&self) -> Duration {
        let bytes: u64 = self.waiting.iter().map(|piece| piece.bytes).sum();
        self.since + Duration::from_millis(bytes / BYTES_PER_MS)
    }

    /// Where playback stands at `now`: the piece, and how many of its bytes were played. `None` when silent.
    pub(crate) fn at(&self, now: Duration) -> Option<(&Piece, u64)> {
        let mut left = bytes_in(now.saturating_sub(self.since));
        for piece in &self.waiting {
            if left < piece.bytes {
                return Some((piece, left));
            }
            left -= piece.bytes;
        }
        None
    }

    /// The piece that follows the one with this mark.
    pub(crate) fn after(&self, mark: u64) -> Option<&Piece> {
        self.waiting.iter().find(|piece| piece.mark > mark)
    }
}

/// Nothing of a piece says nothing about those before it.
fn heard_of(heard: u64, heard_ms: u64) -> u64 {
    if heard > 0 { heard_ms } else { 0 }
}

fn bytes_in(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX / BYTES_PER_MS) * BYTES_PER_MS / 1_000
}

/// How many bytes of audio a base64 payload is.
pub(crate) fn audio_bytes(payload: &[u8]) -> u64 {
    let padding = payload.iter().rev().take_while(|byte| **byte == b'=').count();
    (payload.len().saturating_sub(padding) * 3 / 4) as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn item(name: &str) -> Item {
        name.into()
    }

    /// Base64 of `ms` of audio.
    fn audio(ms: usize) -> Bytes {
        base64_simd::STANDARD.encode_to_string(vec![0xff; ms * 8]).into()
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn lengths_of_base64() {
        for bytes in 0..20 {
            let text = base64_simd::STANDARD.encode_to_string(vec![0; bytes]);
            assert_eq!(audio_bytes(text.as_bytes()), bytes as u64);
        }
    }

    #[test]
    fn an_interruption_is_cut_where_the_caller_was() {
        let mut ledger = Ledger::default();
        let reply = item("a");
        let first = ledger.send(&reply, audio(1_000), ms(0));
        ledger.send(&reply, audio(1_000), ms(5));
        ledger.send(&reply, audio(1_000), ms(9));
        // Twilio played the first piece 40 ms later than we thought.
        assert_eq!(ledger.echoed(first, ms(1_040)), []);
        assert_eq!(
            ledger.cut(ms(1_540)),
            [Cut {
                item: reply,
                heard_ms: 1_500,
                sent_ms: 3_000
            }]
        );
        assert!(!ledger.is_playing());
    }

    #[test]
    fn echoes_of_what_was_cut_are_not_playback() {
        let mut ledger = Ledger::default();
        let old = ledger.send(&item("a"), audio(500), ms(0));
        ledger.cut(ms(100));
        let new = ledger.send(&item("b"), audio(500), ms(200));
        assert_eq!(ledger.echoed(old, ms(210)), []);
        assert!(ledger.is_playing());
        assert_eq!(
            ledger.cut(ms(300)),
            [Cut {
                item: item("b"),
                heard_ms: 100,
                sent_ms: 500
            }]
        );
        assert_eq!(ledger.echoed(new, ms(301)), []);
    }

    #[test]
    fn a_reply_is_played_with_its_last_piece() {
        let mut ledger = Ledger::default();
        let one = ledger.send(&item("a"), audio(20), ms(0));
        let two = ledger.send(&item("a"), audio(20), ms(0));
        let three = ledger.send(&item("b"), audio(20), ms(0));
        assert_eq!(ledger.ends_at(), ms(60));
        assert_eq!(ledger.echoed(one, ms(20)), []);
        assert_eq!(ledger.echoed(two, ms(40)), [item("a")]);
        assert_eq!(ledger.echoed(three, ms(60)), [item("b")]);
    }

    #[test]
    fn replies_behind_the_one_that_plays_were_not_heard() {
        let mut ledger = Ledger::default();
        ledger.send(&item("a"), audio(100), ms(0));
        ledger.send(&item("b"), audio(100), ms(0));
        let cuts = ledger.cut(ms(60));
        assert_eq!(
            cuts,
            [
                Cut {
                    item: item("a"),
                    heard_ms: 60,
                    sent_ms: 100
                },
                Cut {
                    item: item("b"),
                    heard_ms: 0,
                    sent_ms: 100
                }
            ]
        );
    }

    proptest! {
        /// Whatever is sent and echoed in whatever rhythm: never more heard than sent.
        #[test]
        fn never_more_heard_than_sent(steps in prop::collection::vec((0_u8..4, 0_u64..3_000), 1..60)) {
            let mut ledger = Ledger::default();
            let (mut now, mut marks, mut replies) = (0, 0, 0_u64);
            for (step, wait) in steps {
                now += wait;
                match step {
                    0 => marks = ledger.send(&item(&replies.to_string()), audio(usize::try_from(wait / 4).unwrap()), ms(now)),
                    1 => { ledger.echoed(marks.saturating_sub(wait % 3), ms(now)); }
                    2 => replies += 1,
                    _ => for cut in ledger.cut(ms(now)) {
                        prop_assert!(cut.heard_ms <= cut.sent_ms);
                    },
                }
            }
        }
    }
}
