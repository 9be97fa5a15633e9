//! Sessions that were linked elsewhere come in with what their library keeps, instead of being linked by their owner's phone.

use serde_json::json;

use crate::Hub;
use crate::audit::{self, Line};
use crate::error::{Error, Result};
use crate::ids::TenantId;
use crate::shard;

use super::state::{self, Entry};
use super::{Session, create, hold};

/// A session as it comes in.
#[derive(Clone, Copy, Debug)]
pub struct Import<'a> {
    /// For staff; its inbox has the same name.
    pub name: &'a str,
    /// Whose account it is, in E.164.
    pub phone: &'a str,
    /// What the account calls itself.
    pub push_name: Option<&'a str>,
    /// The kind of the values.
    pub kind: &'a str,
    /// What the library keeps.
    pub values: &'a [Entry],
}

/// Makes a session that is linked already; its worker connects it. Whoever worked it until now must have stopped: two
/// that hold the same keys throw each other out.
///
/// # Errors
/// `already_linked` when the tenant has a session of this number, and whatever [`create`] says.
pub async fn import(hub: &Hub, tenant: TenantId, import: Import<'_>) -> Result<Session> {
    // First, and harmless without a session: a session without a shard would never be worked.
    shard::assign(hub, tenant).await?;
    let mut tx = hub.db.tenant(tenant).await?;
    let known = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM sessions WHERE tenant_id = $1 AND phone = $2) AS "known!""#,
        tenant.uuid(),
        import.phone
    )
    .fetch_one(&mut *tx)
    .await?;
    if known {
        let what = format!("{} is linked already", import.phone);
        return Err(Error::conflict("already_linked", what));
    }
    let made = create(&mut tx, import.name, None).await?;
    state::put(hub, &mut tx, made.id, import.kind, import.values).await?;
    let line = Line::new("session.created").target("session", made.id.uuid());
    audit::record(&mut tx, None, line.detail(json!({ "imported": import.phone }))).await?;
    let linked = hold::link(&mut tx, made.id, made.inbox_id, import.phone, import.push_name).await?;
    tx.wake_shards();
    tx.commit().await?;
    Ok(linked)
}
