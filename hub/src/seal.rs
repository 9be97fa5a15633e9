//! Tenants' secrets at rest: AES-256-GCM under a key derived from `SECRET_KEY`, bound to the place they are stored in.
//! A ciphertext moved to another tenant, table, column or row does not open.

use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use anyhow::{Context as _, anyhow};
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

use crate::ids::{TenantId, random_bytes};

/// The column a secret lives in.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Whose it is.
    pub tenant: TenantId,
    /// Table name.
    pub table: &'a str,
    /// Column name.
    pub column: &'a str,
    /// The row's own id.
    pub row: uuid::Uuid,
}

impl Place<'_> {
    fn associated_data(&self) -> Vec<u8> {
        format!("v1|{}|{}|{}|{}", self.tenant, self.table, self.column, self.row).into_bytes()
    }
}

/// Seals and opens; also the root of the installation's other keys.
#[derive(Clone)]
pub struct Sealer {
    cipher: Aes256Gcm,
    root: std::sync::Arc<SecretString>,
}

impl Sealer {
    /// Derives the sealing key from the configured secret.
    pub fn new(secret: &SecretString) -> Self {
        let key = derive(secret, "seal");
        Self {
            cipher: Aes256Gcm::new(&key.into()),
            root: std::sync::Arc::new(secret.clone()),
        }
    }

    /// A key for another purpose (`"access-token"`, …), independent of the sealing key.
    pub fn derived(&self, purpose: &str) -> [u8; 32] {
        derive(&self.root, purpose)
    }

    /// Seals `plain` for `place`: version byte, 12 bytes of nonce, ciphertext with tag.
    pub fn seal(&self, place: Place<'_>, plain: &[u8]) -> anyhow::Result<Vec<u8>> {
        let nonce = random_bytes(12);
        let aad = place.associated_data();
        let sealed = self
            .cipher
            .encrypt(
                Nonce::from_slice(&nonce),
                Payload {
                    msg: plain,
                    aad: &aad,
                },
            )
            .map_err(|_opaque| anyhow!("seal {}.{}", place.table, place.column))?;
        Ok([&[1_u8][..], &nonce, &sealed].concat())
    }

    /// Opens what [`Self::seal`] made for the same place.
    pub fn open(&self, place: Place<'_>, sealed: &[u8]) -> anyhow::Result<Vec<u8>> {
        let (version, rest) = sealed.split_first().context("sealed value is empty")?;
        anyhow::ensure!(*version == 1, "sealed by a later version ({version})");
        let (nonce, body) = rest.split_at_checked(12).context("sealed value is too short")?;
        let aad = place.associated_data();
        self.cipher
            .decrypt(Nonce::from_slice(nonce), Payload { msg: body, aad: &aad })
            .map_err(|_opaque| {
                anyhow!(
                    "open {}.{}: wrong SECRET_KEY, or moved from another row",
                    place.table,
                    place.column
                )
            })
    }
}

/// One HMAC is an HKDF-Expand of one block, and the configured secret is long enough to need no extract step's salt.
fn derive(secret: &SecretString, purpose: &str) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes())
        .expect("HMAC takes keys of any length");
    mac.update(b"switchboard/v1/");
    mac.update(purpose.as_bytes());
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn opens_only_in_its_own_place() {
        let sealer = Sealer::new(&"a secret of some length, for a test".into());
        let tenant = TenantId::at(Timestamp::from(jiff::Timestamp::UNIX_EPOCH));
        let other = TenantId::at(Timestamp::from(jiff::Timestamp::UNIX_EPOCH));
        let place = Place {
            tenant,
            table: "connections",
            column: "credentials",
            row: uuid::Uuid::nil(),
        };
        let sealed = sealer.seal(place, b"token").unwrap();
        assert_eq!(sealer.open(place, &sealed).unwrap(), b"token");
        assert!(
            sealer
                .open(
                    Place {
                        tenant: other,
                        ..place
                    },
                    &sealed
                )
                .is_err()
        );
        assert!(
            sealer
                .open(
                    Place {
                        column: "other",
                        ..place
                    },
                    &sealed
                )
                .is_err()
        );
        assert!(
            sealer
                .open(
                    Place {
                        row: uuid::Uuid::max(),
                        ..place
                    },
                    &sealed
                )
                .is_err()
        );
        assert!(!sealed.windows(5).any(|bytes| bytes == b"token"));
    }
}
