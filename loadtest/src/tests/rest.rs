//! Twilio's REST API: keys, errors, calls placed, redirected and hung up.
use axum::Router;
use axum::routing::post;
use serde_json::Value;

use super::{CALLER, OURS, PUBLIC, twilio_before};
use crate::twilio::{Emulator, Faults, Person, RestFault, RestFaultKind};

async fn rest(twilio: &Emulator, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
    let account = twilio.account();
    let (http, _) = crate::outbound::clients(None).unwrap();
    let url = format!("{}/2010-04-01/Accounts/{}/{path}", twilio.url(), account.sid);
    let request = if form.is_empty() {
        http.get(url)
    } else {
        http.post(url).form(form)
    };
    let response = request
        .basic_auth(&account.sid, Some(&account.auth_token))
        .send()
        .await
        .unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outbound_call_rings_talks_and_is_redirected() {
    let (twilio, _server) = twilio_before(Router::new().route("/status", post(|| async {}))).await;
    let status = format!("{PUBLIC}/status");
    let mut form = vec![
        ("To", CALLER),
        ("From", OURS),
        ("Twiml", "<Response><Pause length=\"60\"/></Response>"),
    ];
    form.push(("StatusCallback", &status));
    form.extend(
        ["initiated", "ringing", "answered", "completed"].map(|event| ("StatusCallbackEvent", event)),
    );
    let (code, call) = rest(&twilio, "Calls.json", &form).await;
    assert_eq!((code, &call["status"]), (201, &Value::from("queued")));
    let sid = call["sid"].as_str().unwrap().to_owned();
    let person = twilio.caller(&sid).unwrap();
    person.answered().await.unwrap();
    let say = [("Twiml", "<Response><Say>Goodbye now</Say><Hangup/></Response>")];
    assert_eq!(rest(&twilio, &format!("Calls/{sid}.json"), &say).await.0, 200);
    assert_eq!(
        person.ended().await.unwrap().ended_as.as_deref(),
        Some("completed")
    );
    assert!(person.heard().duration_ms() > 300);
    twilio
        .wait_for("webhook", |hook| hook["params"]["CallStatus"] == "completed")
        .await
        .unwrap();
    let told: Vec<Value> = twilio
        .ledger()
        .of("webhook")
        .iter()
        .map(|hook| hook.data["params"]["CallStatus"].clone())
        .collect();
    assert_eq!(told, ["initiated", "ringing", "in-progress", "completed"]);
    let (code, error) = rest(&twilio, &format!("Calls/{sid}.json"), &[("Status", "completed")]).await;
    assert_eq!((code, &error["code"]), (404, &Value::from(20404)));
    assert_eq!(
        rest(&twilio, "Calls.json?Status=completed", &[]).await.1["calls"][0]["sid"],
        sid.as_str()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_limits_and_late_answers() {
    let (twilio, _server) = twilio_before(Router::new()).await;
    let (http, _) = crate::outbound::clients(None).unwrap();
    let url = format!(
        "{}/2010-04-01/Accounts/{}/Calls.json",
        twilio.url(),
        twilio.account().sid
    );
    assert_eq!(
        http.get(url)
            .basic_auth("x", Some("y"))
            .send()
            .await
            .unwrap()
            .status(),
        401
    );
    let late = RestFault {
        path: "Messages".into(),
        kind: RestFaultKind::AnsweredLate { after_ms: 50 },
    };
    let busy = RestFault {
        path: String::new(),
        kind: RestFaultKind::RateLimited { retry_after_s: None },
    };
    twilio.set_faults(Faults {
        rest: [busy, late].into(),
        ..Faults::default()
    });
    let sms = [("To", CALLER), ("From", OURS), ("Body", "hello")];
    let (code, error) = rest(&twilio, "Messages.json", &sms).await;
    assert_eq!(
        (code, &error["code"], twilio.ledger().of("sms").len()),
        (429, &Value::from(20429), 0)
    );
    assert_eq!(rest(&twilio, "Messages.json", &sms).await.0, 201);
    assert_eq!(twilio.ledger().of("sms").len(), 1);
    twilio.set_person(
        CALLER,
        Person {
            reaction: "busy".into(),
            after_ms: 1,
            ..Person::default()
        },
    );
    rest(
        &twilio,
        "Calls.json",
        &[("To", CALLER), ("From", OURS), ("Twiml", "<Response/>")],
    )
    .await;
    let person = twilio.called(CALLER).await.unwrap();
    assert_eq!(person.ended().await.unwrap().ended_as.as_deref(), Some("busy"));
}
