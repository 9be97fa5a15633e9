//! What carries an answer: a provider's number, by a job, or a linked session, by its outbox.

use super::reply::send_job;
use super::{Author, route};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::{ConversationId, MessageId, SessionId};
use crate::inbox::Channel;
use crate::session::outbox::{self, Order};

/// How a conversation is answered.
pub(super) enum Carrier {
    /// By text.
    Text,
    /// In the chat of a session.
    Session { session: SessionId, chat: String },
}

/// Finds it, and whether it may be used just now.
///
/// # Errors
/// `not_sendable` or `opted_out`, in words for staff.
pub(super) async fn of(tx: &mut Tx, conversation: ConversationId, author: Author) -> Result<Carrier> {
    let row = sqlx::query!(
        r#"SELECT c.channel AS "channel: Channel", s.id AS "session?: SessionId",
             s.desired = 'running' AND s.phone IS NOT NULL AND b.disabled_at IS NULL AS "can_send",
             (SELECT i.address FROM identities i WHERE i.tenant_id = c.tenant_id AND i.contact_id = c.contact_id
                AND i.kind IN ('phone', 'whatsapp') ORDER BY i.kind, i.id LIMIT 1) AS chat
           FROM conversations c JOIN inboxes b ON b.tenant_id = c.tenant_id AND b.id = c.inbox_id
             LEFT JOIN sessions s ON s.tenant_id = c.tenant_id AND s.inbox_id = c.inbox_id
           WHERE c.tenant_id = $1 AND c.id = $2"#,
        tx.tenant().uuid(),
        conversation.uuid()
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or(Error::NotFound("conversation"))?;
    let Some(session) = row.session.filter(|_| row.channel == Channel::Whatsapp) else {
        let route = route::of(tx, conversation).await?;
        if author != Author::System {
            super::reply::refuse_opted_out(&route)?;
        }
        return Ok(Carrier::Text);
    };
    if !row.can_send.unwrap_or_default() {
        let what =
            "This WhatsApp number is not linked, or stopped. An admin can link or start it under Channels.";
        return Err(Error::invalid("not_sendable", what));
    }
    let chat = row
        .chat
        .filter(|chat| !chat.ends_with("@g.us"))
        .ok_or_else(|| Error::invalid("not_sendable", "Groups can be read here, not written to."))?;
    Ok(Carrier::Session { session, chat })
}

impl Carrier {
    /// Gives a queued message to it, in the transaction that made the message.
    pub(super) async fn give(self, tx: &mut Tx, message: MessageId, attempt: i32, body: &str) -> Result<()> {
        match self {
            Self::Text => tx.enqueue(send_job(message, attempt)?),
            Self::Session { session, chat } => {
                let order = Order::Text {
                    chat,
                    body: body.to_owned(),
                    answers: None,
                };
                outbox::put(tx, session, Some((message, attempt)), &order).await?;
            }
        }
        Ok(())
    }
}
