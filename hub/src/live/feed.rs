//! A tenant's feed in this process: its stream, its signals, who is online, and the clients that share them.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::OnceCell;

use super::Meters;
use super::delivery::Turn;
use super::line::{Line, Must};
use super::message::{Person, Seen};
use super::ring::Event;
use super::rows::Sitting;
use super::signals::Signals;
use super::stream::{Cursor, Input, Standing, Stream, Todo};
use super::who::{Change, Who};
use crate::auth::Revoked;
use crate::clock::Timestamp;
use crate::config;
use crate::ids::{ConversationId, TenantId};
use crate::principal::Principal;
use crate::tasks::Tasks;

/// Clients are written to at once when nothing came for this long, otherwise at most this often: what comes in a burst goes
/// out in one write.
const WAKE_EVERY: Duration = Duration::from_millis(4);
/// Events kept that came by Redis while the database was still being asked; further ones are read later.
const EARLY_MAX: usize = 256;

/// One client of this process.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) principal: Principal,
    /// None for a machine with a key.
    pub(super) person: Option<Person>,
    pub(super) sitting: Option<Sitting>,
    pub(super) name: Arc<str>,
    pub(super) viewing: Option<ConversationId>,
    pub(super) line: Arc<Line>,
}

/// A tenant's feed in this process.
pub(super) struct Feed {
    pub(super) tenant: TenantId,
    pub(super) opened: OnceCell<()>,
    pub(super) subscribed: AtomicBool,
    /// Held while a client waits to hear from Postgres where the sequence stands.
    pub(super) asking: tokio::sync::Mutex<()>,
    shelf: Mutex<Shelf>,
    pub(super) turn: Turn,
    pub(super) tasks: Tasks,
    pub(super) meters: Meters,
    /// More events or bytes than this waiting make a client slow.
    slow_events: usize,
    slow_bytes: usize,
}

#[derive(Debug, Default)]
pub(super) struct Shelf {
    pub(super) stream: Option<Stream>,
    early: Vec<Event>,
    pub(super) signals: Signals,
    pub(super) who: Who,
    pub(super) clients: HashMap<u64, Entry>,
    /// The lines of all clients, for passes over them; none when somebody has come or gone.
    roster: Option<Arc<[Arc<Line>]>>,
    /// Since when nobody is here.
    pub(super) empty_since: Option<Instant>,
    /// Whether Redis is to be told of clients that came, went or look at something else; and who went.
    pub(super) presence_changed: bool,
    pub(super) went: Vec<Arc<str>>,
    woken_at: Option<Instant>,
    wake_due: Option<Instant>,
}

impl Feed {
    pub(super) fn new(
        tenant: TenantId,
        tasks: Tasks,
        meters: Meters,
        config: &config::Live,
        now: Instant,
    ) -> Self {
        let shelf = Shelf {
            empty_since: Some(now),
            ..Shelf::default()
        };
        Self {
            tenant,
            opened: OnceCell::new(),
            subscribed: AtomicBool::new(false),
            asking: tokio::sync::Mutex::new(()),
            shelf: Mutex::new(shelf),
            turn: Turn::default(),
            tasks,
            meters,
            slow_events: config.client_queue_events_max,
            slow_bytes: config.client_queue_bytes_max,
        }
    }

    /// Held for moments only, never over an await. A panic under it leaves nothing half done that matters.
    pub(super) fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lines of all clients.
    pub(super) fn roster(&self) -> Arc<[Arc<Line>]> {
        let mut shelf = self.shelf();
        let Shelf { roster, clients, .. } = &mut *shelf;
        let lines = || clients.values().map(|entry| Arc::clone(&entry.line)).collect();
        Arc::clone(roster.get_or_insert_with(lines))
    }

    /// Whether more waits for a client than it may have unsent.
    pub(super) fn is_slow(&self, cursor: &Cursor) -> bool {
        let lag = self.with_stream(|stream| cursor.lag(stream));
        lag.is_some_and(|(events, bytes)| events > self.slow_events || bytes > self.slow_bytes)
    }

    /// Begins the stream where the database stands.
    pub(super) fn begin(&self, standing: Standing, recent: Vec<Event>, now: Instant) -> Todo {
        let mut shelf = self.shelf();
        let mut stream = Stream::open(standing, recent);
        let todo = stream.step(Input::Published(std::mem::take(&mut shelf.early)), now);
        shelf.stream = Some(stream);
        todo
    }

    /// Takes what happened to the stream; wakes clients. Answers what to read, and when to come by with a tick.
    pub(super) fn step(self: &Arc<Self>, input: Input, now: Instant) -> (Option<i64>, Option<Instant>) {
        let mut shelf = self.shelf();
        let Some(stream) = &mut shelf.stream else {
            if let Input::Published(events) = input {
                let room = EARLY_MAX.saturating_sub(shelf.early.len());
                shelf.early.extend(events.into_iter().take(room));
            }
            return (None, None);
        };
        let todo = stream.step(input, now);
        let stream_due = stream.deadline();
        let wake = shelf.settle_wake(todo.wake, now);
        let due = stream_due.into_iter().chain(shelf.wake_due).min();
        drop(shelf);
        if wake {
            self.wake();
        }
        (todo.read_after, due)
    }

    /// Puts signals on the shelf; wakes clients. Answers when to come by with a tick.
    pub(super) fn signal(
        self: &Arc<Self>,
        signals: Vec<(Change, Option<String>)>,
        now: Instant,
    ) -> Option<Instant> {
        if signals.is_empty() {
            return None;
        }
        let mut shelf = self.shelf();
        for ((key, frame), from) in signals {
            shelf.signals.push(key, from, frame, now);
        }
        let wake = shelf.settle_wake(true, now);
        let due = shelf.wake_due;
        drop(shelf);
        if wake {
            self.wake();
        }
        due
    }

    /// Takes what a process said of its clients.
    pub(super) fn saw(self: &Arc<Self>, seen: Vec<Seen>, at: Timestamp, now: Instant) -> Option<Instant> {
        let mut shelf = self.shelf();
        let changes: Vec<Change> = seen
            .into_iter()
            .flat_map(|seen| shelf.who.saw(seen, at))
            .collect();
        drop(shelf);
        self.signal(changes.into_iter().map(|change| (change, None)).collect(), now)
    }

    /// Where the stream stands, when it has begun.
    pub(super) fn head(&self) -> Option<i64> {
        self.shelf().stream.as_ref().map(Stream::head)
    }

    /// Runs `f` on the stream, when it has begun.
    pub(super) fn with_stream<T>(&self, f: impl FnOnce(&Stream) -> T) -> Option<T> {
        self.shelf().stream.as_ref().map(f)
    }
}

impl Shelf {
    pub(super) fn comes(&mut self, id: u64, entry: Entry) {
        self.clients.insert(id, entry);
        self.roster = None;
        self.empty_since = None;
        self.presence_changed = true;
    }

    pub(super) fn goes(&mut self, id: u64, now: Instant) -> Option<Entry> {
        let entry = self.clients.remove(&id)?;
        // Not kept for the next pass: the connection is to end now.
        self.roster = None;
        if self.clients.is_empty() {
            self.empty_since = Some(now);
        }
        self.presence_changed = true;
        self.went.push(Arc::clone(&entry.name));
        Some(entry)
    }

    /// Whether to wake now; otherwise notes when.
    fn settle_wake(&mut self, wanted: bool, now: Instant) -> bool {
        let due = wanted || self.wake_due.is_some_and(|due| due <= now);
        if !due {
            return false;
        }
        let earliest = self.woken_at.map_or(now, |at| at + WAKE_EVERY);
        if earliest <= now {
            self.woken_at = Some(now);
            self.wake_due = None;
            return true;
        }
        self.wake_due = Some(earliest);
        false
    }
}

/// Orders to clients.
impl Feed {
    fn order(&self, must: Must, whom: impl Fn(&Entry) -> bool) {
        for entry in self.shelf().clients.values().filter(|entry| whom(entry)) {
            entry.line.order(must);
        }
    }

    /// Calls in whom this is about: what is left of them, their next ticket says.
    pub(super) fn order_revoked(&self, revoked: &Revoked) {
        self.order(Must::Renew, |entry| revoked.concerns(&entry.principal));
    }

    pub(super) fn order_sitting(&self, sitting: Sitting, must: Must) {
        self.order(must, |entry| entry.sitting == Some(sitting));
    }

    pub(super) fn order_all(&self, must: Must) {
        self.order(must, |_| true);
    }

    /// Everybody at a socket here, to be looked up.
    pub(super) fn sitting(&self) -> Vec<Sitting> {
        self.shelf()
            .clients
            .values()
            .filter_map(|entry| entry.sitting)
            .collect()
    }
}
