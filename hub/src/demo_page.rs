//! Demo pages: a number's agent, called by anybody from a public page, where the business switched that on. The page's key
//! is public, so it opens nothing but that one thing, and everything about it is limited.

use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;

use crate::audit::{self, Line};
use crate::auth::throttle::{self, Limit};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::{InboxId, TenantId, random_hex};
use crate::inbox::{self, Channel};
use crate::principal::Principal;
use crate::{Hub, agent_settings, tenant};

/// Looking a page up: sixty at once, then one a second from one address.
const LOOK: Limit = Limit::steady("demo_look", 60, Duration::from_secs(1));

/// A number's demo page, as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct DemoPage {
    /// Whether anybody may call there now.
    pub enabled: bool,
    /// Its public address; none before it was first switched on.
    pub url: Option<String>,
}

/// A demo page, as its visitors see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Welcome {
    /// The business's name.
    pub business: String,
    /// What the agent calls itself.
    pub agent: String,
    /// A call ends politely after this.
    pub max_duration_s: u64,
}

/// A page that is open.
pub(crate) struct Open {
    pub(crate) tenant: TenantId,
    pub(crate) inbox: InboxId,
}

/// How a number's page stands.
pub async fn get(hub: &Hub, tx: &mut Tx, inbox: InboxId) -> Result<DemoPage> {
    inbox::get(tx, inbox).await?;
    let row = sqlx::query!(
        "SELECT key, enabled FROM demo_pages WHERE tenant_id = $1 AND inbox_id = $2",
        tx.tenant().uuid(),
        inbox.uuid()
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(DemoPage {
        enabled: row.as_ref().is_some_and(|row| row.enabled),
        url: row.map(|row| hub.config.public(&format!("/try/{}", row.key))),
    })
}

/// Switches a number's page on or off; `new_address` gives it another, so that the one before leads nowhere. Without a
/// principal the system did it.
///
/// # Errors
/// `NotFound`, or `Invalid` for an inbox that takes no calls.
pub async fn set(
    hub: &Hub,
    tx: &mut Tx,
    by: Option<&Principal>,
    inbox: InboxId,
    (enabled, new_address): (bool, bool),
) -> Result<DemoPage> {
    let (tenant, now) = (tx.tenant(), tx.now());
    if inbox::get(tx, inbox).await?.channel != Channel::Voice {
        return Err(Error::invalid(
            "no_calls",
            "only a number that takes calls has a demo page",
        ));
    }
    sqlx::query!(
        "INSERT INTO demo_pages (tenant_id, inbox_id, key, enabled, created_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (tenant_id, inbox_id) DO UPDATE
         SET enabled = excluded.enabled, key = CASE WHEN $6 THEN excluded.key ELSE demo_pages.key END",
        tenant.uuid(),
        inbox.uuid(),
        format!("d_{}", random_hex(12)),
        enabled,
        now as _,
        new_address
    )
    .execute(&mut **tx)
    .await?;
    let detail = serde_json::json!({ "enabled": enabled, "new_address": new_address });
    let line = Line::new("demo_page.set")
        .target("inbox", inbox.uuid())
        .detail(detail);
    audit::record(tx, by, line).await?;
    get(hub, tx, inbox).await
}

/// What a visitor is shown.
///
/// # Errors
/// `NotFound` for a key that nobody has and for a page that is switched off: the two are the same.
pub async fn welcome(hub: &Hub, key: &str, from: IpAddr) -> Result<Welcome> {
    let page = find(hub, key, from).await?;
    let business = tenant::get(hub, page.tenant).await?.name;
    let mut tx = hub.db.tenant(page.tenant).await?;
    let (settings, _version) = agent_settings::get(&mut tx).await?;
    tx.commit().await?;
    let longest = crate::call::visitor::DURATION_MAX.as_secs();
    Ok(Welcome {
        business,
        agent: settings.name,
        max_duration_s: longest.min(settings.max_duration_s.into()),
    })
}

/// The open page of this key.
pub(crate) async fn find(hub: &Hub, key: &str, from: IpAddr) -> Result<Open> {
    throttle::charge(hub, LOOK, &throttle::neighbourhood(from)).await?;
    let missing = || Error::NotFound("demo page");
    if key.len() != 26 || !key.starts_with("d_") {
        return Err(missing());
    }
    let mut system = hub.db.system().await?;
    let row = sqlx::query!(
        "SELECT tenant_id, inbox_id FROM demo_pages WHERE key = $1 AND enabled",
        key
    )
    .fetch_optional(&mut *system)
    .await?;
    system.commit().await?;
    let row = row.ok_or_else(missing)?;
    if tenant::get(hub, row.tenant_id).await?.suspended_at.is_some() {
        return Err(missing());
    }
    let mut tx = hub.db.tenant(row.tenant_id).await?;
    let disabled = inbox::get(&mut tx, row.inbox_id).await?.disabled;
    tx.commit().await?;
    if disabled {
        return Err(missing());
    }
    Ok(Open {
        tenant: row.tenant_id,
        inbox: row.inbox_id,
    })
}

/// Until the transaction ends, nobody else begins a call from this page.
pub(crate) async fn lock(tx: &mut Tx, inbox: InboxId) -> Result<()> {
    sqlx::query!(
        r#"SELECT 1 AS "one!" FROM demo_pages WHERE tenant_id = $1 AND inbox_id = $2 FOR UPDATE"#,
        tx.tenant().uuid(),
        inbox.uuid()
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(())
}
