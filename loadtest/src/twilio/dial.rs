//! `<Dial>`: child legs ring, the first that answers is bridged with the caller.
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::call::{Call, Interrupt, NewCall};
use super::leg::{Leg, Next};
use super::twiml::Dial;
use super::world::World;
use crate::clock;
use crate::pace::{Pace, stamp_us};
use crate::speech::{self, Voice};

pub(crate) async fn run(leg: &mut Leg, dial: Dial, cut: &CancellationToken) -> Next {
    let mut outcome = ("no-answer", None, 0);
    for (number, callback) in &dial.numbers {
        let mut callback = callback.clone();
        if let Some(callback) = &mut callback {
            callback.url = leg.absolute(&callback.url);
        }
        let new = NewCall {
            account: leg.call.account.clone(),
            from: dial.caller_id.clone().unwrap_or_else(|| leg.call.from.clone()),
            to: number.clone(),
            direction: "outbound-dial",
            parent: Some(leg.call.sid.clone()),
            callback,
        };
        let (child, interrupts) = Call::open(&leg.world, new);
        let status = bridge(leg, &child, interrupts, Duration::from_secs(dial.timeout_s), cut).await;
        child.become_status(&leg.world, status);
        outcome = (status, Some(child.sid.clone()), child.duration_s());
        if status == "completed" || cut.is_cancelled() {
            break;
        }
    }
    let Some(action) = &dial.action else {
        return Next::Verb;
    };
    let (status, child, duration_s) = outcome;
    let extra = vec![
        ("DialCallStatus".to_owned(), status.to_owned()),
        ("DialCallSid".to_owned(), child.unwrap_or_default()),
        ("DialCallDuration".to_owned(), duration_s.to_string()),
    ];
    if cut.is_cancelled() {
        return Next::EndAfter(leg.webhook("action", action, extra));
    }
    Next::Document(leg.action(action, extra))
}

/// Rings until the person reacts, then carries audio both ways until somebody hangs up; the child's last state.
async fn bridge(
    leg: &Leg,
    child: &Arc<Call>,
    mut interrupts: mpsc::Receiver<Interrupt>,
    timeout: Duration,
    cut: &CancellationToken,
) -> &'static str {
    match ring(&leg.world, child, timeout, cut).await {
        Ok(()) => {}
        Err(status) => return status,
    }
    let person = leg.world.person(&child.to);
    let hang_up = person
        .hangs_up_after_ms
        .map(|after_ms| Instant::now() + Duration::from_millis(after_ms));
    let mut pace = Pace::from_now();
    loop {
        let due = tokio::select! {
            due = pace.beat() => due,
            () = cut.cancelled() => return "completed",
            // Whatever interrupts a child ends it; documents for children are not emulated.
            _ = interrupts.recv() => return "completed",
        };
        let at_us = stamp_us(due);
        child.line.hear(at_us, &leg.call.line.speak(at_us));
        leg.call.line.hear(at_us, &child.line.speak(at_us));
        if hang_up.is_some_and(|at| due >= at) {
            return "completed";
        }
    }
}

/// Rings at a person's telephone; an error is the state the call ends in.
pub(crate) async fn ring(
    world: &Arc<World>,
    call: &Arc<Call>,
    timeout: Duration,
    cut: &CancellationToken,
) -> Result<(), &'static str> {
    let person = world.person(&call.to);
    call.become_status(world, "initiated");
    call.become_status(world, "ringing");
    let reaction = Duration::from_millis(person.after_ms);
    tokio::select! {
        () = tokio::time::sleep(reaction.min(timeout)) => {}
        () = cut.cancelled() => return Err("canceled"),
    }
    if reaction > timeout {
        return Err("no-answer");
    }
    match person.reaction.as_str() {
        "answers" => {}
        "busy" => return Err("busy"),
        "failed" => return Err("failed"),
        _ => {
            tokio::select! {
                () = tokio::time::sleep(timeout.saturating_sub(reaction)) => {}
                () = cut.cancelled() => return Err("canceled"),
            }
            return Err("no-answer");
        }
    }
    call.line
        .note(|moments| moments.answered_us = Some(clock::now_us()));
    call.become_status(world, "in-progress");
    if let Some(text) = &person.says {
        let audio: Bytes = speech::render(Voice::Caller, text).await;
        call.line.say(audio);
    }
    Ok(())
}
