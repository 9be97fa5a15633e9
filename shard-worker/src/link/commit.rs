//! The one moment that decides whether a message can be lost: what came in is committed here, and only when this says so
//! is the network told that we have it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use hub::Hub;
use hub::session::Hold;
use hub::session::inbound::{ChatItem, Content};
use tokio::time::Instant;
use whatsapp_rust::wacore::types::events::InboundMessage;
use whatsapp_rust::{Client, InboundDurabilityHook, async_trait};

use super::End;
use super::events::Verdict;
use super::said;
use super::store::Store;
use crate::held::chain;

/// Longer than that is a failure: the network gives it to us again, but only on the next connection, so this one ends.
const LIMIT: Duration = Duration::from_secs(15);
/// Between two tries.
const AGAIN_AFTER: Duration = Duration::from_millis(250);

/// What came in does not wait longer for the names of its groups, however many: else a backlog of many would take longer than
/// [`LIMIT`], each time that it comes again.
const NAME_LIMIT: Duration = Duration::from_secs(3);
/// Names that are remembered; beyond it they are asked for anew.
const NAMES_MAX: usize = 1_000;

/// See the module.
pub(super) struct Commit {
    pub(super) hub: Hub,
    pub(super) hold: Hold,
    pub(super) store: Arc<Store>,
    /// Why the connection ends, where it is us who end it.
    pub(super) verdict: Arc<Verdict>,
    pub(super) groups: Arc<AtomicBool>,
    /// What groups are called, as far as they spoke on this connection; at most [`NAMES_MAX`].
    pub(super) names: Mutex<HashMap<String, String>>,
}

impl Commit {
    /// What a group is called. Nothing is lost when the network does not say: it is asked again with the next message.
    async fn name_of_group(&self, client: &Client, group: &str, until: Instant) -> Option<String> {
        let known = |names: &Mutex<HashMap<String, String>>| {
            let names = names.lock().unwrap_or_else(PoisonError::into_inner);
            names.get(group).cloned()
        };
        if let Some(name) = known(&self.names) {
            return Some(name);
        }
        let jid = group.parse().ok()?;
        let groups = client.groups();
        let asked = tokio::time::timeout_at(until, groups.get_metadata(&jid)).await;
        let subject = asked.ok()?.ok()?.subject;
        let name = subject.trim().to_owned();
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if names.len() >= NAMES_MAX {
            names.clear();
        }
        names.insert(group.to_owned(), name.clone());
        Some(name).filter(|name| !name.is_empty())
    }
}

impl Commit {
    /// Until it is committed, or the session is not ours any more.
    async fn receive(&self, items: &[ChatItem]) -> anyhow::Result<()> {
        loop {
            match self.hold.receive(&self.hub, items).await {
                Ok(new) => {
                    metrics::counter!("switchboard_session_items_received_total").increment(new);
                    return Ok(());
                }
                Err(hub::Error::Stale) => anyhow::bail!("the session is not ours any more"),
                Err(fault) => {
                    tracing::warn!(error = %chain(&fault), session.id = %self.hold.session, "Could not commit what came in");
                    tokio::time::sleep(AGAIN_AFTER).await;
                }
            }
        }
    }
}

#[async_trait]
impl InboundDurabilityHook for Commit {
    async fn on_messages(&self, client: Arc<Client>, batch: &[InboundMessage]) -> anyhow::Result<()> {
        let commit = async {
            let mut items = Vec::with_capacity(batch.len());
            let groups = self.groups.load(Ordering::Relaxed);
            let names_until = Instant::now() + NAME_LIMIT;
            for message in batch {
                let Some((mut item, reference)) = said::item(&self.store, message, groups).await else {
                    continue;
                };
                if let (Content::Media { kept, .. }, Some(reference)) = (&mut item.content, reference) {
                    *kept = Some(self.hold.seal_file(&self.hub, &reference.to_bytes()?)?);
                }
                if item.is_group {
                    item.group_name = self.name_of_group(&client, &item.chat, names_until).await;
                }
                items.push(item);
            }
            if items.is_empty() {
                return Ok(());
            }
            self.receive(&items).await
        };
        let done = tokio::time::timeout(LIMIT, commit)
            .await
            .context("commit what came in, in time")
            .flatten();
        if done.is_err() {
            self.verdict.say(End::Lost("store"));
            let ends = async move { client.disconnect().await };
            // Not here: the connection's reader waits for us.
            self.hub.tasks.spawn_supporter("session.again", ends);
        }
        done
    }
}
