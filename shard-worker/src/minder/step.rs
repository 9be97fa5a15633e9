//! What to do about a session next. Pure: from what is wanted and what was seen last.
//!
//! A back-off is dated by the clock of whoever wrote it down. One that ends later than any could was dated by a clock that
//! was wrong, or has been set back since, and counts for nothing; a ban is dated by the network and can be long.

use std::time::Duration;

use hub::clock::Timestamp;
use hub::session::{Desired, Observation, Observed, Pairing, Wanted};

/// The longest back-off.
const BACK_OFF_MAX: Duration = Duration::from_mins(15);
const BACK_OFF_FIRST: Duration = Duration::from_secs(1);

/// One thing to do.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Nothing, until a person does something.
    Rest,
    /// Nothing, until then.
    Later(Timestamp),
    /// Write down what is the case.
    Say(Observation),
    /// Be connected.
    Connect,
    /// Show codes.
    Pair(Pairing),
    /// Be logged out, and forget.
    Unlink,
}

/// See the module.
pub(super) fn next(wanted: &Wanted, now: Timestamp) -> Step {
    let later = wanted
        .next_attempt_at
        .filter(|at| *at > now && (wanted.observed == Observed::Banned || *at <= now.after(BACK_OFF_MAX)));
    match wanted.desired {
        Desired::Unlinked => later.map_or(Step::Unlink, Step::Later),
        Desired::Stopped => stopped(wanted),
        Desired::Running => {
            if let Some(pairing) = wanted.pairing.as_ref().filter(|pairing| pairing.until > now) {
                return Step::Pair(pairing.clone());
            }
            if !wanted.is_linked {
                return unlinked(wanted);
            }
            if wanted.observed.needs_person() {
                return Step::Rest;
            }
            later.map_or(Step::Connect, Step::Later)
        }
    }
}

fn stopped(wanted: &Wanted) -> Step {
    match wanted.observed {
        Observed::Stopped | Observed::LoggedOut => Step::Rest,
        Observed::New if !wanted.is_linked => Step::Rest,
        _ if wanted.is_linked => Step::Say(Observation::plain(Observed::Stopped)),
        _ => Step::Say(Observation::plain(Observed::New)),
    }
}

/// Nobody links it just now.
fn unlinked(wanted: &Wanted) -> Step {
    match wanted.observed {
        Observed::New | Observed::PasskeyNeeded | Observed::Outdated => Step::Rest,
        _ => Step::Say(Observation::plain(Observed::New)),
    }
}

/// How long to wait after the n-th failure in a row; `random` in 0..1 takes up to a half of it away, so that sessions that
/// fell together do not come back together.
pub(super) fn back_off(failures: i32, random: f64) -> Duration {
    let doublings = u32::try_from(failures.saturating_sub(1)).unwrap_or(0).min(16);
    let whole = BACK_OFF_FIRST
        .saturating_mul(2_u32.saturating_pow(doublings))
        .min(BACK_OFF_MAX);
    whole.mul_f64(1.0 - random.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests;
