//! A flow of texts from many people, and the reckoning: what was acknowledged is one message each, and nothing is two.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hub::testing::World;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::business::{Business, HERE};

/// People texting at once.
const PEOPLE: usize = 6;
/// How long the work that is left may take once the faults are over.
const SETTLE_LIMIT: Duration = Duration::from_secs(60);

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
            senders.spawn(async move {
                while !stop.is_cancelled() {
                    let body = format!("text {}", next.fetch_add(1, Ordering::Relaxed));
                    if let Ok((_, 200)) = twilio.send_sms(&from, HERE, &body).await {
                        acknowledged.lock().unwrap().push(body);
                    } else {
                        // Refused connections answer at once: without a pause this would spin while a role restarts.
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                }
            });
        }
        Self {
            stop,
            senders,
            acknowledged,
        }
    }

    /// Ends the flow, waits until every acknowledged text is a message, and checks that none is two.
    pub(super) async fn settle(mut self, world: &World) {
        self.stop.cancel();
        while self.senders.join_next().await.is_some() {}
        let acknowledged = self.acknowledged.lock().unwrap().clone();
        assert!(
            acknowledged.len() > 50,
            "there was no load to speak of: {}",
            acknowledged.len()
        );
        let mut admin = world.admin().await;
        let arrived = async {
            loop {
                let messages: HashMap<String, i64> = sqlx::query_as(
                    "SELECT body, count(*) FROM messages WHERE direction = 'in' GROUP BY body",
                )
                .fetch_all(&mut admin)
                .await
                .unwrap()
                .into_iter()
                .collect();
                let missing = acknowledged
                    .iter()
                    .filter(|body| !messages.contains_key(*body))
                    .count();
                if missing == 0 {
                    return messages;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let messages = tokio::time::timeout(SETTLE_LIMIT, arrived)
            .await
            .expect("acknowledged texts never became messages");
        let doubled: Vec<_> = messages.iter().filter(|(_, count)| **count > 1).collect();
        assert!(doubled.is_empty(), "doubled: {doubled:?}");
        println!("{} texts acknowledged, each one message", acknowledged.len());
    }
}
