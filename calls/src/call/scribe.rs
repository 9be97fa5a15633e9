//! A call's scribe: writes down what happens and tells screens, beside the audio and never in its way.

use std::time::Duration;

use hub::Hub;
use hub::agent_settings::AgentKind;
use hub::call::{self, Outcome, progress, sweep};
use hub::ids::{CallId, TenantId};
use hub::live::{Audience, Signal, signal};
use hub::turn::{self, NewTurn};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::transcript::Partial;

/// Notes that wait for the database. A call makes a few a second at most, so this outlasts a minute without it; then the
/// newest are lost and counted.
const NOTES_MAX: usize = 1_024;
/// Nobody waits longer for the last notes before the line is closed.
const LAST_WORD_LIMIT: Duration = Duration::from_millis(1_500);
/// While the database is away.
const RETRY_PAUSE: Duration = Duration::from_millis(500);
const RETRIES_MAX: u32 = 120;

/// Something to write down or to tell.
#[derive(Debug)]
pub(crate) enum Note {
    Turn(NewTurn),
    Agent(AgentKind),
    /// The stream came back here, from wherever it was led.
    Back(AgentKind),
    /// The caller is being connected to a person; or is not, after all.
    Transferring(bool),
    Partial(Partial),
    Level {
        caller: f32,
        agent: f32,
    },
}

/// How the call left this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// It is over.
    Ended(Outcome),
    /// It goes on with a person, or on another node.
    LetGo(Option<Outcome>),
    /// Its stream was stopped: the caller hung up, unless the call was taken from this node, which Postgres knows.
    Stopped,
}

/// The near end of a scribe.
pub(crate) struct Scribe {
    notes: mpsc::Sender<Note>,
    audience: Audience,
    leave: oneshot::Sender<Left>,
    left: oneshot::Receiver<bool>,
}

impl Scribe {
    /// Starts to write. `over` is cancelled when the call turns out to be over already.
    pub(crate) fn start(
        hub: &Hub,
        tenant: TenantId,
        call: CallId,
        agent: AgentKind,
        over: CancellationToken,
    ) -> Self {
        let (notes, waiting) = mpsc::channel(NOTES_MAX);
        let (leave, how) = oneshot::channel();
        let (done, left) = oneshot::channel();
        let desk = Desk {
            hub: hub.clone(),
            tenant,
            call,
        };
        hub.tasks.spawn("calls.scribe", async move {
            let is_over = desk.write(waiting, how, agent, over).await;
            done.send(is_over).ok();
        });
        Self {
            notes,
            audience: hub.live.audience(tenant),
            leave,
            left,
        }
    }

    /// Whether a screen may show what is only true now.
    pub(crate) fn is_watched(&self) -> bool {
        self.audience.is_there()
    }

    /// Notes something; returns at once.
    pub(crate) fn note(&self, note: Note) {
        if self.notes.try_send(note).is_err() {
            metrics::counter!("switchboard_call_notes_lost_total").increment(1);
        }
    }

    /// The last note; returns when all is written, or soon. Whether the call is known to be over.
    pub(crate) async fn leave(self, how: Left) -> bool {
        self.leave.send(how).ok();
        drop(self.notes);
        let left = tokio::time::timeout(LAST_WORD_LIMIT, self.left).await;
        matches!(left, Ok(Ok(true)))
    }
}

struct Desk {
    hub: Hub,
    tenant: TenantId,
    call: CallId,
}

impl Desk {
    async fn write(
        self,
        mut notes: mpsc::Receiver<Note>,
        how: oneshot::Receiver<Left>,
        agent: AgentKind,
        over: CancellationToken,
    ) -> bool {
        let taken_up = self.insist(|| self.take_up(agent)).await;
        if matches!(
            taken_up,
            Some(Err(hub::Error::Conflict { .. } | hub::Error::NotFound(_)))
        ) {
            over.cancel();
        }
        while let Some(note) = notes.recv().await {
            match note {
                Note::Partial(partial) => self.partial(partial),
                Note::Level { caller, agent } => {
                    signal(
                        &self.hub,
                        self.tenant,
                        &Signal::CallLevel {
                            call_id: self.call,
                            caller,
                            agent,
                        },
                    );
                }
                Note::Back(agent) => {
                    self.insist(|| self.take_up(agent)).await;
                }
                Note::Agent(agent) => {
                    self.insist(|| self.set_agent(agent)).await;
                }
                Note::Transferring(begun) => {
                    self.insist(|| self.transferring(begun)).await;
                }
                Note::Turn(turn) => {
                    self.insist(|| self.add(turn.clone())).await;
                }
            }
        }
        // A task that was cut down says nothing: somebody else leads the call back.
        match how.await {
            Ok(how) => matches!(self.insist(|| self.end(how)).await, Some(Ok(true))),
            Err(_cut_down) => false,
        }
    }

    /// Until it is written, or refused for good.
    async fn insist<F, T>(&self, deed: impl Fn() -> F) -> Option<hub::Result<T>>
    where
        F: Future<Output = hub::Result<T>>,
    {
        for _ in 0..RETRIES_MAX {
            match deed().await {
                Err(fault @ (hub::Error::Database(_) | hub::Error::Unavailable(..))) => {
                    tracing::warn!(call.id = %self.call, error = %fault, "Call {} is not written down yet", self.call);
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
                done => return Some(done),
            }
        }
        metrics::counter!("switchboard_call_notes_lost_total").increment(1);
        None
    }

    fn partial(&self, partial: Partial) {
        let partial = Signal::CallPartial {
            call_id: self.call,
            speaker: partial.speaker.as_str(),
            text: partial.text,
            turn_ordinal: partial.ordinal,
        };
        signal(&self.hub, self.tenant, &partial);
    }

    async fn take_up(&self, agent: AgentKind) -> hub::Result<()> {
        let mut tx = self.hub.db.tenant(self.tenant).await?;
        progress::take_up(&mut tx, self.call, &self.hub.node, agent.as_str()).await?;
        tx.commit().await
    }

    async fn set_agent(&self, agent: AgentKind) -> hub::Result<()> {
        let mut tx = self.hub.db.tenant(self.tenant).await?;
        progress::set_agent(&mut tx, self.call, agent.as_str()).await?;
        tx.commit().await
    }

    async fn transferring(&self, begun: bool) -> hub::Result<()> {
        let mut tx = self.hub.db.tenant(self.tenant).await?;
        if begun {
            progress::note_outcome(&mut tx, self.call, Outcome::Transferred).await?;
        } else {
            progress::transfer_failed(&mut tx, self.call).await?;
        }
        tx.commit().await
    }

    async fn add(&self, new: NewTurn) -> hub::Result<()> {
        let mut tx = self.hub.db.tenant(self.tenant).await?;
        turn::add(&mut tx, self.call, new).await?;
        tx.commit().await
    }

    /// Whether the call is over.
    async fn end(&self, how: Left) -> hub::Result<bool> {
        let mut tx = self.hub.db.tenant(self.tenant).await?;
        let outcome = match how {
            Left::Ended(outcome) => Some(outcome),
            Left::Stopped => sweep::is_carried_by(&mut tx, self.call, &self.hub.node)
                .await?
                .then_some(Outcome::CallerHungUp),
            Left::LetGo(outcome) => {
                sweep::let_go(&mut tx, self.call).await?;
                if let Some(outcome) = outcome {
                    progress::note_outcome(&mut tx, self.call, outcome).await?;
                }
                None
            }
        };
        if let Some(outcome) = outcome {
            call::close::close(&mut tx, self.call, outcome).await?;
        }
        tx.commit().await?;
        Ok(outcome.is_some())
    }
}
