//! What was said to and by a contact before a call, on every channel.

use crate::db::Tx;
use crate::error::Result;
use crate::ids::ContactId;

/// The contact's last messages, oldest first, each as a line: channel, who, words.
pub async fn last_words(tx: &mut Tx, contact: ContactId, limit: i64) -> Result<Vec<String>> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "SELECT v.channel, m.direction, m.body FROM messages m
         JOIN conversations v ON v.tenant_id = m.tenant_id AND v.id = m.conversation_id
         WHERE m.tenant_id = $1 AND v.contact_id = $2 AND m.direction IN ('in', 'out')
         ORDER BY m.created_at DESC, m.id DESC LIMIT $3",
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
    Ok(rows
        .iter()
        .rev()
        .map(|row| line(&row.channel, &row.direction, &row.body))
        .collect())
}
