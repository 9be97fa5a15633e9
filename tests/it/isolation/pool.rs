//! A few connections, many tenants, transactions that end in every way there is: whoever borrows a connection next finds
//! nothing of who had it before.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use futures_util::future::join_all;
use hub::Hub;
use hub::clock::Clock;
use hub::ids::TenantId;
use hub::testing::World;
use sqlx::PgConnection;
use tokio::sync::Mutex;
use uuid::Uuid;

use super::Dice;
use super::filling::{self, Table};

const CONNECTIONS: u32 = 5;
const BORROWERS: u64 = 200;

/// Polls `work` this often at most, then drops it where it is: as a client that hangs up does.
async fn dropped_after(polls: usize, work: impl Future<Output = ()>) {
    let mut work = pin!(work);
    let mut left = polls;
    std::future::poll_fn(move |cx| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        work.as_mut().poll(cx)
    })
    .await;
}

/// Looks at a table of its tenant, then ends as the dice say.
async fn borrow(hub: &Hub, admin: &Mutex<PgConnection>, tenant: TenantId, how: usize) {
    // The pool may be out of connections for a moment: that is an answer too.
    let Ok(mut tx) = hub.db.tenant(tenant).await else {
        return;
    };
    let seen: Result<Vec<Uuid>, _> =
        sqlx::query_scalar("SELECT tenant_id FROM messages UNION ALL SELECT tenant_id FROM contacts")
            .fetch_all(&mut *tx)
            .await;
    let Ok(seen) = seen else { return };
    assert!(
        !seen.is_empty() && seen.iter().all(|it| *it == tenant.uuid()),
        "{tenant} saw {seen:?}"
    );
    let ending = match how {
        0 => return tx.commit().await.unwrap_or_default(),
        1 => "SELECT 1 / 0",
        2 => "SET LOCAL statement_timeout = 1; SELECT pg_sleep(5)",
        3 => return cut(&mut tx, &mut *admin.lock().await).await,
        4 => "INSERT INTO messages DEFAULT VALUES",
        _ => return,
    };
    sqlx::raw_sql(ending).execute(&mut *tx).await.ok();
}

/// The server ends this connection under the borrower.
async fn cut(tx: &mut hub::db::Tx, admin: &mut PgConnection) {
    let id: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
        .fetch_one(&mut **tx)
        .await
        .unwrap();
    sqlx::query("SELECT pg_terminate_backend($1)")
        .bind(id)
        .execute(admin)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_borrowed_connection_remembers_nobody() {
    let world = World::with(
        |config| config.database.connections_max = CONNECTIONS,
        Clock::system(),
    )
    .await;
    let tenants = [world.tenant("acme").await, world.tenant("bolt").await];
    let mut admin = world.admin().await;
    let tables = Table::all(&mut admin).await;
    filling::fill(&mut admin, &tables, tenants[0], "acme").await;
    filling::fill(&mut admin, &tables, tenants[1], "bolt").await;
    let shared = Arc::new((world.hub.clone(), Mutex::new(admin)));
    let borrowers = (0..BORROWERS).map(|seed| {
        let (shared, mut dice) = (Arc::clone(&shared), Dice(seed));
        async move {
            let tenant = *dice.of(&tenants);
            let work = borrow(&shared.0, &shared.1, tenant, dice.below(8));
            if dice.once_in(3) {
                dropped_after(1 + dice.below(12), work).await;
            } else {
                work.await;
            }
        }
    });
    join_all(borrowers).await;
    // All of them at once, so that each connection is looked at.
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut next = world.hub.db.system().await.unwrap();
        let (role, tenant): (String, Option<String>) =
            sqlx::query_as("SELECT current_user::text, current_setting('app.tenant', true)")
                .fetch_one(&mut *next)
                .await
                .unwrap();
        assert_eq!(role, "switchboard_system");
        assert!(
            tenant.as_deref().unwrap_or_default().is_empty(),
            "{tenant:?} is still there"
        );
        held.push(next);
    }
}

#[tokio::test]
async fn a_plan_made_for_one_tenant_serves_the_next_as_its_own() {
    let world = World::with(|config| config.database.connections_max = 1, Clock::system()).await;
    let tenants = [world.tenant("acme").await, world.tenant("bolt").await];
    let mut admin = world.admin().await;
    let tables = Table::all(&mut admin).await;
    filling::fill(&mut admin, &tables, tenants[0], "acme").await;
    filling::fill(&mut admin, &tables, tenants[1], "bolt").await;
    // From the sixth execution on Postgres may keep one plan for all.
    for round in 0..20 {
        let tenant = tenants[round % 2];
        let mut tx = world.hub.db.tenant(tenant).await.unwrap();
        for table in &tables {
            let read = sqlx::AssertSqlSafe(format!("SELECT tenant_id FROM {}", table.name));
            let seen: Vec<Uuid> = sqlx::query_scalar(read).fetch_all(&mut *tx).await.unwrap();
            assert!(
                !seen.is_empty() && seen.iter().all(|it| *it == tenant.uuid()),
                "{}",
                table.name
            );
        }
    }
}
