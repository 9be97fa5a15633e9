//! The one moment that decides whether a message can be lost: what came in is committed here, and only when this says so
//! is the network told that we have it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use hub::Hub;
use hub::session::Hold;
use hub::session::inbound::Content;
use whatsapp_rust::wacore::types::events::InboundMessage;
use whatsapp_rust::{Client, InboundDurabilityHook, async_trait};

use super::said;
use super::store::Store;

/// Longer than that is a failure: the network gives it to us again.
const LIMIT: Duration = Duration::from_secs(15);

/// A message does not wait longer for the name of its group.
const NAME_LIMIT: Duration = Duration::from_secs(3);
/// Names that are remembered; beyond it they are asked for anew.
const NAMES_MAX: usize = 1_000;

/// See the module.
pub(super) struct Commit {
    pub(super) hub: Hub,
    pub(super) hold: Hold,
    pub(super) store: Arc<Store>,
    pub(super) groups: bool,
    /// What groups are called, as far as they spoke on this connection; at most [`NAMES_MAX`].
    pub(super) names: Mutex<HashMap<String, String>>,
}

impl Commit {
    /// What a group is called. Nothing is lost when the network does not say: it is asked again with the next message.
    async fn name_of_group(&self, client: &Client, group: &str) -> Option<String> {
        let known = |names: &Mutex<HashMap<String, String>>| {
            let names = names.lock().unwrap_or_else(PoisonError::into_inner);
            names.get(group).cloned()
        };
        if let Some(name) = known(&self.names) {
            return Some(name);
        }
        let jid = group.parse().ok()?;
        let groups = client.groups();
        let asked = tokio::time::timeout(NAME_LIMIT, groups.get_metadata(&jid)).await;
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

#[async_trait]
impl InboundDurabilityHook for Commit {
    async fn on_messages(&self, client: Arc<Client>, batch: &[InboundMessage]) -> anyhow::Result<()> {
        let commit = async {
            let mut items = Vec::with_capacity(batch.len());
            for message in batch {
                let Some((mut item, reference)) = said::item(&self.store, message, self.groups).await else {
                    continue;
                };
                if let (Content::Media { kept, .. }, Some(reference)) = (&mut item.content, reference) {
                    *kept = Some(self.hold.seal_file(&self.hub, &reference.to_bytes()?)?);
                }
                if item.is_group {
                    item.group_name = self.name_of_group(&client, &item.chat).await;
                }
                items.push(item);
            }
            if items.is_empty() {
                return Ok(());
            }
            let new = self
                .hold
                .receive(&self.hub, &items)
                .await
                .context("commit what came in")?;
            metrics::counter!("switchboard_session_items_received_total").increment(new);
            Ok(())
        };
        tokio::time::timeout(LIMIT, commit)
            .await
            .context("commit what came in, in time")?
    }
}
