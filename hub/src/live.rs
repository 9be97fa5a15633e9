//! The live feed's read side: one subscription per tenant with clients here, its recent events in memory, shared by all
//! its sockets. Postgres is asked when a number is missing, when a client is further behind than memory reaches, and every
//! second and a half whether Redis told us everything.
//!
//! The path of an event: `fanout` (what Redis brings) → `stream` (in order, without holes) → `delivery` (one pass over the
//! clients, straight to their sockets) → `line` (where each client stands, and what its socket did not take). Everything
//! that decides is a state machine without I/O: `stream`, `client`, `who`, `signals`, `wire`.

mod audience;
mod check;
pub mod client;
mod delivery;
mod fanout;
mod feed;
pub mod frame;
mod line;
pub(crate) mod message;
mod outbox;
mod outgoing;
mod presence;
mod ring;
mod rows;
mod seat;
mod signal;
mod signals;
pub mod stream;
mod who;
pub mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use metrics::{Counter, Gauge};
use tokio::sync::Notify;

use crate::Hub;
use crate::clock::Clock;
use crate::config;
use crate::db::Db;
use crate::ids::TenantId;
use crate::keys;
use crate::kv::Kv;
use crate::principal::Principal;
use crate::tasks::Tasks;

pub use audience::Audience;
use audience::Audiences;
pub use delivery::Fill;
use feed::Feed;
pub use frame::{Bye, Position};
pub use line::{Line, Must, Wire};
pub use message::Person;
use outbox::{Item, Outbox};
pub use presence::online;
pub use ring::Event;
pub use rows::trim;
pub use seat::{Joined, Seat};
pub use signal::{Signal, signal};
use stream::{Input, Resume};

/// Opening a tenant's feed, and asking where it stands.
const OPEN_LIMIT: Duration = Duration::from_secs(5);
/// Joining a channel while somebody waits for the welcome.
const SUBSCRIBE_LIMIT: Duration = Duration::from_millis(500);
/// Reading the rows of a gap.
const REPAIR_LIMIT: Duration = Duration::from_secs(5);
/// After a stop: the soonest return, the time one more client adds to the window of returns, and the longest window.
const COME_BACK_SOONEST: Duration = Duration::from_millis(250);
const COME_BACK_EACH: Duration = Duration::from_millis(2);
const COME_BACK_WINDOW: Duration = Duration::from_secs(10);
/// Bytes of pages kept for clients that catch up; the least used go.
const PAGES_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// How long a page is kept: a herd comes back together.
const PAGES_KEPT: Duration = Duration::from_secs(30);

type PageKey = (TenantId, String, i64, i64);
type Pages = moka::future::Cache<PageKey, Arc<[Event]>>;

/// The live feeds of this process. Cheap to clone; idle until the first client joins.
#[derive(Clone)]
pub struct Live(Arc<Inner>);

struct Inner {
    kv: Kv,
    db: Db,
    clock: Clock,
    tasks: Tasks,
    config: config::Live,
    node: Arc<str>,
    feeds: DashMap<TenantId, Arc<Feed>>,
    outbox: Outbox,
    audiences: Audiences,
    pages: Pages,
    next_client: AtomicU64,
    started: AtomicBool,
    /// Whether Redis tells us of sign-ins that end.
    follows_revocations: AtomicBool,
    poke: Notify,
    look: Notify,
    meters: Meters,
}

/// Counters that are on the path of every delivery, looked up once.
#[derive(Clone)]
pub(crate) struct Meters {
    clients: Gauge,
    delivered: Counter,
    reloads: Counter,
    pages: Counter,
    repairs: Counter,
}

impl Live {
    /// No feeds yet.
    pub fn new(kv: Kv, db: Db, clock: Clock, tasks: Tasks, config: config::Live, node: Arc<str>) -> Self {
        let weigh = |_: &PageKey, page: &Arc<[Event]>| {
            let bytes: usize = page.iter().map(|event| event.frame.len() + 64).sum();
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        let pages = Pages::builder()
            .weigher(weigh)
            .max_capacity(PAGES_BYTES_MAX)
            .time_to_live(PAGES_KEPT)
            .build();
        Self(Arc::new(Inner {
            kv,
            db,
            clock,
            tasks,
            config,
            node,
            feeds: DashMap::new(),
            outbox: Outbox::default(),
            audiences: Audiences::default(),
            pages,
            next_client: AtomicU64::new(0),
            started: AtomicBool::new(false),
            follows_revocations: AtomicBool::new(false),
            poke: Notify::new(),
            look: Notify::new(),
            meters: Meters {
                clients: metrics::gauge!("switchboard_live_clients"),
                delivered: metrics::counter!("switchboard_live_events_delivered_total"),
                reloads: metrics::counter!("switchboard_live_reloads_total"),
                pages: metrics::counter!("switchboard_live_pages_read_total"),
                repairs: metrics::counter!("switchboard_live_gap_repairs_total"),
            },
        }))
    }

    /// Seats the client at the other end of `line`. It is on the list before anything is read, so that nothing falls between.
    pub async fn join(
        &self,
        hub: &Hub,
        principal: &Principal,
        position: Option<&Position>,
        line: &Arc<Line>,
    ) -> Result<Joined, Bye> {
        self.start(hub);
        let reserved = self.reserve(principal, line).ok_or(Bye::TooMany)?;
        let feed = Arc::clone(&reserved.feed);
        let placed = async {
            feed.opened.get_or_try_init(|| self.open(&feed)).await?;
            self.place(&feed, position).await
        };
        let resume = match tokio::time::timeout(OPEN_LIMIT, placed).await {
            Ok(Ok(resume)) => resume,
            Ok(Err(fault)) => {
                tracing::warn!(error = %fault, "Could not open a live feed");
                return Err(Bye::Unavailable);
            }
            Err(_) => return Err(Bye::Unavailable),
        };
        let now = now();
        let shelf = feed.shelf();
        let signals_seen = shelf.signals.newcomer(now);
        drop(shelf);
        let seated = feed.with_stream(|stream| stream.seat(resume, position, principal.role()));
        let (cursor, position) = seated.ok_or(Bye::Unavailable)?;
        let source = match resume {
            Resume::Fresh => "fresh",
            Resume::FromRing => "ring",
            Resume::FromPostgres => "postgres",
            Resume::Ahead | Resume::Lost => "reload",
        };
        metrics::counter!("switchboard_live_resumes_total", "source" => source).increment(1);
        Ok(Joined {
            seat: Seat::new(reserved, cursor, signals_seen),
            position,
            recovered: resume != Resume::Lost,
        })
    }

    /// Whether anybody, anywhere, watches the tenant's screens.
    pub fn audience(&self, tenant: TenantId) -> Audience {
        self.0.audiences.of(tenant)
    }

    /// Clients of this process.
    pub fn clients(&self) -> usize {
        self.feeds().iter().map(|feed| feed.shelf().clients.len()).sum()
    }

    /// When a client that is sent away because we stop may come back: each at its own moment, the more the later.
    pub fn come_back_in(&self) -> Duration {
        let clients = u32::try_from(self.clients()).unwrap_or(u32::MAX);
        let window = COME_BACK_EACH.saturating_mul(clients);
        COME_BACK_SOONEST + window.min(COME_BACK_WINDOW).mul_f64(rand::random())
    }

    /// Where a client stands; one that is ahead of us makes us ask Postgres, one for all that wait.
    async fn place(&self, feed: &Arc<Feed>, position: Option<&Position>) -> crate::Result<Resume> {
        let place = || {
            feed.with_stream(|stream| stream.place(position))
                .unwrap_or(Resume::Lost)
        };
        let resume = place();
        if resume != Resume::Ahead {
            return Ok(resume);
        }
        let _one_asks = feed.asking.lock().await;
        let resume = place();
        if resume != Resume::Ahead {
            return Ok(resume);
        }
        let asked_at = feed.head().unwrap_or(0);
        let standing = rows::stands(&self.0.db, feed.tenant).await?;
        fanout::apply(self, feed, Input::Stands { standing, asked_at });
        self.poke();
        // Ahead of Postgres itself: no number of ours.
        Ok(match place() {
            Resume::Ahead => Resume::Lost,
            resume => resume,
        })
    }

    fn reserve(&self, principal: &Principal, line: &Arc<Line>) -> Option<seat::Reserved> {
        let tenant = principal.tenant();
        let id = self.0.next_client.fetch_add(1, Ordering::Relaxed);
        let name: Arc<str> = format!("{}:{id}", self.0.node).into();
        let entry = feed::Entry::new(principal, Arc::clone(&name), Arc::clone(line));
        let until_ms = self.0.clock.now().after(who::HOLDS).as_millisecond();
        let seen = entry.seen(until_ms);
        // Under the map's guard, so that the feed is not let go meanwhile.
        let held = self
            .0
            .feeds
            .entry(tenant)
            .or_insert_with(|| Arc::new(self.new_feed(tenant)));
        let feed = Arc::clone(&held);
        let mut shelf = feed.shelf();
        let actor = principal.actor_id();
        let of_actor = shelf
            .clients
            .values()
            .filter(|entry| entry.principal.actor_id() == actor);
        let config = &self.0.config;
        if of_actor.count() >= config.clients_per_staff_max
            || shelf.clients.len() >= config.clients_per_tenant_max
        {
            return None;
        }
        shelf.comes(id, entry);
        drop(shelf);
        drop(held);
        self.0.meters.clients.increment(1.0);
        if let Some(seen) = seen {
            self.tell(tenant, seen.client.clone(), Item::Client(seen));
        }
        Some(seat::Reserved {
            live: self.clone(),
            feed,
            id,
            name,
            line: Arc::clone(line),
            seated: false,
        })
    }

    fn new_feed(&self, tenant: TenantId) -> Feed {
        let meters = self.0.meters.clone();
        Feed::new(tenant, self.0.tasks.clone(), meters, &self.0.config, now())
    }

    fn leave(&self, feed: &Feed, id: u64) {
        let gone = feed.shelf().goes(id, now());
        let Some(entry) = gone else {
            return;
        };
        self.0.meters.clients.decrement(1.0);
        // Who leaves because we stop is about to be elsewhere.
        if let Some(gone) = entry.seen(0)
            && !self.0.tasks.is_stopping()
        {
            self.tell(feed.tenant, gone.client.clone(), Item::Client(gone));
        }
    }

    /// Subscribes first, then asks where the sequence stands: what comes in between is kept.
    async fn open(&self, feed: &Arc<Feed>) -> crate::Result<()> {
        self.subscribe(feed, SUBSCRIBE_LIMIT).await;
        let (standing, recent) = rows::open(&self.0.db, feed.tenant).await?;
        let todo = feed.begin(standing, recent, now());
        if let Some(after) = todo.read_after {
            self.repair(feed, after);
        }
        self.poke();
        let (live, feed) = (self.clone(), Arc::clone(feed));
        self.0.tasks.spawn("live.presence.first", async move {
            presence::refresh(&live, &feed).await;
        });
        Ok(())
    }

    /// Without Redis the feed works on, a second or two late; the next look tries again. False: Redis did not answer.
    async fn subscribe(&self, feed: &Feed, limit: Duration) -> bool {
        let channel = keys::live_channel(feed.tenant);
        self.follow(&channel, &feed.subscribed, limit).await
            && self
                .follow(keys::REVOCATIONS, &self.0.follows_revocations, limit)
                .await
    }

    async fn follow(&self, channel: &str, followed: &AtomicBool, limit: Duration) -> bool {
        if followed.load(Ordering::Relaxed) {
            return true;
        }
        match tokio::time::timeout(limit, self.0.kv.subscribe(channel)).await {
            Ok(Ok(())) => {
                followed.store(true, Ordering::Relaxed);
                return true;
            }
            Ok(Err(fault)) => tracing::warn!(error = format!("{fault:#}"), "Could not join {channel}"),
            Err(_) => tracing::warn!("Joining {channel} took too long"),
        }
        false
    }

    /// Reads what is missing after `after`: one read at a time per feed, as its stream sees to.
    fn repair(&self, feed: &Arc<Feed>, after: i64) {
        self.0.meters.repairs.increment(1);
        let (live, feed) = (self.clone(), Arc::clone(feed));
        self.0.tasks.spawn("live.repair", async move {
            let read = rows::after(&live.0.db, feed.tenant, after);
            let input = match tokio::time::timeout(REPAIR_LIMIT, read).await {
                Ok(Ok((rows, standing))) => Input::Rows { rows, standing },
                Ok(Err(fault)) => {
                    tracing::warn!(error = %fault, "Could not read the events of a gap");
                    Input::ReadFailed
                }
                Err(_) => Input::ReadFailed,
            };
            fanout::apply(&live, &feed, input);
            live.poke();
        });
    }

    /// Starts this process's tasks with the first client.
    fn start(&self, hub: &Hub) {
        if self.0.started.swap(true, Ordering::Relaxed) {
            return;
        }
        let arrived = self.0.kv.messages();
        self.0
            .tasks
            .spawn("live.fanout", fanout::run(hub.clone(), arrived));
        self.0.tasks.spawn("live.check", check::run(self.clone()));
        self.0.tasks.spawn("live.presence", presence::run(self.clone()));
    }

    /// Lets a feed go that nobody has used for `linger`; true when it did.
    fn close_if_idle(&self, feed: &Feed, now: Instant, linger: Duration) -> bool {
        let idle = |_: &TenantId, feed: &Arc<Feed>| {
            let since = feed.shelf().empty_since;
            since.is_some_and(|since| now.saturating_duration_since(since) >= linger)
        };
        self.0.feeds.remove_if(&feed.tenant, idle).is_some()
    }

    fn tell(&self, tenant: TenantId, key: String, item: Item) {
        if self.0.outbox.push(tenant, key, item) {
            outbox::start_sender(self, self.0.kv.clone(), &self.0.tasks);
        }
    }

    fn feed(&self, tenant: TenantId) -> Option<Arc<Feed>> {
        self.0.feeds.get(&tenant).map(|feed| Arc::clone(&feed))
    }

    fn feeds(&self) -> Vec<Arc<Feed>> {
        self.0.feeds.iter().map(|feed| Arc::clone(&feed)).collect()
    }

    fn poke(&self) {
        self.0.poke.notify_one();
    }

    async fn poked(&self) {
        self.0.poke.notified().await;
    }

    fn look_now(&self) {
        self.0.look.notify_one();
    }

    async fn look_asked(&self) {
        self.0.look.notified().await;
    }

    fn outbox(&self) -> &Outbox {
        &self.0.outbox
    }

    fn audiences(&self) -> &Audiences {
        &self.0.audiences
    }

    fn pages(&self) -> &Pages {
        &self.0.pages
    }

    fn meters(&self) -> &Meters {
        &self.0.meters
    }

    fn tasks(&self) -> &Tasks {
        &self.0.tasks
    }

    fn clock(&self) -> &Clock {
        &self.0.clock
    }

    fn db(&self) -> &Db {
        &self.0.db
    }

    fn kv(&self) -> &Kv {
        &self.0.kv
    }
}

/// Anything from 0 to 1: where in the interval a socket's first ping falls.
pub fn any_fraction() -> f64 {
    rand::random()
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
