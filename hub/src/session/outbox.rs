//! What goes out over a session, in order. The id that the network will know an item by is chosen with its row: after a
//! crash it is sent again under the same id, and the network and the other side take it for what it is. What waits, waits by
//! the database's clock: who writes an item down, who puts it off and who looks for it may be three machines.

mod bounds;

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Hold;
use crate::Hub;
use crate::attachment::AttachmentKind;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::{MessageId, RowId, SessionId, random_hex};
use crate::message::send::{lock, write};
use crate::message::{self, Failure, State};
use crate::shard::millis;
use crate::submission::chat_provider_id as provider_id;

pub use bounds::forget;

/// Items that are looked at in one go.
const DUE_MAX: i64 = 50;

/// What is to be done. A new field needs a default: rows outlive versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Order {
    /// Text.
    Text {
        /// To which chat.
        chat: String,
        /// What.
        body: String,
        /// The item that it answers.
        #[serde(default)]
        answers: Option<Quote>,
    },
    /// Something in storage.
    Media {
        /// To which chat.
        chat: String,
        /// What it is.
        kind: AttachmentKind,
        /// Its media type.
        media_type: String,
        /// Its name, of a file.
        #[serde(default)]
        file_name: Option<String>,
        /// What is written under it.
        #[serde(default)]
        caption: String,
        /// How long it plays, of sound.
        #[serde(default)]
        duration_ms: Option<i32>,
        /// Where it is.
        object_key: String,
        /// The item that it answers.
        #[serde(default)]
        answers: Option<Quote>,
    },
    /// A place.
    Location {
        /// To which chat.
        chat: String,
        /// Degrees north, in millionths.
        latitude_e6: i64,
        /// Degrees east, in millionths.
        longitude_e6: i64,
        /// Its name; empty where it has none.
        #[serde(default)]
        name: String,
        /// The item that it answers.
        #[serde(default)]
        answers: Option<Quote>,
    },
    /// Somebody's card.
    Contact {
        /// To which chat.
        chat: String,
        /// Their name.
        name: String,
        /// Their numbers, in E.164.
        phones: Vec<String>,
        /// The item that it answers.
        #[serde(default)]
        answers: Option<Quote>,
    },
    /// A sign on an item; empty takes it back.
    Reaction {
        /// In which chat.
        chat: String,
        /// On which item.
        target: String,
        /// Whether we said that item.
        target_from_us: bool,
        /// The sign.
        emoji: String,
    },
    /// Ours says something else now.
    Edit {
        /// In which chat.
        chat: String,
        /// Which item.
        target: String,
        /// What it says.
        body: String,
    },
    /// Ours is taken back.
    Delete {
        /// In which chat.
        chat: String,
        /// Which item.
        target: String,
    },
    /// Items were seen by staff.
    Read {
        /// In which chat.
        chat: String,
        /// Which.
        items: Vec<String>,
    },
}

/// An item that is answered, as the other side shows it above the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// Which.
    pub item: String,
    /// Who said it.
    pub who: String,
    /// Its beginning.
    pub body: String,
}

impl Order {
    /// In which chat.
    pub fn chat(&self) -> &str {
        match self {
            Self::Text { chat, .. }
            | Self::Media { chat, .. }
            | Self::Location { chat, .. }
            | Self::Contact { chat, .. }
            | Self::Reaction { chat, .. }
            | Self::Edit { chat, .. }
            | Self::Delete { chat, .. }
            | Self::Read { chat, .. } => chat,
        }
    }
}

/// An item that is to go out now.
#[derive(Clone, Debug)]
pub struct Due {
    /// Its row.
    pub id: RowId,
    /// The message it carries.
    pub message: Option<MessageId>,
    /// Which attempt of the message.
    pub attempt: i32,
    /// What the network will know it by.
    pub wire_id: String,
    /// What.
    pub order: Order,
    /// How often it was tried.
    pub tries: i32,
    /// Whether a try may have reached the network.
    pub was_begun: bool,
    /// Whether the other side has reported on it since: then it has reached the network, whoever saw the answer.
    pub was_seen: bool,
}

/// Puts something into a session's outbox, as part of the deed that wants it.
///
/// # Errors
/// `outbox_full` when too much waits already; what only marks messages as read is left out instead.
pub async fn put(
    tx: &mut Tx,
    session: SessionId,
    message: Option<(MessageId, i32)>,
    order: &Order,
) -> Result<()> {
    let order = if let Order::Read { chat, items } = order {
        let Some(joined) = bounds::join(tx, session, chat, items).await? else {
            return Ok(());
        };
        Cow::Owned(joined)
    } else {
        bounds::admit(tx, session).await?;
        Cow::Borrowed(order)
    };
    let (tenant, now) = (tx.tenant(), tx.now());
    let body = serde_json::to_value(order.as_ref()).map_err(anyhow::Error::from)?;
    sqlx::query!(
        "INSERT INTO session_outbox (tenant_id, id, session_id, message_id, attempt, order_body, wire_id, not_before, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, now(), $8)",
        tenant.uuid(),
        RowId::at(now).uuid(),
        session.uuid(),
        message.map(|(id, _)| id.uuid()),
        message.map_or(1, |(_, attempt)| attempt),
        body,
        // As the network's own clients choose them: a prefix and random hex.
        format!("3EB0{}", random_hex(9).to_uppercase()),
        now as _
    )
    .execute(&mut **tx)
    .await?;
    tx.wake_shards();
    Ok(())
}

impl Hold {
    /// The first open item of each chat, where it is due: what is behind one that waits, waits with it. In order. Of a
    /// tenant that is switched off nothing is due.
    ///
    /// Only looks, so it locks nothing; before anything leaves, [`Hold::start`] asks whose the session is.
    pub async fn due(&self, hub: &Hub) -> Result<Vec<Due>> {
        if !self.tenure.holds() {
            return Err(Error::Stale);
        }
        let mut tx = hub.db.tenant(self.tenant).await?;
        let rows = sqlx::query!(
            r#"SELECT o.id AS "id!: RowId", o.message_id AS "message_id: MessageId", o.attempt AS "attempt!",
                 o.wire_id AS "wire_id!", o.order_body AS "order_body!", o.tries AS "tries!",
                 o.state = 'sending' AS "was_begun!",
                 coalesce(m.attempt = o.attempt AND m.state IN ('sent', 'delivered', 'read'), false) AS "was_seen!"
               FROM (SELECT DISTINCT ON (f.order_body ->> 'chat') f.tenant_id, f.id, f.message_id, f.attempt, f.wire_id,
                       f.order_body, f.tries, f.state, f.not_before
                     FROM session_outbox f
                     WHERE f.tenant_id = $1 AND f.session_id = $2 AND f.state IN ('ready', 'sending')
                     ORDER BY f.order_body ->> 'chat', f.id) o
                 LEFT JOIN messages m ON m.tenant_id = o.tenant_id AND m.id = o.message_id
               WHERE o.not_before <= now()
                 AND NOT EXISTS (SELECT FROM tenants t WHERE t.id = $1 AND t.suspended_at IS NOT NULL)
                 AND NOT EXISTS (SELECT FROM sessions s WHERE s.tenant_id = $1 AND s.id = $2 AND s.paused_until > $3
                   AND s.pause_scope = 'all')
               ORDER BY o.id LIMIT $4"#,
            self.tenant.uuid(),
            self.session.uuid(),
            tx.now() as _,
            DUE_MAX
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        rows.into_iter()
            .map(|row| {
                Ok(Due {
                    id: row.id,
                    message: row.message_id,
                    attempt: row.attempt,
                    wire_id: row.wire_id,
                    order: serde_json::from_value(row.order_body).map_err(anyhow::Error::from)?,
                    tries: row.tries,
                    was_begun: row.was_begun,
                    was_seen: row.was_seen,
                })
            })
            .collect()
    }

    /// Commits the intent to send, before anything leaves, and the name that the network will report on it by: a report
    /// may come before the answer. False when it was settled since it was looked for, by the connection before this one, and
    /// when the tenant was switched off since.
    pub async fn start(&self, hub: &Hub, due: &Due) -> Result<bool> {
        let mut tx = self.tx(hub).await?;
        let now = tx.now();
        let begun = sqlx::query!(
            "UPDATE session_outbox SET state = 'sending', tries = tries + 1
             WHERE tenant_id = $1 AND id = $2 AND state IN ('ready', 'sending')
               AND NOT EXISTS (SELECT FROM tenants t WHERE t.id = $1 AND t.suspended_at IS NOT NULL)",
            self.tenant.uuid(),
            due.id.uuid()
        )
        .execute(&mut *tx)
        .await?;
        if begun.rows_affected() == 0 {
            return Ok(false);
        }
        if let Some(message) = due.message {
            sqlx::query!(
                "UPDATE messages SET state = 'sending', sending_at = $3, provider_id = $5
                 WHERE tenant_id = $1 AND id = $2 AND attempt = $4 AND state = 'queued'",
                self.tenant.uuid(),
                message.uuid(),
                now as _,
                due.attempt,
                provider_id(self.inbox, due.order.chat(), &due.wire_id)
            )
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// It is to be tried again after `wait`, under the same id.
    pub async fn postpone(&self, hub: &Hub, due: &Due, wait: Duration, why: &str) -> Result<()> {
        let mut tx = self.tx(hub).await?;
        sqlx::query!(
            "UPDATE session_outbox SET not_before = now() + $3::int8 * interval '1 millisecond', last_error = $4
             WHERE tenant_id = $1 AND id = $2",
            self.tenant.uuid(),
            due.id.uuid(),
            millis(wait),
            why
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await
    }

    /// The network has it, or refused it for good, or nobody can tell. A message's state follows.
    pub async fn settle(&self, hub: &Hub, due: &Due, outcome: &Outcome) -> Result<()> {
        let mut tx = self.tx(hub).await?;
        let (state, failure) = match outcome {
            Outcome::Accepted => ("done", None),
            Outcome::Failed(failure) | Outcome::Unknown(failure) => ("failed", Some(failure)),
        };
        sqlx::query!(
            "UPDATE session_outbox SET state = $3, last_error = $4 WHERE tenant_id = $1 AND id = $2",
            self.tenant.uuid(),
            due.id.uuid(),
            state,
            failure.map(|failure| failure.help.as_str())
        )
        .execute(&mut *tx)
        .await?;
        if due.message.is_none()
            && let Some(failure) = failure
        {
            let is_known = matches!(outcome, Outcome::Failed(_));
            message::not_done(&mut tx, self.inbox, &due.order, failure, is_known).await?;
        }
        if let Some(message) = due.message {
            let row = lock(&mut tx, message).await?;
            if row.attempt == due.attempt {
                let said = match outcome {
                    Outcome::Accepted => State::Sent,
                    Outcome::Failed(_) => State::Failed,
                    Outcome::Unknown(_) => State::Unknown,
                };
                let state = row.state.join(said);
                write(&mut tx, message, &row, state, None, failure).await?;
            }
        }
        tx.commit().await
    }

    /// What has not gone out will not: another account may be linked next, and must not say it.
    pub(super) async fn give_items_up(&self, tx: &mut Tx) -> Result<()> {
        let rows = sqlx::query!(
            r#"WITH open AS (
                 SELECT id, state FROM session_outbox
                 WHERE tenant_id = $1 AND session_id = $2 AND state IN ('ready', 'sending') FOR UPDATE)
               UPDATE session_outbox o SET state = 'failed', last_error = 'unlinked' FROM open
               WHERE o.tenant_id = $1 AND o.id = open.id
               RETURNING o.message_id AS "message_id: MessageId", o.attempt, o.order_body,
                 open.state = 'sending' AS "was_begun!""#,
            self.tenant.uuid(),
            self.session.uuid()
        )
        .fetch_all(&mut **tx)
        .await?;
        for row in rows {
            let (said, help) = if row.was_begun {
                (
                    State::Unknown,
                    "It may or may not have been sent before the WhatsApp number was unlinked.",
                )
            } else {
                (
                    State::Failed,
                    "The WhatsApp number was unlinked before this was sent.",
                )
            };
            let failure = Failure {
                code: "unlinked".to_owned(),
                help: help.to_owned(),
            };
            let Some(message) = row.message_id else {
                let order = serde_json::from_value(row.order_body).map_err(anyhow::Error::from)?;
                message::not_done(tx, self.inbox, &order, &failure, !row.was_begun).await?;
                continue;
            };
            let known = lock(tx, message).await?;
            let state = known.state.join(said);
            if known.attempt == row.attempt && state != known.state {
                write(tx, message, &known, state, None, Some(&failure)).await?;
            }
        }
        Ok(())
    }

    /// What the other side's devices report of ours: delivered, read. Items we know nothing of are passed over.
    pub async fn report(&self, hub: &Hub, chat: &str, wire_ids: &[String], state: State) -> Result<()> {
        for wire_id in wire_ids {
            let mut tx = self.tx(hub).await?;
            let provider_id = provider_id(self.inbox, chat, wire_id);
            let Some(message) = message::by_provider_id(&mut tx, &provider_id).await? else {
                continue;
            };
            let row = lock(&mut tx, message).await?;
            let joined = row.state.join(state);
            if row.state != State::Received && joined != row.state {
                write(&mut tx, message, &row, joined, None, None).await?;
                tx.commit().await?;
            }
        }
        Ok(())
    }
}

/// What became of an item.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The network has it.
    Accepted,
    /// It will not go.
    Failed(Failure),
    /// It was tried too often without an answer.
    Unknown(Failure),
}
