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
