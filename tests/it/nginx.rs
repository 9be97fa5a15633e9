//! The reverse proxy as it is shipped: every path reaches its role, sockets are upgraded, abuse is limited, headers are set.

mod proxy;
mod roles;
mod stand_in;

use reqwest::{Method, StatusCode};

use proxy::Nginx;
use stand_in::StandIn;

/// Which role must answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answers {
    Api,
    Calls,
}

/// Paths of every kind, and who answers each.
const ROUTES: [(&str, &str, Answers); 40] = [
    ("GET", "/", Answers::Api),
    ("GET", "/inbox/0192", Answers::Api),
    ("GET", "/healthz", Answers::Api),
    ("GET", "/readyz", Answers::Api),
    ("GET", "/version", Answers::Api),
    ("GET", "/api/openapi.json", Answers::Api),
    ("GET", "/api/docs", Answers::Api),
    ("POST", "/api/v1/auth/login", Answers::Api),
    ("POST", "/api/v1/auth/link", Answers::Api),
    ("POST", "/api/v1/auth/refresh", Answers::Api),
    ("POST", "/api/v1/auth/logout", Answers::Api),
    ("GET", "/api/v1/me", Answers::Api),
    ("GET", "/api/v1/calls", Answers::Api),
    ("GET", "/api/v1/calls/0192", Answers::Api),
    ("POST", "/api/v1/calls/0192/audio-ticket", Answers::Api),
    ("GET", "/api/v1/calls/0192/turns", Answers::Api),
    ("GET", "/api/v1/attachments/0192", Answers::Api),
    ("POST", "/api/v1/live/ticket", Answers::Api),
    ("POST", "/webhooks/twilio/voice", Answers::Calls),
    ("POST", "/webhooks/twilio/voice/status", Answers::Calls),
    ("POST", "/webhooks/twilio/voice/resume", Answers::Calls),
    ("POST", "/webhooks/twilio/stream", Answers::Calls),
    ("POST", "/webhooks/twilio/recording", Answers::Calls),
    ("POST", "/webhooks/twilio/sms", Answers::Api),
    ("POST", "/webhooks/twilio/sms/status", Answers::Api),
    ("GET", "/webhooks/whatsapp", Answers::Api),
    ("POST", "/webhooks/whatsapp", Answers::Api),
    ("POST", "/webhooks/instagram", Answers::Api),
    ("POST", "/webhooks/calendly/demo", Answers::Api),
    ("POST", "/webhooks/stripe/demo", Answers::Api),
    ("POST", "/webhooks/jobber/demo", Answers::Api),
    ("POST", "/webhooks/mail/demo", Answers::Api),
    ("POST", "/forms/key", Answers::Api),
    ("GET", "/widget.js", Answers::Api),
    ("GET", "/try/key", Answers::Api),
    ("GET", "/api/v1/demo-pages/key", Answers::Api),
    ("POST", "/api/v1/demo-pages/key/calls", Answers::Api),
    ("PUT", "/api/v1/inboxes/0192/demo-page", Answers::Api),
    ("GET", "/webhooks/twilio/voicemail", Answers::Api),
    ("POST", "/api/v1/whatsapp-sessions/0192/unlink", Answers::Api),
];

/// Paths that are sockets, and who answers each.
const SOCKETS: [(&str, Answers); 5] = [
    ("/api/v1/live", Answers::Api),
    ("/chat/key", Answers::Api),
    ("/media/twilio/token", Answers::Calls),
    ("/media/phone/token", Answers::Calls),
    ("/api/v1/calls/0192/audio", Answers::Calls),
];

/// nginx in front of one stand-in for each role.
struct Front {
    nginx: Nginx,
    api: StandIn,
    calls: StandIn,
}

impl Front {
    async fn start() -> Self {
        let (api, calls) = (StandIn::start().await, StandIn::start().await);
        let nginx = Nginx::start(&api.address, &calls.address).await;
        Self { nginx, api, calls }
    }

    fn address(&self, answers: Answers) -> &str {
        match answers {
            Answers::Api => &self.api.address,
            Answers::Calls => &self.calls.address,
        }
    }
}

#[tokio::test]
async fn every_path_reaches_its_role() {
    let front = Front::start().await;
    for (method, path, expected) in ROUTES {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let answer = front.nginx.request(method.clone(), path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{method} {path}");
        let seen: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(seen["address"], front.address(expected), "{method} {path}");
        assert_eq!(seen["method"], method.as_str(), "{path}");
        assert_eq!(seen["path"], path);
    }
}

#[tokio::test]
async fn every_socket_is_upgraded_and_carries_bytes_both_ways() {
    let front = Front::start().await;
    for (path, expected) in SOCKETS {
        let mut socket = front.nginx.open_socket(path).await.unwrap();
        assert_eq!(socket.receive().await, front.address(expected), "{path}");
        socket.send("are you there?").await;
        assert_eq!(socket.receive().await, "are you there?", "{path}");
    }
}

#[tokio::test]
async fn a_stream_of_codes_is_passed_on_as_it_comes() {
    let front = Front::start().await;
    let path = "/api/v1/whatsapp-sessions/0192/pairing";
    let mut answer = front.nginx.request(Method::POST, path).send().await.unwrap();
    // Collected first, it would never come: the stream does not end.
    assert_eq!(answer.chunk().await.unwrap().unwrap(), "data: first\n\n");
}

#[tokio::test]
async fn figures_are_not_for_the_outside() {
    let front = Front::start().await;
    for path in ["/metrics", "/metrics.json"] {
        let answer = front.nginx.request(Method::GET, path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn what_a_client_claims_about_itself_does_not_get_through() {
    let front = Front::start().await;
    let request = front.nginx.request(Method::GET, "/api/v1/me");
    let request = request
        .header("X-Forwarded-For", "203.0.113.9")
        .header("X-Forwarded-Host", "evil.example")
        .header("X-Forwarded-Proto", "http")
        .header("Forwarded", "for=203.0.113.9;host=evil.example")
        .header("X-Request-Id", "chosen-by-the-client");
    let answer = request.send().await.unwrap();
    let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    let seen: serde_json::Value = answer.json().await.unwrap();
    let headers = &seen["headers"];
    assert_eq!(headers["x-forwarded-for"], "127.0.0.1");
    assert_eq!(headers["x-forwarded-proto"], "https");
    assert_eq!(headers["host"], "localhost");
    assert_eq!(headers["x-forwarded-host"], serde_json::Value::Null);
    assert_eq!(headers["forwarded"], serde_json::Value::Null);
    assert_eq!(headers["x-request-id"], id);
    assert_ne!(id, "chosen-by-the-client");
}

#[tokio::test]
async fn every_answer_has_the_security_headers_once() {
    let front = Front::start().await;
    // One that a role answers without headers of its own, one that nginx answers, one where the role has spoken.
    for (path, policy) in [
        ("/api/v1/me", "default-src 'none'; frame-ancestors 'none'"),
        ("/metrics", "default-src 'none'; frame-ancestors 'none'"),
        ("/own-headers", "default-src 'self'"),
    ] {
        let answer = front.nginx.request(Method::GET, path).send().await.unwrap();
        for (name, value) in [
            ("strict-transport-security", "max-age=31536000"),
            ("x-content-type-options", "nosniff"),
            ("content-security-policy", policy),
        ] {
            let values: Vec<_> = answer.headers().get_all(name).iter().collect();
            assert_eq!(values, [value], "{name} of {path}");
        }
        assert_eq!(answer.headers().get("server").unwrap(), "nginx");
    }
}

#[tokio::test]
async fn only_listed_origins_may_call_the_api_from_their_scripts() {
    let front = Front::start().await;
    let ask = |origin: &'static str| {
        let request = front.nginx.request(Method::OPTIONS, "/api/v1/conversations");
        request
            .header("Origin", origin)
            .header("Access-Control-Request-Method", "GET")
            .send()
    };
    let allowed = ask("https://tools.example.com").await.unwrap();
    assert_eq!(allowed.status(), StatusCode::NO_CONTENT);
    assert_eq!(
        allowed.headers()["access-control-allow-origin"],
        "https://tools.example.com"
    );
    assert!(
        allowed
            .headers()
            .get("access-control-allow-credentials")
            .is_none()
    );
    let refused = ask("https://tools.example.com.evil.example").await.unwrap();
    assert!(refused.headers().get("access-control-allow-origin").is_none());
    assert_eq!(refused.headers()["vary"], "Origin");
}

#[tokio::test]
async fn guessing_is_slowed_down_and_providers_are_not() {
    let front = Front::start().await;
    let mut refused = 0;
    for _ in 0..30 {
        let answer = front
            .nginx
            .request(Method::POST, "/api/v1/auth/login")
            .send()
            .await;
        refused += usize::from(answer.unwrap().status() == StatusCode::TOO_MANY_REQUESTS);
    }
    assert!(refused >= 15, "{refused} of 30 were refused");
    for _ in 0..100 {
        let answer = front
            .nginx
            .request(Method::POST, "/webhooks/twilio/sms")
            .send()
            .await;
        assert_eq!(answer.unwrap().status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_a_role_sees_it() {
    let front = Front::start().await;
    let request = front.nginx.request(Method::POST, "/webhooks/twilio/voice");
    let answer = request.body(vec![b'x'; 1_100_000]).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let request = front.nginx.request(Method::POST, "/api/v1/attachments/");
    let answer = request.body(vec![b'x'; 5_000_000]).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}
