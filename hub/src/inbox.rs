//! Inboxes: a tenant's connected numbers and forms, and which inbox of which tenant an address is.

mod directory;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::{Error, OnConstraint as _, Result};
use crate::feed::NewEvent;
use crate::ids::{ConnectionId, InboxId, random_hex};
use crate::phone;

pub use directory::{Addressed, Directory, by_address};

/// A kind of way to talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Channel {
    /// Phone calls.
    Voice,
    /// WhatsApp.
    Whatsapp,
    /// Text messages.
    Sms,
    /// Instagram's direct messages.
    Instagram,
    /// E-mail.
    Mail,
    /// Web forms.
    Form,
    /// Web chat.
    Chat,
}

impl Channel {
    /// The name in rows and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Voice => "voice",
            Self::Whatsapp => "whatsapp",
            Self::Sms => "sms",
            Self::Instagram => "instagram",
            Self::Mail => "mail",
            Self::Form => "form",
            Self::Chat => "chat",
        }
    }
}

/// A connected number or form.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Inbox {
    /// Its id.
    pub id: InboxId,
    /// What comes in there.
    pub channel: Channel,
    /// A number in E.164, or a form's key.
    pub address: String,
    /// For staff.
    pub name: String,
    /// Whose account carries it.
    pub connection_id: Option<ConnectionId>,
    /// A form's fields, origins and thank-you; the texts that answer STOP, START and HELP.
    pub settings: serde_json::Value,
    /// Whether it takes nothing at the moment.
    pub disabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a new inbox needs.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInbox {
    /// What comes in there: `voice`, `sms` or `form`.
    pub channel: Channel,
    /// The number; a form's key is made for it.
    pub address: Option<String>,
    /// For staff.
    pub name: String,
    /// Whose account carries it.
    pub connection_id: Option<ConnectionId>,
    /// See [`Inbox::settings`].
    pub settings: Option<serde_json::Value>,
}

/// What may be changed later.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InboxChange {
    /// For staff.
    pub name: Option<String>,
    /// Replaces all settings.
    pub settings: Option<serde_json::Value>,
    /// Whether it takes nothing.
    pub disabled: Option<bool>,
}

/// Connects a number or makes a form.
pub async fn create(tx: &mut Tx, new: NewInbox, country: &str) -> Result<Inbox> {
    let (tenant, now) = (tx.tenant(), tx.now());
    let settings = new.settings.unwrap_or_else(|| serde_json::json!({}));
    let address = address_of(new.channel, new.address.as_deref(), country)?;
    check_name(&new.name)?;
    check_settings(new.channel, &settings)?;
    let id = InboxId::at(now);
    let taken = || Error::conflict("address_taken", "this address is connected already");
    let inbox = sqlx::query_as!(
        Inbox,
        r#"INSERT INTO inboxes (tenant_id, id, channel, address, name, connection_id, settings, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         RETURNING id, channel AS "channel: Channel", address, name, connection_id, settings,
             disabled_at IS NOT NULL AS "disabled!", created_at"#,
        tenant.uuid(),
        id.uuid(),
        new.channel.as_str(),
        address,
        new.name,
        new.connection_id.map(ConnectionId::uuid),
        settings,
        now as _
    )
    .fetch_one(&mut **tx)
    .await
    .on_constraint("inboxes_address_key", taken);
    let inbox = match inbox {
        Err(Error::Database(fault)) => Err(fault).on_constraint("inboxes_connection_fkey", || {
            Error::field("connection_id", "there is no such connection")
        })?,
        other => other?,
    };
    sqlx::query!(
        "INSERT INTO inbox_routes (channel, address, tenant_id, inbox_id) VALUES ($1, $2, $3, $4)",
        new.channel.as_str(),
        inbox.address,
        tenant.uuid(),
        id.uuid()
    )
    .execute(&mut **tx)
    .await
    .on_constraint("inbox_routes_pkey", taken)?;
    tx.emit(NewEvent::new(
        "inbox.updated",
        &serde_json::json!({ "inbox": inbox }),
    )?);
    Ok(inbox)
}

/// All, oldest first.
pub async fn list(tx: &mut Tx) -> Result<Vec<Inbox>> {
    let all = sqlx::query_as!(
        Inbox,
        r#"SELECT id, channel AS "channel: Channel", address, name, connection_id, settings,
             disabled_at IS NOT NULL AS "disabled!", created_at
         FROM inboxes WHERE tenant_id = $1 ORDER BY id"#,
        tx.tenant().uuid()
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(all)
}

/// One of them.
pub async fn get(tx: &mut Tx, id: InboxId) -> Result<Inbox> {
    sqlx::query_as!(
        Inbox,
        r#"SELECT id, channel AS "channel: Channel", address, name, connection_id, settings,
             disabled_at IS NOT NULL AS "disabled!", created_at
         FROM inboxes WHERE tenant_id = $1 AND id = $2"#,
        tx.tenant().uuid(),
        id.uuid()
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or(Error::NotFound("inbox"))
}

/// The inbox that texts go out from where a conversation's own cannot: the one of the number that was called, else the
/// oldest that can send.
pub async fn for_texts(tx: &mut Tx, number: Option<&str>) -> Result<Option<Inbox>> {
    let found = sqlx::query_as!(
        Inbox,
        r#"SELECT id, channel AS "channel: Channel", address, name, connection_id, settings,
             disabled_at IS NOT NULL AS "disabled!", created_at
         FROM inboxes
         WHERE tenant_id = $1 AND channel = 'sms' AND connection_id IS NOT NULL AND disabled_at IS NULL
         ORDER BY address = $2 DESC NULLS LAST, id LIMIT 1"#,
        tx.tenant().uuid(),
        number
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(found)
}

/// Renames, sets or switches one.
pub async fn change(tx: &mut Tx, id: InboxId, change: InboxChange) -> Result<Inbox> {
    let now = tx.now();
    let before = get(tx, id).await?;
    let name = change.name.unwrap_or(before.name);
    let settings = change.settings.unwrap_or(before.settings);
    check_name(&name)?;
    check_settings(before.channel, &settings)?;
    let disabled = change.disabled.unwrap_or(before.disabled);
    let inbox = sqlx::query_as!(
        Inbox,
        r#"UPDATE inboxes SET name = $3, settings = $4,
             disabled_at = CASE WHEN $5 THEN COALESCE(disabled_at, $6) END
         WHERE tenant_id = $1 AND id = $2
         RETURNING id, channel AS "channel: Channel", address, name, connection_id, settings,
             disabled_at IS NOT NULL AS "disabled!", created_at"#,
        tx.tenant().uuid(),
        id.uuid(),
        name,
        settings,
        disabled,
        now as _
    )
    .fetch_one(&mut **tx)
    .await?;
    tx.emit(NewEvent::new(
        "inbox.updated",
        &serde_json::json!({ "inbox": inbox }),
    )?);
    Ok(inbox)
}

fn address_of(channel: Channel, given: Option<&str>, country: &str) -> Result<String> {
    match (channel, given) {
        (Channel::Form, None) => Ok(format!("f_{}", random_hex(12))),
        (Channel::Form, Some(_)) => Err(Error::field(
            "address",
            "a form's key is made for it; leave it out",
        )),
        (Channel::Voice | Channel::Sms, Some(number)) => phone::normalise(number, country).ok_or_else(|| {
            Error::field(
                "address",
                "must be a phone number with its country code, such as +15550100",
            )
        }),
        (Channel::Voice | Channel::Sms, None) => Err(Error::field("address", "a number is needed")),
        _ => Err(Error::field("channel", "must be voice, sms or form")),
    }
}

fn check_name(name: &str) -> Result<()> {
    if (1..=120).contains(&name.chars().count()) {
        Ok(())
    } else {
        Err(Error::field("name", "must have 1 to 120 characters"))
    }
}

fn check_settings(channel: Channel, settings: &serde_json::Value) -> Result<()> {
    if !settings.is_object() {
        return Err(Error::field("settings", "must be an object"));
    }
    match channel {
        Channel::Form => crate::form::Settings::read(settings).map(|_| ()),
        _ => crate::opt_out::Texts::read(settings).map(|_| ()),
    }
}
