//! Known devices: a browser that signed in to an account carries a signed mark of it, and is counted apart from strangers
//! who guess at the same account.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::Hub;
use crate::ids::random_bytes;

/// A mark for a browser that just signed in as `email`.
pub(super) fn mark(hub: &Hub, email: &str) -> String {
    let name = random_bytes(16);
    BASE64.encode([&name[..], &tag(hub, email, &name)].concat())
}

/// The name of a device that signed in as `email` before; none when the mark is not ours or another account's.
pub(super) fn known(hub: &Hub, email: &str, mark: &str) -> Option<String> {
    let bytes = BASE64.decode(mark).ok()?;
    let (name, signed) = bytes.split_at_checked(16)?;
    bool::from(tag(hub, email, name).as_slice().ct_eq(signed)).then(|| hex::encode(name))
}

fn tag(hub: &Hub, email: &str, name: &[u8]) -> [u8; 32] {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(&hub.sealer.derived("device")).expect("HMAC takes keys of any length");
    mac.update(name);
    mac.update(email.as_bytes());
    mac.finalize().into_bytes().into()
}
