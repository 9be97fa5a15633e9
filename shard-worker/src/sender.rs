//! What goes out over a session: each chat in order, each item under the id that was chosen with its row.
//!
//! Three steps that each survive a crash: the intent is committed, the network is asked, the outcome is committed. Found
//! begun, an item is sent again under the same id, which the network and the other side take for the same message.
//!
//! How fast is `pacing`'s to say. Typing in one chat makes no other wait, and who wrote lately comes first.

mod refusal;
mod stranger;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hub::Hub;
use hub::attachment::AttachmentKind;
use hub::ids::RowId;
use hub::session::Hold;
use hub::session::outbox::{Due, Order, Outcome};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::held::{chain, discreet};
use crate::link::{Link, Sent};
use crate::pacing::{self, Pace, Standing, Turn, Warning};

/// What nobody said a word about is looked for so often. The fleet sees within a second what is due, and wakes us.
const LOOK_EVERY: Duration = Duration::from_mins(5);
/// Between two items, besides chance: nobody does two things at once.
const GAP: Duration = Duration::from_millis(150);
/// Tries of one item, after which only a person can tell.
const TRIES_MAX: i32 = 8;
const RETRY_FIRST: Duration = Duration::from_secs(2);
/// Whose turn comes later than this is put off in its row, where everybody sees that it is not stuck.
const NOTED_FROM: Duration = Duration::from_secs(5);
/// How long a character takes to say.
const SPOKEN_MS: usize = 60;
/// An item whose other side could not be looked up is remembered for so long after its next try is due.
const ASKED_KEPT: Duration = Duration::from_mins(10);

/// The pace of a session, which outlives its connections.
pub(crate) type SharedPace = Arc<Mutex<Pace>>;

/// Sends until `stop`, or until the session is not ours.
pub(crate) async fn run(
    hub: Hub,
    hold: Hold,
    link: Arc<Link>,
    pace: SharedPace,
    (wake, stop): (Arc<Notify>, CancellationToken),
) {
    let mut sender = Sender {
        hub,
        hold,
        link,
        pace,
        late: HashMap::new(),
        typing: HashMap::new(),
        asked: HashMap::new(),
    };
    loop {
        let next = match sender.round(&stop).await {
            Ok(next) => next,
            Err(hub::Error::Stale) => return,
            Err(fault) => {
                tracing::warn!(error = %chain(&fault), session.id = %sender.hold.session, "Could not send");
                None
            }
        };
        let latest = Instant::now() + LOOK_EVERY.min(sender.next_late());
        tokio::select! {
            () = stop.cancelled() => return,
            () = wake.notified() => {}
            () = tokio::time::sleep_until(next.map_or(latest, |next| next.min(latest))) => {}
        }
    }
}

struct Sender {
    hub: Hub,
    hold: Hold,
    link: Arc<Link>,
    pace: SharedPace,
    /// Chats in which an item waits for its next try: those behind it wait with it.
    late: HashMap<String, Instant>,
    /// Items that are being typed, and until when: one a chat at most.
    typing: HashMap<RowId, Instant>,
    /// Items whose other side could not be looked up: how often, and when the next try is due.
    asked: HashMap<RowId, (i32, Instant)>,
}

impl Sender {
    /// Sends what may go now; answers when there will be more.
    async fn round(&mut self, stop: &CancellationToken) -> hub::Result<Option<Instant>> {
        loop {
            match self.pass(stop).await? {
                Pass::Again => {}
                Pass::Next(next) => return Ok(next),
            }
        }
    }

    /// Each chat's first item once.
    async fn pass(&mut self, stop: &CancellationToken) -> hub::Result<Pass> {
        let (mut has_moved, mut next) = (false, None::<Instant>);
        for (standing, due) in self.firsts().await? {
            if stop.is_cancelled() {
                return Ok(Pass::Next(None));
            }
            match self.turn(standing, &due).await? {
                Step::Go => {
                    self.typing.remove(&due.id);
                    self.send(&due, stop).await?;
                    self.breathe().await;
                    has_moved = true;
                }
                Step::Wait(until) => next = Some(next.map_or(until, |next| next.min(until))),
                Step::Gone => has_moved = true,
            }
        }
        Ok(if has_moved { Pass::Again } else { Pass::Next(next) })
    }

    /// The first item of each chat, those first who wait for an answer.
    async fn firsts(&mut self) -> hub::Result<Vec<(Standing, Due)>> {
        let now = self.hub.clock.now();
        self.late.retain(|_, until| *until > Instant::now());
        let due = self.hold.due(&self.hub).await?;
        let open: HashSet<RowId> = due.iter().map(|due| due.id).collect();
        self.typing.retain(|id, _| open.contains(id));
        // One that waits for its next try is open, and not among those that are due.
        self.asked
            .retain(|id, (_, next)| open.contains(id) || *next + ASKED_KEPT > Instant::now());
        let mut chats = HashSet::new();
        let firsts: Vec<Due> = due
            .into_iter()
            .filter(|due| {
                !self.late.contains_key(due.order.chat()) && chats.insert(due.order.chat().to_owned())
            })
            .collect();
        let messages: Vec<_> = firsts.iter().filter_map(|due| due.message).collect();
        let known = self.hold.acquaintances(&self.hub, &messages).await?;
        let standing = |due: &Due| {
            let known = known.iter().find(|known| Some(known.message) == due.message);
            // What is no message is about one that was.
            known.map_or(Standing::Known, |known| {
                Standing::of(known.wrote_at, known.was_reached, now)
            })
        };
        let mut firsts: Vec<(Standing, Due)> = firsts.into_iter().map(|due| (standing(&due), due)).collect();
        firsts.sort_by_key(|(standing, _)| *standing);
        Ok(firsts)
    }

    /// Whether the item goes now.
    async fn turn(&mut self, standing: Standing, due: &Due) -> hub::Result<Step> {
        let now = Instant::now();
        if let Some(until) = self.typing.get(&due.id) {
            return Ok(if *until <= now {
                Step::Go
            } else {
                Step::Wait(*until)
            });
        }
        let Some(length) = length_of(&due.order).filter(|_| !due.was_begun && !due.was_seen) else {
            return Ok(Step::Go);
        };
        if standing == Standing::Stranger && !self.may_wait(due).await? {
            return Ok(Step::Gone);
        }
        let turn = self.pace().turn(standing, length, now, rand::random());
        match turn {
            Turn::Later(until) => {
                let wait = until.duration_since(now);
                if wait > NOTED_FROM {
                    self.later(due, wait, "paced").await?;
                }
                Ok(Step::Wait(until))
            }
            Turn::Type(_) if standing == Standing::Stranger && !self.may_begin(due).await? => Ok(Step::Gone),
            Turn::Type(typing) if typing.is_zero() => Ok(Step::Go),
            Turn::Type(typing) => {
                let speaks = matches!(
                    &due.order,
                    Order::Media {
                        kind: AttachmentKind::Voice,
                        ..
                    }
                );
                self.link.show_typing(due.order.chat(), speaks).await;
                let until = Instant::now() + typing;
                self.typing.insert(due.id, until);
                Ok(Step::Wait(until))
            }
        }
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn breathe(&self) {
        let is_on = self.pace().is_on();
        if is_on {
            tokio::time::sleep(GAP.mul_f64(1.0 + rand::random::<f64>())).await;
        }
    }

    async fn send(&mut self, due: &Due, stop: &CancellationToken) -> hub::Result<()> {
        if due.was_seen {
            return self.hold.settle(&self.hub, due, &Outcome::Accepted).await;
        }
        if !self.hold.start(&self.hub, due).await? {
            return Ok(());
        }
        let sent = tokio::select! {
            sent = self.link.send(due, self.hub.clock.now().as_millisecond()) => sent,
            // The connection is over: whoever has the next one finds it begun.
            () = stop.cancelled() => return Ok(()),
        };
        let label = match &sent {
            Sent::Accepted => "accepted",
            Sent::Refused(_) | Sent::NoFile => "refused",
            Sent::Unknown(_) => "unknown",
        };
        metrics::counter!("switchboard_session_items_sent_total", "outcome" => label).increment(1);
        let outcome = match sent {
            Sent::Accepted => Outcome::Accepted,
            Sent::Refused(code) => {
                self.heed(&code).await?;
                Outcome::Failed(refusal::by_network(&code))
            }
            Sent::NoFile => Outcome::Failed(refusal::no_file()),
            Sent::Unknown(fault) => {
                tracing::info!(
                    error = discreet(&fault),
                    session.id = %self.hold.session,
                    "What became of an item is unknown"
                );
                if due.tries + 1 < TRIES_MAX {
                    let doublings = u32::try_from(due.tries).unwrap_or_default().min(10);
                    return self
                        .later(due, RETRY_FIRST * 2_u32.pow(doublings), "no answer")
                        .await;
                }
                Outcome::Unknown(refusal::unknown())
            }
        };
        self.hold.settle(&self.hub, due, &outcome).await
    }

    /// Some refusals are about all of the account: it pauses before it is made to.
    async fn heed(&self, code: &str) -> hub::Result<()> {
        let warning = match code {
            "463" => Warning::Locked(self.link.lock().await.ok().flatten().flatten()),
            "421" | "429" => Warning::TooFast,
            _ => return Ok(()),
        };
        let last = self.hold.ledger(&self.hub).await?.paused_until;
        let pause = pacing::pause_after(&warning, last, self.hub.clock.now());
        self.hold.pause(&self.hub, pause).await
    }

    /// Not before `wait` is over; nor what is behind it in its chat.
    async fn later(&mut self, due: &Due, wait: Duration, why: &str) -> hub::Result<()> {
        self.late
            .insert(due.order.chat().to_owned(), Instant::now() + wait);
        self.hold.postpone(&self.hub, due, wait, why).await
    }

    fn next_late(&self) -> Duration {
        let first = self.late.values().min();
        first.map_or(Duration::MAX, |at| {
            at.saturating_duration_since(Instant::now())
                .max(Duration::from_millis(50))
        })
    }
}

/// What becomes of an item in this pass.
enum Step {
    /// It is sent.
    Go,
    /// It is looked at then.
    Wait(Instant),
    /// It was settled or put off: its chat has another first, or none.
    Gone,
}

/// What a pass came to.
enum Pass {
    /// Something moved: there may be more.
    Again,
    /// Nothing may go before then.
    Next(Option<Instant>),
}

/// How much there is to type; `None` for what is done with one touch.
fn length_of(order: &Order) -> Option<usize> {
    match order {
        Order::Text { body, .. } => Some(body.chars().count()),
        // As long as it was spoken, at a pace of reading aloud.
        Order::Media {
            kind: AttachmentKind::Voice,
            duration_ms,
            ..
        } => Some(usize::try_from(duration_ms.unwrap_or_default()).unwrap_or_default() / SPOKEN_MS),
        Order::Media { caption, .. } => Some(caption.chars().count()),
        // Found and touched, not typed.
        Order::Location { .. } | Order::Contact { .. } => Some(0),
        Order::Reaction { .. } | Order::Edit { .. } | Order::Delete { .. } | Order::Read { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(kind: AttachmentKind, caption: &str, duration_ms: Option<i32>) -> Order {
        Order::Media {
            chat: "+15550101".to_owned(),
            kind,
            media_type: String::new(),
            file_name: None,
            caption: caption.to_owned(),
            duration_ms,
            object_key: String::new(),
            answers: None,
        }
    }

    #[test]
    fn every_message_counts_and_what_is_done_to_one_does_not() {
        let place = Order::Location {
            chat: "+15550101".to_owned(),
            latitude_e6: 0,
            longitude_e6: 0,
            name: "The gate".to_owned(),
            answers: None,
        };
        let marks = Order::Read {
            chat: "+15550101".to_owned(),
            items: vec!["A".to_owned()],
        };
        for (order, expected) in [
            (file(AttachmentKind::Image, "Look", None), Some(4)),
            (file(AttachmentKind::Voice, "", Some(4_200)), Some(70)),
            (file(AttachmentKind::Voice, "", None), Some(0)),
            (place, Some(0)),
            (marks, None),
        ] {
            assert_eq!(length_of(&order), expected, "{order:?}");
        }
    }
}
