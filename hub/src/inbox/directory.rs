//! From an address to its tenant, inbox and credentials, remembered for a few seconds so that a flood of forged requests
//! makes no queries: what was known is asked about again at most once in [`FRESH`], what never was at most so often in all.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use moka::future::Cache;
use zeroize::Zeroizing;

use super::{Channel, Inbox};
use crate::Hub;
use crate::error::{Error, Result};
use crate::ids::TenantId;
use crate::seal::Place;

/// How long an answer is believed: a rotated key or a disabled inbox counts after this.
const FRESH: Duration = Duration::from_secs(5);
/// How long an address is known to be one we had.
const KNOWN: Duration = Duration::from_hours(1);
/// Addresses remembered; the least used go first.
const ADDRESSES_MAX: u64 = 50_000;
/// Look-ups of addresses never seen, a second and process; above it they are answered as unknown.
const STRANGERS_PER_S: NonZeroU32 = NonZeroU32::new(100).expect("a hundred is not zero");

/// An inbox found by its address, and what proves requests to it.
pub struct Addressed {
    /// Whose it is.
    pub tenant: TenantId,
    /// The inbox.
    pub inbox: Inbox,
    /// The provider's name of the account that carries it.
    pub account: Option<String>,
    /// The account's credentials, opened.
    pub credentials: Option<Zeroizing<Vec<u8>>>,
    /// The tenant is switched off: what comes is kept, nothing is answered but that.
    pub suspended: bool,
    /// How the tenant's numbers without a prefix are read (ISO 3166).
    pub country: String,
}

impl std::fmt::Debug for Addressed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Addressed")
            .field("tenant", &self.tenant)
            .field("inbox", &self.inbox.id)
            .finish_non_exhaustive()
    }
}

type Key = (Channel, String);

/// What this process remembers. Cheap to clone.
#[derive(Clone)]
pub struct Directory {
    /// Answers that are believed; requests that ask the same at once wait for one look-up.
    answers: Cache<Key, Option<Arc<Addressed>>>,
    /// Addresses that were somebody's.
    known: Cache<Key, ()>,
    limit: Arc<DefaultDirectRateLimiter>,
}

impl Default for Directory {
    fn default() -> Self {
        Self {
            answers: Cache::builder()
                .max_capacity(ADDRESSES_MAX)
                .time_to_live(FRESH)
                .build(),
            known: Cache::builder()
                .max_capacity(ADDRESSES_MAX)
                .time_to_live(KNOWN)
                .build(),
            limit: Arc::new(RateLimiter::direct(Quota::per_second(STRANGERS_PER_S))),
        }
    }
}

/// Why there is no answer, for all who waited for it.
enum Missed {
    /// Too many strangers just now.
    Shed,
    Failed(Error),
}

/// Whose address this is. `None` for one that nobody has, or whose inbox is disabled.
pub async fn by_address(hub: &Hub, channel: Channel, address: &str) -> Result<Option<Arc<Addressed>>> {
    let key = (channel, address.to_owned());
    if let Some(answer) = hub.inboxes.answers.get(&key).await {
        return Ok(answer);
    }
    let asked = hub
        .inboxes
        .answers
        .try_get_with(key.clone(), Box::pin(ask(hub, &key)))
        .await;
    match asked.as_ref().map_err(AsRef::as_ref) {
        Ok(answer) => Ok(answer.clone()),
        Err(Missed::Shed) => Ok(None),
        Err(Missed::Failed(fault)) => Err(Error::Unavailable(
            "the directory of inboxes",
            anyhow::anyhow!("{fault:?}"),
        )),
    }
}

async fn ask(hub: &Hub, key: &Key) -> Result<Option<Arc<Addressed>>, Missed> {
    let directory = &hub.inboxes;
    if !directory.known.contains_key(key) && directory.limit.check().is_err() {
        metrics::counter!("switchboard_unknown_addresses_shed_total").increment(1);
        return Err(Missed::Shed);
    }
    let found = look_up(hub, key.0, &key.1).await.map_err(Missed::Failed)?;
    if found.is_some() {
        directory.known.insert(key.clone(), ()).await;
    }
    Ok(found.map(Arc::new))
}

async fn look_up(hub: &Hub, channel: Channel, address: &str) -> Result<Option<Addressed>> {
    let mut system = hub.db.system().await?;
    let route = sqlx::query!(
        "SELECT tenant_id, inbox_id FROM inbox_routes WHERE channel = $1 AND address = $2",
        channel.as_str(),
        address
    )
    .fetch_optional(&mut *system)
    .await?;
    system.commit().await?;
    let Some(route) = route else {
        return Ok(None);
    };
    let mut tx = hub.db.tenant(route.tenant_id).await?;
    let row = sqlx::query!(
        r#"SELECT i.id, i.channel AS "channel: Channel", i.address, i.name, i.connection_id, i.settings,
             i.created_at, t.country, t.suspended_at IS NOT NULL AS "suspended!", c.account AS "account?", c.credentials_sealed AS "credentials_sealed?"
         FROM inboxes i
         JOIN tenants t ON t.id = i.tenant_id
         LEFT JOIN connections c ON c.tenant_id = i.tenant_id AND c.id = i.connection_id
         WHERE i.tenant_id = $1 AND i.id = $2 AND i.disabled_at IS NULL"#,
        route.tenant_id.uuid(),
        route.inbox_id.uuid()
    )
    .fetch_optional(&mut *tx)
    .await?;
    tx.commit().await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let credentials = match (row.connection_id, row.credentials_sealed) {
        (Some(connection), Some(sealed)) => {
            let place = Place {
                tenant: route.tenant_id,
                table: "connections",
                column: "credentials_sealed",
                row: connection.uuid(),
            };
            Some(Zeroizing::new(hub.sealer.open(place, &sealed)?))
        }
        _ => None,
    };
    Ok(Some(Addressed {
        tenant: route.tenant_id,
        inbox: Inbox {
            id: row.id,
            channel: row.channel,
            address: row.address,
            name: row.name,
            connection_id: row.connection_id,
            settings: row.settings,
            disabled: false,
            created_at: row.created_at,
        },
        account: row.account,
        credentials,
        suspended: row.suspended,
        country: row.country,
    }))
}
