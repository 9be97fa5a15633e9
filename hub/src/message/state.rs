//! How far a message is. Reports about one come late, twice and in any order, so a state is joined with what is known:
//! the further one wins, and whatever the order, the result is the same.

use serde::{Deserialize, Serialize};

/// How far a message is. Later variants win over earlier ones.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum State {
    /// Ours to read: an inbound message, a note.
    Received,
    /// Waits to be sent.
    Queued,
    /// With the provider, whose answer we do not have yet.
    Sending,
    /// We do not know whether it was sent, and asking the provider did not tell.
    Unknown,
    /// The provider has it.
    Sent,
    /// It did not arrive.
    Failed,
    /// It arrived: proof, whatever was reported before.
    Delivered,
    /// It was read.
    Read,
}

impl State {
    /// The name in rows and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Unknown => "unknown",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Delivered => "delivered",
            Self::Read => "read",
        }
    }

    /// What is known after a report of `other`.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        self.max(other)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::State::{self, Delivered, Failed, Queued, Read, Received, Sending, Sent, Unknown};

    const ALL: [State; 8] = [Received, Queued, Sending, Unknown, Sent, Failed, Delivered, Read];

    #[test]
    fn it_is_a_join() {
        for (a, b) in ALL.into_iter().flat_map(|a| ALL.map(|b| (a, b))) {
            assert_eq!(a.join(a), a);
            assert_eq!(a.join(b), b.join(a));
            assert!(ALL.into_iter().all(|c| a.join(b).join(c) == a.join(b.join(c))));
        }
    }

    proptest! {
        #[test]
        fn reports_in_any_order_and_number_end_alike(
            reports in prop::collection::vec(prop::sample::select(&ALL[..]), 1..8),
            order in prop::collection::vec(any::<prop::sample::Index>(), 0..24),
        ) {
            let straight = reports.iter().fold(Queued, |state, report| state.join(*report));
            // Each report again, in another order, any number of times more.
            let shuffled = order.iter().map(|at| *at.get(&reports)).chain(reports.iter().rev().copied());
            let mut state = Queued;
            for report in shuffled {
                let next = state.join(report);
                prop_assert!(next >= state, "it went back");
                state = next;
            }
            prop_assert_eq!(state, straight);
        }
    }
}
