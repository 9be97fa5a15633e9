//! Postgres: the one helper that opens a transaction, and the only way to a connection. A tenant's transaction takes on
//! the role that row-level security holds and names the tenant, for its own length; its commit writes events and jobs
//! last, then tells Redis.

mod migrate;

use std::ops::{Deref, DerefMut};
use std::str::FromStr as _;
use std::time::Duration;

use anyhow::Context as _;
use secrecy::ExposeSecret as _;
use sqlx::pool::PoolConnectionMetadata;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool, Postgres, Transaction};
use tokio::time::Instant;

pub use migrate::{MIGRATOR, migrate};

use crate::clock::{Clock, Timestamp};
use crate::config;
use crate::error::Result;
use crate::feed::{self, NewEvent};
use crate::ids::TenantId;
use crate::job::{self, NewJob};
use crate::keys;
use crate::kv::Kv;
use crate::live::message;
use crate::shard;

/// How long after a commit we try to tell Redis before we leave it to the heartbeat and the sweeper.
const TELL_LIMIT: Duration = Duration::from_millis(500);
/// How long a transaction waits for a connection.
const ACQUIRE_LIMIT: Duration = Duration::from_secs(3);
/// A connection that rested so long is asked whether it still stands before it is used; asking each time would cost every
/// transaction a round trip. One that died since then fails at its `BEGIN`, and another is taken.
const RESTED: Duration = Duration::from_millis(500);
/// Connections of their own for leases, opened when there is one to hold: who loses a lease because of a queue for connections
/// loses work that was going well.
const URGENT_MAX: u32 = 2;

/// How a transaction without a tenant begins.
const AS_SYSTEM: &str = "BEGIN; SET LOCAL ROLE switchboard_system";

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    pool: PgPool,
    urgent: PgPool,
    connections_max: u32,
    kv: Kv,
    clock: Clock,
}

impl Db {
    /// Opens a pool and checks that the server answers.
    pub async fn connect(config: &config::Database, kv: Kv, clock: Clock) -> anyhow::Result<Self> {
        let options = PgConnectOptions::from_str(config.url.expose_secret())
            .context("read the database URL")?
            .options([
                ("statement_timeout", "15s"),
                ("lock_timeout", "2s"),
                ("idle_in_transaction_session_timeout", "30s"),
            ])
            .application_name("switchboard");
        let urgent = pool(URGENT_MAX).connect_lazy_with(options.clone());
        let pool = pool(config.connections_max)
            .connect_with(options)
            .await
            .context("connect to Postgres")?;
        Ok(Self {
            pool,
            urgent,
            connections_max: config.connections_max,
            kv,
            clock,
        })
    }

    /// A transaction that sees one tenant.
    pub async fn tenant(&self, tenant: TenantId) -> Result<Tx> {
        let how = format!(
            "BEGIN; SET LOCAL ROLE switchboard_app; SET LOCAL app.tenant = '{}'",
            tenant.uuid()
        );
        let inner = self.begin(&self.pool, how).await?;
        let now = self.clock.now();
        Ok(Tx {
            inner,
            tenant,
            now,
            clock: self.clock.clone(),
            events: Vec::new(),
            jobs: Vec::new(),
            wakes_shards: false,
            kv: self.kv.clone(),
        })
    }

    /// A transaction for what comes before a tenant is known, and for sweeps: narrow grants, listed in the migrations.
    pub async fn system(&self) -> Result<SystemTx> {
        let inner = self.begin(&self.pool, AS_SYSTEM.to_owned()).await?;
        Ok(SystemTx { inner })
    }

    /// The same over a connection that nothing else waits for: for leases.
    pub(crate) async fn urgent(&self) -> Result<SystemTx> {
        let inner = self.begin(&self.urgent, AS_SYSTEM.to_owned()).await?;
        Ok(SystemTx { inner })
    }

    /// The same, whose commit does not wait for the disk: for what is done again when a crash of the database undoes it.
    /// Everything committed later and durably makes it durable too. Not for callers that are cancelled: one cut off in
    /// its `BEGIN` would leave the setting to the connection's next transaction.
    pub(crate) async fn system_relaxed(&self) -> Result<SystemTx> {
        let how = format!("{AS_SYSTEM}; SET LOCAL synchronous_commit = off");
        let inner = self.begin(&self.pool, how).await?;
        Ok(SystemTx { inner })
    }

    /// One round trip for everything a transaction begins with. `how` is made here, of nothing but ids.
    async fn begin(&self, pool: &PgPool, how: String) -> Result<Transaction<'static, Postgres>> {
        let started = Instant::now();
        for _ in 0..self.connections_max {
            match pool.begin_with(AssertSqlSafe(how.clone())).await {
                // It died since its last use, and nothing has been done on it yet.
                Err(fault) if is_gone(&fault) && started.elapsed() < ACQUIRE_LIMIT => {}
                other => return Ok(other?),
            }
        }
        Ok(pool.begin_with(AssertSqlSafe(how)).await?)
    }

    /// Hands out jobs whose rows are committed already; when Redis cannot be told, the sweeper does.
    pub(crate) async fn hand_out(&self, jobs: &[job::stream::Hint]) {
        if jobs.is_empty() {
            return;
        }
        let told = tokio::time::timeout(TELL_LIMIT, job::stream::hand_out(&self.kv, jobs)).await;
        if !matches!(told, Ok(Ok(()))) {
            metrics::counter!("switchboard_redis_untold_commits_total").increment(1);
        }
    }

    /// Answers when the database does.
    pub async fn ping(&self) -> Result<()> {
        sqlx::query_scalar!("SELECT 1").fetch_one(&self.pool).await?;
        Ok(())
    }

    /// Closes every connection; transactions that are open end first.
    pub async fn close(&self) {
        self.urgent.close().await;
        self.pool.close().await;
    }
}

fn pool(connections_max: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(ACQUIRE_LIMIT)
        .after_connect(|connection, _| Box::pin(refuse_a_standby(connection)))
        .test_before_acquire(false)
        .before_acquire(|connection, metadata| Box::pin(is_alive(connection, metadata)))
}

/// During a failover the address may still lead to the old server, which only reads by then. A connection to it must not stay
/// in the pool, where every write over it would fail until it is old.
async fn refuse_a_standby(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let only_reads: String = sqlx::query_scalar("SHOW transaction_read_only")
        .fetch_one(connection)
        .await?;
    if only_reads == "on" {
        return Err(sqlx::Error::Protocol("this server only reads".to_owned()));
    }
    Ok(())
}

/// Whether the connection is at its end: broken, or the server said that it shuts down (class 57P).
fn is_gone(fault: &sqlx::Error) -> bool {
    match fault {
        sqlx::Error::Io(_) => true,
        sqlx::Error::Database(said) => said.code().is_some_and(|code| code.starts_with("57P")),
        _ => false,
    }
}

async fn is_alive(
    connection: &mut PgConnection,
    metadata: PoolConnectionMetadata,
) -> Result<bool, sqlx::Error> {
    if metadata.idle_for >= RESTED {
        connection.ping().await?;
    }
    Ok(true)
}

/// A transaction of one tenant. Dropped without [`Tx::commit`], it never happened.
pub struct Tx {
    inner: Transaction<'static, Postgres>,
    tenant: TenantId,
    now: Timestamp,
    clock: Clock,
    events: Vec<NewEvent>,
    jobs: Vec<NewJob>,
    wakes_shards: bool,
    kv: Kv,
}

impl Tx {
    /// Whose transaction it is; bind it as `tenant_id` in every statement.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The one time of everything this transaction writes.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Adds a fact for screens; numbered and written by the commit.
    pub fn emit(&mut self, event: NewEvent) {
        self.events.push(event);
    }

    /// Adds work; written by the commit.
    pub fn enqueue(&mut self, job: NewJob) {
        self.jobs.push(job);
    }

    /// Has the commit wake the workers of shards: it changes what they are to do.
    pub(crate) fn wake_shards(&mut self) {
        self.wakes_shards = true;
    }

    /// Writes jobs, then events (their lock is held shortest so), commits, then tells Redis. When Redis cannot be told,
    /// screens learn by the heartbeat and jobs by the sweeper.
    pub async fn commit(mut self) -> Result<()> {
        let mut handed_out = Vec::new();
        for job in &self.jobs {
            handed_out.extend(job::insert(&mut self.inner, self.tenant, job, self.now, &self.clock).await?);
        }
        let published = if self.events.is_empty() {
            Vec::new()
        } else {
            feed::append(&mut self.inner, self.tenant, &self.events, self.now).await?
        };
        self.inner.commit().await?;
        if self.wakes_shards {
            shard::nudge(&self.kv).await;
        }
        if published.is_empty() && handed_out.is_empty() {
            return Ok(());
        }
        let tell = tell(&self.kv, self.tenant, &published, &handed_out);
        if !matches!(tokio::time::timeout(TELL_LIMIT, tell).await, Ok(Ok(()))) {
            metrics::counter!("switchboard_redis_untold_commits_total").increment(1);
        }
        Ok(())
    }
}

async fn tell(
    kv: &Kv,
    tenant: TenantId,
    events: &[feed::Published],
    jobs: &[job::stream::Hint],
) -> anyhow::Result<()> {
    let channel = keys::live_channel(tenant);
    let publish = async {
        let bodies = events
            .chunks(message::EVENTS_MAX)
            .map(|events| message::events(tenant, events))
            .collect::<Result<Vec<_>, _>>()?;
        // Polled in order on one connection: they arrive in order, in one round trip.
        let sent = bodies.into_iter().map(|body| kv.publish(&channel, body));
        futures_util::future::try_join_all(sent).await?;
        anyhow::Ok(())
    };
    // Both go out together: a second round trip would be felt by whoever waits for the answer.
    let (published, handed_out) = tokio::join!(publish, job::stream::hand_out(kv, jobs));
    published.and(handed_out)
}

impl Deref for Tx {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.inner
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.inner
    }
}

/// A transaction without a tenant, under the system role's narrow grants.
pub struct SystemTx {
    inner: Transaction<'static, Postgres>,
}

impl SystemTx {
    /// Commits.
    pub async fn commit(self) -> Result<()> {
        Ok(self.inner.commit().await?)
    }
}

impl Deref for SystemTx {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.inner
    }
}

impl DerefMut for SystemTx {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.inner
    }
}
