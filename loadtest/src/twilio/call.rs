//! A call as Twilio keeps it: its state, its person, its callbacks, its REST resource.
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::callbacks::Callbacks;
use super::line::Line;
use super::twiml::Callback;
use super::webhook::Webhook;
use super::world::{World, sid};
use crate::clock;

/// What comes between a call and its current verb.
#[derive(Clone, Debug)]
pub(crate) enum Interrupt {
    /// The person hung up.
    HungUp,
    /// The REST API ended the call with this state.
    Ended(&'static str),
    /// The REST API gave it another document.
    Document(Document),
}

/// Where a call's next verbs come from.
#[derive(Clone, Debug)]
pub(crate) enum Document {
    Url {
        url: String,
        method: String,
        extra: Vec<(String, String)>,
    },
    Twiml(String),
}

/// Interrupts that may wait; more are lost, as the call is ending anyway.
const INTERRUPTS_MAX: usize = 16;

/// See the module.
pub(crate) struct Call {
    pub(crate) sid: String,
    pub(crate) account: String,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) direction: &'static str,
    pub(crate) parent: Option<String>,
    pub(crate) line: Arc<Line>,
    pub(crate) interrupts: mpsc::Sender<Interrupt>,
    pub(crate) created: String,
    callback: Option<Callback>,
    callbacks: Callbacks,
    state: Mutex<State>,
}

struct State {
    status: &'static str,
    answered: Option<Instant>,
    started: Option<String>,
    ended: Option<String>,
    duration_s: u64,
    sequence: u32,
}

/// What a new call is made of.
pub(crate) struct NewCall {
    pub(crate) account: String,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) direction: &'static str,
    pub(crate) parent: Option<String>,
    pub(crate) callback: Option<Callback>,
}

impl Call {
    /// Registers a new call with the world.
    pub(crate) fn open(world: &Arc<World>, new: NewCall) -> (Arc<Self>, mpsc::Receiver<Interrupt>) {
        let (interrupts, receiver) = mpsc::channel(INTERRUPTS_MAX);
        let status = if new.direction == "inbound" {
            "ringing"
        } else {
            "queued"
        };
        let call = Arc::new(Self {
            sid: sid("CA"),
            account: new.account,
            from: new.from,
            to: new.to,
            direction: new.direction,
            parent: new.parent,
            line: Arc::new(Line::new(world.keep_audio)),
            interrupts,
            created: clock::rfc2822(),
            callback: new.callback,
            callbacks: Callbacks::start(world),
            state: Mutex::new(State {
                status,
                answered: None,
                started: None,
                ended: None,
                duration_s: 0,
                sequence: 0,
            }),
        });
        world
            .calls
            .lock()
            .expect("no holder of the lock panics")
            .push(Arc::clone(&call));
        (call, receiver)
    }

    pub(crate) fn status(&self) -> &'static str {
        self.state.lock().expect("no holder of the lock panics").status
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(
            self.status(),
            "completed" | "busy" | "no-answer" | "failed" | "canceled"
        )
    }

    pub(crate) fn duration_s(&self) -> u64 {
        self.state
            .lock()
            .expect("no holder of the lock panics")
            .duration_s
    }

    /// Moves to another state and tells whoever asked for it.
    pub(crate) fn become_status(&self, world: &Arc<World>, status: &'static str) {
        let over = matches!(status, "completed" | "busy" | "no-answer" | "failed" | "canceled");
        {
            let mut state = self.state.lock().expect("no holder of the lock panics");
            state.status = status;
            if status == "in-progress" {
                state.answered = Some(Instant::now());
                state.started = Some(clock::rfc2822());
            }
            if over {
                state.ended = Some(clock::rfc2822());
                state.duration_s = state
                    .answered
                    .map_or(0, |at| clock::ms(at.elapsed()).div_ceil(1000));
            }
        }
        world.ledger.record(
            "call.status",
            json!({"call_sid": self.sid, "status": status, "from": self.from, "to": self.to}),
        );
        self.tell(status);
        if over {
            self.callbacks.close();
            self.line.note(|moments| {
                moments.ended_us = Some(clock::now_us());
                moments.ended_as = Some(status.to_owned());
            });
        }
    }

    fn tell(&self, status: &'static str) {
        let Some(callback) = &self.callback else { return };
        let event = if status == "in-progress" {
            "answered"
        } else {
            status
        };
        let asked = callback
            .events
            .iter()
            .any(|wanted| wanted == event || wanted == status);
        let over = self.is_over();
        if !asked
            && !(over && (callback.events.is_empty() || callback.events.iter().any(|e| e == "completed")))
        {
            return;
        }
        let mut params = self.params();
        let (sequence, duration_s) = {
            let mut state = self.state.lock().expect("no holder of the lock panics");
            state.sequence += 1;
            (state.sequence - 1, state.duration_s)
        };
        params.push(("SequenceNumber".to_owned(), sequence.to_string()));
        params.push(("CallbackSource".to_owned(), "call-progress-events".to_owned()));
        params.push(("Timestamp".to_owned(), clock::rfc2822()));
        if over {
            params.push(("CallDuration".to_owned(), duration_s.to_string()));
            params.push(("Duration".to_owned(), duration_s.div_ceil(60).to_string()));
        }
        let (url, method) = (callback.url.clone(), callback.method.clone());
        let account = self.account.clone();
        self.callbacks.send(
            status,
            Webhook {
                purpose: "call.status",
                account,
                url,
                method,
                params,
            },
        );
    }

    /// Queues another callback in the call's order.
    pub(crate) fn callback(&self, state: &str, webhook: Webhook) {
        self.callbacks.send(state, webhook);
    }

    /// The parameters that every webhook about this call carries.
    pub(crate) fn params(&self) -> Vec<(String, String)> {
        let mut params: Vec<(String, String)> = [
            ("CallSid", self.sid.as_str()),
            ("AccountSid", &self.account),
            ("From", &self.from),
            ("To", &self.to),
            ("Caller", &self.from),
            ("Called", &self.to),
            ("CallStatus", self.status()),
            ("ApiVersion", "2010-04-01"),
            ("Direction", self.direction),
            ("FromCountry", "US"),
            ("FromState", ""),
            ("FromCity", ""),
            ("FromZip", ""),
            ("ToCountry", "US"),
            ("CallerCountry", "US"),
            ("StirVerstat", "TN-Validation-Passed-A"),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        if let Some(parent) = &self.parent {
            params.push(("ParentCallSid".to_owned(), parent.clone()));
        }
        params
    }

    /// The REST resource.
    pub(crate) fn json(&self) -> Value {
        let state = self.state.lock().expect("no holder of the lock panics");
        let over = state.ended.is_some();
        json!({
            "sid": self.sid, "account_sid": self.account, "parent_call_sid": self.parent,
            "to": self.to, "to_formatted": self.to, "from": self.from, "from_formatted": self.from,
            "status": state.status, "direction": self.direction, "api_version": "2010-04-01",
            "date_created": self.created, "date_updated": state.ended.as_ref().unwrap_or(&self.created),
            "start_time": state.started, "end_time": state.ended,
            "duration": over.then(|| state.duration_s.to_string()),
            "answered_by": null, "caller_name": null, "forwarded_from": null, "price": null,
            "price_unit": "USD", "queue_time": "0", "phone_number_sid": null, "annotation": null,
            "group_sid": null, "trunk_sid": null,
            "uri": format!("/2010-04-01/Accounts/{}/Calls/{}.json", self.account, self.sid),
        })
    }
}
