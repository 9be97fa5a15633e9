//! What the worker does about a call: fetches its recording, sums it up, hangs it up.

use hub::agent_settings::{ClosedRule, Day, Hours, Opening};
use hub::call::work::HangUp;
use hub::job::NewJob;
use loadtest::openai::{self, ChatRule, HttpFault, Script};
use loadtest::twilio::{Faults, RestFault, RestFaultKind};
use serde_json::Value;

use super::listen::{desk, live_call};
use super::office::{CALLER, OURS, Office};

fn busy(path: &str) -> Faults {
    let rest = RestFault {
        path: path.to_owned(),
        kind: RestFaultKind::Refused { status: 503 },
    };
    Faults {
        rest: [rest].into(),
        ..Faults::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_left_at_twilio_is_fetched_and_played_by_staff() {
    let office = Office::with(Script::default(), |settings| {
        settings.outside_hours = ClosedRule::Voicemail;
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
    office.work();
    office.twilio.set_faults(busy("/Recordings/"));
    let (address, client, token) = desk(&office).await;
    let caller = office.twilio.call(CALLER, OURS).unwrap();
    office.quiet(&caller).await;
    caller.say_text("Please call me back about the kitchen.").await;
    caller.said().await.unwrap();
    caller.dtmf("#");
    caller.ended().await.unwrap();
    let attachment = office
        .until(
            "SELECT coalesce((SELECT to_jsonb(a) FROM attachments a), 'null')",
            Value::is_object,
        )
        .await;
    let file = client
        .get(format!(
            "http://{address}/api/v1/attachments/{}",
            attachment["id"].as_str().unwrap()
        ))
        .bearer_auth(&token)
        .send()
        .await
        .unwrap();
    assert_eq!(
        (
            file.status().as_u16(),
            file.headers()["content-type"].to_str().unwrap()
        ),
        (200, "audio/wav")
    );
    let wav = file.bytes().await.unwrap();
    assert!(
        wav.starts_with(b"RIFF") && wav.len() > 16_000,
        "{} bytes",
        wav.len()
    );
    let fetched = office
        .twilio
        .effects()
        .iter()
        .filter(|effect| effect.kind == "recording.fetched")
        .count();
    assert_eq!(fetched, 1, "the first attempt failed, the second fetched it");
    let kept = "SELECT to_jsonb(count(*)) FROM messages WHERE body LIKE 'Voicemail%'";
    office.until(kept, |count| *count == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_summed_up_though_the_first_attempt_fails() {
    let office = Office::open(Script::of(&[("I need a plumber.", "When would suit you?")])).await;
    office.openai.set_chat(vec![ChatRule {
        contains: "I need a plumber.".to_owned(),
        says: Some("The caller needs a plumber.".to_owned()),
        calls: None,
    }]);
    office.openai.set_faults(openai::Faults {
        http: [HttpFault {
            path: "/chat/".to_owned(),
            status: 429,
            after_ms: 0,
        }]
        .into(),
        ..openai::Faults::default()
    });
    office.work();
    let caller = office.twilio.call(CALLER, OURS).unwrap();
    caller.first_audio().await.unwrap();
    caller.say_text("I need a plumber.").await;
    office
        .until(
            "SELECT to_jsonb(count(*)) FROM turns WHERE speaker = 'caller'",
            |count| *count == 1,
        )
        .await;
    caller.hang_up();
    office
        .until("SELECT to_jsonb(c) FROM calls c", |call| {
            call["summary"] == "The caller needs a plumber."
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hang_up_whose_order_was_lost_is_done_by_the_worker_though_the_first_attempt_fails() {
    let office = Office::open(Script::default()).await;
    let caller = office.twilio.call(CALLER, OURS).unwrap();
    caller.first_audio().await.unwrap();
    let call = live_call(&office).await.parse().unwrap();
    let down = vec![busy("/Calls/").rest.remove(0).unwrap(); 4];
    office.twilio.set_faults(Faults {
        rest: down.into(),
        ..Faults::default()
    });
    let mut tx = office.world.hub.db.tenant(office.tenant).await.unwrap();
    tx.enqueue(NewJob::of(&HangUp { call }).unwrap());
    tx.commit().await.unwrap();
    office.work();
    caller.ended().await.unwrap();
    let call = office.ended_call().await;
    assert_eq!(call["state"], "ended");
    office
        .until(
            "SELECT to_jsonb(j) FROM jobs j WHERE kind = 'call.hang_up'",
            |job| job["state"] == "done" && job["attempts"].as_i64() > Some(1),
        )
        .await;
    office.no_slot_is_held().await;
}
