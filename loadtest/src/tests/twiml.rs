//! Documents that are really followed: keys, recordings, transfers, fallbacks, strict streams.
use axum::Router;
use axum::body::Bytes;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::routing::{any, post};

use super::{CALLER, OURS, PUBLIC, twilio_before};
use crate::twilio::{Number, Person};
use crate::ulaw;

fn says(xml: &'static str) -> axum::routing::MethodRouter {
    post(move || async move { xml })
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_lead_to_a_recording_that_can_be_fetched() {
    let router = Router::new()
        .route("/webhooks/twilio/voice", says(r#"<Response><Gather numDigits="1" action="/menu"><Say>Press one.</Say></Gather></Response>"#))
        .route("/menu", says(r#"<Response><Record timeout="1" action="/done" recordingStatusCallback="/ready"/></Response>"#))
        .route("/done", says("<Response><Hangup/></Response>"))
        .route("/ready", post(|| async {}));
    let (twilio, _server) = twilio_before(router).await;
    let caller = twilio.call(CALLER, OURS).unwrap();
    caller.first_audio().await.unwrap();
    caller.dtmf("1");
    twilio
        .wait_for("webhook", |hook| hook["params"]["Digits"] == "1")
        .await
        .unwrap();
    caller.heard_ms(500).await.unwrap();
    caller.say_text("Please call me back about my boiler.").await;
    let ready = twilio
        .wait_for("webhook", |hook| hook["purpose"] == "recording")
        .await
        .unwrap();
    assert_eq!(
        caller.ended().await.unwrap().ended_as.as_deref(),
        Some("completed")
    );
    let url = ready.data["params"]["RecordingUrl"].as_str().unwrap();
    let (http, _) = crate::outbound::clients(None).unwrap();
    let account = twilio.account();
    let get = |user: &str| {
        http.get(format!("{url}.wav"))
            .basic_auth(user, Some(&account.auth_token))
            .send()
    };
    assert_eq!(get("nobody").await.unwrap().status(), 401);
    let wav = get(&account.sid).await.unwrap().bytes().await.unwrap();
    assert!(ulaw::loudness(&ulaw::from_wav(&wav).unwrap()) > 300.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_bridges_two_people() {
    let dial = r#"<Response><Dial timeout="5" action="/after"><Number statusCallback="/child" statusCallbackEvent="answered">+15550142</Number></Dial></Response>"#;
    let router = Router::new()
        .route("/webhooks/twilio/voice", says(dial))
        .route("/child", post(|| async {}))
        .route("/after", says("<Response><Say>Bye</Say></Response>"));
    let (twilio, _server) = twilio_before(router).await;
    let person = Person {
        says: Some("Workshop, Ann speaking.".into()),
        hangs_up_after_ms: Some(1500),
        ..Person::default()
    };
    twilio.set_person("+15550142", person);
    let caller = twilio.call(CALLER, OURS).unwrap();
    let other = twilio.called("+15550142").await.unwrap();
    other.answered().await.unwrap();
    caller.say_text("Hello Ann").await;
    let after = twilio
        .wait_for("webhook", |hook| hook["params"]["DialCallStatus"] == "completed")
        .await
        .unwrap();
    assert_eq!(after.data["params"]["DialCallSid"], other.sid());
    caller.ended().await.unwrap();
    assert!(
        ulaw::loudness(&caller.heard().audio()) > 300.0 && ulaw::loudness(&other.heard().audio()) > 100.0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_webhook_falls_back_and_a_bad_document_ends_the_call() {
    let router = Router::new()
        .route(
            "/webhooks/twilio/voice",
            post(|| async { (http::StatusCode::BAD_GATEWAY, "") }),
        )
        .route("/fallback", says("<Response><Sing/></Response>"));
    let (twilio, _server) = twilio_before(router).await;
    let mut number = Number::of(OURS, &twilio.account().sid, &PUBLIC.parse().unwrap());
    number.voice_fallback_url = Some(format!("{PUBLIC}/fallback"));
    twilio.set_number(number);
    let caller = twilio.call(CALLER, OURS).unwrap();
    assert_eq!(caller.ended().await.unwrap().ended_as.as_deref(), Some("failed"));
    let errors: Vec<String> = twilio
        .ledger()
        .of("twilio.error")
        .iter()
        .map(|e| e.data["error"].to_string())
        .collect();
    assert!(
        errors[0].contains("11200") && errors[1].contains("12200"),
        "{errors:?}"
    );
}

async fn babble(mut socket: WebSocket) {
    let _ = socket.send(Message::text(r#"{"event":"hello"}"#)).await;
    while let Some(Ok(_)) = socket.recv().await {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_talks_nonsense_loses_the_stream() {
    let document = r#"<Response><Connect><Stream url="wss://hub.example.test/media"/></Connect><Say>Sorry</Say></Response>"#;
    let socket = any(|upgrade: WebSocketUpgrade| async { upgrade.on_upgrade(babble) });
    let router = Router::new()
        .route("/webhooks/twilio/voice", says(document))
        .route("/media", socket);
    let (twilio, _server) = twilio_before(router).await;
    let caller = twilio.call(CALLER, OURS).unwrap();
    let moments = caller.ended().await.unwrap();
    assert!(moments.error.unwrap().starts_with("31924"));
    assert!(caller.heard().duration_ms() > 200, "the next verb was spoken");
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_are_signed_over_the_public_url() {
    let router = Router::new().route(
        "/webhooks/twilio/voice",
        post(|headers: http::HeaderMap, body: Bytes| async move {
            let form: Vec<(String, String)> = url::form_urlencoded::parse(&body).into_owned().collect();
            let url = format!("{PUBLIC}/webhooks/twilio/voice");
            let expected = crate::twilio::signature_headers("emulated-auth-token", None, &url, &form);
            let fine =
                headers["x-twilio-signature"] == expected[0].1 && headers["host"] == "hub.example.test";
            if fine {
                "<Response><Reject reason=\"busy\"/></Response>"
            } else {
                "<Response/>"
            }
        }),
    );
    let (twilio, _server) = twilio_before(router).await;
    let caller = twilio.call(CALLER, OURS).unwrap();
    assert_eq!(caller.ended().await.unwrap().ended_as.as_deref(), Some("busy"));
}
