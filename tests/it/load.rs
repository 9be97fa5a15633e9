//! A short load of the real roles by `loadtest`: its scenarios keep working against the product, and nothing is lost.

use clap::Parser;
use hub::clock::Clock;
use hub::job::Queue;
use hub::role::Role;
use hub::testing::World;
#[cfg(feature = "whatsapp-web")]
use loadtest::scenario::shards;
use loadtest::scenario::webhooks;
#[cfg(feature = "whatsapp-web")]
use secrecy::ExposeSecret as _;
use serde_json::Value;

use crate::fleet::free_address;

#[derive(Parser)]
struct Webhooks {
    #[command(flatten)]
    args: webhooks::Args,
}

#[cfg(feature = "whatsapp-web")]
#[derive(Parser)]
struct Shards {
    #[command(flatten)]
    args: shards::Args,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_text_reaches_a_screen_once() {
    let address = free_address();
    let url = format!("http://{address}");
    let public = url.parse().unwrap();
    let world = World::with(|config| config.public_url = public, Clock::system()).await;
    let tenant = world.tenant("acme").await;
    let owner = world.staff(tenant, "ann", Role::Owner).await;
    let listener = tokio::net::TcpListener::bind(&address).await.unwrap();
    let (api, work) = (world.hub.clone(), world.another_hub().await);
    let tasks = work.tasks.clone();
    world.hub.tasks.spawn("test.api", async move {
        api::run(api, listener).await.unwrap();
    });
    let working = tokio::spawn(worker::run(work, Queue::ALL.to_vec()));

    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    let report_flag = format!("--json={}", report.display());
    let arguments = [
        "webhooks",
        "--target",
        &url,
        "--token",
        &owner.token,
        "--prepare",
        "--contacts=20",
        "--stage=3s:60",
        "--warm-up=0s",
        "--drain=30s",
        &report_flag,
    ];
    webhooks::run(Webhooks::parse_from(arguments).args).await.unwrap();
    tasks.stop();
    working.await.unwrap().unwrap();

    // Not its exit code: on a busy machine the generator may rightly say that it was late.
    let report: Value = serde_json::from_slice(&std::fs::read(&report).unwrap()).unwrap();
    for name in ["failed", "lost", "doubled"] {
        assert_eq!(report["numbers"][name], 0.0, "{name}: {report}");
    }
    assert_eq!(report["numbers"]["done"], 180.0);
    assert_eq!(report["durations"]["screen"]["count"], 180);
}

#[cfg(feature = "whatsapp-web")]
#[tokio::test(flavor = "multi_thread")]
async fn linked_numbers_outlive_a_storm_a_death_and_a_deploy() {
    let world = World::start().await;
    let config = &world.hub.config;
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    let arguments = [
        "shards".to_owned(),
        format!("--switchboard={}", env!("CARGO_BIN_EXE_switchboard")),
        format!("--fake={}", fake_whatsapp().display()),
        format!("--database-url={}", config.database.url.expose_secret()),
        format!("--count-url={}", world.admin_url),
        format!("--redis-url={}", config.redis.url.expose_secret()),
        format!("--secret-key={}", config.secret_key.expose_secret()),
        format!("--json={}", report.display()),
        "--sessions=25".to_owned(),
        "--customers=5".to_owned(),
        "--idle=1s".to_owned(),
        "--down=1s".to_owned(),
        "--stage=3s:10".to_owned(),
        "--warm-up=0s".to_owned(),
    ];
    shards::run(Shards::parse_from(arguments).args).await.unwrap();

    let told: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM audit_log WHERE action = 'session.created' AND actor_kind = 'system'",
    )
    .fetch_one(&mut world.admin().await)
    .await
    .unwrap();
    assert_eq!(told, 25, "who brings numbers in leaves a line");
    let report: Value = serde_json::from_slice(&std::fs::read(&report).unwrap()).unwrap();
    for name in [
        "failed",
        "undelivered",
        "rows_missing",
        "rows_doubled",
        "overlaps",
    ] {
        assert_eq!(report["numbers"][name], 0.0, "{name}: {report}");
    }
    for part in ["connect", "storm", "takeover", "handover"] {
        assert_eq!(report["durations"][part]["count"], 25, "{part}: {report}");
    }
    assert_eq!(report["durations"]["delivered"]["count"], 30);
}

/// It is built beside the product's program whenever all tests are.
#[cfg(feature = "whatsapp-web")]
fn fake_whatsapp() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_BIN_EXE_switchboard")).with_file_name("fake-whatsapp")
}
