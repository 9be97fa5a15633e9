//! Golden vectors of Twilio's own libraries, forgeries, and the property that one changed byte is refused.

use proptest::prelude::*;
use reqwest::header::{HeaderMap, HeaderValue};

use super::*;
use crate::twilio::SharedKey;

const URL: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";
const FORM: &[u8] =
    b"CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212";
const SIGNED: &str = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";

fn account(token: &str) -> Account {
    Account {
        sid: "AC00000000000000000000000000000001".into(),
        auth_token: token.into(),
        secondary_auth_token: None,
        api_key_sid: None,
        api_key_secret: None,
        shared_keys: Vec::new(),
    }
}

fn verify(account: &Account, signature: &str, url: &str, body: Body<'_>) -> Result<(), Refusal> {
    Presented::parse(signature, None)?.verify(account, url, body)
}

#[test]
fn the_golden_vector_of_the_official_library_verifies() {
    assert_eq!(sign(Algorithm::HmacSha1, "12345", URL, FORM), SIGNED);
    assert_eq!(verify(&account("12345"), SIGNED, URL, Body::Form(FORM)), Ok(()));
    assert_eq!(
        verify(&account("54321"), SIGNED, URL, Body::Form(FORM)),
        Err(Refusal::Mismatch)
    );
}

#[test]
fn a_port_may_be_spelt_or_not_on_every_scheme() {
    for (signed, called) in [
        ("https://a.example:443/x", "https://a.example/x"),
        ("https://a.example/x", "https://a.example:443/x"),
        ("https://a.example/x", "https://a.example:8443/x"),
        ("wss://a.example:443/media/t", "wss://a.example/media/t"),
        ("wss://a.example/media/t", "wss://a.example:443/media/t"),
        ("http://a.example:80/x", "http://a.example/x"),
        ("https://[2001:db8::1]:443/x", "https://[2001:db8::1]/x"),
        ("wss://a.example/", "wss://a.example"),
        ("wss://a.example", "wss://a.example/"),
    ] {
        let signature = sign(Algorithm::HmacSha1, "t", signed, b"");
        assert_eq!(
            verify(&account("t"), &signature, called, Body::Empty),
            Ok(()),
            "{signed} {called}"
        );
    }
    for (signed, called) in [
        ("https://a.example/x/", "https://a.example/x"),
        ("https://a.example/x", "wss://a.example/x"),
        ("https://a.example:8443/x", "https://a.example/x"),
        ("https://b.example/x", "https://a.example/x"),
    ] {
        let signature = sign(Algorithm::HmacSha1, "t", signed, b"");
        assert_eq!(
            verify(&account("t"), &signature, called, Body::Empty),
            Err(Refusal::Mismatch),
            "{signed} {called}"
        );
    }
}

#[test]
fn the_query_may_be_encoded_the_old_way() {
    let signature = sign(Algorithm::HmacSha1, "t", "https://a.example/x?q=a%20b%2Cc", b"");
    assert_eq!(
        verify(
            &account("t"),
            &signature,
            "https://a.example/x?q=a+b,c",
            Body::Empty
        ),
        Ok(())
    );
}

#[test]
fn values_are_signed_as_they_are() {
    // A repeated name's distinct values are sorted; blanks are kept; emoji is UTF-8; an empty value is signed.
    for form in [
        &b"To=b&To=a&To=b"[..],
        b"Body=+padded+&From=",
        "Body=%F0%9F%91%8B&Body2=%C3%A9".as_bytes(),
    ] {
        let signature = sign(Algorithm::HmacSha1, "t", URL, form);
        assert_eq!(verify(&account("t"), &signature, URL, Body::Form(form)), Ok(()));
    }
    assert_eq!(parameters_text(b"b=2&B=1&a=3"), "B1a3b2");
}

#[test]
fn both_tokens_verify_while_they_are_rotated() {
    let rotating = Account {
        secondary_auth_token: Some("new".into()),
        ..account("old")
    };
    for token in ["old", "new"] {
        let signature = sign(Algorithm::HmacSha1, token, URL, FORM);
        assert_eq!(verify(&rotating, &signature, URL, Body::Form(FORM)), Ok(()));
    }
}

#[test]
fn a_shared_key_signs_only_under_its_own_name() {
    let sharing = Account {
        shared_keys: vec![SharedKey {
            id: "webhooks_sharedkey_1".into(),
            secret: "shared".into(),
        }],
        ..account("token")
    };
    let check = |key: &str, algorithm, settings: Option<&str>| {
        let signature = sign(algorithm, key, URL, FORM);
        Presented::parse(&signature, settings)?.verify(&sharing, URL, Body::Form(FORM))
    };
    let settings = Some("key=webhooks_sharedkey_1,algorithm=HMAC_SHA256");
    assert_eq!(check("shared", Algorithm::HmacSha256, settings), Ok(()));
    assert_eq!(
        check(
            "shared",
            Algorithm::HmacSha1,
            Some("key=webhooks_sharedkey_1, algorithm=hmac_sha1")
        ),
        Ok(())
    );
    assert_eq!(
        check("token", Algorithm::HmacSha256, settings),
        Err(Refusal::Mismatch)
    );
    assert_eq!(check("shared", Algorithm::HmacSha1, None), Err(Refusal::Mismatch));
    assert_eq!(
        check(
            "shared",
            Algorithm::HmacSha256,
            Some("key=other,algorithm=HMAC_SHA256")
        ),
        Err(Refusal::UnknownKey)
    );
    assert_eq!(
        check("token", Algorithm::HmacSha256, Some("algorithm=HMAC_SHA256")),
        Err(Refusal::UnknownKey)
    );
    assert_eq!(
        check(
            "shared",
            Algorithm::HmacSha1,
            Some("key=webhooks_sharedkey_1,algorithm=MD5")
        ),
        Err(Refusal::UnknownKey)
    );
}

#[test]
fn a_json_body_is_held_by_its_hash() {
    let body = br#"{"event":"x"}"#;
    let url = format!(
        "https://a.example/x?bodySHA256={}",
        hex::encode(Sha256::digest(body))
    );
    let signature = sign(Algorithm::HmacSha1, "t", &url, b"");
    let account = account("t");
    assert_eq!(verify(&account, &signature, &url, Body::Other(body)), Ok(()));
    assert_eq!(
        verify(&account, &signature, &url, Body::Other(b"{}")),
        Err(Refusal::BodyHash)
    );
    let bare = "https://a.example/x";
    let signature = sign(Algorithm::HmacSha1, "t", bare, b"");
    assert_eq!(
        verify(&account, &signature, bare, Body::Other(body)),
        Err(Refusal::BodyHash)
    );
}

#[test]
fn odd_headers_are_refused_before_any_key_is_tried() {
    let mut headers = HeaderMap::new();
    assert_eq!(Presented::from_headers(&headers), Err(Refusal::Malformed));
    headers.insert(SIGNATURE, HeaderValue::from_static(SIGNED));
    assert!(Presented::from_headers(&headers).is_ok());
    headers.append(SIGNATURE, HeaderValue::from_static(SIGNED));
    assert_eq!(Presented::from_headers(&headers), Err(Refusal::Malformed));
    for odd in [
        "",
        " RSOYDt4T1cUTdK1PDd93/VVr8B8=",
        "RSOYDt4T1cUTdK1PDd93/VVr8B8",
        "4523980ED",
    ] {
        assert_eq!(Presented::parse(odd, None), Err(Refusal::Malformed), "{odd:?}");
    }
}

#[test]
fn an_empty_token_verifies_nothing() {
    let signature = sign(Algorithm::HmacSha1, "", URL, FORM);
    assert_eq!(
        verify(&account(""), &signature, URL, Body::Form(FORM)),
        Err(Refusal::Mismatch)
    );
}

proptest! {
    #[test]
    fn what_is_signed_verifies_and_one_changed_value_does_not(
        pairs in prop::collection::vec(("[A-Za-z]{1,8}", "\\PC{0,12}"), 1..8),
        extra in "\\PC{1,4}",
    ) {
        let encode = |pairs: &[(String, String)]| {
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish().into_bytes()
        };
        let form = encode(&pairs);
        let signature = sign(Algorithm::HmacSha1, "t", URL, &form);
        prop_assert_eq!(verify(&account("t"), &signature, URL, Body::Form(&form)), Ok(()));
        let mut changed = pairs.clone();
        changed[0].1.push_str(&extra);
        let other = encode(&changed);
        if parameters_text(&other) != parameters_text(&form) {
            prop_assert_eq!(verify(&account("t"), &signature, URL, Body::Form(&other)), Err(Refusal::Mismatch));
        }
    }

    #[test]
    fn no_url_panics(url in "\\PC{0,60}", form in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = verify(&account("t"), SIGNED, &url, Body::Form(&form));
        let _ = verify(&account("t"), SIGNED, &url, Body::Other(&form));
    }
}
