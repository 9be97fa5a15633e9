//! From an item of a chat to the conversation: what was said is appended, what was done changes what is there.

use super::clean;
use crate::attachment::Encrypted;
use crate::contact::{self, IdentityKind};
use crate::conversation;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::{ConversationId, InboxId, MessageId};
use crate::inbox::Channel;
use crate::message::{self, Author, Card, Direction, NewMessage, Sender, Signer, State, Target};
use crate::session::inbound::{ChatItem, Content};

/// Letters of a sign at most: some are made of a dozen.
const SIGN_MAX: usize = 32;

/// Works an item in; the message it became, or changed, if there is one.
pub(in crate::submission) async fn receive(
    tx: &mut Tx,
    inbox: InboxId,
    item: &ChatItem,
) -> Result<Option<MessageId>> {
    let Some(about) = about(&item.content) else {
        return say(tx, inbox, item).await;
    };
    let Some(target) = find(tx, inbox, item, about).await? else {
        if is_on_its_way(tx, inbox, item, about).await? {
            return Err(anyhow::anyhow!("what the item is about is not worked in yet").into());
        }
        // Said before the account was linked. New words are still words; all else has nothing to be shown on.
        return match item.content {
            Content::Edit { .. } => say(tx, inbox, item).await,
            _ => Ok(None),
        };
    };
    let target = Target::lock(tx, target).await?;
    change(tx, item, &target).await?;
    Ok(Some(target.id))
}

/// The message of this id in the item's chat, by whatever name it came.
async fn find(tx: &mut Tx, inbox: InboxId, item: &ChatItem, wire_id: &str) -> Result<Option<MessageId>> {
    for chat in item.chats() {
        let name = provider_id(inbox, chat, wire_id);
        if let Some(found) = message::by_provider_id(tx, &name).await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Which item this one is about, when it is about one.
fn about(content: &Content) -> Option<&str> {
    match content {
        Content::Reaction { target, .. } | Content::Edit { target, .. } | Content::Delete { target } => {
            Some(target)
        }
        _ => None,
    }
}

/// Whether the item of this id has come in and waits: it failed, or is another worker's just now.
async fn is_on_its_way(tx: &mut Tx, inbox: InboxId, item: &ChatItem, wire_id: &str) -> Result<bool> {
    let chats: Vec<String> = item.chats().map(str::to_owned).collect();
    let found = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM submissions
             WHERE tenant_id = $1 AND inbox_id = $2 AND processed_at IS NULL AND split_part(dedup_key, '|', 1) = ANY ($3)
               AND right(dedup_key, length($4)) = $4) AS "exists!""#,
        tx.tenant().uuid(),
        inbox.uuid(),
        &chats,
        format!("|{wire_id}")
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(found)
}

/// Only who said something may change it or take it back; anybody in the chat may put a sign on it.
async fn change(tx: &mut Tx, item: &ChatItem, target: &Target) -> Result<()> {
    let is_theirs = match target.direction {
        Direction::Out => item.from_us,
        Direction::In if item.is_group => target.sender.as_deref() == Some(item.sender.as_str()),
        Direction::In => !item.from_us,
        Direction::Note => false,
    };
    let by = if item.from_us {
        Author::Staff
    } else {
        Author::Contact
    };
    match &item.content {
        Content::Reaction { emoji, .. } => {
            let signer = Signer {
                address: if item.from_us { "" } else { &item.sender },
                name: item.name.as_deref().filter(|_| !item.from_us),
                staff: None,
            };
            let emoji: String = clean(emoji).chars().take(SIGN_MAX).collect();
            message::react(tx, target, &signer, &emoji, item.said_at).await
        }
        Content::Edit { body, .. } if is_theirs => {
            message::reword(tx, target, &clean(body), item.said_at).await
        }
        Content::Delete { .. } if is_theirs => message::take_back(tx, target, by, None, item.said_at).await,
        _ => {
            tracing::warn!(message.id = %target.id, "Somebody tried to change what another one said");
            Ok(())
        }
    }
}

/// Something new that was said.
async fn say(tx: &mut Tx, inbox: InboxId, item: &ChatItem) -> Result<Option<MessageId>> {
    if let Some(echo) = find(tx, inbox, item, &item.wire_id).await? {
        // Sent from here, and told to us as well; or told again, and it is known by now who they are.
        return Ok(Some(echo));
    }
    let provider_id = provider_id(inbox, &item.chat, &item.wire_id);
    let conversation = conversation_of(tx, inbox, item).await?;
    let answers = match &item.answers {
        Some(answered) => find(tx, inbox, item, answered).await?,
        None => None,
    };
    let body = clean(&text_of(item));
    let card = card_of(&item.content);
    let reference = match &item.content {
        Content::Media { kept: Some(kept), .. } => Some(kept.bytes()?),
        _ => None,
    };
    let base = NewMessage {
        provider_id: Some(&provider_id),
        sender: item.is_group.then(|| Sender {
            address: item.sender.clone(),
            name: item.name.clone(),
        }),
        card: card.as_ref(),
        answers,
        encrypted: reference
            .as_deref()
            .and_then(|reference| encrypted(inbox, item, reference)),
        ..NewMessage::inbound(conversation, &body)
    };
    let new = if item.from_us {
        NewMessage {
            direction: Direction::Out,
            author: Author::Staff,
            state: State::Sent,
            elsewhere: true,
            sender: None,
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

async fn conversation_of(tx: &mut Tx, inbox: InboxId, item: &ChatItem) -> Result<ConversationId> {
    let kind = if item.chat.starts_with('+') {
        IdentityKind::Phone
    } else {
        IdentityKind::Whatsapp
    };
    // The name is the sender's: from our own phone, that is not the chat's; a group has its own.
    let name = if item.is_group {
        item.group_name.as_deref()
    } else {
        item.name.as_deref().filter(|_| !item.from_us)
    };
    if let (IdentityKind::Phone, Some(also)) = (kind, &item.also) {
        contact::same(tx, (kind, &item.chat), (IdentityKind::Whatsapp, also)).await?;
    }
    let known = contact::meet(tx, kind, &item.chat, name).await?;
    conversation::between(tx, known.contact, inbox, Channel::Whatsapp, None).await
}

/// The name of a chat's item as the provider's id of a message.
pub(crate) fn provider_id(inbox: InboxId, chat: &str, wire_id: &str) -> String {
    format!("wa:{inbox}:{chat}:{wire_id}")
}

/// Chat and item of [`provider_id`]'s name.
pub(crate) fn chat_and_item(inbox: InboxId, provider_id: &str) -> Option<(&str, &str)> {
    let name = provider_id.strip_prefix(&format!("wa:{inbox}:"))?;
    name.rsplit_once(':')
}

fn encrypted<'a>(inbox: InboxId, item: &'a ChatItem, reference_sealed: &'a [u8]) -> Option<Encrypted<'a>> {
    let Content::Media {
        kind,
        media_type,
        file_name,
        size_bytes,
        duration_ms,
        kept: Some(kept),
        ..
    } = &item.content
    else {
        return None;
    };
    Some(Encrypted {
        id: kept.attachment,
        inbox,
        kind: *kind,
        media_type,
        file_name: file_name.as_deref(),
        size_bytes: *size_bytes,
        duration_ms: *duration_ms,
        reference_sealed,
    })
}

fn card_of(content: &Content) -> Option<Card> {
    match content {
        Content::Location {
            latitude_e6,
            longitude_e6,
            name,
        } => Some(Card::Place {
            latitude: degrees(*latitude_e6),
            longitude: degrees(*longitude_e6),
            name: clean(name),
        }),
        Content::Contact { name, phones } => Some(Card::Person {
            name: clean(name),
            phones: phones.iter().take(20).map(|phone| clean(phone)).collect(),
        }),
        _ => None,
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "degrees in millionths are far below what a float counts exactly"
)]
fn degrees(e6: i64) -> f64 {
    e6 as f64 / 1e6
}

/// What it says in words, for lists and for whoever shows no cards.
fn text_of(item: &ChatItem) -> String {
    match &item.content {
        Content::Text { body } | Content::Edit { body, .. } => body.clone(),
        Content::Media {
            caption,
            kept: Some(_),
            ..
        } => caption.clone(),
        Content::Media { caption, .. } => format!("[file] {caption}").trim_end().to_owned(),
        Content::Location { .. } | Content::Contact { .. } => card_of(&item.content)
            .map(|card| card.words())
            .unwrap_or_default(),
        Content::Unsupported { what } => format!("[{what}]"),
        Content::Reaction { .. } | Content::Delete { .. } => String::new(),
    }
}
