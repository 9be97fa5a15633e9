//! `/v1/chat/completions`: scripted or plain answers, streamed or whole, with tools and JSON schemas.
use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::event::id;
use super::world::World;
use crate::clock;

/// A scripted answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChatRule {
    /// Applies when the last message contains this; empty means always.
    pub contains: String,
    /// The words of the answer.
    #[serde(default)]
    pub says: Option<String>,
    /// A tool to call: its name and arguments.
    #[serde(default)]
    pub calls: Option<(String, Value)>,
}

pub(crate) async fn serve(State(world): State<Arc<World>>, Json(request): Json<Value>) -> Response {
    let last = request
        .pointer("/messages")
        .and_then(Value::as_array)
        .and_then(|messages| messages.last());
    let text = last.map(content).unwrap_or_default();
    let rule = {
        let rules = world.chat.lock().expect("no holder of the lock panics");
        rules.iter().find(|rule| text.contains(&rule.contains)).cloned()
    };
    world.ledger.record("chat", json!({"request": request}));
    let calls = rule.as_ref().and_then(|rule| rule.calls.clone());
    let says = rule
        .and_then(|rule| rule.says)
        .unwrap_or_else(|| plain(&request, &text));
    let model = request.get("model").cloned().unwrap_or_default();
    let tool_calls: Option<Vec<Value>> = calls.map(|(name, arguments)| {
        let function = json!({"name": name, "arguments": arguments.to_string()});
        vec![json!({"id": id("call"), "type": "function", "function": function})]
    });
    let finish = if tool_calls.is_some() {
        "tool_calls"
    } else {
        "stop"
    };
    if request.get("stream") == Some(&Value::Bool(true)) {
        return streamed(&request, &model, &says, tool_calls, finish);
    }
    let words = if tool_calls.is_some() {
        Value::Null
    } else {
        json!(says)
    };
    let message = json!({"role": "assistant", "content": words, "tool_calls": tool_calls, "refusal": null});
    Json(json!({
        "id": id("chatcmpl"), "object": "chat.completion", "created": clock::unix_s(), "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": null}],
        "usage": usage(&text, &says),
    }))
    .into_response()
}

fn content(message: &Value) -> String {
    match message.get("content") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => parts
            .iter()
            .filter_map(|part| part.get("text")?.as_str())
            .collect::<Vec<_>>()
            .join(" "),
        _ => String::new(),
    }
}

fn usage(question: &str, answer: &str) -> Value {
    let (asked, said) = (question.len() / 4 + 8, answer.len() / 4 + 1);
    json!({"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said})
}

/// Without a rule: the smallest value that fits the wanted schema, else a polite sentence.
fn plain(request: &Value, text: &str) -> String {
    if let Some(schema) = request.pointer("/response_format/json_schema/schema") {
        return smallest(schema).to_string();
    }
    if request.pointer("/response_format/type") == Some(&json!("json_object")) {
        return "{}".to_owned();
    }
    let start: String = text.chars().take(60).collect();
    format!("Thank you for your message about “{start}”. We will get back to you soon.")
}

/// The smallest value that fits a JSON schema.
fn smallest(schema: &Value) -> Value {
    if let Some(first) = schema.pointer("/enum/0").or(schema.get("const")) {
        return first.clone();
    }
    let kind = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.first(),
        other => other,
    };
    match kind.and_then(Value::as_str) {
        Some("object") => {
            let fields = schema
                .get("properties")
                .and_then(Value::as_object)
                .into_iter()
                .flatten();
            Value::Object(
                fields
                    .map(|(name, schema)| (name.clone(), smallest(schema)))
                    .collect::<Map<_, _>>(),
            )
        }
        Some("array") => json!([]),
        Some("number" | "integer") => json!(0),
        Some("boolean") => json!(false),
        Some("null") => Value::Null,
        _ => json!(""),
    }
}

fn streamed(
    request: &Value,
    model: &Value,
    says: &str,
    tool_calls: Option<Vec<Value>>,
    finish: &str,
) -> Response {
    let (chat, created) = (id("chatcmpl"), clock::unix_s());
    let chunk = |delta: Value, finish: Value, usage: Value| {
        let choices = if usage.is_null() {
            json!([{"index": 0, "delta": delta, "finish_reason": finish, "logprobs": null}])
        } else {
            json!([])
        };
        let chunk = json!({
            "id": chat, "object": "chat.completion.chunk", "created": created, "model": model,
            "choices": choices, "usage": usage,
        });
        format!("data: {chunk}\n\n")
    };
    let mut chunks = vec![chunk(
        json!({"role": "assistant", "content": ""}),
        Value::Null,
        Value::Null,
    )];
    match tool_calls {
        Some(calls) => {
            let numbered = calls.into_iter().enumerate().map(|(index, mut call)| {
                call.as_object_mut()
                    .map(|fields| fields.insert("index".to_owned(), json!(index)));
                call
            });
            let calls: Vec<Value> = numbered.collect();
            chunks.push(chunk(json!({"tool_calls": calls}), Value::Null, Value::Null));
        }
        None => chunks.extend(
            says.split_inclusive(' ')
                .map(|word| chunk(json!({"content": word}), Value::Null, Value::Null)),
        ),
    }
    chunks.push(chunk(json!({}), json!(finish), Value::Null));
    if request.pointer("/stream_options/include_usage") == Some(&json!(true)) {
        chunks.push(chunk(Value::Null, Value::Null, usage("", says)));
    }
    chunks.push("data: [DONE]\n\n".to_owned());
    let body = stream::iter(
        chunks
            .into_iter()
            .map(|chunk| Ok::<_, std::convert::Infallible>(Bytes::from(chunk))),
    );
    (
        [(header::CONTENT_TYPE, "text/event-stream")],
        Body::from_stream(body),
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_value_fits_its_schema() {
        let schema = json!({"type": "object", "properties": {
            "intent": {"type": "string", "enum": ["booking", "other"]}, "urgent": {"type": "boolean"},
            "tags": {"type": "array"}, "note": {"type": ["string", "null"]},
        }});
        assert_eq!(
            smallest(&schema),
            json!({"intent": "booking", "urgent": false, "tags": [], "note": ""})
        );
    }
}
