//! Conversations: everything said between a contact and an inbox; how one is begun, found, counted and changed.

mod change;
mod list;
mod seen;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::feed::NewEvent;
use crate::ids::{ContactId, ConversationId, InboxId, StaffId};
use crate::inbox::Channel;
use crate::message::Direction;

pub use change::{Assignment, ConversationChange, change};
pub use list::{Assignee, Counts, Filter, ForStaff, counts, for_staff, list};
pub use seen::seen;

/// Whether somebody still has to do something about it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Status {
    /// Yes.
    #[default]
    Open,
    /// No; the contact's next word opens it again.
    Closed,
}

impl Status {
    /// The name in rows and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

/// The contact of a conversation, as a list shows them.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Counterpart {
    /// Who.
    pub id: ContactId,
    /// What they are called.
    pub name: Option<String>,
    /// What they are reached by.
    pub address: Option<String>,
}

/// The inbox of a conversation, as a list shows it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Place {
    /// Which.
    pub id: InboxId,
    /// For staff.
    pub name: String,
    /// What comes in there.
    pub channel: Channel,
    /// A number or a form's key.
    pub address: String,
}

/// A staff member, named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Named {
    /// Who.
    pub id: StaffId,
    /// What they are called.
    pub name: String,
}

/// A conversation, complete.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Conversation {
    /// Its id.
    pub id: ConversationId,
    /// With whom.
    pub contact: Counterpart,
    /// Where.
    pub inbox: Place,
    /// What it goes over.
    pub channel: Channel,
    /// Whether somebody still has to do something about it.
    pub status: Status,
    /// Who.
    pub assignee: Option<Named>,
    /// What it is about.
    pub subject: Option<String>,
    /// When the last word was said.
    pub last_message_at: Timestamp,
    /// Its beginning.
    pub last_message_preview: String,
    /// Whose it was.
    pub last_message_direction: Direction,
    /// Since when the contact waits for an answer.
    pub waiting_since: Option<Timestamp>,
    /// Messages and notes.
    pub message_count: i32,
    /// Of these, the contact's; minus what somebody has seen, it is what they have not.
    pub inbound_count: i32,
    /// Grows when status or assignee change; the `ETag`.
    pub version: i32,
    /// When it began.
    pub created_at: Timestamp,
}

struct Row {
    id: ConversationId,
    contact_id: ContactId,
    contact_name: Option<String>,
    contact_address: Option<String>,
    inbox_id: InboxId,
    inbox_name: String,
    inbox_address: String,
    channel: Channel,
    status: Status,
    assignee_id: Option<StaffId>,
    assignee_name: Option<String>,
    subject: Option<String>,
    last_message_at: Timestamp,
    last_message_preview: String,
    last_message_direction: Direction,
    waiting_since: Option<Timestamp>,
    message_count: i32,
    inbound_count: i32,
    seen_count: Option<i32>,
    version: i32,
    created_at: Timestamp,
}

impl From<Row> for Conversation {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            contact: Counterpart {
                id: row.contact_id,
                name: row.contact_name,
                address: row.contact_address,
            },
            inbox: Place {
                id: row.inbox_id,
                name: row.inbox_name,
                channel: row.channel,
                address: row.inbox_address,
            },
            channel: row.channel,
            status: row.status,
            assignee: row
                .assignee_id
                .zip(row.assignee_name)
                .map(|(id, name)| Named { id, name }),
            subject: row.subject,
            last_message_at: row.last_message_at,
            last_message_preview: row.last_message_preview,
            last_message_direction: row.last_message_direction,
            waiting_since: row.waiting_since,
            message_count: row.message_count,
            inbound_count: row.inbound_count,
            version: row.version,
            created_at: row.created_at,
        }
    }
}

/// The conversation between a contact and an inbox, begun when there is none. However many begin it at once, it is one.
pub async fn between(
    tx: &mut Tx,
    contact: ContactId,
    inbox: InboxId,
    channel: Channel,
    subject: Option<&str>,
) -> Result<ConversationId> {
    let now = tx.now();
    let begun = sqlx::query_scalar!(
        "INSERT INTO conversations (tenant_id, id, contact_id, inbox_id, channel, subject, last_message_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
         ON CONFLICT (tenant_id, contact_id, inbox_id) DO NOTHING RETURNING id",
        tx.tenant().uuid(),
        ConversationId::at(now).uuid(),
        contact.uuid(),
        inbox.uuid(),
        channel.as_str(),
        subject,
        now as _
    )
    .fetch_optional(&mut **tx)
    .await?;
    if let Some(id) = begun {
        let conversation = get(tx, id).await?;
        let data = serde_json::json!({ "conversation": conversation });
        tx.emit(NewEvent::new("conversation.created", &data)?);
        return Ok(id);
    }
    let id = sqlx::query_scalar!(
        "SELECT id FROM conversations WHERE tenant_id = $1 AND contact_id = $2 AND inbox_id = $3",
        tx.tenant().uuid(),
        contact.uuid(),
        inbox.uuid()
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(id)
}

/// One conversation, complete.
pub async fn get(tx: &mut Tx, id: ConversationId) -> Result<Conversation> {
    row(tx, id, None).await.map(Conversation::from)
}

/// Several, complete, in no order; what is not there is left out.
pub(crate) async fn several(tx: &mut Tx, ids: &[ConversationId]) -> Result<Vec<Conversation>> {
    let rows = rows(tx, ids, None).await?;
    Ok(rows.into_iter().map(Conversation::from).collect())
}

async fn row(tx: &mut Tx, id: ConversationId, staff: Option<StaffId>) -> Result<Row> {
    let rows = rows(tx, &[id], staff).await?;
    rows.into_iter().next().ok_or(Error::NotFound("conversation"))
}

async fn rows(tx: &mut Tx, ids: &[ConversationId], staff: Option<StaffId>) -> Result<Vec<Row>> {
    let ids: Vec<_> = ids.iter().map(|id| id.uuid()).collect();
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT c.id, c.contact_id, k.name AS contact_name,
             (SELECT a.address FROM identities a WHERE a.tenant_id = c.tenant_id AND a.contact_id = c.contact_id
              ORDER BY a.kind = 'phone' DESC, a.id LIMIT 1) AS contact_address,
             c.inbox_id, b.name AS inbox_name, b.address AS inbox_address, c.channel AS "channel: Channel",
             c.status AS "status: Status", c.assignee_id, s.name AS "assignee_name?", c.subject, c.last_message_at,
             c.last_message_preview, c.last_message_direction AS "last_message_direction: Direction",
             c.waiting_since, c.message_count, c.inbound_count, r.seen_count AS "seen_count?", c.version, c.created_at
         FROM conversations c
         JOIN contacts k ON k.tenant_id = c.tenant_id AND k.id = c.contact_id
         JOIN inboxes b ON b.tenant_id = c.tenant_id AND b.id = c.inbox_id
         LEFT JOIN staff s ON s.tenant_id = c.tenant_id AND s.id = c.assignee_id
         LEFT JOIN conversation_reads r
             ON r.tenant_id = c.tenant_id AND r.conversation_id = c.id AND r.staff_id = $3
         WHERE c.tenant_id = $1 AND c.id = ANY ($2)"#,
        tx.tenant().uuid(),
        &ids,
        staff.map(StaffId::uuid)
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}
