//! The test world itself, and that one tenant's transaction does not see another's rows.

use hub::feed::NewEvent;
use hub::testing::World;

#[tokio::test]
async fn an_event_is_numbered_without_gaps_and_seen_by_its_tenant_alone() {
    let world = World::start().await;
    let (acme, bolt) = (world.tenant("acme").await, world.tenant("bolt").await);
    for tenant in [acme, acme, bolt] {
        let mut tx = world.hub.db.tenant(tenant).await.unwrap();
        tx.emit(NewEvent::new("test.happened", &serde_json::json!({ "of": tenant })).unwrap());
        tx.commit().await.unwrap();
    }
    let mut tx = world.hub.db.tenant(acme).await.unwrap();
    let seen: Vec<(uuid::Uuid, i64)> = sqlx::query_as("SELECT tenant_id, seq FROM events ORDER BY seq")
        .fetch_all(&mut *tx)
        .await
        .unwrap();
    assert_eq!(seen, [(acme.uuid(), 1), (acme.uuid(), 2)]);
}

#[tokio::test]
async fn an_index_whose_building_was_cut_off_is_built_by_the_next_migration() {
    let world = World::start().await;
    let mut admin = world.admin().await;
    // As a migration leaves it that died while it built.
    sqlx::raw_sql(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'jobs_running_idx'::regclass;
         DELETE FROM _sqlx_migrations WHERE version = 19",
    )
    .execute(&mut admin)
    .await
    .unwrap();
    let database = hub::config::Database {
        owner_url: world.admin_url.clone().into(),
        ..world.hub.config.database.clone()
    };
    hub::db::migrate(&database).await.unwrap();
    let is_valid: bool =
        sqlx::query_scalar("SELECT indisvalid FROM pg_index WHERE indexrelid = 'jobs_running_idx'::regclass")
            .fetch_one(&mut admin)
            .await
            .unwrap();
    assert!(is_valid);
}
