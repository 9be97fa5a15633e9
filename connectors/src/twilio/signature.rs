//! Proof that a request is Twilio's: an HMAC over the URL it called and the parameters it sent, under a key the tenant
//! shares with it. The URL is built from our configured origin, never from request headers, and the raw request target.
//!
//! Twilio's back ends disagree with each other about ports and query encoding, so, as its own libraries do, we accept a
//! few spellings of the one URL. Unlike them we also accept an explicit `:443` on `wss`. A path is never respelled.

mod spelling;
#[cfg(test)]
mod tests;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::header::HeaderMap;
use secrecy::ExposeSecret;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

use super::Account;

/// The header with the signature.
pub const SIGNATURE: &str = "x-twilio-signature";
/// The header that names a shared key and its algorithm; absent for auth tokens.
pub const SETTINGS: &str = "x-twilio-webhooks-signature-settings";

/// Why a request was refused. For a metric's label; the client is told nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No signature, or more than one, or one that is not base64 of the right length.
    #[error("malformed")]
    Malformed,
    /// Signed with a key or algorithm we do not have.
    #[error("unknown_key")]
    UnknownKey,
    /// The body is not what was signed.
    #[error("body_hash")]
    BodyHash,
    /// The signature is of something else.
    #[error("mismatch")]
    Mismatch,
}

/// How a shared key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// What auth tokens sign with; 20 bytes.
    HmacSha1,
    /// 32 bytes.
    HmacSha256,
}

/// What came in the headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    mac: Vec<u8>,
    algorithm: Algorithm,
    key: Option<String>,
}

/// What came as the body; it decides what was signed beside the URL.
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    /// `application/x-www-form-urlencoded`: the parameters are signed.
    Form(&'a [u8]),
    /// Anything else with content: its SHA-256 is in the URL.
    Other(&'a [u8]),
    /// GET requests and WebSocket upgrades: the URL alone.
    Empty,
}

impl Presented {
    /// Reads the headers; refuses what Twilio never sends before any key is looked up.
    pub fn from_headers(headers: &HeaderMap) -> Result<Self, Refusal> {
        let signature = only_one(headers, SIGNATURE)?.ok_or(Refusal::Malformed)?;
        Self::parse(signature, only_one(headers, SETTINGS)?)
    }

    /// The same from the headers' values.
    pub fn parse(signature: &str, settings: Option<&str>) -> Result<Self, Refusal> {
        let (key, algorithm) = read_settings(settings.unwrap_or_default())?;
        let mac = STANDARD
            .decode(signature)
            .map_err(|_not_base64| Refusal::Malformed)?;
        let length = match algorithm {
            Algorithm::HmacSha1 => 20,
            Algorithm::HmacSha256 => 32,
        };
        if mac.len() != length {
            return Err(Refusal::Malformed);
        }
        Ok(Self { mac, algorithm, key })
    }

    /// Checks the signature against every key of the account it could be from. `url` is our configured origin and the
    /// raw request target (path and query as they came in).
    pub fn verify(&self, account: &Account, url: &str, body: Body<'_>) -> Result<(), Refusal> {
        let keys = self.keys(account)?;
        let parameters = match body {
            Body::Form(raw) => parameters_text(raw),
            Body::Other(raw) => {
                check_body_hash(url, raw)?;
                String::new()
            }
            Body::Empty => String::new(),
        };
        let mut right = Choice::from(0);
        for spelling in spelling::of(url) {
            for key in &keys {
                right |= self
                    .mac
                    .ct_eq(&mac(self.algorithm, key.as_bytes(), &spelling, &parameters));
            }
        }
        if bool::from(right) {
            Ok(())
        } else {
            Err(Refusal::Mismatch)
        }
    }

    /// A named key is that shared key alone: a tenant that moved to shared keys is not forged with a leaked old token's
    /// algorithm, and the other way about.
    fn keys<'a>(&self, account: &'a Account) -> Result<Vec<&'a str>, Refusal> {
        let Some(id) = &self.key else {
            if self.algorithm != Algorithm::HmacSha1 {
                return Err(Refusal::UnknownKey);
            }
            let secondary = account.secondary_auth_token.as_ref();
            let tokens = std::iter::once(&account.auth_token).chain(secondary);
            // An empty key would verify what anybody can compute.
            return Ok(tokens
                .map(ExposeSecret::expose_secret)
                .filter(|token| !token.is_empty())
                .collect());
        };
        let key = account
            .shared_keys
            .iter()
            .find(|key| key.id == *id)
            .ok_or(Refusal::UnknownKey)?;
        match key.secret.expose_secret() {
            "" => Err(Refusal::UnknownKey),
            secret => Ok(vec![secret]),
        }
    }
}

/// The signature of a request, in base64: what Twilio would send. For the emulator's peers and for tests.
pub fn sign(algorithm: Algorithm, key: &str, url: &str, form: &[u8]) -> String {
    STANDARD.encode(mac(algorithm, key.as_bytes(), url, &parameters_text(form)))
}

fn mac(algorithm: Algorithm, key: &[u8], url: &str, parameters: &str) -> Vec<u8> {
    match algorithm {
        Algorithm::HmacSha1 => {
            let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes keys of any length");
            mac.update(url.as_bytes());
            mac.update(parameters.as_bytes());
            mac.finalize().into_bytes().to_vec()
        }
        Algorithm::HmacSha256 => {
            let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
            mac.update(url.as_bytes());
            mac.update(parameters.as_bytes());
            mac.finalize().into_bytes().to_vec()
        }
    }
}

/// Each name and value without separators, in byte order of the names; a repeated name's distinct values in theirs.
fn parameters_text(form: &[u8]) -> String {
    let mut pairs: Vec<_> = url::form_urlencoded::parse(form).collect();
    pairs.sort_unstable();
    pairs.dedup();
    let mut text = String::with_capacity(form.len());
    for (name, value) in &pairs {
        text.push_str(name);
        text.push_str(value);
    }
    text
}

fn check_body_hash(url: &str, body: &[u8]) -> Result<(), Refusal> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let mut hashes = url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "bodySHA256");
    let (Some((_, claimed)), None) = (hashes.next(), hashes.next()) else {
        return Err(Refusal::BodyHash);
    };
    let mut claimed_bytes = [0; 32];
    hex::decode_to_slice(claimed.as_bytes(), &mut claimed_bytes).map_err(|_not_hex| Refusal::BodyHash)?;
    if bool::from(Sha256::digest(body).as_slice().ct_eq(&claimed_bytes)) {
        Ok(())
    } else {
        Err(Refusal::BodyHash)
    }
}

fn only_one<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(Refusal::Malformed);
    }
    first
        .map(|value| value.to_str().map_err(|_not_text| Refusal::Malformed))
        .transpose()
}

/// `key=<id>,algorithm=<name>`; without an algorithm it is the old scheme.
fn read_settings(settings: &str) -> Result<(Option<String>, Algorithm), Refusal> {
    let (mut key, mut algorithm) = (None, Algorithm::HmacSha1);
    for part in settings.split(',') {
        match part
            .split_once('=')
            .map(|(name, value)| (name.trim(), value.trim()))
        {
            Some(("key", id)) if !id.is_empty() => key = Some(id.to_owned()),
            Some(("algorithm", name)) if name.eq_ignore_ascii_case("HMAC_SHA256") => {
                algorithm = Algorithm::HmacSha256;
            }
            Some(("algorithm", name)) if name.is_empty() || name.eq_ignore_ascii_case("HMAC_SHA1") => {}
            Some(("algorithm", _)) => return Err(Refusal::UnknownKey),
            _ => {}
        }
    }
    Ok((key, algorithm))
}
