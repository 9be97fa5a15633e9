//! What goes out over a session: in order, one after the other, each under the id that was chosen with its row.
//!
//! Three steps that each survive a crash: the intent is committed, the network is asked, the outcome is committed. Found
//! begun, an item is sent again under the same id, which the network and the other side take for the same message.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hub::Hub;
use hub::clock::Timestamp;
use hub::message::Failure;
use hub::session::Hold;
use hub::session::outbox::{Due, Outcome};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::held::chain;
use crate::link::{Link, Sent};

/// What nobody said a word about is looked for so often.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// Between two items, besides chance: people do not type faster.
const GAP: Duration = Duration::from_millis(150);
/// Tries of one item, after which only a person can tell.
const TRIES_MAX: i32 = 8;
const RETRY_FIRST: Duration = Duration::from_secs(2);

/// Sends until `stop`, or until the session is not ours.
pub(crate) async fn run(hub: Hub, hold: Hold, link: Arc<Link>, wake: Arc<Notify>, stop: CancellationToken) {
    let mut sender = Sender {
        hub,
        hold,
        link,
        late: HashMap::new(),
    };
    loop {
        match sender.round(&stop).await {
            Ok(()) => {}
            Err(hub::Error::Stale) => return,
            Err(fault) => {
                tracing::warn!(error = %chain(&fault), session.id = %sender.hold.session, "Could not send");
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = wake.notified() => {}
            () = tokio::time::sleep(LOOK_EVERY.min(sender.next_late())) => {}
        }
    }
}

struct Sender {
    hub: Hub,
    hold: Hold,
    link: Arc<Link>,
    /// Chats in which an item waits for its next try: those behind it wait with it.
    late: HashMap<String, Timestamp>,
}

impl Sender {
    async fn round(&mut self, stop: &CancellationToken) -> hub::Result<()> {
        loop {
            let now = self.hub.clock.now();
            self.late.retain(|_, until| *until > now);
            let due = self.hold.due(&self.hub).await?;
            let due: Vec<Due> = due
                .into_iter()
                .filter(|due| !self.late.contains_key(due.order.chat()))
                .collect();
            if due.is_empty() {
                return Ok(());
            }
            for one in due {
                if stop.is_cancelled() {
                    return Ok(());
                }
                if !self.late.contains_key(one.order.chat()) {
                    self.send(&one, stop).await?;
                    tokio::time::sleep(GAP.mul_f64(1.0 + rand::random::<f64>())).await;
                }
            }
        }
    }

    async fn send(&mut self, due: &Due, stop: &CancellationToken) -> hub::Result<()> {
        if due.was_seen {
            return self.hold.settle(&self.hub, due, &Outcome::Accepted).await;
        }
        self.hold.start(&self.hub, due).await?;
        let sent = tokio::select! {
            sent = self.link.send(due, self.hub.clock.now().as_millisecond()) => sent,
            // The connection is over: whoever has the next one finds it begun.
            () = stop.cancelled() => return Ok(()),
        };
        let label = match &sent {
            Sent::Accepted => "accepted",
            Sent::Refused(_) | Sent::Unsupported => "refused",
            Sent::Unknown(_) => "unknown",
        };
        metrics::counter!("switchboard_session_items_sent_total", "outcome" => label).increment(1);
        let outcome = match sent {
            Sent::Accepted => Outcome::Accepted,
            Sent::Refused(code) => Outcome::Failed(refused(&code)),
            Sent::Unsupported => Outcome::Failed(Failure {
                code: "unsupported".to_owned(),
                help: "Files cannot be sent over a linked WhatsApp number yet. Send a link instead."
                    .to_owned(),
            }),
            Sent::Unknown(fault) => {
                tracing::info!(
                    error = format!("{fault:#}"),
                    session.id = %self.hold.session,
                    "What became of an item is unknown"
                );
                if due.tries + 1 < TRIES_MAX {
                    return self.again(due).await;
                }
                Outcome::Unknown(Failure {
                    code: "unknown".to_owned(),
                    help: "It may or may not have been sent: WhatsApp did not answer. Ask the customer before you send \
                           it again."
                        .to_owned(),
                })
            }
        };
        self.hold.settle(&self.hub, due, &outcome).await
    }

    async fn again(&mut self, due: &Due) -> hub::Result<()> {
        let doublings = u32::try_from(due.tries).unwrap_or_default().min(10);
        let wait = RETRY_FIRST.saturating_mul(2_u32.saturating_pow(doublings));
        let at = self.hub.clock.now().after(wait);
        self.late.insert(due.order.chat().to_owned(), at);
        self.hold.postpone(&self.hub, due, at, "no answer").await
    }

    fn next_late(&self) -> Duration {
        let now = self.hub.clock.now();
        let first = self.late.values().min();
        first.map_or(Duration::MAX, |at| at.since(now).max(Duration::from_millis(50)))
    }
}

/// The network's refusals, in words for staff.
fn refused(code: &str) -> Failure {
    let help = match code {
        "463" => {
            "WhatsApp does not let this number write to people who have not written to it, for now. Wait until they \
             write, or reach them another way."
        }
        "421" | "429" => {
            "WhatsApp finds that this number writes too much. Wait some hours before you send it again."
        }
        "403" | "401" => "WhatsApp does not let this number write to them: they may have blocked it.",
        _ => "WhatsApp refused it. Send it again later, or reach them another way.",
    };
    Failure {
        code: format!("whatsapp_{code}"),
        help: help.to_owned(),
    }
}
