//! From an item of a chat to the conversation: what was said is appended, what was done changes what is there.

use super::clean;
use crate::contact::{self, IdentityKind};
use crate::conversation;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::{InboxId, MessageId};
use crate::inbox::Channel;
use crate::message::{self, Author, Direction, NewMessage, State};
use crate::session::inbound::{ChatItem, Content};

/// Works an item in; the message it became, or changed, if there is one.
pub(in crate::submission) async fn receive(
    tx: &mut Tx,
    inbox: InboxId,
    item: &ChatItem,
) -> Result<Option<MessageId>> {
    let kind = if item.chat.starts_with('+') {
        IdentityKind::Phone
    } else {
        IdentityKind::Whatsapp
    };
    // The name is the sender's: in a group, and from our own phone, that is not the chat's.
    let name = item.name.as_deref().filter(|_| !item.is_group && !item.from_us);
    let known = contact::meet(tx, kind, &item.chat, name).await?;
    let conversation = conversation::between(tx, known.contact, inbox, Channel::Whatsapp, None).await?;
    let provider_id = provider_id(inbox, &item.chat, &item.wire_id);
    if let Some(echo) = message::by_provider_id(tx, &provider_id).await? {
        // Sent from here, and told to us as well.
        return Ok(Some(echo));
    }
    let body = clean(&text_of(item));
    if body.is_empty() {
        // Something was taken back: a sign, or words that stay on record.
        return Ok(None);
    }
    let base = NewMessage {
        provider_id: Some(&provider_id),
        ..NewMessage::inbound(conversation, &body)
    };
    let new = if item.from_us {
        NewMessage {
            direction: Direction::Out,
            author: Author::Staff,
            state: State::Sent,
            ..base
        }
    } else {
        base
    };
    match message::append(tx, &new).await {
        Ok(message) => Ok(Some(message.id)),
        Err(Error::Conflict {
            code: "already_received",
            ..
        }) => Ok(None),
        Err(other) => Err(other),
    }
}

/// The name of a chat's item as the provider's id of a message.
pub(crate) fn provider_id(inbox: InboxId, chat: &str, wire_id: &str) -> String {
    format!("wa:{inbox}:{chat}:{wire_id}")
}

fn text_of(item: &ChatItem) -> String {
    match &item.content {
        Content::Text { body } => body.clone(),
        Content::Media { kind, caption, .. } => format!("[{kind}] {caption}").trim_end().to_owned(),
        Content::Location {
            latitude_e6,
            longitude_e6,
            name,
        } => {
            let degrees = |e6: i64| {
                format!(
                    "{}{}.{:06}",
                    if e6 < 0 { "-" } else { "" },
                    e6.abs() / 1_000_000,
                    e6.abs() % 1_000_000
                )
            };
            format!(
                "📍 {name} https://maps.google.com/?q={},{}",
                degrees(*latitude_e6),
                degrees(*longitude_e6)
            )
        }
        Content::Contact { name, phones } => format!("👤 {name} {}", phones.join(", ")),
        Content::Reaction { emoji, .. } => emoji.clone(),
        Content::Edit { body, .. } => body.clone(),
        Content::Delete { .. } => String::new(),
        Content::Unsupported { what } => format!("[{what}]"),
    }
}
