//! Texts that wait for a worker and are worked in together: in their order, each once, and none for another's sake.

use super::{ANN, Desk, HERE};

const BEN: &str = "+15550102";

async fn texts(desk: &Desk, texts: &[(&str, &str)]) {
    for (from, body) in texts {
        let (_, status) = desk.twilio.send_sms(from, HERE, body).await.unwrap();
        assert_eq!(status, 200);
    }
}

#[tokio::test]
async fn what_waits_is_worked_in_together_in_the_order_it_came() {
    let desk = Desk::without_worker().await;
    texts(&desk, &[(ANN, "one"), (BEN, "Hi"), (ANN, "STOP"), (BEN, "START")]).await;
    texts(
        &desk,
        &[(ANN, "two"), (BEN, "STOP"), (ANN, "START"), (BEN, "Bye")],
    )
    .await;
    texts(
        &desk,
        &[(ANN, "three"), (ANN, "four"), (ANN, "five"), (ANN, "six")],
    )
    .await;
    Desk::work(&desk.world.hub);
    desk.until("SELECT count(*) FROM messages WHERE direction = 'in'", 12)
        .await;
    desk.until(
        "SELECT count(*) FROM jobs WHERE kind = 'submission.process' AND state = 'done'",
        12,
    )
    .await;
    let together = "SELECT count(DISTINCT processed_at) FROM submissions";
    assert!(
        desk.count(together).await < 6,
        "hardly any were in one transaction"
    );

    let anns = "SELECT string_agg(CASE direction WHEN 'in' THEN body ELSE direction END, ' ' ORDER BY m.created_at, m.id)
        FROM messages m JOIN identities i ON i.address = $1
        JOIN conversations c ON c.contact_id = i.contact_id AND c.id = m.conversation_id";
    let mut admin = desk.world.admin().await;
    for (who, said) in [
        (ANN, "one STOP out two START out three four five six"),
        (BEN, "Hi START STOP out Bye"),
    ] {
        let found: String = sqlx::query_scalar(anns)
            .bind(who)
            .fetch_one(&mut admin)
            .await
            .unwrap();
        assert_eq!(found, said);
    }
    let out: Vec<String> =
        sqlx::query_scalar("SELECT address FROM identities WHERE sms_opted_out_at IS NOT NULL")
            .fetch_all(&mut admin)
            .await
            .unwrap();
    assert_eq!(out, [BEN], "the word said last holds");
    let told = desk.count(
        "SELECT count(*) FROM events WHERE kind = 'message.created' AND data->'message'->>'direction' = 'in'",
    );
    assert_eq!(told.await, 12);
}

#[tokio::test]
async fn one_that_fails_fails_alone() {
    let desk = Desk::without_worker().await;
    texts(
        &desk,
        &[
            (ANN, "one"),
            (BEN, "Hi"),
            (ANN, "poison"),
            (BEN, "Bye"),
            (ANN, "two"),
        ],
    )
    .await;
    desk.run(
        "UPDATE jobs SET attempts_max = 2
         WHERE id = (SELECT id FROM submissions WHERE body->>'body' = 'poison');
         UPDATE submissions SET body = '{\"source\": \"telegraph\"}' WHERE body->>'body' = 'poison'",
    )
    .await;
    Desk::work(&desk.world.hub);
    desk.until("SELECT count(*) FROM jobs WHERE state = 'done'", 4)
        .await;
    desk.until("SELECT count(*) FROM jobs WHERE state = 'dead'", 1)
        .await;
    assert_eq!(
        desk.count("SELECT attempts::bigint FROM jobs WHERE state = 'dead'")
            .await,
        2
    );
    let others = "SELECT count(*) FROM jobs WHERE state = 'done' AND attempts = 1 AND crashes = 0";
    assert_eq!(desk.count(others).await, 4, "for nobody else was it an attempt");
    assert_eq!(desk.count("SELECT count(*) FROM messages").await, 4);
    assert_eq!(
        desk.count("SELECT count(*) FROM submissions WHERE processed_at IS NULL")
            .await,
        1
    );
}

/// A worker may have claimed what came first, and not have begun when another one looks at what came next.
#[tokio::test]
async fn what_somebody_else_has_claimed_does_not_come_after_what_came_later() {
    let desk = Desk::without_worker().await;
    texts(&desk, &[(ANN, "one"), (ANN, "two"), (ANN, "three")]).await;
    desk.run(
        "UPDATE jobs SET state = 'running', attempts = 1, worker = 'elsewhere', lease_until = now() + interval '1 hour'
         WHERE id = (SELECT id FROM submissions WHERE body->>'body' = 'two')",
    )
    .await;
    Desk::work(&desk.world.hub);
    desk.until("SELECT count(*) FROM jobs WHERE state = 'done'", 3)
        .await;
    let said: String = sqlx::query_scalar("SELECT string_agg(body, ' ' ORDER BY id) FROM messages")
        .fetch_one(&mut desk.world.admin().await)
        .await
        .unwrap();
    assert_eq!(said, "one two three");
}
