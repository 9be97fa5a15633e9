//! `switchboard tenant`: makes and lists tenants.
use std::path::Path;

use anyhow::Result;
use clap::Subcommand;
use hub::tenant::{self, NewTenant};

use crate::process;
use crate::progress;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Makes a tenant.
    Create {
        /// Its name in host names and links: lower-case letters, digits and hyphens.
        slug: String,
        /// Its name for people; the slug if not given.
        #[arg(long)]
        name: Option<String>,
        /// IANA time zone of its opening hours.
        #[arg(long, default_value = "UTC")]
        timezone: String,
    },
    /// Lists all tenants.
    List,
}

pub(crate) async fn run(file: Option<&Path>, command: Command) -> Result<()> {
    let hub = process::connect(process::settings("tenant", file, &[])?).await?;
    match command {
        Command::Create { slug, name, timezone } => {
            let name = name.as_deref().unwrap_or(&slug);
            let id = tenant::create(
                &hub,
                NewTenant {
                    slug: &slug,
                    name,
                    timezone: &timezone,
                },
            )
            .await?;
            progress::output(&id.to_string());
        }
        Command::List => {
            for tenant in tenant::list(&hub).await? {
                progress::output(&format!(
                    "{}\t{}\t{}\t{}",
                    tenant.id, tenant.slug, tenant.name, tenant.timezone
                ));
            }
        }
    }
    Ok(())
}
