//! What happens to a message after it was said: its words change, it is taken back, signs are put on it. Nothing of what
//! was said is lost: earlier words are kept, and those of a message that was taken back stay on record.

use serde_json::json;

use super::append::preview;
use super::{Author, Direction, get};
use crate::clock::Timestamp;
use crate::conversation;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::feed::NewEvent;
use crate::ids::{ConversationId, MessageId, RowId, StaffId};

/// What stands in a list for a message that was taken back.
const DELETED: &str = "Message deleted";

/// A message that something happens to, locked.
pub(crate) struct Target {
    pub(crate) id: MessageId,
    pub(crate) conversation: ConversationId,
    pub(crate) direction: Direction,
    pub(crate) sender: Option<String>,
    pub(crate) body: String,
    pub(crate) edited_at: Option<Timestamp>,
    pub(crate) is_deleted: bool,
}

impl Target {
    /// The message that a provider knows by this id.
    pub(crate) async fn by_provider_id(tx: &mut Tx, provider_id: &str) -> Result<Option<Self>> {
        match super::by_provider_id(tx, provider_id).await? {
            Some(id) => Self::lock(tx, id).await.map(Some),
            None => Ok(None),
        }
    }

    /// The message of this id.
    pub(crate) async fn lock(tx: &mut Tx, id: MessageId) -> Result<Self> {
        sqlx::query_as!(
            Target,
            r#"SELECT id, conversation_id AS conversation, direction AS "direction: Direction", sender_address AS sender,
                 body, edited_at, deleted_at IS NOT NULL AS "is_deleted!"
               FROM messages WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE"#,
            tx.tenant().uuid(),
            id.uuid()
        )
        .fetch_optional(&mut **tx)
        .await?
        .ok_or(Error::NotFound("message"))
    }
}

/// Who put a sign on a message.
pub(crate) struct Signer<'a> {
    /// Their address; empty for our side.
    pub(crate) address: &'a str,
    /// What they call themselves.
    pub(crate) name: Option<&'a str>,
    /// Which staff member, when one did it here.
    pub(crate) staff: Option<StaffId>,
}

/// It says something else now, since `at`. A change that is older than the one before it changes nothing.
pub(crate) async fn reword(tx: &mut Tx, target: &Target, body: &str, at: Timestamp) -> Result<()> {
    let is_late = target.edited_at.is_some_and(|before| before > at);
    if target.is_deleted || is_late || target.body == body {
        return Ok(());
    }
    let (tenant, now) = (tx.tenant(), tx.now());
    sqlx::query!(
        "INSERT INTO message_versions (tenant_id, id, message_id, body, until) VALUES ($1, $2, $3, $4, $5)",
        tenant.uuid(),
        RowId::at(now).uuid(),
        target.id.uuid(),
        target.body,
        at as _
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "UPDATE messages SET body = $3, edited_at = $4 WHERE tenant_id = $1 AND id = $2",
        tenant.uuid(),
        target.id.uuid(),
        body,
        at as _
    )
    .execute(&mut **tx)
    .await?;
    preview_again(tx, target, &preview(body)).await?;
    tell(tx, target.id).await
}

/// It is taken back by one side; what it said stays on record.
pub(crate) async fn take_back(
    tx: &mut Tx,
    target: &Target,
    by: Author,
    staff: Option<StaffId>,
    at: Timestamp,
) -> Result<()> {
    if target.is_deleted {
        return Ok(());
    }
    sqlx::query!(
        "UPDATE messages SET deleted_at = $3, deleted_by = $4, deleted_staff_id = $5 WHERE tenant_id = $1 AND id = $2",
        tx.tenant().uuid(),
        target.id.uuid(),
        at as _,
        by.as_str(),
        staff.map(StaffId::uuid)
    )
    .execute(&mut **tx)
    .await?;
    preview_again(tx, target, DELETED).await?;
    tell(tx, target.id).await
}

/// A sign is put on it, or, when `emoji` is empty, taken away. Of two of one signer, the later counts.
pub(crate) async fn react(
    tx: &mut Tx,
    target: &Target,
    by: &Signer<'_>,
    emoji: &str,
    at: Timestamp,
) -> Result<()> {
    let tenant = tx.tenant();
    let done = if emoji.is_empty() {
        sqlx::query!(
            "DELETE FROM message_reactions WHERE tenant_id = $1 AND message_id = $2 AND sender = $3 AND at <= $4",
            tenant.uuid(),
            target.id.uuid(),
            by.address,
            at as _
        )
        .execute(&mut **tx)
        .await?
    } else {
        sqlx::query!(
            "INSERT INTO message_reactions (tenant_id, message_id, sender, sender_name, staff_id, emoji, at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT ON CONSTRAINT message_reactions_pkey DO UPDATE SET emoji = EXCLUDED.emoji, at = EXCLUDED.at,
                 staff_id = EXCLUDED.staff_id, sender_name = EXCLUDED.sender_name
             WHERE message_reactions.at <= EXCLUDED.at",
            tenant.uuid(),
            target.id.uuid(),
            by.address,
            by.name,
            by.staff.map(StaffId::uuid),
            emoji,
            at as _
        )
        .execute(&mut **tx)
        .await?
    };
    if done.rows_affected() == 0 {
        return Ok(());
    }
    tell(tx, target.id).await
}

pub(super) async fn tell(tx: &mut Tx, id: MessageId) -> Result<()> {
    let message = get(tx, id).await?;
    tx.emit(NewEvent::new("message.updated", &json!({ "message": message }))?);
    Ok(())
}

/// The conversation's preview follows its last message.
async fn preview_again(tx: &mut Tx, target: &Target, preview: &str) -> Result<()> {
    let done = sqlx::query!(
        "UPDATE conversations SET last_message_preview = $4
         WHERE tenant_id = $1 AND id = $2 AND last_message_preview <> $4 AND $3 = (
             SELECT id FROM messages WHERE tenant_id = $1 AND conversation_id = $2 ORDER BY created_at DESC, id DESC LIMIT 1)",
        tx.tenant().uuid(),
        target.conversation.uuid(),
        target.id.uuid(),
        preview
    )
    .execute(&mut **tx)
    .await?;
    if done.rows_affected() > 0 {
        let conversation = conversation::get(tx, target.conversation).await?;
        tx.emit(NewEvent::new(
            "conversation.updated",
            &json!({ "conversation": conversation }),
        )?);
    }
    Ok(())
}
