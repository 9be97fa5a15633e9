//! The live feed over real sockets, real Postgres, real Redis: whatever breaks, a screen sees every event once and in
//! order, or is told to reload.

mod addresses;
mod bounds;
mod faults;
mod order;
mod rights;
mod screen;
mod signals;

use std::net::SocketAddr;
use std::time::Duration;

use hub::Hub;
use hub::feed::NewEvent;
use hub::ids::TenantId;
use hub::role::Role;
use serde_json::json;

pub(crate) use screen::Screen;

/// What a busy machine may take for anything at all.
const PATIENCE: Duration = Duration::from_secs(20);

/// A process of the api role.
pub(crate) struct Node {
    pub(crate) hub: Hub,
    pub(crate) address: SocketAddr,
}

impl Node {
    pub(crate) async fn start(hub: &Hub) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let own = hub.clone();
        hub.tasks.spawn("test.api", async move {
            api::run(own, listener).await.unwrap();
        });
        let hub = hub.clone();
        Self { hub, address }
    }
}

/// Waits until it is so.
async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect(what);
}

/// Commits one event of this kind of words.
async fn emit(hub: &Hub, tenant: TenantId, words: &str) {
    emit_for(hub, tenant, Role::ReadOnly, words).await;
}

pub(crate) async fn emit_for(hub: &Hub, tenant: TenantId, audience: Role, words: &str) {
    let mut tx = hub.db.tenant(tenant).await.unwrap();
    tx.emit(NewEvent::for_role(audience, "test.said", &json!({ "words": words })).unwrap());
    tx.commit().await.unwrap();
}

/// Commits `count` events in transactions of a hundred.
async fn emit_many(hub: &Hub, tenant: TenantId, count: usize, words: &str) {
    for done in (0..count).step_by(100) {
        let mut tx = hub.db.tenant(tenant).await.unwrap();
        for _ in done..count.min(done + 100) {
            tx.emit(NewEvent::new("test.said", &json!({ "words": words })).unwrap());
        }
        tx.commit().await.unwrap();
    }
}
