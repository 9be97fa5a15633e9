//! What Postgres itself can take, measured by `pgbench` on the server that the product uses, before the product is loaded:
//! rows of a webhook's size, one a commit, and five hundred a commit. Into a table of their own, dropped afterwards.
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use crate::process::Watched;
use crate::stage::exact;

const TABLE: &str = "loadtest_floor";
/// As a submission is: 1 KB of JSON, a primary key and a unique key.
const SET_UP: &str = "DROP TABLE IF EXISTS loadtest_floor; CREATE TABLE loadtest_floor (id uuid PRIMARY KEY, dedup_key text \
                      NOT NULL, body jsonb NOT NULL, received_at timestamptz NOT NULL, UNIQUE (dedup_key))";
/// Rows of one commit, as intake's largest batch.
const BATCH: u32 = 500;
const LENGTH_S: u32 = 5;

/// One way of writing.
struct Way {
    name: &'static str,
    rows: u32,
    connections: u32,
}

const WAYS: [Way; 3] = [
    Way {
        name: "floor_single_16",
        rows: 1,
        connections: 16,
    },
    Way {
        name: "floor_single_64",
        rows: 1,
        connections: 64,
    },
    Way {
        name: "floor_batch",
        rows: BATCH,
        connections: 2,
    },
];

/// Rows a second and CPU per row of each way, by the names that the report gives them.
pub(super) async fn floors(url: &str, postgres: Option<&Watched>) -> Result<BTreeMap<String, f64>> {
    let folder = std::env::temp_dir().join(format!("loadtest-{:x}", rand::random::<u64>()));
    std::fs::create_dir(&folder).context("make a folder for pgbench")?;
    let done = measure(url, postgres, &folder).await;
    std::fs::remove_dir_all(&folder).context("remove pgbench's folder")?;
    statement(url, &format!("DROP TABLE IF EXISTS {TABLE}")).await?;
    done
}

async fn measure(url: &str, postgres: Option<&Watched>, folder: &Path) -> Result<BTreeMap<String, f64>> {
    let mut figures = BTreeMap::new();
    for way in &WAYS {
        statement(url, SET_UP).await?;
        let script = folder.join(way.name);
        let insert = format!(
            "INSERT INTO {TABLE} SELECT gen_random_uuid(), 'SM' || gen_random_uuid(), jsonb_build_object('body', repeat('x', \
             1000)), now() FROM generate_series(1, {});\n",
            way.rows
        );
        std::fs::write(&script, insert).context("write pgbench's script")?;
        let before_s = postgres.map(Watched::usage).transpose()?;
        let commits = pgbench(url, &script, way.connections).await?;
        let rows = f64::from(way.rows) * commits;
        figures.insert(format!("{}_rows_per_s", way.name), rows / f64::from(LENGTH_S));
        if let (Some(before), Some(postgres)) = (before_s, postgres) {
            let used_s = postgres.usage()?.cpu_s - before.cpu_s;
            figures.insert(
                format!("{}_postgres_us_per_row", way.name),
                used_s * 1e6 / rows.max(1.0),
            );
        }
    }
    Ok(figures)
}

async fn statement(url: &str, sql: &str) -> Result<()> {
    answer(url, sql).await.map(drop)
}

/// What a statement answers, without headings.
pub(super) async fn answer(url: &str, sql: &str) -> Result<String> {
    let mut command = Command::new("psql");
    command.args([
        "--quiet",
        "--no-psqlrc",
        "--tuples-only",
        "--no-align",
        "--set=ON_ERROR_STOP=1",
        "--dbname",
        url,
        "--command",
        sql,
    ]);
    let output = command.stdin(Stdio::null()).output().await.context("run psql")?;
    ensure!(
        output.status.success(),
        "psql: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Commits in the given time.
async fn pgbench(url: &str, script: &Path, connections: u32) -> Result<f64> {
    let connections = connections.to_string();
    let length_s = LENGTH_S.to_string();
    let mut command = Command::new("pgbench");
    command
        .args([
            "--no-vacuum",
            "--protocol=prepared",
            "--client",
            &connections,
            "--time",
            &length_s,
            "--file",
        ])
        .arg(script)
        .arg(url)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(Duration::from_mins(1), command.output())
        .await
        .context("wait for pgbench")?
        .context("run pgbench")?;
    ensure!(
        output.status.success(),
        "pgbench: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8_lossy(&output.stdout);
    let count = text
        .lines()
        .find_map(|line| line.strip_prefix("number of transactions actually processed: "))
        .context("pgbench did not say how much it did")?;
    let count: u64 = count.split('/').next().unwrap_or_default().trim().parse()?;
    Ok(exact(count))
}
