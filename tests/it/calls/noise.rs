//! Callers who are in a noise, or speak, from the first moment: they hear the greeting all the same.

use loadtest::openai::Script;

use super::office::{CALLER, OURS, Office};

/// A street: loud, without words, from the first frame on.
fn street(ms: usize) -> Vec<u8> {
    (0..ms * 8)
        .map(|n| if (n * 7_919 / 13) % 5 < 2 { 0x10 } else { 0x90 })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_noise_from_the_first_moment_does_not_cut_the_greeting() {
    let office = Office::open(Script::default()).await;
    let caller = office.twilio.call(CALLER, OURS).unwrap();
    caller.say(street(6_000));
    let session = office
        .openai
        .session_when(0, |session| {
            session.spoken.iter().any(|spoken| spoken.status == "completed")
        })
        .await
        .unwrap();
    assert!(
        session.utterances[0].started_us <= session.spoken[0].done_us.unwrap(),
        "it was taken for speech while the greeting was made"
    );
    caller.heard_ms(session.spoken[0].sent_ms).await.unwrap();
    assert_eq!(caller.moments().clears, 0, "nothing was cut");
    assert_eq!(office.openai.session(0).await.unwrap().truncations, []);
    let turns = office.turns(1).await;
    let greeting = turns.iter().find(|turn| turn["speaker"] == "agent").unwrap();
    assert_eq!(
        (greeting["text"].as_str(), greeting["interrupted"].as_bool()),
        (
            Some("Hello, thank you for calling. How can I help you?"),
            Some(false)
        )
    );
    // What is said into it later is answered.
    caller.silence();
    office
        .openai
        .session_when(0, |session| {
            session
                .spoken
                .iter()
                .skip(1)
                .any(|spoken| spoken.status == "completed")
        })
        .await
        .unwrap();
    caller.hang_up();
    assert_eq!(office.ended_call().await["agent"], "realtime");
}

#[tokio::test(flavor = "multi_thread")]
async fn words_among_the_greeting_are_answered_after_it() {
    let office = Office::open(Script::of(&[("Hello?", "Yes, hello.")])).await;
    let caller = office.twilio.call(CALLER, OURS).unwrap();
    caller.say_text("Hello?").await;
    let session = office
        .openai
        .session_when(0, |session| {
            session.spoken.len() == 2 && session.spoken[1].status == "completed"
        })
        .await
        .unwrap();
    assert_eq!(
        (&*session.spoken[0].status, &*session.spoken[1].text),
        ("completed", "Yes, hello.")
    );
    assert_eq!(session.errors, [] as [serde_json::Value; 0]);
    caller
        .heard_ms(session.spoken[0].sent_ms + session.spoken[1].sent_ms)
        .await
        .unwrap();
    assert_eq!(caller.moments().clears, 0);
    caller.hang_up();
    office.ended_call().await;
}
