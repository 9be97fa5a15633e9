//! Turns: what each side of a call said, in order, with what an interrupted reply's rest would have been.

use serde::{Deserialize, Serialize};

use crate::db::Tx;
use crate::error::Result;
use crate::feed::NewEvent;
use crate::ids::{CallId, TurnId};

/// Something one side of a call said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Turn {
    /// Its id.
    pub id: TurnId,
    /// Its place in the call.
    pub ordinal: i32,
    /// Who spoke.
    pub speaker: Speaker,
    /// What was said; of an interrupted reply, what the caller heard.
    pub text: String,
    /// Of an interrupted reply, what the caller did not hear.
    pub unheard: String,
    /// Whether the caller interrupted it.
    pub interrupted: bool,
    /// Since the call was answered.
    pub started_ms: i32,
    /// Since the call was answered.
    pub ended_ms: i32,
    /// From the caller's silence to the first sound of the reply.
    pub latency_ms: Option<i32>,
}

/// Who speaks in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = TurnSpeaker)]
pub enum Speaker {
    /// The outside person.
    Caller,
    /// The AI, or the receptionist.
    Agent,
    /// A person at the dashboard.
    Staff,
    /// A tool that the agent used.
    Tool,
}

impl Speaker {
    /// The name in rows and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Agent => "agent",
            Self::Staff => "staff",
            Self::Tool => "tool",
        }
    }
}

/// A finished turn, before it is a row.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are Turn's")]
pub struct NewTurn {
    pub ordinal: i32,
    pub speaker: Speaker,
    pub text: String,
    pub unheard: String,
    pub interrupted: bool,
    pub started_ms: i32,
    pub ended_ms: i32,
    pub latency_ms: Option<i32>,
}

/// Writes a turn and tells screens; the same ordinal again changes nothing.
pub async fn add(tx: &mut Tx, call: CallId, new: NewTurn) -> Result<()> {
    let (tenant, id) = (tx.tenant(), TurnId::at(tx.now()));
    let written = sqlx::query!(
        "INSERT INTO turns (tenant_id, id, call_id, ordinal, speaker, text, unheard, interrupted, started_ms, ended_ms,
                            latency_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (tenant_id, call_id, ordinal) DO NOTHING",
        tenant.uuid(),
        id.uuid(),
        call.uuid(),
        new.ordinal,
        new.speaker.as_str(),
        new.text,
        new.unheard,
        new.interrupted,
        new.started_ms,
        new.ended_ms,
        new.latency_ms
    )
    .execute(&mut **tx)
    .await?;
    if written.rows_affected() > 0 {
        let turn = Turn {
            id,
            ordinal: new.ordinal,
            speaker: new.speaker,
            text: new.text,
            unheard: new.unheard,
            interrupted: new.interrupted,
            started_ms: new.started_ms,
            ended_ms: new.ended_ms,
            latency_ms: new.latency_ms,
        };
        tx.emit(NewEvent::new(
            "call.turn",
            &serde_json::json!({ "call_id": call, "turn": turn }),
        )?);
    }
    Ok(())
}

/// A call's turns in order.
pub async fn list(tx: &mut Tx, call: CallId) -> Result<Vec<Turn>> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "SELECT id, ordinal, speaker, text, unheard, interrupted, started_ms, ended_ms, latency_ms FROM turns
         WHERE tenant_id = $1 AND call_id = $2 ORDER BY ordinal LIMIT 2000",
        tenant.uuid(),
        call.uuid()
    )
    .fetch_all(&mut **tx)
    .await?;
    let turns = rows.into_iter().map(|row| Turn {
        id: row.id,
        ordinal: row.ordinal,
        speaker: speaker_of(&row.speaker),
        text: row.text,
        unheard: row.unheard,
        interrupted: row.interrupted,
        started_ms: row.started_ms,
        ended_ms: row.ended_ms,
        latency_ms: row.latency_ms,
    });
    Ok(turns.collect())
}

fn speaker_of(text: &str) -> Speaker {
    match text {
        "caller" => Speaker::Caller,
        "staff" => Speaker::Staff,
        "tool" => Speaker::Tool,
        _ => Speaker::Agent,
    }
}
