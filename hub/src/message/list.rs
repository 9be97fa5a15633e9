//! A conversation's messages, newest first.

use super::{Author, Direction, Message, Row, State};
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
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT m.id, m.conversation_id, m.direction AS "direction: Direction", m.author AS "author: Author",
             m.staff_id, s.name AS "staff_name?", m.body, m.state AS "state: State", m.failure_code, m.failure_help,
             m.call_id, m.segments, m.draft_key, m.created_at, m.sent_at
         FROM messages m LEFT JOIN staff s ON s.tenant_id = m.tenant_id AND s.id = m.staff_id
         WHERE m.tenant_id = $1 AND m.conversation_id = $2
           AND ($3::timestamptz IS NULL OR (m.created_at, m.id) < ($3, $4))
         ORDER BY m.created_at DESC, m.id DESC LIMIT $5"#,
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
