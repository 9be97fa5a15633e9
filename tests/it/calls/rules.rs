//! The tenant's rules for a call: how long, how silent, when, and in which language.

use hub::agent_settings::{AgentKind, ClosedRule, Day, Hours, Opening};
use loadtest::openai::Script;
use loadtest::twilio::{CallbackFaults, Faults};
use serde_json::{Value, json};

use super::listen::desk;
use super::office::{CALLER, OURS, Office};

/// All that was said to be said, and heard.
async fn last_words_were_heard(office: &Office, caller: &loadtest::twilio::Caller, words: &str) {
    caller.ended().await.unwrap();
    let session = office.openai.session(0).await.unwrap();
    let create = session.response_creates.last().unwrap().to_string();
    assert!(create.contains(words), "{create}");
    let said: u64 = session.spoken.iter().map(|spoken| spoken.sent_ms).sum();
    let heard = caller.heard().duration_ms();
    assert!(heard + 40 >= said, "heard {heard} of {said} ms");
}

fn patient() -> Script {
    let mut script = Script::default();
    "Thank you, goodbye.".clone_into(&mut script.otherwise.hears);
    script.otherwise.reply = loadtest::openai::Reply::say("Thank you, and goodbye.");
    script
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_lasts_too_long_ends_politely() {
    let office = Office::with(patient(), |settings| settings.max_duration_s = 4).await;
    let caller = office.twilio.call(CALLER, OURS).unwrap();
    last_words_were_heard(&office, &caller, "longest duration").await;
    assert_eq!(office.ended_call().await["outcome"], "max_duration");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_caller_is_asked_then_let_go() {
    let office = Office::with(patient(), |settings| settings.silence_s = 1).await;
    let caller = office.twilio.call(CALLER, OURS).unwrap();
    last_words_were_heard(&office, &caller, "said nothing for a while").await;
    let session = office.openai.session(0).await.unwrap();
    assert!(
        session.response_creates[1].to_string().contains("still there"),
        "asked first"
    );
    assert_eq!(office.ended_call().await["outcome"], "silence");
}

fn closed(settings: &mut hub::agent_settings::AgentSettings) {
    let opening = Opening {
        day: Day::Sun,
        from: "03:59".into(),
        to: "04:00".into(),
    };
    settings.hours = Some(Hours {
        timezone: "UTC".into(),
        days: vec![opening],
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn outside_of_the_hours_a_message_is_taken_in_the_tenants_language_and_the_call_is_listed() {
    let office = Office::with(Script::default(), |settings| {
        settings.outside_hours = ClosedRule::Voicemail;
        "de".clone_into(&mut settings.language);
        closed(settings);
    })
    .await;
    let (address, client, token) = desk(&office).await;
    let caller = office.twilio.call(CALLER, OURS).unwrap();
    caller.answered().await.unwrap();
    let hook = office
        .twilio
        .wait_for("webhook", |hook| hook.to_string().contains("<Say"))
        .await
        .unwrap();
    let document = hook.data["answer"].as_str().unwrap().to_owned();
    assert!(
        document.contains(r#"<Say language="de-DE">Vielen Dank"#),
        "{document}"
    );
    caller.hang_up();
    office.ended_call().await;
    let listed: Value = client
        .get(format!("http://{address}/api/v1/calls?state=not_taken"))
        .bearer_auth(&token)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        (&listed["items"][0]["outcome"], &listed["items"][0]["fallback"]),
        (&json!("outside_hours"), &json!("voicemail")),
        "{listed}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_receptionist_speaks_the_agents_language() {
    let office = Office::with(Script::default(), |settings| {
        settings.agent = AgentKind::Receptionist;
        "fr-CA".clone_into(&mut settings.language);
    })
    .await;
    let caller = office.twilio.call(CALLER, OURS).unwrap();
    caller.first_audio().await.unwrap();
    caller.dtmf("7");
    let turns = office.turns(2).await;
    let agent = turns.iter().find(|turn| turn["speaker"] == "agent").unwrap();
    let said = format!(
        "{} {}",
        agent["text"].as_str().unwrap(),
        agent["unheard"].as_str().unwrap()
    );
    assert!(said.trim_start().starts_with("Bonjour et merci"), "{said}");
    caller.hang_up();
    office.ended_call().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_that_come_twice_late_and_in_the_wrong_order_change_nothing() {
    let office = Office::open(Script::default()).await;
    office.twilio.set_faults(Faults {
        callbacks: CallbackFaults {
            duplicates: 2,
            reordered: true,
            delay_ms: 300,
            ..CallbackFaults::default()
        },
        ..Faults::default()
    });
    let caller = office.twilio.call(CALLER, OURS).unwrap();
    caller.first_audio().await.unwrap();
    caller.hang_up();
    caller.ended().await.unwrap();
    let call = office
        .until("SELECT to_jsonb(c) FROM calls c", |call| {
            call["provider_status"] == "completed"
        })
        .await;
    assert_eq!(call["outcome"], "caller_hung_up");
    let ends = office
        .kinds()
        .await
        .iter()
        .filter(|kind| *kind == "call.ended")
        .count();
    assert_eq!(ends, 1);
    office.no_slot_is_held().await;
}
