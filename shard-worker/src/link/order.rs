//! From our orders to the network's messages, and sending them under the id that was chosen before.

use std::time::Duration;

use anyhow::Context as _;
use hub::session::outbox::{Due, Order, Quote};
use whatsapp_rust::buffa::MessageField;
use whatsapp_rust::send::SendOptions;
use whatsapp_rust::wacore::proto_helpers::build_reaction_message;
use whatsapp_rust::waproto::whatsapp as wa;
use whatsapp_rust::{Client, Jid};

use super::Link;
use super::address::jid_of;
use super::upload::OutFile;
use super::vcard;

/// The network answers within a round trip; over that we ask again, under the same id.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// Before anything is on the wire the library may have to look devices and keys up.
const SEND_LIMIT: Duration = Duration::from_secs(45);
/// With a file, that is carried up first.
const UPLOAD_LIMIT: Duration = Duration::from_mins(3);

/// What became of a try.
#[derive(Debug)]
pub(crate) enum Sent {
    /// The network has it.
    Accepted,
    /// The network refuses it, with its code.
    Refused(String),
    /// The file to be sent is not in the store any more.
    NoFile,
    /// Nobody can tell; again, under the same id.
    Unknown(anyhow::Error),
}

impl Link {
    /// Sends one item and waits for the network's answer.
    pub(crate) async fn send(&self, due: &Due, now_ms: i64) -> Sent {
        let limit = match due.order {
            Order::Media { .. } => UPLOAD_LIMIT,
            _ => SEND_LIMIT,
        };
        match tokio::time::timeout(limit, self.try_send(due, now_ms)).await {
            Ok(Ok(sent)) => sent,
            Ok(Err(fault)) => Sent::Unknown(fault),
            Err(_too_late) => Sent::Unknown(anyhow::anyhow!("sending took too long")),
        }
    }

    async fn try_send(&self, due: &Due, now_ms: i64) -> anyhow::Result<Sent> {
        let to = jid_of(due.order.chat()).context("read the chat's address")?;
        let client = self.client();
        let message = match &due.order {
            Order::Text { body, answers, .. } => text(body, answers.as_ref()),
            Order::Reaction {
                target,
                target_from_us,
                emoji,
                ..
            } => build_reaction_message(key(&to, target, *target_from_us), emoji, now_ms),
            Order::Location {
                latitude_e6,
                longitude_e6,
                name,
                answers,
                ..
            } => place((*latitude_e6, *longitude_e6), name, answers.as_ref()),
            Order::Contact {
                name,
                phones,
                answers,
                ..
            } => person(name, phones, answers.as_ref()),
            // A change and a deletion are messages like any other: with an id of their own, chosen before, and an answer.
            Order::Edit { target, body, .. } => edit(&to, target, body, now_ms),
            Order::Delete { target, .. } => delete(&to, target),
            Order::Read { items, .. } => {
                let items: Vec<&str> = items.iter().map(String::as_str).collect();
                client
                    .mark_as_read(&to, None, &items)
                    .await
                    .context("mark as read")?;
                return Ok(Sent::Accepted);
            }
            Order::Media {
                kind,
                media_type,
                file_name,
                caption,
                duration_ms,
                object_key,
                answers,
                ..
            } => {
                let Some(bytes) = self.load(object_key).await? else {
                    return Ok(Sent::NoFile);
                };
                let file = OutFile {
                    kind: *kind,
                    media_type,
                    name: file_name.as_deref(),
                    caption,
                    duration_ms: *duration_ms,
                };
                self.upload(file, bytes, answers.as_ref()).await?
            }
        };
        self.send_and_hear(client, to, message, &due.wire_id).await
    }

    /// The call returns before the network has it: only its answer counts.
    async fn send_and_hear(
        &self,
        client: &Client,
        to: Jid,
        message: wa::Message,
        wire_id: &str,
    ) -> anyhow::Result<Sent> {
        let answer = self.answers.expect(wire_id);
        let options = SendOptions::default().with_message_id(wire_id);
        client
            .send_message_with_options(to, message, options)
            .await
            .context("send a message")?;
        let answer = tokio::time::timeout(ANSWER_LIMIT, answer)
            .await
            .context("wait for the network's answer")?
            .context("wait for the network's answer on this connection")?;
        Ok(answer.map_or(Sent::Accepted, Sent::Refused))
    }
}

fn text(body: &str, answers: Option<&Quote>) -> wa::Message {
    let Some(quote) = answers else {
        return wa::Message {
            conversation: Some(body.to_owned()),
            ..Default::default()
        };
    };
    wa::Message {
        extended_text_message: MessageField::some(wa::message::ExtendedTextMessage {
            text: Some(body.to_owned()),
            context_info: MessageField::some(context(quote)),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn place((latitude_e6, longitude_e6): (i64, i64), name: &str, answers: Option<&Quote>) -> wa::Message {
    wa::Message {
        location_message: MessageField::some(wa::message::LocationMessage {
            degrees_latitude: Some(degrees(latitude_e6)),
            degrees_longitude: Some(degrees(longitude_e6)),
            name: Some(name.to_owned()).filter(|name| !name.is_empty()),
            context_info: contexts(answers),
            ..Default::default()
        }),
        ..Default::default()
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "degrees in millionths are far below what a float counts exactly"
)]
fn degrees(e6: i64) -> f64 {
    e6 as f64 / 1e6
}

fn person(name: &str, phones: &[String], answers: Option<&Quote>) -> wa::Message {
    wa::Message {
        contact_message: MessageField::some(wa::message::ContactMessage {
            display_name: Some(name.to_owned()),
            vcard: Some(vcard::write(name, phones)),
            context_info: contexts(answers),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// The same, where there is something to quote.
pub(super) fn contexts(answers: Option<&Quote>) -> MessageField<wa::ContextInfo> {
    answers
        .map(context)
        .map_or_else(MessageField::none, MessageField::some)
}

/// What is quoted: who knows it by its id shows it whole, everybody else these words.
fn context(quote: &Quote) -> wa::ContextInfo {
    wa::ContextInfo {
        stanza_id: Some(quote.item.clone()),
        participant: jid_of(&quote.who).ok().map(|jid| jid.to_string()),
        quoted_message: MessageField::some(wa::Message {
            conversation: Some(quote.body.clone()),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn edit(chat: &Jid, target: &str, body: &str, now_ms: i64) -> wa::Message {
    wa::Message {
        protocol_message: MessageField::some(wa::message::ProtocolMessage {
            key: MessageField::some(key(chat, target, true)),
            r#type: Some(wa::message::protocol_message::Type::MESSAGE_EDIT),
            edited_message: MessageField::some(text(body, None)),
            timestamp_ms: Some(now_ms),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn delete(chat: &Jid, target: &str) -> wa::Message {
    wa::Message {
        protocol_message: MessageField::some(wa::message::ProtocolMessage {
            key: MessageField::some(key(chat, target, true)),
            r#type: Some(wa::message::protocol_message::Type::REVOKE),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn key(chat: &Jid, target: &str, from_us: bool) -> wa::MessageKey {
    wa::MessageKey {
        remote_jid: Some(chat.to_string()),
        from_me: Some(from_us),
        id: Some(target.to_owned()),
        participant: None,
    }
}
