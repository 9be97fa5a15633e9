//! Calls that the receptionist answers, or takes over.

use loadtest::openai::Script;
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
