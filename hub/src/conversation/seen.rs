//! What a staff member has seen of a conversation.

use serde_json::json;

use super::get;
use crate::Hub;
use crate::error::{Error, Result};
use crate::feed::NewEvent;
use crate::ids::ConversationId;
use crate::inbox::Channel;
use crate::message;
use crate::principal::Principal;

/// Marks everything in it as seen by `by`. Told to screens only when it is news; never moves back.
pub async fn seen(hub: &Hub, by: &Principal, id: ConversationId) -> Result<()> {
    let mut tx = hub.db.tenant(by.tenant()).await?;
    let now = tx.now();
    let conversation = get(&mut tx, id).await?;
    let Some(staff) = by.staff_id() else {
        return Err(Error::invalid(
            "no_staff",
            "a key reads nothing; sign in as a person",
        ));
    };
    let before = sqlx::query_scalar!(
        r#"SELECT COALESCE(max(seen_count), 0) AS "seen!" FROM conversation_reads WHERE tenant_id = $1 AND conversation_id = $2"#,
        by.tenant().uuid(),
        id.uuid()
    )
    .fetch_one(&mut *tx)
    .await?;
    let newly = sqlx::query_scalar!(
        "INSERT INTO conversation_reads (tenant_id, conversation_id, staff_id, seen_count, seen_at)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT ON CONSTRAINT conversation_reads_pkey
         DO UPDATE SET seen_count = EXCLUDED.seen_count, seen_at = EXCLUDED.seen_at
         WHERE conversation_reads.seen_count < EXCLUDED.seen_count
         RETURNING seen_count",
        by.tenant().uuid(),
        id.uuid(),
        staff.uuid(),
        conversation.inbound_count,
        now as _
    )
    .fetch_optional(&mut *tx)
    .await?;
    if let Some(seen_count) = newly {
        let data = json!({ "conversation_id": id, "staff_id": staff, "seen_count": seen_count });
        tx.emit(NewEvent::new("conversation.seen", &data)?);
        // The first of us who sees it tells the other side, where the channel can.
        if conversation.channel == Channel::Whatsapp && seen_count > before {
            message::tell_read(&mut tx, id, seen_count - before).await?;
        }
    }
    tx.commit().await
}
