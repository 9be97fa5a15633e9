//! The exchange: what all calls of this process share, and which calls it carries or expects.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use connectors::http::Http;
use connectors::openai::realtime::Endpoint;
use connectors::storage::Storage;
use connectors::twilio::{Account, Rest};
use hub::Hub;
use hub::agent_settings::AgentKind;
use hub::capacity::Lease;
use hub::ids::{CallId, TenantId};
use hub::inbox::{Addressed, Channel};
use secrecy::ExposeSecret as _;
use tokio::sync::mpsc;

use crate::agent::Agent;
use crate::agent::briefing::Briefing;
use crate::agent::realtime::{Plan, Realtime};
use crate::agent::receptionist::{Entrance, Receptionist, menu_words};
use crate::media::Arrived;
use crate::speech::Speech;

/// Shared by all calls of a process. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Exchange {
    pub(crate) hub: Hub,
    pub(crate) speech: Speech,
    pub(crate) http: Http,
    pub(crate) storage: Storage,
    /// Looked at when a socket opens and when a call ends; never while audio flows.
    lines: Arc<Mutex<HashMap<CallId, Line>>>,
}

/// A call that this process knows.
enum Line {
    /// Announced by a webhook: its agent is getting ready.
    Prepared(Box<Prepared>),
    /// Carried: a second socket for it goes here.
    Live(mpsc::Sender<Arrived>),
}

/// What is made ready while Twilio opens the stream.
pub(crate) struct Prepared {
    pub(crate) agent: Box<dyn Agent>,
    pub(crate) briefing: Arc<Briefing>,
    pub(crate) lease: Lease,
}

impl Exchange {
    pub(crate) fn new(hub: Hub) -> anyhow::Result<Self> {
        Ok(Self {
            speech: Speech::new(),
            http: Http::new()?,
            storage: Storage::open(&hub.config.calls.storage)?,
            lines: Arc::default(),
            hub,
        })
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<CallId, Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what was made ready until the stream comes. When it goes to another process instead, the slot is that one's.
    pub(crate) fn expect(&self, tenant: TenantId, call: CallId, prepared: Prepared) {
        self.lines().insert(call, Line::Prepared(Box::new(prepared)));
        let exchange = self.clone();
        self.hub.tasks.spawn_supporter("calls.expect", async move {
            tokio::time::sleep(exchange.media_wait()).await;
            if let Some(prepared) = exchange.unprepare(call) {
                crate::watchdog::never_came(&exchange, tenant, call, prepared.lease).await;
            }
        });
    }

    fn unprepare(&self, call: CallId) -> Option<Box<Prepared>> {
        let mut lines = self.lines();
        if !matches!(lines.get(&call), Some(Line::Prepared(_))) {
            return None;
        }
        match lines.remove(&call) {
            Some(Line::Prepared(prepared)) => Some(prepared),
            _ => None,
        }
    }

    /// A call may be without media so long, before its stream comes and while it lasts.
    pub(crate) fn media_wait(&self) -> Duration {
        // None at all would end every call.
        Duration::from_secs(self.hub.config.calls.media_wait_s.max(1))
    }

    /// The call is over before its stream came: what was made ready goes, and its slot is free.
    pub(crate) async fn forget(&self, call: CallId) {
        if let Some(prepared) = self.unprepare(call) {
            prepared.lease.release().await;
        }
    }

    /// Whether this process carries the call right now.
    pub(crate) fn carries(&self, call: CallId) -> bool {
        matches!(self.lines().get(&call), Some(Line::Live(_)))
    }

    /// The stream came: what was made ready for it, and the place where further sockets of the call will come in. When
    /// the call is carried already, its task gets the socket.
    pub(crate) fn arrive(&self, call: CallId, arrived: Arrived) -> Option<Seat> {
        let mut lines = self.lines();
        if let Some(Line::Live(sockets)) = lines.get(&call) {
            // The task decides which of the two sockets it believes; when it is busy deciding, this one is dropped.
            sockets.try_send(arrived).ok();
            return None;
        }
        let (sender, sockets) = mpsc::channel(1);
        let prepared = match lines.insert(call, Line::Live(sender)) {
            Some(Line::Prepared(prepared)) => Some(prepared),
            _ => None,
        };
        Some(Seat {
            exchange: self.clone(),
            call,
            prepared,
            sockets,
            first: Some(arrived),
        })
    }

    /// How AI sessions are had; `None` without a key.
    pub(crate) fn plan(&self) -> Option<Plan> {
        let openai = &self.hub.config.openai;
        if openai.api_key.expose_secret().is_empty() {
            return None;
        }
        Some(Plan {
            endpoint: Endpoint {
                base_url: openai.base_url.clone(),
                api_key: openai.api_key.clone(),
                model: openai.realtime_model.clone(),
            },
            transcription_model: openai.transcription_model.clone(),
            recycle_after: Duration::from_secs(openai.session_recycle_s),
        })
    }

    /// Who speaks with the caller, as the tenant wants it and the installation can.
    pub(crate) fn agent(&self, briefing: &Arc<Briefing>) -> Box<dyn Agent> {
        match (briefing.settings.agent, self.plan()) {
            (AgentKind::Realtime, Some(plan)) => {
                self.get_ready(briefing);
                Box::new(Realtime::open(&self.hub.tasks, plan, Arc::clone(briefing)))
            }
            _ => Box::new(self.receptionist(briefing, Entrance::Answers)),
        }
    }

    /// What the receptionist would say should the AI fail is rendered while all is well.
    fn get_ready(&self, briefing: &Arc<Briefing>) {
        let (speech, briefing) = (self.speech.clone(), Arc::clone(briefing));
        self.hub.tasks.spawn_supporter("calls.prompts", async move {
            let menu = menu_words(&briefing);
            speech.get_ready(&briefing.settings.language, &menu).await;
        });
    }

    /// The receptionist, who always can.
    pub(crate) fn receptionist(&self, briefing: &Arc<Briefing>, entrance: Entrance) -> Receptionist {
        Receptionist::new(Arc::clone(briefing), self.speech.clone(), entrance)
    }

    /// Twilio's REST API for the account that carries this number.
    pub(crate) async fn rest(&self, number: &str) -> anyhow::Result<Rest> {
        let addressed = hub::inbox::by_address(&self.hub, Channel::Voice, number)
            .await?
            .context("the number has no inbox any more")?;
        let account = account(&addressed).context("the number has no account")?;
        Ok(Rest::new(
            self.http.clone(),
            self.hub.config.twilio.api_url.clone(),
            account,
        ))
    }
}

/// The Twilio account behind an inbox.
pub(crate) fn account(addressed: &Addressed) -> Option<Account> {
    Account::from_plain_json(addressed.credentials.as_deref()?).ok()
}

/// A call's place in the exchange; given up when dropped.
pub(crate) struct Seat {
    exchange: Exchange,
    call: CallId,
    /// What was made ready by the webhook, when it was answered here.
    pub(crate) prepared: Option<Box<Prepared>>,
    /// Further sockets of the call.
    pub(crate) sockets: mpsc::Receiver<Arrived>,
    /// The socket that opened the call.
    pub(crate) first: Option<Arrived>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.exchange.lines().remove(&self.call);
    }
}
