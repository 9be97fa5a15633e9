//! What the other side sees of us: whether the account has its chats open, and whether it writes.

use anyhow::Context as _;

use super::Link;
use super::address::jid_of;

impl Link {
    /// Shows the account as here or gone. While it is here, the owner's phone rings for nothing.
    pub(crate) async fn show(&self, here: bool) -> anyhow::Result<()> {
        let presence = self.client().presence();
        let shown = if here {
            presence.set_available().await
        } else {
            presence.set_unavailable().await
        };
        shown.context("show the account")
    }

    /// Wants to hear when somebody comes and goes.
    pub(crate) async fn watch(&self, chat: &str) -> anyhow::Result<()> {
        let presence = self.client().presence();
        presence.subscribe(jid_of(chat)?).await.context("watch a chat")
    }

    /// Shows in a chat that we write, or stopped.
    pub(crate) async fn type_in(&self, chat: &str, types: bool) -> anyhow::Result<()> {
        let (to, state) = (jid_of(chat)?, self.client().chatstate());
        let shown = if types {
            state.send_composing(&to).await
        } else {
            state.send_paused(&to).await
        };
        shown.context("show that we write")
    }
}
