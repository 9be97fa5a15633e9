//! The end of a call, whoever notices it first: the call's row, its place among the contact's messages, and what is to be
//! done afterwards, in one deed.

use super::work::Summarise;
use super::{Call, Outcome, State, progress, status};
use crate::db::Tx;
use crate::error::Result;
use crate::ids::CallId;
use crate::job::NewJob;
use crate::message::{Author, Direction};
use crate::message::{NewMessage, append};

/// Ends the call. `None` when it was over before.
pub async fn close(tx: &mut Tx, call: CallId, outcome: Outcome) -> Result<Option<Call>> {
    let ended = progress::end(tx, call, outcome).await?;
    if let Some(call) = &ended {
        afterwards(tx, call).await?;
    }
    Ok(ended)
}

/// Joins a status of the provider's; a final one ends the call.
pub async fn provider_status(tx: &mut Tx, call: CallId, reported: status::Status) -> Result<Option<Call>> {
    let ended = progress::provider_status(tx, call, reported).await?;
    if let Some(call) = &ended {
        afterwards(tx, call).await?;
    }
    Ok(ended)
}

/// The call stands in the conversation, and is summed up when something was said.
pub async fn afterwards(tx: &mut Tx, call: &Call) -> Result<()> {
    if call.state == State::Ended {
        tx.enqueue(NewJob::of(&Summarise { call: call.id })?.once_per(call.id.to_string()));
    }
    let Some(conversation) = call.conversation_id else {
        return Ok(());
    };
    // A visitor of the demo page who went away before anybody spoke waits for no answer.
    if call.visitor && call.state == State::NotTaken {
        return Ok(());
    }
    let text = match call.duration_ms {
        Some(ms) => format!("Phone call, {}:{:02}", ms / 60_000, ms / 1_000 % 60),
        None => "Missed call".to_owned(),
    };
    let message = match call.state {
        // Nobody spoke with them: they wait for an answer.
        State::NotTaken => NewMessage {
            author: Author::System,
            call: Some(call.id),
            ..NewMessage::inbound(conversation, &text)
        },
        _ => NewMessage {
            direction: Direction::Note,
            call: Some(call.id),
            ..NewMessage::note(conversation, Author::Agent, &text)
        },
    };
    append(tx, &message).await?;
    Ok(())
}
