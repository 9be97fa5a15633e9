//! WhatsApp Web end to end: shard workers over real stores, a fake server outside, and real clients as customers, so that
//! every byte is really encrypted by one side and decrypted by the other.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics, in its helpers too"
)]

mod branch;
mod cards;
mod chat;
#[cfg(target_os = "linux")]
mod clock;
mod files;
mod first_word;
mod frozen;
mod full;
mod health;
mod inbound;
mod levelling;
mod life;
mod names;
mod once;
mod outbound;
mod pacing;
mod pairing;
mod partition;
mod rolling;
mod silence;
mod spoken;
mod stale;
mod switched_off;
mod takeover;
mod trust;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fake_wa::{Config, Customer, Patience, Phone, Server};
use hub::ids::{SessionId, TenantId};
use hub::job::Queue;
use hub::session::pairing::{News, Watch};
use hub::session::{self, Desired, Observed, Session};
use hub::shard;
use hub::testing::World;
use sqlx::{Connection as _, PgConnection};

use crate::fleet::{Process, Role};

/// The business's own number, and a customer's.
const HERE: &str = "+15550199";
const ANN: &str = "+15550101";
/// What a busy machine may take for anything at all.
const PATIENCE: Duration = Duration::from_mins(1);
/// The version that clients say they are; looking it up would need WhatsApp.
const VERSION: &str = "2.3000.0";

/// A business with a session, and WhatsApp.
struct Shop {
    world: World,
    whatsapp: Server,
    tenant: TenantId,
    session: SessionId,
}

/// A shard worker: a process of the real binary.
struct Shift {
    process: Process,
    name: String,
}

impl Shift {
    async fn start(shop: &Shop) -> Self {
        Self::with(shop, &[]).await
    }

    /// With further settings, such as another way to a store.
    async fn with(shop: &Shop, settings: &[(&str, String)]) -> Self {
        Self::of(env!("CARGO_BIN_EXE_switchboard").into(), shop, settings).await
    }

    /// The same of another build.
    async fn of(binary: PathBuf, shop: &Shop, settings: &[(&str, String)]) -> Self {
        let known = shop.workers().await;
        let mut all = vec![
            ("WHATSAPP_WEB_URL", shop.whatsapp.socket_url()),
            ("SWITCHBOARD_WHATSAPP__VERSION", VERSION.to_owned()),
        ];
        all.extend_from_slice(settings);
        let process = Process::of(binary, &shop.world, Role::ShardWorker, &all).await;
        let name = shop.new_worker(&known);
        let name = tokio::time::timeout(PATIENCE, name)
            .await
            .expect("its first heartbeat");
        Self { process, name }
    }

    fn name(&self) -> &str {
        &self.name
    }

    /// Until it has said twice that it lives: a round of its own lies between.
    async fn until_at_work(&self, shop: &Shop) {
        for _ in 0..2 {
            let beaten = tokio::time::timeout(PATIENCE, self.beat(&mut shop.admin().await)).await;
            assert!(beaten.is_ok(), "{} is not at work", self.name);
        }
    }

    /// Its next heartbeat.
    async fn beat(&self, admin: &mut PgConnection) {
        let now = sqlx::query_scalar("SELECT now()::text");
        let now: String = now.fetch_one(&mut *admin).await.unwrap();
        let seen = "SELECT seen_at > $2::timestamptz FROM shard_workers WHERE name = $1";
        let mut is_seen = Some(false);
        while is_seen != Some(true) {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let seen = sqlx::query_scalar(seen).bind(self.name()).bind(&now);
            is_seen = seen.fetch_optional(&mut *admin).await.unwrap();
        }
    }

    /// As a deploy does.
    async fn stop(self) {
        let ended = tokio::time::timeout(PATIENCE, self.process.stop()).await;
        assert!(ended.expect("it ends by itself").success());
    }

    /// All at once: nothing is renewed, released, or said.
    fn kill(mut self) {
        self.process.kill();
    }
}

impl Shop {
    /// With jobs being worked, and nobody yet who works sessions.
    async fn open() -> Self {
        let whatsapp = Server::start(Config::default()).await.unwrap();
        let url = whatsapp.socket_url().parse().unwrap();
        let settings = move |config: &mut hub::config::Config| {
            config.whatsapp.web_url = url;
            VERSION.clone_into(&mut config.whatsapp.version);
        };
        let world = World::with(settings, hub::clock::Clock::system()).await;
        let tenant = world.tenant("acme").await;
        let mut tx = world.hub.db.tenant(tenant).await.unwrap();
        let session = session::create(&mut tx, "Front desk", None).await.unwrap().id;
        tx.commit().await.unwrap();
        shard::assign(&world.hub, tenant).await.unwrap();
        let own = world.hub.clone();
        world.hub.tasks.spawn("test.worker", async move {
            worker::run(own, Queue::ALL.to_vec()).await.unwrap();
        });
        Self {
            world,
            whatsapp,
            tenant,
            session,
        }
    }

    /// The same, linked to [`HERE`] and connected.
    async fn linked() -> (Self, Shift) {
        let shop = Self::open().await;
        let shift = Shift::start(&shop).await;
        shop.link().await;
        shop.until_observed(Observed::Connected).await;
        (shop, shift)
    }

    /// Links by QR: the owner scans what staff are shown.
    async fn link(&self) {
        let mut watch = self.begin(None).await;
        loop {
            match next(&mut watch).await {
                // One that was scanned already is shown until the phone has answered.
                News::Qr { code, .. } => drop(self.whatsapp.scan(&code, here())),
                News::Linked { phone } => {
                    assert_eq!(phone, HERE);
                    return;
                }
                other => panic!("{other:?}"),
            }
        }
    }

    async fn begin(&self, phone: Option<&str>) -> Watch {
        let tx = self.world.hub.db.tenant(self.tenant).await.unwrap();
        let begun = session::pairing::begin(&self.world.hub, tx, self.session, phone).await;
        begun.unwrap().0
    }

    async fn session(&self) -> Session {
        let mut tx = self.world.hub.db.tenant(self.tenant).await.unwrap();
        let session = session::get(&mut tx, self.session).await.unwrap();
        tx.commit().await.unwrap();
        session
    }

    async fn want(&self, desired: Desired) {
        let mut tx = self.world.hub.db.tenant(self.tenant).await.unwrap();
        session::want(&mut tx, self.session, desired).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn until_observed(&self, observed: Observed) -> Session {
        self.until_session(&format!("{observed:?}"), |session| session.observed == observed)
            .await
    }

    async fn until_session(&self, what: &str, fits: impl Fn(&Session) -> bool) -> Session {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let session = self.session().await;
            if fits(&session) {
                return session;
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "the session never was {what}: {session:?}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Looks behind the curtain until it counts `count`.
    async fn until(&self, query: &'static str, count: i64) {
        let mut admin = self.admin().await;
        let mut seen = None;
        let wait = async {
            while seen != Some(count) {
                seen = Some(sqlx::query_scalar(query).fetch_one(&mut admin).await.unwrap());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, wait).await;
        assert!(waited.is_ok(), "never {count} but {seen:?}: {query}");
    }

    /// Whom Postgres has heard of.
    async fn workers(&self) -> Vec<String> {
        let names = sqlx::query_scalar("SELECT name FROM shard_workers");
        names.fetch_all(&mut self.admin().await).await.unwrap()
    }

    /// Somebody whom it had not heard of before.
    async fn new_worker(&self, known: &[String]) -> String {
        loop {
            let mut workers = self.workers().await.into_iter();
            if let Some(name) = workers.find(|name| !known.contains(name)) {
                return name;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Until this worker has the session and messages flow.
    async fn until_with(&self, shift: &Shift) -> Session {
        self.until_session(&format!("{}'s", shift.name()), |session| {
            session.worker.as_deref() == Some(shift.name()) && session.observed == Observed::Connected
        })
        .await
    }

    /// What customers said, as it stands in the inbox.
    async fn inbound(&self) -> Vec<String> {
        let bodies = sqlx::query_scalar("SELECT body FROM messages WHERE direction = 'in' ORDER BY id");
        bodies.fetch_all(&mut self.admin().await).await.unwrap()
    }

    async fn until_inbound(&self, count: usize) {
        let wait = async {
            while self.inbound().await.len() < count {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, wait).await;
        assert!(waited.is_ok(), "never {count} but {:?}", self.inbound().await);
    }

    /// Never two sockets of one device, and nobody was thrown out by another.
    fn never_two(&self) {
        let overlaps = self.whatsapp.overlaps(Duration::ZERO);
        assert!(overlaps.is_empty(), "{overlaps:?}");
        let stays = self.whatsapp.record(None);
        assert!(stays.iter().all(|stay| stay.end != Some("replaced")), "{stays:?}");
    }

    async fn count(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query)
            .fetch_one(&mut self.admin().await)
            .await
            .unwrap()
    }

    async fn admin(&self) -> PgConnection {
        PgConnection::connect(&self.world.admin_url).await.unwrap()
    }

    async fn customer(&self) -> Arc<Customer> {
        self.whatsapp.customer(ann(), "Ann").await.unwrap()
    }
}

async fn next(watch: &mut Watch) -> News {
    tokio::time::timeout(PATIENCE, watch.next())
        .await
        .expect("news of the pairing")
}

fn here() -> Phone {
    HERE.parse().unwrap()
}

fn ann() -> Phone {
    ANN.parse().unwrap()
}

fn patience() -> Patience {
    Patience(PATIENCE)
}
