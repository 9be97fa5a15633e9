//! A session that is connected, or on its way.

use std::sync::Arc;
use std::time::Duration;

use hub::clock::Timestamp;
use hub::session::{Desired, Observation, Observed, Wanted};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::Minding;
use crate::attention;
use crate::fetcher::Fetcher;
use crate::held::{chain, discreet};
use crate::link::{End, Link, News, Opening};
use crate::starts::{COMING_LIMIT, Turn};
use crate::{pacing, sender};

/// From the first knock until messages flow: after linking, the library waits ten seconds for the phone's keys.
const READY_LIMIT: Duration = Duration::from_mins(1);
/// A connection that lasted so long was a good one: the next failure is the first again.
const STABLE_AFTER: Duration = Duration::from_secs(30);
/// So often it is written down that the network was heard from.
const HEARD_EVERY: Duration = Duration::from_secs(30);
/// When Postgres did not say what is wanted, it is asked again after this.
const FAULT_PAUSE: Duration = Duration::from_secs(1);

/// What is known of a connection while it lasts.
struct Live<'a> {
    minding: &'a Minding,
    link: Arc<Link>,
    wake: Arc<Notify>,
    wake_fetcher: Arc<Notify>,
    stop_sender: CancellationToken,
    connected_at: Option<Instant>,
    /// Its place among those on their way.
    turn: Option<Turn>,
    failures: i32,
    /// When the library last heard something, by its wall clock: only that it is another time than before means anything.
    heard_ms: u64,
    heard_at: Instant,
    /// What is wanted is to be asked for then.
    look_at: Option<Instant>,
    paired_at: Option<Timestamp>,
    /// What the row says how many new people a day may be written to, once we have said it.
    limit: Option<Limit>,
}

/// New people a day; none is any number.
#[derive(PartialEq)]
struct Limit(Option<u32>);

/// Why nobody follows the connection any more.
enum Over {
    /// It ended.
    Ended(End),
    /// A person wants something else, or the worker stops: it is to be closed.
    Unwanted,
    /// The shard is not ours: whoever has it now replaces us.
    NotOurs,
}

impl Minding {
    /// Connects, and stays so for as long as it is wanted.
    pub(super) async fn connect(&self, wanted: &Wanted) -> hub::Result<()> {
        let Some(turn) = self.turn().await else {
            return Ok(());
        };
        let connecting = Observation {
            attempts: wanted.attempts,
            ..Observation::plain(Observed::Connecting)
        };
        self.hold.observe(&self.hub, &connecting).await?;
        let opening = Opening {
            pair: None,
            groups: wanted.groups,
        };
        match Link::open(&self.hub, &self.hold, opening).await {
            Ok((link, news)) => self.follow(link, news, (wanted.attempts, Some(turn))).await,
            Err(fault) => {
                tracing::warn!(
                    error = discreet(&fault),
                    session.id = %self.hold.session,
                    "Could not open a session"
                );
                self.note_end(&End::Lost("store"), wanted.attempts).await
            }
        }
    }

    /// Follows a link until it ends or is not wanted; then closes it and writes down what is the case.
    pub(super) async fn follow(
        &self,
        link: Link,
        mut news: mpsc::Receiver<News>,
        (failures, turn): (i32, Option<Turn>),
    ) -> hub::Result<()> {
        let mut live = Live {
            minding: self,
            link: Arc::new(link),
            wake: Arc::default(),
            wake_fetcher: Arc::default(),
            stop_sender: CancellationToken::new(),
            connected_at: None,
            turn,
            failures,
            heard_ms: 0,
            heard_at: Instant::now(),
            look_at: None,
            paired_at: None,
            limit: None,
        };
        let over = live.run(&mut news).await;
        live.stop_sender.cancel();
        let over = match over {
            Ok(over) => over,
            Err(fault) => {
                live.link.close().await;
                return Err(fault);
            }
        };
        live.link.close().await;
        match over {
            Over::Ended(end) if !self.is_over() => self.note_end(&end, live.failures_before()).await,
            // Nobody is to think that it is connected, should nobody take it over.
            Over::Unwanted if self.stop.is_cancelled() && self.hold.tenure.holds() => {
                let seen = Observation {
                    attempts: live.failures_before(),
                    ..Observation::because(Observed::Waiting, "worker_stopped")
                };
                self.hold.observe(&self.hub, &seen).await
            }
            Over::Ended(_) | Over::Unwanted | Over::NotOurs => Ok(()),
        }
    }

    /// Connects to say good-bye.
    pub(super) async fn log_out(&self, wanted: &Wanted) -> Result<(), End> {
        let Some(_turn) = self.turn().await else {
            return Err(End::Lost("stopped"));
        };
        let opening = Opening {
            pair: None,
            groups: wanted.groups,
        };
        let (link, mut news) = Link::open(&self.hub, &self.hold, opening)
            .await
            .map_err(|_fault| End::Lost("store"))?;
        let ready = tokio::select! {
            ready = until_connected(&mut news) => ready,
            end = link.ended() => Err(end),
            () = self.stop.cancelled() => Err(End::Lost("stopped")),
            () = tokio::time::sleep(READY_LIMIT) => Err(End::Lost("no_answer")),
        };
        match &ready {
            Ok(()) => link.log_out().await,
            Err(_) => link.close().await,
        }
        ready
    }
}

async fn until_connected(news: &mut mpsc::Receiver<News>) -> Result<(), End> {
    loop {
        match news.recv().await {
            Some(News::Connected) => return Ok(()),
            // Asked to link anew: its keys are not known there any more.
            Some(News::Qr { .. }) => return Err(End::LoggedOut("logged_out")),
            Some(_) => {}
            None => return Err(End::Lost("connection")),
        }
    }
}

/// Then; never when there is no such time.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

impl Live<'_> {
    async fn run(&mut self, news: &mut mpsc::Receiver<News>) -> hub::Result<Over> {
        let minding = self.minding;
        let ready_until = Instant::now() + READY_LIMIT;
        let room_at = Instant::now() + COMING_LIMIT;
        let silent_after = Duration::from_secs(minding.hub.config.whatsapp.silent_after_s);
        let mut heard = tokio::time::interval(HEARD_EVERY.min(silent_after / 6));
        heard.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = minding.stop.cancelled() => return Ok(Over::Unwanted),
                () = minding.hold.tenure.over() => return Ok(Over::NotOurs),
                end = self.link.ended() => return Ok(Over::Ended(end)),
                () = tokio::time::sleep_until(ready_until), if self.connected_at.is_none() => {
                    return Ok(Over::Ended(self.link.verdict().unwrap_or(End::Lost("no_answer"))));
                }
                () = tokio::time::sleep_until(room_at), if self.turn.is_some() => self.turn = None,
                Some(news) = news.recv() => {
                    if let Some(over) = self.hear(news).await? {
                        return Ok(over);
                    }
                }
                _ = heard.tick(), if self.connected_at.is_some() => {
                    let noted = self.note().await;
                    self.bear(noted)?;
                    if self.heard_at.elapsed() > silent_after {
                        return Ok(Over::Ended(End::Lost("silent")));
                    }
                    if self.heard_at.elapsed() > silent_after / 2 {
                        self.ask();
                    }
                }
                () = minding.poke.notified() => self.look_at = Some(Instant::now()),
                () = at(self.look_at), if self.look_at.is_some() => {
                    if !self.look().await? {
                        return Ok(Over::Unwanted);
                    }
                }
            }
        }
    }

    /// Writes down how the connection fares.
    async fn note(&mut self) -> hub::Result<()> {
        self.note_heard().await?;
        self.note_limit().await
    }

    /// Whether it is still wanted; then whoever sends and fetches looks, too.
    async fn look(&mut self) -> hub::Result<bool> {
        self.look_at = None;
        let wanted = match self.minding.hold.wanted(&self.minding.hub).await {
            Err(hub::Error::NotFound(what)) => return Err(hub::Error::NotFound(what)),
            wanted => self.bear(wanted)?,
        };
        let Some(wanted) = wanted else {
            self.look_at = Some(Instant::now() + FAULT_PAUSE);
            return Ok(true);
        };
        self.link.take_groups(wanted.groups);
        self.wake.notify_one();
        self.wake_fetcher.notify_one();
        Ok(wanted.desired == Desired::Running)
    }

    /// A question that Postgres did not answer is no reason to end a connection: there will be another one.
    fn bear<T>(&self, done: hub::Result<T>) -> hub::Result<Option<T>> {
        match done {
            Ok(done) => Ok(Some(done)),
            Err(hub::Error::Stale) => Err(hub::Error::Stale),
            Err(fault) => {
                let session = self.minding.hold.session;
                tracing::warn!(error = %chain(&fault), session.id = %session, "A connected session's step failed");
                Ok(None)
            }
        }
    }

    /// Has the network say something. The library asks by itself, unless the clock was set back: then it believes that it
    /// has just heard.
    fn ask(&self) {
        let link = Arc::clone(&self.link);
        let asked = async move { link.ask().await };
        self.minding.hub.tasks.spawn_supporter("session.ask", asked);
    }

    async fn hear(&mut self, news: News) -> hub::Result<Option<Over>> {
        let minding = self.minding;
        match news {
            News::Connected => {
                self.link.stay_down_once_lost();
                let is_first = self.connected_at.replace(Instant::now()).is_none();
                let seen = Observation {
                    attempts: self.failures,
                    ..Observation::plain(Observed::Connected)
                };
                if let Some(name) = self.link.push_name() {
                    minding.hold.named(&minding.hub, &name).await?;
                }
                minding.hold.observe(&minding.hub, &seen).await?;
                self.turn = None;
                if is_first {
                    self.heard_at = Instant::now();
                    self.paired_at = minding.hold.ledger(&minding.hub).await?.paired_at;
                    self.note_limit().await?;
                    self.start_sender();
                }
                tracing::info!(session.id = %minding.hold.session, "Session {} is connected", minding.hold.session);
            }
            // Asked to link anew: the network does not know these keys any more.
            News::Qr { .. } => return Ok(Some(Over::Ended(End::LoggedOut("logged_out")))),
            News::Code { .. } | News::CodesSpent | News::Refused(_) | News::Linked { .. } => {}
        }
        Ok(None)
    }

    fn start_sender(&self) {
        let minding = self.minding;
        let run = sender::run(
            minding.hub.clone(),
            minding.hold.clone(),
            Arc::clone(&self.link),
            Arc::clone(&minding.pace),
            (Arc::clone(&self.wake), self.stop_sender.clone()),
        );
        minding.hub.tasks.spawn("session.sender", run);
        let fetcher = Fetcher {
            hub: minding.hub.clone(),
            hold: minding.hold.clone(),
            link: Arc::clone(&self.link),
            wake: Arc::clone(&self.wake_fetcher),
            places: Arc::clone(&minding.starts.files),
            stop: self.stop_sender.clone(),
        };
        minding.hub.tasks.spawn("session.fetcher", fetcher.run());
        let showing = attention::run(
            minding.hub.clone(),
            minding.hold.clone(),
            Arc::clone(&self.link),
            self.stop_sender.clone(),
        );
        minding.hub.tasks.spawn("session.attention", showing);
    }

    async fn note_heard(&mut self) -> hub::Result<()> {
        let heard_ms = self.link.heard_ms();
        if heard_ms == self.heard_ms {
            return Ok(());
        }
        self.heard_ms = heard_ms;
        self.heard_at = Instant::now();
        self.minding.hold.heard(&self.minding.hub).await
    }

    /// It grows with the days.
    async fn note_limit(&mut self) -> hub::Result<()> {
        let hub = &self.minding.hub;
        let linked_for = self
            .paired_at
            .map_or(Duration::ZERO, |at| hub.clock.now().since(at));
        let limit = pacing::strangers_a_day(&hub.config.whatsapp, linked_for);
        if self.limit != Some(Limit(limit)) {
            self.minding.hold.note_limit(hub, limit).await?;
            self.limit = Some(Limit(limit));
        }
        Ok(())
    }

    /// Failures in a row before this one.
    fn failures_before(&self) -> i32 {
        let was_stable = self.connected_at.is_some_and(|at| at.elapsed() >= STABLE_AFTER);
        if was_stable { 0 } else { self.failures }
    }
}
