//! What staff do at a chat just now, told to the worker that holds its session: never stored, and lost without harm.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Hold;
use crate::Hub;
use crate::error::{Error, Result};
use crate::ids::{ConversationId, SessionId};
use crate::keys;
use crate::principal::Principal;
use crate::relay::Following;

/// Nobody waits longer for Redis to take it.
const TELL_LIMIT: Duration = Duration::from_millis(250);

/// What somebody does at a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Doing {
    /// Looks at it; said again every half minute.
    Looking,
    /// Writes an answer; said again every few seconds.
    Typing,
    /// No more of it.
    Nothing,
}

/// That somebody does something at a chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attention {
    /// Which chat.
    pub chat: String,
    /// Whose attention it is: one who leaves does not take the others along.
    pub who: String,
    /// What.
    pub doing: Doing,
}

/// Tells the session's worker what staff do at a conversation; nothing to tell where the conversation is no chat with one
/// person.
pub async fn tell(hub: &Hub, by: &Principal, conversation: ConversationId, doing: Doing) -> Result<()> {
    let mut tx = hub.db.tenant(by.tenant()).await?;
    let row = sqlx::query!(
        r#"SELECT s.id AS "session?: SessionId",
             (SELECT i.address FROM identities i WHERE i.tenant_id = c.tenant_id AND i.contact_id = c.contact_id
                AND i.kind IN ('phone', 'whatsapp') ORDER BY i.kind, i.id LIMIT 1) AS chat
           FROM conversations c
             LEFT JOIN sessions s ON s.tenant_id = c.tenant_id AND s.inbox_id = c.inbox_id AND s.desired = 'running'
           WHERE c.tenant_id = $1 AND c.id = $2"#,
        by.tenant().uuid(),
        conversation.uuid()
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or(Error::NotFound("conversation"))?;
    tx.commit().await?;
    let chat = row.chat.filter(|chat| !chat.ends_with("@g.us"));
    if let Some((session, chat)) = row.session.zip(chat) {
        let who = by.actor_id().to_string();
        let body = serde_json::to_vec(&Attention { chat, who, doing }).map_err(anyhow::Error::from)?;
        let channel = keys::attention_channel(session);
        let told = hub.kv.publish(&channel, body.into());
        // Without Redis the other side sees less of us for a while.
        tokio::time::timeout(TELL_LIMIT, told).await.ok();
    }
    Ok(())
}

/// Reads what was told.
pub fn read(told: &[u8]) -> Option<Attention> {
    serde_json::from_slice(told).ok()
}

impl Hold {
    /// What staff do at the session's chats, from now on.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn attention(&self, hub: &Hub) -> anyhow::Result<Following> {
        hub.relay.follow(keys::attention_channel(self.session)).await
    }

    /// The conversation of a chat, if there is one.
    pub async fn conversation_of(&self, hub: &Hub, chat: &str) -> Result<Option<ConversationId>> {
        let mut tx = hub.db.tenant(self.tenant).await?;
        let found = sqlx::query_scalar!(
            r#"SELECT c.id AS "id: ConversationId" FROM identities i
                 JOIN conversations c ON c.tenant_id = i.tenant_id AND c.contact_id = i.contact_id AND c.inbox_id = $3
               WHERE i.tenant_id = $1 AND i.kind IN ('phone', 'whatsapp') AND i.address = $2"#,
            self.tenant.uuid(),
            chat,
            self.inbox.uuid()
        )
        .fetch_optional(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(found)
    }
}
