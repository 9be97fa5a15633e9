//! The AI over OpenAI Realtime: owns the session's socket; what it means is `session`'s matter. Opened before the caller's
//! audio arrives; until the session is ready, what the caller says is kept.

mod session;
mod socket;

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use connectors::openai::realtime::{Endpoint, order};
use hub::agent_settings::AgentKind;
use hub::tasks::Tasks;
use tokio::time::Instant;

use super::briefing::Briefing;
use super::{Agent, AgentEvent, AgentOrder, Said};
use session::Session;
use socket::Link;

/// How long a session may take to open; the machine gives up on the agent before that when a caller waits.
const OPEN_LIMIT: Duration = Duration::from_secs(5);

/// How sessions are had.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Where.
    pub(crate) endpoint: Endpoint,
    /// Which model writes down the caller's words.
    pub(crate) transcription_model: String,
    /// A session older than this is replaced when nobody speaks.
    pub(crate) recycle_after: Duration,
}

/// The AI in one call.
pub(crate) struct Realtime {
    tasks: Tasks,
    plan: Plan,
    briefing: Arc<Briefing>,
    link: Link,
    session: Session,
    /// The session that will replace this one, opening.
    successor: Option<Link>,
    opened: Instant,
    failed: bool,
}

impl Realtime {
    /// Starts to open a session at once.
    pub(crate) fn open(tasks: &Tasks, plan: Plan, briefing: Arc<Briefing>) -> Self {
        let said: Arc<[Said]> = briefing.said.clone().into();
        let link = Link::open(
            tasks,
            plan.endpoint.clone(),
            OPEN_LIMIT,
            opening(&plan, &briefing, &said, false),
        );
        let greeting = session::greeting(&briefing);
        Self {
            tasks: tasks.clone(),
            plan,
            briefing,
            link,
            session: Session::new(greeting),
            successor: None,
            opened: Instant::now(),
            failed: false,
        }
    }

    fn send_orders(&mut self) {
        for text in self.session.orders() {
            self.link.tell(text);
        }
    }

    /// A session that dies while it is spare is only tried again at the next quiet moment.
    fn poll_successor(&mut self, cx: &mut Context<'_>) {
        let Some(successor) = &mut self.successor else {
            return;
        };
        match successor.poll_open(cx) {
            Poll::Ready(false) => {
                self.successor = None;
                self.opened = Instant::now();
                metrics::counter!("switchboard_model_recycles_total", "result" => "failed").increment(1);
            }
            Poll::Ready(true) if self.session.is_quiet() => {
                if let Some(successor) = self.successor.take() {
                    self.link = successor;
                    self.session.renewed();
                    self.opened = Instant::now();
                    metrics::counter!("switchboard_model_recycles_total", "result" => "done").increment(1);
                }
            }
            Poll::Ready(true) | Poll::Pending => {}
        }
    }
}

/// What every session is told first: its settings, then what was said before it.
fn opening(plan: &Plan, briefing: &Briefing, said: &[Said], interruptible: bool) -> Vec<String> {
    let tools = briefing.tools();
    let language = briefing.settings.language.split('-').next().unwrap_or("en");
    let settings = order::session_update(&order::Session {
        instructions: &briefing.instructions(),
        voice: &briefing.settings.voice,
        transcription_model: &plan.transcription_model,
        language,
        turn_detection: session::TURNS,
        interruptible,
        tools: &tools,
    });
    let history = said.iter().map(|said| {
        let speaker = if said.caller {
            order::Speaker::User
        } else {
            order::Speaker::Assistant
        };
        order::say(speaker, &said.text)
    });
    std::iter::once(settings).chain(history).collect()
}

impl Agent for Realtime {
    fn kind(&self) -> AgentKind {
        AgentKind::Realtime
    }

    fn hear(&mut self, payload: &str) {
        self.link.hear(payload);
        // What a caller begins to say while the sessions change is not lost: the new one hears the last moment too.
        if let Some(successor) = &mut self.successor {
            successor.hear_lately(payload);
        }
    }

    fn order(&mut self, order: AgentOrder) {
        if let AgentOrder::Idle(said) = order {
            if self.successor.is_none() && self.wants_idle() {
                let opening = opening(&self.plan, &self.briefing, &said, true);
                self.successor = Some(Link::open(
                    &self.tasks,
                    self.plan.endpoint.clone(),
                    OPEN_LIMIT,
                    opening,
                ));
            }
            return;
        }
        self.session.order(order, Instant::now());
        self.send_orders();
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<AgentEvent> {
        if self.failed {
            return Poll::Pending;
        }
        self.poll_successor(cx);
        loop {
            if let Some(event) = self.session.next_event() {
                return Poll::Ready(event);
            }
            if self.session.poll_keys(cx).is_ready() {
                self.send_orders();
                continue;
            }
            match self.link.poll_message(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(message)) => {
                    self.session.message(&message);
                    // A spare one would not know what is being said now.
                    self.successor.take_if(|_| !self.session.is_quiet());
                    self.send_orders();
                }
                Poll::Ready(Err(reason)) => {
                    self.failed = true;
                    return Poll::Ready(AgentEvent::Failed(reason));
                }
            }
        }
    }

    fn wants_idle(&self) -> bool {
        self.successor.is_none() && self.opened.elapsed() >= self.plan.recycle_after
    }
}
