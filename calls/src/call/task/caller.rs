//! What comes from the caller's side: audio, keys, echoes of marks.

use std::time::{Duration, Instant};

use connectors::twilio::stream::{self, Event, Media};
use hub::call::Outcome;

use super::{End, Task};
use crate::call::scribe::Note;
use crate::listen::agent_level;
use crate::media::Incoming;
use crate::ulaw;

/// Level meters show every fifth frame, ten a second, while anybody has a screen open.
const LEVEL_EVERY: u64 = 5;
/// A frame this much later than the best so far is late.
const LATE: i64 = 60;
/// Twilio sends 50 frames a second. Ten seconds of them may come at once after a gap; what comes faster for longer is
/// dropped, and after as much again the socket is closed.
const BURST_MAX: f64 = 500.0;
const FRAMES_PER_S: f64 = 50.0;
const EXCESS_MAX: u32 = 500;
/// Malformed messages until the socket is closed.
const MALFORMED_MAX: u32 = 20;
/// Media within this time: the socket is in use.
const FLOWING: Duration = Duration::from_secs(1);

/// How well the caller's audio comes in.
#[derive(Debug, Default)]
pub(super) struct Quality {
    frames: u64,
    last: Duration,
    next_chunk: u64,
    /// The smallest difference so far between our clock and the stream's.
    offset_ms: Option<i64>,
    allowance: f64,
    excess: u32,
    malformed: u32,
    interrupted: Option<Instant>,
}

impl Quality {
    pub(super) fn starting(now: Duration) -> Self {
        Self {
            last: now,
            allowance: BURST_MAX,
            ..Self::default()
        }
    }

    pub(super) fn is_flowing(&self, now: Duration) -> bool {
        self.frames > 0 && now.saturating_sub(self.last) < FLOWING
    }

    pub(super) fn silent_for(&self, now: Duration) -> Duration {
        now.saturating_sub(self.last)
    }

    pub(super) fn interrupted_at(&mut self, at: Instant) {
        self.interrupted = Some(at);
    }

    /// A `clear` went out: the time since the interruption was noticed, if that was why.
    pub(super) fn cleared(&mut self) {
        if let Some(at) = self.interrupted.take() {
            metrics::histogram!("switchboard_call_barge_in_stop_seconds").record(at.elapsed());
        }
    }

    /// Counts a frame; `false` when there are too many.
    fn frame(&mut self, media: &Media<'_>, now: Duration) -> bool {
        let elapsed = now.saturating_sub(self.last).as_secs_f64();
        self.allowance = if self.frames == 0 {
            BURST_MAX
        } else {
            (self.allowance + elapsed * FRAMES_PER_S).min(BURST_MAX)
        };
        self.last = now;
        self.frames += 1;
        if self.next_chunk != 0 && media.chunk > self.next_chunk {
            metrics::counter!("switchboard_frames_lost_total").increment(media.chunk - self.next_chunk);
        }
        self.next_chunk = media.chunk.saturating_add(1);
        let difference = i64::try_from(now.as_millis())
            .unwrap_or(i64::MAX)
            .saturating_sub_unsigned(media.timestamp_ms);
        let best = *self.offset_ms.get_or_insert(difference);
        self.offset_ms = Some(best.min(difference));
        if difference - best > LATE {
            metrics::counter!("switchboard_frames_late_total").increment(1);
        }
        if self.allowance < 1.0 {
            self.excess += 1;
            metrics::counter!("switchboard_frames_dropped_total", "side" => "caller").increment(1);
            return false;
        }
        self.allowance -= 1.0;
        true
    }
}

impl Task {
    pub(super) fn incoming(&mut self, incoming: Incoming) -> Option<End> {
        let text = match incoming {
            Incoming::Text(text) => text,
            Incoming::Nothing => return None,
            Incoming::Closed => {
                // Without a `stop`: it broke. It may come back.
                self.socket = None;
                self.gone = Some(self.now());
                return None;
            }
        };
        let now = self.now();
        match stream::parse(&text) {
            Ok(Event::Media(media)) => self.media(&media, now),
            Ok(Event::Mark(name)) => {
                if let Ok(mark) = name.parse() {
                    self.machine.echoed(mark, now);
                }
            }
            Ok(Event::Dtmf(key)) => self.machine.key(key, now),
            Ok(Event::Stop) => {
                self.socket = None;
                return Some(End::Over(Outcome::CallerHungUp));
            }
            Ok(Event::Connected | Event::Start(_) | Event::Other) => {}
            Err(fault) => {
                self.quality.malformed += 1;
                metrics::counter!("switchboard_media_malformed_total").increment(1);
                tracing::debug!(call.id = %self.call.id, error = %fault, "Malformed media message");
            }
        }
        if self.quality.malformed > MALFORMED_MAX || self.quality.excess > EXCESS_MAX {
            tracing::warn!(call.id = %self.call.id, "Call {}'s stream does not keep to the protocol", self.call.id);
            self.socket = None;
            self.gone = Some(now);
        }
        None
    }

    fn media(&mut self, media: &Media<'_>, now: Duration) {
        if !media.inbound || !self.quality.frame(media, now) {
            return;
        }
        self.agent.hear(&media.payload);
        let listened = self.tap.is_open(Instant::now());
        let measured = self.quality.frames.is_multiple_of(LEVEL_EVERY) && self.scribe.is_watched();
        if !listened && !measured {
            return;
        }
        let Ok(audio) = base64_simd::STANDARD.decode_to_vec(media.payload.as_bytes()) else {
            return;
        };
        if listened {
            self.tap.frame(&audio, self.machine.ledger(), now);
        }
        if measured {
            let agent = agent_level(self.machine.ledger(), now);
            self.scribe.note(Note::Level {
                caller: ulaw::meter(&audio),
                agent,
            });
        }
    }
}
