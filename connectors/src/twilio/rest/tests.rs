//! What each answer means, against a server that answers from a list.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

/// A server that gives these answers, one a connection, and counts how many were asked for.
async fn server(answers: &'static [&'static str]) -> (Url, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    #[expect(clippy::disallowed_methods, reason = "a test's own server")]
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await.unwrap();
            count.fetch_add(1, Ordering::SeqCst);
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (base, asked)
}

fn rest(base: Url) -> Rest {
    rustls::crypto::ring::default_provider().install_default().ok();
    let account = Account {
        sid: "AC1".into(),
        auth_token: "token".into(),
        secondary_auth_token: None,
        api_key_sid: None,
        api_key_secret: None,
        shared_keys: Vec::new(),
    };
    Rest::new(Http::new().unwrap(), base, account)
}

const OK: &str = "HTTP/1.1 201 Created\r\nconnection: close\r\ncontent-length: 13\r\n\r\n{\"sid\":\"SM1\"}";
const BUSY: &str = "HTTP/1.1 429 Too Many Requests\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
const BROKEN: &str = "HTTP/1.1 500 Internal Server Error\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
const REFUSED: &str = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 39\r\n\r\n{\"code\":21610,\"message\":\"unsubscribed\"}";

type Answer = Result<serde_json::Value, Fault>;

#[tokio::test]
async fn a_busy_twilio_is_asked_again_since_it_did_nothing() {
    let (base, asked) = server(&[BUSY, BUSY, OK]).await;
    let answer: Answer = rest(base).post("Messages.json", &[("To", "+15550100")]).await;
    assert_eq!(answer.unwrap()["sid"], "SM1");
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_write_with_an_unknown_outcome_is_not_repeated_but_a_read_is() {
    let (base, asked) = server(&[BROKEN, OK]).await;
    let rest = rest(base);
    let answer: Answer = rest.post("Messages.json", &[]).await;
    assert!(matches!(
        answer,
        Err(Fault::Unknown {
            status: Some(500),
            ..
        })
    ));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    let answer: Answer = rest.get("Messages.json", &[]).await;
    assert!(answer.is_ok());

    let (base, _) = server(&["HTTP/1.1 201 Cr"]).await;
    let answer: Answer = self::rest(base).post("Messages.json", &[]).await;
    assert!(matches!(answer, Err(Fault::Unknown { status: None, .. })));
}

#[tokio::test]
async fn a_refusal_has_twilios_code_and_is_final() {
    let (base, asked) = server(&[REFUSED]).await;
    let answer: Answer = rest(base).get("Messages.json", &[]).await;
    assert_eq!(answer.unwrap_err().code(), Some(21_610));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_never_left_is_safe_to_repeat() {
    let unused = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let rest = rest(Url::parse(&format!("http://{unused}")).unwrap());
    let answer: Answer = rest.post("Messages.json", &[]).await;
    assert!(answer.unwrap_err().is_safe_to_repeat());
}

#[tokio::test]
async fn credentials_go_to_twilio_alone() {
    let rest = rest(Url::parse("https://api.twilio.com").unwrap());
    assert!(
        rest.download("https://api.twilio.com/2010-04-01/Accounts/AC1/Recordings/RE1.wav")
            .is_some()
    );
    for other in [
        "https://api.twilio.com.example/x",
        "http://api.twilio.com/x",
        "https://api.twilio.com:444/x",
        "x",
    ] {
        assert!(rest.download(other).is_none(), "{other}");
    }
}
