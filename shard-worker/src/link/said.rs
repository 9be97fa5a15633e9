//! From the network's messages to ours.

use hub::session::inbound::{ChatItem, Content};
use whatsapp_rust::Jid;
use whatsapp_rust::proto_helpers::MessageExt as _;
use whatsapp_rust::wacore::types::events::InboundMessage;
use whatsapp_rust::wacore_binary::JidExt as _;
use whatsapp_rust::waproto::whatsapp as wa;

use super::address::name_of;
use super::store::Store;

/// What came in, in our words; `None` for what is not for people: keys, settings, other people's status.
pub(super) async fn item(store: &Store, inbound: &InboundMessage, groups: bool) -> Option<ChatItem> {
    let (info, source) = (&inbound.info, &inbound.info.source);
    let chat = &source.chat;
    let is_group = source.is_group || chat.is_group();
    if (is_group && !groups) || !is_chat(chat) {
        return None;
    }
    let message = inbound.message.get_base_message();
    let content = content(message)?;
    let chat_alt = if source.is_from_me {
        source.recipient_alt.as_ref()
    } else {
        source.sender_alt.as_ref()
    };
    let chat_name = name_of(store, chat, chat_alt.filter(|_| !is_group)).await;
    let sender = name_of(store, &source.sender, source.sender_alt.as_ref()).await;
    let said_at = jiff::Timestamp::from_second(info.timestamp.timestamp()).unwrap_or_default();
    Some(ChatItem {
        chat: chat_name,
        sender,
        from_us: source.is_from_me,
        is_group,
        wire_id: info.id.clone(),
        said_at: said_at.into(),
        name: Some(info.push_name.trim().to_owned()).filter(|name| !name.is_empty()),
        answers: answers(message),
        content,
    })
}

/// Somebody's, or a group's; not a broadcast list, a channel, a status.
fn is_chat(jid: &Jid) -> bool {
    jid.is_pn() || jid.is_lid() || jid.is_group() || super::address::number_of(jid).is_some()
}

fn answers(message: &wa::Message) -> Option<String> {
    let extended = message.extended_text_message.as_option()?;
    extended.context_info.as_option()?.stanza_id.clone()
}

fn content(message: &wa::Message) -> Option<Content> {
    if let Some(reaction) = message.reaction_message.as_option() {
        return Some(Content::Reaction {
            target: reaction.key.as_option()?.id.clone()?,
            emoji: reaction.text.clone().unwrap_or_default(),
        });
    }
    if let Some(protocol) = message.protocol_message.as_option() {
        return change(protocol);
    }
    if let Some(place) = message.location_message.as_option() {
        return Some(Content::Location {
            latitude_e6: millionths(place.degrees_latitude?),
            longitude_e6: millionths(place.degrees_longitude?),
            name: place.name.clone().unwrap_or_default(),
        });
    }
    if let Some(card) = message.contact_message.as_option() {
        return Some(Content::Contact {
            name: card.display_name.clone().unwrap_or_default(),
            phones: card.vcard.as_deref().map(phones).unwrap_or_default(),
        });
    }
    if let Some(media) = media(message) {
        return Some(media);
    }
    if let Some(body) = message.text_content().filter(|body| !body.is_empty()) {
        return Some(Content::Text {
            body: body.to_owned(),
        });
    }
    unsupported(message)
}

/// An edit or a deletion; anything else of this kind is between devices.
fn change(protocol: &wa::message::ProtocolMessage) -> Option<Content> {
    let target = protocol.key.as_option()?.id.clone()?;
    if let Some(edited) = protocol.edited_message.as_option() {
        let body = edited.text_content().unwrap_or_default().to_owned();
        return Some(Content::Edit { target, body });
    }
    match protocol.r#type {
        Some(wa::message::protocol_message::Type::REVOKE) => Some(Content::Delete { target }),
        _ => None,
    }
}

fn media(message: &wa::Message) -> Option<Content> {
    let of = |kind: &str, media_type: Option<&String>, size: Option<u64>| Content::Media {
        kind: kind.to_owned(),
        media_type: media_type.cloned().unwrap_or_default(),
        file_name: None,
        caption: message.get_caption().unwrap_or_default().to_owned(),
        size_bytes: size.and_then(|size| i64::try_from(size).ok()).unwrap_or_default(),
        duration_ms: None,
        object_key: None,
    };
    if let Some(image) = message.image_message.as_option() {
        return Some(of("image", image.mimetype.as_ref(), image.file_length));
    }
    if let Some(video) = message.video_message.as_option() {
        return Some(of("video", video.mimetype.as_ref(), video.file_length));
    }
    if let Some(audio) = message.audio_message.as_option() {
        return Some(of("audio", audio.mimetype.as_ref(), audio.file_length));
    }
    if let Some(sticker) = message.sticker_message.as_option() {
        return Some(of("image", sticker.mimetype.as_ref(), sticker.file_length));
    }
    let file = message.document_message.as_option()?;
    let mut content = of("file", file.mimetype.as_ref(), file.file_length);
    if let Content::Media { file_name, .. } = &mut content {
        file_name.clone_from(&file.file_name);
    }
    Some(content)
}

/// Something for people that this version cannot show; nothing where it only brings keys.
fn unsupported(message: &wa::Message) -> Option<Content> {
    let what = if message.poll_creation_message.is_set() || message.poll_creation_message_v3.is_set() {
        "poll"
    } else if message.live_location_message.is_set() {
        "live location"
    } else if message.contacts_array_message.is_set() {
        "contacts"
    } else if message.event_message.is_set() {
        "event"
    } else {
        return None;
    };
    Some(Content::Unsupported {
        what: what.to_owned(),
    })
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "degrees are below 360, and a broken float saturates"
)]
fn millionths(degrees: f64) -> i64 {
    (degrees * 1e6).round() as i64
}

/// The numbers on a card.
fn phones(vcard: &str) -> Vec<String> {
    let lines = vcard.lines().filter(|line| line.starts_with("TEL"));
    lines
        .filter_map(|line| line.rsplit_once(':'))
        .map(|(_, number)| number.trim().to_owned())
        .collect()
}
