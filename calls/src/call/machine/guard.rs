//! The guard of the first words. A caller who is in a car or beside a radio makes a noise from the first moment; taken for
//! speech, it would cut the greeting at its first word, and the caller would hear nothing at all.
//!
//! So whatever sounds before the greeting was heard for [`GREETING_GUARD`] does not interrupt it, and the greeting is said
//! to its end; words among it are answered after it. Whoever begins to speak later interrupts at once. (`LiveKit` offers
//! first words that cannot be interrupted at all, Pipecat silences the caller during them; both lose what was said.)

use std::time::Duration;

/// Of the greeting so much is heard whatever the caller's side sounds like.
pub(super) const GREETING_GUARD: Duration = Duration::from_millis(800);

/// Where the guard stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guard {
    /// The first words are not there yet.
    Waiting,
    /// They are heard since then.
    Since(Duration),
    /// It is over.
    Over,
}

impl Guard {
    /// The agent's voice is heard.
    pub(super) fn sounds(&mut self, now: Duration) {
        if *self == Self::Waiting {
            *self = Self::Since(now);
        }
    }

    /// Whether a sound of the caller's is let pass.
    pub(super) fn holds(self, now: Duration) -> bool {
        match self {
            Self::Waiting => true,
            Self::Since(since) => now < since + GREETING_GUARD,
            Self::Over => false,
        }
    }

    /// Whether it ends now: once.
    pub(super) fn ends(&mut self, now: Duration) -> bool {
        let ends = matches!(self, Self::Since(_)) && !self.holds(now);
        if ends {
            *self = Self::Over;
        }
        ends
    }

    /// When it ends.
    pub(super) fn ends_at(self) -> Option<Duration> {
        match self {
            Self::Since(since) => Some(since + GREETING_GUARD),
            Self::Waiting | Self::Over => None,
        }
    }
}
