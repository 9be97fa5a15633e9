//! The first word to somebody: what is looked up before, so that it is not refused by WhatsApp, which counts refusals.

use std::time::Duration;

use hub::clock::Timestamp;
use hub::message::Failure;
use hub::session::outbox::{Due, Outcome};
use hub::session::pacing::{Ledger, Scope};
use tokio::time::Instant;

use super::{RETRY_FIRST, Sender, TRIES_MAX, refusal};
use crate::held::discreet;
use crate::pacing::{self, Warning};

impl Sender {
    /// Whether somebody may be written to for the first time at all, by what is known here. If not, it has been settled.
    pub(super) async fn may_wait(&mut self, due: &Due) -> hub::Result<bool> {
        let ledger = self.hold.ledger(&self.hub).await?;
        let now = self.hub.clock.now();
        let pause = ledger.paused_until.filter(|until| *until > now);
        if let (Some(until), Some(Scope::NewChats)) = (pause, ledger.scope) {
            return self.refuse(due, "paused", refusal::no_strangers(until)).await;
        }
        let counted = u32::try_from(ledger.new_chats).unwrap_or_default();
        match self.limit(&ledger, now) {
            Some(limit) if counted >= limit => self.refuse(due, "spent", refusal::enough_today(limit)).await,
            _ => Ok(true),
        }
    }

    /// Its turn has come: whether it may go out, by what the network says. If not, it has been settled or put off.
    pub(super) async fn may_begin(&mut self, due: &Due) -> hub::Result<bool> {
        let ledger = self.hold.ledger(&self.hub).await?;
        let now = self.hub.clock.now();
        match self.link.lock().await {
            Ok(None) => {}
            Ok(Some(until)) => {
                self.pace().take_back(Instant::now());
                let pause = pacing::pause_after(&Warning::Locked(until), ledger.paused_until, now);
                self.hold.pause(&self.hub, pause).await?;
                return self
                    .refuse(due, "locked", refusal::no_strangers(pause.until))
                    .await;
            }
            Err(fault) => return self.ask_again(due, &fault).await,
        }
        match self.link.is_there(due.order.chat()).await {
            Ok(true) => {}
            Ok(false) => return self.refuse(due, "not_there", refusal::not_there()).await,
            Err(fault) => return self.ask_again(due, &fault).await,
        }
        let limit = self.limit(&ledger, now);
        if self.hold.count_new_chat(&self.hub, limit).await? {
            count("begun");
            return Ok(true);
        }
        let limit = limit.unwrap_or_default();
        self.refuse(due, "spent", refusal::enough_today(limit)).await
    }

    fn limit(&self, ledger: &Ledger, now: Timestamp) -> Option<u32> {
        let linked_for = ledger.paired_at.map_or(Duration::ZERO, |at| now.since(at));
        pacing::strangers_a_day(&self.hub.config.whatsapp, linked_for)
    }

    async fn refuse(&self, due: &Due, why: &'static str, failure: Failure) -> hub::Result<bool> {
        count(why);
        self.hold
            .settle(&self.hub, due, &Outcome::Failed(failure))
            .await?;
        Ok(false)
    }

    /// Nobody answered. A few times, later; nothing has been sent.
    async fn ask_again(&mut self, due: &Due, fault: &anyhow::Error) -> hub::Result<bool> {
        tracing::info!(
            error = discreet(fault),
            session.id = %self.hold.session,
            "Could not look somebody up"
        );
        let asked = self.asked.remove(&due.id).map_or(1, |(asked, _)| asked + 1);
        if asked >= TRIES_MAX {
            return self.refuse(due, "not_checked", refusal::not_checked()).await;
        }
        let doublings = u32::try_from(asked).unwrap_or_default().min(10);
        let wait = RETRY_FIRST * 2_u32.pow(doublings);
        self.asked.insert(due.id, (asked, Instant::now() + wait));
        self.later(due, wait, "not looked up").await?;
        Ok(false)
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("switchboard_session_new_chats_total", "outcome" => outcome).increment(1);
}
