//! Stories of the machine: who spoke when, and what it did about it.

use super::*;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn machine() -> Machine {
    let limits = Limits {
        max_duration: ms(60_000),
        silence: ms(10_000),
    };
    let mut machine = Machine::new(limits, AgentKind::Realtime, 1, Vec::new());
    assert!(matches!(
        machine.actions()[..],
        [Action::Agent(AgentOrder::Greet)]
    ));
    machine.agent(AgentEvent::Ready, ms(0));
    // The first words have their own stories, below.
    machine.guard = Guard::Over;
    machine
}

fn audio(length_ms: usize) -> Bytes {
    base64_simd::STANDARD
        .encode_to_string(vec![0xff; length_ms * 8])
        .into()
}

/// The model makes a whole reply of this length.
fn reply(machine: &mut Machine, item: &str, length_ms: usize, now: Duration) -> u64 {
    machine.agent(AgentEvent::ReplyStarted, now);
    machine.agent(
        AgentEvent::Audio {
            item: item.into(),
            payload: audio(length_ms),
        },
        now,
    );
    machine.agent(
        AgentEvent::Words {
            item: item.into(),
            text: format!("words of {item}"),
            whole: true,
        },
        now,
    );
    machine.agent(AgentEvent::ReplyDone { failed: false }, now);
    let mark = machine.actions().into_iter().find_map(|action| match action {
        Action::Play { mark, .. } => Some(mark),
        _ => None,
    });
    mark.expect("audio is played")
}

fn brief(machine: &mut Machine) -> Vec<String> {
    machine
        .actions()
        .iter()
        .map(|action| format!("{action:?}"))
        .collect()
}

#[test]
fn barge_in_clears_then_cuts_the_models_memory_where_the_caller_was() {
    let mut call = machine();
    call.agent(AgentEvent::ReplyStarted, ms(100));
    call.agent(
        AgentEvent::Audio {
            item: "a".into(),
            payload: audio(3_000),
        },
        ms(100),
    );
    call.actions();
    call.agent(AgentEvent::CallerStarted, ms(1_350));
    let did = brief(&mut call);
    assert_eq!(did, ["Clear", "Agent(Cut { item: \"a\", heard_ms: 1250 })"]);
    // Late audio of the cut reply is dropped; the next reply is heard.
    call.agent(
        AgentEvent::Audio {
            item: "a".into(),
            payload: audio(200),
        },
        ms(1_360),
    );
    assert!(call.actions().is_empty());
    call.agent(AgentEvent::ReplyDone { failed: false }, ms(1_370));
    call.agent(AgentEvent::CallerStopped, ms(2_000));
    reply(&mut call, "b", 500, ms(2_400));
}

#[test]
fn an_interruption_of_silence_does_nothing() {
    let mut call = machine();
    let mark = reply(&mut call, "a", 500, ms(100));
    call.echoed(mark, ms(620));
    call.actions();
    call.agent(AgentEvent::CallerStarted, ms(900));
    assert!(call.actions().is_empty());
    let turns = call.transcript().finished(false, ms(900));
    assert!(!turns[0].interrupted && turns[0].text == "words of a");
}

#[test]
fn a_hang_up_waits_until_the_last_word_was_heard() {
    let mut call = machine();
    call.agent(AgentEvent::ReplyStarted, ms(1_000));
    call.agent(
        AgentEvent::Audio {
            item: "bye".into(),
            payload: audio(2_000),
        },
        ms(1_000),
    );
    call.agent(
        AgentEvent::Tool {
            call: "t".into(),
            name: "hang_up".into(),
            arguments: "{}".into(),
        },
        ms(1_010),
    );
    let done = ToolDone {
        call: "t".into(),
        output: json!({}),
        line: "hang_up".into(),
        wish: Some(Wish::HangUp),
    };
    call.tool_done(done, ms(1_020));
    call.agent(AgentEvent::ReplyDone { failed: false }, ms(1_030));
    call.actions();
    call.tick(ms(2_900));
    assert!(call.actions().is_empty());
    call.echoed(0, ms(3_020));
    call.tick(ms(3_050));
    assert!(matches!(
        call.actions().last(),
        Some(Action::Close(Outcome::AgentHungUp))
    ));
}

#[test]
fn a_lost_echo_holds_a_hang_up_two_seconds_at_most() {
    let mut call = machine();
    reply(&mut call, "bye", 1_000, ms(0));
    call.end_by(Wish::HangUp, ms(100));
    call.tick(ms(2_999));
    assert!(call.actions().is_empty());
    call.tick(ms(3_001));
    assert!(matches!(
        call.actions()[..],
        [Action::Close(Outcome::AgentHungUp)]
    ));
}

#[test]
fn a_model_that_says_nothing_is_replaced_within_three_seconds() {
    let limits = Limits {
        max_duration: ms(60_000),
        silence: ms(10_000),
    };
    let mut never_ready = Machine::new(limits, AgentKind::Realtime, 1, Vec::new());
    never_ready.actions();
    never_ready.tick(ms(2_100));
    assert!(
        never_ready.actions().is_empty(),
        "nobody is asked for a moment before they were greeted"
    );
    never_ready.tick(never_ready.next_tick(ms(2_190)));
    let did = never_ready.actions();
    assert!(matches!(
        did[..],
        [Action::FailOver { .. }, Action::Agent(AgentOrder::Greet)]
    ));

    let mut stalls = machine();
    let mark = reply(&mut stalls, "a", 500, ms(100));
    stalls.echoed(mark, ms(600));
    stalls.agent(AgentEvent::CallerStarted, ms(1_000));
    stalls.agent(AgentEvent::CallerStopped, ms(2_000));
    stalls.actions();
    stalls.tick(ms(3_400));
    assert!(stalls.actions().is_empty());
    stalls.tick(ms(3_600));
    assert!(matches!(stalls.actions()[..], [Action::Fill]));
    stalls.fill(audio(500), ms(3_600));
    stalls.tick(ms(4_100));
    assert!(
        matches!(stalls.actions()[..], [Action::Play { .. }]),
        "asked for a moment once"
    );
    stalls.tick(ms(4_200));
    assert!(matches!(stalls.actions()[0], Action::FailOver { .. }));
}

#[test]
fn a_model_that_dies_in_mid_sentence_is_replaced_and_its_torn_reply_dropped() {
    let mut call = machine();
    call.agent(AgentEvent::ReplyStarted, ms(100));
    call.agent(
        AgentEvent::Audio {
            item: "a".into(),
            payload: audio(9_000),
        },
        ms(100),
    );
    call.actions();
    call.agent(AgentEvent::Failed("socket closed".into()), ms(1_000));
    let did = call.actions();
    assert!(matches!(
        did[..],
        [
            Action::Clear,
            Action::FailOver { .. },
            Action::Agent(AgentOrder::Greet)
        ]
    ));
    // The receptionist itself failing ends the call.
    call.agent(AgentEvent::Failed("no voice".into()), ms(1_100));
    assert!(matches!(call.actions()[..], [Action::Close(Outcome::Failed)]));
}

#[test]
fn a_failed_reply_is_apologised_for_once_then_the_receptionist_comes() {
    let mut call = machine();
    let mark = reply(&mut call, "hello", 100, ms(0));
    call.echoed(mark, ms(100));
    call.actions();
    call.agent(AgentEvent::ReplyStarted, ms(1_000));
    call.agent(AgentEvent::ReplyDone { failed: true }, ms(1_100));
    assert!(matches!(call.actions()[..], [Action::Agent(AgentOrder::Tell(_))]));
    call.agent(AgentEvent::ReplyStarted, ms(1_200));
    call.agent(AgentEvent::ReplyDone { failed: true }, ms(1_300));
    assert!(matches!(call.actions()[0], Action::FailOver { .. }));
}

#[test]
fn a_silent_caller_is_asked_once_and_then_let_go() {
    let mut call = machine();
    let mark = reply(&mut call, "hello", 1_000, ms(0));
    call.echoed(mark, ms(1_000));
    call.actions();
    call.tick(ms(10_900));
    assert!(call.actions().is_empty());
    call.tick(ms(11_000));
    assert!(matches!(call.actions()[..], [Action::Agent(AgentOrder::Nudge)]));
    let mark = reply(&mut call, "there?", 1_000, ms(11_500));
    call.echoed(mark, ms(12_500));
    call.actions();
    call.tick(ms(22_500));
    assert!(matches!(
        call.actions()[..],
        [Action::Agent(AgentOrder::Farewell(_))]
    ));
    let mark = reply(&mut call, "bye", 1_000, ms(23_000));
    call.tick(ms(23_100));
    call.echoed(mark, ms(24_000));
    call.tick(ms(24_050));
    assert!(matches!(
        call.actions().last(),
        Some(Action::Close(Outcome::Silence))
    ));
}

#[test]
fn the_longest_duration_ends_with_a_goodbye_or_without() {
    let mut call = machine();
    let mark = reply(&mut call, "hello", 100, ms(0));
    call.echoed(mark, ms(100));
    call.actions();
    call.agent(AgentEvent::CallerStarted, ms(59_000));
    call.tick(ms(60_000));
    assert!(matches!(
        call.actions()[..],
        [Action::Agent(AgentOrder::Farewell(_))]
    ));
    call.tick(ms(64_100));
    assert!(matches!(
        call.actions()[..],
        [Action::Close(Outcome::MaxDuration)]
    ));
}

#[test]
fn a_storm_of_tools_is_refused_but_always_answered() {
    let mut call = machine();
    call.agent(AgentEvent::CallerStopped, ms(0));
    call.actions();
    let (mut ran, mut refused, mut spoken) = (0, 0, 0);
    for at in 0..1_000_u64 {
        call.agent(
            AgentEvent::Tool {
                call: at.to_string(),
                name: "send_sms".into(),
                arguments: "{}".into(),
            },
            ms(at),
        );
        for action in call.actions() {
            match action {
                Action::Tool { .. } => ran += 1,
                Action::Agent(AgentOrder::ToolResult { speak, .. }) => {
                    refused += 1;
                    spoken += u32::from(speak);
                }
                _ => {}
            }
        }
    }
    assert_eq!((ran, refused, spoken), (8, 992, 1));
}

#[test]
fn a_transfer_waits_for_the_last_word_and_a_failed_one_keeps_the_caller() {
    let mut call = machine();
    let mark = reply(&mut call, "connecting you", 1_000, ms(0));
    call.end_by(Wish::Transfer("+15550100".into()), ms(10));
    call.tick(ms(500));
    assert!(call.actions().is_empty());
    call.echoed(mark, ms(1_000));
    call.tick(ms(1_050));
    assert!(matches!(call.actions().last(), Some(Action::Transfer { .. })));
    call.transfer_failed(ms(1_500));
    assert!(matches!(call.actions()[..], [Action::Agent(AgentOrder::Tell(_))]));
}

/// A greeting of three seconds, made whole; `noise_at` is when the caller's side begins to sound.
fn greeting_under_noise(noise_at: u64) -> (Machine, Vec<String>) {
    let mut call = machine();
    call.guard = Guard::Waiting;
    let noise = |call: &mut Machine, from: u64, to: u64| {
        if (from..to).contains(&noise_at) {
            call.agent(AgentEvent::CallerStarted, ms(noise_at));
        }
    };
    noise(&mut call, 0, 500);
    reply(&mut call, "hello", 3_000, ms(500));
    noise(&mut call, 500, 1_300);
    let next = call.next_tick(ms(1_000));
    assert!(next <= ms(1_300), "the guard's end is looked for in time");
    call.tick(ms(1_300));
    noise(&mut call, 1_300, 9_000);
    let did = brief(&mut call);
    (call, did)
}

#[test]
fn a_noise_that_was_there_before_the_greeting_does_not_cut_it() {
    for noise_at in [100, 700, 1_299] {
        let (mut call, did) = greeting_under_noise(noise_at);
        assert_eq!(did, ["Agent(Interruptible)"], "{noise_at}");
        call.tick(ms(2_000));
        assert!(call.actions().is_empty(), "said once");
    }
    let (_, did) = greeting_under_noise(1_400);
    assert_eq!(
        did,
        [
            "Agent(Interruptible)",
            "Clear",
            "Agent(Cut { item: \"hello\", heard_ms: 900 })"
        ]
    );
}

#[test]
fn a_noise_does_not_hide_that_the_greeting_never_comes() {
    let mut call = machine();
    call.guard = Guard::Waiting;
    call.agent(AgentEvent::CallerStarted, ms(100));
    call.tick(ms(2_200));
    assert!(matches!(call.actions()[0], Action::FailOver { .. }));
}

#[test]
fn a_reply_that_nothing_more_comes_of_is_given_up_though_it_still_sounds() {
    let mut call = machine();
    call.agent(AgentEvent::ReplyStarted, ms(100));
    let payload = audio(9_000);
    call.agent(
        AgentEvent::Audio {
            item: "a".into(),
            payload,
        },
        ms(200),
    );
    call.actions();
    call.agent(AgentEvent::Alive, ms(1_000));
    call.tick(ms(3_100));
    assert!(call.actions().is_empty());
    call.tick(ms(3_200));
    assert!(matches!(
        call.actions()[..2],
        [Action::Clear, Action::FailOver { .. }]
    ));
}
