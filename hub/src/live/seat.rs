//! A client's seat in its tenant's feed: what the socket's loop holds. Dropping it is leaving.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use serde_json::json;

use super::delivery::Fill;
use super::feed::{Entry, Feed};
use super::line::{Line, Place};
use super::message::{Person, Seen, Sent};
use super::outbox::Item;
use super::ring::Event;
use super::rows::{self, Holder, Sitting};
use super::stream::Cursor;
use super::who::HOLDS;
use super::{Live, Position};
use crate::ids::ConversationId;
use crate::principal::{Actor, Principal};

/// What a socket is given when it joins.
pub struct Joined {
    /// Its seat.
    pub seat: Seat,
    /// What its welcome names.
    pub position: Position,
    /// Whether it gets everything after its own position.
    pub recovered: bool,
}

/// A client's seat.
pub struct Seat {
    live: Live,
    feed: Arc<Feed>,
    id: u64,
    name: Arc<str>,
    line: Arc<Line>,
}

/// A seat before its feed is open: on the list of clients already, so that the feed stays.
pub(super) struct Reserved {
    pub(super) live: Live,
    pub(super) feed: Arc<Feed>,
    pub(super) id: u64,
    pub(super) name: Arc<str>,
    pub(super) line: Arc<Line>,
    pub(super) seated: bool,
}

impl Entry {
    pub(super) fn new(principal: &Principal, name: Arc<str>, line: Arc<Line>) -> Self {
        let mut entry = Self {
            principal: principal.clone(),
            person: None,
            sitting: None,
            name,
            viewing: None,
            line,
        };
        entry.sit(principal);
        entry
    }

    fn sit(&mut self, principal: &Principal) {
        let tenant = principal.tenant();
        let holder = match principal.actor() {
            Actor::Staff {
                id,
                name,
                session,
                family,
            } => {
                self.person = Some(Person {
                    id: *id,
                    name: name.clone(),
                });
                Holder::Staff {
                    staff: *id,
                    family: *family,
                    version: *session,
                }
            }
            Actor::ApiKey { id } => Holder::Key(*id),
            // No ticket is made for a visit; the id is no key's, so that this seat would be taken away at the next look.
            Actor::Operator { visit, .. } => Holder::Key(visit.uuid().into()),
        };
        self.sitting = Some(Sitting { tenant, holder });
        self.principal = principal.clone();
    }

    /// How others see it; a machine they do not.
    pub(super) fn seen(&self, until_ms: i64) -> Option<Seen> {
        Some(Seen {
            client: self.name.to_string(),
            staff: self.person.clone()?,
            viewing: self.viewing,
            until_ms,
        })
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if !self.seated {
            self.live.leave(&self.feed, self.id);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.line.hang_up();
        self.live.leave(&self.feed, self.id);
    }
}

impl Seat {
    pub(super) fn new(mut reserved: Reserved, cursor: Cursor, signals_seen: u64) -> Self {
        reserved.seated = true;
        let mut held = reserved.line.held();
        held.name = Arc::clone(&reserved.name);
        held.place = Some(Place { cursor, signals_seen });
        drop(held);
        Self {
            live: reserved.live.clone(),
            feed: Arc::clone(&reserved.feed),
            id: reserved.id,
            name: Arc::clone(&reserved.name),
            line: Arc::clone(&reserved.line),
        }
    }

    /// Frames that tell what others look at, for the newcomer.
    pub fn news(&self) -> Vec<Bytes> {
        self.feed.shelf().who.viewing()
    }

    /// The last number given.
    pub fn seq(&self) -> i64 {
        let held = self.line.held();
        held.place.as_ref().map_or(0, |place| place.cursor.seq())
    }

    /// Sends what is unsent and takes the next batch, until nothing is left or the kernel takes no more.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn fill(&self, now: Instant) -> io::Result<Fill> {
        self.feed.fill(&self.line, now)
    }

    /// Adds frames from rows that were read because the seat was behind; they go out with the next filling.
    pub fn catch_up(&self, rows: &[Event]) {
        self.feed.catch_up(&self.line, rows);
    }

    /// Reads the page a seat that is behind goes on with. The same page is read once, however many ask.
    pub fn page(
        &self,
        after: i64,
        upto: i64,
    ) -> impl Future<Output = crate::Result<Arc<[Event]>>> + Send + use<> {
        let (live, tenant) = (self.live.clone(), self.feed.tenant);
        let from = after - after.rem_euclid(rows::PAGE);
        let upto = upto.min(from + rows::PAGE);
        let epoch = self.feed.with_stream(|stream| stream.position().epoch);
        async move {
            let read = async {
                live.meters().pages.increment(1);
                rows::page(live.db(), tenant, from, upto).await.map(Arc::from)
            };
            let key = (tenant, epoch.unwrap_or_default(), from, upto);
            Box::pin(live.pages().try_get_with(key, read))
                .await
                .map_err(|fault| {
                    crate::Error::Unavailable(
                        "the live feed",
                        anyhow::anyhow!("read a page of events: {fault}"),
                    )
                })
        }
    }

    /// Whether more waits for it than a client may have unsent.
    pub fn is_slow(&self) -> bool {
        let held = self.line.held();
        let place = held.place.as_ref();
        place.is_some_and(|place| self.feed.is_slow(&place.cursor))
    }

    /// The same person with a new ticket, perhaps another role.
    pub fn renew(&self, principal: &Principal) {
        if let Some(place) = &mut self.line.held().place {
            place.cursor.set_role(principal.role());
        }
        if let Some(entry) = self.feed.shelf().clients.get_mut(&self.id) {
            entry.sit(principal);
        }
    }

    /// Tells the others what this client looks at.
    pub fn view(&self, conversation: Option<ConversationId>) {
        let until_ms = self.live.clock().now().after(HOLDS).as_millisecond();
        let mut shelf = self.feed.shelf();
        shelf.presence_changed = true;
        let seen = shelf.clients.get_mut(&self.id).and_then(|entry| {
            entry.viewing = conversation;
            entry.seen(until_ms)
        });
        drop(shelf);
        if let Some(seen) = seen {
            self.live
                .tell(self.feed.tenant, self.name.to_string(), Item::Client(seen));
        }
    }

    /// Tells the others what this client's person types.
    pub fn typing(&self, conversation: ConversationId, draft: &str) {
        let person = {
            let shelf = self.feed.shelf();
            shelf.clients.get(&self.id).and_then(|entry| entry.person.clone())
        };
        let Some(staff) = person else { return };
        let body = json!({ "type": "signal", "kind": "typing", "conversation_id": conversation, "staff": staff,
            "draft": draft });
        let Ok(frame) = serde_json::value::to_raw_value(&body) else {
            return;
        };
        let key = format!("typing:{}:{conversation}", staff.id);
        let from = Some(self.name.to_string());
        let sent = Sent {
            key: key.clone(),
            from,
            frame,
        };
        self.live.tell(self.feed.tenant, key, Item::Signal(sent));
    }
}
