//! A flow of texts from many people, and the reckoning: what was acknowledged is one message each, and nothing is two.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hub::testing::World;
use loadtest::twilio::Emulator;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::business::{Business, HERE};

/// People texting at once.
const PEOPLE: usize = 6;
/// How long the work that is left may take once the faults are over.
const SETTLE_LIMIT: Duration = Duration::from_mins(1);

/// Texts that go on until they are settled.
pub(super) struct Texts {
    stop: CancellationToken,
    senders: JoinSet<()>,
    acknowledged: Arc<Mutex<Vec<String>>>,
}

impl Texts {
    /// Begins; each person sends the next text when the last was answered or refused.
    pub(super) fn flow(business: &Business) -> Self {
        let stop = CancellationToken::new();
        let acknowledged = Arc::new(Mutex::new(Vec::new()));
        let next = Arc::new(AtomicUsize::new(0));
        let mut senders = JoinSet::new();
        for person in 0..PEOPLE {
            let (stop, acknowledged, next) = (stop.clone(), Arc::clone(&acknowledged), Arc::clone(&next));
            let twilio = Arc::clone(&business.twilio);
            let from = format!("+155501{person:02}");
            senders.spawn(one_by_one(twilio, from, next, acknowledged, stop));
        }
        Self {
            stop,
            senders,
            acknowledged,
        }
    }

    /// How many were acknowledged so far.
    pub(super) fn acknowledged(&self) -> usize {
        self.acknowledged.lock().expect("nobody panics holding it").len()
    }

    /// Ends the flow, waits until every acknowledged text is a message, and checks that none is two.
    pub(super) async fn settle(mut self, world: &World) {
        self.stop.cancel();
        while self.senders.join_next().await.is_some() {}
        let acknowledged = self
            .acknowledged
            .lock()
            .expect("nobody panics holding it")
            .clone();
        assert!(
            acknowledged.len() > 50,
            "there was no load to speak of: {}",
            acknowledged.len()
        );
        let mut admin = world.admin().await;
        let deadline = Instant::now() + SETTLE_LIMIT;
        let messages = loop {
            let messages = messages(&mut admin).await;
            let missing = acknowledged
                .iter()
                .filter(|body| !messages.contains_key(*body))
                .count();
            if missing == 0 {
                break messages;
            }
            assert!(
                Instant::now() < deadline,
                "{missing} acknowledged texts never became messages"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let doubled: Vec<_> = messages.iter().filter(|(_, count)| **count > 1).collect();
        assert!(doubled.is_empty(), "doubled: {doubled:?}");
        eprintln!("{} texts acknowledged, each one message", acknowledged.len());
    }
}

/// Sends texts until it is stopped.
async fn one_by_one(
    twilio: Arc<Emulator>,
    from: String,
    next: Arc<AtomicUsize>,
    acknowledged: Arc<Mutex<Vec<String>>>,
    stop: CancellationToken,
) {
    while !stop.is_cancelled() {
        let body = format!("text {}", next.fetch_add(1, Ordering::Relaxed));
        if twilio
            .send_sms(&from, HERE, &body)
            .await
            .is_ok_and(|(_, status)| status == 200)
        {
            acknowledged.lock().expect("nobody panics holding it").push(body);
            continue;
        }
        // Refused connections answer at once: without a pause this would spin while a role restarts.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// How often each text stands in the inbox.
async fn messages(admin: &mut sqlx::PgConnection) -> HashMap<String, i64> {
    let counts = "SELECT body, count(*) FROM messages WHERE direction = 'in' GROUP BY body";
    let rows: Vec<(String, i64)> = sqlx::query_as(counts)
        .fetch_all(admin)
        .await
        .expect("count messages");
    rows.into_iter().collect()
}
