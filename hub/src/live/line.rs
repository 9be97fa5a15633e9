//! A client's line: its place in the feed and what its socket has still to send. Shared by the socket's own task, which
//! says hello and goodbye and waits where waiting is needed, and by the fan-out, which writes straight to the sockets of
//! all who are up to date: one system call per client and event, no task woken.

use std::fmt;
use std::io::{self, IoSlice};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::outgoing::Outgoing;
use super::stream::Cursor;

/// A connection that takes what it can at once and never waits. Whoever finds it full waits elsewhere.
pub trait Wire: Send + Sync {
    /// Gives the kernel as much as it takes.
    ///
    /// # Errors
    /// `WouldBlock` when it takes nothing now; anything else is the connection's end.
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize>;

    /// The same from several places.
    ///
    /// # Errors
    /// As [`Wire::try_write`].
    fn try_write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize>;
}

impl Wire for TcpStream {
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        Self::try_write(self, bytes)
    }

    fn try_write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Self::try_write_vectored(self, slices)
    }
}

/// What a client must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Must {
    /// Its rights have changed: it needs a new ticket.
    Renew,
    /// Its person has no rights any more.
    Leave,
}

/// One client's line.
pub struct Line {
    wire: Arc<dyn Wire>,
    /// What the client must do: 0 nothing, 1 renew, 2 leave.
    order: AtomicU8,
    /// Calls the socket's task.
    call: Notify,
    held: Mutex<Held>,
}

/// What is behind the line's lock. Whoever holds it may take the feed's, never the other way round.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) out: Outgoing,
    /// What signals call the client; empty before it has a place.
    pub(super) name: Arc<str>,
    /// None before the welcome and after the goodbye.
    pub(super) place: Option<Place>,
    /// Whether the fan-out may write: the client is up to date, nothing is unsent, its task has nothing to say.
    pub(super) open: bool,
}

/// Where a client stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) cursor: Cursor,
    pub(super) signals_seen: u64,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line")
            .field("held", &self.held)
            .finish_non_exhaustive()
    }
}

impl Line {
    /// The line of a connection that was just upgraded.
    pub fn new(wire: Arc<dyn Wire>) -> Arc<Self> {
        Arc::new(Self {
            wire,
            order: AtomicU8::new(0),
            call: Notify::new(),
            held: Mutex::default(),
        })
    }

    /// Held for one write at most, never over an await. A panic under it leaves nothing half done that matters.
    pub(super) fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wire(&self) -> &dyn Wire {
        &*self.wire
    }

    /// Resolves when the socket's task has something to look at: an order, or bytes that the kernel did not take.
    pub async fn called(&self) {
        self.call.notified().await;
    }

    pub(super) fn call(&self) {
        self.call.notify_one();
    }

    /// What it must do, if anything.
    pub fn must(&self) -> Option<Must> {
        match self.order.load(Ordering::Relaxed) {
            0 => None,
            1 => Some(Must::Renew),
            _ => Some(Must::Leave),
        }
    }

    pub(super) fn order(&self, must: Must) {
        let must = match must {
            Must::Renew => 1,
            Must::Leave => 2,
        };
        self.order.fetch_max(must, Ordering::Relaxed);
        self.call();
    }

    /// Adds a frame to what is to be sent; it goes out with the next flush, before any further event.
    pub fn push(&self, frame: Bytes) {
        let mut held = self.held();
        held.out.frames().push_back(frame);
        held.open = false;
    }

    /// Whether everything is out.
    pub fn is_clear(&self) -> bool {
        self.held().out.is_empty()
    }

    /// Since when the kernel has not taken everything.
    pub fn stalled_since(&self) -> Option<Instant> {
        self.held().out.stalled_since()
    }

    /// Sends what was pushed, as far as the kernel takes it.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn flush(&self, now: Instant) -> io::Result<()> {
        self.held().out.flush(self.wire(), now)
    }

    /// Drops what is unsent, up to the end of a frame that is out in part.
    pub fn give_up(&self) {
        let mut held = self.held();
        held.open = false;
        held.out.give_up();
    }

    /// No event goes out any more.
    pub fn hang_up(&self) {
        let mut held = self.held();
        held.open = false;
        held.place = None;
    }
}
