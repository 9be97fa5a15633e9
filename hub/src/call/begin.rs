//! A call rings: its row, once however often the provider tells us.

use super::{Call, Source, tell};
use crate::db::Tx;
use crate::error::Result;
use crate::ids::{CallId, ContactId, ConversationId, InboxId};

/// A call that rings.
#[derive(Clone, Copy, Debug)]
pub struct NewCall<'a> {
    /// Its id, chosen before.
    pub id: CallId,
    /// The provider's id of it; a second row with the same is not made.
    pub provider_id: &'a str,
    /// How it reached us.
    pub source: Source,
    /// Which of our numbers was called.
    pub inbox: Option<InboxId>,
    /// Who calls.
    pub contact: Option<ContactId>,
    /// Where it stands among their messages.
    pub conversation: Option<ConversationId>,
    /// The caller's number; empty when withheld.
    pub from: &'a str,
    /// The called number.
    pub to: &'a str,
    /// A visitor of the demo page, by the hash of their address.
    pub visitor: Option<&'a str>,
}

/// Writes the row and tells screens. Told again, answers the first one; the flag says whether it is new.
pub async fn begin(tx: &mut Tx, new: NewCall<'_>) -> Result<(Call, bool)> {
    let (tenant, now) = (tx.tenant(), tx.now());
    let written = sqlx::query_scalar!(
        "INSERT INTO calls (tenant_id, id, inbox_id, contact_id, conversation_id, provider_id, source, direction,
                            from_address, to_address, state, started_at, visitor)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'in', $8, $9, 'ringing', $10, $11)
         ON CONFLICT (tenant_id, provider_id) DO NOTHING RETURNING id",
        tenant.uuid(),
        new.id.uuid(),
        new.inbox.map(InboxId::uuid),
        new.contact.map(ContactId::uuid),
        new.conversation.map(ConversationId::uuid),
        new.provider_id,
        new.source.as_str(),
        new.from,
        new.to,
        now as _,
        new.visitor
    )
    .fetch_optional(&mut **tx)
    .await?;
    if let Some(id) = written {
        return Ok((tell(tx, "call.started", id).await?, true));
    }
    let id = by_provider(tx, new.provider_id).await?.unwrap_or(new.id);
    Ok((super::get(tx, id).await?, false))
}

/// The call that the provider knows by this id.
pub async fn by_provider(tx: &mut Tx, provider_id: &str) -> Result<Option<CallId>> {
    let tenant = tx.tenant();
    Ok(sqlx::query_scalar!(
        "SELECT id FROM calls WHERE tenant_id = $1 AND provider_id = $2",
        tenant.uuid(),
        provider_id
    )
    .fetch_optional(&mut **tx)
    .await?)
}

/// What the provider calls it.
pub async fn provider_id(tx: &mut Tx, call: CallId) -> Result<String> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "SELECT provider_id FROM calls WHERE tenant_id = $1 AND id = $2",
        tenant.uuid(),
        call.uuid()
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or(crate::Error::NotFound("call"))
}
