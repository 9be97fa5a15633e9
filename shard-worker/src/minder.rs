//! One task a session: it follows what a person wants, and writes down what is seen. Whatever happens to a connection,
//! the next step is reckoned from the session's row (`minder/step.rs`), so that a new worker goes on where the last one
//! was stopped or killed.

mod live;
mod pairing;
mod step;

use std::sync::Arc;
use std::time::Duration;

use hub::Hub;
use hub::clock::Timestamp;
use hub::session::{self, Hold, Observation, Observed, Wanted};
use hub::shard::{Shard, Tenure};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::held::chain;
use crate::link::{End, RATE_LIMITED};
use crate::pacing::{self, Pace, Warning};
use crate::sender::SharedPace;
use crate::starts::{Starts, Turn};
use step::Step;

/// Nothing is waited for longer without another look at what is wanted and what time it is.
const LOOK_EVERY: Duration = Duration::from_mins(5);
/// When Postgres does not answer, this long until the next question.
const FAULT_PAUSE: Duration = Duration::from_secs(1);
/// The same after many: a step that fails each time must not knock at the network each time.
const FAULT_PAUSE_MAX: Duration = Duration::from_mins(1);
/// So often the network may be unreachable until an unlinked session's keys are forgotten without its knowing.
const LOG_OUTS_MAX: i32 = 5;

/// Being told to connect less often counts as so many failures: the next try is minutes away.
const RATE_LIMITED_COUNTS: i32 = 8;

/// A minder, as the fleet sees it.
pub(crate) struct Minder {
    last: Wanted,
    poke: Arc<Notify>,
    stop: CancellationToken,
    ended: CancellationToken,
}

/// Whether a session may be left alone.
pub(crate) fn has_nothing_to_do(wanted: &Wanted, now: Timestamp) -> bool {
    matches!(step::next(wanted, now), Step::Rest)
}

impl Minder {
    /// Starts to mind the session.
    pub(crate) fn start(hub: &Hub, starts: Arc<Starts>, tenure: Tenure, wanted: Wanted) -> Self {
        let (poke, stop, ended) = (
            Arc::new(Notify::new()),
            CancellationToken::new(),
            CancellationToken::new(),
        );
        let (own_poke, own_stop, end) = (Arc::clone(&poke), stop.clone(), ended.clone().drop_guard());
        let (own_hub, session) = (hub.clone(), wanted.clone());
        hub.tasks.spawn("session.minder", async move {
            let _end = end;
            let adopted = session::hold::adopt(&own_hub, &own_hub.node, &tenure, session.tenant, session.session);
            match starts.adopting(adopted).await {
                Ok(Some(hold)) => {
                    let pace = Pace::new(&own_hub.config.whatsapp, tokio::time::Instant::now());
                    let minding = Minding {
                        hub: own_hub,
                        pace: Arc::new(std::sync::Mutex::new(pace)),
                        hold,
                        starts,
                        poke: own_poke,
                        stop: own_stop,
                    };
                    minding.run().await;
                }
                // A later epoch has it: the fleet learns by its next renewal.
                Ok(None) => tokio::time::sleep(FAULT_PAUSE).await,
                Err(fault) => {
                    tracing::warn!(error = %chain(&fault), session.id = %session.session, "Could not adopt a session");
                    tokio::time::sleep(FAULT_PAUSE).await;
                }
            }
        });
        Self {
            last: wanted,
            poke,
            stop,
            ended,
        }
    }

    /// Which shard the session is on.
    pub(crate) fn shard(&self) -> Shard {
        self.last.shard
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// Asks it to end; what it answers tells when it has.
    pub(crate) fn stop(&self) -> CancellationToken {
        self.stop.cancel();
        self.ended.clone()
    }

    /// Has it look again, if there is anything to see.
    pub(crate) fn hear(&mut self, wanted: Wanted) {
        if wanted.has_outbox || wanted != self.last {
            self.poke.notify_one();
        }
        self.last = wanted;
    }
}

/// The task itself.
struct Minding {
    hub: Hub,
    hold: Hold,
    pace: SharedPace,
    starts: Arc<Starts>,
    poke: Arc<Notify>,
    stop: CancellationToken,
}

impl Minding {
    async fn run(self) {
        let mut faults = 0;
        while !self.is_over() {
            let done = match self.hold.wanted(&self.hub).await {
                Ok(wanted) => self.go(&wanted).await,
                Err(fault) => Err(fault),
            };
            match done {
                Ok(()) => faults = 0,
                Err(hub::Error::Stale | hub::Error::NotFound(_)) => return,
                Err(fault) => {
                    tracing::warn!(error = %chain(&fault), session.id = %self.hold.session, "A session's step failed");
                    faults += 1;
                    self.pause(step::back_off(faults, rand::random()).min(FAULT_PAUSE_MAX))
                        .await;
                }
            }
        }
    }

    fn is_over(&self) -> bool {
        self.stop.is_cancelled() || !self.hold.tenure.holds()
    }

    async fn go(&self, wanted: &Wanted) -> hub::Result<()> {
        let now = self.hub.clock.now();
        match step::next(wanted, now) {
            Step::Rest => self.until_poked(None).await,
            Step::Later(at) => self.until_poked(Some(at.since(now))).await,
            Step::Say(observation) => self.hold.observe(&self.hub, &observation).await?,
            Step::Connect => Box::pin(self.connect(wanted)).await?,
            Step::Pair(pairing) => Box::pin(self.pair(wanted, &pairing)).await?,
            Step::Unlink => Box::pin(self.unlink(wanted)).await?,
        }
        Ok(())
    }

    async fn until_poked(&self, at_most: Option<Duration>) {
        let limit = at_most.unwrap_or(LOOK_EVERY).min(LOOK_EVERY);
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = self.poke.notified() => {}
            () = self.hold.tenure.over() => {}
            () = tokio::time::sleep(limit) => {}
        }
    }

    async fn pause(&self, at_most: Duration) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = tokio::time::sleep(at_most) => {}
        }
    }

    /// Its turn to connect; none when it is not wanted any more.
    async fn turn(&self) -> Option<Turn> {
        tokio::select! {
            () = self.stop.cancelled() => None,
            turn = self.starts.turn() => (!self.is_over()).then_some(turn),
        }
    }

    /// Writes down why a connection ended, and when the next one may be tried.
    async fn note_end(&self, end: &End, failures_before: i32) -> hub::Result<()> {
        let now = self.hub.clock.now();
        let seen = match end {
            End::Replaced => Observation::because(Observed::Replaced, "replaced"),
            End::LoggedOut(why) => Observation::because(Observed::LoggedOut, *why),
            End::PasskeyNeeded => Observation::because(Observed::PasskeyNeeded, "passkey_needed"),
            End::Outdated => Observation::because(Observed::Outdated, "outdated"),
            End::Banned { lasts, why } => Observation {
                next_attempt_at: Some(now.after(*lasts)),
                ..Observation::because(Observed::Banned, *why)
            },
            End::Lost(why) => {
                let failures = failures_before.saturating_add(1);
                let counts = if *why == RATE_LIMITED {
                    failures.saturating_add(RATE_LIMITED_COUNTS)
                } else {
                    failures
                };
                let wait = step::back_off(counts, rand::random());
                Observation {
                    next_attempt_at: Some(now.after(wait)),
                    attempts: failures,
                    ..Observation::because(Observed::Waiting, *why)
                }
            }
        };
        metrics::counter!("switchboard_session_ends_total", "as" => seen.observed.as_str()).increment(1);
        tracing::info!(
            session.id = %self.hold.session,
            "Session {} is {}: {}",
            self.hold.session,
            seen.observed.as_str(),
            seen.reason.as_deref().unwrap_or_default()
        );
        self.hold.observe(&self.hub, &seen).await?;
        if let End::Banned { lasts, why } = end {
            let warning = Warning::Banned(now.after(*lasts), why);
            self.hold
                .pause(&self.hub, pacing::pause_after(&warning, None, now))
                .await?;
        }
        Ok(())
    }

    async fn unlink(&self, wanted: &Wanted) -> hub::Result<()> {
        if wanted.is_linked && wanted.observed != Observed::LoggedOut {
            match self.log_out(wanted).await {
                Ok(()) | Err(End::LoggedOut(_)) => {}
                // A person may have stopped waiting for it; the owner's phone still lists the device, and removes it.
                Err(_) if wanted.attempts + 1 >= LOG_OUTS_MAX => {}
                Err(_) if self.is_over() => return Ok(()),
                Err(end) => return self.note_end(&lost(&end), wanted.attempts).await,
            }
        }
        self.hold.forget_all(&self.hub).await?;
        self.hold
            .observe(&self.hub, &Observation::plain(Observed::New))
            .await
    }
}

/// While a session is being unlinked only the way matters, not what else is wrong.
fn lost(end: &End) -> End {
    match end {
        End::Lost(why) => End::Lost(why),
        _ => End::Lost("refused"),
    }
}
