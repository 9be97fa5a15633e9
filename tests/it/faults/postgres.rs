//! Postgres restarts, turns people away, only reads, is locked: requests are told to come back, and what was acknowledged
//! stays. A connection to a server that only reads is never kept.

use hub::role::Role;
use hub::testing::World;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection};

use super::texts::Texts;
use super::{Fleet, LOAD};
use crate::api::Api;
use crate::jobs::eventually;

const ROUNDS: usize = 12;

/// The database of this test, as its administrator changes it. `World::admin` would be turned away with the others.
struct Database {
    admin: PgConnection,
    name: String,
}

impl Database {
    async fn of(world: &World) -> Self {
        let mut admin = world.admin().await;
        let name = sqlx::query_scalar("SELECT current_database()::text")
            .fetch_one(&mut admin)
            .await
            .unwrap();
        Self { admin, name }
    }

    async fn set(&mut self, what: &str) {
        let change = AssertSqlSafe(format!("ALTER DATABASE {} {what}", self.name));
        sqlx::raw_sql(change).execute(&mut self.admin).await.unwrap();
    }

    /// Ends everybody else's connections, as a restart does.
    async fn cut(&mut self) {
        sqlx::raw_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .execute(&mut self.admin)
        .await
        .unwrap();
    }
}

#[tokio::test]
async fn postgres_cut_off_and_away_under_load_loses_and_doubles_no_text() {
    let fleet = Fleet::start().await;
    let mut database = Database::of(&fleet.world).await;
    let texts = Texts::flow(&fleet.business);
    for round in 0..ROUNDS {
        let before = texts.acknowledged();
        eventually("texts are acknowledged again", async || {
            texts.acknowledged() > before + 10
        })
        .await;
        // Every second time it also turns everybody away for a while, as a server does that is still starting.
        if round % 2 == 0 {
            database.set("CONNECTION LIMIT 0").await;
        }
        database.cut().await;
        tokio::time::sleep(LOAD).await;
        database.set("CONNECTION LIMIT -1").await;
    }
    texts.settle(&fleet.world).await;
}

async fn write(api: &Api, token: &str) -> Response {
    let machine = json!({ "name": "A machine", "role": "staff" });
    api.post("/api-keys")
        .bearer_auth(token)
        .json(&machine)
        .send()
        .await
        .unwrap()
}

fn is_told_to_come_back(answer: &Response) {
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.headers().contains_key("retry-after"));
}

#[tokio::test]
async fn a_server_that_only_reads_is_unavailable_and_none_of_its_connections_is_kept() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let owner = world.staff(acme, "owner", Role::Owner).await;
    let api = Api::start(&world).await;
    assert_eq!(write(&api, &owner.token).await.status(), StatusCode::CREATED);
    let mut database = Database::of(&world).await;
    // What a server does that was the primary until a moment ago.
    database.set("SET default_transaction_read_only = on").await;
    database.cut().await;
    is_told_to_come_back(&write(&api, &owner.token).await);
    let ready = api
        .client
        .get(format!("http://{}/readyz", api.address))
        .send()
        .await
        .unwrap();
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ready.json::<Value>().await.unwrap()["database"], false);
    database.set("RESET default_transaction_read_only").await;
    for _ in 0..20 {
        assert_eq!(write(&api, &owner.token).await.status(), StatusCode::CREATED);
    }
}

#[tokio::test]
async fn a_locked_table_costs_a_request_its_patience_and_no_connection() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let owner = world.staff(acme, "owner", Role::Owner).await;
    let api = Api::start(&world).await;
    let mut database = Database::of(&world).await;
    sqlx::raw_sql("BEGIN; LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE")
        .execute(&mut database.admin)
        .await
        .unwrap();
    // More than there are connections: those who wait for one are told as well.
    let many = futures_util::future::join_all((0..12).map(|_| write(&api, &owner.token))).await;
    many.iter().for_each(is_told_to_come_back);
    sqlx::raw_sql("ROLLBACK")
        .execute(&mut database.admin)
        .await
        .unwrap();
    assert_eq!(write(&api, &owner.token).await.status(), StatusCode::CREATED);
}
