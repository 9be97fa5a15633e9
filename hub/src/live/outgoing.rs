//! What a socket has still to send: references to shared frames, written many at once.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::time::Instant;

use bytes::{Buf as _, Bytes};

use super::line::Wire;

/// Frames given to the kernel in one call.
const SLICES_MAX: usize = 64;

/// Unsent frames. Bounded by its user: a batch is added only when nothing is left, besides that answers to what the
/// browser says, whose rate is limited.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    frames: VecDeque<Bytes>,
    /// Since when the kernel has not taken everything.
    stalled_since: Option<Instant>,
    /// Whether the first frame has gone out in part.
    cut: bool,
}

impl Outgoing {
    pub(super) fn frames(&mut self) -> &mut VecDeque<Bytes> {
        &mut self.frames
    }

    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    pub(super) fn stalled_since(&self) -> Option<Instant> {
        self.stalled_since
    }

    /// Keeps only what must follow a frame that has gone out in part.
    pub(super) fn give_up(&mut self) {
        self.frames.truncate(usize::from(self.cut));
    }

    /// Takes over a batch that was written past the queue and of which the kernel took only `written` bytes.
    pub(super) fn take_over(&mut self, frames: &[Bytes], written: usize, now: Instant) {
        self.frames.extend(frames.iter().cloned());
        self.advance(written);
        self.stalled_since.get_or_insert(now);
    }

    /// Writes until everything is out or the kernel takes no more.
    pub(super) fn flush(&mut self, wire: &dyn Wire, now: Instant) -> io::Result<()> {
        while !self.frames.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let mut count = 0;
            for (slice, frame) in slices.iter_mut().zip(&self.frames) {
                *slice = IoSlice::new(frame);
                count += 1;
            }
            match wire.try_write_vectored(slices.get(..count).unwrap_or_default()) {
                Ok(written) => self.advance(written),
                Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => {
                    self.stalled_since.get_or_insert(now);
                    return Ok(());
                }
                Err(fault) => return Err(fault),
            }
        }
        self.stalled_since = None;
        // An idle socket keeps no queue.
        self.frames = VecDeque::new();
        Ok(())
    }

    fn advance(&mut self, mut written: usize) {
        while let Some(first) = self.frames.front_mut() {
            if written < first.len() {
                first.advance(written);
                self.cut |= written > 0;
                return;
            }
            written -= first.len();
            self.frames.pop_front();
            self.cut = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_that_is_half_out_is_finished_before_a_goodbye() {
        let mut out = Outgoing::default();
        out.frames()
            .extend([Bytes::from("abc"), Bytes::from("def"), Bytes::from("ghi")]);
        out.advance(4);
        out.give_up();
        assert_eq!(*out.frames(), ["ef"]);
        out.advance(2);
        assert!(out.is_empty());
        out.frames().extend([Bytes::from("abc"), Bytes::from("def")]);
        out.advance(3);
        out.give_up();
        assert!(out.is_empty());
    }
}
