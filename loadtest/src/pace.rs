//! The 20 ms beat on an absolute schedule: a late beat is followed at once by the next, so nothing drifts.
use std::time::Duration;

use tokio::time::Instant;

use crate::clock;

/// Length of one beat.
pub const BEAT: Duration = Duration::from_millis(20);

/// Beats on `start + n × 20 ms`.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    next: Instant,
}

impl Pace {
    /// The first beat is now.
    pub fn from_now() -> Self {
        Self { next: Instant::now() }
    }

    /// Waits for the next beat (cancel-safe) and says when it was due.
    pub async fn beat(&mut self) -> Instant {
        tokio::time::sleep_until(self.next).await;
        let due = self.next;
        self.next += BEAT;
        due
    }
}

/// The stamp of a frame that was due at `due`: the moment it is really handled while that is within the timer's
/// own grain of 2 ms, else the moment it was due, so that a stalled sender cannot hide its delay.
pub fn stamp_us(due: Instant) -> u64 {
    let (due, now) = (clock::at_us(due.into_std()), clock::now_us());
    if now.saturating_sub(due) <= 2000 { now } else { due }
}
