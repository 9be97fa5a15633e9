//! A tenant's feed in this process: its stream, its signals, who is online, and the clients that share them.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{OnceCell, watch};

use super::message::{Person, Seen};
use super::ring::Event;
use super::rows::Sitting;
use super::signals::Signals;
use super::stream::{Advance, Cursor, Input, Standing, Stream, Todo};
use super::who::{Change, Who};
use crate::auth::Revoked;
use crate::clock::Timestamp;
use crate::ids::{ConversationId, TenantId};
use crate::principal::Principal;

/// Clients are woken at once when nothing came for this long, otherwise at most this often: what comes in a burst goes
/// out in one write.
const WAKE_EVERY: Duration = Duration::from_millis(4);
/// Events kept that came by Redis while the database was still being asked; further ones are read later.
const EARLY_MAX: usize = 256;

/// An order to one client's socket, kept where it looks at every wake.
#[derive(Debug, Default)]
pub(super) struct Order(AtomicU8);

/// What a client must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Must {
    /// Its rights have changed: it needs a new ticket.
    Renew,
    /// Its person has no rights any more.
    Leave,
}

impl Order {
    pub(super) fn give(&self, must: Must) {
        self.0.fetch_max(
            match must {
                Must::Renew => 1,
                Must::Leave => 2,
            },
            Ordering::Relaxed,
        );
    }

    pub(super) fn get(&self) -> Option<Must> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            1 => Some(Must::Renew),
            _ => Some(Must::Leave),
        }
    }
}

/// One client of this process.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) principal: Principal,
    /// None for a machine with a key.
    pub(super) person: Option<Person>,
    pub(super) sitting: Option<Sitting>,
    pub(super) name: Arc<str>,
    pub(super) viewing: Option<ConversationId>,
    pub(super) order: Arc<Order>,
}

/// A tenant's feed in this process.
#[derive(Debug)]
pub(super) struct Feed {
    pub(super) tenant: TenantId,
    pub(super) opened: OnceCell<()>,
    pub(super) subscribed: AtomicBool,
    /// Held while a client waits to hear from Postgres where the sequence stands.
    pub(super) asking: tokio::sync::Mutex<()>,
    shelf: Mutex<Shelf>,
    /// Grows with every wake.
    mark: watch::Sender<u64>,
}

#[derive(Debug, Default)]
pub(super) struct Shelf {
    stream: Option<Stream>,
    early: Vec<Event>,
    pub(super) signals: Signals,
    pub(super) who: Who,
    pub(super) clients: HashMap<u64, Entry>,
    /// Since when nobody is here.
    pub(super) empty_since: Option<Instant>,
    /// Whether Redis is to be told of clients that came, went or look at something else; and who went.
    pub(super) presence_changed: bool,
    pub(super) went: Vec<Arc<str>>,
    woken_at: Option<Instant>,
    wake_due: Option<Instant>,
}

impl Feed {
    pub(super) fn new(tenant: TenantId, now: Instant) -> Self {
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
            mark: watch::Sender::new(0),
        }
    }

    /// Held for moments only, never over an await. A panic under it leaves nothing half done that matters.
    pub(super) fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.mark.subscribe()
    }

    /// Wakes every client now.
    pub(super) fn wake(&self) {
        self.mark.send_modify(|mark| *mark = mark.wrapping_add(1));
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
    pub(super) fn step(&self, input: Input, now: Instant) -> (Option<i64>, Option<Instant>) {
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
    pub(super) fn signal(&self, signals: Vec<(Change, Option<String>)>, now: Instant) -> Option<Instant> {
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
    pub(super) fn saw(&self, seen: Vec<Seen>, at: Timestamp, now: Instant) -> Option<Instant> {
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

    /// The next frames of a client: events up to a batch, then signals once it is at the head.
    pub(super) fn take(
        &self,
        cursor: &mut Cursor,
        signals_seen: &mut u64,
        client: &str,
        out: &mut VecDeque<Bytes>,
    ) -> Advance {
        let shelf = self.shelf();
        let Some(stream) = &shelf.stream else {
            return Advance::Nothing;
        };
        let advance = cursor.advance(stream, out);
        if cursor.seq() >= stream.head() {
            *signals_seen = shelf.signals.after(*signals_seen, client, out);
        }
        advance
    }

    /// The same from rows that were read for [`Advance::Behind`].
    pub(super) fn catch_up(&self, cursor: &mut Cursor, rows: &[Event], out: &mut VecDeque<Bytes>) -> Advance {
        let shelf = self.shelf();
        shelf
            .stream
            .as_ref()
            .map_or(Advance::Nothing, |stream| cursor.catch_up(stream, rows, out))
    }
}

impl Shelf {
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
        let mut any = false;
        for entry in self.shelf().clients.values().filter(|entry| whom(entry)) {
            entry.order.give(must);
            any = true;
        }
        if any {
            self.wake();
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
