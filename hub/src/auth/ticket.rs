//! One-time tickets for sockets, whose addresses end up in logs: thirty seconds, one use, one purpose, one person.
//!
//! The ticket itself is signed and says everything, so Redis only marks it as used. While Redis is away each process marks
//! for itself; after a flush a ticket could be used again for what is left of its thirty seconds, by the one who has it.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use fred::prelude::{Expiration, KeysInterface as _, SetOptions};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use super::access::{self, Claims};
use super::{UNAUTHORIZED, snapshot};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::ids::{CallId, TenantId, random_hex};
use crate::principal::{Actor, Principal};
use crate::{Hub, api_key, keys};

/// How long a ticket is good.
pub const LIFE: Duration = Duration::from_secs(30);
/// Markers outlive every ticket, whatever our clocks say.
const MARKED_MS: i64 = 90_000;
const REDIS_LIMIT: Duration = Duration::from_millis(250);

/// What a ticket opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The live feed.
    Live,
    /// The audio of one call.
    CallAudio(CallId),
}

/// What the holder of a good ticket is, and until when a socket may live on it.
#[derive(Clone, Debug)]
pub struct Redeemed {
    /// Who they are now.
    pub principal: Principal,
    /// When the socket needs another ticket.
    pub until: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    tenant: Uuid,
    holder: Holder,
    purpose: Purpose,
    expires_ms: i64,
    nonce: String,
}

#[derive(Serialize, Deserialize)]
enum Holder {
    Staff { id: Uuid, family: Uuid, session: i32 },
    ApiKey { id: Uuid },
}

/// A ticket for `principal`.
pub fn create(hub: &Hub, principal: &Principal, purpose: Purpose) -> Result<String> {
    let holder = match principal.actor() {
        Actor::Staff {
            id, session, family, ..
        } => Holder::Staff {
            id: id.uuid(),
            family: family.uuid(),
            session: *session,
        },
        Actor::ApiKey { id } => Holder::ApiKey { id: id.uuid() },
        // A visit looks at what is asked for, request by request; it follows nothing live.
        Actor::Operator { .. } => return Err(Error::Forbidden),
    };
    let body = Body {
        tenant: principal.tenant().uuid(),
        holder,
        purpose,
        expires_ms: hub.clock.now().after(LIFE).as_millisecond(),
        nonce: random_hex(16),
    };
    let body = serde_json::to_vec(&body).map_err(anyhow::Error::from)?;
    Ok(format!(
        "{}.{}",
        BASE64.encode(&body),
        BASE64.encode(tag(hub, &body))
    ))
}

/// Uses a ticket up.
///
/// # Errors
/// `Unauthorized`, the same whether it is forged, expired, used, for another purpose, or its holder signed out.
pub async fn redeem(hub: &Hub, ticket: &str, purpose: Purpose) -> Result<Redeemed> {
    let body = read(hub, ticket).ok_or(UNAUTHORIZED)?;
    let tenant = TenantId::trusted(body.tenant);
    let now = hub.clock.now();
    if body.purpose != purpose
        || body.expires_ms <= now.as_millisecond()
        || !first_use(hub, tenant, body.nonce).await
    {
        return Err(UNAUTHORIZED);
    }
    let principal = match body.holder {
        Holder::Staff { id, family, session } => {
            let claims = Claims {
                tenant,
                staff: id.into(),
                family: family.into(),
                session,
            };
            snapshot::current(hub, claims).await?
        }
        Holder::ApiKey { id } => api_key::recheck(hub, tenant, id.into()).await?,
    };
    let until = now.after(access::LIFE);
    Ok(Redeemed { principal, until })
}

fn read(hub: &Hub, ticket: &str) -> Option<Body> {
    let (body, signed) = ticket.split_once('.').filter(|_| ticket.len() <= 1_024)?;
    let (body, signed) = (BASE64.decode(body).ok()?, BASE64.decode(signed).ok()?);
    let good = bool::from(tag(hub, &body).as_slice().ct_eq(signed.as_slice()));
    good.then(|| serde_json::from_slice(&body).ok()).flatten()
}

async fn first_use(hub: &Hub, tenant: TenantId, nonce: String) -> bool {
    let key = keys::ticket_used(tenant, &nonce);
    if !hub.auth.used_tickets.entry(nonce).or_insert(()).await.is_fresh() {
        return false;
    }
    let (life, new) = (Some(Expiration::PX(MARKED_MS)), Some(SetOptions::NX));
    let marked = hub
        .kv
        .client()
        .set::<Option<String>, _, _>(key, 1, life, new, false);
    match tokio::time::timeout(REDIS_LIMIT, marked).await {
        Ok(Ok(stored)) => stored.is_some(),
        // Redis is away: this process's own marker has to do.
        _ => true,
    }
}

fn tag(hub: &Hub, body: &[u8]) -> [u8; 32] {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(&hub.sealer.derived("ticket")).expect("HMAC takes keys of any length");
    mac.update(body);
    mac.finalize().into_bytes().into()
}
