//! A tenant's sequence of events as this process has it, without any I/O: what Redis brought in whatever order, what is
//! missing and must be read from Postgres, and where each client stands in it.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::frame::{self, Position};
use super::ring::{Event, Ring};
use crate::role::Role;

/// How long a missing number may be on its way by Redis before it is read from Postgres.
const GAP_WAIT: Duration = Duration::from_millis(10);
/// How long after a failed read we try again.
const READ_AGAIN: Duration = Duration::from_millis(250);
/// Events kept that came before their turn; the furthest are dropped, and read from Postgres in their turn.
const AHEAD_MAX: usize = 512;
/// A client further behind than this reads through the API instead: cheaper for both.
const RESUME_EVENTS_MAX: i64 = 5_000;
/// Events given to a socket at once.
const BATCH_EVENTS_MAX: usize = 256;
/// Bytes given to a socket at once.
const BATCH_BYTES_MAX: usize = 64 * 1024;

/// What the database says of a tenant's sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Which sequence.
    pub epoch: String,
    /// Its last number.
    pub seq: i64,
    /// Numbers up to here are deleted, or about to be.
    pub kept_from: i64,
}

/// What happens to a stream.
#[derive(Debug)]
pub enum Input {
    /// Redis brought events, in any order, perhaps again.
    Published(Vec<Event>),
    /// Postgres was asked where the sequence stands, when our head was `asked_at`.
    Stands { standing: Standing, asked_at: i64 },
    /// Postgres was asked for what comes after our head, and where the sequence stands.
    Rows { rows: Vec<Event>, standing: Standing },
    /// Postgres did not answer.
    ReadFailed,
    /// Time passed.
    Tick,
}

/// What is to be done about it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Todo {
    /// Clients have something to take.
    pub wake: bool,
    /// Read the rows after this number.
    pub read_after: Option<i64>,
}

/// One tenant's events in this process.
#[derive(Debug)]
pub struct Stream {
    epoch: String,
    /// Grows when the sequence is another one: every client reloads.
    generation: u32,
    kept_from: i64,
    ring: Ring,
    ahead: BTreeMap<i64, Event>,
    /// The highest number we have heard of.
    known: i64,
    behind_since: Option<Instant>,
    reading: Option<Asked>,
}

/// What we knew when we asked Postgres.
#[derive(Clone, Copy, Debug)]
struct Asked {
    after: i64,
    known: i64,
}

impl Stream {
    /// Begins where the database stands, with the events before it that were read along.
    pub fn open(standing: Standing, recent: Vec<Event>) -> Self {
        let floor = recent.first().map_or(standing.seq, |event| event.seq - 1);
        let mut ring = Ring::new(floor);
        for event in recent {
            ring.push(event);
        }
        Self {
            epoch: standing.epoch,
            generation: 0,
            kept_from: standing.kept_from,
            known: standing.seq.max(ring.head()),
            ring,
            ahead: BTreeMap::new(),
            behind_since: None,
            reading: None,
        }
    }

    /// The last number that is here with all before it.
    pub fn head(&self) -> i64 {
        self.ring.head()
    }

    /// The head as a position.
    pub fn position(&self) -> Position {
        Position {
            epoch: self.epoch.clone(),
            seq: self.head(),
        }
    }

    /// When [`Input::Tick`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        if self.reading.is_some() {
            return None;
        }
        self.behind_since.map(|since| since + GAP_WAIT)
    }

    /// Takes what happened; says what to do.
    pub fn step(&mut self, input: Input, now: Instant) -> Todo {
        let (head, generation) = (self.head(), self.generation);
        match input {
            Input::Published(events) => {
                for event in events {
                    self.receive(event);
                }
            }
            Input::Stands { standing, asked_at } => self.compare(standing, asked_at),
            Input::Rows { rows, standing } => self.read(rows, standing),
            Input::ReadFailed => {
                self.reading = None;
                self.behind_since = Some(now + READ_AGAIN);
            }
            Input::Tick => {}
        }
        self.settle();
        Todo {
            wake: self.head() != head || self.generation != generation,
            read_after: self.want(now),
        }
    }

    fn receive(&mut self, event: Event) {
        self.known = self.known.max(event.seq);
        if event.seq == self.head() + 1 {
            self.ring.push(event);
        } else if event.seq > self.head() {
            self.ahead.insert(event.seq, event);
            if self.ahead.len() > AHEAD_MAX {
                self.ahead.pop_last();
            }
        }
    }

    fn compare(&mut self, standing: Standing, asked_at: i64) {
        self.kept_from = standing.kept_from;
        if standing.epoch != self.epoch || standing.seq < asked_at {
            // Another sequence, or the same one after a restore to an earlier state.
            self.begin_again(standing);
        } else {
            self.known = self.known.max(standing.seq);
        }
    }

    fn read(&mut self, rows: Vec<Event>, standing: Standing) {
        let asked = self.reading.take();
        self.behind_since = None;
        let Some(asked) = asked else { return };
        if standing.epoch != self.epoch || standing.seq < asked.after {
            self.begin_again(standing);
            return;
        }
        self.kept_from = standing.kept_from;
        if rows.is_empty() {
            self.nothing_there(asked, standing.seq);
        }
        for event in rows {
            if event.seq > self.head() + 1 {
                // What lay between was deleted: clients that stand before it will find so, and reload.
                self.ring.restart(event.seq - 1);
            }
            self.ring.push(event);
        }
    }

    /// Postgres has no row after `asked.after`.
    fn nothing_there(&mut self, asked: Asked, last: i64) {
        if last > self.head() {
            self.ring.restart(last);
        }
        if last < asked.known {
            // Somebody told us of numbers that are in no row: they do not exist.
            self.ahead.retain(|seq, _| *seq > asked.known);
            let furthest = self.ahead.last_key_value().map_or(last, |(seq, _)| *seq);
            self.known = furthest.max(self.head());
        }
    }

    fn begin_again(&mut self, standing: Standing) {
        self.generation = self.generation.wrapping_add(1);
        self.epoch = standing.epoch;
        self.kept_from = standing.kept_from;
        self.ring.restart(standing.seq);
        self.known = standing.seq;
        self.ahead.clear();
        self.behind_since = None;
    }

    /// Takes from `ahead` what has become the next.
    fn settle(&mut self) {
        while let Some(entry) = self.ahead.first_entry() {
            if *entry.key() > self.ring.head() + 1 {
                break;
            }
            let event = entry.remove();
            self.ring.push(event);
        }
        self.known = self.known.max(self.head());
    }

    /// Whether it is time to read, and from where.
    fn want(&mut self, now: Instant) -> Option<i64> {
        if self.known <= self.head() {
            self.behind_since = None;
            return None;
        }
        let since = *self.behind_since.get_or_insert(now);
        if self.reading.is_some() || now < since + GAP_WAIT {
            return None;
        }
        let after = self.head();
        self.reading = Some(Asked {
            after,
            known: self.known,
        });
        Some(after)
    }
}

/// Whether a client that comes with a position can go on from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {
    /// It had none: from now.
    Fresh,
    /// Everything after it is in memory.
    FromRing,
    /// Everything after it is in Postgres.
    FromPostgres,
    /// It is ahead of us: ask Postgres where the sequence stands, then again.
    Ahead,
    /// It cannot: reload through the API.
    Lost,
}

impl Stream {
    /// Where a client that comes with `position` stands.
    pub fn place(&self, position: Option<&Position>) -> Resume {
        let Some(position) = position else {
            return Resume::Fresh;
        };
        let seq = position.seq;
        if position.epoch != self.epoch || seq < self.kept_from || seq < self.known - RESUME_EVENTS_MAX {
            Resume::Lost
        } else if seq > self.known {
            Resume::Ahead
        } else if seq >= self.ring.floor() {
            Resume::FromRing
        } else {
            Resume::FromPostgres
        }
    }

    /// A cursor for a client placed so, and the position its welcome names.
    pub fn seat(&self, resume: Resume, position: Option<&Position>, role: Role) -> (Cursor, Position) {
        let (seq, told) = match (resume, position) {
            (Resume::FromRing | Resume::FromPostgres, Some(position)) => {
                (position.seq, self.known.max(position.seq))
            }
            _ => (self.head(), self.head()),
        };
        let cursor = Cursor {
            seq,
            role,
            generation: self.generation,
            caught_up: false,
        };
        let epoch = self.epoch.clone();
        (cursor, Position { epoch, seq: told })
    }
}

/// Where one client stands, and what it may see. Whoever has an equal one gets the same next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    seq: i64,
    role: Role,
    generation: u32,
    /// Whether it has ever been at the head: from then on, lagging is being slow.
    caught_up: bool,
}

/// What came of asking for a client's next frames.
#[derive(Debug, PartialEq, Eq)]
pub enum Advance {
    /// It is at the head.
    Nothing,
    /// This many events' frames were added, perhaps more are there.
    Took(usize),
    /// What comes next is not in memory: read the rows after this number, up to that one.
    Behind { after: i64, upto: i64 },
    /// What comes next does not exist any more; it stands at this position now.
    Reload(Position),
}

impl Cursor {
    /// The last number given.
    pub fn seq(&self) -> i64 {
        self.seq
    }

    /// What it may see from now on.
    pub fn set_role(&mut self, role: Role) {
        self.role = role;
    }

    /// Adds the next frames to `out`, up to a batch.
    pub fn advance(&mut self, stream: &Stream, out: &mut VecDeque<Bytes>) -> Advance {
        if self.generation != stream.generation {
            return self.restart(stream);
        }
        let Some(events) = stream.ring.after(self.seq) else {
            return Advance::Behind {
                after: self.seq,
                upto: stream.head(),
            };
        };
        let took = self.take(events, out);
        if self.seq >= stream.head() {
            self.caught_up = true;
        }
        if took == 0 {
            Advance::Nothing
        } else {
            Advance::Took(took)
        }
    }

    /// Adds frames from rows that were read for [`Advance::Behind`].
    pub fn catch_up(&mut self, stream: &Stream, rows: &[Event], out: &mut VecDeque<Bytes>) -> Advance {
        if self.generation != stream.generation {
            return self.restart(stream);
        }
        let next = rows.partition_point(|row| row.seq <= self.seq);
        let took = self.take(rows.iter().skip(next), out);
        if took == 0 {
            return self.restart(stream);
        }
        Advance::Took(took)
    }

    fn restart(&mut self, stream: &Stream) -> Advance {
        self.generation = stream.generation;
        self.seq = stream.head();
        Advance::Reload(stream.position())
    }

    /// Takes events while each is the next one, up to a batch. Numbers that are not for this role become skips.
    fn take<'a>(&mut self, events: impl Iterator<Item = &'a Event>, out: &mut VecDeque<Bytes>) -> usize {
        let (mut took, mut bytes, mut skipped) = (0, 0, false);
        for event in events {
            if event.seq != self.seq + 1 || took == BATCH_EVENTS_MAX || bytes > BATCH_BYTES_MAX {
                break;
            }
            let visible = self.role >= event.audience;
            if visible && skipped {
                out.push_back(frame::skip(self.seq));
            }
            if visible {
                out.push_back(event.frame.clone());
                bytes += event.frame.len();
            }
            skipped = !visible;
            self.seq = event.seq;
            took += 1;
        }
        if skipped {
            out.push_back(frame::skip(self.seq));
        }
        took
    }

    /// How many events and bytes wait for it; nothing while it is still catching up with what it missed.
    pub fn lag(&self, stream: &Stream) -> (usize, usize) {
        if self.caught_up {
            stream.ring.lag(self.seq)
        } else {
            (0, 0)
        }
    }
}

#[cfg(test)]
mod tests;
