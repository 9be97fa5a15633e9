//! The agent's tools. What each can reach is decided here, not by what the model says: one's own contact, the tenant's
//! list of numbers, this call. Every use is written down, also the refused.

use std::sync::Arc;
use std::time::Duration;

use hub::Hub;
use hub::audit::{self, Line};
use hub::call::Call;
use hub::ids::TenantId;
use hub::message;
use hub::message::Author;
use hub::message::{NewMessage, append};
use serde_json::{Value, json};

use super::machine::{ToolDone, Wish};
use crate::agent::briefing::Briefing;

/// A tool that takes longer has failed, as far as the caller is concerned.
const TOOL_LIMIT: Duration = Duration::from_secs(8);
const ARGUMENTS_BYTES_MAX: usize = 16 * 1024;
const TEXT_CHARS_MAX: usize = 640;
const MESSAGE_CHARS_MAX: usize = 4_000;

/// One use of a tool.
pub(super) struct Use {
    pub(super) hub: Hub,
    pub(super) tenant: TenantId,
    pub(super) call: Call,
    pub(super) briefing: Arc<Briefing>,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: String,
}

/// What came of it: for the model, and for the call.
struct Result {
    output: Value,
    wish: Option<Wish>,
}

impl Use {
    /// Does it, within its time, and writes it down.
    pub(super) async fn run(self) -> ToolDone {
        let arguments: Value = match self.arguments.len() {
            0 => json!({}),
            1..=ARGUMENTS_BYTES_MAX => serde_json::from_str(&self.arguments).unwrap_or(Value::Null),
            _ => Value::Null,
        };
        let result = match tokio::time::timeout(TOOL_LIMIT, self.deed(&arguments)).await {
            Ok(Ok(result)) => result,
            Ok(Err(fault)) => {
                tracing::warn!(call.id = %self.call.id, error = %fault, "A tool failed");
                refused("it did not work; tell the caller and offer to take a message")
            }
            Err(_) => refused("it took too long; tell the caller that it may still happen"),
        };
        metrics::counter!("switchboard_tool_calls_total", "result" => if result.output.get("error").is_some() { "refused" } else { "done" })
            .increment(1);
        self.write_down(&arguments, &result.output).await;
        let state = result.output.get("error").map_or("done", |_| "refused");
        ToolDone {
            call: self.id,
            line: format!("{}: {state}", self.name),
            output: result.output,
            wish: result.wish,
        }
    }

    async fn deed(&self, arguments: &Value) -> hub::Result<Result> {
        if !arguments.is_object() {
            return Ok(refused("the arguments are not a JSON object"));
        }
        let offered = self.briefing.tools().iter().any(|tool| tool.name == self.name);
        // The receptionist's keys are the tenant's own words, so they work whatever the AI may do.
        let by_key = self.id == self.name && matches!(&*self.name, "transfer" | "hang_up");
        if !offered && !by_key {
            return Ok(refused("there is no such tool"));
        }
        match &*self.name {
            "take_message" => self.take_message(arguments).await,
            "send_sms" => self.send_sms(arguments).await,
            "transfer" => Ok(self.transfer(arguments)),
            "hang_up" => Ok(Result {
                output: json!({ "status": "ending" }),
                wish: Some(Wish::HangUp),
            }),
            _ => Ok(refused("there is no such tool")),
        }
    }

    /// Only to the tenant's list; what the model says picks from it and cannot add to it.
    fn transfer(&self, arguments: &Value) -> Result {
        let to = arguments.get("to").and_then(Value::as_str).unwrap_or_default();
        match self.briefing.settings.target(to) {
            Some(target) if self.briefing.can_transfer => Result {
                output: json!({ "status": "connecting", "to": target.name }),
                wish: Some(Wish::Transfer(target.number.clone())),
            },
            Some(_) => refused("this line cannot be transferred"),
            None => refused("nobody of that name can be reached by telephone"),
        }
    }

    /// Only to the caller: there is no argument for anybody else, and one that is there is refused.
    async fn send_sms(&self, arguments: &Value) -> hub::Result<Result> {
        let text = arguments
            .get("text")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .trim();
        let other = ["to", "number", "recipient"]
            .iter()
            .filter_map(|name| arguments.get(name))
            .any(|to| *to != self.call.from_address);
        if other {
            return Ok(refused("texts can only be sent to the caller"));
        }
        if text.is_empty() || text.chars().count() > TEXT_CHARS_MAX {
            return Ok(refused("the text must have 1 to 640 characters"));
        }
        let Some(conversation) = self.call.conversation_id else {
            return Ok(refused("the caller's number is not known"));
        };
        let mut tx = self.hub.db.tenant(self.tenant).await?;
        match message::text(&mut tx, conversation, Author::Agent, text).await {
            Ok(_) => {}
            Err(hub::Error::Invalid { detail, .. } | hub::Error::Conflict { detail, .. }) => {
                return Ok(refused(&detail));
            }
            Err(fault) => return Err(fault),
        }
        tx.commit().await?;
        Ok(Result {
            output: json!({ "status": "sent" }),
            wish: None,
        })
    }

    async fn take_message(&self, arguments: &Value) -> hub::Result<Result> {
        let field = |name: &str| {
            arguments
                .get(name)
                .and_then(Value::as_str)
                .map(str::trim)
                .filter(|text| !text.is_empty())
        };
        let Some(message) = field("message") else {
            return Ok(refused("the message is empty"));
        };
        let Some(conversation) = self.call.conversation_id else {
            return Ok(refused("messages cannot be kept on this line"));
        };
        let mut text = format!("Message taken on the phone: {message}");
        for (label, name) in [("Name", "name"), ("Call back", "call_back")] {
            if let Some(value) = field(name) {
                text = format!("{text}\n{label}: {value}");
            }
        }
        let text: String = text.chars().take(MESSAGE_CHARS_MAX).collect();
        let mut tx = self.hub.db.tenant(self.tenant).await?;
        let new = NewMessage {
            author: Author::Agent,
            call: Some(self.call.id),
            ..NewMessage::inbound(conversation, &text)
        };
        append(&mut tx, &new).await?;
        tx.commit().await?;
        Ok(Result {
            output: json!({ "status": "kept", "say": "The team will see it at once." }),
            wish: None,
        })
    }

    async fn write_down(&self, arguments: &Value, output: &Value) {
        let written = async {
            let mut tx = self.hub.db.tenant(self.tenant).await?;
            let name: String = self.name.chars().take(60).collect();
            hub::tool_call::record(&mut tx, self.call.id, &name, arguments, output).await?;
            let refused = output.get("error").is_some();
            let line = Line::new("call.tool_used")
                .target("call", self.call.id.uuid())
                .detail(json!({ "tool": name, "refused": refused }));
            audit::record_agent(&mut tx, line).await?;
            tx.commit().await
        };
        if let Err(fault) = written.await {
            tracing::error!(call.id = %self.call.id, error = %fault, "A tool's use was not written down");
        }
    }
}

fn refused(why: &str) -> Result {
    Result {
        output: json!({ "error": why }),
        wish: None,
    }
}
