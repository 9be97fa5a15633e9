//! Messages as rows, read whole: with what they answer, what they said before, and the signs on them, in one statement.

use sqlx::types::Json;

use super::{
    Answered, Author, Card, Deletion, Direction, Failure, Message, Reaction, Sender, State, Version,
};
use crate::attachment::{self, Attachment};
use crate::clock::Timestamp;
use crate::conversation::Named;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::{CallId, ConversationId, MessageId, StaffId};

pub(super) struct Row {
    pub(super) id: MessageId,
    pub(super) conversation_id: ConversationId,
    pub(super) direction: Direction,
    pub(super) author: Author,
    pub(super) staff_id: Option<StaffId>,
    pub(super) staff_name: Option<String>,
    pub(super) sender_address: Option<String>,
    pub(super) sender_name: Option<String>,
    pub(super) elsewhere: bool,
    pub(super) body: String,
    pub(super) card: Option<Json<Card>>,
    pub(super) answered: Option<Json<Answered>>,
    pub(super) reactions: Json<Vec<Reaction>>,
    pub(super) edited_at: Option<Timestamp>,
    pub(super) versions: Json<Vec<Version>>,
    pub(super) deleted_at: Option<Timestamp>,
    pub(super) deleted_by: Option<Author>,
    pub(super) deleted_name: Option<String>,
    pub(super) state: State,
    pub(super) failure_code: Option<String>,
    pub(super) failure_help: Option<String>,
    pub(super) call_id: Option<CallId>,
    pub(super) segments: Option<i32>,
    pub(super) draft_key: Option<String>,
    pub(super) created_at: Timestamp,
    pub(super) sent_at: Option<Timestamp>,
}

/// Messages `m`, whole; `$1` is the tenant, what follows `WHERE` is the caller's.
macro_rules! rows {
    ($rest:tt, $($argument:expr),+ $(,)?) => {
        sqlx::query_as!(
            crate::message::row::Row,
            r#"SELECT m.id, m.conversation_id, m.direction AS "direction: Direction", m.author AS "author: Author",
                 m.staff_id, s.name AS "staff_name?", m.sender_address, m.sender_name, m.elsewhere, m.body,
                 m.card AS "card: Json<Card>",
                 (SELECT jsonb_build_object('id', q.id, 'direction', q.direction, 'name', COALESCE(q.sender_name, qs.name),
                    'body', CASE WHEN q.deleted_at IS NULL THEN left(q.body, 300) ELSE '' END,
                    'file', (SELECT a.kind FROM attachments a
                       WHERE a.tenant_id = q.tenant_id AND a.message_id = q.id AND q.deleted_at IS NULL ORDER BY a.id LIMIT 1))
                  FROM messages q LEFT JOIN staff qs ON qs.tenant_id = q.tenant_id AND qs.id = q.staff_id
                  WHERE q.tenant_id = m.tenant_id AND q.id = m.answers_id) AS "answered: Json<Answered>",
                 COALESCE((SELECT jsonb_agg(jsonb_build_object('emoji', r.emoji, 'ours', r.sender = '',
                    'name', COALESCE(rs.name, r.sender_name), 'at', r.at) ORDER BY r.at, r.sender)
                  FROM message_reactions r LEFT JOIN staff rs ON rs.tenant_id = r.tenant_id AND rs.id = r.staff_id
                  WHERE r.tenant_id = m.tenant_id AND r.message_id = m.id), '[]') AS "reactions!: Json<Vec<Reaction>>",
                 m.edited_at,
                 COALESCE((SELECT jsonb_agg(jsonb_build_object('body', v.body, 'until', v.until) ORDER BY v.id)
                  FROM message_versions v WHERE v.tenant_id = m.tenant_id AND v.message_id = m.id), '[]')
                   AS "versions!: Json<Vec<Version>>",
                 m.deleted_at, m.deleted_by AS "deleted_by: Author",
                 (SELECT ds.name FROM staff ds WHERE ds.tenant_id = m.tenant_id AND ds.id = m.deleted_staff_id)
                   AS "deleted_name", m.state AS "state: State", m.failure_code,
                 m.failure_help, m.call_id, m.segments, m.draft_key, m.created_at, m.sent_at
               FROM messages m LEFT JOIN staff s ON s.tenant_id = m.tenant_id AND s.id = m.staff_id
               WHERE m.tenant_id = $1 AND "# + $rest,
            $($argument),+
        )
    };
}
pub(super) use rows;

impl Row {
    pub(super) fn with(self, attachments: Vec<Attachment>) -> Message {
        Message {
            id: self.id,
            conversation_id: self.conversation_id,
            direction: self.direction,
            author: self.author,
            staff: self
                .staff_id
                .zip(self.staff_name)
                .map(|(id, name)| Named { id, name }),
            sender: self.sender_address.map(|address| Sender {
                address,
                name: self.sender_name,
            }),
            elsewhere: self.elsewhere,
            body: self.body,
            card: self.card.map(|card| card.0),
            answers: self.answered.map(|answered| answered.0),
            reactions: self.reactions.0,
            edited_at: self.edited_at,
            versions: self.versions.0,
            deletion: self.deleted_at.zip(self.deleted_by).map(|(at, by)| Deletion {
                at,
                by,
                name: self.deleted_name,
            }),
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
    let tenant = tx.tenant().uuid();
    let row = rows!("m.id = $2", tenant, id.uuid())
        .fetch_optional(&mut **tx)
        .await?
        .ok_or(Error::NotFound("message"))?;
    let attachments = attachment::of_message(tx, id).await?;
    Ok(row.with(attachments))
}
