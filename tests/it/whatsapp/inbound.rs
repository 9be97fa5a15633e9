//! What customers say comes into the inbox, exactly once, whatever dies on the way.

use std::time::Duration;

use hub::session::Observed;

use super::{ANN, Shift, Shop, here, patience};

#[tokio::test(flavor = "multi_thread")]
async fn a_text_becomes_a_message_of_the_customer_once() {
    let (shop, shift) = Shop::linked().await;
    let customer = shop.customer().await;
    let id = customer.say(here(), "Are you open today?").await.unwrap();
    customer.ticked(&id, "delivered", patience()).await.unwrap();
    assert_eq!(
        shop.count("SELECT count(*) FROM submissions WHERE source = 'whatsapp'")
            .await,
        1,
        "committed before the customer's tick"
    );
    shop.until(
        "SELECT count(*) FROM messages m
           JOIN conversations c ON c.tenant_id = m.tenant_id AND c.id = m.conversation_id
           JOIN identities i ON i.tenant_id = c.tenant_id AND i.contact_id = c.contact_id
         WHERE m.direction = 'in' AND m.body = 'Are you open today?' AND c.channel = 'whatsapp'
           AND i.kind = 'phone' AND i.address = '+15550101'",
        1,
    )
    .await;
    assert_eq!(customer.phone.to_string(), ANN);
    shift.stop().await;
    shop.whatsapp.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_while_nobody_was_connected_comes_in_order() {
    let (shop, shift) = Shop::linked().await;
    let customer = shop.customer().await;
    shift.stop().await;
    for number in 0..5 {
        let id = customer.say(here(), &format!("Message {number}")).await.unwrap();
        customer.ticked(&id, "accepted", patience()).await.unwrap();
    }
    let shift = Shift::start(&shop).await;
    shop.until("SELECT count(*) FROM messages WHERE direction = 'in'", 5)
        .await;
    let mut admin = shop.admin().await;
    let bodies: Vec<String> =
        sqlx::query_scalar("SELECT body FROM messages WHERE direction = 'in' ORDER BY id")
            .fetch_all(&mut admin)
            .await
            .unwrap();
    let expected: Vec<String> = (0..5).map(|number| format!("Message {number}")).collect();
    assert_eq!(bodies, expected);
    shift.stop().await;
    shop.whatsapp.stop().await;
}

/// The worst moment: it is committed, and the network was not told.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_dies_between_commit_and_acknowledgement_leaves_one_submission() {
    let (shop, shift) = Shop::linked().await;
    let customer = shop.customer().await;
    // What the library does after our commit and before the acknowledgement is to forget its own copy: there it waits.
    let mut gate = shop.admin().await;
    sqlx::raw_sql(
        "CREATE FUNCTION wait_at_the_gate() RETURNS trigger LANGUAGE plpgsql
           SET lock_timeout = 0 SET statement_timeout = 0 AS
           $$ BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN OLD; END $$;
         CREATE TRIGGER gate BEFORE DELETE ON session_state FOR EACH ROW
           WHEN (OLD.kind = 'pending') EXECUTE FUNCTION wait_at_the_gate();
         SELECT pg_advisory_lock(4711);",
    )
    .execute(&mut gate)
    .await
    .unwrap();
    let id = customer.say(here(), "Do not lose me.").await.unwrap();
    shop.until("SELECT count(*) FROM submissions", 1).await;
    shop.until(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted",
        1,
    )
    .await;
    assert_eq!(shop.whatsapp.waiting(here(), 1).unwrap(), 1, "not acknowledged");
    shift.kill();
    shop.until("SELECT count(*) FROM shards WHERE lease_until > now()", 0)
        .await;
    // Its connections to the database waited; nobody is at their other end any more.
    sqlx::raw_sql(
        "SELECT pg_terminate_backend(pid) FROM pg_locks
           WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted;
         DROP TRIGGER gate ON session_state;
         SELECT pg_advisory_unlock(4711);",
    )
    .execute(&mut gate)
    .await
    .unwrap();
    assert_eq!(
        shop.whatsapp.waiting(here(), 1).unwrap(),
        1,
        "a dead worker says nothing"
    );
    let shift = Shift::start(&shop).await;
    customer.ticked(&id, "delivered", patience()).await.unwrap();
    shop.until_observed(Observed::Connected).await;
    let drained = async {
        while shop.whatsapp.waiting(here(), 1).unwrap() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(super::PATIENCE, drained).await.unwrap();
    shop.until("SELECT count(*) FROM messages WHERE body = 'Do not lose me.'", 1)
        .await;
    assert_eq!(
        shop.count("SELECT count(*) FROM submissions").await,
        1,
        "the same submission"
    );
    shift.stop().await;
    shop.whatsapp.stop().await;
}

/// Postgres takes no NUL. Were it refused for that, it would come again for ever, and everything behind it with it.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_database_cannot_hold_stops_nothing() {
    let (shop, shift) = Shop::linked().await;
    let customer = shop.customer().await;
    for text in ["Nothing\0 here", "And then?"] {
        let id = customer.say(here(), text).await.unwrap();
        customer.ticked(&id, "delivered", patience()).await.unwrap();
    }
    shop.until_inbound(2).await;
    assert_eq!(shop.inbound().await, ["Nothing here", "And then?"]);
    shift.stop().await;
    shop.whatsapp.stop().await;
}

/// Has Postgres refuse what comes in: `times` of the writes that a message needs, from now on.
async fn refuse(shop: &Shop, times: &str) {
    let refusing = format!(
        "CREATE SEQUENCE refusals; GRANT USAGE ON SEQUENCE refusals TO PUBLIC;
         CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN IF nextval('refusals') <= {times} THEN RAISE EXCEPTION 'not now'; END IF; RETURN NEW; END $$;
         CREATE TRIGGER refuse BEFORE INSERT ON session_state FOR EACH ROW
           WHEN (NEW.kind = 'pending') EXECUTE FUNCTION refuse();
         CREATE TRIGGER refuse BEFORE INSERT ON submissions FOR EACH ROW EXECUTE FUNCTION refuse();"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(refusing))
        .execute(&mut shop.admin().await)
        .await
        .unwrap();
}

/// The network gives it again on the next connection only, and this one may stand for days.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_refuses_for_a_moment_costs_no_message_and_no_connection() {
    let (shop, shift) = Shop::linked().await;
    let customer = shop.customer().await;
    let stays = shop.whatsapp.record(Some(here())).len();
    refuse(&shop, "2").await;
    sqlx::raw_sql("DROP TRIGGER refuse ON submissions")
        .execute(&mut shop.admin().await)
        .await
        .unwrap();
    let id = customer.say(here(), "Are you open?").await.unwrap();
    customer.ticked(&id, "delivered", patience()).await.unwrap();
    sqlx::raw_sql(
        "DROP TRIGGER refuse ON session_state; ALTER SEQUENCE refusals RESTART;
         CREATE TRIGGER refuse BEFORE INSERT ON submissions FOR EACH ROW EXECUTE FUNCTION refuse();",
    )
    .execute(&mut shop.admin().await)
    .await
    .unwrap();
    let id = customer.say(here(), "Today?").await.unwrap();
    customer.ticked(&id, "delivered", patience()).await.unwrap();
    shop.until_inbound(2).await;
    assert_eq!(shop.inbound().await, ["Are you open?", "Today?"]);
    assert_eq!(
        shop.whatsapp.record(Some(here())).len(),
        stays,
        "WhatsApp saw nothing"
    );
    shift.stop().await;
    shop.whatsapp.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_database_refuses_for_long_comes_again_by_a_new_connection() {
    let (shop, shift) = Shop::linked().await;
    let customer = shop.customer().await;
    refuse(&shop, "1000000").await;
    sqlx::raw_sql("DROP TRIGGER refuse ON session_state")
        .execute(&mut shop.admin().await)
        .await
        .unwrap();
    let id = customer.say(here(), "Are you open?").await.unwrap();
    shop.until_session("disconnected", |session| {
        session.reason.as_deref() == Some("store")
    })
    .await;
    sqlx::raw_sql("DROP TRIGGER refuse ON submissions")
        .execute(&mut shop.admin().await)
        .await
        .unwrap();
    customer.ticked(&id, "delivered", patience()).await.unwrap();
    shop.until_inbound(1).await;
    assert_eq!(shop.inbound().await, ["Are you open?"]);
    shift.stop().await;
    shop.whatsapp.stop().await;
}
