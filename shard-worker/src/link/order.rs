//! From our orders to the network's messages, and sending them under the id that was chosen before.

use std::time::Duration;

use anyhow::Context as _;
use hub::session::outbox::{Due, Order};
use whatsapp_rust::buffa::MessageField;
use whatsapp_rust::send::SendOptions;
use whatsapp_rust::wacore::proto_helpers::build_reaction_message;
use whatsapp_rust::waproto::whatsapp as wa;
use whatsapp_rust::{Client, Jid, RevokeType};

use super::Link;
use super::address::jid_of;

/// The network answers within a round trip; over that we ask again, under the same id.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// Before anything is on the wire the library may have to look devices and keys up.
const SEND_LIMIT: Duration = Duration::from_secs(45);

/// What became of a try.
#[derive(Debug)]
pub(crate) enum Sent {
    /// The network has it.
    Accepted,
    /// The network refuses it, with its code.
    Refused(String),
    /// This version cannot send it.
    Unsupported,
    /// Nobody can tell; again, under the same id.
    Unknown(anyhow::Error),
}

impl Link {
    /// Sends one item and waits for the network's answer.
    pub(crate) async fn send(&self, due: &Due, now_ms: i64) -> Sent {
        match tokio::time::timeout(SEND_LIMIT, self.try_send(due, now_ms)).await {
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
            Order::Edit { target, body, .. } => {
                client
                    .edit_message(to, target.clone(), text(body, None))
                    .await
                    .context("change a message")?;
                return Ok(Sent::Accepted);
            }
            Order::Delete { target, .. } => {
                client
                    .revoke_message(to, target.clone(), RevokeType::Sender)
                    .await
                    .context("take a message back")?;
                return Ok(Sent::Accepted);
            }
            Order::Read { items, .. } => {
                let items: Vec<&str> = items.iter().map(String::as_str).collect();
                client
                    .mark_as_read(&to, None, &items)
                    .await
                    .context("mark as read")?;
                return Ok(Sent::Accepted);
            }
            Order::Media { .. } => return Ok(Sent::Unsupported),
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

fn text(body: &str, answers: Option<&(String, String)>) -> wa::Message {
    let Some((target, who)) = answers else {
        return wa::Message {
            conversation: Some(body.to_owned()),
            ..Default::default()
        };
    };
    let participant = jid_of(who).ok().map(|jid| jid.to_string());
    wa::Message {
        extended_text_message: MessageField::some(wa::message::ExtendedTextMessage {
            text: Some(body.to_owned()),
            context_info: MessageField::some(wa::ContextInfo {
                stanza_id: Some(target.clone()),
                participant,
                // Other clients show the quoted words from here; they know them by the id.
                quoted_message: MessageField::some(wa::Message {
                    conversation: Some(String::new()),
                    ..Default::default()
                }),
                ..Default::default()
            }),
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
