//! From the network's messages to ours.

mod rare;

use bytes::Bytes;
use hub::attachment::AttachmentKind;
use hub::session::inbound::{ChatItem, Content};
use sha2::{Digest as _, Sha256};
use whatsapp_rust::Jid;
use whatsapp_rust::proto_helpers::MessageExt as _;
use whatsapp_rust::wacore::types::events::InboundMessage;
use whatsapp_rust::wacore_binary::JidExt as _;
use whatsapp_rust::waproto::whatsapp as wa;

use super::address::{hidden_name, name_of};
use super::files::{self, Reference};
use super::store::Store;
use super::vcard;

/// Those of the network's own clients have some forty characters.
const ID_MAX: usize = 128;

/// What came in, in our words, and where its file is, if it has one; `None` for what is not for people: keys, settings,
/// other people's status.
pub(super) async fn item(
    store: &Store,
    inbound: &InboundMessage,
    groups: bool,
) -> Option<(ChatItem, Option<Reference>)> {
    let (info, source) = (&inbound.info, &inbound.info.source);
    let chat = &source.chat;
    let is_group = source.is_group || chat.is_group();
    if (is_group && !groups) || !is_chat(chat) {
        return None;
    }
    let message = inbound.message.get_base_message();
    let (content, reference) = content(message)?;
    let chat_alt = if source.is_from_me {
        source.recipient_alt.as_ref()
    } else {
        source.sender_alt.as_ref()
    };
    let chat_name = name_of(store, chat, chat_alt.filter(|_| !is_group)).await;
    let also = if is_group {
        None
    } else {
        hidden_name(store, chat, chat_alt).await
    };
    let sender = name_of(store, &source.sender, source.sender_alt.as_ref()).await;
    let said_at = jiff::Timestamp::from_second(info.timestamp.timestamp()).unwrap_or_default();
    let item = ChatItem {
        also: also.filter(|also| *also != chat_name),
        chat: chat_name,
        sender,
        from_us: source.is_from_me,
        is_group,
        wire_id: short(&info.id),
        said_at: said_at.into(),
        name: Some(info.push_name.trim().to_owned()).filter(|name| !name.is_empty()),
        group_name: None,
        answers: answers(message),
        content,
    };
    Some((item, reference))
}

/// Somebody's, or a group's; not a broadcast list, a channel, a status.
fn is_chat(jid: &Jid) -> bool {
    jid.is_pn() || jid.is_lid() || jid.is_group() || super::address::number_of(jid).is_some()
}

/// An item's id, or its digest where it is longer than any that the network's own clients choose: senders choose ids, and
/// Postgres indexes none of some thousand characters, so that such a message would come again for ever and hold up the rest.
fn short(wire_id: &str) -> String {
    if wire_id.len() <= ID_MAX {
        return wire_id.to_owned();
    }
    format!("sha256-{:x}", Bytes::copy_from_slice(&Sha256::digest(wire_id)))
}

/// Which item it answers: whatever kind of message it is.
fn answers(message: &wa::Message) -> Option<String> {
    let contexts = [
        message
            .extended_text_message
            .as_option()
            .and_then(|text| text.context_info.as_option()),
        message
            .image_message
            .as_option()
            .and_then(|image| image.context_info.as_option()),
        message
            .video_message
            .as_option()
            .and_then(|video| video.context_info.as_option()),
        message
            .audio_message
            .as_option()
            .and_then(|audio| audio.context_info.as_option()),
        message
            .document_message
            .as_option()
            .and_then(|file| file.context_info.as_option()),
        message
            .sticker_message
            .as_option()
            .and_then(|sticker| sticker.context_info.as_option()),
        message
            .location_message
            .as_option()
            .and_then(|place| place.context_info.as_option()),
        message
            .contact_message
            .as_option()
            .and_then(|card| card.context_info.as_option()),
    ];
    contexts.into_iter().flatten().find_map(|context| {
        // Nothing is answered by a message that was passed on.
        context
            .stanza_id
            .as_deref()
            .filter(|id| !id.is_empty())
            .map(short)
    })
}

fn content(message: &wa::Message) -> Option<(Content, Option<Reference>)> {
    if let Some((media, reference)) = media(message) {
        return Some((media, reference));
    }
    words(message).map(|content| (content, None))
}

fn words(message: &wa::Message) -> Option<Content> {
    if let Some(reaction) = message.reaction_message.as_option() {
        return Some(Content::Reaction {
            target: short(reaction.key.as_option()?.id.as_deref()?),
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
            name: place
                .name
                .clone()
                .or_else(|| place.address.clone())
                .unwrap_or_default(),
        });
    }
    if let Some(card) = message.contact_message.as_option() {
        return Some(Content::Contact {
            name: card.display_name.clone().unwrap_or_default(),
            phones: card.vcard.as_deref().map(vcard::phones).unwrap_or_default(),
        });
    }
    if let Some(body) = message.text_content().filter(|body| !body.is_empty()) {
        return Some(Content::Text {
            body: body.to_owned(),
        });
    }
    rare::content(message)
}

/// An edit or a deletion; anything else of this kind is between devices.
fn change(protocol: &wa::message::ProtocolMessage) -> Option<Content> {
    let target = short(protocol.key.as_option()?.id.as_deref()?);
    if let Some(edited) = protocol.edited_message.as_option() {
        // Of a file, what is written under it.
        let words = edited.text_content().or_else(|| edited.get_caption());
        let body = words.unwrap_or_default().to_owned();
        return Some(Content::Edit { target, body });
    }
    match protocol.r#type {
        Some(wa::message::protocol_message::Type::REVOKE) => Some(Content::Delete { target }),
        _ => None,
    }
}

/// A file; where it is, unless the network does not say.
fn media(message: &wa::Message) -> Option<(Content, Option<Reference>)> {
    let (kind, found) = files::of(message)?;
    let (mut duration_s, mut name) = (None, None);
    let media_type = if let Some(image) = message.image_message.as_option() {
        image.mimetype.as_ref()
    } else if let Some(video) = files::video(message) {
        duration_s = video.seconds;
        video.mimetype.as_ref()
    } else if let Some(audio) = message.audio_message.as_option() {
        duration_s = audio.seconds;
        audio.mimetype.as_ref()
    } else if let Some(sticker) = message.sticker_message.as_option() {
        sticker.mimetype.as_ref()
    } else {
        let file = message.document_message.as_option()?;
        name = file.file_name.clone().or_else(|| file.title.clone());
        file.mimetype.as_ref()
    };
    let is_voice = message
        .audio_message
        .as_option()
        .is_some_and(|audio| audio.ptt.unwrap_or_default());
    let content = Content::Media {
        kind: if is_voice { AttachmentKind::Voice } else { kind },
        media_type: files::media_type(media_type),
        file_name: name.as_deref().and_then(files::file_name),
        caption: message.get_caption().unwrap_or_default().to_owned(),
        size_bytes: found
            .file_length()
            .and_then(|size| i64::try_from(size).ok())
            .unwrap_or_default(),
        duration_ms: duration_s.and_then(|s| i32::try_from(s).ok()?.checked_mul(1_000)),
        kept: None,
    };
    Some((content, Reference::of(found)))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "degrees are below 360, and a broken float saturates"
)]
fn millionths(degrees: f64) -> i64 {
    (degrees * 1e6).round() as i64
}
