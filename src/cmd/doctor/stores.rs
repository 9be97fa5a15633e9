//! The doctor's look at Postgres and Redis.

use std::collections::HashMap;

use hub::config::Config;
use hub::inspection::{self, Postgres};
use hub::kv::Kv;
use hub::tasks::Tasks;

use super::report::Report;

/// 15 brought `security_invoker` views.
const OLDEST_POSTGRES: i32 = 150_000;
/// 7 brought sharded pub/sub.
const OLDEST_REDIS: u32 = 7;
const ROLES: &str =
    "make the roles and logins with deploy/postgres/roles.sh and connect as switchboard_login";

pub(super) async fn postgres(config: &Config, report: &mut Report) {
    match inspection::postgres(&config.database.url).await {
        Ok(facts) => judge(&facts, config, report),
        Err(error) => report.fault(
            &format!("Postgres: {error:#}"),
            "start it, or correct DATABASE_URL",
        ),
    }
    migrations(config, report).await;
}

fn judge(facts: &Postgres, config: &Config, report: &mut Report) {
    report.require(
        facts.version_number >= OLDEST_POSTGRES,
        &format!("Postgres {} answers", facts.version),
        &format!("Postgres {} is too old", facts.version),
        "upgrade to 15 or newer",
    );
    report.require(
        !facts.superuser && !facts.bypasses_row_security,
        &format!("row-level security holds {}", facts.login),
        &format!(
            "{} is a superuser or bypasses row-level security: nothing keeps tenants apart",
            facts.login
        ),
        ROLES,
    );
    report.require(
        facts.member_of_both,
        &format!(
            "{} is a member of switchboard_app and switchboard_system",
            facts.login
        ),
        &format!(
            "{} is not a member of switchboard_app and switchboard_system",
            facts.login
        ),
        ROLES,
    );
    if !facts.superuser {
        report.require(
            facts.tables_owned == 0,
            &format!("{} owns no tables", facts.login),
            &format!(
                "{} owns {} tables and could switch their protection off",
                facts.login, facts.tables_owned
            ),
            "migrate as another login (DATABASE_OWNER_URL) and give the tables to that one",
        );
    }
    report.require(
        facts.unprotected.is_empty(),
        &format!("{} tables, all of a tenant's are protected", facts.tables),
        &format!(
            "tables without row-level security: {}",
            facts.unprotected.join(", ")
        ),
        "call protect_table() for them in a migration",
    );
    let wanted = config.database.connections_max.saturating_mul(4);
    if u32::try_from(facts.connections_max).is_ok_and(|max| max < wanted) {
        report.doubt(
            &format!(
                "Postgres takes {} connections; four roles of {} each may want {wanted}",
                facts.connections_max, config.database.connections_max
            ),
            "raise max_connections, or lower database.connections_max",
        );
    }
}

async fn migrations(config: &Config, report: &mut Report) {
    if secrecy::ExposeSecret::expose_secret(&config.database.owner_url).is_empty() {
        report.doubt(
            "whether the schema is up to date was not checked",
            "set DATABASE_OWNER_URL to let the doctor look",
        );
        return;
    }
    match inspection::migrations(&config.database.owner_url).await {
        Ok((0, 0)) => report.good("the schema is up to date"),
        Ok((0, unknown)) => report.doubt(
            &format!("the schema is {unknown} migrations ahead of this build"),
            "fine while a newer version is rolled out; otherwise upgrade this one",
        ),
        Ok((lacking, _)) => report.fault(
            &format!("the schema lacks {lacking} migrations"),
            "run switchboard migrate",
        ),
        Err(error) => report.fault(&format!("schema: {error:#}"), "run switchboard migrate"),
    }
}

pub(super) async fn redis(config: &Config, report: &mut Report) {
    let tasks = Tasks::new();
    let facts = match Kv::connect(&config.redis.url, &tasks).await {
        Ok(kv) => inspection::redis(&kv).await,
        Err(error) => Err(error),
    };
    match facts {
        Ok(facts) => judge_redis(&facts, report),
        Err(error) => report.fault(&format!("Redis: {error:#}"), "start it, or correct REDIS_URL"),
    }
    tasks.stop();
}

fn judge_redis(facts: &HashMap<String, String>, report: &mut Report) {
    let fact = |name: &str| facts.get(name).map_or("", String::as_str);
    let version = fact("redis_version");
    let major = version
        .split('.')
        .next()
        .and_then(|major| major.parse::<u32>().ok());
    report.require(
        major.is_some_and(|major| major >= OLDEST_REDIS),
        &format!("Redis {version} answers"),
        &format!("Redis {version} is too old"),
        "upgrade to 7 or newer, or use Valkey",
    );
    report.require(
        fact("maxmemory_policy") == "noeviction",
        "Redis evicts nothing",
        &format!(
            "Redis evicts keys when memory is short ({}): leases would vanish while calls live",
            fact("maxmemory_policy")
        ),
        "set maxmemory-policy noeviction",
    );
    if fact("aof_enabled") != "1" {
        report.doubt(
            "Redis keeps no append-only file: after its restart, leases and hand-outs are built anew from Postgres",
            "set appendonly yes to make that seldom needed",
        );
    }
}
