//! The demo tenant: what a newcomer finds after the first `up`.

use std::time::Duration;

use anyhow::{Context as _, Result};
use hub::Hub;
use hub::auth::link;
use hub::ids::{StaffId, TenantId};
use hub::inbox::{self, Channel, NewInbox};
use hub::role::Role;
use hub::staff::{self, NewStaff};
use hub::tenant::{self, NewTenant};

const SLUG: &str = "demo";
/// Reserved for examples, so nobody's mail server ever hears of it.
const OWNER_EMAIL: &str = "owner@demo.example";
/// From the range that is reserved for fiction.
const NUMBER: &str = "+12025550100";
/// A link printed in the morning still works in the evening.
const LINK_LIFE: Duration = Duration::from_hours(24);

/// Makes the demo tenant when the installation has no tenant at all. Says whether there is one now.
pub(crate) async fn ensure_on_first_start(hub: &Hub) -> Result<bool> {
    let tenants = tenant::list(hub).await.context("list the tenants")?;
    if tenants.is_empty() {
        create(hub).await?;
        return Ok(true);
    }
    Ok(tenants.iter().any(|tenant| tenant.slug == SLUG))
}

/// Makes the demo tenant unless it exists.
pub(crate) async fn ensure(hub: &Hub) -> Result<TenantId> {
    match tenant::by_slug(hub, SLUG)
        .await
        .context("look for the demo tenant")?
    {
        Some(tenant) => Ok(tenant.id),
        None => create(hub).await,
    }
}

/// A link that signs in as the demo's owner, once.
pub(crate) async fn sign_in_link(hub: &Hub) -> Result<String> {
    let tenant = ensure(hub).await?;
    let owner = match find_owner(hub, tenant).await? {
        Some(owner) => owner,
        None => create_owner(hub, tenant).await?,
    };
    let link = link::create(hub, tenant, owner, LINK_LIFE).await;
    link.context("make a link that signs in")
}

async fn create(hub: &Hub) -> Result<TenantId> {
    let new = NewTenant {
        slug: SLUG,
        name: "Demo",
        timezone: "UTC",
    };
    let tenant = tenant::create(hub, new).await.context("make the demo tenant")?;
    create_owner(hub, tenant).await?;
    let mut tx = hub.db.tenant(tenant).await?;
    let inboxes = [
        (Channel::Voice, Some(NUMBER), "Reception"),
        (Channel::Form, None, "Contact form"),
    ];
    for (channel, address, name) in inboxes {
        let new = NewInbox {
            channel,
            address: address.map(str::to_owned),
            name: name.to_owned(),
            connection_id: None,
            settings: None,
        };
        inbox::create(&mut tx, new, "US")
            .await
            .with_context(|| format!("make the inbox {name}"))?;
    }
    tx.commit().await.context("make the demo tenant's inboxes")?;
    Ok(tenant)
}

async fn find_owner(hub: &Hub, tenant: TenantId) -> Result<Option<StaffId>> {
    let staff = staff::list(hub, tenant)
        .await
        .context("look for the demo's owner")?;
    Ok(staff
        .into_iter()
        .find(|staff| staff.email == OWNER_EMAIL && !staff.disabled)
        .map(|staff| staff.id))
}

async fn create_owner(hub: &Hub, tenant: TenantId) -> Result<StaffId> {
    let new = NewStaff {
        email: OWNER_EMAIL.to_owned(),
        name: "Demo Owner".to_owned(),
        role: Role::Owner,
    };
    let staff = staff::create(hub, tenant, None, new, None)
        .await
        .context("make the demo's owner")?;
    Ok(staff.id)
}
