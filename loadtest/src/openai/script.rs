//! What the model hears and says: utterances in order, replies spoken, tools called.
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One session's play. Utterances are matched by their order, not by their sound.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// The first `response.create` before anybody spoke. When absent, the words that its instructions quote.
    pub greeting: Option<Reply>,
    /// What is heard, and answered, utterance by utterance.
    pub turns: Vec<Turn>,
    /// Answers to text items (`conversation.item.create`), by a word in them.
    pub texts: Vec<TextRule>,
    /// When the turns are used up.
    pub otherwise: Turn,
    /// From `response.created` to the first word.
    pub thinking_ms: u64,
    /// From the end of an utterance to its transcript.
    pub transcribing_ms: u64,
    /// Milliseconds of audio in one delta.
    pub delta_ms: u64,
    /// Audio is sent this many times faster than it plays.
    pub speed: f64,
}

/// An utterance of the caller and what the model does about it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    /// The transcript of what the caller said.
    pub hears: String,
    /// The answer.
    pub reply: Reply,
}

/// An answer to a text item.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextRule {
    /// Applies when the text contains this.
    pub contains: String,
    /// The answer.
    pub reply: Reply,
}

/// What the model does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// Speaks.
    Say(String),
    /// Calls a tool, perhaps after some words; answers the tool's output with `then`.
    Call {
        /// The tool.
        name: String,
        /// Its arguments.
        arguments: Value,
        /// Words before the call, in the same response.
        #[serde(default)]
        saying: Option<String>,
        /// The answer to the tool's output.
        then: Box<Reply>,
    },
    /// Ends the response without a word.
    Nothing,
    /// Ends the response as failed with this code, for example `rate_limit_exceeded`.
    Fail(String),
}

impl Reply {
    /// Speaks a text.
    pub fn say(text: &str) -> Self {
        Self::Say(text.to_owned())
    }

    /// Calls a tool and then says something.
    pub fn call(name: &str, arguments: Value, then: &str) -> Self {
        Self::Call {
            name: name.to_owned(),
            arguments,
            saying: None,
            then: Box::new(Self::say(then)),
        }
    }

    /// All texts that will be spoken.
    pub(crate) fn texts(&self) -> Vec<&str> {
        match self {
            Self::Say(text) => vec![text],
            Self::Call { saying, then, .. } => saying.as_deref().into_iter().chain(then.texts()).collect(),
            Self::Nothing | Self::Fail(_) => Vec::new(),
        }
    }
}

impl Default for Script {
    fn default() -> Self {
        Self {
            greeting: None,
            turns: Vec::new(),
            texts: Vec::new(),
            otherwise: Turn {
                hears: "Could you help me, please?".to_owned(),
                reply: Reply::say(
                    "Certainly. I have made a note of that and somebody will call you back soon.",
                ),
            },
            thinking_ms: 200,
            transcribing_ms: 250,
            delta_ms: 200,
            speed: 5.0,
        }
    }
}

impl Script {
    /// A script of (heard, answered) pairs.
    pub fn of(turns: &[(&str, &str)]) -> Self {
        let turns = turns
            .iter()
            .map(|(hears, says)| Turn {
                hears: (*hears).to_owned(),
                reply: Reply::say(says),
            })
            .collect();
        Self {
            turns,
            ..Self::default()
        }
    }

    /// Renders everything ahead, so that no session waits for the speech engine.
    pub(crate) async fn render(&self) {
        let replies = self
            .greeting
            .iter()
            .chain(self.turns.iter().map(|turn| &turn.reply));
        let replies = replies
            .chain(self.texts.iter().map(|rule| &rule.reply))
            .chain([&self.otherwise.reply]);
        for text in replies.flat_map(Reply::texts).chain([GREETING]) {
            crate::speech::render(crate::speech::Voice::Agent, text).await;
        }
    }
}

/// Said when neither the script nor the instructions name a greeting.
pub(crate) const GREETING: &str = "Hello, this is the front desk. How can I help you today?";

/// The words that instructions put in quotation marks, when there are at least two of them.
pub(crate) fn quoted(instructions: &str) -> Option<&str> {
    for (open, close) in [('"', '"'), ('“', '”'), ('«', '»')] {
        let Some((_, rest)) = instructions.split_once(open) else {
            continue;
        };
        let Some((words, _)) = rest.split_once(close) else {
            continue;
        };
        if words.split_whitespace().count() >= 2 {
            return Some(words.trim());
        }
    }
    None
}
