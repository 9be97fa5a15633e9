//! Worlds for tests: a database of its own, a Redis of its own, a hub over both. Real servers, nothing pretended.

mod people;
pub mod slots;

use std::process::{Child, Command, Stdio};
use std::str::FromStr as _;
use std::time::Duration;

use anyhow::Context as _;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

pub use people::SignedIn;

use crate::clock::Clock;
use crate::config::{self, Config};
use crate::ids::{TenantId, random_hex};
use crate::tasks::Tasks;
use crate::tenant::{self, NewTenant};
use crate::{Hub, db};

/// Serialises the making of databases over all test processes.
const TEMPLATE_LOCK: i64 = 0x5357_4254;

/// One test's world. Dropping it stops its Redis and drops its database.
pub struct World {
    /// The hub over this world.
    pub hub: Hub,
    /// Superuser URL of this world's database, for looking behind the curtain.
    pub admin_url: String,
    redis: Redis,
    database: String,
}

impl World {
    /// A world on the machine's clock.
    pub async fn start() -> Self {
        Self::with(|_| {}, Clock::system()).await
    }

    /// A world with other settings or a held clock.
    pub async fn with(change: impl FnOnce(&mut Config), clock: Clock) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        // Hundreds of sockets at once, where a user's shell allows a thousand files to the whole process.
        rlimit::increase_nofile_limit(u64::MAX).expect("raise the limit of open files");
        let server = server_url();
        let (database, url, admin_url) = make_database(&server).await.expect("make a test database");
        let redis = Redis::start().await.expect("start a test Redis");
        let flags = [
            ("database.url", url),
            ("redis.url", redis.url()),
            (
                "secret_key",
                "a secret key that only tests have, long enough".to_owned(),
            ),
        ];
        let mut config = config::load(None, &flags).expect("test settings");
        config.database.connections_max = 8;
        config.role = Some("test");
        change(&mut config);
        crate::telemetry::start(&config.log);
        let hub = Hub::connect(config, clock, Tasks::new())
            .await
            .expect("connect the hub");
        Self {
            hub,
            admin_url,
            redis,
            database,
        }
    }

    /// Another hub over the same stores: a second process, as far as they can tell.
    pub async fn another_hub(&self) -> Hub {
        let config = (*self.hub.config).clone();
        Hub::connect(config, self.hub.clock.clone(), Tasks::new())
            .await
            .expect("connect another hub")
    }

    /// A tenant of this name.
    pub async fn tenant(&self, slug: &str) -> TenantId {
        tenant::create(
            &self.hub,
            NewTenant {
                slug,
                name: slug,
                timezone: "UTC",
            },
        )
        .await
        .expect("make a tenant")
    }

    /// The application's own URL of this world's database: a login that owns nothing.
    pub fn app_url(&self) -> String {
        use secrecy::ExposeSecret as _;
        self.hub.config.database.url.expose_secret().to_owned()
    }

    /// A connection that sees everything, for checks behind the curtain.
    pub async fn admin(&self) -> PgConnection {
        PgConnection::connect(&self.admin_url)
            .await
            .expect("connect as the superuser")
    }

    /// Empties Redis, as FLUSHALL or a restart without a disk does.
    pub async fn flush_redis(&self) {
        use fred::prelude::ClientLike as _;
        self.hub
            .kv
            .client()
            .flushall::<()>(false)
            .await
            .expect("flush Redis");
    }

    /// Puts into the job streams what is none of ours: another type, another's fields.
    pub async fn spoil_job_streams(&self) {
        use crate::{
            job::{Queue, stream::Lane},
            keys::job_stream,
        };
        use fred::prelude::{KeysInterface as _, StreamsInterface as _};
        let redis = self.hub.kv.client();
        let urgent = job_stream(Queue::Default, Lane::Urgent);
        redis
            .set::<(), _, _>(urgent, "rubbish", None, None, false)
            .await
            .expect("spoil a stream");
        let usual = job_stream(Queue::Default, Lane::Usual);
        for field in ["job", "other"] {
            let entry = vec![(field, "rubbish")];
            redis
                .xadd::<(), _, _, _, _>(&usual, false, None::<()>, "*", entry)
                .await
                .expect("spoil a stream");
        }
    }

    /// This world's Redis, to kill and start again.
    pub fn redis(&mut self) -> &mut Redis {
        &mut self.redis
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.hub.tasks.stop();
        let (server, database) = (server_url(), self.database.clone());
        let drop_it = async move {
            let mut admin = PgConnection::connect(&server).await?;
            sqlx::raw_sql(AssertSqlSafe(format!(
                "DROP DATABASE IF EXISTS {database} WITH (FORCE)"
            )))
            .execute(&mut admin)
            .await
        };
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map(|runtime| runtime.block_on(drop_it))
        });
        thread.join().ok();
    }
}

/// A Redis process of one test.
pub struct Redis {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Redis {
    async fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = spawn_redis(port, folder.path())?;
        let redis = Self { child, port, folder };
        redis.ready().await?;
        Ok(redis)
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Ends it at once, as kill -9 does. What was not on disk is gone; nothing is kept on disk.
    pub fn kill(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }

    /// Starts it again on the same port, empty.
    pub async fn start_again(&mut self) {
        self.child = spawn_redis(self.port, self.folder.path()).expect("start Redis again");
        self.ready().await.expect("Redis answers again");
    }

    async fn ready(&self) -> anyhow::Result<()> {
        let address = format!("127.0.0.1:{}", self.port);
        let answers = async {
            while tokio::net::TcpStream::connect(&address).await.is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), answers)
            .await
            .context("Redis did not start in 10 s")
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn_redis(port: u16, folder: &std::path::Path) -> anyhow::Result<Child> {
    Command::new("redis-server")
        .args([
            "--port",
            &port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--dir",
        ])
        .arg(folder)
        .stdout(Stdio::null())
        .spawn()
        .context("start redis-server (apt-get install redis-server)")
}

fn server_url() -> String {
    #[expect(clippy::disallowed_methods, reason = "tests are told where their Postgres is")]
    std::env::var("TEST_DATABASE_URL")
        .expect("TEST_DATABASE_URL names a superuser's Postgres; `make test` sets it")
}

/// A fresh database copied from a migrated template: (its name, the application's URL, the superuser's URL).
async fn make_database(server: &str) -> anyhow::Result<(String, String, String)> {
    let version = db::MIGRATOR.iter().fold(0_u64, |sum, migration| {
        migration.checksum.iter().fold(sum, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(u64::from(*byte))
        })
    });
    let (template, name) = (
        format!("sb_template_{version:016x}"),
        format!("sb_test_{}", random_hex(6)),
    );
    let mut admin = PgConnection::connect(server)
        .await
        .context("connect to the test server")?;
    sqlx::query("SELECT pg_advisory_lock($1)")
        .bind(TEMPLATE_LOCK)
        .execute(&mut admin)
        .await?;
    let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(&template)
        .fetch_one(&mut admin)
        .await?;
    if !exists {
        make_template(&mut admin, server, &template).await?;
    }
    sqlx::raw_sql(AssertSqlSafe(format!(
        "CREATE DATABASE {name} TEMPLATE {template}"
    )))
    .execute(&mut admin)
    .await?;
    sqlx::query("SELECT pg_advisory_unlock($1)")
        .bind(TEMPLATE_LOCK)
        .execute(&mut admin)
        .await?;
    let admin_url = with_database(server, &name)?;
    let mut url = url::Url::parse(&admin_url)?;
    url.set_username("sb_test_login").ok().context("name the login")?;
    url.set_password(Some("sb_test_login"))
        .ok()
        .context("give the login's password")?;
    Ok((name, url.into(), admin_url))
}

async fn make_template(admin: &mut PgConnection, server: &str, template: &str) -> anyhow::Result<()> {
    let making = format!("{template}_making");
    for statement in [
        format!("DROP DATABASE IF EXISTS {making} WITH (FORCE)"),
        format!("CREATE DATABASE {making}"),
    ] {
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut *admin)
            .await?;
    }
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .connect_with(PgConnectOptions::from_str(&with_database(server, &making)?)?)
        .await?;
    db::MIGRATOR.run(&pool).await?;
    // The application's login owns nothing and is no superuser, as in production.
    sqlx::raw_sql(
        "DO $$ BEGIN
           CREATE ROLE sb_test_login LOGIN PASSWORD 'sb_test_login' NOINHERIT;
         EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
         GRANT switchboard_app, switchboard_system TO sb_test_login;",
    )
    .execute(&pool)
    .await?;
    pool.close().await;
    let rename = format!("ALTER DATABASE {making} RENAME TO {template}");
    sqlx::raw_sql(AssertSqlSafe(rename)).execute(admin).await?;
    Ok(())
}

fn with_database(server: &str, name: &str) -> anyhow::Result<String> {
    let mut url = url::Url::parse(server).context("read TEST_DATABASE_URL")?;
    url.set_path(name);
    Ok(url.into())
}
