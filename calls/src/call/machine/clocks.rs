//! The clocks of a call: since when the model owes the caller a sound, and since when nobody said anything.

use std::time::Duration;

/// The model's session must speak this soon after the stream opened.
const READY_LIMIT: Duration = Duration::from_millis(2_800);
/// A model that owes a sound must show life this often …
const LIFE_LIMIT: Duration = Duration::from_millis(2_800);
/// … and make the sound this soon.
const SOUND_LIMIT: Duration = Duration::from_secs(6);
/// A caller who waits this long is asked for a moment.
const FILLER_AFTER: Duration = Duration::from_millis(1_500);

#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is something that happens once"
)]
pub(super) struct Clocks {
    /// Since when the caller waits for the agent's voice.
    owed: Option<Duration>,
    /// When the model last said anything.
    alive: Duration,
    ready: bool,
    /// Whether the caller was told to wait for what is owed now.
    filled: bool,
    /// When something was last heard from either side.
    heard: Duration,
    /// Whether the silent caller was asked.
    pub(super) nudged: bool,
    /// Whether the greatest duration was reached.
    pub(super) overdue: bool,
}

impl Clocks {
    /// The greeting is owed from the first moment.
    pub(super) fn start() -> Self {
        Self {
            owed: Some(Duration::ZERO),
            alive: Duration::ZERO,
            ready: false,
            filled: false,
            heard: Duration::ZERO,
            nudged: false,
            overdue: false,
        }
    }

    pub(super) fn alive(&mut self, now: Duration) {
        self.alive = now;
    }

    pub(super) fn ready(&mut self) {
        self.ready = true;
    }

    pub(super) fn heard(&mut self, now: Duration) {
        self.heard = now;
    }

    pub(super) fn silent_since(&self) -> Duration {
        self.heard
    }

    pub(super) fn owe(&mut self, now: Duration) {
        self.owed = Some(now);
        self.filled = false;
        self.alive = self.alive.max(now);
    }

    pub(super) fn paid(&mut self) {
        self.owed = None;
    }

    pub(super) fn owes(&self) -> bool {
        self.owed.is_some()
    }

    /// Whether the caller should be told to wait, now and only once.
    pub(super) fn wants_filler(&mut self, now: Duration) -> bool {
        let due = !self.filled && self.owed.is_some_and(|owed| now >= owed + FILLER_AFTER);
        self.filled |= due;
        due
    }

    /// When the model will have been silent for too long.
    pub(super) fn stalls_at(&self) -> Option<Duration> {
        let owed = self.owed?;
        if !self.ready {
            return Some(owed + READY_LIMIT);
        }
        Some((owed.max(self.alive) + LIFE_LIMIT).min(owed + SOUND_LIMIT))
    }
}
