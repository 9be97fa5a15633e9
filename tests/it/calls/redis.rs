//! Redis forgets, then dies and comes back, in the middle of a call that staff listen to.

use std::time::Duration;

use futures_util::StreamExt as _;
use loadtest::openai::Script;
use tokio_tungstenite::tungstenite::Message;

use super::listen::{desk, listen, live_call};
use super::office::{CALLER, OURS, Office};

/// A fresh listener hears the caller; tried until it does.
async fn is_heard(address: &str, client: &reqwest::Client, token: &str, call: &str) {
    let heard = async {
        let mut socket = listen(address, client, token, call).await;
        while let Some(Ok(message)) = socket.next().await {
            if matches!(message, Message::Binary(_)) {
                return;
            }
        }
        panic!("the listener was turned away");
    };
    tokio::time::timeout(Duration::from_secs(15), heard)
        .await
        .expect("the caller is heard");
}

/// The agent still answers.
async fn goes_on(office: &Office, caller: &loadtest::twilio::Caller, answers: usize) {
    caller.say_text("Are you still there?").await;
    office
        .openai
        .session_when(0, |session| {
            session
                .spoken
                .iter()
                .filter(|spoken| spoken.status == "completed")
                .count()
                >= answers
        })
        .await
        .unwrap();
    office.quiet(caller).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_and_its_listeners_outlive_redis() {
    let mut office = Office::open(Script::default()).await;
    let (address, client, token) = desk(&office).await;
    let caller = office.twilio.call(CALLER, OURS).unwrap();
    caller.first_audio().await.unwrap();
    let call = live_call(&office).await;
    let mut listener = listen(&address, &client, &token, &call).await;
    office.quiet(&caller).await;
    office.world.flush_redis().await;
    // The one that listens hears on.
    for _ in 0..50 {
        listener.next().await.unwrap().unwrap();
    }
    goes_on(&office, &caller, 2).await;
    office.world.redis().kill();
    caller.say_text("Are you still there?").await;
    office.world.redis().start_again().await;
    goes_on(&office, &caller, 3).await;
    is_heard(&address, &client, &token, &call).await;
    let drift = async {
        while hub::capacity::drift(&office.world.hub).await.ok() != Some(hub::capacity::Drift::default()) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(15), drift)
        .await
        .expect("the slot is known again");
    assert_eq!(office.world.hub.capacity.held(), 1);
    caller.hang_up();
    let call = office.ended_call().await;
    assert_eq!(
        (
            call["outcome"].as_str(),
            call["agent"].as_str(),
            call["resumes"].as_i64()
        ),
        (Some("caller_hung_up"), Some("realtime"), Some(0))
    );
    office.no_slot_is_held().await;
}
