//! A connection's life, step by step, with the clock in hand.

use std::time::{Duration, Instant};

use super::*;
use crate::clock::Clock;
use crate::ids::{FamilyId, StaffId};
use crate::principal::Actor;

const HEARTBEAT: Duration = Duration::from_secs(25);

struct Story {
    client: Client,
    now: Instant,
    tenant: TenantId,
    staff: StaffId,
}

impl Story {
    fn begin() -> Self {
        let (now, at) = (Instant::now(), Clock::system().now());
        Self {
            client: Client::new(HEARTBEAT, 0.0, now),
            now,
            tenant: TenantId::at(at),
            staff: StaffId::at(at),
        }
    }

    fn live() -> Self {
        let mut story = Self::begin();
        story.say(r#"{"type":"hello","ticket":"t"}"#);
        let session = story.session(Role::Staff);
        story.step(Input::Redeemed(Some(session)));
        let position = Position {
            epoch: "e".into(),
            seq: 7,
        };
        story.step(Input::Joined {
            position,
            recovered: true,
        });
        assert!(story.client.is_live());
        story
    }

    fn session(&self, role: Role) -> Session {
        let actor = Actor::Staff {
            id: self.staff,
            name: "Ann".into(),
            session: 1,
            family: FamilyId::at(Clock::system().now()),
        };
        Session {
            principal: Principal::new(self.tenant, "acme".into(), actor, role),
            lasts: Duration::from_mins(10),
        }
    }

    fn step(&mut self, input: Input<'_>) -> Vec<String> {
        let mut todo = Vec::new();
        self.client.step(input, self.now, &mut todo);
        todo.iter().map(describe).collect()
    }

    fn say(&mut self, text: &str) -> Vec<String> {
        self.step(Input::Text(text))
    }

    fn later(&mut self, by: Duration) -> Vec<String> {
        self.now += by;
        self.step(Input::Tick)
    }
}

fn describe(action: &Action) -> String {
    match action {
        Action::Redeem(ticket) => format!("redeem {ticket}"),
        Action::Join { position, .. } => format!("join {:?}", position.as_ref().map(|p| p.seq)),
        Action::Renew(principal) => format!("renew {:?}", principal.role()),
        Action::Send(frame) => {
            let text = String::from_utf8_lossy(frame);
            let value: serde_json::Value =
                serde_json::from_str(text.get(text.find('{').unwrap()..).unwrap()).unwrap();
            let more = value.get("reason").or(value.get("seq")).map(ToString::to_string);
            format!("{} {}", value["type"].as_str().unwrap(), more.unwrap_or_default())
        }
        Action::View(conversation) => format!("view {}", conversation.is_some()),
        Action::Type { draft, .. } => format!("type {draft}"),
        Action::Close { code, .. } => format!("close {code}"),
    }
}

const NOBODY: [&str; 0] = [];
const CONVERSATION: &str = "01919fd2-4c0a-7000-8000-000000000000";

#[test]
fn hello_ticket_seat_welcome() {
    let mut story = Story::begin();
    let hello = r#"{"type":"hello","ticket":"t","position":{"epoch":"e","seq":5}}"#;
    assert_eq!(story.say(hello), ["redeem t"]);
    assert_eq!(
        story.client.deadline(),
        None,
        "the ticket and the seat have limits of their own"
    );
    let session = story.session(Role::Staff);
    assert_eq!(story.step(Input::Redeemed(Some(session))), ["join Some(5)"]);
    let position = Position {
        epoch: "e".into(),
        seq: 9,
    };
    let joined = Input::Joined {
        position,
        recovered: true,
    };
    assert_eq!(story.step(joined), ["welcome "]);
}

#[test]
fn no_hello_in_five_seconds_is_a_goodbye() {
    let mut story = Story::begin();
    assert_eq!(story.later(Duration::from_millis(4_999)), NOBODY);
    assert_eq!(
        story.client.deadline(),
        Some(story.now + Duration::from_millis(1))
    );
    assert_eq!(story.later(Duration::from_millis(1)), ["close 4400"]);
    assert_eq!(story.say(r#"{"type":"hello","ticket":"t"}"#), NOBODY);
}

#[test]
fn a_bad_ticket_and_a_wrong_first_word_close() {
    let mut story = Story::begin();
    story.say(r#"{"type":"hello","ticket":"t"}"#);
    assert_eq!(story.step(Input::Redeemed(None)), ["close 4401"]);
    assert_eq!(Story::begin().say(r#"{"type":"pong"}"#), ["close 1008"]);
    assert_eq!(Story::begin().say("hello"), ["close 1008"]);
    let mut story = Story::live();
    assert_eq!(story.say(r#"{"type":"hello","ticket":"t"}"#), ["close 1008"]);
}

#[test]
fn pings_are_answered_or_the_socket_ends() {
    let mut story = Story::live();
    story.step(Input::Gave(12));
    assert_eq!(
        story.later(HEARTBEAT / 2),
        ["ping 12"],
        "the first in the second half of the interval"
    );
    assert_eq!(story.say(r#"{"type":"pong"}"#), NOBODY);
    assert_eq!(story.later(HEARTBEAT), ["ping 12"]);
    assert_eq!(story.later(PONG_LIMIT / 2), NOBODY);
    assert_eq!(story.later(PONG_LIMIT / 2), ["close 4402"]);
}

#[test]
fn a_ticket_holds_until_refreshed_or_a_grace_is_over() {
    let mut story = Story::live();
    for _ in 0..100 {
        story.later(Duration::from_secs(5));
        story.say(r#"{"type":"pong"}"#);
    }
    assert_eq!(story.say(r#"{"type":"refresh","ticket":"u"}"#), ["redeem u"]);
    assert_eq!(
        story.say(r#"{"type":"refresh","ticket":"v"}"#),
        NOBODY,
        "one at a time"
    );
    let session = story.session(Role::Admin);
    assert_eq!(story.step(Input::Redeemed(Some(session))), ["renew Admin"]);
    let mut said = Vec::new();
    for _ in 0..200 {
        said.extend(story.later(Duration::from_secs(5)));
        story.say(r#"{"type":"pong"}"#);
        if !story.client.is_live() {
            break;
        }
    }
    assert_eq!(said[said.len() - 2..], ["bye \"expired\"", "close 4401"]);
}

#[test]
fn somebody_elses_ticket_does_not_refresh() {
    let mut story = Story::live();
    story.say(r#"{"type":"refresh","ticket":"u"}"#);
    let mut other = story.session(Role::Owner);
    other.principal = Story::begin().session(Role::Owner).principal;
    assert_eq!(
        story.step(Input::Redeemed(Some(other))),
        ["bye \"expired\"", "close 4401"]
    );
}

#[test]
fn what_is_open_is_told_once_and_reading_is_not_typing() {
    let mut story = Story::live();
    let viewing = format!(r#"{{"type":"viewing","conversation_id":"{CONVERSATION}"}}"#);
    assert_eq!(story.say(&viewing), ["view true"]);
    assert_eq!(story.say(&viewing), NOBODY);
    assert_eq!(
        story.say(r#"{"type":"viewing","conversation_id":null}"#),
        ["view false"]
    );
    let typing = format!(r#"{{"type":"typing","conversation_id":"{CONVERSATION}","draft":"Hi"}}"#);
    assert_eq!(story.say(&typing), ["type Hi"]);
    story.say(r#"{"type":"refresh","ticket":"u"}"#);
    let session = story.session(Role::ReadOnly);
    story.step(Input::Redeemed(Some(session)));
    assert_eq!(story.say(&typing), NOBODY);
}

#[test]
fn a_flood_ends_the_socket_and_a_busy_browser_does_not() {
    let mut story = Story::live();
    for _ in 0..100 {
        story.now += Duration::from_millis(50);
        assert_eq!(story.say(r#"{"type":"pong"}"#), NOBODY);
    }
    let flood = (0..100).find(|_| !story.step(Input::Control).is_empty());
    assert!(flood.is_some_and(|n| (30..=61).contains(&n)), "{flood:?}");
    assert_eq!(story.client.deadline(), None);
}
