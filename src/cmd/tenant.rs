//! `switchboard tenant`: makes and lists tenants, switches them off and on, sets their limits.
use std::path::Path;

use anyhow::Result;
use clap::Subcommand;
use hub::platform::{self, Limits, Overview, Reason};
use hub::tenant::{self, NewTenant};

use super::tenant_named;
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
    /// Lists all tenants, what they use, and which are switched off.
    List,
    /// Switches a tenant off: nobody signs in, callers are told, texts are kept and none leaves.
    Suspend {
        /// Its slug.
        slug: String,
        /// Why, for its audit log.
        #[arg(long)]
        reason: String,
    },
    /// Switches a tenant on again.
    Resume {
        /// Its slug.
        slug: String,
        /// Why, for its audit log.
        #[arg(long)]
        reason: String,
    },
    /// Shows a tenant's limits, or sets them.
    Limits {
        /// Its slug.
        slug: String,
        /// Calls at once.
        #[arg(long)]
        max_concurrent_calls: Option<i32>,
    },
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
            for one in platform::overview(&hub).await? {
                progress::output(&line(&one));
            }
        }
        Command::Suspend { slug, reason } => {
            let tenant = tenant_named(&hub, &slug).await?;
            let one = platform::suspend(&hub, None, tenant, &Reason { reason }).await?;
            progress::output(&line(&one));
        }
        Command::Resume { slug, reason } => {
            let tenant = tenant_named(&hub, &slug).await?;
            let one = platform::resume(&hub, None, tenant, &Reason { reason }).await?;
            progress::output(&line(&one));
        }
        Command::Limits {
            slug,
            max_concurrent_calls,
        } => {
            let tenant = tenant_named(&hub, &slug).await?;
            let one = match max_concurrent_calls {
                Some(max_concurrent_calls) => {
                    let limits = Limits { max_concurrent_calls };
                    platform::limit(&hub, None, tenant, &limits).await?
                }
                None => platform::overview_of(&hub, tenant).await?,
            };
            progress::output(&line(&one));
        }
    }
    Ok(())
}

fn line(one: &Overview) -> String {
    let (tenant, usage) = (&one.tenant, &one.usage);
    let state = match &one.suspended_reason {
        Some(reason) => format!("suspended: {reason}"),
        None if tenant.suspended_at.is_some() => "suspended".to_owned(),
        None => "on".to_owned(),
    };
    format!(
        "{}\t{}\t{}\t{}\t{} staff\t{} of {} calls at once\t{} calls in 30 days\t{state}",
        tenant.id,
        tenant.slug,
        tenant.name,
        tenant.timezone,
        usage.staff,
        usage.calls_live,
        tenant.max_concurrent_calls,
        usage.calls_30d
    )
}
