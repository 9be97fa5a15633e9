//! A reply as steps in time: words and audio faster than real time, tool calls, the end.
use std::collections::VecDeque;

use bytes::Bytes;
use serde_json::Value;

use super::event::id;
use super::script::{Reply, Script};
use crate::speech::{self, Voice};
use crate::ulaw::PER_MS;

/// One step of a reply.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// The spoken item appears.
    Open,
    /// Words of the transcript.
    Words(String),
    /// Audio (μ-law).
    Audio(Bytes),
    /// The spoken item is complete.
    Close,
    /// A tool call.
    Call {
        call_id: String,
        name: String,
        arguments: String,
    },
    /// The response is over; an error code makes it failed.
    Done(Option<String>),
}

/// A reply ready to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    /// What is spoken in it.
    pub(crate) text: String,
    /// (microseconds after the beginning, step)
    pub(crate) steps: VecDeque<(u64, Step)>,
    /// The tool call in it and the reply to its output.
    pub(crate) tool: Option<(String, String, Reply)>,
}

/// Renders a reply and lays its steps out in time.
pub(crate) async fn prepare(reply: &Reply, script: &Script) -> Prepared {
    let mut at_us = script.thinking_ms * 1000;
    let mut prepared = Prepared {
        text: String::new(),
        steps: VecDeque::new(),
        tool: None,
    };
    let mut failed = None;
    match reply {
        Reply::Say(text) => at_us = say(&mut prepared, text, script, at_us).await,
        Reply::Call {
            name,
            arguments,
            saying,
            then,
        } => {
            if let Some(text) = saying {
                at_us = say(&mut prepared, text, script, at_us).await;
            }
            let call_id = id("call");
            prepared.tool = Some((call_id.clone(), name.clone(), Reply::clone(then)));
            let arguments = match arguments {
                // A text is sent as it is, so that a script can also send nonsense.
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            prepared.steps.push_back((
                at_us,
                Step::Call {
                    call_id,
                    name: name.clone(),
                    arguments,
                },
            ));
        }
        Reply::Nothing => {}
        Reply::Fail(code) => failed = Some(code.clone()),
    }
    prepared.steps.push_back((at_us, Step::Done(failed)));
    prepared
}

async fn say(prepared: &mut Prepared, text: &str, script: &Script, from_us: u64) -> u64 {
    let mut audio = speech::render(Voice::Agent, text).await;
    let mut words = text.split_inclusive(' ').map(str::to_owned);
    let per_delta = usize::try_from(script.delta_ms.max(20)).unwrap_or(200) * PER_MS;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a delta lasts milliseconds"
    )]
    let step_us = (script.delta_ms as f64 * 1000.0 / script.speed.max(0.1)) as u64;
    let deltas = audio.len().div_ceil(per_delta).max(1);
    let words_per_delta = text.split_inclusive(' ').count().div_ceil(deltas) + 1;
    let mut at_us = from_us;
    text.clone_into(&mut prepared.text);
    prepared.steps.push_back((at_us, Step::Open));
    while !audio.is_empty() {
        // The transcript runs ahead of the audio, as it does outside.
        for word in words.by_ref().take(words_per_delta) {
            prepared.steps.push_back((at_us, Step::Words(word)));
        }
        let piece = audio.split_to(audio.len().min(per_delta));
        prepared.steps.push_back((at_us, Step::Audio(piece)));
        at_us += step_us;
    }
    for word in words {
        prepared.steps.push_back((at_us, Step::Words(word)));
    }
    prepared.steps.push_back((at_us, Step::Close));
    at_us
}
