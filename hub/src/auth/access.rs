//! Access tokens: ten minutes, HS256 under a derived key, every claim required and checked against the hub's own clock.

use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::ids::{FamilyId, StaffId, TenantId};

/// How long a token is good.
pub const LIFE: Duration = Duration::from_mins(10);
/// How far clocks of our processes may be apart.
const SKEW_S: i64 = 30;
/// Ours are under 600 bytes; longer ones are not read at all.
const LENGTH_MAX: usize = 2_048;
const ISSUER: &str = "switchboard";
const AUDIENCE: &str = "switchboard-api";
const TYPE: &str = "at+jwt";

/// Who a token was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Their tenant.
    pub tenant: TenantId,
    /// The person.
    pub staff: StaffId,
    /// The sign-in it came from.
    pub family: FamilyId,
    /// Their `session_version` when it was made.
    pub session: i32,
}

/// A second claim of one name is an error of serde's, as are unknown ones, floats and strings in place of numbers.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    iss: String,
    aud: String,
    sub: Uuid,
    tid: Uuid,
    fid: Uuid,
    ver: i32,
    iat: i64,
    nbf: i64,
    exp: i64,
}

/// Makes and reads access tokens.
pub struct Keys {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

impl Keys {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        // Times are compared below, with the clock that tests hold.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Self {
            encoding: EncodingKey::from_secret(key),
            decoding: DecodingKey::from_secret(key),
            validation,
        }
    }

    /// A token for `claims`, good from `now`.
    pub fn make(&self, claims: Claims, now: Timestamp) -> Result<String> {
        let iat = now.as_second();
        let wire = Wire {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: claims.staff.uuid(),
            tid: claims.tenant.uuid(),
            fid: claims.family.uuid(),
            ver: claims.session,
            iat,
            nbf: iat,
            exp: now.after(LIFE).as_second(),
        };
        let mut header = Header::new(Algorithm::HS256);
        header.typ = Some(TYPE.to_owned());
        Ok(jsonwebtoken::encode(&header, &wire, &self.encoding).map_err(anyhow::Error::from)?)
    }

    /// What a good token says; nothing about why a bad one is bad.
    pub fn read(&self, token: &str, now: Timestamp) -> Option<Claims> {
        if token.len() > LENGTH_MAX {
            return None;
        }
        let read = jsonwebtoken::decode::<Wire>(token, &self.decoding, &self.validation).ok()?;
        let header = &read.header;
        let plain = header.typ.as_deref() == Some(TYPE)
            && header.kid.is_none()
            && header.jku.is_none()
            && header.jwk.is_none()
            && header.x5u.is_none()
            && header.x5c.is_none();
        let wire = read.claims;
        let now = now.as_second();
        let life = i64::try_from(LIFE.as_secs()).ok()?;
        let timely = wire.exp > now
            && wire.iat <= now.saturating_add(SKEW_S)
            && wire.nbf <= now.saturating_add(SKEW_S)
            && wire.exp.checked_sub(wire.iat) == Some(life);
        (plain && timely).then(|| Claims {
            tenant: TenantId::trusted(wire.tid),
            staff: wire.sub.into(),
            family: wire.fid.into(),
            session: wire.ver,
        })
    }
}

#[cfg(test)]
mod tests;
