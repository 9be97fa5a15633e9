//! People who call while the nodes that carry them are killed, and the reckoning: what was answered with a document is one
//! call that is over, and no slot is left.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use hub::testing::World;
use loadtest::twilio::{Caller, Emulator};
use serde_json::Value;

use super::business::{Business, HERE};
use crate::fleet::{Process, Role};

/// Callers of one round.
const CALLERS: usize = 2;
/// Calls the tenant may have at once: more than the test places.
const SLOTS: i32 = 500;
/// How long the last call may take until it is over in the database.
const SETTLE_LIMIT: Duration = Duration::from_mins(1);

/// Two nodes of the calls role: while one is down, the other answers Twilio.
pub(super) struct Exchange {
    nodes: [Process; 2],
    placed: usize,
}

impl Exchange {
    pub(super) async fn start(world: &World, business: &Business) -> Self {
        // Slots of killed nodes count until they run out; with the usual limit they would keep the next callers out.
        sqlx::query("UPDATE tenants SET max_concurrent_calls = $1")
            .bind(SLOTS)
            .execute(&mut world.admin().await)
            .await
            .expect("raise the tenant's limit");
        let settings = business.settings();
        let one = Process::start(world, Role::Calls, &settings).await;
        let other = Process::start(world, Role::Calls, &settings).await;
        Self {
            nodes: [one, other],
            placed: 0,
        }
    }

    /// Calls reach one node, which dies; one caller gives up at that moment, the others go on at the survivor. Every
    /// second pair of rounds strikes before the agent has spoken.
    pub(super) async fn round(&mut self, round: usize, business: &mut Business) {
        let [first, second] = &mut self.nodes;
        let (carrier, survivor) = if round.is_multiple_of(2) {
            (first, second)
        } else {
            (second, first)
        };
        business.aim(carrier);
        let mut callers = Vec::new();
        for _ in 0..CALLERS {
            let from = format!("+155501{:02}", self.placed % 99);
            self.placed += 1;
            callers.push(business.twilio.call(&from, HERE).expect("place a call"));
        }
        for caller in &callers {
            let begun = if round % 4 < 2 {
                caller.first_audio().await
            } else {
                caller.stream_open().await
            };
            begun.expect("the node carries the call");
        }
        business.aim(survivor);
        carrier.kill();
        if let Some(impatient) = callers.first() {
            impatient.hang_up();
        }
        tokio::join!(
            carrier.start_again(),
            patient(callers.get(1..).unwrap_or_default())
        );
        for caller in &callers {
            caller.ended().await.expect("the call ends");
        }
    }

    /// Waits until every acknowledged call is over, and checks that each is one and that slots and calls agree.
    pub(super) async fn settle(self, world: &World, business: &Business) {
        let acknowledged = acknowledged(&business.twilio);
        assert_eq!(acknowledged.len(), self.placed, "every call was answered");
        let mut admin = world.admin().await;
        let deadline = Instant::now() + SETTLE_LIMIT;
        let rows = loop {
            let rows = rows(&mut admin).await;
            let open: Vec<_> = rows
                .iter()
                .filter(|(_, state)| matches!(&**state, "ringing" | "live"))
                .collect();
            if open.is_empty() {
                break rows;
            }
            assert!(Instant::now() < deadline, "never over: {open:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let mut counts = BTreeMap::new();
        for (sid, _) in &rows {
            *counts.entry(sid.clone()).or_insert(0) += 1;
        }
        assert!(counts.values().all(|count| *count == 1), "doubled: {counts:?}");
        let known: BTreeSet<_> = counts.into_keys().collect();
        assert!(
            known.is_superset(&acknowledged),
            "acknowledged and lost: {:?}",
            acknowledged.difference(&known).collect::<Vec<_>>()
        );
        no_slot_is_left(world).await;
    }
}

/// They go on at the survivor, hear it, and hang up.
async fn patient(callers: &[Caller]) {
    for caller in callers {
        caller
            .wait("the survivor's stream", Caller::PATIENCE, |moments| {
                moments.streams == 2
            })
            .await
            .expect("the call goes on");
        caller.hang_up();
    }
}

/// Slots of the dead run out by themselves; within two leases nothing differs any more.
async fn no_slot_is_left(world: &World) {
    let deadline = Instant::now() + hub::capacity::TTL * 2;
    loop {
        let drift = hub::capacity::drift(&world.hub)
            .await
            .expect("compare slots and calls");
        if drift == hub::capacity::Drift::default() {
            return;
        }
        assert!(Instant::now() < deadline, "slots and calls differ: {drift:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The calls whose voice webhook was answered with a document.
fn acknowledged(twilio: &Emulator) -> BTreeSet<String> {
    let text = |data: &Value, at: &str| data.pointer(at).and_then(Value::as_str).map(str::to_owned);
    twilio
        .ledger()
        .of("webhook")
        .into_iter()
        .filter(|effect| text(&effect.data, "/purpose").as_deref() == Some("voice"))
        .filter(|effect| text(&effect.data, "/answer").is_some_and(|answer| answer.contains("<Response>")))
        .filter_map(|effect| text(&effect.data, "/params/CallSid"))
        .collect()
}

/// Every call's id at Twilio, and how far it is.
async fn rows(admin: &mut sqlx::PgConnection) -> Vec<(String, String)> {
    sqlx::query_as("SELECT provider_id, state FROM calls")
        .fetch_all(admin)
        .await
        .expect("read the calls")
}
