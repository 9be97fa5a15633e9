//! Sign-in: who somebody is (`access`, `api_key`, `snapshot`), how they came in (`login`, `link`, `refresh`, `totp`), and
//! how it ends (`revocation`). Passwords, tokens and codes are stored as hashes or sealed; each is shown once.

pub mod access;
mod device;
pub mod link;
pub mod login;
pub(crate) mod password;
pub(crate) mod refresh;
pub mod revocation;
mod session;
mod snapshot;
mod sweep;
pub(crate) mod throttle;
pub mod ticket;
pub mod totp;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use moka::future::Cache;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::ids::{RowId, TenantId};
use crate::principal::Principal;
use crate::seal::Sealer;
use crate::{Hub, api_key, visit};

pub use revocation::Revoked;
pub use session::{Came, Opened, Session, refresh, sign_out};
pub use sweep::sweep;

/// How stale a role, a membership or a key may be in this process. With the other second of a request's life it keeps the
/// promise "within 2 s" without Redis, which only makes it faster.
const STALE_MAX: Duration = Duration::from_secs(1);
/// Entries of each cache; the least used go first.
const CACHED_MAX: u64 = 20_000;

/// Tickets this process remembers as used, for when Redis is away.
const TICKETS_MARKED_MAX: u64 = 100_000;

/// What sign-in keeps in this process: keys and short caches. Part of [`Hub`].
#[derive(Clone)]
pub struct Auth {
    pub(crate) access: Arc<access::Keys>,
    pub(crate) snapshots: Cache<snapshot::Key, Option<Arc<snapshot::Snapshot>>>,
    pub(crate) api_keys: Cache<[u8; 32], Option<Principal>>,
    pub(crate) used_tickets: Cache<String, ()>,
    pub(crate) hashing: password::Hashing,
    pub(crate) fallback: throttle::Fallback,
}

impl Auth {
    /// Derives the keys.
    pub fn new(sealer: &Sealer) -> Self {
        Self {
            access: Arc::new(access::Keys::new(&sealer.derived("access-token"))),
            snapshots: Cache::builder()
                .max_capacity(CACHED_MAX)
                .time_to_live(STALE_MAX)
                .build(),
            api_keys: Cache::builder()
                .max_capacity(CACHED_MAX)
                .time_to_live(STALE_MAX)
                .build(),
            used_tickets: Cache::builder()
                .max_capacity(TICKETS_MARKED_MAX)
                .time_to_live(ticket::LIFE.saturating_mul(2))
                .build(),
            hashing: password::Hashing::new(),
            fallback: throttle::Fallback::new(),
        }
    }
}

/// Who a bearer token or API key is.
///
/// # Errors
/// `Unauthorized`, the same for every reason, when it is nobody (any more).
pub async fn authenticate(hub: &Hub, bearer: &str) -> Result<Principal> {
    if bearer.starts_with(api_key::PREFIX) {
        return api_key::authenticate(hub, bearer).await;
    }
    if bearer.starts_with(visit::PREFIX) {
        return visit::authenticate(hub, bearer).await;
    }
    let claims = hub
        .auth
        .access
        .read(bearer, hub.clock.now())
        .ok_or(UNAUTHORIZED)?;
    snapshot::current(hub, claims).await
}

/// The same principal with what is true of them now: for sockets, which outlive the token they were opened with.
///
/// # Errors
/// `Unauthorized` when they were signed out, disabled, changed, or their key revoked.
pub async fn recheck(hub: &Hub, principal: &Principal) -> Result<Principal> {
    match principal.actor() {
        crate::principal::Actor::Staff {
            id, session, family, ..
        } => {
            let claims = access::Claims {
                tenant: principal.tenant(),
                staff: *id,
                family: *family,
                session: *session,
            };
            snapshot::current(hub, claims).await
        }
        crate::principal::Actor::ApiKey { id } => api_key::recheck(hub, principal.tenant(), *id).await,
        crate::principal::Actor::Operator { visit, .. } => {
            visit::recheck(hub, principal.tenant(), *visit).await
        }
    }
}

/// Charges a guess at somebody's own password or code; they are signed in already.
pub(crate) async fn charge_code(hub: &Hub, staff: crate::ids::StaffId) -> Result<()> {
    throttle::charge(hub, throttle::CODE, &staff.to_string()).await
}

/// The guess was right.
pub(crate) async fn give_code_back(hub: &Hub, staff: crate::ids::StaffId) {
    throttle::give_back(hub, throttle::CODE, &staff.to_string()).await;
}

/// The one answer to every token that is not good.
pub(crate) const UNAUTHORIZED: Error = Error::Unauthorized {
    code: "unauthorized",
    detail: "sign in again",
};

/// A stored secret as its holder carries it: tenant, row and 32 random bytes. The row has only the bytes' hash.
fn name_token(tenant: TenantId, row: RowId, secret: &[u8]) -> String {
    BASE64.encode([tenant.uuid().as_bytes().as_slice(), row.uuid().as_bytes(), secret].concat())
}

/// The parts of [`name_token`]. The tenant is only where we look: the row's hash proves the rest.
fn parse_token(token: &str) -> Option<(TenantId, RowId, Vec<u8>)> {
    let bytes = BASE64.decode(token).ok().filter(|bytes| bytes.len() == 64)?;
    let (names, secret) = bytes.split_at_checked(32)?;
    let (tenant, row) = names.split_at_checked(16)?;
    let tenant = Uuid::from_slice(tenant).ok()?;
    let row = Uuid::from_slice(row).ok()?;
    Some((TenantId::trusted(tenant), row.into(), secret.to_vec()))
}
