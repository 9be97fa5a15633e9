//! Tokens for a call's sockets: signed, short, good for one call and one purpose, and carried in the path, since Twilio
//! strips queries. Whoever opens a media socket must also name the call's own provider id on it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::Hub;
use crate::clock::Timestamp;
use crate::ids::{CallId, TenantId};

/// What a token opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// `/media/twilio/{token}`.
    Twilio,
    /// `/media/phone/{token}`.
    Phone,
    /// `/api/v1/calls/{id}/audio`.
    Listen,
}

impl Purpose {
    fn tag(self) -> u8 {
        match self {
            Self::Twilio => b't',
            Self::Phone => b'p',
            Self::Listen => b'l',
        }
    }
}

const BODY: usize = 1 + 16 + 16 + 8;
const PROOF: usize = 16;

/// Makes a token that is good until `expires`.
pub fn mint(hub: &Hub, purpose: Purpose, tenant: TenantId, call: CallId, expires: Timestamp) -> String {
    let mut bytes = Vec::with_capacity(BODY + PROOF);
    bytes.push(purpose.tag());
    bytes.extend(tenant.uuid().as_bytes());
    bytes.extend(call.uuid().as_bytes());
    bytes.extend(expires.as_second().to_be_bytes());
    let proof = prove(hub, &bytes).finalize().into_bytes();
    bytes.extend(proof.iter().take(PROOF));
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Whose call the token opens; `None` for anything not minted here, for another purpose, or too old.
pub fn open(hub: &Hub, purpose: Purpose, token: &str) -> Option<(TenantId, CallId)> {
    if token.len() > 128 {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (body, proof) = bytes.split_at_checked(BODY)?;
    if proof.len() != PROOF || prove(hub, body).verify_truncated_left(proof).is_err() {
        return None;
    }
    let (tag, rest) = body.split_first()?;
    let (tenant, rest) = rest.split_at_checked(16)?;
    let (call, expires) = rest.split_at_checked(16)?;
    let expires = i64::from_be_bytes(expires.try_into().ok()?);
    let good = *tag == purpose.tag() && hub.clock.now().as_second() <= expires;
    let tenant = TenantId::trusted(uuid::Uuid::from_slice(tenant).ok()?);
    good.then_some((tenant, CallId::from(uuid::Uuid::from_slice(call).ok()?)))
}

fn prove(hub: &Hub, body: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&hub.sealer.derived("call-token"))
        .expect("HMAC takes keys of any length");
    mac.update(body);
    mac
}
