//! Calls: what a caller and we did on the telephone; how one begins, is taken up, ends, and is looked up.

pub mod begin;
mod browser;
pub mod close;
pub mod context;
pub mod list;
pub mod order;
pub mod progress;
pub mod staff;
pub mod status;
pub mod sweep;
pub mod token;
pub mod visitor;
pub mod work;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::feed::NewEvent;
use crate::ids::{CallId, ContactId, ConversationId, InboxId};

/// A call, as screens see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Call {
    /// Its id.
    pub id: CallId,
    /// How it reached us.
    pub source: Source,
    /// `in` or `out`.
    pub direction: String,
    /// The caller's number; empty when withheld.
    pub from_address: String,
    /// The called number.
    pub to_address: String,
    /// Whether somebody called from the public demo page.
    pub visitor: bool,
    /// Who called, when known.
    pub contact: Option<ContactRef>,
    /// Where it stands among their messages.
    pub conversation_id: Option<ConversationId>,
    /// Which of our numbers.
    pub inbox: Option<InboxRef>,
    /// How far it is.
    pub state: State,
    /// `realtime` or `receptionist`: who speaks, or spoke last.
    pub agent: Option<String>,
    /// Why it ended or was not taken.
    pub outcome: Option<String>,
    /// What a caller got who was not taken: `voicemail` or `forward`.
    pub fallback: Option<String>,
    /// In a sentence or two, afterwards.
    pub summary: Option<String>,
    /// When it rang.
    pub started_at: Timestamp,
    /// When somebody of ours first heard it.
    pub answered_at: Option<Timestamp>,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
    /// From answer to end.
    pub duration_ms: Option<i64>,
    /// Grows with each change.
    pub version: i32,
}

/// A contact, named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = CallContact)]
pub struct ContactRef {
    /// Their id.
    pub id: ContactId,
    /// Their name, when we know it.
    pub name: Option<String>,
}

/// An inbox, named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = CallInbox)]
pub struct InboxRef {
    /// Its id.
    pub id: InboxId,
    /// Its name.
    pub name: String,
}

/// How a call reaches us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
#[schema(as = CallSource)]
pub enum Source {
    /// Over Twilio.
    Twilio,
    /// From a browser.
    Phone,
}

impl Source {
    /// The name in rows and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Twilio => "twilio",
            Self::Phone => "phone",
        }
    }
}

/// How far a call is. It moves from left to right and never back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
#[schema(as = CallState)]
pub enum State {
    /// Known, nobody speaks yet.
    Ringing,
    /// Somebody of ours speaks with the caller.
    Live,
    /// Over.
    Ended,
    /// Over, and nobody of ours spoke with the caller.
    NotTaken,
}

impl State {
    /// The name in rows and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ringing => "ringing",
            Self::Live => "live",
            Self::Ended => "ended",
            Self::NotTaken => "not_taken",
        }
    }

    /// Whether nothing follows.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Ended | Self::NotTaken)
    }
}

/// Why a call ended or was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each name says it")]
pub enum Outcome {
    CallerHungUp,
    AgentHungUp,
    StaffHungUp,
    Transferred,
    MaxDuration,
    Silence,
    OverCapacity,
    OutsideHours,
    Failed,
    Lost,
}

impl Outcome {
    /// The name in rows and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CallerHungUp => "caller_hung_up",
            Self::AgentHungUp => "agent_hung_up",
            Self::StaffHungUp => "staff_hung_up",
            Self::Transferred => "transferred",
            Self::MaxDuration => "max_duration",
            Self::Silence => "silence",
            Self::OverCapacity => "over_capacity",
            Self::OutsideHours => "outside_hours",
            Self::Failed => "failed",
            Self::Lost => "lost",
        }
    }
}

/// A call's row with the names around it.
struct Row {
    id: CallId,
    source: String,
    direction: String,
    from_address: String,
    to_address: String,
    visitor: bool,
    contact_id: Option<ContactId>,
    contact_name: Option<String>,
    conversation_id: Option<ConversationId>,
    inbox_id: Option<InboxId>,
    inbox_name: Option<String>,
    state: String,
    agent: Option<String>,
    outcome: Option<String>,
    fallback: Option<String>,
    summary: Option<String>,
    started_at: Timestamp,
    answered_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    version: i32,
}

impl From<Row> for Call {
    fn from(row: Row) -> Self {
        let duration =
            |from: Timestamp, to: Timestamp| i64::try_from(to.since(from).as_millis()).unwrap_or(i64::MAX);
        Self {
            id: row.id,
            source: if row.source == "phone" {
                Source::Phone
            } else {
                Source::Twilio
            },
            direction: row.direction,
            from_address: row.from_address,
            to_address: row.to_address,
            visitor: row.visitor,
            contact: row.contact_id.map(|id| ContactRef {
                id,
                name: row.contact_name,
            }),
            conversation_id: row.conversation_id,
            inbox: row
                .inbox_id
                .zip(row.inbox_name)
                .map(|(id, name)| InboxRef { id, name }),
            state: state_of(&row.state),
            agent: row.agent,
            outcome: row.outcome,
            fallback: row.fallback,
            summary: row.summary,
            started_at: row.started_at,
            answered_at: row.answered_at,
            ended_at: row.ended_at,
            duration_ms: row
                .answered_at
                .zip(row.ended_at)
                .map(|(from, to)| duration(from, to)),
            version: row.version,
        }
    }
}

fn state_of(text: &str) -> State {
    match text {
        "ringing" => State::Ringing,
        "live" => State::Live,
        "not_taken" => State::NotTaken,
        _ => State::Ended,
    }
}

/// The call, as screens see it.
pub async fn get(tx: &mut Tx, call: CallId) -> Result<Call> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Row,
        r#"SELECT c.id, c.source, c.direction, c.from_address, c.to_address,
                  c.visitor IS NOT NULL AS "visitor!", c.contact_id, k.name AS "contact_name?",
                  c.conversation_id, c.inbox_id, i.name AS "inbox_name?", c.state, c.agent, c.outcome, c.fallback,
                  c.summary, c.started_at, c.answered_at, c.ended_at, c.version
           FROM calls c
           LEFT JOIN contacts k ON k.tenant_id = c.tenant_id AND k.id = c.contact_id
           LEFT JOIN inboxes i ON i.tenant_id = c.tenant_id AND i.id = c.inbox_id
           WHERE c.tenant_id = $1 AND c.id = $2"#,
        tenant.uuid(),
        call.uuid()
    )
    .fetch_optional(&mut **tx)
    .await?
    .map(Call::from)
    .ok_or(Error::NotFound("call"))
}

/// Reads the call again and tells screens.
async fn tell(tx: &mut Tx, kind: &'static str, call: CallId) -> Result<Call> {
    let call = get(tx, call).await?;
    tx.emit(NewEvent::new(kind, &serde_json::json!({ "call": call }))?);
    Ok(call)
}
