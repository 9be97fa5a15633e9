//! What the pace of a session is kept by, in its row: until when sending is held back and why, and how many people were
//! written to for the first time today. How fast it goes is the worker's to know.

use serde::{Deserialize, Serialize};

use super::{Hold, changed};
use crate::Hub;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::ids::MessageId;

/// What is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
#[schema(as = WhatsappPauseScope)]
pub enum Scope {
    /// First words to people who never wrote.
    NewChats,
    /// Everything.
    All,
}

impl Scope {
    /// The name in rows and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NewChats => "new_chats",
            Self::All => "all",
        }
    }
}

/// A pause that the session's worker makes, because of what the network said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Of what.
    pub scope: Scope,
    /// Its end.
    pub until: Timestamp,
    /// A code, for words.
    pub reason: &'static str,
}

/// What the worker has to know of the session before it writes to somebody for the first time.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// Since when it is linked.
    pub paired_at: Option<Timestamp>,
    /// The last pause, also when it is over.
    pub paused_until: Option<Timestamp>,
    /// What it is of, or was.
    pub scope: Option<Scope>,
    /// Written to for the first time today.
    pub new_chats: i32,
}

/// How the other side of a message's conversation stands to us.
#[derive(Clone, Debug)]
pub struct Acquaintance {
    /// Of this message.
    pub message: MessageId,
    /// When they wrote last.
    pub wrote_at: Option<Timestamp>,
    /// Whether anything of ours ever reached the network for them.
    pub was_reached: bool,
}

impl Hold {
    /// Holds sending back. A pause of everything is not made smaller by one of less, nor any pause shorter.
    pub async fn pause(&self, hub: &Hub, pause: Pause) -> Result<()> {
        let mut tx = self.tx_alone(hub).await?;
        let now = tx.now();
        let done = sqlx::query!(
            "UPDATE sessions SET paused_until = $3, pause_reason = $4, pause_scope = $5
             WHERE tenant_id = $1 AND id = $2
               AND (paused_until IS NULL OR paused_until <= $6 OR (pause_scope = 'new_chats' AND $5 = 'all')
                 OR (pause_scope IS NOT DISTINCT FROM $5 AND paused_until < $3))",
            self.tenant.uuid(),
            self.session.uuid(),
            pause.until as _,
            pause.reason,
            pause.scope.as_str(),
            now as _
        )
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() > 0 {
            metrics::counter!("switchboard_session_pauses_total", "reason" => pause.reason).increment(1);
            changed(&mut tx, self.session).await?;
        }
        tx.commit().await
    }

    /// What there is to know before a first word.
    pub async fn ledger(&self, hub: &Hub) -> Result<Ledger> {
        let mut tx = self.tx(hub).await?;
        let row = sqlx::query!(
            r#"SELECT paired_at, paused_until, pause_scope AS "scope: Scope",
                 CASE WHEN new_chats_on = ($3::timestamptz AT TIME ZONE 'UTC')::date THEN new_chats ELSE 0 END AS "new_chats!"
               FROM sessions WHERE tenant_id = $1 AND id = $2"#,
            self.tenant.uuid(),
            self.session.uuid(),
            tx.now() as _
        )
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Ledger {
            paired_at: row.paired_at,
            paused_until: row.paused_until,
            scope: row.scope,
            new_chats: row.new_chats,
        })
    }

    /// Counts somebody who is written to for the first time, within `limit` a day (in UTC); false when it is used up.
    pub async fn count_new_chat(&self, hub: &Hub, limit: Option<u32>) -> Result<bool> {
        let mut tx = self.tx_alone(hub).await?;
        let now = tx.now();
        let limit = limit.map(|limit| i32::try_from(limit).unwrap_or(i32::MAX));
        let done = sqlx::query!(
            "UPDATE sessions SET new_chats_on = ($3::timestamptz AT TIME ZONE 'UTC')::date, new_chats_limit = $4,
               new_chats = CASE WHEN new_chats_on = ($3::timestamptz AT TIME ZONE 'UTC')::date THEN new_chats ELSE 0 END + 1
             WHERE tenant_id = $1 AND id = $2 AND ($4::int IS NULL OR $4 >
               CASE WHEN new_chats_on = ($3::timestamptz AT TIME ZONE 'UTC')::date THEN new_chats ELSE 0 END)",
            self.tenant.uuid(),
            self.session.uuid(),
            now as _,
            limit
        )
        .execute(&mut *tx)
        .await?;
        let is_counted = done.rows_affected() > 0;
        if is_counted {
            changed(&mut tx, self.session).await?;
        }
        tx.commit().await?;
        Ok(is_counted)
    }

    /// Notes how many new people a day it may write to now, for screens; `None` for any number.
    pub async fn note_limit(&self, hub: &Hub, limit: Option<u32>) -> Result<()> {
        let mut tx = self.tx_alone(hub).await?;
        let limit = limit.map(|limit| i32::try_from(limit).unwrap_or(i32::MAX));
        let done = sqlx::query!(
            "UPDATE sessions SET new_chats_limit = $3 WHERE tenant_id = $1 AND id = $2
               AND new_chats_limit IS DISTINCT FROM $3",
            self.tenant.uuid(),
            self.session.uuid(),
            limit
        )
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() > 0 {
            changed(&mut tx, self.session).await?;
        }
        tx.commit().await
    }

    /// How the other sides of these messages' conversations stand to us.
    pub async fn acquaintances(&self, hub: &Hub, messages: &[MessageId]) -> Result<Vec<Acquaintance>> {
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<_> = messages.iter().map(|id| id.uuid()).collect();
        let mut tx = self.tx(hub).await?;
        let rows = sqlx::query!(
            r#"SELECT m.id AS "id!: MessageId",
                 (SELECT i.created_at FROM messages i WHERE i.tenant_id = $1 AND i.conversation_id = m.conversation_id
                    AND i.direction = 'in' ORDER BY i.created_at DESC, i.id DESC LIMIT 1) AS "wrote_at: Timestamp",
                 EXISTS (SELECT FROM messages e WHERE e.tenant_id = $1 AND e.conversation_id = m.conversation_id
                    AND e.direction = 'out' AND e.id <> m.id AND e.state IN ('sent', 'delivered', 'read')) AS "was_reached!"
               FROM messages m WHERE m.tenant_id = $1 AND m.id = ANY ($2)"#,
            self.tenant.uuid(),
            &ids
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(rows
            .into_iter()
            .map(|row| Acquaintance {
                message: row.id,
                wrote_at: row.wrote_at,
                was_reached: row.was_reached,
            })
            .collect())
    }
}
