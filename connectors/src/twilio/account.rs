//! A tenant's Twilio account: who it is and the keys that prove its requests and ours.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

/// The account and its credentials, as they are sealed in a connection. `Debug` shows no secret.
#[derive(Clone, Debug, Deserialize)]
pub struct Account {
    /// `AC…`.
    pub sid: String,
    /// The primary auth token: signs Twilio's requests, and ours when there is no API key.
    pub auth_token: SecretString,
    /// The other token while they are rotated.
    #[serde(default)]
    pub secondary_auth_token: Option<SecretString>,
    /// `SK…`: an API key for our requests; it outlives a rotation of the tokens.
    #[serde(default)]
    pub api_key_sid: Option<String>,
    /// Its secret.
    #[serde(default)]
    pub api_key_secret: Option<SecretString>,
    /// Keys that sign Twilio's requests instead of the auth token, by the id its header names.
    #[serde(default)]
    pub shared_keys: Vec<SharedKey>,
}

/// A key shared for signing webhooks.
#[derive(Clone, Debug, Deserialize)]
pub struct SharedKey {
    /// As `X-Twilio-Webhooks-Signature-Settings` names it.
    pub id: String,
    /// The secret.
    pub secret: SecretString,
}

/// The form in which an account is sealed; the one place where its secrets are written out.
#[derive(Serialize)]
struct Plain<'a> {
    sid: &'a str,
    auth_token: &'a str,
    secondary_auth_token: Option<&'a str>,
    api_key_sid: Option<&'a str>,
    api_key_secret: Option<&'a str>,
    shared_keys: Vec<PlainKey<'a>>,
}

#[derive(Serialize)]
struct PlainKey<'a> {
    id: &'a str,
    secret: &'a str,
}

impl Account {
    /// The account as JSON with its secrets, to be sealed at once.
    ///
    /// # Errors
    /// Never in practice: every field is text.
    pub fn to_plain_json(&self) -> serde_json::Result<zeroize::Zeroizing<Vec<u8>>> {
        let plain = Plain {
            sid: &self.sid,
            auth_token: self.auth_token.expose_secret(),
            secondary_auth_token: self
                .secondary_auth_token
                .as_ref()
                .map(ExposeSecret::expose_secret),
            api_key_sid: self.api_key_sid.as_deref(),
            api_key_secret: self.api_key_secret.as_ref().map(ExposeSecret::expose_secret),
            shared_keys: self
                .shared_keys
                .iter()
                .map(|key| PlainKey {
                    id: &key.id,
                    secret: key.secret.expose_secret(),
                })
                .collect(),
        };
        serde_json::to_vec(&plain).map(zeroize::Zeroizing::new)
    }

    /// Reads what [`Self::to_plain_json`] wrote.
    ///
    /// # Errors
    /// When it is not that.
    pub fn from_plain_json(plain: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(plain)
    }
}
