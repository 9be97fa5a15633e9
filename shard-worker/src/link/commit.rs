//! The one moment that decides whether a message can be lost: what came in is committed here, and only when this says so
//! is the network told that we have it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use hub::Hub;
use hub::session::Hold;
use whatsapp_rust::wacore::types::events::InboundMessage;
use whatsapp_rust::{Client, InboundDurabilityHook, async_trait};

use super::said;
use super::store::Store;

/// Longer than that is a failure: the network gives it to us again.
const LIMIT: Duration = Duration::from_secs(15);

/// See the module.
pub(super) struct Commit {
    pub(super) hub: Hub,
    pub(super) hold: Hold,
    pub(super) store: Arc<Store>,
    pub(super) groups: bool,
}

#[async_trait]
impl InboundDurabilityHook for Commit {
    async fn on_messages(&self, _client: Arc<Client>, batch: &[InboundMessage]) -> anyhow::Result<()> {
        let commit = async {
            let mut items = Vec::with_capacity(batch.len());
            for message in batch {
                items.extend(said::item(&self.store, message, self.groups).await);
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
