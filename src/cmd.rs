//! The subcommands: each wires a role or does one deed, and decides nothing.

pub(crate) mod api;
pub(crate) mod calls;
pub(crate) mod doctor;
pub(crate) mod migrate;
pub(crate) mod openapi;
pub(crate) mod scheduler;
pub(crate) mod seed;
#[cfg(feature = "whatsapp-web")]
pub(crate) mod shard_worker;
pub(crate) mod tenant;
pub(crate) mod token;
pub(crate) mod up;
pub(crate) mod user;
#[cfg(feature = "whatsapp-web")]
pub(crate) mod whatsapp;
pub(crate) mod worker;

use anyhow::{Context as _, Result};
use hub::Hub;
use hub::ids::TenantId;
use hub::role::Role;

/// The tenant that an operator means.
async fn tenant_named(hub: &Hub, slug: &str) -> Result<TenantId> {
    let tenant = hub::tenant::by_slug(hub, slug).await?;
    let tenant =
        tenant.with_context(|| format!("there is no tenant {slug}; `switchboard tenant list` has all"))?;
    Ok(tenant.id)
}

/// A role by its name.
fn role(name: &str) -> Result<Role, String> {
    let roles = [
        Role::ReadOnly,
        Role::Staff,
        Role::Admin,
        Role::Owner,
        Role::SystemAdmin,
    ];
    let found = roles.into_iter().find(|role| role.as_str() == name);
    found.ok_or_else(|| {
        format!(
            "there is no role {name}; there are {}",
            roles.map(Role::as_str).join(", ")
        )
    })
}
