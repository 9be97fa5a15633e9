//! Sessions as staff see them, with their health at this moment.

use super::health::Facts;
use super::pacing::Scope;
use super::{Desired, Observed, Session};
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::{InboxId, SessionId};

/// All of the tenant's, oldest first.
pub async fn list(tx: &mut Tx) -> Result<Vec<Session>> {
    read(tx, None).await
}

/// One of them.
pub async fn get(tx: &mut Tx, id: SessionId) -> Result<Session> {
    let found = read(tx, Some(id)).await?.pop();
    found.ok_or(Error::NotFound("session"))
}

async fn read(tx: &mut Tx, only: Option<SessionId>) -> Result<Vec<Session>> {
    let now = tx.now();
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT s.id, s.inbox_id, b.name, s.desired AS "desired: Desired", s.observed AS "observed: Observed", s.reason,
             s.observed_at, s.next_attempt_at, s.phone, s.push_name, s.paired_at, s.connected_at, s.lost_at, s.heard_at,
             s.received_at, s.paused_until, s.pause_reason, s.pause_scope AS "pause_scope: Scope",
             CASE WHEN s.new_chats_on = ($3::timestamptz AT TIME ZONE 'UTC')::date THEN s.new_chats ELSE 0 END
               AS "new_chats_today!", s.new_chats_limit, s.groups, s.worker, s.created_at,
             (SELECT min(CASE WHEN o.tries > 0 THEN o.created_at ELSE greatest(o.created_at, o.not_before) END)
                FROM session_outbox o WHERE o.tenant_id = s.tenant_id AND o.session_id = s.id
                  AND o.state IN ('ready', 'sending')) AS "oldest_open_at: Timestamp"
         FROM sessions s JOIN inboxes b ON b.tenant_id = s.tenant_id AND b.id = s.inbox_id
         WHERE s.tenant_id = $1 AND ($2::uuid IS NULL OR s.id = $2) ORDER BY s.id"#,
        tx.tenant().uuid(),
        only.map(SessionId::uuid),
        now as _
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|row| row.at(now)).collect())
}

/// A session as its row is.
struct Row {
    id: SessionId,
    inbox_id: InboxId,
    name: String,
    desired: Desired,
    observed: Observed,
    reason: Option<String>,
    observed_at: Timestamp,
    next_attempt_at: Option<Timestamp>,
    phone: Option<String>,
    push_name: Option<String>,
    paired_at: Option<Timestamp>,
    connected_at: Option<Timestamp>,
    lost_at: Option<Timestamp>,
    heard_at: Option<Timestamp>,
    received_at: Option<Timestamp>,
    paused_until: Option<Timestamp>,
    pause_reason: Option<String>,
    pause_scope: Option<Scope>,
    new_chats_today: i32,
    new_chats_limit: Option<i32>,
    groups: bool,
    worker: Option<String>,
    created_at: Timestamp,
    oldest_open_at: Option<Timestamp>,
}

impl Row {
    fn at(self, now: Timestamp) -> Session {
        let facts = Facts {
            desired: self.desired,
            observed: self.observed,
            observed_at: self.observed_at,
            is_linked: self.phone.is_some(),
            connected_at: self.connected_at,
            lost_at: self.lost_at,
            heard_at: self.heard_at,
            next_attempt_at: self.next_attempt_at,
            paused_until: self.paused_until,
            pause_scope: self.pause_scope,
            oldest_open_at: self.oldest_open_at,
        };
        Session {
            id: self.id,
            inbox_id: self.inbox_id,
            name: self.name,
            desired: self.desired,
            observed: self.observed,
            reason: self.reason,
            observed_at: self.observed_at,
            next_attempt_at: self.next_attempt_at,
            phone: self.phone,
            push_name: self.push_name,
            paired_at: self.paired_at,
            connected_at: self.connected_at,
            heard_at: self.heard_at,
            received_at: self.received_at,
            paused_until: self.paused_until,
            pause_reason: self.pause_reason,
            pause_scope: self.pause_scope,
            new_chats_today: self.new_chats_today,
            new_chats_limit: self.new_chats_limit,
            health: facts.health(now),
            groups: self.groups,
            worker: self.worker,
            created_at: self.created_at,
        }
    }
}
