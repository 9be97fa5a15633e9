//! What Postgres and Redis say about themselves, for `switchboard doctor`: facts only, the judgement is the doctor's.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Context as _;
use fred::prelude::*;
use fred::types::{ClusterHash, CustomCommand};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::{Connection as _, PgConnection};

use crate::db::MIGRATOR;
use crate::kv::Kv;

const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Facts about the database, seen by the login that the roles use.
#[derive(Debug)]
pub struct Postgres {
    /// 150018 is 15.18.
    pub version_number: i32,
    /// For people.
    pub version: String,
    /// The login's name.
    pub login: String,
    /// Row-level security does not hold superusers.
    pub superuser: bool,
    /// Nor those who may bypass it.
    pub bypasses_row_security: bool,
    /// May take on the role that sees one tenant, and the one for look-ups before a tenant is known.
    pub member_of_both: bool,
    /// Tables of ours that the login owns; an owner could switch row-level security off.
    pub tables_owned: i64,
    /// Tables of ours, to tell an empty database.
    pub tables: i64,
    /// Tables with a tenant that row-level security does not hold, or not its owner too.
    pub unprotected: Vec<String>,
    /// Connections the server takes in all.
    pub connections_max: i32,
}

/// Asks the database about itself.
///
/// # Errors
/// When it cannot be reached within five seconds, or refuses.
pub async fn postgres(url: &SecretString) -> anyhow::Result<Postgres> {
    let mut connection = connect(url).await?;
    let facts = sqlx::query!(
        r#"SELECT current_setting('server_version_num')::int AS "version_number!",
                  current_setting('server_version') AS "version!",
                  current_user::text AS "login!",
                  rolsuper AS "superuser!",
                  rolbypassrls AS "bypasses!",
                  current_setting('max_connections')::int AS "connections_max!",
                  (SELECT count(*) = 2 FROM pg_roles AS role
                   WHERE role.rolname IN ('switchboard_app', 'switchboard_system')
                     AND pg_has_role(current_user, role.oid, 'MEMBER')) AS "member_of_both!"
           FROM pg_roles WHERE rolname = current_user"#
    )
    .fetch_one(&mut connection)
    .await
    .context("ask Postgres about itself")?;
    let tables = sqlx::query!(
        r#"SELECT count(*) AS "tables!", count(*) FILTER (WHERE owner.rolname = current_user) AS "owned!"
           FROM pg_class AS class JOIN pg_roles AS owner ON owner.oid = class.relowner
           WHERE class.relnamespace = 'public'::regnamespace AND class.relkind IN ('r', 'p')"#
    )
    .fetch_one(&mut connection)
    .await
    .context("count the tables")?;
    let unprotected = sqlx::query_scalar!(
        r#"SELECT class.relname::text AS "name!" FROM pg_class AS class
           JOIN pg_attribute AS attribute ON attribute.attrelid = class.oid AND attribute.attname = 'tenant_id'
           WHERE class.relnamespace = 'public'::regnamespace AND class.relkind IN ('r', 'p')
             AND NOT (class.relrowsecurity AND class.relforcerowsecurity)
           ORDER BY class.relname"#
    )
    .fetch_all(&mut connection)
    .await
    .context("look for unprotected tables")?;
    Ok(Postgres {
        version_number: facts.version_number,
        version: facts.version,
        login: facts.login,
        superuser: facts.superuser,
        bypasses_row_security: facts.bypasses,
        member_of_both: facts.member_of_both,
        tables_owned: tables.owned,
        tables: tables.tables,
        unprotected,
        connections_max: facts.connections_max,
    })
}

/// How many migrations of this build the database lacks, and how many of it this build does not know. Only the owner may ask.
///
/// # Errors
/// When the database cannot be reached or was never migrated.
pub async fn migrations(owner_url: &SecretString) -> anyhow::Result<(usize, usize)> {
    let mut connection = connect(owner_url).await?;
    let applied: Vec<i64> = sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE success")
        .fetch_all(&mut connection)
        .await
        .context("read which migrations were applied")?;
    let known: Vec<i64> = MIGRATOR.iter().map(|migration| migration.version).collect();
    let lacking = known.iter().filter(|version| !applied.contains(version)).count();
    let unknown = applied.iter().filter(|version| !known.contains(version)).count();
    Ok((lacking, unknown))
}

/// Facts about Redis, from its `INFO`: `redis_version`, `aof_enabled`, `maxmemory_policy` and so on.
///
/// # Errors
/// When Redis does not answer.
pub async fn redis(kv: &Kv) -> anyhow::Result<HashMap<String, String>> {
    let command = CustomCommand::new_static("INFO", ClusterHash::Random, false);
    let text: String = kv
        .client()
        .custom(command, Vec::<String>::new())
        .await
        .context("ask Redis about itself")?;
    let facts = text.lines().filter_map(|line| line.split_once(':'));
    Ok(facts
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect())
}

async fn connect(url: &SecretString) -> anyhow::Result<PgConnection> {
    tokio::time::timeout(CONNECT_LIMIT, PgConnection::connect(url.expose_secret()))
        .await
        .context("connect to Postgres within 5 s")?
        .context("connect to Postgres")
}
