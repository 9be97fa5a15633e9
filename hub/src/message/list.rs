//! A conversation's messages, newest first.

use sqlx::types::Json;

use super::row::rows;
use super::{Answered, Author, Card, Direction, Message, Reaction, State, Version};
use crate::attachment;
use crate::clock::Timestamp;
use crate::cursor::{self, Page};
use crate::error::Result;
use crate::ids::{ConversationId, MessageId};
use crate::principal::Principal;
use crate::{Hub, conversation};

/// One page of them.
pub async fn list(
    hub: &Hub,
    by: &Principal,
    conversation: ConversationId,
    limit: u32,
    cursor: Option<&str>,
) -> Result<Page<Message>> {
    let query = format!("messages?{conversation}");
    let before: Option<(Timestamp, MessageId)> = cursor::open(hub, by.tenant(), &query, cursor)?;
    let (before_at, before_id) = before.unzip();
    let mut tx = hub.db.tenant(by.tenant()).await?;
    conversation::get(&mut tx, conversation).await?;
    let rows = rows!(
        "m.conversation_id = $2 AND ($3::timestamptz IS NULL OR (m.created_at, m.id) < ($3, $4))
         ORDER BY m.created_at DESC, m.id DESC LIMIT $5",
        by.tenant().uuid(),
        conversation.uuid(),
        before_at as _,
        before_id.map(MessageId::uuid),
        i64::from(limit) + 1
    )
    .fetch_all(&mut *tx)
    .await?;
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let mut attachments = attachment::of_messages(&mut tx, &ids).await?;
    tx.commit().await?;
    let items = rows
        .into_iter()
        .map(|row| {
            let own = attachments.remove(&row.id).unwrap_or_default();
            row.with(own)
        })
        .collect();
    Page::cut(hub, by.tenant(), &query, limit, items, |last: &Message| {
        (last.created_at, last.id)
    })
}
