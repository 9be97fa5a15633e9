//! What is asked before somebody is written to for the first time: whether they are there, and whether we may.

use std::time::Duration;

use anyhow::Context as _;
use hub::clock::Timestamp;

use super::Link;
use super::address::jid_of;

/// A question that is not answered in this time is put again later.
const ANSWER_LIMIT: Duration = Duration::from_secs(8);

impl Link {
    /// Shows the other side that something is being written, or spoken; the message itself ends that.
    pub(crate) async fn show_typing(&self, chat: &str, speaks: bool) {
        let Ok(to) = jid_of(chat) else { return };
        let chats = self.client().chatstate();
        let showing = async {
            if speaks {
                chats.send_recording(&to).await
            } else {
                chats.send_composing(&to).await
            }
        };
        let shown = tokio::time::timeout(ANSWER_LIMIT, showing).await;
        if !matches!(shown, Ok(Ok(()))) {
            tracing::debug!("Typing could not be shown");
        }
    }

    /// Whether the number is on WhatsApp. Who is known by the network's own name is.
    pub(crate) async fn is_there(&self, chat: &str) -> anyhow::Result<bool> {
        let jid = jid_of(chat).context("read the chat's address")?;
        if !jid.is_pn() {
            return Ok(true);
        }
        let contacts = self.client().contacts();
        let asked = [jid];
        let answers = tokio::time::timeout(ANSWER_LIMIT, contacts.is_on_whatsapp(&asked))
            .await
            .context("wait for the answer")?
            .context("ask whether a number is on WhatsApp")?;
        let answer = answers.first().context("find the answer")?;
        Ok(answer.is_registered)
    }

    /// Whether the account may not write to people who never wrote, and until when, where the network says.
    pub(crate) async fn lock(&self) -> anyhow::Result<Option<Option<Timestamp>>> {
        let mex = self.client().mex();
        let lock = tokio::time::timeout(ANSWER_LIMIT, mex.fetch_reachout_timelock())
            .await
            .context("wait for the answer")?
            .context("ask for the reach-out time lock")?;
        if lock.is_active != Some(true) {
            return Ok(None);
        }
        let ends = lock.time_enforcement_ends.and_then(|ends| ends.parse().ok());
        Ok(Some(
            ends.and_then(|second| jiff::Timestamp::from_second(second).ok())
                .map(Timestamp::from),
        ))
    }
}
