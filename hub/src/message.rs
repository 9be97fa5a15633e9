//! Messages of a conversation: how one is appended, answered, sent, listed.

mod append;
mod begin;
mod card;
mod carrier;
mod change;
mod chat;
mod list;
mod receive;
mod reply;
mod route;
mod row;
pub mod segments;
pub mod send;
mod state;

use serde::{Deserialize, Serialize};

use crate::attachment::{Attachment, AttachmentKind};
use crate::clock::Timestamp;
use crate::conversation::Named;
use crate::db::Tx;
use crate::error::Result;
use crate::ids::{CallId, ConversationId, MessageId};

pub(crate) use append::word_for;
pub use append::{NewMessage, append};
pub use begin::{FirstWord, Nothing, begin};
pub use card::{Card, Location, Person};
pub(crate) use change::{Signer, Target, react, reword, take_back};
pub use chat::{delete, edit, set_reaction};
pub(crate) use chat::{not_done, tell_read};
pub use list::list;
pub(crate) use receive::{Received, receive};
pub use reply::{Draft, DraftKind, reply, retry, text};
pub use row::get;
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

/// Who said something in a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = MessageSender)]
pub struct Sender {
    /// A number in E.164, or the network's own name of somebody who hides theirs.
    pub address: String,
    /// What they call themselves.
    pub name: Option<String>,
}

/// A message that another one answers, as much of it as is shown above that one.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Answered {
    /// Which.
    pub id: MessageId,
    /// Which way it went.
    pub direction: Direction,
    /// Who said it, where that is not the conversation's contact.
    pub name: Option<String>,
    /// Its beginning; empty where it was taken back.
    pub body: String,
    /// What came with it.
    pub file: Option<AttachmentKind>,
}

/// A sign on a message.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Reaction {
    /// The sign.
    pub emoji: String,
    /// Whether it is our side's.
    pub ours: bool,
    /// Whose, by name, as far as it is known.
    pub name: Option<String>,
    /// When it was set.
    pub at: Timestamp,
}

/// What a message said before it was changed.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Version {
    /// What it said.
    pub body: String,
    /// Until when.
    pub until: Timestamp,
}

/// That a message was taken back.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Deletion {
    /// When.
    pub at: Timestamp,
    /// By which side.
    pub by: Author,
    /// By whom, where it was done here.
    pub name: Option<String>,
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
    /// Who said it, where that is not the conversation's contact: in a group.
    pub sender: Option<Sender>,
    /// Whether it is ours, but was typed on the account's own phone.
    pub elsewhere: bool,
    /// The text; of one that was taken back, what it said.
    pub body: String,
    /// What it is, where it is more than words.
    pub card: Option<Card>,
    /// The message that it answers.
    pub answers: Option<Answered>,
    /// The signs on it, oldest first.
    pub reactions: Vec<Reaction>,
    /// When it was last changed.
    pub edited_at: Option<Timestamp>,
    /// What it said before, oldest first.
    pub versions: Vec<Version>,
    /// That it was taken back.
    pub deletion: Option<Deletion>,
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
