//! The schema, brought up to date.

use anyhow::Context as _;
use secrecy::ExposeSecret as _;
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, PgPool};

use crate::config;

/// The migrations, embedded.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../migrations");

/// Brings the schema up to date, as the owner.
///
/// # Errors
/// When the server cannot be reached or a migration fails.
pub async fn migrate(config: &config::Database) -> anyhow::Result<()> {
    let owner = config.owner_url.expose_secret();
    let url = if owner.is_empty() {
        config.url.expose_secret()
    } else {
        owner
    };
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .connect(url)
        .await
        .context("connect to Postgres as the owner")?;
    drop_half_built(&pool).await?;
    MIGRATOR.run(&pool).await.context("migrate the schema")?;
    pool.close().await;
    Ok(())
}

/// An index whose building was cut off stays behind, is written and never read, and the migration that is run again would
/// take it for the one it wants.
async fn drop_half_built(pool: &PgPool) -> anyhow::Result<()> {
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
         WHERE NOT i.indisvalid AND c.relkind = 'i' AND c.relnamespace = current_schema()::regnamespace
           AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid)",
    )
    .fetch_all(pool)
    .await
    .context("look for indexes that were half built")?;
    for name in names {
        tracing::warn!("Index {name} was half built; it is dropped, to be built anew");
        // A name from the catalogue, quoted by it where that is needed.
        let statement = AssertSqlSafe(format!("DROP INDEX CONCURRENTLY IF EXISTS {name}"));
        sqlx::raw_sql(statement)
            .execute(pool)
            .await
            .with_context(|| format!("drop the half-built index {name}"))?;
    }
    Ok(())
}
