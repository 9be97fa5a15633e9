//! The watch over calls whose node died without a word: each node says every second that it is alive, and every node
//! looks after the others' calls. A killed process's sockets close by themselves and Twilio asks us what now; this is for
//! a machine that is simply gone, and for calls whose last report never came.

use std::collections::HashMap;
use std::time::Duration;

use connectors::twilio::calls::Found;
use connectors::twilio::twiml::Document;
use hub::call::sweep::{self, Open};
use hub::call::{self, Outcome, close};
use hub::capacity::Lease;
use hub::ids::{CallId, TenantId};

use crate::exchange::Exchange;

const BEAT: Duration = Duration::from_secs(1);
/// A node must be missed this often in a row, so that a Redis that lost its memory kills nobody: nodes say so each second.
const MISSED_MAX: u32 = 2;
/// Calls looked at in one round.
const CALLS_MAX: i64 = 1_000;
/// A call that no node carries is asked about at the provider after this, and again as often.
const UNCARRIED: Duration = Duration::from_mins(1);

/// Starts this node's heartbeat and its watch.
pub(crate) fn start(exchange: &Exchange) {
    let hub = exchange.hub.clone();
    // Beats on while calls drain; cut with the process.
    exchange.hub.tasks.spawn_supporter("calls.heartbeat", async move {
        loop {
            if let Err(fault) = sweep::beat(&hub).await {
                tracing::debug!(error = format!("{fault:#}"), "The heartbeat did not reach Redis");
            }
            tokio::time::sleep(BEAT).await;
        }
    });
    let exchange = exchange.clone();
    let tasks = exchange.hub.tasks.clone();
    tasks.spawn_supporter("calls.watchdog", async move {
        let mut watch = Watch {
            exchange,
            missed: HashMap::new(),
            rounds: 0,
        };
        loop {
            tokio::select! {
                () = tokio::time::sleep(BEAT) => watch.round().await,
                () = watch.exchange.hub.tasks.stopping() => return,
            }
        }
    });
}

/// The stream of a call that we answered never came. Unless another node has it, the call is over: nobody hears anything
/// on it, and its slot is free again.
pub(crate) async fn never_came(exchange: &Exchange, tenant: TenantId, call: CallId, lease: Lease) {
    match end_unheard(exchange, tenant, call).await {
        Ok(Some(ended)) => {
            lease.release().await;
            metrics::counter!("switchboard_calls_lost_total").increment(1);
            tracing::warn!(call.id = %call, "Call {call} is ended: its stream never came");
            if let Err(fault) = hang_up(exchange, ended).await {
                tracing::warn!(call.id = %call, error = format!("{fault:#}"), "Call {call} was not hung up by REST");
            }
        }
        Ok(None) => lease.hand_over(),
        Err(fault) => {
            tracing::warn!(call.id = %call, error = %fault, "Call {call} could not be looked after");
            lease.hand_over();
        }
    }
}

/// What is to be ended at the provider: the number it came in by, and its id there.
async fn end_unheard(
    exchange: &Exchange,
    tenant: TenantId,
    call: CallId,
) -> hub::Result<Option<(String, String)>> {
    let mut tx = exchange.hub.db.tenant(tenant).await?;
    let number = call::get(&mut tx, call).await?.to_address;
    let provider_id = call::begin::provider_id(&mut tx, call).await?;
    let ended = if sweep::is_uncarried(&mut tx, call).await? {
        close::close(&mut tx, call, Outcome::Lost).await?
    } else {
        None
    };
    tx.commit().await?;
    Ok(ended.map(|_| (number, provider_id)))
}

async fn hang_up(exchange: &Exchange, (number, provider_id): (String, String)) -> anyhow::Result<()> {
    exchange.rest(&number).await?.end_call(&provider_id).await?;
    Ok(())
}

struct Watch {
    exchange: Exchange,
    /// Nodes that were missed, and how often in a row. At most as many as carry calls.
    missed: HashMap<String, u32>,
    rounds: u64,
}

impl Watch {
    async fn round(&mut self) {
        self.rounds += 1;
        let Ok(calls) = sweep::open(&self.exchange.hub, CALLS_MAX).await else {
            return;
        };
        if self.count_missing(&calls).await.is_err() {
            // Redis is away: nothing is known about anybody.
            self.missed.clear();
            return;
        }
        for call in &calls {
            let dead = call
                .node
                .as_ref()
                .is_some_and(|node| self.missed.get(node).is_some_and(|n| *n >= MISSED_MAX));
            let uncarried = call.node.is_none() && self.rounds.is_multiple_of(UNCARRIED.as_secs());
            let old = self.exchange.hub.clock.now().since(call.started_at) >= UNCARRIED;
            if (dead && call.live) || (uncarried && old) {
                self.look_after(call, dead).await;
            }
        }
    }

    async fn count_missing(&mut self, calls: &[Open]) -> anyhow::Result<()> {
        let hub = &self.exchange.hub;
        let mut nodes: Vec<&String> = calls.iter().filter_map(|call| call.node.as_ref()).collect();
        nodes.sort();
        nodes.dedup();
        let mut missed = HashMap::new();
        for node in nodes {
            if **node != *hub.node && !sweep::is_alive(hub, node).await? {
                missed.insert(node.clone(), self.missed.get(node).unwrap_or(&0) + 1);
            }
        }
        self.missed = missed;
        Ok(())
    }

    /// One watcher does: leads the call back to us, or learns that it is over.
    async fn look_after(&self, open: &Open, dead: bool) {
        let hub = &self.exchange.hub;
        if !matches!(sweep::claim(hub, open.tenant, open.call).await, Ok(true)) {
            return;
        }
        let result = match open.source.as_str() {
            "twilio" if dead => self.lead_back(open).await,
            "twilio" => self.ask(open).await,
            _ => self.lost(open, Outcome::Lost).await,
        };
        if let Err(fault) = result {
            tracing::warn!(call.id = %open.call, error = format!("{fault:#}"), "Call {} could not be looked after", open.call);
        }
    }

    /// Before its stream is stopped the call is nobody's: a node that was only taken for dead would think that the caller
    /// hung up. Where Twilio does not do it, the call is the dead node's again, so that it is tried again.
    async fn lead_back(&self, open: &Open) -> anyhow::Result<()> {
        let node = open.node.as_deref().unwrap_or_default();
        if !self.take_from(node, open).await? {
            return Ok(());
        }
        tracing::warn!(call.id = %open.call, node, "Call {} is led back from a dead node", open.call);
        match self.redirect(open).await {
            Ok(Found::Done) => Ok(()),
            Ok(Found::Over) => self.lost(open, Outcome::Lost).await,
            Err(fault) => {
                let mut tx = self.exchange.hub.db.tenant(open.tenant).await?;
                sweep::give_back(&mut tx, open.call, node).await?;
                tx.commit().await?;
                Err(fault)
            }
        }
    }

    async fn redirect(&self, open: &Open) -> anyhow::Result<Found> {
        let rest = self.exchange.rest(&self.number(open).await?).await?;
        let document =
            Document::new().redirect(&self.exchange.hub.config.public("/webhooks/twilio/voice/resume"));
        Ok(rest.redirect_call(&open.provider_id, &document.finish()).await?)
    }

    /// `false` when another carries it by now.
    async fn take_from(&self, node: &str, open: &Open) -> hub::Result<bool> {
        let mut tx = self.exchange.hub.db.tenant(open.tenant).await?;
        let is_theirs = sweep::is_carried_by(&mut tx, open.call, node).await?;
        if is_theirs {
            sweep::let_go(&mut tx, open.call).await?;
        }
        tx.commit().await?;
        Ok(is_theirs)
    }

    /// A report that never came: the provider knows.
    async fn ask(&self, open: &Open) -> anyhow::Result<()> {
        let rest = self.exchange.rest(&self.number(open).await?).await?;
        let Some(record) = rest.call(&open.provider_id).await? else {
            return self.lost(open, Outcome::Lost).await;
        };
        if let Ok(status) = record.status.parse() {
            let mut tx = self.exchange.hub.db.tenant(open.tenant).await?;
            close::provider_status(&mut tx, open.call, status).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    async fn number(&self, open: &Open) -> anyhow::Result<String> {
        let mut tx = self.exchange.hub.db.tenant(open.tenant).await?;
        let call: CallId = open.call;
        let number = call::get(&mut tx, call).await?.to_address;
        tx.commit().await?;
        Ok(number)
    }

    async fn lost(&self, open: &Open, outcome: Outcome) -> anyhow::Result<()> {
        let mut tx = self.exchange.hub.db.tenant(open.tenant).await?;
        close::close(&mut tx, open.call, outcome).await?;
        tx.commit().await?;
        Ok(())
    }
}
