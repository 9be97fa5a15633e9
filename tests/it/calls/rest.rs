//! Twilio's REST API in trouble, during a transfer, a hang-up and a text.

use std::collections::VecDeque;

use hub::agent_settings::TransferTarget;
use loadtest::openai::{Reply, Script};
use loadtest::twilio::{Faults, Person, RestFault, RestFaultKind};
use serde_json::json;

use super::office::{CALLER, OURS, Office};

const SALES: &str = "+15550177";

pub(super) fn faults(path: &str, kinds: &[RestFaultKind]) -> Faults {
    let rest: VecDeque<_> = kinds
        .iter()
        .map(|kind| RestFault {
            path: path.to_owned(),
            kind: kind.clone(),
        })
        .collect();
    Faults {
        rest,
        ..Faults::default()
    }
}

fn ends_by(tool: &str, arguments: serde_json::Value, saying: &str) -> Script {
    let mut script = Script::of(&[("Please.", "x")]);
    script.turns[0].reply = Reply::Call {
        name: tool.to_owned(),
        arguments,
        saying: Some(saying.to_owned()),
        then: Box::new(Reply::Nothing),
    };
    script
}

async fn sales() -> Office {
    let script = ends_by("transfer", json!({ "to": "sales" }), "One moment.");
    Office::with(script, |settings| {
        settings.transfer_targets = vec![TransferTarget {
            name: "Sales".into(),
            number: SALES.into(),
        }];
    })
    .await
}

/// The caller has heard the greeting and asks.
async fn asks(office: &Office) -> loadtest::twilio::Caller {
    let caller = office.twilio.call(CALLER, OURS).unwrap();
    let greeting = office
        .openai
        .session_when(0, |session| {
            session.spoken.iter().any(|spoken| spoken.status == "completed")
        })
        .await
        .unwrap();
    caller.heard_ms(greeting.spoken[0].sent_ms).await.unwrap();
    caller.say_text("Please, would you do that?").await;
    caller
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_comes_about_through_every_passing_fault() {
    let office = sales().await;
    office.twilio.set_faults(faults(
        "/Calls/",
        &[
            RestFaultKind::Refused { status: 500 },
            RestFaultKind::RateLimited {
                retry_after_s: Some(0),
            },
            RestFaultKind::Reset,
        ],
    ));
    let caller = asks(&office).await;
    office
        .twilio
        .called(SALES)
        .await
        .unwrap()
        .answered()
        .await
        .unwrap();
    caller.hang_up();
    assert_eq!(office.ended_call().await["outcome"], "transferred");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_behind_an_answer_that_never_came_is_not_hung_up() {
    let office = sales().await;
    office.twilio.set_faults(faults(
        "/Calls/",
        &[RestFaultKind::AnsweredLate { after_ms: 60_000 }],
    ));
    let caller = asks(&office).await;
    office
        .twilio
        .called(SALES)
        .await
        .unwrap()
        .answered()
        .await
        .unwrap();
    caller.hang_up();
    assert_eq!(office.ended_call().await["outcome"], "transferred");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_that_fails_is_told_and_the_call_goes_on() {
    let office = sales().await;
    let down = vec![RestFaultKind::Refused { status: 500 }; 20];
    office.twilio.set_faults(faults("/Calls/", &down));
    let caller = asks(&office).await;
    let session = office
        .openai
        .session_when(0, |session| {
            session
                .response_creates
                .iter()
                .any(|create| create.to_string().contains("The transfer did not work"))
        })
        .await
        .unwrap();
    assert_eq!(session.errors, [] as [serde_json::Value; 0]);
    office.twilio.set_faults(Faults::default());
    // Told what happened, in the model's words.
    office.quiet(&caller).await;
    caller.hang_up();
    assert_eq!(office.ended_call().await["outcome"], "caller_hung_up");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_does_not_pick_up_gives_the_caller_back() {
    let office = sales().await;
    office.twilio.set_person(
        SALES,
        Person {
            reaction: "busy".to_owned(),
            ..Person::default()
        },
    );
    let caller = asks(&office).await;
    let back = office
        .openai
        .session_when(1, |session| {
            session.spoken.iter().any(|spoken| spoken.status == "completed")
        })
        .await
        .unwrap();
    assert!(
        back.response_creates[0].to_string().contains("Nobody picked up"),
        "{:?}",
        back.response_creates
    );
    caller.hang_up();
    let call = office.ended_call().await;
    assert_eq!(
        (call["outcome"].as_str(), call["resumes"].as_i64()),
        (Some("caller_hung_up"), Some(1)),
        "the record says how it ended, not how it was meant to"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hang_up_needs_no_answer_of_the_rest_api() {
    let office = Office::open(ends_by("hang_up", json!({}), "Goodbye.")).await;
    let down = vec![RestFaultKind::Refused { status: 503 }; 20];
    office.twilio.set_faults(faults("/Calls/", &down));
    let caller = asks(&office).await;
    caller.ended().await.unwrap();
    assert_eq!(office.ended_call().await["outcome"], "agent_hung_up");
    office.no_slot_is_held().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_twilio_is_too_busy_for_is_sent_once() {
    let mut script = Script::of(&[("Send me the address.", "x")]);
    script.turns[0].reply = Reply::call("send_sms", json!({ "text": "1 Main Street" }), "Sent.");
    let office = Office::open(script).await;
    office.work();
    let busy = RestFaultKind::RateLimited {
        retry_after_s: Some(1),
    };
    office.twilio.set_faults(faults(
        "/Messages",
        &[
            busy.clone(),
            busy,
            RestFaultKind::RateLimited { retry_after_s: None },
        ],
    ));
    let caller = asks(&office).await;
    office
        .until(
            "SELECT coalesce((SELECT to_jsonb(m) FROM messages m WHERE author = 'agent' AND direction = 'out'), 'null')",
            |message| matches!(message["state"].as_str(), Some("sent" | "delivered")),
        )
        .await;
    let sent = office
        .twilio
        .effects()
        .into_iter()
        .filter(|effect| effect.kind == "rest" && effect.data["form"]["Body"] == "1 Main Street")
        .count();
    assert_eq!(sent, 1);
    caller.hang_up();
    office.ended_call().await;
}
