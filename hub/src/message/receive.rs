//! Appending many texts of contacts at once: what [`append`](super::append()) does for one, in as few statements.

use std::collections::HashMap;

use serde_json::json;

use super::append::preview;
use super::{Author, Direction, Message, State};
use crate::conversation;
use crate::db::Tx;
use crate::error::{Error, OnConstraint as _, Result};
use crate::feed::NewEvent;
use crate::ids::{ConversationId, MessageId};

/// A contact's text, to be appended.
#[derive(Debug)]
pub(crate) struct Received<'a> {
    /// Where it was said; each conversation once, so that each message is told with the conversation as it was then.
    pub(crate) conversation: ConversationId,
    /// The text.
    pub(crate) body: String,
    /// The provider's id.
    pub(crate) provider_id: &'a str,
}

/// Adds them; each conversation moves up, opens again, and is told to screens with its message.
pub(crate) async fn receive(tx: &mut Tx, texts: &[Received<'_>]) -> Result<Vec<MessageId>> {
    let now = tx.now();
    let ids: Vec<_> = texts.iter().map(|_| MessageId::at(now)).collect();
    write(tx, texts, &ids).await?;
    let places: Vec<_> = texts.iter().map(|text| text.conversation).collect();
    let conversations = conversation::several(tx, &places).await?;
    let conversations: HashMap<_, _> = conversations.iter().map(|found| (found.id, found)).collect();
    for (text, id) in texts.iter().zip(&ids) {
        let conversation = conversations
            .get(&text.conversation)
            .ok_or(Error::NotFound("conversation"))?;
        let message = Message {
            id: *id,
            conversation_id: text.conversation,
            direction: Direction::In,
            author: Author::Contact,
            staff: None,
            sender: None,
            elsewhere: false,
            body: text.body.clone(),
            card: None,
            answers: None,
            reactions: Vec::new(),
            edited_at: None,
            versions: Vec::new(),
            deletion: None,
            state: State::Received,
            failure: None,
            call_id: None,
            segments: None,
            attachments: Vec::new(),
            draft_key: None,
            created_at: now,
            sent_at: None,
        };
        let data = json!({ "message": message, "conversation": conversation });
        tx.emit(NewEvent::new("message.created", &data)?);
    }
    Ok(ids)
}

/// Messages and conversations in one statement.
async fn write(tx: &mut Tx, texts: &[Received<'_>], ids: &[MessageId]) -> Result<()> {
    let now = tx.now();
    let ids: Vec<_> = ids.iter().map(|id| id.uuid()).collect();
    let places: Vec<_> = texts.iter().map(|text| text.conversation.uuid()).collect();
    let bodies: Vec<_> = texts.iter().map(|text| text.body.as_str()).collect();
    let previews: Vec<_> = texts.iter().map(|text| preview(&text.body)).collect();
    let provider_ids: Vec<_> = texts.iter().map(|text| text.provider_id).collect();
    sqlx::query!(
        "WITH new AS (
             SELECT * FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[])
                 AS new (id, conversation_id, body, preview, provider_id)
         ), moved AS (
             UPDATE conversations c SET
                 last_message_at = GREATEST(last_message_at, $7), last_message_preview = new.preview,
                 last_message_direction = 'in', message_count = message_count + 1, inbound_count = inbound_count + 1,
                 waiting_since = COALESCE(waiting_since, $7),
                 version = version + CASE WHEN status = 'closed' THEN 1 ELSE 0 END, status = 'open', closed_at = NULL
             FROM new WHERE c.tenant_id = $1 AND c.id = new.conversation_id
         )
         INSERT INTO messages (tenant_id, id, conversation_id, direction, author, body, state, provider_id, created_at)
         SELECT $1, id, conversation_id, 'in', 'contact', body, 'received', provider_id, $7 FROM new",
        tx.tenant().uuid(),
        &ids,
        &places,
        &bodies as &[&str],
        &previews,
        &provider_ids as &[&str],
        now as _
    )
    .execute(&mut **tx)
    .await
    .on_constraint("messages_provider_key", || {
        Error::conflict("already_received", "this message is here already")
    })?;
    Ok(())
}
