//! Fetching a file that a provider keeps: what the job is told, and what became of it. Screens see each step.

use serde::{Deserialize, Serialize};
use serde_json::json;
use zeroize::Zeroizing;

use super::AttachmentKind;
use crate::Hub;
use crate::connection;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::feed::NewEvent;
use crate::ids::{AttachmentId, MessageId, TenantId};
use crate::job::{NewJob, Queue, Work};
use crate::message::{self, Failure, Message};
use crate::principal::Principal;

/// The job that fetches a file.
#[derive(Debug, Serialize, Deserialize)]
pub struct FetchMedia {
    /// Which.
    pub attachment: AttachmentId,
}

impl Work for FetchMedia {
    const KIND: &'static str = "attachment.fetch";
    const QUEUE: Queue = Queue::Media;
    /// Some minutes: after that staff see that it failed, and may have it tried again.
    const ATTEMPTS_MAX: i32 = 8;
    const LIMIT_S: u64 = 120;
}

/// What is to be fetched, and where it goes.
pub struct Wanted {
    /// Where the provider keeps it.
    pub url: String,
    /// What the provider said it is; may be empty.
    pub media_type: String,
    /// Where its bytes go.
    pub object_key: String,
    /// The credentials of the account that it came through; none when the number has no account any more.
    pub credentials: Option<Zeroizing<Vec<u8>>>,
}

/// What was fetched.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// What it is, as far as we believe it.
    pub media_type: String,
    /// How large.
    pub size_bytes: i64,
}

/// What the job is to do; nothing when the file is here, or given up.
pub async fn wanted(hub: &Hub, tenant: TenantId, id: AttachmentId) -> Result<Option<Wanted>> {
    let mut tx = hub.db.tenant(tenant).await?;
    let row = sqlx::query!(
        r#"SELECT a.source_url, a.media_type, a.object_key, i.connection_id AS "connection_id?"
         FROM attachments a
         JOIN messages m ON m.tenant_id = a.tenant_id AND m.id = a.message_id
         JOIN conversations c ON c.tenant_id = m.tenant_id AND c.id = m.conversation_id
         JOIN inboxes i ON i.tenant_id = c.tenant_id AND i.id = c.inbox_id
         WHERE a.tenant_id = $1 AND a.id = $2 AND a.state = 'waiting' AND a.source_url IS NOT NULL"#,
        tenant.uuid(),
        id.uuid()
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let credentials = match row.connection_id {
        Some(connection) => Some(connection::credentials(&mut tx, &hub.sealer, connection).await?),
        None => None,
    };
    tx.commit().await?;
    Ok(Some(Wanted {
        url: row.source_url.unwrap_or_default(),
        media_type: row.media_type,
        object_key: row.object_key,
        credentials,
    }))
}

/// Its bytes are in the store.
pub async fn stored(tx: &mut Tx, id: AttachmentId, fetched: &Fetched) -> Result<()> {
    let message = sqlx::query_scalar!(
        "UPDATE attachments SET state = 'stored', kind = $3, media_type = $4, size_bytes = $5, failure_code = NULL,
             failure_help = NULL
         WHERE tenant_id = $1 AND id = $2 AND state = 'waiting' RETURNING message_id",
        tx.tenant().uuid(),
        id.uuid(),
        AttachmentKind::of(&fetched.media_type).as_str(),
        fetched.media_type,
        fetched.size_bytes
    )
    .fetch_optional(&mut **tx)
    .await?;
    tell(tx, message).await
}

/// It cannot be had, for now or for good.
pub async fn failed(tx: &mut Tx, id: AttachmentId, failure: &Failure) -> Result<()> {
    let message = sqlx::query_scalar!(
        "UPDATE attachments SET state = 'failed', failure_code = $3, failure_help = $4
         WHERE tenant_id = $1 AND id = $2 AND state = 'waiting' RETURNING message_id",
        tx.tenant().uuid(),
        id.uuid(),
        failure.code,
        failure.help
    )
    .fetch_optional(&mut **tx)
    .await?;
    tell(tx, message).await
}

/// Tells screens what became of a message's file.
pub(crate) async fn tell(tx: &mut Tx, message: Option<MessageId>) -> Result<()> {
    if let Some(id) = message {
        // Files of one message come at once: each waits here, or the last to tell would tell of others that still wait.
        sqlx::query!(
            "SELECT id FROM messages WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE",
            tx.tenant().uuid(),
            id.uuid()
        )
        .fetch_optional(&mut **tx)
        .await?;
        let message = message::get(tx, id).await?;
        tx.emit(NewEvent::new("message.updated", &json!({ "message": message }))?);
    }
    Ok(())
}

/// Has a file fetched once more.
///
/// # Errors
/// `NotFound`; `Conflict` (`not_failed`) when it is here.
pub async fn retry(hub: &Hub, by: &Principal, id: AttachmentId) -> Result<Message> {
    let mut tx = hub.db.tenant(by.tenant()).await?;
    let row = sqlx::query!(
        r#"SELECT a.message_id, a.source_url IS NOT NULL AND a.state <> 'stored' AS "is_missing!",
             r.attachment_id IS NOT NULL AND a.state <> 'stored' AS "is_encrypted!"
         FROM attachments a
           LEFT JOIN session_media r ON r.tenant_id = a.tenant_id AND r.attachment_id = a.id
         WHERE a.tenant_id = $1 AND a.id = $2 FOR UPDATE OF a"#,
        by.tenant().uuid(),
        id.uuid()
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or(Error::NotFound("attachment"))?;
    if !row.is_missing && !row.is_encrypted {
        return Err(Error::conflict("not_failed", "this file is here already"));
    }
    sqlx::query!(
        "UPDATE attachments SET state = 'waiting', failure_code = NULL, failure_help = NULL
         WHERE tenant_id = $1 AND id = $2",
        by.tenant().uuid(),
        id.uuid()
    )
    .execute(&mut *tx)
    .await?;
    if row.is_encrypted {
        crate::session::media::again(&mut tx, id).await?;
    } else {
        // One that waits already has its job, or lost it: either way there is one afterwards.
        tx.enqueue(NewJob::of(&FetchMedia { attachment: id })?.once_per(id.to_string()));
    }
    tell(&mut tx, Some(row.message_id)).await?;
    let message = message::get(&mut tx, row.message_id).await?;
    tx.commit().await?;
    Ok(message)
}
