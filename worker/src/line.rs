//! One queue's line: reads hints, picks whose turn it is, claims the rows, starts them. Without Redis it polls the rows.

use std::sync::Arc;
use std::time::Duration;

use hub::Hub;
use hub::job::stream::{self, Hint, Lane, Reader};
use hub::job::{Queue, claim, sweep};

use crate::running::Running;
use crate::slots::{Slot, Slots};

/// A blocking read ends after this; a stop waits for it, since what it was about to deliver would wait for the sweeper.
const READ_WAIT: Duration = Duration::from_secs(1);
/// Hints looked at in one go. What cannot be started of them goes to the waiting lanes, for other workers too.
const READ_MAX: usize = 100;
/// Fresh hints looked at in one go in a flood: who comes after a thousand of one tenant is found in the next read.
const FLOOD_READ_MAX: usize = 1_000;
/// Of those that wait so many are looked through for each free slot: finds the tenants that have few, costs little.
const LOOK_THROUGH: usize = 8;
/// Between two polls of the rows while Redis is away.
const POLL_PAUSE: Duration = Duration::from_millis(500);
/// After a fault of the database.
const FAULT_PAUSE: Duration = Duration::from_millis(500);
/// When everything at hand is over its share, we look again after this even if no slot was freed.
const SHARE_PAUSE: Duration = Duration::from_millis(100);

struct Line {
    hub: Hub,
    queue: Queue,
    slots: Slots,
    running: Arc<Running>,
    reader: Option<Reader>,
    /// The waiting lanes are not empty: do not block on the others.
    someone_waits: bool,
}

/// Serves `queue` until the soft stop.
pub(crate) async fn serve(hub: Hub, queue: Queue, slots: Slots, running: Arc<Running>) {
    let mut line = Line {
        hub,
        queue,
        slots,
        running,
        reader: None,
        someone_waits: false,
    };
    while !line.hub.tasks.is_stopping() {
        line.step().await;
    }
    if let Some(reader) = line.reader.take() {
        reader.close().await;
    }
}

impl Line {
    async fn step(&mut self) {
        let freed = self.slots.freed();
        let room = self.slots.room(self.queue);
        if room == 0 {
            tokio::select! {
                () = freed => {}
                () = self.hub.tasks.stopping() => {}
                // The share of a queue grows also when others' slots are freed between the two lines above.
                () = tokio::time::sleep(SHARE_PAUSE) => {}
            }
            return;
        }
        match self.read(room).await {
            Ok(hints) => self.start(hints).await,
            Err(fault) => {
                tracing::debug!(
                    queue = self.queue.as_str(),
                    error = format!("{fault:#}"),
                    "Redis is away; polling"
                );
                metrics::counter!("switchboard_job_polls_total").increment(1);
                self.reader = None;
                self.poll(room).await;
            }
        }
    }

    async fn read(&mut self, room: usize) -> anyhow::Result<Vec<Hint>> {
        let reader = match self.reader.take() {
            Some(reader) => reader,
            None => Reader::open(&self.hub, self.queue).await?,
        };
        let reader = self.reader.insert(reader);
        if !self.someone_waits {
            return reader.read(&Lane::ALL, READ_MAX, Some(READ_WAIT)).await;
        }
        // In a flood: read the fresh lanes to their end, so that everybody's hints come to light; then look through some
        // of those that wait.
        let mut hints = reader.read(&Lane::FRESH, FLOOD_READ_MAX, None).await?;
        let look_through = (room * LOOK_THROUGH).clamp(LOOK_THROUGH, READ_MAX);
        let waiting = reader.read(&Lane::WAITING, look_through, None).await?;
        self.someone_waits = !waiting.is_empty();
        hints.extend(waiting);
        hints.sort_by_key(|hint| Lane::ALL.iter().position(|lane| *lane == hint.lane));
        Ok(hints)
    }

    /// Starts those whose tenants have a slot free; the others wait.
    async fn start(&mut self, hints: Vec<Hint>) {
        if hints.is_empty() {
            return;
        }
        let freed = self.slots.freed();
        let (turn, wait) = self.pick(hints);
        let nothing_started = turn.is_empty();
        let put_back = async {
            if !wait.is_empty()
                && let Err(fault) = stream::put_back(&self.hub, wait.clone()).await
            {
                tracing::debug!(error = format!("{fault:#}"), "Hints are left to the sweeper");
            }
        };
        tokio::join!(self.claim(turn), put_back);
        if !wait.is_empty() {
            self.someone_waits = true;
            if nothing_started {
                tokio::select! {
                    () = freed => {}
                    () = tokio::time::sleep(SHARE_PAUSE) => {}
                }
            }
        }
    }

    fn pick(&self, hints: Vec<Hint>) -> (Vec<(Hint, Slot)>, Vec<Hint>) {
        let (mut turn, mut wait) = (Vec::new(), Vec::new());
        for hint in hints {
            // At a stop too: what was read goes back, for others.
            let stopping = self.hub.tasks.is_stopping();
            match (!stopping)
                .then(|| self.slots.take(self.queue, hint.tenant))
                .flatten()
            {
                Some(slot) => turn.push((hint, slot)),
                None => wait.push(hint),
            }
        }
        (turn, wait)
    }

    async fn claim(&self, turn: Vec<(Hint, Slot)>) {
        if turn.is_empty() {
            return;
        }
        let (hints, mut slots): (Vec<_>, Vec<_>) =
            turn.into_iter().map(|(hint, slot)| (hint, Some(slot))).unzip();
        let lease = Duration::from_secs(self.hub.config.jobs.lease_s);
        match claim(&self.hub, &hints, lease).await {
            Ok(claimed) => {
                for job in claimed {
                    let slot = hints
                        .iter()
                        .position(|hint| hint.job == job.id)
                        .and_then(|at| slots.get_mut(at).and_then(Option::take));
                    self.running.begin(&self.hub, job, slot);
                }
            }
            Err(fault) => {
                // Their hints are gone; the rows are still ready.
                tracing::warn!(queue = self.queue.as_str(), error = %fault, "Could not claim jobs");
                tokio::time::sleep(FAULT_PAUSE).await;
            }
        }
    }

    async fn poll(&mut self, room: usize) {
        match sweep::due(&self.hub, self.queue, room).await {
            Ok(hints) => {
                let (turn, _) = self.pick(hints);
                let idle = turn.is_empty();
                self.claim(turn).await;
                if !idle {
                    return;
                }
            }
            Err(fault) => {
                tracing::warn!(queue = self.queue.as_str(), error = %fault, "Could not poll for jobs");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(POLL_PAUSE) => {}
            () = self.hub.tasks.stopping() => {}
        }
    }
}
