//! Twilio's webhook signatures: HMAC-SHA1 with the auth token, or HMAC-SHA256 with a shared key.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::Sha256;

/// Header that carries the signature.
pub const SIGNATURE: &str = "X-Twilio-Signature";
/// Header that names the shared key and the algorithm; absent for the auth-token scheme.
pub const SETTINGS: &str = "X-Twilio-Webhooks-Signature-Settings";

/// A key made for signing webhooks only, apart from the auth token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SharedKey {
    /// The key's name in the settings header.
    pub id: String,
    /// The secret itself.
    pub secret: String,
}

/// What is signed: the URL, then every parameter by name in byte order, values of one name distinct and sorted.
pub fn text(url: &str, params: &[(String, String)]) -> String {
    let url = url.split('#').next().unwrap_or_default();
    let mut pairs: Vec<&(String, String)> = params.iter().collect();
    pairs.sort();
    pairs.dedup();
    pairs
        .into_iter()
        .fold(url.to_owned(), |text, (name, value)| text + name + value)
}

/// The headers that prove the request is Twilio's.
pub fn headers(
    auth_token: &str,
    shared: Option<&SharedKey>,
    url: &str,
    params: &[(String, String)],
) -> Vec<(&'static str, String)> {
    let text = text(url, params);
    match shared {
        None => vec![(SIGNATURE, sha1(auth_token, &text))],
        Some(key) => vec![
            (SIGNATURE, sha256(&key.secret, &text)),
            (SETTINGS, format!("key={},algorithm=HMAC_SHA256", key.id)),
        ],
    }
}

fn sha1(key: &str, text: &str) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(key.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

fn sha256(key: &str, text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_vector_comes_out() {
        let params = [
            ("To", "+18005551212"),
            ("CallSid", "CA1234567890ABCDE"),
            ("Caller", "+14158675309"),
            ("Digits", "1234"),
            ("From", "+14158675309"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let headers = headers(
            "12345",
            None,
            "https://mycompany.com/myapp.php?foo=1&bar=2",
            &params,
        );
        assert_eq!(headers, [(SIGNATURE, "RSOYDt4T1cUTdK1PDd93/VVr8B8=".to_owned())]);
    }

    #[test]
    fn repeated_values_count_once_and_fragments_not_at_all() {
        let params = [("A", "2"), ("A", "1"), ("A", "2")].map(|(n, v)| (n.to_owned(), v.to_owned()));
        assert_eq!(text("https://x.test/y#rc=2", &params), "https://x.test/yA1A2");
    }
}
