//! The first word to somebody by their number: who they are, the conversation with them and the message are one transaction.

use serde::de::{Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer};

use super::reply::{IN_FLIGHT, check, say_in};
use super::{Draft, Message};
use crate::Hub;
use crate::error::{Error, Result};
use crate::ids::InboxId;
use crate::inbox::{self, Channel, Inbox};
use crate::principal::Principal;
use crate::{contact, conversation, phone, tenant};

/// What staff want to say to somebody, and by which number.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FirstWord {
    /// The inbox that it goes out from: a number for texts, or a linked WhatsApp number.
    pub inbox_id: InboxId,
    /// Their phone number; without a country code it is read as one of the business's own country.
    pub address: String,
    /// The text.
    pub body: String,
    /// The browser's own key of this draft: the same again is the same message.
    pub draft_key: String,
    /// What a draft has besides.
    #[serde(
        default,
        rename = "location",
        alias = "contact",
        alias = "upload_id",
        alias = "answers_id"
    )]
    #[schema(ignore)]
    pub more: Nothing,
}

/// What there is nothing of yet, in words: only in a conversation there is more than text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nothing;

impl<'de> Deserialize<'de> for Nothing {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        match Option::<IgnoredAny>::deserialize(from)? {
            None => Ok(Self),
            Some(_) => Err(D::Error::custom(
                "the first message to somebody is text alone; send this in their conversation afterwards",
            )),
        }
    }
}

/// Says it, in the conversation with them or in a new one; with `false` when the same draft was said already.
pub async fn begin(hub: &Hub, by: &Principal, word: &FirstWord) -> Result<(Message, bool)> {
    let draft = Draft {
        body: word.body.clone(),
        key: word.draft_key.clone(),
        ..Draft::default()
    };
    check(&draft)?;
    let country = tenant::get(hub, by.tenant()).await?.country;
    let to = phone::normalise(&word.address, &country).ok_or_else(|| {
        Error::field(
            "address",
            "must be a phone number with its country code, such as +15550100",
        )
    })?;
    match say(hub, by, word.inbox_id, &to, &draft).await {
        // Somebody's second click was faster: now it is a message, and found.
        Err(Error::Conflict { code: IN_FLIGHT, .. }) => say(hub, by, word.inbox_id, &to, &draft).await,
        said => said,
    }
}

async fn say(hub: &Hub, by: &Principal, inbox: InboxId, to: &str, draft: &Draft) -> Result<(Message, bool)> {
    let mut tx = hub.db.tenant(by.tenant()).await?;
    let inbox = inbox::get(&mut tx, inbox).await?;
    may_begin(&inbox, to)?;
    let known = contact::meet(&mut tx, contact::IdentityKind::Phone, to, None).await?;
    let conversation = conversation::between(&mut tx, known.contact, inbox.id, inbox.channel, None).await?;
    let said = say_in(&mut tx, by, conversation, draft, None).await?;
    tx.commit().await?;
    Ok(said)
}

fn may_begin(inbox: &Inbox, to: &str) -> Result<()> {
    if !matches!(inbox.channel, Channel::Sms | Channel::Whatsapp) {
        return Err(Error::field(
            "inbox_id",
            "must be a number for texts, or a linked WhatsApp number",
        ));
    }
    if inbox.address == to {
        return Err(Error::field("address", "is this inbox's own number"));
    }
    Ok(())
}
