//! Contacts and their identities: an outside person, and the addresses they are known by. One number is one person,
//! whatever it is used for.

mod same;

use serde::{Deserialize, Serialize};

pub(crate) use same::same;

use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::feed::NewEvent;
use crate::ids::{ContactId, IdentityId};

/// What kind of address an identity is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum IdentityKind {
    /// A number: voice, SMS and WhatsApp alike.
    Phone,
    /// An e-mail address.
    Mail,
    /// An Instagram account.
    Instagram,
    /// A visitor of a web chat.
    Visitor,
    /// WhatsApp's own name of somebody who hides their number, or of a group.
    Whatsapp,
}

impl IdentityKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Mail => "mail",
            Self::Instagram => "instagram",
            Self::Visitor => "visitor",
            Self::Whatsapp => "whatsapp",
        }
    }
}

/// One address of a contact.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Identity {
    /// Its id.
    pub id: IdentityId,
    /// What it is.
    pub kind: IdentityKind,
    /// E.164, an e-mail address in lower case, an account.
    pub address: String,
    /// Whether they asked for no more texts.
    pub sms_opted_out: bool,
}

/// An outside person.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Contact {
    /// Its id.
    pub id: ContactId,
    /// What they are called, once somebody knows.
    pub name: Option<String>,
    /// BCP 47.
    pub language: Option<String>,
    /// What staff keep in mind about them.
    pub about: String,
    /// Their addresses, oldest first.
    pub identities: Vec<Identity>,
    /// When we first heard of them.
    pub created_at: Timestamp,
}

/// What staff may change. An empty text clears a field.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactChange {
    /// What they are called.
    pub name: Option<String>,
    /// BCP 47.
    pub language: Option<String>,
    /// What staff keep in mind about them.
    pub about: Option<String>,
}

/// Somebody by their address.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Who they are.
    pub contact: ContactId,
    /// The address they were found by.
    pub identity: IdentityId,
    /// Whether they asked for no more texts to it.
    pub sms_opted_out: bool,
}

/// Finds whose address this is, or makes a contact for it. Two that meet the same stranger at once make one contact.
pub async fn meet(tx: &mut Tx, kind: IdentityKind, address: &str, name: Option<&str>) -> Result<Known> {
    if let Some(known) = find(tx, kind, address).await? {
        if let Some(name) = name {
            name_unnamed(tx, known.contact, name).await?;
        }
        return Ok(known);
    }
    let tenant = tx.tenant();
    let contact = stranger(tx, name).await?;
    if let Some(identity) = add_identity(tx, contact, kind, address).await? {
        return Ok(Known {
            contact,
            identity,
            sms_opted_out: false,
        });
    }
    // Somebody else's transaction made it meanwhile and has committed.
    sqlx::query!(
        "DELETE FROM contacts WHERE tenant_id = $1 AND id = $2",
        tenant.uuid(),
        contact.uuid()
    )
    .execute(&mut **tx)
    .await?;
    find(tx, kind, address)
        .await?
        .ok_or_else(|| anyhow::anyhow!("the identity in the way is gone").into())
}

/// A contact of whom no address is known.
pub async fn stranger(tx: &mut Tx, name: Option<&str>) -> Result<ContactId> {
    let now = tx.now();
    let contact = ContactId::at(now);
    sqlx::query!(
        "INSERT INTO contacts (tenant_id, id, name, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)",
        tx.tenant().uuid(),
        contact.uuid(),
        name,
        now as _
    )
    .execute(&mut **tx)
    .await?;
    Ok(contact)
}

/// Gives a contact a further address; `None` when it is somebody's already, whose it stays.
pub async fn add_identity(
    tx: &mut Tx,
    contact: ContactId,
    kind: IdentityKind,
    address: &str,
) -> Result<Option<IdentityId>> {
    let now = tx.now();
    let id = sqlx::query_scalar!(
        "INSERT INTO identities (tenant_id, id, contact_id, kind, address, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT ON CONSTRAINT identities_address_key DO NOTHING RETURNING id",
        tx.tenant().uuid(),
        IdentityId::at(now).uuid(),
        contact.uuid(),
        kind.as_str(),
        address,
        now as _
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(id)
}

/// Whose address it is.
pub async fn find(tx: &mut Tx, kind: IdentityKind, address: &str) -> Result<Option<Known>> {
    let row = sqlx::query!(
        "SELECT id, contact_id, sms_opted_out_at FROM identities
         WHERE tenant_id = $1 AND kind = $2 AND address = $3",
        tx.tenant().uuid(),
        kind.as_str(),
        address
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(|row| Known {
        contact: row.contact_id,
        identity: row.id,
        sms_opted_out: row.sms_opted_out_at.is_some(),
    }))
}

/// What somebody says they are called, where staff have not said otherwise.
async fn name_unnamed(tx: &mut Tx, contact: ContactId, name: &str) -> Result<()> {
    let now = tx.now();
    let named = sqlx::query!(
        "UPDATE contacts SET name = $3, updated_at = $4 WHERE tenant_id = $1 AND id = $2 AND name IS NULL",
        tx.tenant().uuid(),
        contact.uuid(),
        name,
        now as _
    )
    .execute(&mut **tx)
    .await?;
    if named.rows_affected() == 1 {
        tell(tx, contact).await?;
    }
    Ok(())
}

/// Writes down that somebody said at `at` that they want no texts, or want them again. Says whether that is news; what was
/// said before the last word that counted is none.
pub async fn opt_out(tx: &mut Tx, known: Known, out: bool, at: Timestamp) -> Result<bool> {
    let now = tx.now();
    let before = sqlx::query!(
        r#"SELECT sms_opted_out_at IS NOT NULL AS "out!", sms_keyword_at FROM identities
         WHERE tenant_id = $1 AND id = $2 FOR UPDATE"#,
        tx.tenant().uuid(),
        known.identity.uuid()
    )
    .fetch_one(&mut **tx)
    .await?;
    if !crate::opt_out::counts(before.sms_keyword_at, out, at) {
        return Ok(false);
    }
    sqlx::query!(
        "UPDATE identities SET sms_keyword_at = $4,
             sms_opted_out_at = CASE WHEN $3 THEN coalesce(sms_opted_out_at, $5::timestamptz) END
         WHERE tenant_id = $1 AND id = $2",
        tx.tenant().uuid(),
        known.identity.uuid(),
        out,
        at as _,
        now as _
    )
    .execute(&mut **tx)
    .await?;
    let changed = before.out != out;
    if changed {
        tell(tx, known.contact).await?;
    }
    Ok(changed)
}

/// One contact with all addresses.
pub async fn get(tx: &mut Tx, id: ContactId) -> Result<Contact> {
    let row = sqlx::query!(
        "SELECT id, name, language, about, created_at FROM contacts WHERE tenant_id = $1 AND id = $2",
        tx.tenant().uuid(),
        id.uuid()
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or(Error::NotFound("contact"))?;
    let identities = sqlx::query_as!(
        Identity,
        r#"SELECT id, kind AS "kind: IdentityKind", address, sms_opted_out_at IS NOT NULL AS "sms_opted_out!"
         FROM identities WHERE tenant_id = $1 AND contact_id = $2 ORDER BY id"#,
        tx.tenant().uuid(),
        id.uuid()
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(Contact {
        id: row.id,
        name: row.name,
        language: row.language,
        about: row.about,
        identities,
        created_at: row.created_at,
    })
}

/// Changes what staff know of a contact.
pub async fn change(tx: &mut Tx, id: ContactId, change: ContactChange) -> Result<Contact> {
    let limits = [
        ("name", &change.name, 120),
        ("language", &change.language, 35),
        ("about", &change.about, 8_000),
    ];
    for (field, text, most) in limits {
        if text.as_ref().is_some_and(|text| text.chars().count() > most) {
            return Err(Error::field(
                field,
                format!("must have {most} characters at most"),
            ));
        }
    }
    let now = tx.now();
    let done = sqlx::query!(
        "UPDATE contacts SET name = CASE WHEN $3::text IS NULL THEN name ELSE NULLIF($3, '') END,
             language = CASE WHEN $4::text IS NULL THEN language ELSE NULLIF($4, '') END,
             about = COALESCE($5, about), updated_at = $6
         WHERE tenant_id = $1 AND id = $2",
        tx.tenant().uuid(),
        id.uuid(),
        change.name,
        change.language,
        change.about,
        now as _
    )
    .execute(&mut **tx)
    .await?;
    if done.rows_affected() == 0 {
        return Err(Error::NotFound("contact"));
    }
    tell(tx, id).await
}

async fn tell(tx: &mut Tx, id: ContactId) -> Result<Contact> {
    let contact = get(tx, id).await?;
    tx.emit(NewEvent::new(
        "contact.updated",
        &serde_json::json!({ "contact": contact }),
    )?);
    Ok(contact)
}
