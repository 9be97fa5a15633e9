//! What comes from the caller's side: audio, keys, echoes of marks.

use std::time::{Duration, Instant};

use connectors::twilio::stream::{self, Event, Media};
use hub::call::{Outcome, Source};

use super::{End, Task};
use crate::call::scribe::Note;
use crate::listen::agent_level;
use crate::media::Incoming;
use crate::ulaw;

/// Level meters show every fifth frame, ten a second, while anybody has a screen open.
const LEVEL_EVERY: u64 = 5;
/// A frame this much later than the best so far is late.
const LATE: i64 = 60;
/// Twilio sends 50 frames a second, some echoes of marks and perhaps keys. Seven seconds of them may come at once after a
/// gap; what comes faster for longer is dropped unread, and after as much again the socket is closed.
const BURST_MAX: f64 = 500.0;
const MESSAGES_PER_S: f64 = 75.0;
const EXCESS_MAX: u32 = 500;
/// Messages until the socket is closed that are malformed or, like binary ones, of no kind that Twilio sends.
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
    /// When the allowance was last reckoned.
    reckoned: Duration,
    excess: u32,
    malformed: u32,
    interrupted: Option<Instant>,
}

impl Quality {
    pub(super) fn starting(now: Duration) -> Self {
        Self {
            last: now,
            reckoned: now,
            allowance: BURST_MAX,
            ..Self::default()
        }
    }

    /// Also in its first second, before anything can have come.
    pub(super) fn is_flowing(&self, now: Duration) -> bool {
        now.saturating_sub(self.last) < FLOWING
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

    /// Counts a message; `false` when there are too many.
    fn allows(&mut self, now: Duration) -> bool {
        let elapsed = now.saturating_sub(self.reckoned).as_secs_f64();
        self.reckoned = now;
        self.allowance = (self.allowance + elapsed * MESSAGES_PER_S).min(BURST_MAX);
        if self.allowance < 1.0 {
            self.excess += 1;
            metrics::counter!("switchboard_frames_dropped_total", "side" => "caller").increment(1);
            return false;
        }
        self.allowance -= 1.0;
        true
    }

    /// Whether the socket keeps to the protocol.
    fn is_fair(&self) -> bool {
        self.malformed <= MALFORMED_MAX && self.excess <= EXCESS_MAX
    }

    fn is_malformed(&mut self) {
        self.malformed += 1;
        metrics::counter!("switchboard_media_malformed_total").increment(1);
    }

    /// Counts a frame.
    fn frame(&mut self, media: &Media<'_>, now: Duration) {
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
    }
}

impl Task {
    pub(super) fn incoming(&mut self, incoming: Incoming) -> Option<End> {
        let now = self.now();
        let text = match incoming {
            Incoming::Text(text) if self.quality.allows(now) => text,
            Incoming::Text(_) => return self.unless_fair(now),
            Incoming::Nothing => return None,
            Incoming::Foreign => {
                self.quality.is_malformed();
                return self.unless_fair(now);
            }
            Incoming::Closed => {
                // Without a `stop`: it broke. It may come back.
                self.socket = None;
                self.gone = Some(now);
                return None;
            }
        };
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
                return Some(if self.transfer_unknown.is_some_and(|until| now < until) {
                    End::LetGo(None)
                } else if self.call.source == Source::Twilio {
                    End::Stopped
                } else {
                    End::Over(Outcome::CallerHungUp)
                });
            }
            Ok(Event::Connected | Event::Start(_) | Event::Other) => {}
            Err(fault) => {
                self.quality.is_malformed();
                tracing::debug!(call.id = %self.call.id, error = %fault, "Malformed media message");
            }
        }
        self.unless_fair(now)
    }

    /// A socket that does not keep to the protocol is dropped; nobody waits for it to come back.
    fn unless_fair(&mut self, now: Duration) -> Option<End> {
        if self.quality.is_fair() {
            return None;
        }
        tracing::warn!(call.id = %self.call.id, "Call {}'s stream does not keep to the protocol", self.call.id);
        self.socket = None;
        self.gone = Some(now);
        None
    }

    fn media(&mut self, media: &Media<'_>, now: Duration) {
        if !media.inbound {
            return;
        }
        self.quality.frame(media, now);
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
