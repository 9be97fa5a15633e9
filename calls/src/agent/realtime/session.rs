//! What a Realtime session means: its events become the agent's, the agent's orders become its messages. No socket.

use std::collections::VecDeque;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use connectors::openai::realtime::event::{self, Event, Status};
use connectors::openai::realtime::order;
use serde_json::json;
use tokio::time::{Instant, Sleep};

use crate::agent::briefing::Briefing;
use crate::agent::{AgentEvent, AgentOrder, Item};

/// Keys pressed within this time of each other are one input.
const KEYS_PAUSE: Duration = Duration::from_millis(1_200);
const KEYS_MAX: usize = 32;
/// How a session knows that the caller's turn is over.
pub(super) const TURNS: order::TurnDetection = order::TurnDetection::Semantic;
/// Faults that no repeat heals.
const FATAL: [&str; 5] = [
    "session_expired",
    "invalid_api_key",
    "insufficient_quota",
    "authentication_error",
    "model_not_found",
];

/// A reply that is wanted.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    /// To what was said.
    Plain,
    /// About this.
    About(String),
}

/// One session's state.
pub(super) struct Session {
    greeting: String,
    greeted: bool,
    events: VecDeque<AgentEvent>,
    orders: Vec<String>,
    /// A reply is being made.
    active: bool,
    /// A reply is wanted once the current one and all tools are done; with instructions of its own or without.
    wanted: Option<Wanted>,
    /// Tools the model waits for.
    tools_open: u32,
    keys: String,
    keys_done: Option<std::pin::Pin<Box<Sleep>>>,
    speaking: bool,
    interrupts: Interrupts,
}

/// Whether the service stops its reply by itself when the caller begins to speak; not during the first words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Interrupts {
    No,
    /// It was told to, and has not said yet that it will.
    Asked,
    Yes,
}

/// What the first reply is asked for.
pub(super) fn greeting(briefing: &Briefing) -> String {
    if briefing.said.is_empty() {
        format!(
            "Greet the caller. Say exactly this, nothing more: {}",
            json!(briefing.settings.greeting)
        )
    } else if briefing.unreached {
        "Nobody picked up. Say so, apologise in one short sentence and offer to take a message.".to_owned()
    } else {
        "The line was interrupted for a moment. Apologise in one short sentence and go on where you were."
            .to_owned()
    }
}

impl Session {
    pub(super) fn new(greeting: String) -> Self {
        Self {
            greeting,
            greeted: false,
            events: VecDeque::new(),
            orders: Vec::new(),
            active: false,
            wanted: None,
            tools_open: 0,
            keys: String::new(),
            keys_done: None,
            speaking: false,
            interrupts: Interrupts::No,
        }
    }

    /// Another session took this one's place.
    pub(super) fn renewed(&mut self) {
        (self.active, self.tools_open, self.speaking) = (false, 0, false);
        self.interrupts = Interrupts::Yes;
    }

    /// Nothing is being said or done: it can be replaced.
    pub(super) fn is_quiet(&self) -> bool {
        !self.active
            && !self.speaking
            && self.tools_open == 0
            && self.wanted.is_none()
            && self.keys.is_empty()
    }

    /// The next event for the call.
    pub(super) fn next_event(&mut self) -> Option<AgentEvent> {
        self.events.pop_front()
    }

    /// Messages for the session since it was last asked.
    pub(super) fn orders(&mut self) -> Vec<String> {
        std::mem::take(&mut self.orders)
    }

    /// The session said something.
    pub(super) fn message(&mut self, message: &Bytes) {
        let Ok(text) = std::str::from_utf8(message) else {
            return;
        };
        match event::parse(text) {
            Ok(event) => self.event(event, message),
            Err(event::Malformed) => {
                metrics::counter!("switchboard_model_errors_total", "kind" => "malformed").increment(1);
            }
        }
    }

    fn event(&mut self, event: Event<'_>, message: &Bytes) {
        let event = match event {
            Event::Audio { item, payload } => AgentEvent::Audio {
                item: Item::from(&*item),
                payload: share(message, payload),
            },
            Event::AgentDelta { item, text } => words(&item, &text, false),
            Event::AgentDone { item, text } => words(&item, &text, true),
            Event::SpeechStarted => {
                self.speaking = true;
                // The service stops its reply by itself; one that we still wanted is stale now.
                if self.interrupts == Interrupts::Yes {
                    self.wanted = None;
                }
                AgentEvent::CallerStarted
            }
            Event::SpeechStopped => {
                self.speaking = false;
                AgentEvent::CallerStopped
            }
            Event::Committed { item } => {
                // The service makes no reply of its own beside the first words.
                if self.active && self.interrupts != Interrupts::Yes {
                    self.wanted.get_or_insert(Wanted::Plain);
                }
                AgentEvent::CallerNamed {
                    item: Item::from(&*item),
                }
            }
            Event::CallerDelta { item, text } => caller_words(&item, &text, false),
            Event::CallerDone { item, text } => caller_words(&item, &text, true),
            Event::CallerFailed { item } => caller_words(&item, "[inaudible]", true),
            Event::SessionUpdated => {
                if self.interrupts == Interrupts::Asked {
                    self.interrupts = Interrupts::Yes;
                }
                AgentEvent::Ready
            }
            Event::ResponseCreated => {
                self.active = true;
                AgentEvent::ReplyStarted
            }
            Event::ResponseDone { status, code } => return self.response_done(status, code.as_deref()),
            Event::FunctionCall {
                call,
                name,
                arguments,
            } => {
                self.tools_open += 1;
                AgentEvent::Tool {
                    call: call.into_owned(),
                    name: name.into_owned(),
                    arguments: arguments.into_owned(),
                }
            }
            Event::Error { code, message } => return self.error(&code, &message),
            Event::SessionCreated | Event::Other => AgentEvent::Alive,
        };
        self.events.push_back(event);
    }

    fn response_done(&mut self, status: Status, code: Option<&str>) {
        self.active = false;
        if status == Status::Failed {
            metrics::counter!("switchboard_model_errors_total", "kind" => "response").increment(1);
            tracing::warn!(code, "The model's reply failed");
        }
        if code.is_some_and(|code| FATAL.contains(&code)) {
            self.events.push_back(AgentEvent::Failed(format!(
                "the model refuses: {}",
                code.unwrap_or_default()
            )));
            return;
        }
        self.events.push_back(AgentEvent::ReplyDone {
            failed: status == Status::Failed,
        });
        self.reply_if_wanted();
    }

    fn error(&mut self, code: &str, message: &str) {
        metrics::counter!("switchboard_model_errors_total", "kind" => "error").increment(1);
        if FATAL.contains(&code) {
            self.events
                .push_back(AgentEvent::Failed(format!("the model refuses: {code}")));
            return;
        }
        match code {
            // Races without harm: the reply we stopped was over.
            "response_cancel_not_active" => {}
            // Our reply comes after the one that runs.
            "conversation_already_has_active_response" => {
                self.active = true;
                self.wanted.get_or_insert(Wanted::Plain);
            }
            _ => tracing::warn!(code, error = message, "The model did not take an order"),
        }
    }

    /// The call tells the agent something.
    pub(super) fn order(&mut self, order: AgentOrder, now: Instant) {
        match order {
            AgentOrder::Greet => {
                if !std::mem::replace(&mut self.greeted, true) {
                    let greeting = std::mem::take(&mut self.greeting);
                    self.want(Wanted::About(greeting));
                }
            }
            AgentOrder::Key(key) => self.key(key, now),
            AgentOrder::Interruptible => {
                self.interrupts = Interrupts::Asked;
                self.orders.push(order::interruptible(TURNS));
            }
            AgentOrder::Cut { item, heard_ms } => self.cut(&item, heard_ms),
            AgentOrder::ToolResult { call, output, speak } => {
                self.tools_open = self.tools_open.saturating_sub(1);
                self.orders.push(order::function_output(&call, &output));
                if speak {
                    self.wanted.get_or_insert(Wanted::Plain);
                }
                self.reply_if_wanted();
            }
            AgentOrder::Nudge => {
                self.want(Wanted::About(
                    "The caller has been silent. Ask in one short sentence whether they are still there."
                        .into(),
                ));
            }
            AgentOrder::Farewell(reason) => {
                let text = format!("Say goodbye in one short sentence, because {reason}. Ask nothing.");
                self.want(Wanted::About(text));
            }
            AgentOrder::Tell(text) => self.want(Wanted::About(text)),
            AgentOrder::Played(_) | AgentOrder::Idle(_) => {}
        }
    }

    fn cut(&mut self, item: &str, heard_ms: u64) {
        // Not yet told to stop by itself.
        if self.active && self.interrupts != Interrupts::Yes {
            self.orders.push(order::response_cancel());
        }
        self.orders.push(match heard_ms {
            0 => order::delete(item),
            _ => order::truncate(item, heard_ms),
        });
    }

    fn want(&mut self, wanted: Wanted) {
        self.wanted = Some(wanted);
        self.reply_if_wanted();
    }

    /// One reply at a time, and none before all tools of the last one were answered.
    fn reply_if_wanted(&mut self) {
        if self.active || self.tools_open > 0 {
            return;
        }
        if let Some(wanted) = self.wanted.take() {
            self.orders.push(match wanted {
                Wanted::Plain => order::response_create(None),
                Wanted::About(text) => order::response_create(Some(&text)),
            });
            // Until `response.created` says so itself.
            self.active = true;
        }
    }

    fn key(&mut self, key: char, now: Instant) {
        if self.active {
            self.orders.push(order::response_cancel());
        }
        if self.keys.len() < KEYS_MAX {
            self.keys.push(key);
        }
        let pause = if key == '#' { Duration::ZERO } else { KEYS_PAUSE };
        self.keys_done = Some(Box::pin(tokio::time::sleep_until(now + pause)));
    }

    /// Ready when the caller finished pressing keys; they are a message of the caller's then.
    pub(super) fn poll_keys(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(done) = &mut self.keys_done else {
            return Poll::Pending;
        };
        if done.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.keys_done = None;
        let keys = std::mem::take(&mut self.keys);
        let text = format!("[The caller pressed {keys} on the telephone's keypad]");
        self.orders.push(order::say(order::Speaker::User, &text));
        self.want(Wanted::Plain);
        Poll::Ready(())
    }
}

fn words(item: &str, text: &str, whole: bool) -> AgentEvent {
    AgentEvent::Words {
        item: Item::from(item),
        text: text.to_owned(),
        whole,
    }
}

fn caller_words(item: &str, text: &str, whole: bool) -> AgentEvent {
    AgentEvent::CallerWords {
        item: Item::from(item),
        text: text.to_owned(),
        whole,
    }
}

/// The payload as a part of the message it came in, without a copy.
fn share(message: &Bytes, payload: std::borrow::Cow<'_, str>) -> Bytes {
    match payload {
        std::borrow::Cow::Borrowed(text) => message.slice_ref(text.as_bytes()),
        std::borrow::Cow::Owned(text) => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(session: &mut Session, text: &'static str) -> Vec<AgentEvent> {
        session.message(&Bytes::from_static(text.as_bytes()));
        std::iter::from_fn(|| session.next_event()).collect()
    }

    const FUNCTION: &str = r#"{"type":"response.output_item.done","item":{"type":"function_call","status":"completed","call_id":"c1","name":"send_sms","arguments":"{}"}}"#;
    const DONE: &str = r#"{"type":"response.done","response":{"status":"completed"}}"#;
    const CREATED: &str = r#"{"type":"response.created","response":{}}"#;

    #[test]
    fn a_tool_is_answered_at_once_and_spoken_about_after_the_reply_is_done() {
        let mut session = Session::new("hi".into());
        said(&mut session, CREATED);
        assert!(matches!(
            said(&mut session, FUNCTION)[..],
            [AgentEvent::Tool { .. }]
        ));
        let result = AgentOrder::ToolResult {
            call: "c1".into(),
            output: json!({ "ok": true }),
            speak: true,
        };
        session.order(result, Instant::now());
        let orders = session.orders();
        assert!(
            orders.len() == 1 && orders[0].contains("function_call_output"),
            "{orders:?}"
        );
        said(&mut session, DONE);
        assert_eq!(session.orders(), [order::response_create(None)]);
        // And only once.
        said(&mut session, CREATED);
        said(&mut session, DONE);
        assert!(session.orders().is_empty());
    }

    #[test]
    fn two_tools_are_both_answered_before_one_reply() {
        let mut session = Session::new("hi".into());
        said(&mut session, CREATED);
        said(&mut session, FUNCTION);
        said(&mut session, FUNCTION);
        said(&mut session, DONE);
        let result = || AgentOrder::ToolResult {
            call: "c1".into(),
            output: json!({}),
            speak: true,
        };
        session.order(result(), Instant::now());
        assert_eq!(session.orders().len(), 1);
        session.order(result(), Instant::now());
        assert_eq!(session.orders().len(), 2, "the answer, then one reply");
    }

    #[test]
    fn what_was_not_heard_is_forgotten_rather_than_truncated_at_zero() {
        let mut session = Session::new("hi".into());
        session.order(
            AgentOrder::Cut {
                item: "i".into(),
                heard_ms: 0,
            },
            Instant::now(),
        );
        session.order(
            AgentOrder::Cut {
                item: "j".into(),
                heard_ms: 40,
            },
            Instant::now(),
        );
        assert_eq!(session.orders(), [order::delete("i"), order::truncate("j", 40)]);
    }

    #[test]
    fn the_greeting_is_said_once() {
        let mut session = Session::new("say hello".into());
        session.order(AgentOrder::Greet, Instant::now());
        session.order(AgentOrder::Greet, Instant::now());
        assert_eq!(session.orders().len(), 1);
    }

    #[test]
    fn audio_is_not_copied_and_faults_that_do_not_heal_end_the_agent() {
        let mut session = Session::new("hi".into());
        let message =
            Bytes::from_static(br#"{"type":"response.output_audio.delta","item_id":"i","delta":"f39/"}"#);
        session.message(&message);
        let Some(AgentEvent::Audio { payload, .. }) = session.next_event() else {
            panic!("audio")
        };
        assert!(message.as_ptr_range().contains(&payload.as_ptr()));
        let fatal = r#"{"type":"error","error":{"code":"insufficient_quota","message":"no"}}"#;
        assert!(matches!(said(&mut session, fatal)[..], [AgentEvent::Failed(_)]));
        let race = r#"{"type":"error","error":{"code":"response_cancel_not_active","message":"no"}}"#;
        assert!(said(&mut session, race).is_empty());
    }
}
