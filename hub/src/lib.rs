//! The shared core: nouns and their SQL, live feed, capacity, jobs, sign-in. Roles meet here and nowhere else.

pub mod agent_settings;
pub mod api_key;
pub mod attachment;
pub mod audit;
pub mod auth;
pub mod call;
pub mod capacity;
pub mod clock;
pub mod config;
pub mod connection;
pub mod contact;
pub mod conversation;
pub mod cursor;
pub mod db;
pub mod demo_page;
pub mod error;
pub mod feed;
pub mod form;
pub mod health;
pub mod idempotency;
pub mod ids;
pub mod inbox;
pub mod inspection;
pub mod job;
pub mod keys;
pub mod kv;
pub mod leader;
pub mod live;
pub mod message;
pub mod opt_out;
pub mod origin;
pub mod phone;
pub mod platform;
pub mod principal;
pub mod problem;
pub mod receipt;
pub mod relay;
pub mod role;
pub mod seal;
pub mod serve;
pub mod session;
pub mod shard;
pub mod staff;
pub mod submission;
pub mod tasks;
pub mod telemetry;
pub mod tenant;
#[cfg(feature = "testing")]
pub mod testing;
pub mod tick;
pub mod tool_call;
pub mod turn;
pub mod upload;
pub mod visit;

pub use error::{Error, Result};

use std::sync::Arc;

use auth::Auth;
use capacity::Capacity;
use clock::Clock;
use config::Config;
use db::Db;
use kv::Kv;
use relay::Relay;
use seal::Sealer;
use tasks::Tasks;

/// What every role is given: settings, stores, time, and the tasks it may start. Cheap to clone.
#[derive(Clone)]
pub struct Hub {
    /// Settings, checked.
    pub config: Arc<Config>,
    /// Postgres, by tenant transactions only.
    pub db: Db,
    /// Redis.
    pub kv: Kv,
    /// Redis channels followed for as long as somebody wants them.
    pub relay: Relay,
    /// Time; tests hold it.
    pub clock: Clock,
    /// Named, tracked tasks and the two stop signals.
    pub tasks: Tasks,
    /// The live feeds' read side; idle in roles without clients.
    pub live: live::Live,
    /// Seals and opens tenants' secrets.
    pub sealer: Sealer,
    /// Keys and short caches of sign-in.
    pub auth: Auth,
    /// Group commit for what comes in from outside.
    pub intake: submission::Intake,
    /// Which inbox an address is, remembered for seconds.
    pub inboxes: inbox::Directory,
    /// The call slots this process holds.
    pub capacity: Capacity,
    /// How many sockets each address opened lately.
    pub upgrades: serve::upgrades::Upgrades,
    /// This process's name in leases and call records: unique for its lifetime.
    pub node: Arc<str>,
}

impl Hub {
    /// Connects to Postgres and Redis as `config` says.
    ///
    /// # Errors
    /// When either cannot be reached within ten seconds.
    pub async fn connect(config: Config, clock: Clock, tasks: Tasks) -> anyhow::Result<Self> {
        let sealer = Sealer::new(&config.secret_key);
        let kv = Kv::connect(&config.redis.url, &tasks).await?;
        let db = Db::connect(&config.database, kv.clone(), clock.clone()).await?;
        let node: Arc<str> = format!("{}-{}", config.role_name(), ids::random_hex(4)).into();
        let live = live::Live::new(
            kv.clone(),
            db.clone(),
            clock.clone(),
            tasks.clone(),
            config.live.clone(),
            Arc::clone(&node),
        );
        Ok(Self {
            config: Arc::new(config),
            db,
            relay: Relay::start(kv.clone(), &tasks),
            kv,
            clock,
            tasks,
            live,
            auth: Auth::new(&sealer),
            sealer,
            intake: submission::Intake::default(),
            inboxes: inbox::Directory::default(),
            capacity: Capacity::default(),
            upgrades: serve::upgrades::Upgrades::default(),
            node,
        })
    }
}
