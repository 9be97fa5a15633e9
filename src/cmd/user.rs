//! `switchboard user`: adds staff to a tenant, lists them, and makes links that sign them in.

use std::path::Path;

use anyhow::{Context as _, Result};
use clap::Subcommand;
use hub::Hub;
use hub::auth::link;
use hub::ids::TenantId;
use hub::role::Role;
use hub::staff::{self, NewStaff};

use super::{role, tenant_named};
use crate::{process, progress};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Adds somebody and prints a link that signs them in.
    Create {
        /// Their address.
        email: String,
        /// The tenant's slug.
        #[arg(long)]
        tenant: String,
        /// What they may do.
        #[arg(long, default_value = "staff", value_parser = role)]
        role: Role,
        /// Their name; the address if not given.
        #[arg(long)]
        name: Option<String>,
    },
    /// Prints a link that signs somebody in, once, for half an hour: for those who have lost their password.
    Link {
        /// Their address.
        email: String,
        /// The tenant's slug.
        #[arg(long)]
        tenant: String,
    },
    /// Lists a tenant's staff.
    List {
        /// The tenant's slug.
        #[arg(long)]
        tenant: String,
    },
}

pub(crate) async fn run(file: Option<&Path>, command: Command) -> Result<()> {
    let hub = process::connect(process::settings("user", file, &[])?).await?;
    match command {
        Command::Create {
            email,
            tenant,
            role,
            name,
        } => {
            let tenant = tenant_named(&hub, &tenant).await?;
            let name = name.unwrap_or_else(|| email.clone());
            let staff = staff::create(&hub, tenant, None, NewStaff { email, name, role }, None).await?;
            progress::output(&link::create(&hub, tenant, staff.id, link::INVITATION_LIFE).await?);
        }
        Command::Link { email, tenant } => {
            let tenant = tenant_named(&hub, &tenant).await?;
            progress::output(&way_back(&hub, tenant, &email).await?);
        }
        Command::List { tenant } => {
            let tenant = tenant_named(&hub, &tenant).await?;
            for staff in staff::list(&hub, tenant).await? {
                let state = if staff.disabled { "disabled" } else { "" };
                progress::output(&format!(
                    "{}\t{}\t{}\t{state}",
                    staff.email,
                    staff.role.as_str(),
                    staff.name
                ));
            }
        }
    }
    Ok(())
}

async fn way_back(hub: &Hub, tenant: TenantId, email: &str) -> Result<String> {
    let email = email.trim().to_lowercase();
    let staff = staff::list(hub, tenant).await?;
    let staff = staff.into_iter().find(|staff| staff.email == email);
    let staff = staff.with_context(|| format!("nobody of this tenant has the address {email}"))?;
    Ok(link::create(hub, tenant, staff.id, link::RETURN_LIFE).await?)
}
