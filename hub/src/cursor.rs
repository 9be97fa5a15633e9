//! Pages of lists. A cursor says where a page ended; it is signed, and good only for the tenant and the query it came from.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::Hub;
use crate::error::{Error, Result};
use crate::ids::TenantId;

/// Items of a page when the request does not say.
pub const LIMIT_DEFAULT: u32 = 50;
/// Items of a page at most.
pub const LIMIT_MAX: u32 = 200;
/// Bytes of the signature kept: 128 bits.
const TAG_LEN: usize = 16;

/// How every list is asked for.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Items of a page, 1 to 200.
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

impl PageQuery {
    /// The limit within bounds.
    pub fn limit(&self) -> u32 {
        limit(self.limit)
    }
}

/// A requested limit within bounds.
pub fn limit(asked: Option<u32>) -> u32 {
    asked.unwrap_or(LIMIT_DEFAULT).clamp(1, LIMIT_MAX)
}

/// One page of a list.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Page<T> {
    /// In the list's order.
    pub items: Vec<T>,
    /// Asks for what follows; none at the end.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Makes a page of `items`, of which the deed read one more than `limit` to see whether more follow.
    pub fn cut<P: Serialize>(
        hub: &Hub,
        tenant: TenantId,
        query: &str,
        limit: u32,
        mut items: Vec<T>,
        position: impl FnOnce(&T) -> P,
    ) -> Result<Self> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next_cursor = match items.last().filter(|_| more) {
            Some(last) => Some(seal(hub, tenant, query, &position(last))?),
            None => None,
        };
        Ok(Self { items, next_cursor })
    }
}

/// A cursor for `position`. `query` names the list and its filters: `"conversations?status=open"`.
pub fn seal(hub: &Hub, tenant: TenantId, query: &str, position: &impl Serialize) -> Result<String> {
    let body = serde_json::to_vec(position).map_err(anyhow::Error::from)?;
    let tag = tag(hub, tenant, query, &body);
    Ok(BASE64.encode([&tag[..], &body].concat()))
}

/// The position a cursor stands for.
///
/// # Errors
/// `Malformed` unless [`seal`] made it for this tenant and query.
pub fn open<P: DeserializeOwned>(
    hub: &Hub,
    tenant: TenantId,
    query: &str,
    cursor: Option<&str>,
) -> Result<Option<P>> {
    let Some(cursor) = cursor else {
        return Ok(None);
    };
    let refused = || Error::Malformed {
        code: "bad_cursor",
        detail: "this cursor does not belong to this list; begin without one".to_owned(),
    };
    let bytes = BASE64.decode(cursor).ok().ok_or_else(refused)?;
    let (signed, body) = bytes.split_at_checked(TAG_LEN).ok_or_else(refused)?;
    if !bool::from(signed.ct_eq(&tag(hub, tenant, query, body))) {
        return Err(refused());
    }
    serde_json::from_slice(body).ok().map(Some).ok_or_else(refused)
}

fn tag(hub: &Hub, tenant: TenantId, query: &str, body: &[u8]) -> [u8; TAG_LEN] {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(&hub.sealer.derived("cursor")).expect("HMAC takes keys of any length");
    mac.update(tenant.uuid().as_bytes());
    mac.update(&u64::try_from(query.len()).unwrap_or(u64::MAX).to_be_bytes());
    mac.update(query.as_bytes());
    mac.update(body);
    let full: [u8; 32] = mac.finalize().into_bytes().into();
    let mut tag = [0; TAG_LEN];
    tag.copy_from_slice(full.split_at(TAG_LEN).0);
    tag
}
