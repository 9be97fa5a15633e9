//! Lists and counts of conversations, as one staff member sees them.

use serde::Serialize;

use super::{Conversation, Row, Status};
use crate::clock::Timestamp;
use crate::cursor::{self, Page};
use crate::error::Result;
use crate::ids::{ConversationId, StaffId};
use crate::inbox::Channel;
use crate::message::Direction;
use crate::principal::Principal;
use crate::{Hub, conversation};

/// A conversation with what is new in it for who asks.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ForStaff {
    /// The conversation.
    #[serde(flatten)]
    pub conversation: Conversation,
    /// The contact's messages that who asks has not seen.
    pub unread: i32,
}

/// Whose conversations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assignee {
    /// Everybody's.
    Anybody,
    /// Nobody's yet.
    Nobody,
    /// One's.
    Staff(StaffId),
}

/// Which conversations.
#[derive(Clone, Copy, Debug)]
pub struct Filter {
    /// Open or closed ones.
    pub status: Status,
    /// Whose.
    pub assignee: Assignee,
    /// Over what.
    pub channel: Option<Channel>,
}

/// How many conversations there are of each sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Counts {
    /// Open ones.
    pub open: i64,
    /// Open and assigned to who asks.
    pub mine: i64,
    /// Open and nobody's.
    pub unassigned: i64,
    /// Closed ones.
    pub closed: i64,
}

impl From<Row> for ForStaff {
    fn from(row: Row) -> Self {
        Self {
            unread: (row.inbound_count - row.seen_count.unwrap_or(0)).max(0),
            conversation: row.into(),
        }
    }
}

/// Latest word first.
pub async fn list(
    hub: &Hub,
    by: &Principal,
    filter: Filter,
    limit: u32,
    cursor: Option<&str>,
) -> Result<Page<ForStaff>> {
    let query = format!("conversations?{filter:?}");
    let after: Option<(Timestamp, ConversationId)> = cursor::open(hub, by.tenant(), &query, cursor)?;
    let (after_at, after_id) = after.unzip();
    let assignee = match filter.assignee {
        Assignee::Staff(id) => Some(id.uuid()),
        _ => None,
    };
    let mut tx = hub.db.tenant(by.tenant()).await?;
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
             ON r.tenant_id = c.tenant_id AND r.conversation_id = c.id AND r.staff_id = $2
         WHERE c.tenant_id = $1 AND c.status = $3
           AND ($4::uuid IS NULL OR c.assignee_id = $4) AND (NOT $5 OR c.assignee_id IS NULL)
           AND ($6::text IS NULL OR c.channel = $6)
           AND ($7::timestamptz IS NULL OR (c.last_message_at, c.id) < ($7, $8))
         ORDER BY c.last_message_at DESC, c.id DESC LIMIT $9"#,
        by.tenant().uuid(),
        by.staff_id().map(StaffId::uuid),
        filter.status.as_str(),
        assignee,
        filter.assignee == Assignee::Nobody,
        filter.channel.map(Channel::as_str),
        after_at as _,
        after_id.map(ConversationId::uuid),
        i64::from(limit) + 1
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    let items = rows.into_iter().map(ForStaff::from).collect();
    Page::cut(hub, by.tenant(), &query, limit, items, |last: &ForStaff| {
        (last.conversation.last_message_at, last.conversation.id)
    })
}

/// One, as `by` sees it.
pub async fn for_staff(hub: &Hub, by: &Principal, id: ConversationId) -> Result<ForStaff> {
    let mut tx = hub.db.tenant(by.tenant()).await?;
    let row = conversation::row(&mut tx, id, by.staff_id()).await?;
    tx.commit().await?;
    Ok(row.into())
}

/// How many there are of each sort.
pub async fn counts(hub: &Hub, by: &Principal) -> Result<Counts> {
    let mut tx = hub.db.tenant(by.tenant()).await?;
    let counts = sqlx::query_as!(
        Counts,
        r#"SELECT count(*) FILTER (WHERE status = 'open') AS "open!",
             count(*) FILTER (WHERE status = 'open' AND assignee_id = $2) AS "mine!",
             count(*) FILTER (WHERE status = 'open' AND assignee_id IS NULL) AS "unassigned!",
             count(*) FILTER (WHERE status = 'closed') AS "closed!"
         FROM conversations WHERE tenant_id = $1"#,
        by.tenant().uuid(),
        by.staff_id().map(StaffId::uuid)
    )
    .fetch_one(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(counts)
}
