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
        "CREATE FUNCTION wait_at_the_gate() RETURNS trigger LANGUAGE plpgsql AS
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
