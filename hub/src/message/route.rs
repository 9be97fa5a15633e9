//! By which of the tenant's numbers a contact is answered. A text goes back where it came from; who called or filled in a
//! form is answered by text where they left a number and the business can send one.

use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::{ConversationId, InboxId};
use crate::inbox::{self, Channel};
use crate::opt_out;

/// How an answer goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    /// The inbox that sends it.
    pub(super) inbox: InboxId,
    /// Its number.
    pub(super) from: String,
    /// The contact's.
    pub(super) to: String,
    /// Whether they asked for no more texts.
    pub(super) opted_out: bool,
}

/// Finds it and holds the contact's identity against a STOP until the transaction ends.
///
/// # Errors
/// `not_sendable`, in words for staff.
pub(super) async fn of(tx: &mut Tx, conversation: ConversationId) -> Result<Route> {
    let place = sqlx::query!(
        r#"SELECT c.contact_id, b.id AS inbox_id, b.channel AS "channel: Channel", b.address,
             b.connection_id IS NOT NULL AND b.disabled_at IS NULL AS "can_send!"
         FROM conversations c JOIN inboxes b ON b.tenant_id = c.tenant_id AND b.id = c.inbox_id
         WHERE c.tenant_id = $1 AND c.id = $2"#,
        tx.tenant().uuid(),
        conversation.uuid()
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or(Error::NotFound("conversation"))?;
    let number = sqlx::query!(
        "SELECT address, sms_opted_out_at FROM identities
         WHERE tenant_id = $1 AND contact_id = $2 AND kind = 'phone' ORDER BY id LIMIT 1 FOR SHARE",
        tx.tenant().uuid(),
        place.contact_id.uuid()
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or_else(|| {
        not_sendable("They left no phone number. Answer by e-mail, or add a number to the contact.")
    })?;
    let (inbox, from) = if place.channel == Channel::Sms {
        if !place.can_send {
            return Err(not_sendable(
                "This number is switched off or not connected to an account. An admin can connect it.",
            ));
        }
        (place.inbox_id, place.address)
    } else {
        let sender = inbox::for_texts(tx, Some(&place.address)).await?.ok_or_else(|| {
            not_sendable("No number of yours can send texts yet. An admin can connect one under Inboxes.")
        })?;
        (sender.id, sender.address)
    };
    let opted_out = number.sms_opted_out_at.is_some() || opt_out::is_under_way(tx, &number.address).await?;
    Ok(Route {
        inbox,
        from,
        to: number.address,
        opted_out,
    })
}

fn not_sendable(detail: &str) -> Error {
    Error::invalid("not_sendable", detail)
}
