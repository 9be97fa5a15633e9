//! A provider's statuses, joined: reports come twice, late and in any order, and the result is the same.

use std::str::FromStr;

use super::Outcome;

/// How far the provider says a call is. The order is the join: the later of two stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the provider's words")]
pub enum Status {
    Queued,
    Ringing,
    InProgress,
    // From here on nothing follows. Among themselves the order only makes the join whole: one call has one of them.
    Canceled,
    NoAnswer,
    Busy,
    Failed,
    Completed,
}

/// The later of two reports: commutative, associative, idempotent.
pub fn join(one: Status, other: Status) -> Status {
    one.max(other)
}

impl Status {
    /// The provider's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Ringing => "ringing",
            Self::InProgress => "in-progress",
            Self::Canceled => "canceled",
            Self::NoAnswer => "no-answer",
            Self::Busy => "busy",
            Self::Failed => "failed",
            Self::Completed => "completed",
        }
    }

    /// What a final status says when we knew nothing better; `None` while the call goes on.
    pub fn outcome(self) -> Option<Outcome> {
        match self {
            Self::Queued | Self::Ringing | Self::InProgress => None,
            Self::Completed | Self::Canceled => Some(Outcome::CallerHungUp),
            Self::NoAnswer | Self::Busy | Self::Failed => Some(Outcome::Failed),
        }
    }
}

impl FromStr for Status {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Ok(match text {
            "queued" | "initiated" => Self::Queued,
            "ringing" => Self::Ringing,
            "in-progress" | "answered" => Self::InProgress,
            "canceled" => Self::Canceled,
            "no-answer" => Self::NoAnswer,
            "busy" => Self::Busy,
            "failed" => Self::Failed,
            "completed" => Self::Completed,
            _ => return Err(()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All orders of `left`, after `before`.
    fn permutations(left: &mut Vec<Status>, before: Status, results: &mut Vec<Status>) {
        if left.is_empty() {
            results.push(before);
        }
        for at in 0..left.len() {
            let next = left.remove(at);
            permutations(left, join(before, next), results);
            left.insert(at, next);
        }
    }

    #[test]
    fn every_order_of_a_calls_reports_gives_one_result() {
        use Status::*;
        let stories = [
            vec![
                Queued, Ringing, InProgress, Completed, Ringing, InProgress, Completed, Completed,
            ],
            vec![Queued, Ringing, NoAnswer, NoAnswer, Ringing],
            vec![Queued, Busy, Queued],
            vec![Ringing, Canceled, Ringing],
            vec![Queued, Ringing, Failed],
        ];
        for mut story in stories {
            let last = *story.iter().max().unwrap();
            let mut results = Vec::new();
            permutations(&mut story, Queued, &mut results);
            assert!(results.iter().all(|result| *result == last), "{story:?}");
        }
    }

    #[test]
    fn words_and_statuses_agree() {
        use Status::*;
        for status in [
            Queued, Ringing, InProgress, Canceled, NoAnswer, Busy, Failed, Completed,
        ] {
            assert_eq!(status.as_str().parse(), Ok(status));
        }
        assert_eq!("sideways".parse::<Status>(), Err(()));
    }
}
