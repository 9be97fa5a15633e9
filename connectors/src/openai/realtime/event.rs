//! What a Realtime session says: the events we act on, read in one pass with text borrowed from the message. Everything
//! else is [`Event::Other`]: new events appear without notice.

use std::borrow::Cow;

use serde::Deserialize;

/// An event of the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The session is open.
    SessionCreated,
    /// Our settings hold.
    SessionUpdated,
    /// The caller began to speak.
    SpeechStarted,
    /// The caller's turn is over.
    SpeechStopped,
    /// The caller's turn became an item of the conversation.
    Committed { item: Cow<'a, str> },
    /// Words of the caller, as they are recognised.
    CallerDelta { item: Cow<'a, str>, text: Cow<'a, str> },
    /// All words of a caller's turn.
    CallerDone { item: Cow<'a, str>, text: Cow<'a, str> },
    /// A caller's turn could not be recognised.
    CallerFailed { item: Cow<'a, str> },
    /// A reply is being made.
    ResponseCreated,
    /// Audio of a reply, base64.
    Audio {
        item: Cow<'a, str>,
        payload: Cow<'a, str>,
    },
    /// Words of a reply.
    AgentDelta { item: Cow<'a, str>, text: Cow<'a, str> },
    /// All words of a reply.
    AgentDone { item: Cow<'a, str>, text: Cow<'a, str> },
    /// The model wants a tool; its arguments are whole.
    FunctionCall {
        call: Cow<'a, str>,
        name: Cow<'a, str>,
        arguments: Cow<'a, str>,
    },
    /// A reply is over.
    ResponseDone {
        status: Status,
        code: Option<Cow<'a, str>>,
    },
    /// Something was refused; most leave the session open.
    Error {
        code: Cow<'a, str>,
        message: Cow<'a, str>,
    },
    /// Nothing we act on.
    Other,
}

/// How a reply ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// All was said.
    Completed,
    /// The caller interrupted, or we did.
    Cancelled,
    /// Cut by a limit of the model.
    Incomplete,
    /// It failed: silence for the caller.
    Failed,
}

/// Not an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a Realtime event")]
pub struct Malformed;

/// Serde borrows a bare `Cow` but not one inside an `Option`; this makes it do so.
#[derive(Default, Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow, default)]
    item_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    delta: Option<Text<'a>>,
    #[serde(borrow, default)]
    transcript: Option<Text<'a>>,
    #[serde(borrow, default)]
    item: Option<RawItem<'a>>,
    #[serde(borrow, default)]
    response: Option<RawResponse<'a>>,
    #[serde(borrow, default)]
    error: Option<RawError<'a>>,
}

#[derive(Deserialize)]
struct RawItem<'a> {
    #[serde(borrow, default)]
    r#type: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    call_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    arguments: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct RawResponse<'a> {
    #[serde(borrow, default)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    status_details: Option<RawDetails<'a>>,
}

#[derive(Deserialize)]
struct RawDetails<'a> {
    #[serde(borrow, default)]
    error: Option<RawError<'a>>,
}

#[derive(Deserialize)]
struct RawError<'a> {
    #[serde(borrow, default)]
    code: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    r#type: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    message: Option<Cow<'a, str>>,
}

/// Reads one message of the session.
///
/// # Errors
/// When it is not JSON with a type, or lacks what its type must have.
pub fn parse(text: &str) -> Result<Event<'_>, Malformed> {
    let raw: Raw<'_> = serde_json::from_str(text).map_err(|_detail| Malformed)?;
    let item = raw.item_id.map(|text| text.0).ok_or(Malformed);
    let delta = raw.delta.map(|text| text.0).ok_or(Malformed);
    let transcript = raw.transcript.unwrap_or_default().0;
    Ok(match &*raw.r#type {
        "response.output_audio.delta" => Event::Audio {
            item: item?,
            payload: delta?,
        },
        "response.output_audio_transcript.delta" => Event::AgentDelta {
            item: item?,
            text: delta?,
        },
        "response.output_audio_transcript.done" => Event::AgentDone {
            item: item?,
            text: transcript,
        },
        "input_audio_buffer.speech_started" => Event::SpeechStarted,
        "input_audio_buffer.speech_stopped" => Event::SpeechStopped,
        "input_audio_buffer.committed" => Event::Committed { item: item? },
        "conversation.item.input_audio_transcription.delta" => Event::CallerDelta {
            item: item?,
            text: delta?,
        },
        "conversation.item.input_audio_transcription.completed" => Event::CallerDone {
            item: item?,
            text: transcript,
        },
        "conversation.item.input_audio_transcription.failed" => Event::CallerFailed { item: item? },
        "session.created" => Event::SessionCreated,
        "session.updated" => Event::SessionUpdated,
        "response.created" => Event::ResponseCreated,
        "response.output_item.done" => function_call(raw.item.ok_or(Malformed)?),
        "response.done" => response_done(raw.response.ok_or(Malformed)?),
        "error" => error(raw.error.ok_or(Malformed)?),
        _ => Event::Other,
    })
}

/// A call cut off in the middle of its arguments has another status, and is none.
fn function_call(item: RawItem<'_>) -> Event<'_> {
    let whole = item.status.as_deref().unwrap_or("completed") == "completed";
    match (item.r#type.as_deref(), item.call_id, item.name) {
        (Some("function_call"), Some(call), Some(name)) if whole => Event::FunctionCall {
            call,
            name,
            arguments: item.arguments.unwrap_or_default(),
        },
        _ => Event::Other,
    }
}

fn response_done(response: RawResponse<'_>) -> Event<'_> {
    let status = match response.status.as_deref() {
        Some("cancelled") => Status::Cancelled,
        Some("incomplete") => Status::Incomplete,
        Some("failed") => Status::Failed,
        _ => Status::Completed,
    };
    let code = response
        .status_details
        .and_then(|details| details.error)
        .and_then(|error| error.code);
    Event::ResponseDone { status, code }
}

fn error(error: RawError<'_>) -> Event<'_> {
    Event::Error {
        code: error.code.or(error.r#type).unwrap_or_default(),
        message: error.message.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audio_is_borrowed_from_the_message() {
        let text = r#"{"type":"response.output_audio.delta","event_id":"e","response_id":"r","item_id":"i","output_index":0,"content_index":0,"delta":"f39/"}"#;
        let Ok(Event::Audio { item, payload }) = parse(text) else {
            panic!("audio")
        };
        assert!(matches!(
            (item, payload),
            (Cow::Borrowed("i"), Cow::Borrowed("f39/"))
        ));
    }

    #[test]
    fn a_cut_off_function_call_is_none() {
        let of = |status: &str| {
            format!(
                r#"{{"type":"response.output_item.done","item":{{"type":"function_call","status":"{status}","call_id":"c","name":"hang_up","arguments":"{{}}"}}}}"#
            )
        };
        assert!(matches!(parse(&of("completed")), Ok(Event::FunctionCall { .. })));
        assert_eq!(parse(&of("incomplete")), Ok(Event::Other));
    }

    #[test]
    fn failures_keep_their_code() {
        let failed = r#"{"type":"response.done","response":{"status":"failed","status_details":{"type":"failed","error":{"type":"x","code":"rate_limit_exceeded"}},"output":[]}}"#;
        let done = Event::ResponseDone {
            status: Status::Failed,
            code: Some("rate_limit_exceeded".into()),
        };
        assert_eq!(parse(failed), Ok(done));
        let error = r#"{"type":"error","error":{"type":"invalid_request_error","code":null,"message":"no"}}"#;
        let read = Event::Error {
            code: "invalid_request_error".into(),
            message: "no".into(),
        };
        assert_eq!(parse(error), Ok(read));
    }

    #[test]
    fn the_unknown_is_passed_over_and_nonsense_is_refused() {
        assert_eq!(
            parse(r#"{"type":"conversation.item.created","item":{"id":"x","type":"message"}}"#),
            Ok(Event::Other)
        );
        assert_eq!(
            parse(r#"{"type":"rate_limits.updated","rate_limits":[]}"#),
            Ok(Event::Other)
        );
        for text in [
            "",
            "{",
            "[]",
            r#"{"type":"response.output_audio.delta","item_id":"i"}"#,
            r#"{"type":"error"}"#,
        ] {
            assert_eq!(parse(text), Err(Malformed), "{text}");
        }
    }
}
