//! The model's session is replaced before its time is up: nobody notices.

use loadtest::openai::{Faults, Script, SessionRecord};

use super::office::{CALLER, OURS, Office};

/// The first of all sessions that is so, as soon as one is.
async fn any_session(office: &Office, so: impl Fn(&SessionRecord) -> bool) -> SessionRecord {
    for _ in 0..1_000 {
        if let Some(session) = office.openai.sessions().into_iter().find(&so) {
            return session;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("no session is so");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_outlives_the_models_sessions() {
    const LIFE_MS: u64 = 6_000;
    let script = Script::of(&[("I need a plumber.", "When would suit you?")]);
    let office = Office::set_up(script, |_| {}, |config| config.openai.session_recycle_s = 1).await;
    office.openai.set_faults(Faults {
        session_max_ms: Some(LIFE_MS),
        ..Faults::default()
    });
    let caller = office.twilio.call(CALLER, OURS).unwrap();
    let first = office
        .openai
        .session_when(0, |session| {
            session.spoken.iter().any(|spoken| spoken.status == "completed")
        })
        .await
        .unwrap();
    caller.heard_ms(first.spoken[0].sent_ms).await.unwrap();
    // The next session opens; whoever speaks into the change is heard, in the old one or in the new one.
    office.openai.session(1).await.unwrap();
    caller.say_text("I need a plumber for tomorrow.").await;
    let answered = |session: &SessionRecord| {
        session
            .spoken
            .iter()
            .any(|spoken| spoken.text == "When would suit you?" && spoken.status == "completed")
    };
    let session = any_session(&office, answered).await;
    // The whole utterance was heard by one of them.
    let heard = session.utterances.last().unwrap();
    assert!(heard.end_ms.unwrap() - heard.start_ms >= 1_500, "{heard:?}");
    // It lives longer than any of its sessions, and each knows what was said before.
    let opened_us = caller.moments().stream_open_us.unwrap();
    let last = any_session(&office, |session| {
        session.opened_us >= opened_us + LIFE_MS * 1_000 && session.items.len() >= 3
    })
    .await;
    let known = serde_json::to_string(&last.items).unwrap();
    for said in [
        "thank you for calling",
        "I need a plumber.",
        "When would suit you?",
    ] {
        assert!(known.contains(said), "{said}: {known}");
    }
    let sessions = office.openai.sessions();
    assert!(
        sessions.iter().skip(1).all(|session| {
            !serde_json::to_string(&session.response_creates)
                .unwrap()
                .contains("Greet")
        }),
        "greeted once"
    );
    assert!(sessions.iter().all(|session| session.errors.is_empty()));
    caller.hang_up();
    let call = office.ended_call().await;
    assert_eq!(
        (call["agent"].as_str(), call["resumes"].as_i64()),
        (Some("realtime"), Some(0))
    );
}
