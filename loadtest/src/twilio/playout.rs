//! Twilio's play-out buffer: what the server sent is played at the pace of time, marks come back when reached.
use std::collections::VecDeque;

use bytes::Bytes;

use crate::ulaw::{FRAME, duration_ms};

/// Audio and marks that wait to be played. Grows as the server sends ahead; Twilio's own limit is not documented,
/// ours is [`Playout::MAX_MS`], beyond which the stream fails.
#[derive(Debug, Default)]
pub struct Playout {
    queue: VecDeque<Entry>,
    waiting: usize,
}

#[derive(Debug)]
enum Entry {
    Audio(Bytes),
    Mark(String),
}

/// What one tick of 20 ms brought.
#[derive(Debug, Default, PartialEq)]
pub struct Played {
    /// Up to 160 bytes; less when the buffer ran dry.
    pub audio: Vec<u8>,
    /// Marks passed.
    pub marks: Vec<String>,
}

impl Playout {
    /// Ten minutes: no sane server is further ahead.
    pub const MAX_MS: u64 = 600_000;

    /// Milliseconds of audio that wait.
    pub fn waiting_ms(&self) -> u64 {
        duration_ms(self.waiting)
    }

    /// Queues audio; false when the buffer is beyond its limit.
    pub fn push(&mut self, audio: Bytes) -> bool {
        self.waiting += audio.len();
        self.queue.push_back(Entry::Audio(audio));
        self.waiting_ms() <= Self::MAX_MS
    }

    /// Queues a mark; true when nothing is before it, so that it is echoed at once.
    pub fn mark(&mut self, name: String) -> bool {
        if self.queue.is_empty() {
            return true;
        }
        self.queue.push_back(Entry::Mark(name));
        false
    }

    /// Throws everything away: the milliseconds never heard, and the marks that come back now.
    pub fn clear(&mut self) -> (u64, Vec<String>) {
        let dropped = self.waiting_ms();
        self.waiting = 0;
        let marks = self.queue.drain(..).filter_map(|entry| match entry {
            Entry::Audio(_) => None,
            Entry::Mark(name) => Some(name),
        });
        (dropped, marks.collect())
    }

    /// Plays the next 20 ms.
    pub fn tick(&mut self) -> Played {
        let mut played = Played::default();
        while let Some(entry) = self.queue.front_mut() {
            match entry {
                Entry::Mark(name) => played.marks.push(std::mem::take(name)),
                Entry::Audio(_) if played.audio.len() == FRAME => break,
                Entry::Audio(audio) => {
                    let piece = audio.split_to(audio.len().min(FRAME - played.audio.len()));
                    self.waiting -= piece.len();
                    played.audio.extend_from_slice(&piece);
                }
            }
            if matches!(entry, Entry::Audio(rest) if !rest.is_empty()) {
                break;
            }
            self.queue.pop_front();
        }
        played
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_comes_back_in_the_tick_that_ends_its_audio() {
        let mut playout = Playout::default();
        playout.push(Bytes::from(vec![1; 250]));
        assert!(!playout.mark("a".into()));
        playout.push(Bytes::from(vec![2; 100]));
        assert_eq!(
            playout.tick(),
            Played {
                audio: vec![1; 160],
                marks: vec![]
            }
        );
        let second = playout.tick();
        assert_eq!((second.audio.len(), second.marks), (160, vec!["a".to_owned()]));
        assert_eq!(playout.tick().audio, vec![2; 30]);
        assert!(playout.mark("b".into()));
    }

    #[test]
    fn clear_returns_every_waiting_mark_and_the_time_lost() {
        let mut playout = Playout::default();
        for name in ["a", "b"] {
            playout.push(Bytes::from(vec![1; 1600]));
            playout.mark(name.into());
        }
        playout.tick();
        assert_eq!(playout.clear(), (380, vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(playout.tick(), Played::default());
    }
}
