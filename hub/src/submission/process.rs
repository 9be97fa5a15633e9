//! From a submission to contact, conversation and message: one transaction, so that a second run finds it done. A STOP is
//! obeyed in the same one.

pub(super) mod chat;

pub(crate) use chat::{chat_and_item, provider_id as chat_provider_id};

use super::{Body, Sms};
use crate::Hub;
use crate::attachment::Kept;
use crate::clock::Timestamp;
use crate::contact::{self, IdentityKind};
use crate::conversation;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::form::Filled;
use crate::ids::{ConversationId, InboxId, MessageId, SubmissionId, TenantId};
use crate::inbox::{self, Channel};
use crate::message::{self, Author, BODY_MAX, NewMessage};
use crate::opt_out::{self, Keyword};
use crate::phone;

/// Works a submission in; nothing when it is in already.
pub async fn process(hub: &Hub, tenant: TenantId, id: SubmissionId) -> Result<()> {
    let mut tx = hub.db.tenant(tenant).await?;
    let now = tx.now();
    let row = sqlx::query!(
        "SELECT inbox_id, body, received_at FROM submissions
         WHERE tenant_id = $1 AND id = $2 AND processed_at IS NULL FOR UPDATE",
        tenant.uuid(),
        id.uuid()
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else {
        return Ok(());
    };
    let body: Body = serde_json::from_value(row.body).map_err(anyhow::Error::from)?;
    let message = match &body {
        Body::Sms(sms) => {
            let said_at = sms.sent_at.unwrap_or(row.received_at);
            Some(receive_text(&mut tx, row.inbox_id, sms, said_at).await?)
        }
        Body::Form(filled) => Some(receive_form(&mut tx, row.inbox_id, filled).await?),
        Body::Whatsapp(item) => chat::receive(&mut tx, row.inbox_id, item).await?,
    };
    sqlx::query!(
        "UPDATE submissions SET processed_at = $3, message_id = $4 WHERE tenant_id = $1 AND id = $2",
        tenant.uuid(),
        id.uuid(),
        now as _,
        message.map(MessageId::uuid)
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await
}

pub(super) async fn receive_text(
    tx: &mut Tx,
    inbox: InboxId,
    sms: &Sms,
    said_at: Timestamp,
) -> Result<MessageId> {
    let known = contact::meet(tx, IdentityKind::Phone, &phone::sender(&sms.from), None).await?;
    let conversation = conversation::between(tx, known.contact, inbox, Channel::Sms, None).await?;
    let body = clean(&sms.body);
    let types = sms
        .media_types
        .iter()
        .map(String::as_str)
        .chain(std::iter::repeat(""));
    let kept: Vec<_> = sms
        .media
        .iter()
        .zip(types)
        .map(|(url, media_type)| Kept { media_type, url })
        .collect();
    let message = message::append(
        tx,
        &NewMessage {
            provider_id: Some(&sms.provider_id),
            kept: &kept,
            ..NewMessage::inbound(conversation, &body)
        },
    )
    .await?;
    match opt_out::keyword(&sms.body) {
        Some(keyword) => {
            let is_news = match keyword {
                Keyword::Stop => contact::opt_out(tx, known, true, said_at).await?,
                Keyword::Start => contact::opt_out(tx, known, false, said_at).await?,
                Keyword::Help => true,
            };
            if is_news && !sms.keyword_answered {
                confirm(tx, inbox, conversation, keyword).await?;
            }
        }
        None if opt_out::seems_to_ask(&sms.body) => {
            let remark = "They may be asking for no more texts. If so, do not text them again; a STOP from them ends it \
                          for good.";
            message::append(tx, &NewMessage::note(conversation, Author::System, remark)).await?;
        }
        None => {}
    }
    Ok(message.id)
}

/// Confirms what they asked for, once: a second STOP is silent, and so are we where the provider answered.
async fn confirm(tx: &mut Tx, inbox: InboxId, conversation: ConversationId, keyword: Keyword) -> Result<()> {
    let settings = inbox::get(tx, inbox).await?.settings;
    let texts = opt_out::Texts::read(&settings).unwrap_or_default();
    let business = business_name(tx).await?;
    match message::text(
        tx,
        conversation,
        Author::System,
        &texts.answer(keyword, &business),
    )
    .await
    {
        // A number that cannot send: what they asked for holds all the same.
        Err(Error::Invalid { .. }) => Ok(()),
        other => other.map(|_| ()),
    }
}

async fn business_name(tx: &mut Tx) -> Result<String> {
    let name = sqlx::query_scalar!("SELECT name FROM tenants WHERE id = $1", tx.tenant().uuid())
        .fetch_one(&mut **tx)
        .await?;
    Ok(name)
}

/// Somebody who left a number is answered by text, so their form joins the conversation their texts will come to.
pub(super) async fn receive_form(tx: &mut Tx, form: InboxId, filled: &Filled) -> Result<MessageId> {
    let name = filled.name.as_deref();
    let contact = match (&filled.phone, &filled.mail) {
        (Some(number), mail) => {
            let known = contact::meet(tx, IdentityKind::Phone, number, name).await?;
            if let Some(mail) = mail {
                contact::add_identity(tx, known.contact, IdentityKind::Mail, mail).await?;
            }
            known.contact
        }
        (None, Some(mail)) => contact::meet(tx, IdentityKind::Mail, mail, name).await?.contact,
        (None, None) => contact::stranger(tx, name).await?,
    };
    let texts = match filled.phone {
        Some(_) => inbox::for_texts(tx, None).await?,
        None => None,
    };
    let (place, channel) = texts.map_or((form, Channel::Form), |texts| (texts.id, Channel::Sms));
    let conversation = conversation::between(tx, contact, place, channel, Some(&filled.title)).await?;
    let body = filled.text();
    let message = message::append(tx, &NewMessage::inbound(conversation, &body)).await?;
    Ok(message.id)
}

/// Postgres takes no NUL; a provider's text has a limit, ours too.
pub(super) fn clean(body: &str) -> String {
    body.chars()
        .filter(|letter| *letter != '\0')
        .take(BODY_MAX - 2_000)
        .collect()
}
