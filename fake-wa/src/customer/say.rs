//! What a customer can say and do.
use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use whatsapp_rust::Jid;
use whatsapp_rust::buffa::MessageField;
use whatsapp_rust::send::{RevokeType, SendOptions};
use whatsapp_rust::upload::UploadOptions;
use whatsapp_rust::wacore::download::{Downloadable, MediaType};
use whatsapp_rust::waproto::whatsapp as wa;

use super::Customer;
use crate::address::Phone;
use crate::clock;

/// One thing to say, to a number or a group.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Said {
    /// `+15550199`, or a group's address.
    pub to: String,
    /// The id to use; by default a fresh one.
    pub id: Option<String>,
    /// The words; with media its caption, with [`Said::react_to`] the emoji, with [`Said::edit`] the new words.
    pub text: Option<String>,
    /// A message of the other side that is quoted.
    pub quote: Option<String>,
    /// A message that gets the reaction [`Said::text`]; empty takes it back.
    pub react_to: Option<String>,
    /// An own message that is changed.
    pub edit: Option<String>,
    /// An own message that is taken back.
    pub delete: Option<String>,
    /// A file.
    pub media: Option<Media>,
    /// Latitude and longitude.
    pub location: Option<(f64, f64)>,
    /// A contact: its name, with the number in [`Said::text`].
    pub contact: Option<String>,
}

/// A file to send.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Media {
    /// `image`, `video`, `audio`, `voice`, `document`.
    pub kind: String,
    /// Its type.
    pub mime: String,
    /// Its bytes in base64.
    pub data: String,
    /// A document's name.
    #[serde(default)]
    pub name: Option<String>,
}

impl Customer {
    /// Sends a text; its id.
    pub async fn say(&self, to: Phone, text: &str) -> Result<String> {
        let said = Said {
            to: to.to_string(),
            text: Some(text.to_owned()),
            ..Said::default()
        };
        self.send(said).await
    }

    /// Sends anything; its id.
    pub async fn send(&self, said: Said) -> Result<String> {
        let client = self.client()?;
        let to = address(&said.to)?;
        if let Some(id) = &said.delete {
            client
                .revoke_message(to, id.clone(), RevokeType::Sender)
                .await
                .context("take a message back")?;
            return Ok(id.clone());
        }
        let message = self.compose(&said).await?;
        if let Some(id) = &said.edit {
            return client
                .edit_message(to, id.clone(), message)
                .await
                .context("change a message");
        }
        let options = said.id.map_or_else(SendOptions::default, |id| {
            SendOptions::default().with_message_id(id)
        });
        let sent = client
            .send_message_with_options(to, message, options)
            .await
            .context("send a message")?;
        Ok(sent.message_id)
    }

    async fn compose(&self, said: &Said) -> Result<wa::Message> {
        if let Some(media) = &said.media {
            return self.compose_media(media, said.text.clone()).await;
        }
        let mut message = wa::Message::default();
        if let Some(id) = &said.react_to {
            let about = self.news.find(id).context("there is no message to react to")?;
            let source = &about.info.source;
            message.reaction_message = MessageField::some(wa::message::ReactionMessage {
                key: MessageField::some(wa::MessageKey {
                    remote_jid: Some(source.chat.to_string()),
                    from_me: Some(source.is_from_me),
                    id: Some(id.clone()),
                    participant: source.is_group.then(|| source.sender.to_non_ad().to_string()),
                }),
                text: said.text.clone().or_else(|| Some(String::new())),
                sender_timestamp_ms: Some((clock::unix_s() * 1000).cast_signed()),
                ..Default::default()
            });
        } else if let Some((latitude, longitude)) = said.location {
            message.location_message = MessageField::some(wa::message::LocationMessage {
                degrees_latitude: Some(latitude),
                degrees_longitude: Some(longitude),
                name: said.text.clone(),
                ..Default::default()
            });
        } else if let Some(name) = &said.contact {
            let number = said.text.clone().unwrap_or_default();
            message.contact_message = MessageField::some(wa::message::ContactMessage {
                display_name: Some(name.clone()),
                vcard: Some(format!(
                    "BEGIN:VCARD\nVERSION:3.0\nFN:{name}\nTEL:{number}\nEND:VCARD"
                )),
                ..Default::default()
            });
        } else if let Some(id) = &said.quote {
            let about = self.news.find(id).context("there is no message to quote")?;
            message.extended_text_message = MessageField::some(wa::message::ExtendedTextMessage {
                text: said.text.clone(),
                context_info: MessageField::some(wa::ContextInfo {
                    stanza_id: Some(id.clone()),
                    participant: Some(about.info.source.sender.to_non_ad().to_string()),
                    quoted_message: MessageField::some((*about.message).clone()),
                    ..Default::default()
                }),
                ..Default::default()
            });
        } else {
            message.conversation.clone_from(&said.text);
        }
        Ok(message)
    }

    async fn compose_media(&self, media: &Media, caption: Option<String>) -> Result<wa::Message> {
        let bytes = BASE64_STANDARD.decode(&media.data).context("read the file")?;
        let kind = match media.kind.as_str() {
            "image" => MediaType::Image,
            "video" => MediaType::Video,
            "audio" | "voice" => MediaType::Audio,
            "document" => MediaType::Document,
            other => bail!("there is no media of kind {other}"),
        };
        let client = self.client()?;
        let up = client
            .upload(bytes, kind, UploadOptions::default())
            .await
            .context("upload")?;
        let (mime, url, path) = (Some(media.mime.clone()), Some(up.url), Some(up.direct_path));
        let (key, hash) = (Some(up.media_key.to_vec()), Some(up.file_sha256.to_vec()));
        let (enc_hash, length) = (Some(up.file_enc_sha256.to_vec()), Some(up.file_length));
        let at = Some(up.media_key_timestamp);
        macro_rules! file {
            ($message:ident, $($field:ident = $value:expr),*) => {
                MessageField::some(wa::message::$message {
                    mimetype: mime, url, direct_path: path, media_key: key, file_sha256: hash,
                    file_enc_sha256: enc_hash, file_length: length, media_key_timestamp: at,
                    $($field: $value,)* ..Default::default()
                })
            };
        }
        let mut message = wa::Message::default();
        match kind {
            MediaType::Image => message.image_message = file!(ImageMessage, caption = caption),
            MediaType::Video => message.video_message = file!(VideoMessage, caption = caption),
            MediaType::Audio => {
                message.audio_message = file!(AudioMessage, ptt = Some(media.kind == "voice"));
            }
            _ => {
                let file_name = media.name.clone();
                message.document_message = file!(DocumentMessage, file_name = file_name, caption = caption);
            }
        }
        Ok(message)
    }

    /// The bytes of a file that it has got.
    pub async fn fetch(&self, id: &str) -> Result<Vec<u8>> {
        let found = self.news.find(id).context("there is no such message")?;
        let message = &found.message;
        let file: &dyn Downloadable = if let Some(image) = message.image_message.as_option() {
            image
        } else if let Some(video) = message.video_message.as_option() {
            video
        } else if let Some(audio) = message.audio_message.as_option() {
            audio
        } else if let Some(document) = message.document_message.as_option() {
            document
        } else {
            bail!("the message has no file");
        };
        self.client()?.download(file).await.context("download")
    }

    /// Marks messages as read that it has got.
    pub async fn read(&self, ids: &[&str]) -> Result<()> {
        let client = self.client()?;
        for id in ids {
            let found = self.news.find(id).context("there is no such message")?;
            let source = &found.info.source;
            let author = source.is_group.then_some(&source.sender);
            client
                .mark_as_read(&source.chat, author, &[id])
                .await
                .context("mark as read")?;
        }
        Ok(())
    }

    /// `composing`, `recording` or `paused`, as a number or a group sees it.
    pub async fn typing(&self, to: &str, state: &str) -> Result<()> {
        let (client, to) = (self.client()?, address(to)?);
        match state {
            "composing" => client.chatstate().send_composing(&to).await,
            "recording" => client.chatstate().send_recording(&to).await,
            "paused" => client.chatstate().send_paused(&to).await,
            other => bail!("nobody can be {other}"),
        }
        .context("tell what it is doing")
    }

    /// Shows itself as here or gone.
    pub async fn show(&self, here: bool) -> Result<()> {
        let client = self.client()?;
        if here {
            client.presence().set_available().await.context("show itself")
        } else {
            client.presence().set_unavailable().await.context("hide itself")
        }
    }

    /// Wants to hear when a number comes and goes.
    pub async fn watch(&self, phone: Phone) -> Result<()> {
        self.client()?
            .presence()
            .subscribe(phone.pn())
            .await
            .context("watch a number")
    }
}

/// A number or a group's address.
fn address(to: &str) -> Result<Jid> {
    if to.contains('@') {
        return to.parse().context("read an address");
    }
    Ok(to.parse::<Phone>()?.pn())
}
