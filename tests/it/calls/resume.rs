//! A call outlives its server.

use hub::call::sweep;
use loadtest::openai::Script;
use loadtest::twilio::RestFaultKind;
use serde_json::{Value, json};

use super::office::{CALLER, OURS, Office, serve};
use super::rest::faults;

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn a_call_goes_on_at_another_node_when_its_own_drains() {
    let office = Office::open(Script::of(&[("Are you still there?", "Yes, I am.")])).await;
    let caller = office.twilio.call(CALLER, OURS).unwrap();
    caller.first_audio().await.unwrap();
    office.turns(1).await;
    let second = office.world.another_hub().await;
    let address = serve(&second).await;
    office
        .twilio
        .aim(&office.twilio.public_url(), &format!("http://{address}"))
        .unwrap();
    office.world.hub.tasks.stop();
    let moved = caller
        .wait("two streams", PATIENCE, |moments| moments.streams == 2)
        .await;
    moved.unwrap();
    // The new agent knows what was said before.
    let session = office
        .openai
        .session_when(1, |session| {
            session.spoken.iter().any(|s| s.status == "completed")
        })
        .await
        .unwrap();
    assert!(
        session
            .items
            .iter()
            .any(|item| item.to_string().contains("thank you for calling")),
        "{:?}",
        session.items
    );
    caller.say_text("Are you still there?").await;
    let turns = office.turns(4).await;
    let ordinals: Vec<_> = turns
        .iter()
        .map(|turn| turn["ordinal"].as_i64().unwrap())
        .collect();
    assert!(
        ordinals.is_sorted() && ordinals.first() == Some(&1),
        "{ordinals:?}"
    );
    caller.hang_up();
    let call = office.ended_call().await;
    assert_eq!(
        (&call["outcome"], &call["resumes"]),
        (&json!("caller_hung_up"), &json!(1))
    );
    second.tasks.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_of_a_node_that_is_gone_is_led_back() {
    let office = Office::open(Script::default()).await;
    let caller = office.twilio.call(CALLER, OURS).unwrap();
    caller.first_audio().await.unwrap();
    office
        .until(
            "SELECT coalesce((SELECT to_jsonb(c) FROM calls c WHERE state = 'live'), 'null')",
            Value::is_object,
        )
        .await;
    // As if a machine that vanished without a word carried it.
    let mut admin = office.world.admin().await;
    sqlx::query("UPDATE calls SET node = 'calls-gone'")
        .execute(&mut admin)
        .await
        .unwrap();
    assert!(!sweep::is_alive(&office.world.hub, "calls-gone").await.unwrap());
    caller
        .wait("two streams", PATIENCE, |moments| moments.streams == 2)
        .await
        .unwrap();
    // The stream that was stopped for it is not taken for the caller's good-bye.
    let live = "SELECT coalesce((SELECT to_jsonb(c) FROM calls c WHERE state = 'live' AND node <> 'calls-gone'), 'null')";
    let call = office.until(live, Value::is_object).await;
    assert!(call["resumes"].as_i64() >= Some(1), "{call}");
    caller.hang_up();
    assert_eq!(office.ended_call().await["outcome"], "caller_hung_up");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_could_not_be_led_back_is_tried_again() {
    let office = Office::open(Script::default()).await;
    let caller = office.twilio.call(CALLER, OURS).unwrap();
    caller.first_audio().await.unwrap();
    let live = "SELECT coalesce((SELECT to_jsonb(c) FROM calls c WHERE state = 'live' AND node IS NOT NULL), 'null')";
    office.until(live, Value::is_object).await;
    let refused = RestFaultKind::Refused { status: 403 };
    office.twilio.set_faults(faults("/Calls/", &[refused]));
    let mut admin = office.world.admin().await;
    sqlx::query("UPDATE calls SET node = 'calls-gone'")
        .execute(&mut admin)
        .await
        .unwrap();
    office
        .twilio
        .wait_for("rest", |rest| rest["status"] == 403)
        .await
        .unwrap();
    let given_back = "SELECT coalesce((SELECT to_jsonb(c) FROM calls c WHERE node = 'calls-gone'), 'null')";
    office.until(given_back, Value::is_object).await;
    // Otherwise the next try is when the claim to look after the call is over, 20 s later.
    office.world.flush_redis().await;
    caller
        .wait("two streams", PATIENCE, |moments| moments.streams == 2)
        .await
        .unwrap();
    caller.hang_up();
    office.ended_call().await;
}
