//! Sign-in: who somebody is (`access`, `api_key`, `snapshot`), how they came in (`login`, `link`, `refresh`, `totp`), and
//! how it ends (`revocation`). Passwords, tokens and codes are stored as hashes or sealed; each is shown once.

pub mod access;
pub mod revocation;
mod snapshot;

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;

use crate::error::{Error, Result};
use crate::principal::Principal;
use crate::seal::Sealer;
use crate::{Hub, api_key};

pub use revocation::Revoked;

/// How stale a role, a membership or a key may be in this process. With the other second of a request's life it keeps the
/// promise "within 2 s" without Redis, which only makes it faster.
const STALE_MAX: Duration = Duration::from_secs(1);
/// Entries of each cache; the least used go first.
const CACHED_MAX: u64 = 20_000;

/// What sign-in keeps in this process: keys and short caches. Part of [`Hub`].
#[derive(Clone)]
pub struct Auth {
    pub(crate) access: Arc<access::Keys>,
    pub(crate) snapshots: Cache<snapshot::Key, Option<Arc<snapshot::Snapshot>>>,
    pub(crate) api_keys: Cache<[u8; 32], Option<Principal>>,
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
    }
}

/// The one answer to every token that is not good.
pub(crate) const UNAUTHORIZED: Error = Error::Unauthorized {
    code: "unauthorized",
    detail: "sign in again",
};
