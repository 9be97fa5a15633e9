//! Tokens that must not pass: every way of RFC 8725 to forge one, and every claim missing or wrong.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::*;

const KEY: [u8; 32] = [7; 32];

fn now() -> Timestamp {
    "2026-05-01T12:00:00Z".parse::<jiff::Timestamp>().unwrap().into()
}

fn claims() -> Claims {
    Claims {
        tenant: TenantId::at(now()),
        staff: StaffId::at(now()),
        family: FamilyId::at(now()),
        session: 3,
    }
}

/// A token of any header and body, with a good signature.
fn signed(header: &str, body: &str) -> String {
    let text = format!("{}.{}", BASE64.encode(header), BASE64.encode(body));
    let mut mac = Hmac::<Sha256>::new_from_slice(&KEY).unwrap();
    mac.update(text.as_bytes());
    format!("{text}.{}", BASE64.encode(mac.finalize().into_bytes()))
}

fn body() -> Value {
    let claims = claims();
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": claims.staff, "tid": claims.tenant, "fid": claims.family, "ver": 3,
        "iat": now().as_second(), "nbf": now().as_second(), "exp": now().as_second() + 600,
    })
}

const GOOD_HEADER: &str = r#"{"typ":"at+jwt","alg":"HS256"}"#;

#[test]
fn a_token_says_who_it_was_made_for_until_it_expires() {
    let (keys, claims) = (Keys::new(&KEY), claims());
    let token = keys.make(claims, now()).unwrap();
    assert_eq!(keys.read(&token, now()), Some(claims));
    assert_eq!(
        keys.read(&token, now().after(Duration::from_secs(599))),
        Some(claims)
    );
    assert_eq!(keys.read(&token, now().after(LIFE)), None);
    assert_eq!(keys.read(&token, now().before(Duration::from_secs(31))), None);
    assert!(
        keys.read(&signed(GOOD_HEADER, &body().to_string()), now())
            .is_some()
    );
}

#[test]
fn forged_headers_and_signatures_do_not_pass() {
    let keys = Keys::new(&KEY);
    for header in [
        r#"{"typ":"at+jwt","alg":"none"}"#,
        r#"{"typ":"at+jwt","alg":"None"}"#,
        r#"{"typ":"at+jwt","alg":"nOnE"}"#,
        r#"{"typ":"at+jwt","alg":"HS512"}"#,
        r#"{"typ":"at+jwt","alg":"RS256"}"#,
        r#"{"typ":"at+jwt","alg":"ES256"}"#,
        r#"{"typ":"JWT","alg":"HS256"}"#,
        r#"{"typ":"rt+jwt","alg":"HS256"}"#,
        r#"{"alg":"HS256"}"#,
        r#"{"typ":"at+jwt","alg":"HS256","kid":"../../dev/null"}"#,
        r#"{"typ":"at+jwt","alg":"HS256","kid":"' OR 1=1 --"}"#,
        r#"{"typ":"at+jwt","alg":"HS256","jku":"https://evil.example/keys"}"#,
        r#"{"typ":"at+jwt","alg":"HS256","x5u":"https://evil.example/keys"}"#,
        r#"{"typ":"at+jwt","alg":"HS256","jwk":{"kty":"oct","k":"AAAA"}}"#,
    ] {
        assert_eq!(
            keys.read(&signed(header, &body().to_string()), now()),
            None,
            "{header}"
        );
    }
    let good = signed(GOOD_HEADER, &body().to_string());
    let (text, signature) = good.rsplit_once('.').unwrap();
    for broken in [
        format!("{text}."),
        text.to_owned(),
        format!("{text}.{}", signature.split_at(20).0),
        format!("{good}."),
        format!("{good}a"),
        format!(" {good}"),
        Keys::new(&[8; 32]).make(claims(), now()).unwrap(),
        "a".repeat(1_000_000),
        String::new(),
    ] {
        assert_eq!(keys.read(&broken, now()), None, "{broken:.60}");
    }
}

#[test]
fn every_claim_is_required_and_of_its_own_kind() {
    let keys = Keys::new(&KEY);
    for name in ["iss", "aud", "sub", "tid", "fid", "ver", "iat", "nbf", "exp"] {
        let mut without = body();
        without.as_object_mut().unwrap().remove(name);
        assert_eq!(
            keys.read(&signed(GOOD_HEADER, &without.to_string()), now()),
            None,
            "without {name}"
        );
    }
    let at = now().as_second();
    for (name, value) in [
        ("iss", json!("somebody")),
        ("aud", json!("switchboard-refresh")),
        ("aud", json!([AUDIENCE, "another"])),
        ("exp", json!((at + 600).to_string())),
        ("exp", json!(600.5)),
        ("exp", json!(9_223_372_036_854_775_807_i64)),
        ("exp", json!(u64::MAX)),
        ("exp", json!(at - 1)),
        ("exp", json!(at + 86_400)),
        ("nbf", json!(at + 31)),
        ("iat", json!(at + 31)),
        ("ver", json!("3")),
        ("admin", json!(true)),
    ] {
        let mut other = body();
        other[name] = value.clone();
        assert_eq!(
            keys.read(&signed(GOOD_HEADER, &other.to_string()), now()),
            None,
            "{name} = {value}"
        );
    }
    let twice = body().to_string().replacen('{', r#"{"ver":1,"#, 1);
    assert_eq!(keys.read(&signed(GOOD_HEADER, &twice), now()), None);
}
