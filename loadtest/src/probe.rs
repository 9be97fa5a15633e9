//! Tagged frames: 160 bytes of μ-law that carry who sent them and when, so that both ends can time them.
//!
//! Nothing on the way may transcode, so a tag arrives bit for bit or not at all; a damaged one is counted.
use crate::ulaw::FRAME;

const MAGIC: [u8; 8] = [0x5A, 0xA5, 0x13, 0x37, 0xC0, 0xDE, 0x42, 0x99];

/// What one tagged frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// The call's number within the run.
    pub call: u64,
    /// Counts the caller's frames from 0.
    pub sequence: u64,
    /// When the caller's frame was due, in microseconds of [`crate::clock`].
    pub sent_us: u64,
    /// When the model's side sent it back; 0 on the way there.
    pub returned_us: u64,
}

impl Tag {
    /// The frame that carries this tag.
    pub fn frame(&self) -> [u8; FRAME] {
        // The filling is a loud pattern, so that level meters and silence policies see a caller who speaks.
        let mut frame = [0x12; FRAME];
        let words = [self.call, self.sequence, self.sent_us, self.returned_us];
        let bytes = MAGIC
            .into_iter()
            .chain(words.into_iter().flat_map(u64::to_be_bytes));
        for (slot, byte) in frame.iter_mut().zip(bytes) {
            *slot = byte;
        }
        frame
    }

    /// The tag of a frame, when it carries one.
    pub fn read(frame: &[u8]) -> Option<Self> {
        if frame.len() < FRAME || frame.get(..8)? != MAGIC {
            return None;
        }
        let word = |from: usize| Some(u64::from_be_bytes(frame.get(from..from + 8)?.try_into().ok()?));
        Some(Self {
            call: word(8)?,
            sequence: word(16)?,
            sent_us: word(24)?,
            returned_us: word(32)?,
        })
    }

    /// All tags in a piece of audio, however the frames were joined or cut.
    pub fn scan(audio: &[u8]) -> Vec<Self> {
        let mut tags = Vec::new();
        let mut rest = audio;
        while rest.len() >= FRAME {
            if let Some(tag) = Self::read(rest) {
                tags.push(tag);
                rest = rest.get(FRAME..).unwrap_or_default();
            } else {
                rest = rest.get(1..).unwrap_or_default();
            }
        }
        tags
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_survive_being_joined_at_odd_places() {
        let tags = [1, 2].map(|n| Tag {
            call: n,
            sequence: n * 7,
            sent_us: n * 1_000_000,
            returned_us: 0,
        });
        let mut audio = vec![0xFF; 13];
        audio.extend(tags[0].frame());
        audio.extend([0xFF; 5]);
        audio.extend(tags[1].frame());
        assert_eq!(Tag::scan(&audio), tags);
        assert!(Tag::read(&[0xFF; FRAME]).is_none());
    }
}
