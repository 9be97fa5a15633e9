//! What the machine wants done.

use std::time::Duration;

use bytes::Bytes;
use connectors::twilio::calls::Found;
use connectors::twilio::twiml::{Dial, Document};
use hub::agent_settings::AgentKind;
use hub::call::{Call, Outcome, Source};
use hub::ids::TenantId;

use super::{End, Task};
use crate::agent::AgentOrder;
use crate::agent::receptionist::Entrance;
use crate::call::machine::{Action, ToolDone};
use crate::call::scribe::Note;
use crate::call::{tools, voicemail};
use crate::exchange::Exchange;
use crate::speech::Prompt;

/// A person has this long to pick up.
const RING_S: u32 = 25;
/// Twilio's REST API answers a redirect in some 100 ms; a caller waits no longer than this.
const REST_LIMIT: Duration = Duration::from_secs(5);
/// A transfer that we believe failed may still happen at Twilio this long.
const UNKNOWN_LIMIT: Duration = Duration::from_secs(3);
const KEEP_TRIES: u32 = 5;

impl Task {
    /// Does all the machine wants; some of it ends the call.
    pub(super) async fn act(&mut self) -> Option<End> {
        if self.agent.wants_idle() && self.machine.is_idle() {
            let said = self.machine.transcript().said();
            self.agent.order(AgentOrder::Idle(said));
        }
        for action in self.machine.actions() {
            if let Some(end) = self.deed(action).await {
                return Some(end);
            }
        }
        None
    }

    async fn deed(&mut self, action: Action) -> Option<End> {
        match action {
            Action::Play { payload, mark } => self.play(&payload, mark).await,
            Action::Fill => {
                let language = &self.briefing.settings.language;
                let audio = self.exchange.speech.prompt(Prompt::OneMoment, language);
                let payload = Bytes::from(base64_simd::STANDARD.encode_to_string(&audio));
                let now = self.now();
                self.machine.fill(payload, now);
            }
            Action::Clear => self.clear().await,
            Action::Agent(order) => self.agent.order(order),
            Action::Partial(partial) => {
                let (ordinal, speaker) = (partial.ordinal, partial.speaker);
                self.show((ordinal, speaker, &partial.text, false)).await;
                if self.scribe.is_watched() {
                    self.scribe.note(Note::Partial(partial));
                }
            }
            Action::Tool {
                call,
                name,
                arguments,
            } => self.use_tool(call, name, arguments),
            Action::Voicemail { audio } => self.keep_voicemail(audio),
            Action::FailOver { reason } => self.fail_over(&reason),
            Action::Transfer { number } => {
                // Noted first: the other side may have picked up and be done before Twilio's answer is here.
                self.scribe.note(Note::Transferring(true));
                if self.transfer(&number).await {
                    return Some(End::LetGo(Some(Outcome::Transferred)));
                }
                self.scribe.note(Note::Transferring(false));
                let now = self.now();
                self.machine.transfer_failed(now);
                // What that asks for is done at the next turn of the loop.
            }
            Action::Close(outcome) => return Some(End::Over(outcome)),
        }
        None
    }

    async fn play(&mut self, payload: &[u8], mark: u64) {
        if !std::mem::replace(&mut self.heard_agent, true) {
            metrics::histogram!("switchboard_call_first_audio_seconds").record(self.started.elapsed());
        }
        let Ok(payload) = std::str::from_utf8(payload) else {
            return;
        };
        if let Some(socket) = &mut self.socket
            && !socket.play(payload, mark).await
        {
            self.socket = None;
        }
    }

    async fn clear(&mut self) {
        self.tap.cleared();
        if let Some(socket) = &mut self.socket
            && !socket.clear().await
        {
            self.socket = None;
        }
        self.quality.cleared();
    }

    fn use_tool(&self, id: String, name: String, arguments: String) {
        let done = self.tools.clone();
        let tool = tools::Use {
            hub: self.exchange.hub.clone(),
            tenant: self.tenant,
            call: self.call.clone(),
            briefing: std::sync::Arc::clone(&self.briefing),
            id,
            name,
            arguments,
        };
        self.exchange.hub.tasks.spawn("calls.tool", async move {
            let result: ToolDone = tool.run().await;
            // The call may be over meanwhile; what was done is done and written down.
            done.send(result).await.ok();
        });
    }

    fn fail_over(&mut self, reason: &str) {
        metrics::counter!("switchboard_call_failovers_total").increment(1);
        tracing::warn!(call.id = %self.call.id, error = reason, "Call {} goes on with the receptionist", self.call.id);
        self.agent = Box::new(self.exchange.receptionist(&self.briefing, Entrance::TakesOver));
        self.scribe.note(Note::Agent(AgentKind::Receptionist));
    }

    /// The caller's message, kept however the object store and the database feel right now.
    pub(super) fn keep_voicemail(&self, audio: Vec<u8>) {
        let keep = keep(self.exchange.clone(), self.tenant, self.call.clone(), audio);
        self.exchange.hub.tasks.spawn("calls.voicemail", keep);
    }

    /// `false` when the caller is still here.
    async fn transfer(&mut self, number: &str) -> bool {
        if self.call.source != Source::Twilio {
            return false;
        }
        let action = self.exchange.hub.config.public("/webhooks/twilio/voice/resume");
        let dial = Dial {
            number,
            caller_id: None,
            action: &action,
            ring_s: RING_S,
        };
        let document = Document::new().dial(dial).finish();
        let redirect = async {
            let rest = self.exchange.rest(&self.call.to_address).await?;
            anyhow::Ok(rest.redirect_call(&self.provider_id, &document).await?)
        };
        match tokio::time::timeout(REST_LIMIT, redirect).await {
            Ok(Ok(Found::Done | Found::Over)) => true,
            Ok(Err(fault)) => {
                self.transfer_unknown = Some(self.now() + UNKNOWN_LIMIT);
                tracing::warn!(call.id = %self.call.id, error = format!("{fault:#}"), "Call {} was not transferred", self.call.id);
                false
            }
            Err(_) => {
                self.transfer_unknown = Some(self.now() + UNKNOWN_LIMIT);
                false
            }
        }
    }
}

/// Ends the call at Twilio too: closing the socket lets the document go on, and this is the word that counts.
pub(super) async fn end_at_twilio(exchange: &Exchange, tenant: TenantId, call: &Call, provider_id: &str) {
    let end = async {
        let rest = exchange.rest(&call.to_address).await?;
        anyhow::Ok(rest.end_call(provider_id).await?)
    };
    match tokio::time::timeout(REST_LIMIT, end).await {
        Ok(Ok(_)) => {}
        Ok(Err(fault)) => {
            tracing::warn!(call.id = %call.id, tenant.id = %tenant, error = format!("{fault:#}"), "Call {} was not hung up by REST", call.id);
        }
        Err(_) => tracing::warn!(call.id = %call.id, "Hanging call {} up by REST took too long", call.id),
    }
}

async fn keep(exchange: Exchange, tenant: TenantId, call: Call, audio: Vec<u8>) {
    for attempt in 1..=KEEP_TRIES {
        let kept = voicemail::keep(&exchange.hub, &exchange.storage, tenant, &call, audio.clone()).await;
        let Err(fault) = kept else { return };
        tracing::error!(call.id = %call.id, error = format!("{fault:#}"), "A voicemail of call {} is not kept yet", call.id);
        tokio::time::sleep(Duration::from_secs(1) * attempt).await;
    }
}
