//! The demo tenant: what a newcomer finds after the first `up`.

use std::time::Duration;

use anyhow::{Context as _, Result};
use hub::Hub;
use hub::auth::link;
use hub::demo_page;
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
        let tenant = create(hub).await?;
        if is_private(hub) {
            open_demo_pages(hub, tenant).await?;
        }
        return Ok(true);
    }
    Ok(tenants.iter().any(|tenant| tenant.slug == SLUG))
}

/// Whether only this machine reaches us: `up` on loopback, and no proxy's address in front of it.
fn is_private(hub: &Hub) -> bool {
    let host = hub.config.public_url.host_str();
    let here = matches!(host, Some("localhost" | "127.0.0.1" | "[::1]"));
    here && hub.config.listen.up.ip().is_loopback()
}

/// The address of the demo tenant's page for visitors, while it is open.
pub(crate) async fn page(hub: &Hub) -> Result<Option<String>> {
    let Some(tenant) = tenant::by_slug(hub, SLUG).await? else {
        return Ok(None);
    };
    let mut tx = hub.db.tenant(tenant.id).await?;
    let mut address = None;
    for inbox in inbox::list(&mut tx).await? {
        let page = demo_page::get(hub, &mut tx, inbox.id).await?;
        address = address.or(page.url.filter(|_| page.enabled));
    }
    tx.commit().await?;
    Ok(address)
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

/// Where only this machine reaches us, the demo's page is open from the start.
async fn open_demo_pages(hub: &Hub, tenant: TenantId) -> Result<()> {
    let mut tx = hub.db.tenant(tenant).await?;
    for inbox in inbox::list(&mut tx).await? {
        if inbox.channel == Channel::Voice {
            demo_page::set(hub, &mut tx, None, inbox.id, (true, false))
                .await
                .context("open the demo page")?;
        }
    }
    tx.commit().await.context("open the demo pages")
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
