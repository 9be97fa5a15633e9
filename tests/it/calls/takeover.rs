//! The AI refuses, is late or dies: within three seconds of the fault the caller hears the receptionist say so.

use loadtest::openai::{ConnectFault, Faults, Reply, Script, SpeechFault};
use loadtest::twilio::Caller;
use serde_json::json;

use super::office::{CALLER, OURS, Office};

/// From the fault to the receptionist's first sound at the caller's ear, in the emulators' clock.
const TAKE_OVER_US: u64 = 3_000_000;
const LONG: &str = "I could go on and on about everything that we do, and I certainly will, because I like to talk about it.";

fn refuses(status: u16) -> Faults {
    Faults {
        connect: Some(ConnectFault::Refused(status)),
        ..Faults::default()
    }
}

/// How the receptionist's apology may begin: as espeak-ng speaks it, and as it was rendered ahead, which a busy machine
/// falls back on.
type Apology = [Vec<u8>; 2];

/// As a caller hears it whom the AI never answered.
async fn apology(office: &Office) -> Apology {
    let ahead = include_bytes!("../../../calls/prompts/apology.ulaw")[..4_000].to_vec();
    office.openai.set_faults(refuses(401));
    // Rendered ahead by the first calls, and so the same from then on.
    for _ in 0..10 {
        let caller = office.twilio.call(CALLER, OURS).unwrap();
        let heard = caller.heard_ms(600).await.unwrap();
        let apology = [heard.audio()[..4_000].to_vec(), ahead.clone()];
        taken_over(office, &caller, &apology, 0).await;
        if apology[0] != ahead {
            return apology;
        }
    }
    [ahead.clone(), ahead]
}

/// Hears the apology soon enough after the fault (or, when that was before, after the stream opened), and is told so.
async fn taken_over(office: &Office, caller: &Caller, apology: &Apology, fault_us: u64) {
    let heard_us = office.hears(caller, apology).await;
    let from = fault_us.max(caller.moments().stream_open_us.unwrap());
    assert!(
        heard_us >= from && heard_us - from <= TAKE_OVER_US,
        "{} ms after the fault",
        (heard_us.saturating_sub(from)) / 1_000
    );
    caller.hang_up();
    caller.ended().await.unwrap();
    office
        .until(
            "SELECT to_jsonb(count(*)) FROM calls WHERE state IN ('ringing', 'live')",
            |open| *open == 0,
        )
        .await;
    let newest = "SELECT to_jsonb(c) || jsonb_build_object('said', (SELECT string_agg(t.text, ' ') FROM turns t WHERE t.call_id = c.id)) FROM calls c ORDER BY started_at DESC LIMIT 1";
    let call = office.until(newest, |call| call["said"].is_string()).await;
    assert_eq!(call["agent"], json!("receptionist"));
    assert!(
        call["said"]
            .as_str()
            .unwrap()
            .contains("I am sorry. Our assistant"),
        "{call}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_refuses_is_replaced() {
    let office = Office::open(Script::default()).await;
    let apology = apology(&office).await;
    for status in [429, 503] {
        office.openai.set_faults(refuses(status));
        let caller = office.twilio.call(CALLER, OURS).unwrap();
        taken_over(&office, &caller, &apology, 0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_nobody_answers_for_is_replaced() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let office = Office::set_up(
        Script::default(),
        |_| {},
        |config| config.openai.base_url = format!("http://{unused}/v1").parse().unwrap(),
    )
    .await;
    apology(&office).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_is_late_is_replaced() {
    let office = Office::open(Script {
        thinking_ms: 60_000,
        ..Script::default()
    })
    .await;
    let apology = apology(&office).await;
    // No session, then a session that makes no sound.
    let connect = [Some(ConnectFault::Silent), None];
    for connect in connect {
        office.openai.set_faults(Faults {
            connect,
            ..Faults::default()
        });
        let caller = office.twilio.call(CALLER, OURS).unwrap();
        taken_over(&office, &caller, &apology, 0).await;
    }
}

/// The model's fault strikes in the middle of its greeting.
async fn dies(fault: SpeechFault) {
    let office = Office::open(Script {
        greeting: Some(Reply::say(LONG)),
        ..Script::default()
    })
    .await;
    let apology = apology(&office).await;
    office.openai.set_faults(Faults {
        speech: Some(fault),
        ..Faults::default()
    });
    let caller = office.twilio.call(CALLER, OURS).unwrap();
    let struck = office.openai.wait_for("speech.fault", |_| true).await.unwrap();
    taken_over(&office, &caller, &apology, struck.at_us).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_dies_in_mid_sentence_is_replaced() {
    dies(SpeechFault::Dies(400)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_breaks_off_in_mid_message_is_replaced() {
    dies(SpeechFault::HalfJson(3_000)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_falls_silent_in_mid_sentence_is_replaced() {
    // Two seconds are heard already made when it does, so that the caller notices nothing for as long.
    dies(SpeechFault::Stalls(2_000)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_whose_machine_freezes_is_replaced() {
    dies(SpeechFault::Freezes(3_000)).await;
}
