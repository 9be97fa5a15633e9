//! Two addresses that turn out to be one person's.

use super::{IdentityKind, add_identity, find, tell};
use crate::conversation;
use crate::db::Tx;
use crate::error::Result;
use crate::feed::NewEvent;
use crate::ids::ConversationId;

/// One address of somebody.
pub(crate) type Address<'a> = (IdentityKind, &'a str);

/// Notes that two addresses are one person's, once that is known. Who was met by the second one keeps their conversations
/// under the first; where both have one in the same inbox, each stays as it is, and the first one's goes on.
pub(crate) async fn same(tx: &mut Tx, first: Address<'_>, second: Address<'_>) -> Result<()> {
    let Some(second) = find(tx, second.0, second.1).await? else {
        return Ok(());
    };
    let Some(first_known) = find(tx, first.0, first.1).await? else {
        add_identity(tx, second.contact, first.0, first.1).await?;
        return tell(tx, second.contact).await.map(drop);
    };
    if first_known.contact == second.contact {
        return Ok(());
    }
    let (tenant, to, from) = (tx.tenant().uuid(), first_known.contact, second.contact);
    let moved = sqlx::query_scalar!(
        r#"UPDATE conversations c SET contact_id = $3, version = version + 1
           WHERE c.tenant_id = $1 AND c.contact_id = $2 AND NOT EXISTS (SELECT FROM conversations o
             WHERE o.tenant_id = $1 AND o.contact_id = $3 AND o.inbox_id = c.inbox_id)
           RETURNING id AS "id: ConversationId""#,
        tenant,
        from.uuid(),
        to.uuid()
    )
    .fetch_all(&mut **tx)
    .await?;
    sqlx::query!(
        "UPDATE identities SET contact_id = $3 WHERE tenant_id = $1 AND id = $2",
        tenant,
        second.identity.uuid(),
        to.uuid()
    )
    .execute(&mut **tx)
    .await?;
    tell(tx, to).await?;
    for conversation in moved {
        let conversation = conversation::get(tx, conversation).await?;
        let data = serde_json::json!({ "conversation": conversation });
        tx.emit(NewEvent::new("conversation.updated", &data)?);
    }
    Ok(())
}
