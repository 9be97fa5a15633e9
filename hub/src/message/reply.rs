//! Answering: the message and the order to send it are one transaction.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::card::{Card, Location, Person};
use super::route::Route;
use super::send::SendMessage;
use super::{Author, Direction, Message, NewMessage, append, card, carrier, get};
use crate::Hub;
use crate::attachment::AttachmentKind;
use crate::db::Tx;
use crate::error::{Error, OnConstraint as _, Result};
use crate::feed::NewEvent;
use crate::ids::{ConversationId, MessageId, UploadId};
use crate::job::NewJob;
use crate::principal::Principal;
use crate::upload;

/// Characters of a text at most; the provider takes no more.
const TEXT_MAX: usize = 1_600;

/// Another request is saying the same draft.
pub(super) const IN_FLIGHT: &str = "draft_in_flight";

/// What staff want to say.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// The text; empty beside a place or a card.
    #[serde(default)]
    pub body: String,
    /// The browser's own key of this draft: the same again is the same message.
    #[serde(rename = "draft_key")]
    pub key: String,
    /// To the contact, or among staff.
    #[serde(default)]
    pub kind: DraftKind,
    /// The message of this conversation that it answers; in WhatsApp chats and notes.
    #[serde(default)]
    pub answers_id: Option<MessageId>,
    /// A file that was put in before, to go with it; in WhatsApp chats and notes.
    #[serde(default)]
    pub upload_id: Option<UploadId>,
    /// A place, by itself; in WhatsApp chats.
    #[serde(default)]
    pub location: Option<Location>,
    /// Somebody's card, by itself; in WhatsApp chats.
    #[serde(default)]
    pub contact: Option<Person>,
}

/// For whom a draft is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DraftKind {
    /// The contact.
    #[default]
    Reply,
    /// Staff.
    Note,
}

/// Says it; with `false` when the same draft was said already.
pub async fn reply(
    hub: &Hub,
    by: &Principal,
    conversation: ConversationId,
    draft: &Draft,
) -> Result<(Message, bool)> {
    check(draft)?;
    let card = card::of(hub, by.tenant(), draft).await?;
    match say(hub, by, conversation, draft, card.as_ref()).await {
        // Somebody's second click was faster: now it is a message, and found.
        Err(Error::Conflict { code: IN_FLIGHT, .. }) => {
            say(hub, by, conversation, draft, card.as_ref()).await
        }
        said => said,
    }
}

async fn say(
    hub: &Hub,
    by: &Principal,
    conversation: ConversationId,
    draft: &Draft,
    card: Option<&Card>,
) -> Result<(Message, bool)> {
    let mut tx = hub.db.tenant(by.tenant()).await?;
    let said = say_in(&mut tx, by, conversation, draft, card).await?;
    tx.commit().await?;
    Ok(said)
}

/// The same as part of a larger deed; with the card that it is, where it is one.
pub(super) async fn say_in(
    tx: &mut Tx,
    by: &Principal,
    conversation: ConversationId,
    draft: &Draft,
    card: Option<&Card>,
) -> Result<(Message, bool)> {
    let body = card.map_or_else(|| draft.body.clone(), Card::words);
    if let Some(said) = said_already(tx, conversation, draft, (&body, card)).await? {
        return Ok((said, false));
    }
    let staff = by.staff_id();
    let mut carrier = None;
    let base = match draft.kind {
        DraftKind::Note => NewMessage::note(conversation, Author::Staff, &body),
        DraftKind::Reply => {
            let found = carrier::of(tx, conversation, Author::Staff).await?;
            found.takes(draft)?;
            carrier = Some(found);
            NewMessage::outbound(conversation, Author::Staff, &body)
        }
    };
    if let Some(answered) = draft.answers_id {
        let is_here = get(tx, answered).await?.conversation_id == conversation;
        is_here.then_some(()).ok_or(Error::NotFound("message"))?;
    }
    let file = match draft.upload_id {
        Some(id) => Some(upload::take(tx, id).await?),
        None => None,
    };
    let is_sound = file
        .as_ref()
        .is_some_and(|file| matches!(file.kind, AttachmentKind::Audio | AttachmentKind::Voice));
    if is_sound && draft.kind == DraftKind::Reply && !draft.body.trim().is_empty() {
        return Err(Error::field(
            "body",
            "sound has no words under it; send them by themselves",
        ));
    }
    let new = NewMessage {
        staff,
        card,
        answers: draft.answers_id,
        attachments: file.as_slice(),
        draft_key: Some(&draft.key),
        ..base
    };
    let message = match append(tx, &new).await {
        Err(Error::Database(fault)) => {
            let same = "this draft is being sent already; ask again";
            return Err(fault).on_constraint("messages_draft_key", || Error::conflict(IN_FLIGHT, same));
        }
        other => other?,
    };
    if let Some(carrier) = carrier {
        carrier.give(tx, &message, 1).await?;
    }
    Ok((message, true))
}

/// Texts somebody in their conversation, for the agent's tools and our own answers. Part of the caller's deed.
pub async fn text(tx: &mut Tx, conversation: ConversationId, author: Author, body: &str) -> Result<Message> {
    let carrier = carrier::of(tx, conversation, author).await?;
    let message = append(tx, &NewMessage::outbound(conversation, author, body)).await?;
    carrier.give(tx, &message, 1).await?;
    Ok(message)
}

/// Sends a failed message once more.
pub async fn retry(hub: &Hub, by: &Principal, id: MessageId) -> Result<Message> {
    let mut tx = hub.db.tenant(by.tenant()).await?;
    let message = get(&mut tx, id).await?;
    if message.direction != Direction::Out {
        return Err(not_failed());
    }
    let carrier = carrier::of(&mut tx, message.conversation_id, message.author).await?;
    let attempt = sqlx::query_scalar!(
        "UPDATE messages SET state = 'queued', attempt = attempt + 1, provider_id = NULL, sending_at = NULL,
             sent_at = NULL, failure_code = NULL, failure_help = NULL
         WHERE tenant_id = $1 AND id = $2 AND state = 'failed' AND direction = 'out' RETURNING attempt",
        by.tenant().uuid(),
        id.uuid()
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or_else(not_failed)?;
    carrier.give(&mut tx, &message, attempt).await?;
    let message = get(&mut tx, id).await?;
    tx.emit(NewEvent::new("message.updated", &json!({ "message": message }))?);
    tx.commit().await?;
    Ok(message)
}

fn not_failed() -> Error {
    Error::conflict("not_failed", "only a failed message can be sent again")
}

pub(super) fn send_job(message: MessageId, attempt: i32) -> Result<NewJob> {
    Ok(NewJob::of(&SendMessage { message })?.once_per(format!("{message}.{attempt}")))
}

pub(super) fn check(draft: &Draft) -> Result<()> {
    card::check(draft)?;
    let is_more = draft.upload_id.is_some() || draft.location.is_some() || draft.contact.is_some();
    if draft.body.trim().is_empty() && !is_more {
        return Err(Error::field("body", "say something"));
    }
    if draft.body.contains('\0') {
        return Err(Error::field("body", "must not contain NUL"));
    }
    if draft.kind == DraftKind::Reply && draft.body.chars().count() > TEXT_MAX {
        return Err(Error::field(
            "body",
            format!("a text has {TEXT_MAX} characters at most"),
        ));
    }
    if !(1..=100).contains(&draft.key.len()) {
        return Err(Error::field("draft_key", "must have 1 to 100 characters"));
    }
    Ok(())
}

pub(super) fn refuse_opted_out(route: &Route) -> Result<()> {
    if route.opted_out {
        let what = "They asked for no more texts. They can text START to get them again; or call them.";
        return Err(Error::invalid("opted_out", what));
    }
    Ok(())
}

/// The message this draft became; refused when the key was used for something else.
async fn said_already(
    tx: &mut Tx,
    conversation: ConversationId,
    draft: &Draft,
    (body, card): (&str, Option<&Card>),
) -> Result<Option<Message>> {
    let id = sqlx::query_scalar!(
        "SELECT id FROM messages WHERE tenant_id = $1 AND draft_key = $2",
        tx.tenant().uuid(),
        draft.key
    )
    .fetch_optional(&mut **tx)
    .await?;
    let Some(id) = id else {
        return Ok(None);
    };
    let said = get(tx, id).await?;
    let is_note = said.direction == Direction::Note;
    if said.conversation_id != conversation
        || said.body != body
        || said.card.as_ref() != card
        || is_note != (draft.kind == DraftKind::Note)
    {
        return Err(Error::conflict(
            "draft_key_used",
            "this key belongs to another message",
        ));
    }
    Ok(Some(said))
}
