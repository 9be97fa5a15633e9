//! Whole calls: spoken to, interrupted, ended.
use std::sync::{Arc, Mutex};

use super::{CALLER, OURS, world};
use crate::openai::{ConnectFault, Faults, Script, SpeechFault};
use crate::probe::Tag;
use crate::{twilio, ulaw};

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_greeted_answered_and_hung_up() {
    let world = world(Script::of(&[("I need a plumber.", "When would suit you?")])).await;
    let caller = world.twilio.call(CALLER, OURS).unwrap();
    let moments = caller.first_audio().await.unwrap();
    assert!(
        moments.webhook_answered_us < moments.stream_open_us
            && moments.stream_open_us < moments.first_audio_us
    );
    world
        .openai
        .session_when(0, |session| {
            session.spoken.first().is_some_and(|s| s.status == "completed")
        })
        .await
        .unwrap();
    let greeting_ms = world.openai.sessions()[0].spoken[0].sent_ms;
    caller.heard_ms(greeting_ms).await.unwrap();
    assert!(ulaw::loudness(&caller.heard().audio()) > 500.0);

    caller.say_text("I need a plumber for tomorrow.").await;
    let session = world
        .openai
        .session_when(0, |session| session.spoken.len() == 2)
        .await
        .unwrap();
    assert_eq!(session.spoken[1].text, "When would suit you?");
    assert_eq!(
        session.utterances[0].transcript.as_deref(),
        Some("I need a plumber.")
    );
    assert_eq!(session.errors, [] as [serde_json::Value; 0]);

    caller.hang_up();
    assert_eq!(
        caller.ended().await.unwrap().ended_as.as_deref(),
        Some("completed")
    );
    world
        .openai
        .session_when(0, |session| session.closed_us.is_some())
        .await
        .unwrap();
    let told = world
        .twilio
        .wait_for("webhook", |hook| hook["params"]["CallStatus"] == "completed")
        .await
        .unwrap();
    assert_eq!(told.data["purpose"], "call.status");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interruption_clears_the_buffer_and_cuts_the_memory() {
    let long =
        "This is a very long answer that goes on and on about all the many things we could do for you.";
    let world = world(Script {
        greeting: Some(crate::openai::Reply::say(long)),
        ..Script::default()
    })
    .await;
    let caller = world.twilio.call(CALLER, OURS).unwrap();
    caller.heard_ms(1000).await.unwrap();
    caller.say_text("Stop, please, I have a question.").await;
    caller.cleared(1).await.unwrap();
    let session = world
        .openai
        .session_when(0, |session| !session.truncations.is_empty())
        .await
        .unwrap();
    let cut = &session.truncations[0];
    assert!(
        cut.audio_end_ms >= 800 && cut.audio_end_ms < cut.sent_ms,
        "{cut:?}"
    );
    let heard = caller.heard();
    assert!(
        heard.clears[0].dropped_ms > 500,
        "{heard:?}",
        heard = heard.clears
    );
    assert!(heard.marks.iter().any(|mark| mark.played) && heard.marks.iter().any(|mark| !mark.played));
    assert_eq!(session.errors, [] as [serde_json::Value; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn probe_frames_come_back_with_both_times() {
    let world = world(Script {
        greeting: Some(crate::openai::Reply::Nothing),
        ..Script::default()
    })
    .await;
    let there: Arc<Mutex<Vec<Tag>>> = Arc::default();
    let back: Arc<Mutex<Vec<Tag>>> = Arc::default();
    let seen = Arc::clone(&there);
    world
        .openai
        .set_probe(Arc::new(move |tag, _| seen.lock().unwrap().push(*tag)));
    let caller = world.twilio.call(CALLER, OURS).unwrap();
    let seen = Arc::clone(&back);
    caller.tap(Arc::new(move |audio, _| {
        seen.lock().unwrap().extend(Tag::scan(audio));
    }));
    caller.stream_open().await.unwrap();
    caller.probe(7);
    caller.heard_ms(500).await.unwrap();
    caller.hang_up();
    caller.ended().await.unwrap();
    let back = back.lock().unwrap().clone();
    assert!(there.lock().unwrap().len() >= back.len() && back.len() > 20);
    assert!(
        back.iter()
            .all(|tag| tag.call == 7 && tag.returned_us >= tag.sent_us)
    );
    assert!(
        back.windows(2)
            .all(|pair| pair[1].sequence == pair[0].sequence + 1)
    );
    assert_eq!(world.openai.sessions()[0].probe_call, Some(7));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_refuses_or_dies_closes_the_stream_and_the_document_goes_on() {
    let world = world(Script::default()).await;
    world.openai.set_faults(Faults {
        connect: Some(ConnectFault::Refused(429)),
        connects: 1,
        ..Faults::default()
    });
    let caller = world.twilio.call(CALLER, OURS).unwrap();
    assert_eq!(
        caller.ended().await.unwrap().ended_as.as_deref(),
        Some("completed")
    );
    assert_eq!(world.openai.effects()[0].data["status"], 429);

    for fault in [SpeechFault::Dies(400), SpeechFault::HalfJson(400)] {
        world.openai.set_faults(Faults {
            speech: Some(fault),
            ..Faults::default()
        });
        let caller = world.twilio.call(CALLER, OURS).unwrap();
        let moments = caller.ended().await.unwrap();
        assert!(moments.first_audio_us.is_some() && moments.stream_closed_us.is_some());
    }
    let resumed = world.twilio.ledger().of("webhook");
    assert_eq!(
        resumed
            .iter()
            .filter(|hook| hook.data["url"].as_str().unwrap().ends_with("/resume"))
            .count(),
        3
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_stream_ends_without_stop() {
    let world = world(Script::default()).await;
    let stream = twilio::StreamFaults {
        lost_after_ms: Some(300),
        ..Default::default()
    };
    world.twilio.set_faults(twilio::Faults {
        stream,
        ..Default::default()
    });
    let caller = world.twilio.call(CALLER, OURS).unwrap();
    caller.ended().await.unwrap();
    assert_eq!(world.twilio.ledger().of("stream.closed")[0].data["by"], "lost");
    world
        .twilio
        .wait_for("webhook", |hook| hook["params"]["StreamEvent"] == "stream-error")
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_socket_is_told_and_a_recording_holds_both_sides() {
    let world = world(Script::default()).await;
    let stream = twilio::StreamFaults {
        second_socket: true,
        ..Default::default()
    };
    world.twilio.set_faults(twilio::Faults {
        stream,
        ..Default::default()
    });
    let caller = world.twilio.call(CALLER, OURS).unwrap();
    caller.first_audio().await.unwrap();
    let second = world.twilio.wait_for("stream.second", |_| true).await.unwrap();
    assert!(
        second.data["ended"].as_str().unwrap().contains("both sockets"),
        "the plain bridge is naive"
    );

    let (account, (http, _)) = (world.twilio.account(), crate::outbound::clients(None).unwrap());
    let url = format!(
        "{}/2010-04-01/Accounts/{}/Calls/{}/Recordings.json",
        world.twilio.url(),
        account.sid,
        caller.sid()
    );
    let answer = http
        .post(url)
        .basic_auth(&account.sid, Some(&account.auth_token))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 201);
    let heard = caller.heard().duration_ms();
    caller.heard_ms(heard + 600).await.unwrap();
    caller.hang_up();
    let recording = world.twilio.wait_for("recording", |_| true).await.unwrap();
    assert!(recording.data["duration_ms"].as_u64().unwrap() >= 500);
}
