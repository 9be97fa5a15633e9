//! Messages of a conversation: how one is appended, answered, sent, listed.

mod append;
mod carrier;
mod list;
mod receive;
mod reply;
mod route;
pub mod segments;
pub mod send;
mod state;

use serde::{Deserialize, Serialize};

use crate::attachment::Attachment;
use crate::clock::Timestamp;
use crate::conversation::Named;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::{CallId, ConversationId, MessageId, StaffId};

pub use append::{NewMessage, append};
pub use list::list;
pub(crate) use receive::{Received, receive};
pub use reply::{Draft, DraftKind, reply, retry, text};
pub use state::State;

/// Characters of one message at most.
pub const BODY_MAX: usize = 16_000;

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Direction {
    /// From the contact.
    In,
    /// To the contact.
    Out,
    /// Among staff.
    Note,
}

impl Direction {
    fn as_str(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
            Self::Note => "note",
        }
    }
}

/// Who wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Author {
    /// The outside person.
    Contact,
    /// A person at the dashboard.
    Staff,
    /// The AI.
    Agent,
    /// Switchboard itself: answers to STOP and HELP, remarks. Only these go to somebody who wants no texts.
    System,
}

impl Author {
    fn as_str(self) -> &'static str {
        match self {
            Self::Contact => "contact",
            Self::Staff => "staff",
            Self::Agent => "agent",
            Self::System => "system",
        }
    }
}

/// Why a message did not arrive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Failure {
    /// The provider's code, or ours.
    pub code: String,
    /// What happened and what to do, for staff.
    pub help: String,
}

/// One message or note, complete.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// Where it was said.
    pub conversation_id: ConversationId,
    /// Which way it goes.
    pub direction: Direction,
    /// Who wrote it.
    pub author: Author,
    /// Which staff member, when one did.
    pub staff: Option<Named>,
    /// The text.
    pub body: String,
    /// How far it is.
    pub state: State,
    /// Why it did not arrive.
    pub failure: Option<Failure>,
    /// The call it stands for.
    pub call_id: Option<CallId>,
    /// Into how many texts the carrier cuts it.
    pub segments: Option<i32>,
    /// What came with it.
    pub attachments: Vec<Attachment>,
    /// The browser's key of the draft it was.
    pub draft_key: Option<String>,
    /// When it was written.
    pub created_at: Timestamp,
    /// When the provider took it.
    pub sent_at: Option<Timestamp>,
}

struct Row {
    id: MessageId,
    conversation_id: ConversationId,
    direction: Direction,
    author: Author,
    staff_id: Option<StaffId>,
    staff_name: Option<String>,
    body: String,
    state: State,
    failure_code: Option<String>,
    failure_help: Option<String>,
    call_id: Option<CallId>,
    segments: Option<i32>,
    draft_key: Option<String>,
    created_at: Timestamp,
    sent_at: Option<Timestamp>,
}

impl Row {
    fn with(self, attachments: Vec<Attachment>) -> Message {
        Message {
            id: self.id,
            conversation_id: self.conversation_id,
            direction: self.direction,
            author: self.author,
            staff: self
                .staff_id
                .zip(self.staff_name)
                .map(|(id, name)| Named { id, name }),
            body: self.body,
            state: self.state,
            failure: self
                .failure_code
                .zip(self.failure_help)
                .map(|(code, help)| Failure { code, help }),
            call_id: self.call_id,
            segments: self.segments,
            attachments,
            draft_key: self.draft_key,
            created_at: self.created_at,
            sent_at: self.sent_at,
        }
    }
}

/// One message, complete.
pub async fn get(tx: &mut Tx, id: MessageId) -> Result<Message> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT m.id, m.conversation_id, m.direction AS "direction: Direction", m.author AS "author: Author",
             m.staff_id, s.name AS "staff_name?", m.body, m.state AS "state: State", m.failure_code, m.failure_help,
             m.call_id, m.segments, m.draft_key, m.created_at, m.sent_at
         FROM messages m LEFT JOIN staff s ON s.tenant_id = m.tenant_id AND s.id = m.staff_id
         WHERE m.tenant_id = $1 AND m.id = $2"#,
        tx.tenant().uuid(),
        id.uuid()
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or(Error::NotFound("message"))?;
    let attachments = crate::attachment::of_message(tx, id).await?;
    Ok(row.with(attachments))
}

/// The message that a provider knows by this id.
pub(crate) async fn by_provider_id(tx: &mut Tx, provider_id: &str) -> Result<Option<MessageId>> {
    let found = sqlx::query_scalar!(
        r#"SELECT id AS "id: MessageId" FROM messages WHERE tenant_id = $1 AND provider_id = $2"#,
        tx.tenant().uuid(),
        provider_id
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(found)
}
