//! How fast a session may speak: as a person would. Pure: time and chance are handed in.
//!
//! WhatsApp blocks numbers that behave like machines: fixed intervals, no typing, many strangers on a young link. Three
//! rules keep a number away from that. A bucket limits all messages; typing is shown for as long as the words would take;
//! and people who never wrote are written to seldom, a few a day, and more of them the longer the number has been linked.
//! Who wrote lately is answered at once, or what feels like it.

use std::time::Duration;

use hub::clock::Timestamp;
use hub::config;
use hub::session::pacing::{Pause, Scope};
use tokio::time::Instant;

/// Messages at once after a rest; from then on the bucket's pace.
const BURST: u32 = 10;
/// A new worker does not know what the last one has sent: it begins with so many.
const BURST_FIRST: u32 = 4;
/// Who wrote so lately is waiting for an answer.
const LATELY: Duration = Duration::from_hours(24);
/// Between two people who never wrote, at least.
const STRANGERS_APART: Duration = Duration::from_secs(20);
/// At most so much of chance.
const STRANGERS_CHANCE: Duration = Duration::from_secs(40);
/// People who never wrote, on the day a number is linked; one more for every two days that it has been.
const STRANGERS_FIRST: u32 = 5;

/// How the other side of a chat stands to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    /// Wrote lately, and waits.
    Waiting,
    /// Wrote once, or was written to.
    Known,
    /// Never wrote, and was never written to.
    Stranger,
}

impl Standing {
    /// From when they wrote last, and whether anything of ours ever reached them.
    pub(crate) fn of(wrote_at: Option<Timestamp>, was_reached: bool, now: Timestamp) -> Self {
        match wrote_at {
            Some(at) if now.since(at) < LATELY => Self::Waiting,
            Some(_) => Self::Known,
            None if was_reached => Self::Known,
            None => Self::Stranger,
        }
    }

    /// How long typing is shown: at least, at most, and for each character.
    fn typing(self) -> (Duration, Duration, Duration) {
        let (least, most, each) = match self {
            Self::Waiting => (600, 2_500, 20),
            Self::Known => (1_000, 6_000, 40),
            Self::Stranger => (2_000, 10_000, 60),
        };
        (
            Duration::from_millis(least),
            Duration::from_millis(most),
            Duration::from_millis(each),
        )
    }
}

/// When an item's turn is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Now: typing is shown for so long, then it is sent.
    Type(Duration),
    /// Not before.
    Later(Instant),
}

/// The state of a session's pace. What is forgotten with its worker is made up for by a slower beginning.
#[derive(Debug)]
pub(crate) struct Pace {
    bucket: Option<Bucket>,
    strangers_from: Instant,
}

impl Pace {
    pub(crate) fn new(settings: &config::Whatsapp, now: Instant) -> Self {
        let is_human = settings.pacing == config::Pacing::Human;
        Self {
            bucket: is_human.then(|| Bucket::new(settings.messages_per_minute, now)),
            strangers_from: now,
        }
    }

    /// Whether anything is held back at all.
    pub(crate) fn is_on(&self) -> bool {
        self.bucket.is_some()
    }

    /// The turn of a message of so many characters; `random` are two numbers in 0..1. What is told to begin counts.
    pub(crate) fn turn(&mut self, standing: Standing, length: usize, now: Instant, random: [f64; 2]) -> Turn {
        let Some(bucket) = &mut self.bucket else {
            return Turn::Type(Duration::ZERO);
        };
        if standing == Standing::Stranger && now < self.strangers_from {
            return Turn::Later(self.strangers_from);
        }
        if let Err(later) = bucket.take(now) {
            return Turn::Later(later);
        }
        if standing == Standing::Stranger {
            self.strangers_from = now + STRANGERS_APART + STRANGERS_CHANCE.mul_f64(unit(random[1]));
        }
        Turn::Type(typing(standing, length, random[0]))
    }

    /// What began with a stranger came to nothing before anybody was asked about them: the next need not wait for it.
    pub(crate) fn take_back(&mut self, now: Instant) {
        self.strangers_from = now;
    }
}

/// As long as the words would take, give or take a quarter; never over the bound.
fn typing(standing: Standing, length: usize, random: f64) -> Duration {
    let (least, most, each) = standing.typing();
    let words = each.saturating_mul(u32::try_from(length).unwrap_or(u32::MAX));
    let plain = least.saturating_add(words).min(most);
    plain.mul_f64(0.75 + unit(random) / 2.0).clamp(least, most)
}

fn unit(random: f64) -> f64 {
    random.clamp(0.0, 1.0)
}

/// A token bucket: instead of tokens it keeps the instant at which it would be full again.
#[derive(Debug)]
struct Bucket {
    interval: Duration,
    full_at: Instant,
}

impl Bucket {
    fn new(per_minute: u32, now: Instant) -> Self {
        let interval = Duration::from_mins(1) / per_minute.max(1);
        Self {
            interval,
            full_at: now + interval * (BURST - BURST_FIRST),
        }
    }

    /// Takes a token, or says when there will be one.
    fn take(&mut self, now: Instant) -> Result<(), Instant> {
        let full_at = self.full_at.max(now) + self.interval;
        let depth = self.interval * BURST;
        if full_at > now + depth {
            return Err(now + (full_at - (now + depth)));
        }
        self.full_at = full_at;
        Ok(())
    }
}

/// How many people who never wrote may be written to on a day, so long after the number was linked.
pub(crate) fn strangers_a_day(settings: &config::Whatsapp, linked_for: Duration) -> Option<u32> {
    if settings.pacing == config::Pacing::Off {
        return None;
    }
    let days = u32::try_from(linked_for.as_secs() / 86_400).unwrap_or(u32::MAX);
    let earned = STRANGERS_FIRST.saturating_add(days / 2);
    Some(earned.min(settings.new_chats_per_day_max))
}

/// A sign of WhatsApp's that this number does too much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Warning {
    /// It may not write to people who never wrote; until then, where WhatsApp says.
    Locked(Option<Timestamp>),
    /// It wrote too much at once.
    TooFast,
    /// It was not let in until then, for this reason.
    Banned(Timestamp, &'static str),
}

/// A lock whose end nobody tells.
const LOCK_GUESS: Duration = Duration::from_hours(6);
/// A warning of speed.
const SLOW_DOWN: Duration = Duration::from_mins(30);
/// The same again, before the last one is forgotten.
const SLOW_DOWN_AGAIN: Duration = Duration::from_hours(6);
const FORGOTTEN_AFTER: Duration = Duration::from_hours(12);
/// After a ban strangers are left alone for a while longer.
const AFTER_BAN: Duration = Duration::from_hours(24);

/// What a warning means for what goes out; `last_until` is when the last pause was over, or will be.
pub(crate) fn pause_after(warning: &Warning, last_until: Option<Timestamp>, now: Timestamp) -> Pause {
    match warning {
        Warning::Locked(until) => Pause {
            scope: Scope::NewChats,
            until: until
                .filter(|until| *until > now)
                .unwrap_or_else(|| now.after(LOCK_GUESS)),
            reason: "reachout_locked",
        },
        Warning::TooFast => {
            let is_again = last_until.is_some_and(|until| now.since(until) < FORGOTTEN_AFTER);
            Pause {
                scope: Scope::All,
                until: now.after(if is_again { SLOW_DOWN_AGAIN } else { SLOW_DOWN }),
                reason: "too_fast",
            }
        }
        Warning::Banned(until, why) => Pause {
            scope: Scope::NewChats,
            until: until.after(AFTER_BAN),
            reason: why,
        },
    }
}

#[cfg(test)]
mod tests;
