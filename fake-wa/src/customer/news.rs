//! What a customer has heard, in its own words.
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use loadtest::ledger::Ledger;
use serde_json::{Map, Value, json};
use whatsapp_rust::Jid;
use whatsapp_rust::proto_helpers::MessageExt;
use whatsapp_rust::wacore::types::events::{Event, InboundMessage};
use whatsapp_rust::wacore::types::presence::ReceiptType;
use whatsapp_rust::waproto::whatsapp as wa;

use crate::address::Phone;

/// Messages kept for a look at their media.
const KEPT_MAX: usize = 10_000;

/// See the module.
#[derive(Default)]
pub(super) struct News {
    pub(super) ledger: Ledger,
    messages: Mutex<HashMap<String, (u64, InboundMessage)>>,
}

impl News {
    /// Writes an event down.
    pub(super) fn take(&self, event: &Event) {
        for message in event.messages() {
            self.message(message);
        }
        match event {
            Event::Receipt(receipt) => self.ledger.record(
                "receipt",
                json!({
                    "ids": receipt.message_ids, "tick": tick(&receipt.r#type), "from": who(&receipt.source.sender),
                    "chat": receipt.source.chat.to_string(),
                }),
            ),
            Event::ServerAck(ack) if ack.class.as_deref() == Some("message") => {
                let tick = if ack.error.is_none() { "accepted" } else { "refused" };
                let told = json!({"ids": [ack.id], "tick": tick, "code": ack.error});
                self.ledger.record("receipt", told);
            }
            Event::ChatPresence(typing) => self.ledger.record(
                "typing",
                json!({
                    "from": who(&typing.source.sender), "chat": typing.source.chat.to_string(),
                    "state": typing.state, "media": typing.media,
                }),
            ),
            Event::Presence(presence) => self.ledger.record(
                "presence",
                json!({"from": who(&presence.from), "here": !presence.unavailable}),
            ),
            Event::UndecryptableMessage(lost) => self.ledger.record(
                "undecryptable",
                json!({"id": lost.info.id, "from": who(&lost.info.source.sender)}),
            ),
            Event::GroupUpdate(update) => self.ledger.record("group", json!(update)),
            Event::Connected(_) => self.ledger.record("connection", json!({"state": "connected"})),
            Event::Disconnected(_) => self.ledger.record("connection", json!({"state": "disconnected"})),
            Event::LoggedOut(_) => self.ledger.record("connection", json!({"state": "logged_out"})),
            _ => {}
        }
    }

    fn message(&self, inbound: &InboundMessage) {
        let id = inbound.info.id.clone();
        let copies = {
            let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
            if messages.len() > KEPT_MAX {
                messages.clear();
            }
            let kept = messages.entry(id).or_insert_with(|| (0, inbound.clone()));
            kept.0 += 1;
            kept.0
        };
        let mut told = read(inbound);
        told.insert("copies".to_owned(), json!(copies));
        self.ledger.record("message", Value::Object(told));
    }

    /// How often it has got a message.
    pub(super) fn copies(&self, id: &str) -> u64 {
        let messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        messages.get(id).map_or(0, |(copies, _)| *copies)
    }

    /// A message that it has got.
    pub(super) fn find(&self, id: &str) -> Option<InboundMessage> {
        let messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        messages.get(id).map(|(_, message)| message.clone())
    }
}

/// The number behind an address, or the address itself.
fn who(jid: &Jid) -> String {
    Phone::of(jid).map_or_else(|| jid.to_string(), |(phone, _)| phone.to_string())
}

fn tick(kind: &ReceiptType) -> String {
    match kind {
        // A client in the background has it as well; WhatsApp shows both with the same tick.
        ReceiptType::Delivered | ReceiptType::Inactive => "delivered".to_owned(),
        other => format!("{other:?}").to_lowercase(),
    }
}

fn read(inbound: &InboundMessage) -> Map<String, Value> {
    let (info, source) = (&inbound.info, &inbound.info.source);
    let envelope = [
        ("id", json!(info.id)),
        ("from", json!(who(&source.sender))),
        ("chat", json!(who(&source.chat))),
        ("name", json!(info.push_name)),
        ("from_me", json!(source.is_from_me)),
        ("offline", json!(info.is_offline)),
        ("kind", json!("other")),
    ];
    let said = content(inbound.message.get_base_message());
    let all = envelope.into_iter().chain(said);
    all.map(|(key, value)| (key.to_owned(), value)).collect()
}

/// What a message is and what it says.
fn content(message: &wa::Message) -> Vec<(&'static str, Value)> {
    if let Some(reaction) = message.reaction_message.as_option() {
        let about = reaction.key.as_option().and_then(|key| key.id.clone());
        return vec![
            ("kind", json!("reaction")),
            ("about", json!(about)),
            ("text", json!(reaction.text)),
        ];
    }
    if let Some(protocol) = message.protocol_message.as_option() {
        return change(protocol);
    }
    if let Some(place) = message.location_message.as_option() {
        return vec![
            ("kind", json!("location")),
            ("latitude", json!(place.degrees_latitude)),
            ("longitude", json!(place.degrees_longitude)),
            ("text", json!(place.name)),
            ("quotes", quoted(place.context_info.as_option())),
        ];
    }
    if let Some(contact) = message.contact_message.as_option() {
        return vec![
            ("kind", json!("contact")),
            ("text", json!(contact.display_name)),
            ("vcard", json!(contact.vcard)),
            ("quotes", quoted(contact.context_info.as_option())),
        ];
    }
    if let Some(media) = media(message) {
        return media;
    }
    if let Some(extended) = message.extended_text_message.as_option() {
        return vec![
            ("kind", json!("text")),
            ("text", json!(extended.text)),
            ("quotes", quoted(extended.context_info.as_option())),
        ];
    }
    message.text_content().map_or_else(Vec::new, |text| {
        vec![("kind", json!("text")), ("text", json!(text))]
    })
}

/// The id of the message that is answered.
fn quoted(context: Option<&wa::ContextInfo>) -> Value {
    json!(context.and_then(|context| context.stanza_id.as_ref()))
}

/// An edit or a deletion.
fn change(protocol: &wa::message::ProtocolMessage) -> Vec<(&'static str, Value)> {
    let about = protocol.key.as_option().and_then(|key| key.id.clone());
    if let Some(edited) = protocol.edited_message.as_option() {
        return vec![
            ("kind", json!("edit")),
            ("about", json!(about)),
            ("text", json!(edited.text_content())),
        ];
    }
    let kind = match protocol.r#type {
        Some(wa::message::protocol_message::Type::REVOKE) => "deletion",
        _ => "protocol",
    };
    vec![("kind", json!(kind)), ("about", json!(about))]
}

fn media(message: &wa::Message) -> Option<Vec<(&'static str, Value)>> {
    if let Some(image) = message.image_message.as_option() {
        return Some(file(
            "image",
            image.mimetype.as_ref(),
            image.file_length,
            image.caption.as_ref(),
        ));
    }
    if let Some(video) = message.video_message.as_option() {
        return Some(file(
            "video",
            video.mimetype.as_ref(),
            video.file_length,
            video.caption.as_ref(),
        ));
    }
    if let Some(audio) = message.audio_message.as_option() {
        let kind = if audio.ptt.unwrap_or_default() {
            "voice"
        } else {
            "audio"
        };
        let mut told = file(kind, audio.mimetype.as_ref(), audio.file_length, None);
        told.push(("seconds", json!(audio.seconds)));
        told.push(("quotes", quoted(audio.context_info.as_option())));
        return Some(told);
    }
    if let Some(document) = message.document_message.as_option() {
        let name = document.file_name.as_ref();
        return Some(file(
            "document",
            document.mimetype.as_ref(),
            document.file_length,
            name,
        ));
    }
    let sticker = message.sticker_message.as_option()?;
    Some(file(
        "sticker",
        sticker.mimetype.as_ref(),
        sticker.file_length,
        None,
    ))
}

fn file(
    kind: &'static str,
    mime: Option<&String>,
    size: Option<u64>,
    text: Option<&String>,
) -> Vec<(&'static str, Value)> {
    vec![
        ("kind", json!(kind)),
        ("mime", json!(mime)),
        ("size", json!(size)),
        ("text", json!(text)),
    ]
}
