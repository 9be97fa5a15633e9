//! Delivery: one pass over a feed's clients writes what is new straight to the sockets of those who are up to date. What a
//! socket does not take at once is its own task's from there on.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Instant;

use bytes::{Bytes, BytesMut};

use super::feed::Feed;
use super::frame::{self, Position};
use super::line::{Held, Line, Place};
use super::ring::Event;
use super::stream::Advance;

/// So many clients are written to where the event arrived; a pass over more is a task, so that it holds nobody up.
const INLINE_MAX: usize = 64;
/// Clients written to before others get their turn on this thread.
const STRIDE: usize = 64;
/// Batches remembered in a pass: one per role, and some for those who are a little behind.
const BATCHES_MAX: usize = 8;

const IDLE: u8 = 0;
const RUNNING: u8 = 1;
const AGAIN: u8 = 2;

/// Whether a pass is under way. One at a time per feed: what comes meanwhile goes out together in the next.
#[derive(Debug, Default)]
pub(super) struct Turn(AtomicU8);

/// Held by the pass that is under way; a pass that panics or is cut lets the next one begin all the same.
struct Running<'a> {
    turn: &'a Turn,
    ended: bool,
}

impl Turn {
    /// True: the caller runs the pass. False: somebody does, and will once more.
    fn begin(&self) -> bool {
        let next = |turn| Some(if turn == IDLE { RUNNING } else { AGAIN });
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, next) == Ok(IDLE)
    }

    fn running(&self) -> Running<'_> {
        Running {
            turn: self,
            ended: false,
        }
    }
}

impl Running<'_> {
    /// False: something came meanwhile, another pass is due.
    fn end(&mut self) -> bool {
        let turn = &self.turn.0;
        self.ended = turn
            .compare_exchange(RUNNING, IDLE, Ordering::AcqRel, Ordering::Acquire)
            .is_ok();
        if !self.ended {
            turn.store(RUNNING, Ordering::Release);
        }
        self.ended
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.turn.0.store(IDLE, Ordering::Release);
        }
    }
}

/// What comes next for everybody who stands at the same place.
#[derive(Debug)]
struct Batch {
    from: Place,
    to: Place,
    events: usize,
    frames: Vec<Bytes>,
    /// The frames as one piece: many are one write.
    joined: Bytes,
    /// Clients that some of the signals came from; they do not get those back.
    authors: Vec<String>,
    /// There is more, for the next batch.
    more: bool,
    /// The client's own task must see to it: what comes next is not in memory, or the sequence is another one.
    not_here: bool,
}

impl Batch {
    /// Whether a client of this name gets all of it.
    fn is_for(&self, name: &str) -> bool {
        self.authors.iter().all(|author| author != name)
    }
}

/// What came of bringing a client up to date.
#[derive(Debug, PartialEq, Eq)]
pub enum Fill {
    /// It is; what comes from now on is written to it as it comes.
    Done,
    /// The kernel takes no more: once the socket is writable, again.
    Full,
    /// What comes next is not in memory: rows are to be read.
    Behind {
        /// After this number.
        after: i64,
        /// Up to this one.
        upto: i64,
    },
}

/// A pass over a feed's clients.
struct Pass<'a> {
    feed: &'a Feed,
    batches: VecDeque<Arc<Batch>>,
    delivered: usize,
}

impl Feed {
    /// Brings every client what is new, now.
    pub(super) fn wake(self: &Arc<Self>) {
        if !self.turn.begin() {
            return;
        }
        if self.roster().len() > INLINE_MAX {
            let feed = Arc::clone(self);
            self.tasks
                .spawn("live.deliver", async move { feed.deliver().await });
            return;
        }
        let mut running = self.turn.running();
        loop {
            let roster = self.roster();
            Pass::over(self, &roster);
            if running.end() {
                return;
            }
        }
    }

    /// The pass over many.
    async fn deliver(&self) {
        let mut running = self.turn.running();
        loop {
            let roster = self.roster();
            for some in roster.chunks(STRIDE) {
                Pass::over(self, some);
                tokio::task::yield_now().await;
            }
            if running.end() {
                return;
            }
        }
    }

    /// Brings one client up to date, for its own task: sends what is unsent and takes the next batch, until nothing is left
    /// or the kernel takes no more.
    pub(super) fn fill(&self, line: &Line, now: Instant) -> io::Result<Fill> {
        let mut held = line.held();
        held.open = false;
        let Held { out, name, place, .. } = &mut *held;
        loop {
            out.flush(line.wire(), now)?;
            if !out.is_empty() {
                return Ok(Fill::Full);
            }
            // Who has to go gets nothing more.
            let Some(place) = place.as_mut().filter(|_| line.must().is_none()) else {
                return Ok(Fill::Done);
            };
            match self.take(place, name, out.frames()) {
                Advance::Nothing if out.is_empty() => {
                    held.open = true;
                    return Ok(Fill::Done);
                }
                Advance::Nothing => {}
                Advance::Took(events) => self.meters.delivered.increment(events as u64),
                Advance::Behind { after, upto } => return Ok(Fill::Behind { after, upto }),
                Advance::Reload(position) => self.reload(&position, out.frames()),
            }
        }
    }

    /// Adds a client's frames from rows that were read for [`Fill::Behind`].
    pub(super) fn catch_up(&self, line: &Line, rows: &[Event]) {
        let mut held = line.held();
        let Held { out, place, .. } = &mut *held;
        let Some(place) = place else { return };
        let shelf = self.shelf();
        let Some(stream) = &shelf.stream else { return };
        match place.cursor.catch_up(stream, rows, out.frames()) {
            Advance::Took(events) => self.meters.delivered.increment(events as u64),
            Advance::Reload(position) => self.reload(&position, out.frames()),
            Advance::Nothing | Advance::Behind { .. } => {}
        }
    }

    fn reload(&self, position: &Position, out: &mut VecDeque<Bytes>) {
        self.meters.reloads.increment(1);
        out.push_back(frame::reload(position));
    }

    /// A client's next frames: events up to a batch, then signals once it is at the head.
    fn take(&self, place: &mut Place, client: &str, out: &mut VecDeque<Bytes>) -> Advance {
        let shelf = self.shelf();
        let Some(stream) = &shelf.stream else {
            return Advance::Nothing;
        };
        let advance = place.cursor.advance(stream, out);
        if place.cursor.seq() >= stream.head() {
            place.signals_seen = shelf.signals.after(place.signals_seen, client, out);
        }
        advance
    }

    /// What comes next for a client of this name that stands at `from`.
    fn batch(&self, from: &Place, name: &str) -> Option<Batch> {
        let shelf = self.shelf();
        let stream = shelf.stream.as_ref()?;
        let (mut to, mut out, mut authors) = (from.clone(), VecDeque::new(), Vec::new());
        let advance = to.cursor.advance(stream, &mut out);
        let more = to.cursor.seq() < stream.head();
        if !more {
            authors = shelf.signals.authors(from.signals_seen);
            to.signals_seen = shelf.signals.after(from.signals_seen, name, &mut out);
        }
        drop(shelf);
        let events = match &advance {
            Advance::Took(events) => *events,
            _ => 0,
        };
        Some(Batch {
            from: from.clone(),
            to,
            events,
            joined: join(&out),
            frames: out.into(),
            authors,
            more,
            not_here: matches!(advance, Advance::Behind { .. } | Advance::Reload(_)),
        })
    }
}

fn join(frames: &VecDeque<Bytes>) -> Bytes {
    if let (Some(only), 1) = (frames.front(), frames.len()) {
        return only.clone();
    }
    let mut joined = BytesMut::with_capacity(frames.iter().map(Bytes::len).sum());
    for frame in frames {
        joined.extend_from_slice(frame);
    }
    joined.freeze()
}

impl<'a> Pass<'a> {
    fn over(feed: &'a Feed, lines: &[Arc<Line>]) {
        let mut pass = Pass {
            feed,
            batches: VecDeque::new(),
            delivered: 0,
        };
        let now = tokio::time::Instant::now().into_std();
        for line in lines {
            pass.offer(line, now);
        }
        feed.meters.delivered.increment(pass.delivered as u64);
    }

    /// Brings one client up to date, unless its own task has to.
    fn offer(&mut self, line: &Line, now: Instant) {
        if line.must().is_some() {
            // Its task has been called: it is about to say goodbye.
            return;
        }
        let mut held = line.held();
        if !held.open {
            // Its task waits for the socket; it is called when the client has become slow.
            if held.out.stalled_since().is_some()
                && let Some(place) = &held.place
                && self.feed.is_slow(&place.cursor)
            {
                line.call();
            }
            return;
        }
        while let Some(batch) = self.next(&held) {
            if batch.not_here {
                held.open = false;
                line.call();
                return;
            }
            held.place = Some(batch.to.clone());
            if batch.frames.is_empty() {
                return;
            }
            self.delivered += batch.events;
            // Whatever fails, the socket's own task meets it again and deals with it.
            let written = line.wire().try_write(&batch.joined).unwrap_or(0);
            if written < batch.joined.len() {
                held.out.take_over(&batch.frames, written, now);
                held.open = false;
                line.call();
                return;
            }
            if !batch.more {
                return;
            }
        }
    }

    fn next(&mut self, held: &Held) -> Option<Arc<Batch>> {
        let (place, name) = (held.place.as_ref()?, &*held.name);
        let fits = |batch: &&Arc<Batch>| batch.from == *place && batch.is_for(name);
        if let Some(batch) = self.batches.iter().find(fits) {
            return Some(Arc::clone(batch));
        }
        let batch = Arc::new(self.feed.batch(place, name)?);
        if batch.is_for(name) {
            if self.batches.len() == BATCHES_MAX {
                self.batches.pop_front();
            }
            self.batches.push_back(Arc::clone(&batch));
        }
        Some(batch)
    }
}

#[cfg(test)]
mod tests;
