//! What staff do to a message of a chat: put a sign on it, change their words, take it back. Screens see it at once; the
//! session's worker does it outside, and what it could not do is undone here, with a word about why.

use std::collections::BTreeSet;
use std::time::Duration;

use super::change::{Signer, Target, react, reword, take_back, tell};
use super::{Author, BODY_MAX, Direction, Failure, Message, NewMessage, State, append, get};
use crate::Hub;
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::{ConversationId, InboxId, MessageId, SessionId, StaffId};
use crate::principal::Principal;
use crate::role::Role;
use crate::session::outbox::{self, Order};
use crate::submission::{chat_and_item, chat_provider_id};

/// The network lets words be changed for so long.
const EDIT_LIMIT: Duration = Duration::from_mins(15);
/// The network lets a message be taken back for so long.
const DELETE_LIMIT: Duration = Duration::from_hours(60);
/// Letters of a sign at most: some are made of a dozen.
const SIGN_MAX: usize = 32;
/// Messages that are marked as read in one go.
const READ_MAX: i32 = 256;

/// A message's place outside.
struct Place {
    session: SessionId,
    chat: String,
    item: String,
    direction: Direction,
    author: Author,
    staff: Option<StaffId>,
    has_arrived: bool,
    is_words: bool,
    said_at: Timestamp,
}

impl Place {
    /// # Errors
    /// `not_in_chat` or `not_sendable`, in words for staff.
    async fn of(tx: &mut Tx, message: MessageId) -> Result<Self> {
        let row = sqlx::query!(
            r#"SELECT m.direction AS "direction: Direction", m.author AS "author: Author", m.staff_id AS "staff_id?: StaffId",
                 m.state AS "state: State", COALESCE(m.sent_at, m.created_at) AS "said_at!: Timestamp", m.provider_id,
                 c.inbox_id AS "inbox_id: InboxId", s.id AS "session?: SessionId",
                 s.desired = 'running' AND s.phone IS NOT NULL AND b.disabled_at IS NULL AS can_send,
                 m.card IS NULL AND NOT EXISTS (SELECT FROM attachments a
                   WHERE a.tenant_id = m.tenant_id AND a.message_id = m.id) AS "is_words!"
               FROM messages m JOIN conversations c ON c.tenant_id = m.tenant_id AND c.id = m.conversation_id
                 JOIN inboxes b ON b.tenant_id = c.tenant_id AND b.id = c.inbox_id
                 LEFT JOIN sessions s ON s.tenant_id = c.tenant_id AND s.inbox_id = c.inbox_id
               WHERE m.tenant_id = $1 AND m.id = $2"#,
            tx.tenant().uuid(),
            message.uuid()
        )
        .fetch_optional(&mut **tx)
        .await?
        .ok_or(Error::NotFound("message"))?;
        let name = row.provider_id.unwrap_or_default();
        let (Some(session), Some((chat, item))) = (row.session, chat_and_item(row.inbox_id, &name)) else {
            let what = "This can be done to messages of WhatsApp chats only, once they are sent.";
            return Err(Error::conflict("not_in_chat", what));
        };
        if !row.can_send.unwrap_or_default() {
            let what = "This WhatsApp number is not linked, or stopped. An admin can link or start it under Channels.";
            return Err(Error::invalid("not_sendable", what));
        }
        if chat.ends_with("@g.us") {
            return Err(Error::invalid(
                "not_sendable",
                "Groups can be read here, not written to.",
            ));
        }
        Ok(Self {
            session,
            chat: chat.to_owned(),
            item: item.to_owned(),
            direction: row.direction,
            author: row.author,
            staff: row.staff_id,
            has_arrived: matches!(
                row.state,
                State::Received | State::Sent | State::Delivered | State::Read
            ),
            is_words: row.is_words,
            said_at: row.said_at,
        })
    }

    /// Ours, sent, and not longer ago than `limit`; theirs who asks, or anybody's where an admin asks.
    fn may_change(&self, by: &Principal, limit: Duration, now: Timestamp) -> Result<()> {
        if self.direction != Direction::Out {
            return Err(Error::conflict(
                "not_ours",
                "only what we said can be changed or taken back",
            ));
        }
        if !self.has_arrived {
            return Err(Error::conflict("not_sent", "it is not sent yet; wait a moment"));
        }
        let is_own = self.author == Author::Staff && self.staff.is_some() && self.staff == by.staff_id();
        if !is_own && by.role() < Role::Admin {
            return Err(Error::Forbidden);
        }
        if now.since(self.said_at) > limit {
            let what = "WhatsApp does not let it be changed any more: it was sent too long ago.";
            return Err(Error::conflict("too_late", what));
        }
        Ok(())
    }
}

/// Puts a sign on a message, in place of the one before; an empty one takes it away.
pub async fn set_reaction(hub: &Hub, by: &Principal, id: MessageId, emoji: &str) -> Result<Message> {
    let is_sign =
        emoji.chars().count() <= SIGN_MAX && !emoji.chars().any(|c| c.is_alphanumeric() && c.is_ascii());
    if !is_sign || emoji.chars().any(char::is_control) {
        return Err(Error::field("emoji", "must be one emoji, or empty"));
    }
    let mut tx = hub.db.tenant(by.tenant()).await?;
    let now = tx.now();
    let place = Place::of(&mut tx, id).await?;
    let target = Target::lock(&mut tx, id).await?;
    if target.is_deleted || !place.has_arrived {
        return Err(Error::conflict(
            "not_there",
            "there is no message any more that could carry a sign",
        ));
    }
    let signer = Signer {
        address: "",
        name: None,
        staff: by.staff_id(),
    };
    react(&mut tx, &target, &signer, emoji, now).await?;
    let order = Order::Reaction {
        chat: place.chat,
        target: place.item,
        target_from_us: place.direction == Direction::Out,
        emoji: emoji.to_owned(),
    };
    outbox::put(&mut tx, place.session, None, &order).await?;
    let message = get(&mut tx, id).await?;
    tx.commit().await?;
    Ok(message)
}

/// Changes what a message of ours says. What it said before is kept.
///
/// # Errors
/// `too_late` after a quarter of an hour; `not_ours`, `not_sent`, `has_file`.
pub async fn edit(hub: &Hub, by: &Principal, id: MessageId, body: &str) -> Result<Message> {
    let body = body.trim();
    if body.is_empty() || body.contains('\0') || body.chars().count() > BODY_MAX {
        return Err(Error::field(
            "body",
            format!("must have 1 to {BODY_MAX} characters, without NUL"),
        ));
    }
    let mut tx = hub.db.tenant(by.tenant()).await?;
    let now = tx.now();
    let place = Place::of(&mut tx, id).await?;
    place.may_change(by, EDIT_LIMIT, now)?;
    let target = Target::lock(&mut tx, id).await?;
    if !place.is_words || target.is_deleted {
        return Err(Error::conflict(
            "not_words",
            "only words can be changed; take it back and send it anew",
        ));
    }
    if target.body != body {
        reword(&mut tx, &target, body, now).await?;
        let order = Order::Edit {
            chat: place.chat,
            target: place.item,
            body: body.to_owned(),
        };
        outbox::put(&mut tx, place.session, None, &order).await?;
    }
    let message = get(&mut tx, id).await?;
    tx.commit().await?;
    Ok(message)
}

/// Takes a message of ours back, for everybody. What it said stays on record here.
///
/// # Errors
/// `too_late` after two and a half days; `not_ours`, `not_sent`.
pub async fn delete(hub: &Hub, by: &Principal, id: MessageId) -> Result<Message> {
    let mut tx = hub.db.tenant(by.tenant()).await?;
    let now = tx.now();
    let place = Place::of(&mut tx, id).await?;
    place.may_change(by, DELETE_LIMIT, now)?;
    let target = Target::lock(&mut tx, id).await?;
    if !target.is_deleted {
        take_back(&mut tx, &target, Author::Staff, by.staff_id(), now).await?;
        let order = Order::Delete {
            chat: place.chat,
            target: place.item,
        };
        outbox::put(&mut tx, place.session, None, &order).await?;
    }
    let message = get(&mut tx, id).await?;
    tx.commit().await?;
    Ok(message)
}

/// Tells the other side that the last `count` of their messages were read. Nothing in a group, or where no session can say it.
pub(crate) async fn tell_read(tx: &mut Tx, conversation: ConversationId, count: i32) -> Result<()> {
    let rows = sqlx::query!(
        r#"SELECT m.provider_id AS "provider_id!", c.inbox_id AS "inbox_id: InboxId", s.id AS "session!: SessionId"
           FROM messages m JOIN conversations c ON c.tenant_id = m.tenant_id AND c.id = m.conversation_id
             JOIN sessions s ON s.tenant_id = c.tenant_id AND s.inbox_id = c.inbox_id AND s.desired = 'running'
           WHERE m.tenant_id = $1 AND m.conversation_id = $2 AND m.direction = 'in' AND m.provider_id IS NOT NULL
           ORDER BY m.created_at DESC, m.id DESC LIMIT $3"#,
        tx.tenant().uuid(),
        conversation.uuid(),
        i64::from(count.clamp(0, READ_MAX))
    )
    .fetch_all(&mut **tx)
    .await?;
    let Some(session) = rows.first().map(|row| row.session) else {
        return Ok(());
    };
    let named: Vec<(&str, &str)> = rows
        .iter()
        .filter_map(|row| chat_and_item(row.inbox_id, &row.provider_id))
        .collect();
    // Somebody who hid their number may be known by two names: each chat has its own marks.
    let chats: BTreeSet<&str> = named.iter().map(|(chat, _)| *chat).collect();
    for chat in chats.into_iter().filter(|chat| !chat.ends_with("@g.us")) {
        let of_chat = named.iter().filter(|(of, _)| *of == chat);
        let order = Order::Read {
            chat: chat.to_owned(),
            items: of_chat.map(|(_, item)| (*item).to_owned()).collect(),
        };
        outbox::put(tx, session, None, &order).await?;
    }
    Ok(())
}

/// What was ordered to be done to a message was not done outside, or nobody can tell. Where it is known, it is undone here;
/// either way the conversation says so.
pub(crate) async fn not_done(
    tx: &mut Tx,
    inbox: InboxId,
    order: &Order,
    failure: &Failure,
    is_known: bool,
) -> Result<()> {
    let (target, what) = match order {
        Order::Reaction { target, .. } => (target, "A reaction"),
        Order::Edit { target, .. } => (target, "A change of a message"),
        Order::Delete { target, .. } => (target, "Taking a message back"),
        Order::Text { .. }
        | Order::Media { .. }
        | Order::Location { .. }
        | Order::Contact { .. }
        | Order::Read { .. } => return Ok(()),
    };
    let name = chat_provider_id(inbox, order.chat(), target);
    let Some(target) = Target::by_provider_id(tx, &name).await? else {
        return Ok(());
    };
    if is_known {
        undo(tx, order, &target).await?;
    }
    let whether = if is_known {
        "did not reach"
    } else {
        "may not have reached"
    };
    let remark = format!("{what} {whether} WhatsApp. {}", failure.help);
    append(
        tx,
        &NewMessage::note(target.conversation, Author::System, &remark),
    )
    .await?;
    Ok(())
}

async fn undo(tx: &mut Tx, order: &Order, target: &Target) -> Result<()> {
    let (tenant, id) = (tx.tenant().uuid(), target.id.uuid());
    match order {
        Order::Reaction { emoji, .. } => {
            sqlx::query!(
                "DELETE FROM message_reactions WHERE tenant_id = $1 AND message_id = $2 AND sender = '' AND emoji = $3",
                tenant,
                id,
                emoji
            )
            .execute(&mut **tx)
            .await?;
        }
        Order::Edit { body, .. } => {
            sqlx::query!(
                "WITH last AS (
                     DELETE FROM message_versions v WHERE v.tenant_id = $1 AND v.id = (
                         SELECT id FROM message_versions WHERE tenant_id = $1 AND message_id = $2 ORDER BY id DESC LIMIT 1)
                       AND EXISTS (SELECT FROM messages m WHERE m.tenant_id = $1 AND m.id = $2 AND m.body = $3)
                     RETURNING v.body, v.id)
                 UPDATE messages m SET body = last.body, edited_at = (
                     SELECT max(v.until) FROM message_versions v
                     WHERE v.tenant_id = $1 AND v.message_id = $2 AND v.id <> last.id)
                 FROM last WHERE m.tenant_id = $1 AND m.id = $2",
                tenant,
                id,
                body
            )
            .execute(&mut **tx)
            .await?;
        }
        _ => {
            sqlx::query!(
                "UPDATE messages SET deleted_at = NULL, deleted_by = NULL, deleted_staff_id = NULL WHERE tenant_id = $1 AND id = $2",
                tenant,
                id
            )
            .execute(&mut **tx)
            .await?;
        }
    }
    tell(tx, target.id).await
}
