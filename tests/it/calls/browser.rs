//! The browser phone: the same stream protocol, without Twilio.

use futures_util::{SinkExt as _, StreamExt as _};
use hub::call::Source;
use hub::call::begin::{NewCall, begin};
use hub::call::token::{Purpose, mint};
use hub::ids::CallId;
use loadtest::openai::Script;
use serde_json::{Value, json};
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;

use super::office::{OURS, Office};

pub(super) async fn ring(office: &Office) -> (CallId, String) {
    let hub = &office.world.hub;
    let mut tx = hub.db.tenant(office.tenant).await.unwrap();
    let id = CallId::at(tx.now());
    let provider_id = id.to_string();
    let new = NewCall {
        id,
        provider_id: &provider_id,
        source: Source::Phone,
        inbox: Some(office.inbox),
        contact: None,
        conversation: None,
        from: "browser",
        to: OURS,
        visitor: None,
    };
    begin(&mut tx, new).await.unwrap();
    tx.commit().await.unwrap();
    (
        id,
        mint(
            hub,
            Purpose::Phone,
            office.tenant,
            id,
            hub.clock.now().after(Duration::from_mins(1)),
        ),
    )
}

pub(super) fn start(call: &str) -> Message {
    let start = json!({ "event": "start", "sequenceNumber": "1", "streamSid": "MZ1", "start": {
        "streamSid": "MZ1", "accountSid": "browser", "callSid": call, "tracks": ["inbound"], "customParameters": {},
        "mediaFormat": { "encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1 } } });
    Message::text(start.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_speaks_with_the_agent() {
    let office = Office::open(Script::default()).await;
    let (id, token) = ring(&office).await;
    let url = format!("ws://{}/media/phone/{token}", office.address);
    let (mut phone, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    phone
        .send(Message::text(
            r#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#,
        ))
        .await
        .unwrap();
    phone.send(start(&id.to_string())).await.unwrap();
    let mut events = Vec::new();
    while !events.contains(&"mark".to_owned()) {
        let Some(Ok(Message::Text(text))) = phone.next().await else {
            panic!("closed")
        };
        let message: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(message["streamSid"], "MZ1");
        events.push(message["event"].as_str().unwrap().to_owned());
    }
    assert_eq!(events, ["media", "mark"]);
    phone
        .send(Message::text(r#"{"event":"stop","streamSid":"MZ1","stop":{}}"#))
        .await
        .unwrap();
    assert_eq!(office.ended_call().await["source"], "phone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_for_its_own_call_only() {
    let office = Office::open(Script::default()).await;
    let (_, token) = ring(&office).await;
    let url = format!("ws://{}/media/phone/{token}", office.address);
    let (mut phone, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    phone.send(start("another call")).await.unwrap();
    match phone.next().await {
        Some(Ok(Message::Close(Some(frame)))) => assert_eq!(u16::from(frame.code), 1008),
        other => panic!("{other:?}"),
    }
    let twilio = format!("ws://{}/media/twilio/{token}", office.address);
    assert!(
        tokio_tungstenite::connect_async(twilio).await.is_err(),
        "nor for another kind of socket"
    );
}
