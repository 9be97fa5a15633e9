//! The clocks of a call: since when the model owes the caller a sound, and since when nobody said anything.

use std::time::Duration;

/// The first words must begin this soon after the stream opened. Like the next one, it leaves room for rendering the
/// receptionist's first line below the three seconds within which somebody must have taken over.
const GREETING_LIMIT: Duration = Duration::from_millis(2_200);
/// A model that makes a reply or owes a sound must show life this often …
const LIFE_LIMIT: Duration = Duration::from_millis(2_200);
/// … and make the sound this soon, while it works visibly.
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
    /// Whether the caller has heard first words.
    greeted: bool,
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
            greeted: false,
            filled: false,
            heard: Duration::ZERO,
            nudged: false,
            overdue: false,
        }
    }

    pub(super) fn alive(&mut self, now: Duration) {
        self.alive = now;
    }

    pub(super) fn alive_at(&self) -> Duration {
        self.alive
    }

    /// The first words are being said.
    pub(super) fn greeted(&mut self) {
        self.greeted = true;
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
    }

    pub(super) fn paid(&mut self) {
        self.owed = None;
    }

    pub(super) fn owes(&self) -> bool {
        self.owed.is_some()
    }

    /// Whether the caller should be told to wait, now and only once.
    pub(super) fn wants_filler(&mut self, now: Duration) -> bool {
        let due = self.greeted && !self.filled && self.owed.is_some_and(|owed| now >= owed + FILLER_AFTER);
        self.filled |= due;
        due
    }

    /// When the model will have been silent for too long; `replying` while it makes a reply, be it ahead of the ear.
    pub(super) fn stalls_at(&self, replying: bool) -> Option<Duration> {
        let sound = self.owed.map(|owed| {
            if self.greeted {
                (owed.max(self.alive) + LIFE_LIMIT).min(owed + SOUND_LIMIT)
            } else {
                owed + GREETING_LIMIT
            }
        });
        let life = replying.then(|| self.alive + LIFE_LIMIT);
        [sound, life].into_iter().flatten().min()
    }
}
