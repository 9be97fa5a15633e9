//! Callers who are not taken: over capacity, outside of the hours.

use std::time::Duration;

use hub::agent_settings::{ClosedRule, Day, Fallback, Hours, Opening};
use loadtest::openai::Script;
use serde_json::json;

use super::office::{CALLER, OURS, Office};

async fn lines(office: &Office, count: i32) {
    let mut admin = office.world.admin().await;
    sqlx::query("UPDATE tenants SET max_concurrent_calls = $1")
        .bind(count)
        .execute(&mut admin)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn over_capacity_a_caller_leaves_a_message_and_staff_see_whom_they_missed() {
    let office = Office::open(Script::default()).await;
    lines(&office, 0).await;
    let caller = office.twilio.call(CALLER, OURS).unwrap();
    caller.answered().await.unwrap();
    office.quiet(&caller).await;
    caller.say_text("Please call me back.").await;
    caller.said().await.unwrap();
    caller.ended().await.unwrap();
    let call = office.ended_call().await;
    assert_eq!(
        (&call["state"], &call["outcome"], &call["fallback"]),
        (&json!("not_taken"), &json!("over_capacity"), &json!("voicemail"))
    );
    assert!(office.openai.sessions().is_empty());
    let job = office
        .until(
            "SELECT coalesce((SELECT to_jsonb(j) FROM jobs j WHERE kind = 'call.fetch_recording'), 'null')",
            serde_json::Value::is_object,
        )
        .await;
    assert_eq!(job["payload"]["call"], call["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_is_free_again_after_the_call() {
    let office = Office::open(Script::default()).await;
    lines(&office, 1).await;
    let first = office.twilio.call(CALLER, OURS).unwrap();
    first.first_audio().await.unwrap();
    let second = office.twilio.call("+15550124", OURS).unwrap();
    second.answered().await.unwrap();
    office
        .until(
            "SELECT to_jsonb(count(*)) FROM calls WHERE state = 'not_taken'",
            |count| *count == 1,
        )
        .await;
    second.hang_up();
    first.hang_up();
    office
        .until(
            "SELECT to_jsonb(count(*)) FROM calls WHERE state = 'ended'",
            |count| *count == 1,
        )
        .await;
    // The row says "ended" a moment before the slot is given back.
    let given_back = async {
        while hub::capacity::drift(&office.world.hub)
            .await
            .unwrap()
            .slots_without_call
            > 0
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), given_back)
        .await
        .expect("the slot is given back");
    let third = office.twilio.call("+15550125", OURS).unwrap();
    third.first_audio().await.unwrap();
    third.hang_up();
    office
        .until(
            "SELECT to_jsonb(count(*)) FROM calls WHERE state = 'ended'",
            |count| *count == 2,
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn outside_of_the_hours_calls_are_forwarded() {
    let office = Office::with(Script::default(), |settings| {
        settings.outside_hours = ClosedRule::Forward;
        settings.over_capacity = Fallback::Voicemail;
        settings.forward_to = Some("+15550188".to_owned());
        // Open for one minute in the week, which is not now (or the test ran at the oddest of times).
        let opening = Opening {
            day: Day::Sun,
            from: "03:59".into(),
            to: "04:00".into(),
        };
        settings.hours = Some(Hours {
            timezone: "UTC".into(),
            days: vec![opening],
        });
    })
    .await;
    let caller = office.twilio.call(CALLER, OURS).unwrap();
    office
        .twilio
        .called("+15550188")
        .await
        .unwrap()
        .answered()
        .await
        .unwrap();
    caller.hang_up();
    let call = office.ended_call().await;
    assert_eq!(
        (&call["outcome"], &call["fallback"]),
        (&json!("outside_hours"), &json!("forward"))
    );
}
