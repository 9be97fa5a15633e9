//! Calls that the receptionist answers, or takes over.

use loadtest::openai::{ConnectFault, Faults, Reply, Script, SpeechFault};
use serde_json::json;

use super::office::{CALLER, OURS, Office};
use hub::agent_settings::AgentKind;

#[tokio::test(flavor = "multi_thread")]
async fn a_message_by_key_lands_in_the_inbox_with_its_recording() {
    let office = Office::with(Script::default(), |settings| {
        settings.agent = AgentKind::Receptionist;
    })
    .await;
    let caller = office.twilio.call(CALLER, OURS).unwrap();
    caller.heard_ms(1_500).await.unwrap();
    caller.dtmf("1");
    // The menu is cut by the key, then the invitation and its tone are heard.
    caller.cleared(1).await.unwrap();
    office.turns(3).await;
    caller
        .say_text("Hello, this is Ann. Please call me back about the kitchen.")
        .await;
    caller.said().await.unwrap();
    caller.dtmf("#");
    caller.ended().await.unwrap();
    let call = office.ended_call().await;
    assert_eq!(
        (&call["agent"], &call["outcome"]),
        (&json!("receptionist"), &json!("agent_hung_up"))
    );
    let attachment = office
        .until(
            "SELECT coalesce((SELECT to_jsonb(a) FROM attachments a), 'null')",
            serde_json::Value::is_object,
        )
        .await;
    assert_eq!(attachment["media_type"], "audio/wav");
    let duration = attachment["duration_ms"].as_i64().unwrap();
    assert!((2_000..12_000).contains(&duration), "{duration} ms");
    assert!(office.openai.sessions().is_empty(), "no AI was asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hangs_up_in_mid_message_left_it_all_the_same() {
    let office = Office::with(Script::default(), |settings| {
        settings.agent = AgentKind::Receptionist;
        settings.menu.clear();
        settings.greeting = "Hello.".to_owned();
    })
    .await;
    let caller = office.twilio.call(CALLER, OURS).unwrap();
    office.turns(1).await;
    caller
        .say_text("This is Ben, it is urgent, please call me.")
        .await;
    caller.said().await.unwrap();
    caller.hang_up();
    office
        .until("SELECT to_jsonb(count(*)) FROM attachments", |count| *count == 1)
        .await;
    assert_eq!(office.ended_call().await["outcome"], "caller_hung_up");
}

async fn taken_over_within_three_seconds(office: &Office, failed_us: Option<u64>) {
    let caller = office.twilio.callers().remove(0);
    let turns = office
        .until("SELECT coalesce(jsonb_agg(to_jsonb(t) ORDER BY ordinal), '[]') FROM turns t WHERE text LIKE 'I am sorry. Our assistant%'", |turns| {
            turns.as_array().is_some_and(|turns| !turns.is_empty())
        })
        .await;
    assert_eq!(turns[0]["speaker"], "agent");
    let heard = caller.heard();
    let from = failed_us.unwrap_or_else(|| caller.moments().stream_open_us.unwrap());
    let next = heard
        .pieces
        .iter()
        .map(|piece| piece.at_us)
        .find(|at| *at >= from)
        .unwrap();
    assert!(
        next - from <= 3_200_000,
        "silence of {} ms",
        (next - from) / 1_000
    );
    caller.hang_up();
    assert_eq!(office.ended_call().await["agent"], "receptionist");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_refuses_is_replaced() {
    let office = Office::open(Script::default()).await;
    office.openai.set_faults(Faults {
        connect: Some(ConnectFault::Refused(503)),
        ..Faults::default()
    });
    office
        .twilio
        .call(CALLER, OURS)
        .unwrap()
        .first_audio()
        .await
        .unwrap();
    taken_over_within_three_seconds(&office, None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_never_answers_is_replaced() {
    let office = Office::open(Script::default()).await;
    office.openai.set_faults(Faults {
        connect: Some(ConnectFault::Silent),
        ..Faults::default()
    });
    office
        .twilio
        .call(CALLER, OURS)
        .unwrap()
        .first_audio()
        .await
        .unwrap();
    taken_over_within_three_seconds(&office, None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_dies_in_mid_sentence_is_replaced() {
    for fault in [
        SpeechFault::Dies(400),
        SpeechFault::Stalls(400),
        SpeechFault::HalfJson(400),
    ] {
        let long = Reply::say(
            "I could go on and on about everything that we do, and I certainly will, because I like to.",
        );
        let office = Office::open(Script {
            greeting: Some(long),
            ..Script::default()
        })
        .await;
        office.openai.set_faults(Faults {
            speech: Some(fault),
            ..Faults::default()
        });
        let caller = office.twilio.call(CALLER, OURS).unwrap();
        caller.first_audio().await.unwrap();
        taken_over_within_three_seconds(&office, None).await;
    }
}
