//! SMS in and out, with receipts, opt-outs and spoilt callbacks.
use axum::Router;
use axum::routing::post;
use serde_json::Value;

use super::{CALLER, OURS, PUBLIC, twilio_before};
use crate::twilio::{CallbackFaults, Emulator, Faults, Person};

async fn send(twilio: &Emulator, body: &str) -> (u16, Value) {
    let account = twilio.account();
    let (http, _) = crate::outbound::clients(None).unwrap();
    let url = format!(
        "{}/2010-04-01/Accounts/{}/Messages.json",
        twilio.url(),
        account.sid
    );
    let status = format!("{PUBLIC}/status");
    let form = [
        ("To", CALLER),
        ("From", OURS),
        ("Body", body),
        ("StatusCallback", &status),
    ];
    let answer = http
        .post(url)
        .form(&form)
        .basic_auth(&account.sid, Some(&account.auth_token))
        .send()
        .await
        .unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

fn told(twilio: &Emulator) -> Vec<String> {
    let hooks = twilio.ledger().of("webhook");
    hooks
        .iter()
        .filter_map(|hook| hook.data["params"]["MessageStatus"].as_str().map(str::to_owned))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_come_in_order_twice_or_swapped() {
    let (twilio, _server) = twilio_before(Router::new().route("/status", post(|| async {}))).await;
    let ended = |hook: &Value| hook["params"]["MessageStatus"] == "delivered";
    assert_eq!(send(&twilio, "one").await.0, 201);
    twilio.wait_for("webhook", ended).await.unwrap();
    assert_eq!(told(&twilio), ["queued", "sent", "delivered"]);

    let callbacks = CallbackFaults {
        duplicates: 1,
        reordered: true,
        ..CallbackFaults::default()
    };
    twilio.set_faults(Faults {
        callbacks,
        ..Faults::default()
    });
    let (_, second) = send(&twilio, "two").await;
    twilio
        .wait_for("webhook", |hook| {
            ended(hook) && hook["params"]["MessageSid"] == second["sid"]
        })
        .await
        .unwrap();
    assert_eq!(
        told(&twilio)[3..],
        ["sent", "sent", "queued", "queued", "delivered"]
    );

    twilio.set_faults(Faults::default());
    twilio.set_person(
        CALLER,
        Person {
            sms: "undelivered".into(),
            ..Person::default()
        },
    );
    send(&twilio, "three").await;
    twilio
        .wait_for("webhook", |hook| hook["params"]["ErrorCode"] == "30003")
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_is_answered_by_twiml_and_stop_means_stop() {
    let answer = "<Response><Message>Thank you</Message></Response>";
    let router = Router::new().route("/webhooks/twilio/sms", post(move || async move { answer }));
    let (twilio, _server) = twilio_before(router).await;
    assert_eq!(twilio.send_sms(CALLER, OURS, "Hello 👋").await.unwrap().1, 200);
    let out = twilio
        .wait_for("sms", |sms| sms["direction"] == "outbound-api")
        .await
        .unwrap();
    assert_eq!(out.data["body"], "Thank you");
    twilio.send_sms(CALLER, OURS, " stop ").await.unwrap();
    let (code, error) = send(&twilio, "still there?").await;
    assert_eq!((code, &error["code"]), (400, &Value::from(21610)));
}
