//! Energy voice activity on the μ-law that really arrives, on the clock of the audio itself.
use crate::ulaw::{FRAME, duration_ms, loudness};

/// Frames above the limit in a row before speech counts as begun.
const ONSET_FRAMES: u64 = 3;
/// Loudness (root mean square) that threshold 1.0 asks for.
const LOUDNESS_AT_ONE: f64 = 800.0;

/// What was noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noticed {
    /// Speech began; the position includes the prefix padding.
    Started { audio_start_ms: u64 },
    /// Speech ended: as long a silence passed as was asked for.
    Stopped { audio_end_ms: u64 },
}

/// The detector of one session.
#[derive(Clone, Debug)]
pub struct Vad {
    /// 0 to 1, as `turn_detection.threshold`.
    pub threshold: f64,
    /// As `prefix_padding_ms`.
    pub prefix_ms: u64,
    /// As `silence_duration_ms`.
    pub silence_ms: u64,
    /// Switched off (`turn_detection: null`) it only counts time.
    pub enabled: bool,
    received: usize,
    partial: Vec<u8>,
    loud: u64,
    quiet: u64,
    speaking: bool,
}

impl Default for Vad {
    fn default() -> Self {
        Self {
            threshold: 0.5,
            prefix_ms: 300,
            silence_ms: 500,
            enabled: true,
            received: 0,
            partial: Vec::new(),
            loud: 0,
            quiet: 0,
            speaking: false,
        }
    }
}

impl Vad {
    /// Milliseconds of audio judged so far.
    pub fn position_ms(&self) -> u64 {
        duration_ms(self.received)
    }

    /// Whether somebody is speaking now.
    pub fn speaking(&self) -> bool {
        self.speaking
    }

    /// Time that passes without being judged (probes).
    pub fn skip(&mut self, audio: &[u8]) {
        self.received += audio.len();
    }

    /// Takes audio of any length.
    pub fn push(&mut self, audio: &[u8]) -> Vec<Noticed> {
        let mut noticed = Vec::new();
        self.partial.extend_from_slice(audio);
        let whole = self.partial.len() / FRAME * FRAME;
        let rest = self.partial.split_off(whole);
        for frame in std::mem::replace(&mut self.partial, rest).chunks(FRAME) {
            self.received += FRAME;
            noticed.extend(self.frame(frame));
        }
        noticed
    }

    fn frame(&mut self, frame: &[u8]) -> Option<Noticed> {
        if !self.enabled {
            return None;
        }
        if loudness(frame) > LOUDNESS_AT_ONE * self.threshold {
            self.loud += 1;
            self.quiet = 0;
        } else {
            self.loud = 0;
            self.quiet += 1;
        }
        if !self.speaking && self.loud >= ONSET_FRAMES {
            self.speaking = true;
            let onset_ms = self.position_ms() - ONSET_FRAMES * 20;
            return Some(Noticed::Started {
                audio_start_ms: onset_ms.saturating_sub(self.prefix_ms),
            });
        }
        if self.speaking && self.quiet * 20 >= self.silence_ms.max(20) {
            self.speaking = false;
            return Some(Noticed::Stopped {
                audio_end_ms: self.position_ms(),
            });
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ulaw;

    #[test]
    #[expect(clippy::cast_possible_truncation, reason = "the amplitude is 6,000")]
    fn a_tone_between_silences_is_one_utterance_with_the_right_times() {
        let tone: Vec<i16> = (0..8000)
            .map(|n| ((f64::from(n) * 0.3).sin() * 6000.0) as i16)
            .collect();
        let mut audio = ulaw::silence(1000);
        audio.extend(ulaw::encode(&tone));
        audio.extend(ulaw::silence(1000));
        for step in [37, 160, 4000] {
            let mut vad = Vad::default();
            let noticed: Vec<_> = audio.chunks(step).flat_map(|piece| vad.push(piece)).collect();
            let expected = [
                Noticed::Started { audio_start_ms: 700 },
                Noticed::Stopped { audio_end_ms: 2500 },
            ];
            assert_eq!(noticed, expected, "in pieces of {step}");
        }
    }

    #[test]
    fn a_click_is_no_speech() {
        let mut audio = ulaw::silence(400);
        audio.splice(800..960, [0x80; 160]);
        assert_eq!(Vad::default().push(&audio), []);
    }
}
