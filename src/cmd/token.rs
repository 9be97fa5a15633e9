//! `switchboard token`: makes and lists API keys of a tenant's machines.

use std::path::Path;

use anyhow::Result;
use clap::Subcommand;
use hub::api_key::{self, NewApiKey};
use hub::role::Role;

use super::{role, tenant_named};
use crate::{process, progress};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Makes a key and prints its secret, which is never shown again.
    Create {
        /// What it is for.
        name: String,
        /// The tenant's slug.
        #[arg(long)]
        tenant: String,
        /// What it may do: `admin`, `staff` or `read_only`.
        #[arg(long, default_value = "staff", value_parser = role)]
        role: Role,
    },
    /// Lists a tenant's keys.
    List {
        /// The tenant's slug.
        #[arg(long)]
        tenant: String,
    },
}

pub(crate) async fn run(file: Option<&Path>, command: Command) -> Result<()> {
    let hub = process::connect(process::settings("token", file, &[])?).await?;
    match command {
        Command::Create { name, tenant, role } => {
            let tenant = tenant_named(&hub, &tenant).await?;
            let created = api_key::create(&hub, tenant, None, NewApiKey { name, role }).await?;
            progress::output(&created.secret);
        }
        Command::List { tenant } => {
            let tenant = tenant_named(&hub, &tenant).await?;
            for key in api_key::list(&hub, tenant).await? {
                progress::output(&format!(
                    "…{}\t{}\t{}",
                    key.last_four,
                    key.role.as_str(),
                    key.name
                ));
            }
        }
    }
    Ok(())
}
