//! What carries an answer: a provider's number, by a job, or a linked session, by its outbox.

use super::append::word_for;
use super::reply::send_job;
use super::{Answered, Author, Direction, Draft, Message, route};
use crate::attachment;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::{ConversationId, InboxId, SessionId};
use crate::inbox::Channel;
use crate::session::outbox::{self, Order, Quote};
use crate::submission::chat_and_item;

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
    pub(super) async fn give(self, tx: &mut Tx, message: &Message, attempt: i32) -> Result<()> {
        match self {
            Self::Text => tx.enqueue(send_job(message.id, attempt)?),
            Self::Session { session, chat } => {
                let order = order(tx, chat, message).await?;
                outbox::put(tx, session, Some((message.id, attempt)), &order).await?;
            }
        }
        Ok(())
    }

    /// Refuses what it cannot carry.
    ///
    /// # Errors
    /// `only_in_chats`, in words for staff.
    pub(super) fn takes(&self, draft: &Draft) -> Result<()> {
        if matches!(self, Self::Session { .. }) {
            return Ok(());
        }
        let what = if draft.location.is_some() {
            "Places can be sent in WhatsApp chats only. Write the address instead."
        } else if draft.contact.is_some() {
            "Contact cards can be sent in WhatsApp chats only. Write the name and number instead."
        } else if draft.upload_id.is_some() || draft.answers_id.is_some() {
            "Files and answers to one message can be sent in WhatsApp chats only. Send a link instead."
        } else {
            return Ok(());
        };
        Err(Error::invalid("only_in_chats", what))
    }
}

/// What is to be done for a message in a session's chat.
async fn order(tx: &mut Tx, chat: String, message: &Message) -> Result<Order> {
    let answers = match &message.answers {
        Some(answered) => quote(tx, answered).await?,
        None => None,
    };
    if let Some(card) = &message.card {
        return Ok(card.order(chat, answers));
    }
    let body = message.body.clone();
    let Some(file) = message.attachments.first() else {
        return Ok(Order::Text { chat, body, answers });
    };
    let stored = attachment::stored(tx, file.id).await?;
    Ok(Order::Media {
        chat,
        kind: file.kind,
        media_type: stored.media_type,
        file_name: stored.file_name,
        caption: body,
        duration_ms: file.duration_ms,
        object_key: stored.object_key,
        answers,
    })
}

/// Nothing when the message is none of the chat's: a remark, one that was never sent.
async fn quote(tx: &mut Tx, answered: &Answered) -> Result<Option<Quote>> {
    let row = sqlx::query!(
        r#"SELECT m.provider_id, m.sender_address, c.inbox_id AS "inbox_id: InboxId", s.phone AS "phone?"
           FROM messages m JOIN conversations c ON c.tenant_id = m.tenant_id AND c.id = m.conversation_id
             LEFT JOIN sessions s ON s.tenant_id = c.tenant_id AND s.inbox_id = c.inbox_id
           WHERE m.tenant_id = $1 AND m.id = $2"#,
        tx.tenant().uuid(),
        answered.id.uuid()
    )
    .fetch_one(&mut **tx)
    .await?;
    let name = row.provider_id.unwrap_or_default();
    let Some((chat, item)) = chat_and_item(row.inbox_id, &name) else {
        return Ok(None);
    };
    let who = match answered.direction {
        Direction::Out => row.phone.unwrap_or_default(),
        _ => row.sender_address.unwrap_or_else(|| chat.to_owned()),
    };
    Ok(Some(Quote {
        item: item.to_owned(),
        who,
        body: match answered.file {
            Some(kind) if answered.body.is_empty() => word_for(kind).to_owned(),
            _ => answered.body.clone(),
        },
    }))
}
