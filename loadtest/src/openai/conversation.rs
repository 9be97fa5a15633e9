//! The items of a conversation: what may be created, cut and deleted, with the real error messages.
use serde_json::{Value, json};

use super::event::{Fault, event, id};
use crate::ulaw::duration_ms;

/// One item.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) id: String,
    /// As it is shown.
    pub(crate) value: Value,
    /// μ-law bytes of assistant audio sent.
    pub(crate) audio: usize,
    /// Assistant speech, the only kind that can be cut.
    pub(crate) spoken: bool,
}

/// All items in order.
#[derive(Debug, Default)]
pub(crate) struct Conversation {
    items: Vec<Item>,
}

impl Conversation {
    /// Adds an item; the `conversation.item.added` and `.done` events of it.
    pub(crate) fn add(&mut self, item: Item) -> [Value; 2] {
        let previous = self.items.last().map(|last| last.id.clone());
        let fields = json!({"previous_item_id": previous, "item": item.value});
        self.items.push(item);
        [
            event("conversation.item.added", fields.clone()),
            event("conversation.item.done", fields),
        ]
    }

    pub(crate) fn last_id(&self) -> Option<String> {
        self.items.last().map(|item| item.id.clone())
    }

    pub(crate) fn get(&mut self, id: &str) -> Option<&mut Item> {
        self.items.iter_mut().rev().find(|item| item.id == id)
    }

    /// The client's own item, checked.
    pub(crate) fn create(
        &mut self,
        wanted: &Value,
        known_calls: &[String],
    ) -> Result<(Item, [Value; 2]), Fault> {
        let mut value = wanted.clone();
        let kind = wanted.get("type").and_then(Value::as_str).unwrap_or_default();
        match kind {
            "message" => check_message(wanted)?,
            "function_call_output" => check_output(wanted, known_calls)?,
            "function_call" => {}
            other => {
                let message = format!(
                    "Invalid value: '{other}'. Supported values are: 'message', 'function_call', 'function_call_output'."
                );
                return Err(Fault::at("invalid_value", "item.type", message));
            }
        }
        let given = wanted.get("id").and_then(Value::as_str).map(str::to_owned);
        if given
            .as_ref()
            .is_some_and(|given| given.len() > 32 || self.items.iter().any(|item| item.id == *given))
        {
            return Err(Fault::at(
                "invalid_value",
                "item.id",
                "Invalid 'item.id': too long, or it already exists.",
            ));
        }
        let item_id = given.unwrap_or_else(|| id("item"));
        if let Some(fields) = value.as_object_mut() {
            fields.insert("id".to_owned(), json!(item_id));
            fields.insert("object".to_owned(), json!("realtime.item"));
            fields.insert("status".to_owned(), json!("completed"));
        }
        let item = Item {
            id: item_id,
            value,
            audio: 0,
            spoken: false,
        };
        let events = self.add(item.clone());
        Ok((item, events))
    }

    /// Cuts an item's audio; how much of it had been sent.
    pub(crate) fn truncate(&mut self, request: &Value) -> Result<(String, u64, u64), Fault> {
        let item_id = request
            .get("item_id")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let end_ms = request
            .get("audio_end_ms")
            .and_then(Value::as_u64)
            .ok_or_else(|| {
                let message = "Invalid type for 'audio_end_ms': expected a non-negative integer.";
                Fault::at("invalid_type", "audio_end_ms", message)
            })?;
        if request.get("content_index").and_then(Value::as_u64) != Some(0) {
            return Err(Fault::at(
                "invalid_value",
                "content_index",
                "Invalid 'content_index': expected 0.",
            ));
        }
        let Some(item) = self.get(&item_id) else {
            let message = format!("Error truncating item: the item with id '{item_id}' does not exist.");
            return Err(Fault::at("item_truncate_invalid_item_id", "item_id", message));
        };
        if !item.spoken || item.audio == 0 {
            return Err(Fault::new(
                "invalid_value",
                "Only model output audio messages can be truncated",
            ));
        }
        let sent_ms = duration_ms(item.audio);
        if end_ms > sent_ms {
            let message = format!("Audio content of {sent_ms}ms is already shorter than {end_ms}ms");
            return Err(Fault::new("invalid_value", message));
        }
        item.audio = usize::try_from(end_ms).unwrap_or(0) * crate::ulaw::PER_MS;
        Ok((item_id, end_ms, sent_ms))
    }

    /// Removes an item.
    pub(crate) fn delete(&mut self, item_id: &str) -> Result<(), Fault> {
        let before = self.items.len();
        self.items.retain(|item| item.id != item_id);
        if self.items.len() == before {
            let message = format!("Error deleting item: the item with id '{item_id}' does not exist.");
            return Err(Fault::at("item_delete_invalid_item_id", "item_id", message));
        }
        Ok(())
    }
}

fn check_message(wanted: &Value) -> Result<(), Fault> {
    let role = wanted.get("role").and_then(Value::as_str).unwrap_or_default();
    let allowed: &[&str] = match role {
        "user" => &["input_text", "input_audio", "input_image"],
        "system" => &["input_text"],
        "assistant" => &["output_text", "output_audio"],
        other => {
            let message =
                format!("Invalid value: '{other}'. Supported values are: 'system', 'assistant', 'user'.");
            return Err(Fault::at("invalid_value", "item.role", message));
        }
    };
    let Some(parts) = wanted
        .get("content")
        .and_then(Value::as_array)
        .filter(|parts| !parts.is_empty())
    else {
        return Err(Fault::at(
            "missing_required_parameter",
            "item.content",
            "Missing required parameter: 'item.content'.",
        ));
    };
    for (index, part) in parts.iter().enumerate() {
        let kind = part.get("type").and_then(Value::as_str).unwrap_or_default();
        if !allowed.contains(&kind) {
            let param = format!("item.content[{index}].type");
            let message =
                format!("Invalid value: '{kind}'. Value must be one of {allowed:?} for role '{role}'.");
            return Err(Fault::at("invalid_value", param, message));
        }
    }
    Ok(())
}

fn check_output(wanted: &Value, known_calls: &[String]) -> Result<(), Fault> {
    let call_id = wanted.get("call_id").and_then(Value::as_str).unwrap_or_default();
    if !known_calls.iter().any(|known| known == call_id) {
        let message = format!("Tool call ID '{call_id}' not found in conversation.");
        return Err(Fault::at("invalid_tool_call_id", "item.call_id", message));
    }
    if !wanted.get("output").is_some_and(Value::is_string) {
        return Err(Fault::at(
            "invalid_type",
            "item.output",
            "Invalid type for 'item.output': expected a string.",
        ));
    }
    Ok(())
}
