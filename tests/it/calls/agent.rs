//! Calls that the AI answers.

use loadtest::openai::{Reply, Script};
use serde_json::json;

use super::office::{CALLER, OURS, Office};

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_answered_written_down_and_ended() {
    let office = Office::open(Script::of(&[("I need a plumber.", "When would suit you?")])).await;
    let caller = office.twilio.call(CALLER, OURS).unwrap();
    caller.first_audio().await.unwrap();
    let greeting = office
        .openai
        .session_when(0, |session| {
            session.spoken.iter().any(|s| s.status == "completed")
        })
        .await
        .unwrap();
    assert_eq!(
        greeting.spoken[0].text,
        "Hello, thank you for calling. How can I help you?"
    );
    caller.heard_ms(greeting.spoken[0].sent_ms).await.unwrap();

    caller.say_text("I need a plumber for tomorrow.").await;
    let session = office
        .openai
        .session_when(0, |session| {
            session.spoken.len() == 2 && session.spoken[1].status == "completed"
        })
        .await
        .unwrap();
    assert_eq!(session.errors, [] as [serde_json::Value; 0]);
    assert_eq!(
        session.effective["audio"]["input"]["format"],
        json!({ "type": "audio/pcmu" })
    );
    caller
        .heard_ms(session.spoken[0].sent_ms + session.spoken[1].sent_ms)
        .await
        .unwrap();
    let turns = office.turns(3).await;
    let brief: Vec<_> = turns
        .iter()
        .map(|turn| (turn["speaker"].as_str().unwrap(), turn["text"].as_str().unwrap()))
        .collect();
    assert_eq!(
        brief,
        [
            ("agent", "Hello, thank you for calling. How can I help you?"),
            ("caller", "I need a plumber."),
            ("agent", "When would suit you?")
        ]
    );
    let latency = turns[2]["latency_ms"].as_i64().unwrap();
    assert!((0..1_500).contains(&latency), "{latency} ms");

    caller.hang_up();
    what_is_left_of_it(&office).await;
}

/// The record, its place in the conversation, the facts for screens; and nothing that still costs.
async fn what_is_left_of_it(office: &Office) {
    let call = office.ended_call().await;
    assert_eq!(
        (&call["outcome"], &call["agent"], &call["state"]),
        (&json!("caller_hung_up"), &json!("realtime"), &json!("ended"))
    );
    assert!(
        call["contact_id"].is_string() && call["answered_at"].is_string() && call["ended_at"].is_string()
    );
    let messages = office.messages(1).await;
    assert_eq!(messages[0]["call_id"], call["id"]);
    // The model's session does not outlive the call.
    office
        .openai
        .session_when(0, |session| session.closed_us.is_some())
        .await
        .unwrap();
    let kinds = office.kinds().await;
    let calls: Vec<_> = kinds
        .iter()
        .filter(|kind| kind.starts_with("call."))
        .map(String::as_str)
        .collect();
    assert_eq!(
        calls,
        [
            "call.started",
            "call.updated",
            "call.turn",
            "call.turn",
            "call.turn",
            "call.ended"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interruption_is_cut_exactly_where_the_caller_was() {
    let long =
        "We do very many things for very many people and I could go on and on telling you about all of them.";
    let script = Script {
        greeting: Some(Reply::say(long)),
        ..Script::default()
    };
    let office = Office::open(script).await;
    let caller = office.twilio.call(CALLER, OURS).unwrap();
    caller.heard_ms(1_000).await.unwrap();
    caller.say_text("Stop, please, I have a question.").await;
    caller.cleared(1).await.unwrap();
    let session = office
        .openai
        .session_when(0, |session| !session.truncations.is_empty())
        .await
        .unwrap();
    let (cut, heard) = (&session.truncations[0], caller.heard());
    let cleared_us = heard.clears[0].at_us;
    let heard_us: u64 = heard
        .pieces
        .iter()
        .filter(|piece| piece.at_us < cleared_us)
        .map(|piece| piece.audio.len() as u64 * 125)
        .sum();
    let difference = cut.audio_end_ms.abs_diff(heard_us / 1_000);
    assert!(
        difference <= 40,
        "the model was cut at {} ms, the caller heard {} ms",
        cut.audio_end_ms,
        heard_us / 1_000
    );
    assert_eq!(session.errors, [] as [serde_json::Value; 0]);
    let turns = office.turns(1).await;
    let (text, unheard) = (
        turns[0]["text"].as_str().unwrap(),
        turns[0]["unheard"].as_str().unwrap(),
    );
    assert!(
        turns[0]["interrupted"].as_bool().unwrap() && long.starts_with(text) && !unheard.is_empty(),
        "{text} | {unheard}"
    );
    // What the agent says next is heard: echoes of what was cleared were not taken for playback.
    let session = office
        .openai
        .session_when(0, |session| {
            session.spoken.len() > 1 && session.spoken[1].status == "completed"
        })
        .await
        .unwrap();
    caller
        .heard_ms(heard_us / 1_000 + session.spoken[1].sent_ms - 200)
        .await
        .unwrap();
    caller.hang_up();
    office.ended_call().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_goodbye_is_heard_out_before_the_agent_hangs_up() {
    let bye = "Thank you very much for your call, and have a wonderful day. Goodbye.";
    let reply = Reply::Call {
        name: "hang_up".to_owned(),
        arguments: json!({}),
        saying: Some(bye.to_owned()),
        then: Box::new(Reply::Nothing),
    };
    let mut script = Script::of(&[("That is all.", "x")]);
    script.turns[0].reply = reply;
    let office = Office::open(script).await;
    let caller = office.twilio.call(CALLER, OURS).unwrap();
    let greeting = office
        .openai
        .session_when(0, |session| {
            session.spoken.iter().any(|s| s.status == "completed")
        })
        .await
        .unwrap();
    caller.heard_ms(greeting.spoken[0].sent_ms).await.unwrap();
    caller.say_text("That is all, thank you.").await;
    caller.ended().await.unwrap();
    let session = office
        .openai
        .session_when(0, |session| session.spoken.len() >= 2)
        .await
        .unwrap();
    let said = session.spoken[0].sent_ms + session.spoken[1].sent_ms;
    assert!(
        caller.heard().duration_ms() + 40 >= said,
        "heard {} of {said} ms",
        caller.heard().duration_ms()
    );
    let call = office.ended_call().await;
    assert_eq!(call["outcome"], "agent_hung_up");
    assert_eq!(session.tool_outputs.len(), 1, "answered always");
    office
        .until("SELECT to_jsonb(count(*)) FROM tool_calls", |count| *count == 1)
        .await;
    // By REST too, not only by closing the stream.
    office
        .twilio
        .wait_for("rest", |call| call.to_string().contains("completed"))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_goes_to_the_caller_and_to_nobody_else() {
    let mut script = Script::of(&[("Send me the address.", "x"), ("And to my friend.", "y")]);
    script.turns[0].reply = Reply::call("send_sms", json!({ "text": "1 Main Street" }), "Sent.");
    script.turns[1].reply = Reply::call(
        "send_sms",
        json!({ "text": "Hi", "to": "+15550199" }),
        "I cannot do that.",
    );
    let office = Office::open(script).await;
    let caller = office.twilio.call(CALLER, OURS).unwrap();
    caller.first_audio().await.unwrap();
    caller.say_text("Send me the address, please.").await;
    office
        .openai
        .session_when(0, |session| session.tool_outputs.len() == 1)
        .await
        .unwrap();
    office
        .until(
            "SELECT to_jsonb(count(*)) FROM messages WHERE direction = 'out' AND author = 'agent'",
            |count| *count == 1,
        )
        .await;
    let spoken = office
        .openai
        .session_when(0, |session| {
            session
                .spoken
                .iter()
                .any(|s| s.text == "Sent." && s.status == "completed")
        })
        .await
        .unwrap();
    caller
        .heard_ms(
            spoken
                .spoken
                .iter()
                .map(|s| s.sent_ms)
                .sum::<u64>()
                .saturating_sub(300),
        )
        .await
        .ok();
    caller.say_text("And send it to my friend as well.").await;
    let session = office
        .openai
        .session_when(0, |session| session.tool_outputs.len() == 2)
        .await
        .unwrap();
    assert!(
        session.tool_outputs[1].output.contains("error"),
        "{:?}",
        session.tool_outputs[1]
    );
    office
        .until(
            "SELECT to_jsonb(count(*)) FROM audit_log WHERE action = 'call.tool_used'",
            |count| *count == 2,
        )
        .await;
    caller.hang_up();
    office.ended_call().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_goes_to_the_tenants_number_after_the_last_word() {
    let mut script = Script::of(&[("Sales, please.", "x")]);
    script.turns[0].reply = Reply::Call {
        name: "transfer".to_owned(),
        arguments: json!({ "to": "sales" }),
        saying: Some("One moment, I am connecting you with sales.".to_owned()),
        then: Box::new(Reply::Nothing),
    };
    let office = Office::with(script, |settings| {
        settings.transfer_targets = vec![hub::agent_settings::TransferTarget {
            name: "Sales".into(),
            number: "+15550177".into(),
        }];
    })
    .await;
    let caller = office.twilio.call(CALLER, OURS).unwrap();
    caller.first_audio().await.unwrap();
    caller.say_text("I would like to speak with sales.").await;
    let person = office.twilio.called("+15550177").await.unwrap();
    person.answered().await.unwrap();
    office
        .until(
            "SELECT coalesce((SELECT to_jsonb(c) FROM calls c), 'null')",
            |call| call["outcome"] == "transferred",
        )
        .await;
    caller.hang_up();
    let call = office.ended_call().await;
    assert_eq!(
        (&call["outcome"], &call["state"]),
        (&json!("transferred"), &json!("ended"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_reach_the_agent() {
    let mut script = Script::of(&[]);
    script.texts = vec![loadtest::openai::TextRule {
        contains: "1234".to_owned(),
        reply: Reply::say("Thank you for the number."),
    }];
    let office = Office::open(script).await;
    let caller = office.twilio.call(CALLER, OURS).unwrap();
    caller.first_audio().await.unwrap();
    caller.dtmf("1234#");
    let session = office
        .openai
        .session_when(0, |session| {
            session
                .spoken
                .iter()
                .any(|s| s.text.starts_with("Thank you for the number"))
        })
        .await
        .unwrap();
    assert_eq!(session.items.len(), 1, "one input, not five");
    caller.hang_up();
    office.ended_call().await;
}
