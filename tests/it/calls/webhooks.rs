//! Forged, repeated and reordered requests, and media sockets that are not theirs.

use std::time::Duration;

use hub::platform::{self, Reason};
use loadtest::openai::Script;
use loadtest::twilio::{CallbackFaults, Faults};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use super::office::{CALLER, OURS, Office};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_twilios_is_refused_alike() {
    let office = Office::open(Script::default()).await;
    let url = format!("http://{}/webhooks/twilio/voice", office.address);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let account = office.twilio.account().sid;
    let form = |to: &str| {
        [
            ("CallSid", "CA1".to_owned()),
            ("AccountSid", account.clone()),
            ("From", CALLER.to_owned()),
            ("To", to.to_owned()),
        ]
    };
    let unsigned = client.post(&url).form(&form(OURS)).send().await.unwrap();
    let forged = client
        .post(&url)
        .header("x-twilio-signature", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=")
        .header("x-forwarded-host", "switchboard.test")
        .form(&form(OURS))
        .send()
        .await
        .unwrap();
    let stranger = client
        .post(&url)
        .header("x-twilio-signature", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=")
        .form(&form("+15559999"))
        .send()
        .await
        .unwrap();
    for answer in [unsigned, forged, stranger] {
        assert_eq!(answer.status(), 403);
        assert_eq!(answer.bytes().await.unwrap().len(), 0);
    }
    assert_eq!(client.get(&url).send().await.unwrap().status(), 405);
    let huge = client
        .post(&url)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(vec![b'a'; 1 << 20])
        .send()
        .await;
    // Refused before it is read: the answer, or a connection that is closed while the client still writes.
    assert!(huge.map_or(true, |answer| answer.status() == 413));
    let json = client
        .post(&url)
        .json(&serde_json::json!({}))
        .send()
        .await
        .unwrap();
    assert_eq!(json.status(), 415);
    assert!(!office.kinds().await.iter().any(|kind| kind.starts_with("call.")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_ring_told_many_times_is_one_call() {
    let office = Office::open(Script::default()).await;
    let account = office.twilio.account().sid;
    let url = format!(
        "{}/webhooks/twilio/voice",
        office.twilio.public_url().trim_end_matches('/')
    );
    let sid = "CA00000000000000000000000000000042";
    let params = [
        ("CallSid", sid),
        ("AccountSid", &*account),
        ("From", CALLER),
        ("To", OURS),
        ("CallStatus", "ringing"),
    ];
    let tellings = (0..20).map(|_| office.twilio.post(&account, &url, &params));
    for told in futures_util::future::join_all(tellings).await {
        let (status, document) = told.unwrap();
        assert_eq!(status, 200);
        assert!(
            document.contains("<Stream url=\"wss://switchboard.test/media/twilio/"),
            "{document}"
        );
    }
    office
        .until("SELECT to_jsonb(count(*)) FROM calls", |count| *count == 1)
        .await;
    assert!(
        office.openai.sessions().len() <= 1,
        "one session however often it rings"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hangs_up_before_the_stream_leaves_no_slot() {
    let office = Office::open(Script::default()).await;
    let account = office.twilio.account().sid;
    let public = office.twilio.public_url();
    for (path, status) in [("voice", "ringing"), ("voice/status", "completed")] {
        let params = [
            ("CallSid", "CA00000000000000000000000000000043"),
            ("AccountSid", &*account),
            ("From", CALLER),
            ("To", OURS),
            ("CallStatus", status),
        ];
        let url = format!("{public}/webhooks/twilio/{path}");
        let (answered, _) = office.twilio.post(&account, &url, &params).await.unwrap();
        assert!((200..300).contains(&answered), "{path}: {answered}");
        let held = usize::from(status == "ringing");
        assert_eq!(office.world.hub.capacity.held(), held, "after {path}");
    }
    let drift = hub::capacity::drift(&office.world.hub).await.unwrap();
    assert_eq!(drift, hub::capacity::Drift::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_in_any_order_end_a_call_once() {
    let office = Office::open(Script::default()).await;
    let callbacks = CallbackFaults {
        ..CallbackFaults::default()
    };
    office.twilio.set_faults(Faults {
        callbacks,
        ..Faults::default()
    });
    let caller = office.twilio.call(CALLER, OURS).unwrap();
    caller.first_audio().await.unwrap();
    let sid = caller.sid().to_owned();
    let account = office.twilio.account().sid;
    let url = format!(
        "{}/webhooks/twilio/voice/status",
        office.twilio.public_url().trim_end_matches('/')
    );
    caller.hang_up();
    office.ended_call().await;
    for status in [
        "completed",
        "ringing",
        "in-progress",
        "completed",
        "initiated",
        "busy",
    ] {
        let params = [
            ("CallSid", &*sid),
            ("AccountSid", &*account),
            ("To", OURS),
            ("From", CALLER),
            ("CallStatus", status),
        ];
        assert_eq!(office.twilio.post(&account, &url, &params).await.unwrap().0, 204);
    }
    let call = office.ended_call().await;
    assert_eq!(
        (call["state"].as_str(), call["provider_status"].as_str()),
        (Some("ended"), Some("completed"))
    );
    assert_eq!(
        office
            .kinds()
            .await
            .iter()
            .filter(|kind| *kind == "call.ended")
            .count(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_media_socket_needs_its_token_and_twilios_signature() {
    let office = Office::open(Script::default()).await;
    let caller = office.twilio.call(CALLER, OURS).unwrap();
    caller.first_audio().await.unwrap();
    let hook = office
        .twilio
        .wait_for("webhook", |hook| hook.to_string().contains("/media/twilio/"))
        .await;
    let token = hook.ok().and_then(|hook| {
        let text = hook.data.to_string();
        let (_, rest) = text.split_once("/media/twilio/")?;
        Some(
            rest.chars()
                .take_while(|char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_'))
                .collect::<String>(),
        )
    });
    let guesses = [Some("nonsense".to_owned()), token];
    for token in guesses.into_iter().flatten() {
        let request = format!("ws://{}/media/twilio/{token}", office.address)
            .into_client_request()
            .unwrap();
        let refused = tokio_tungstenite::connect_async(request).await.unwrap_err();
        assert!(refused.to_string().contains("403"), "{refused}");
    }
    caller.hang_up();
    assert_eq!(office.ended_call().await["outcome"], "caller_hung_up");
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_of_a_business_that_is_switched_off_hear_so_and_reach_nobody() {
    let office = Office::open(Script::default()).await;
    let hub = &office.world.hub;
    let account = office.twilio.account().sid;
    let public = office.twilio.public_url();
    let ring = async |path: &str, status: &str| {
        let params = [
            ("CallSid", "CA00000000000000000000000000000044"),
            ("AccountSid", &*account),
            ("From", CALLER),
            ("To", OURS),
            ("CallStatus", status),
        ];
        let url = format!("{public}/webhooks/twilio/{path}");
        office.twilio.post(&account, &url, &params).await.unwrap()
    };
    let why = Reason {
        reason: "Invoice 2026-11 was not paid".to_owned(),
    };
    platform::suspend(hub, None, office.tenant, &why).await.unwrap();
    let (status, document) = ring("voice", "ringing").await;
    assert_eq!(status, 200);
    assert!(document.contains("cannot take calls"), "{document}");
    assert!(
        document.contains("<Hangup") && !document.contains("<Stream"),
        "{document}"
    );
    let (status, _) = ring("voice/status", "completed").await;
    assert!((200..300).contains(&status), "{status}");
    office
        .until("SELECT to_jsonb(count(*)) FROM calls", |count| *count == 0)
        .await;
    assert_eq!((hub.capacity.held(), office.openai.sessions().len()), (0, 0));

    platform::resume(hub, None, office.tenant, &why).await.unwrap();
    let answered = async {
        // Whose a number is, and whether they are switched on, is believed for seconds.
        while !ring("voice", "ringing").await.1.contains("<Stream") {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), answered)
        .await
        .unwrap();
}
