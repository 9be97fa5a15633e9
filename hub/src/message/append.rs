//! Appending to a conversation: the one way a message comes to be.

use serde_json::json;

use super::{Author, BODY_MAX, Card, Direction, Message, Sender, State, get};
use crate::attachment::{self, AttachmentKind, Encrypted, Kept, NewAttachment};
use crate::conversation;
use crate::db::Tx;
use crate::error::{Error, OnConstraint as _, Result};
use crate::feed::NewEvent;
use crate::ids::{CallId, ConversationId, MessageId, StaffId};

/// Characters of a conversation's preview.
const PREVIEW_MAX: usize = 140;

/// A message before it is one.
#[derive(Clone, Debug)]
pub struct NewMessage<'a> {
    /// Where it was said.
    pub conversation: ConversationId,
    /// Which way it goes.
    pub direction: Direction,
    /// Who wrote it.
    pub author: Author,
    /// Which staff member.
    pub staff: Option<StaffId>,
    /// Who said it, in a group.
    pub sender: Option<Sender>,
    /// Whether it is ours, but was typed on the account's own phone.
    pub elsewhere: bool,
    /// The text.
    pub body: &'a str,
    /// What it is, where it is more than words.
    pub card: Option<&'a Card>,
    /// The message of the conversation that it answers.
    pub answers: Option<MessageId>,
    /// How far it is.
    pub state: State,
    /// The provider's id.
    pub provider_id: Option<&'a str>,
    /// The browser's key of the draft.
    pub draft_key: Option<&'a str>,
    /// The call it stands for.
    pub call: Option<CallId>,
    /// What comes with it.
    pub attachments: &'a [NewAttachment],
    /// What comes with it and is still with the provider: fetched by jobs.
    pub kept: &'a [Kept<'a>],
    /// What comes with it and a session's network keeps: fetched by the session's worker.
    pub encrypted: Option<Encrypted<'a>>,
}

impl<'a> NewMessage<'a> {
    /// Something the contact said; add a provider's id, a call or attachments by struct update.
    pub fn inbound(conversation: ConversationId, body: &'a str) -> Self {
        Self {
            conversation,
            direction: Direction::In,
            author: Author::Contact,
            staff: None,
            sender: None,
            elsewhere: false,
            body,
            card: None,
            answers: None,
            state: State::Received,
            provider_id: None,
            draft_key: None,
            call: None,
            attachments: &[],
            kept: &[],
            encrypted: None,
        }
    }

    /// Something to be sent.
    pub fn outbound(conversation: ConversationId, author: Author, body: &'a str) -> Self {
        Self {
            direction: Direction::Out,
            author,
            state: State::Queued,
            ..Self::inbound(conversation, body)
        }
    }

    /// A remark for staff.
    pub fn note(conversation: ConversationId, author: Author, body: &'a str) -> Self {
        Self {
            direction: Direction::Note,
            author,
            ..Self::inbound(conversation, body)
        }
    }
}

/// Adds it to its conversation, which moves up, opens again when the contact spoke, and is told to screens with it.
pub async fn append(tx: &mut Tx, new: &NewMessage<'_>) -> Result<Message> {
    if new.body.chars().count() > BODY_MAX {
        return Err(Error::field(
            "body",
            format!("must have {BODY_MAX} characters at most"),
        ));
    }
    let (tenant, now) = (tx.tenant(), tx.now());
    move_up(tx, new).await?;
    let id = MessageId::at(now);
    // A text's number of parts is a property of what was written, whoever carries it.
    let segments = (new.direction == Direction::Out).then(|| super::segments::count(new.body));
    sqlx::query!(
        "INSERT INTO messages (tenant_id, id, conversation_id, direction, author, staff_id, body, state, provider_id,
             draft_key, call_id, segments, created_at, sender_address, sender_name, elsewhere, card, answers_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
        tenant.uuid(),
        id.uuid(),
        new.conversation.uuid(),
        new.direction.as_str(),
        new.author.as_str(),
        new.staff.map(StaffId::uuid),
        new.body,
        new.state.as_str(),
        new.provider_id,
        new.draft_key,
        new.call.map(CallId::uuid),
        segments,
        now as _,
        new.sender.as_ref().map(|sender| sender.address.as_str()),
        new.sender.as_ref().and_then(|sender| sender.name.as_deref()),
        new.elsewhere,
        new.card.map(serde_json::to_value).transpose().map_err(anyhow::Error::from)?,
        new.answers.map(MessageId::uuid)
    )
    .execute(&mut **tx)
    .await
    .on_constraint("messages_provider_key", || {
        Error::conflict("already_received", "this message is here already")
    })?;
    for attachment in new.attachments {
        attachment::add(tx, id, attachment).await?;
    }
    for (place, kept) in (0..).zip(new.kept) {
        attachment::add_kept(tx, id, place, kept).await?;
    }
    if let Some(encrypted) = &new.encrypted {
        attachment::add_encrypted(tx, id, encrypted).await?;
    }
    let message = get(tx, id).await?;
    let conversation = conversation::get(tx, new.conversation).await?;
    let data = json!({ "message": message, "conversation": conversation });
    tx.emit(NewEvent::new("message.created", &data)?);
    Ok(message)
}

/// Locks the conversation: messages of one are appended one after the other.
async fn move_up(tx: &mut Tx, new: &NewMessage<'_>) -> Result<()> {
    let now = tx.now();
    let done = sqlx::query!(
        "UPDATE conversations SET
             last_message_at = GREATEST(last_message_at, $3), last_message_preview = $4, last_message_direction = $5,
             message_count = message_count + 1, inbound_count = inbound_count + CASE WHEN $5 = 'in' THEN 1 ELSE 0 END,
             waiting_since = CASE $5 WHEN 'in' THEN COALESCE(waiting_since, $3) WHEN 'out' THEN NULL
                 ELSE waiting_since END,
             version = version + CASE WHEN $5 = 'in' AND status = 'closed' THEN 1 ELSE 0 END,
             status = CASE WHEN $5 = 'in' THEN 'open' ELSE status END,
             closed_at = CASE WHEN $5 = 'in' THEN NULL ELSE closed_at END
         WHERE tenant_id = $1 AND id = $2",
        tx.tenant().uuid(),
        new.conversation.uuid(),
        now as _,
        preview_of(new),
        new.direction.as_str()
    )
    .execute(&mut **tx)
    .await?;
    if done.rows_affected() == 1 {
        Ok(())
    } else {
        Err(Error::NotFound("conversation"))
    }
}

/// The beginning of what was said; of files without a word, what the first one is.
fn preview_of(new: &NewMessage<'_>) -> String {
    let kept = new.kept.iter().map(|kept| AttachmentKind::of(kept.media_type));
    let first = new.encrypted.iter().map(|encrypted| encrypted.kind);
    let first = first
        .chain(kept)
        .chain(new.attachments.iter().map(|file| file.kind))
        .next();
    match first.filter(|_| new.body.trim().is_empty()) {
        None => preview(new.body),
        Some(kind) => word_for(kind).to_owned(),
    }
}

/// What stands for a file in a list.
pub(crate) fn word_for(kind: AttachmentKind) -> &'static str {
    match kind {
        AttachmentKind::Image => "Picture",
        AttachmentKind::Audio | AttachmentKind::Recording => "Sound",
        AttachmentKind::Voice => "Voice note",
        AttachmentKind::Video => "Video",
        AttachmentKind::Sticker => "Sticker",
        AttachmentKind::File => "File",
    }
}

/// The beginning on one line.
pub(super) fn preview(body: &str) -> String {
    let line = body.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= PREVIEW_MAX {
        return line;
    }
    let mut cut: String = line.chars().take(PREVIEW_MAX - 1).collect();
    cut.push('…');
    cut
}
