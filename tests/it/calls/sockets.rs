//! Media sockets that misbehave: a second one, a flood, one that never comes. Each costs itself, and nobody else.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use hub::call::token::{Purpose, mint};
use loadtest::openai::Script;
use loadtest::twilio::{Faults, StreamFaults};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use super::browser::{ring, start};
use super::office::{CALLER, OURS, Office};

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

fn stream(stream: StreamFaults) -> Faults {
    Faults {
        stream,
        ..Faults::default()
    }
}

async fn socket(office: &Office, token: &str) -> Socket {
    let url = format!("ws://{}/media/phone/{token}", office.address);
    tokio_tungstenite::connect_async(url).await.unwrap().0
}

/// A browser's call whose agent is being heard; its token.
async fn phone(office: &Office) -> (Socket, String) {
    let (id, token) = ring(office).await;
    let mut socket = socket(office, &token).await;
    socket.send(start(&id.to_string())).await.unwrap();
    sounds(&mut socket).await;
    (socket, token)
}

async fn sounds(socket: &mut Socket) {
    while let Some(message) = socket.next().await {
        if message
            .unwrap()
            .to_text()
            .is_ok_and(|text| text.contains("media"))
        {
            return;
        }
    }
    panic!("closed");
}

/// How a socket ends; what it is sent meanwhile does not matter.
async fn end(mut socket: Socket) -> Option<u16> {
    let ended = async {
        loop {
            match socket.next().await {
                Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code.into()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(15), ended)
        .await
        .expect("the socket is closed")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_socket_of_a_live_call_is_refused_and_the_first_lives_on() {
    let office = Office::open(Script::of(&[("Are you there?", "Yes, I am.")])).await;
    office.twilio.set_faults(stream(StreamFaults {
        second_socket: true,
        ..StreamFaults::default()
    }));
    let caller = office.twilio.call(CALLER, OURS).unwrap();
    let second = office.twilio.wait_for("stream.second", |_| true).await.unwrap();
    assert_eq!(second.data["ended"], "closed by the server");
    let greeting = office
        .openai
        .session_when(0, |session| {
            session.spoken.iter().any(|spoken| spoken.status == "completed")
        })
        .await
        .unwrap();
    caller.heard_ms(greeting.spoken[0].sent_ms).await.unwrap();
    caller.say_text("Are you there?").await;
    office.turns(3).await;
    assert_eq!(office.openai.sessions().len(), 1);
    caller.hang_up();
    assert_eq!(office.ended_call().await["resumes"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_used_twice_opens_nothing_more_and_an_old_one_nothing_at_all() {
    let office = Office::open(Script::default()).await;
    let (mut first, token) = phone(&office).await;
    let call = office.until("SELECT to_jsonb(c) FROM calls c", |_| true).await;
    let id = call["id"].as_str().unwrap();
    let mut copy = socket(&office, &token).await;
    copy.send(start(id)).await.unwrap();
    // The first is in use: frames come.
    let frame = json!({ "event": "media", "streamSid": "MZ1", "sequenceNumber": "2",
        "media": { "track": "inbound", "chunk": "1", "timestamp": "20", "payload": "/////w==" } });
    first.send(Message::text(frame.to_string())).await.unwrap();
    assert_eq!(end(copy).await, Some(1008));
    first
        .send(Message::text(
            r#"{"event":"dtmf","streamSid":"MZ1","dtmf":{"track":"inbound_track","digit":"1"}}"#,
        ))
        .await
        .unwrap();
    office
        .until(
            "SELECT to_jsonb(count(*)) FROM turns WHERE text = '[1]'",
            |count| *count == 1,
        )
        .await;
    let hub = &office.world.hub;
    let expired = hub.clock.now().before(Duration::from_secs(1));
    let old = mint(hub, Purpose::Phone, office.tenant, id.parse().unwrap(), expired);
    let url = format!("ws://{}/media/phone/{old}", office.address);
    let refused = tokio_tungstenite::connect_async(url).await.unwrap_err();
    assert!(refused.to_string().contains("403"), "{refused}");
    drop(first);
    // And none for a call that is over.
    office.ended_call().await;
    let url = format!("ws://{}/media/phone/{token}", office.address);
    assert!(tokio_tungstenite::connect_async(url).await.is_err());
}

/// Sends the same until the other side has enough.
async fn flood(socket: Socket, what: &str, message: Message) {
    let (mut out, mut back) = socket.split();
    let drain = tokio::spawn(async move { while let Some(Ok(_)) = back.next().await {} });
    for _ in 0..200_000 {
        if out.send(message.clone()).await.is_err() {
            drain.await.unwrap();
            return;
        }
    }
    panic!("{what}: nobody stops it");
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_and_garbage_close_their_own_socket_and_disturb_nobody() {
    let office = Office::open(Script::of(&[("I need a plumber.", "When would suit you?")])).await;
    let caller = office.twilio.call(CALLER, OURS).unwrap();
    caller.first_audio().await.unwrap();
    let frame = json!({ "event": "media", "streamSid": "MZ1", "sequenceNumber": "2",
        "media": { "track": "inbound", "chunk": "1", "timestamp": "20", "payload": "/////w==" } });
    let key = r#"{"event":"dtmf","streamSid":"MZ1","dtmf":{"track":"inbound_track","digit":"1"}}"#;
    let floods = [
        ("frames", Message::text(frame.to_string())),
        ("keys", Message::text(key)),
        ("unknown events", Message::text(r#"{"event":"applause"}"#)),
        ("no JSON", Message::text("{{{{")),
        (
            "bad base64",
            Message::text(frame.to_string().replace("/////w==", "!")),
        ),
        ("binary", Message::binary(vec![7; 400])),
        ("one huge frame", Message::text("x".repeat(1 << 20))),
    ];
    let mut tasks = Vec::new();
    for (what, message) in floods {
        let (socket, _) = phone(&office).await;
        tasks.push(tokio::spawn(flood(socket, what, message)));
    }
    caller.say_text("I need a plumber for tomorrow.").await;
    for task in tasks {
        tokio::time::timeout(Duration::from_secs(20), task)
            .await
            .unwrap()
            .unwrap();
    }
    office
        .openai
        .session_when(0, |session| {
            session
                .spoken
                .iter()
                .any(|spoken| spoken.text == "When would suit you?" && spoken.status == "completed")
        })
        .await
        .unwrap();
    caller.hang_up();
    office
        .until(
            "SELECT to_jsonb(count(*)) FROM calls WHERE state IN ('ringing', 'live')",
            |open| *open == 0,
        )
        .await;
    office.no_slot_is_held().await;
    let lost = "SELECT to_jsonb(count(*)) FROM calls WHERE source = 'phone' AND outcome = 'lost'";
    office.until(lost, |count| *count == 7).await;
    // Keys are rows: what came too fast made none.
    let keys = "SELECT to_jsonb(count(*)) FROM turns WHERE text = '[1]'";
    office
        .until(keys, |count| count.as_i64().is_some_and(|count| count < 700))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_stream_never_comes_is_ended_and_its_slot_is_free() {
    let office = Office::set_up(Script::default(), |_| {}, |config| config.calls.media_wait_s = 1).await;
    let account = office.twilio.account().sid;
    let params = [
        ("CallSid", "CA00000000000000000000000000000044"),
        ("AccountSid", &*account),
        ("From", CALLER),
        ("To", OURS),
        ("CallStatus", "ringing"),
    ];
    let url = format!("{}/webhooks/twilio/voice", office.twilio.public_url());
    let (status, document) = office.twilio.post(&account, &url, &params).await.unwrap();
    assert!(status == 200 && document.contains("<Stream"), "{document}");
    assert_eq!(office.world.hub.capacity.held(), 1);
    let call = office.ended_call().await;
    assert_eq!(
        (call["state"].as_str(), call["outcome"].as_str()),
        (Some("not_taken"), Some("lost"))
    );
    office.no_slot_is_held().await;
    // At Twilio too, whatever it believes.
    let rest = office
        .twilio
        .wait_for("rest", |rest| rest.to_string().contains("000044"))
        .await
        .unwrap();
    assert_eq!(rest.data["form"]["Status"], "completed");
    office
        .openai
        .session_when(0, |session| session.closed_us.is_some())
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_without_media_is_ended_and_its_slot_is_free() {
    let office = Office::set_up(Script::default(), |_| {}, |config| config.calls.media_wait_s = 1).await;
    office.twilio.set_faults(stream(StreamFaults {
        gap_ms: 600_000,
        ..StreamFaults::default()
    }));
    let caller = office.twilio.call(CALLER, OURS).unwrap();
    caller.ended().await.unwrap();
    assert_eq!(office.ended_call().await["outcome"], "lost");
    office.no_slot_is_held().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_breaks_is_taken_up_again() {
    let office = Office::open(Script::default()).await;
    office.twilio.set_faults(stream(StreamFaults {
        lost_after_ms: Some(1_500),
        ..StreamFaults::default()
    }));
    let caller = office.twilio.call(CALLER, OURS).unwrap();
    caller.first_audio().await.unwrap();
    office.twilio.set_faults(Faults::default());
    caller
        .wait("two streams", Duration::from_secs(10), |moments| {
            moments.streams == 2
        })
        .await
        .unwrap();
    caller.hang_up();
    let call = office.ended_call().await;
    assert_eq!(
        (call["outcome"].as_str(), call["agent"].as_str()),
        (Some("caller_hung_up"), Some("realtime"))
    );
    office.no_slot_is_held().await;
}
