//! Opening, closing and assigning a conversation, with the version two staff collide on.

use serde::{Deserialize, Deserializer};
use serde_json::json;

use super::{Conversation, Status, get};
use crate::Hub;
use crate::audit::{self, Line};
use crate::error::{Error, OnConstraint as _, Result};
use crate::feed::NewEvent;
use crate::ids::{ConversationId, StaffId};
use crate::principal::Principal;

/// What staff may change.
#[derive(Clone, Copy, Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConversationChange {
    /// Open or close it.
    pub status: Option<Status>,
    /// Give it to somebody; `null` gives it to nobody.
    #[serde(default)]
    #[schema(value_type = Option<StaffId>)]
    pub assignee_id: Assignment,
}

/// Whom a conversation is given to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Assignment {
    /// It stays whose it is.
    #[default]
    Kept,
    /// Nobody.
    Nobody,
    /// Somebody.
    Staff(StaffId),
}

impl<'de> Deserialize<'de> for Assignment {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(from)?.map_or(Self::Nobody, Self::Staff))
    }
}

/// Changes a conversation whose version is `seen`, if the caller says which it has seen.
pub async fn change(
    hub: &Hub,
    by: &Principal,
    id: ConversationId,
    seen: Option<i32>,
    change: ConversationChange,
) -> Result<Conversation> {
    let mut tx = hub.db.tenant(by.tenant()).await?;
    let now = tx.now();
    let before = sqlx::query!(
        r#"SELECT status AS "status: Status", assignee_id, version FROM conversations
         WHERE tenant_id = $1 AND id = $2 FOR UPDATE"#,
        by.tenant().uuid(),
        id.uuid()
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or(Error::NotFound("conversation"))?;
    if seen.is_some_and(|seen| seen != before.version) {
        return Err(Error::Stale);
    }
    let status = change.status.unwrap_or(before.status);
    let assignee = match change.assignee_id {
        Assignment::Kept => before.assignee_id,
        Assignment::Nobody => None,
        Assignment::Staff(id) => Some(id),
    };
    if (status, assignee) == (before.status, before.assignee_id) {
        let same = get(&mut tx, id).await?;
        tx.commit().await?;
        return Ok(same);
    }
    sqlx::query!(
        "UPDATE conversations SET status = $3, assignee_id = $4, version = version + 1,
             closed_at = CASE WHEN $3 = 'closed' THEN COALESCE(closed_at, $5) END,
             waiting_since = CASE WHEN $3 = 'closed' THEN NULL ELSE waiting_since END
         WHERE tenant_id = $1 AND id = $2",
        by.tenant().uuid(),
        id.uuid(),
        status.as_str(),
        assignee.map(StaffId::uuid),
        now as _
    )
    .execute(&mut *tx)
    .await
    .on_constraint("conversations_assignee_fkey", || {
        Error::field("assignee_id", "there is no such staff member")
    })?;
    let conversation = get(&mut tx, id).await?;
    tx.emit(NewEvent::new(
        "conversation.updated",
        &json!({ "conversation": conversation }),
    )?);
    let detail = json!({ "status": status.as_str(), "assignee_id": assignee });
    let line = Line::new("conversation.changed")
        .target("conversation", id.uuid())
        .detail(detail);
    audit::record(&mut tx, Some(by), line).await?;
    tx.commit().await?;
    Ok(conversation)
}
