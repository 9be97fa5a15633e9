//! What was said to and by a contact before a call, on every channel.

use sqlx::types::Json;

use crate::attachment::AttachmentKind;
use crate::db::Tx;
use crate::error::Result;
use crate::ids::ContactId;
use crate::message::{Card, word_for};

/// The contact's last messages, oldest first, each as a line: channel, who, words.
pub async fn last_words(tx: &mut Tx, contact: ContactId, limit: i64) -> Result<Vec<String>> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"SELECT v.channel, m.direction, m.body, m.card AS "card: Json<Card>",
             (SELECT a.kind FROM attachments a
              WHERE a.tenant_id = m.tenant_id AND a.message_id = m.id ORDER BY a.id LIMIT 1) AS "file: AttachmentKind"
         FROM messages m
         JOIN conversations v ON v.tenant_id = m.tenant_id AND v.id = m.conversation_id
         WHERE m.tenant_id = $1 AND v.contact_id = $2 AND m.direction IN ('in', 'out')
         ORDER BY m.created_at DESC, m.id DESC LIMIT $3"#,
        tenant.uuid(),
        contact.uuid(),
        limit
    )
    .fetch_all(&mut **tx)
    .await?;
    let line = |channel: &str, direction: &str, body: &str| {
        let who = if direction == "in" { "they" } else { "we" };
        let body: String = body.chars().take(200).collect();
        format!("{channel}, {who}: {body}")
    };
    let told = rows.into_iter().rev().map(|row| {
        let body = match (row.card, row.file) {
            (Some(card), _) => card.0.told(),
            (None, Some(file)) if row.body.trim().is_empty() => format!("({})", word_for(file)),
            _ => row.body,
        };
        line(&row.channel, &row.direction, &body)
    });
    Ok(told.collect())
}
