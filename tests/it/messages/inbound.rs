//! Texts that come in: one message each, however often they come; STOP, START and HELP.

use std::sync::Arc;

use super::{ANN, Desk, HERE};

#[tokio::test]
async fn a_text_becomes_a_message_in_the_inbox_and_an_event() {
    let desk = Desk::open().await;
    let conversation = desk.conversation().await;
    let list = desk.get("/conversations").await;
    let row = &list["items"][0];
    assert_eq!(row["contact"]["address"], ANN);
    assert_eq!(row["unread"], 1);
    assert_eq!(row["last_message_preview"], "Hello");
    assert!(row["waiting_since"].is_string());
    let message = desk.newest(&conversation).await;
    assert_eq!(
        (&message["direction"], &message["state"]),
        (&"in".into(), &"received".into())
    );
    let kinds: Vec<String> =
        sqlx::query_scalar("SELECT kind FROM events WHERE kind LIKE '%.created' ORDER BY seq")
            .fetch_all(&mut desk.world.admin().await)
            .await
            .unwrap();
    assert_eq!(kinds, ["conversation.created", "message.created"]);
    let counts = desk.get("/conversations/counts").await;
    assert_eq!((&counts["open"], &counts["unassigned"]), (&1.into(), &1.into()));
}

#[tokio::test]
async fn a_thousand_repeats_at_once_are_one_message() {
    let desk = Arc::new(Desk::open().await);
    let account = desk.twilio.account().sid;
    let mut posts = tokio::task::JoinSet::new();
    for _ in 0..1_000 {
        let (desk, account) = (Arc::clone(&desk), account.clone());
        posts.spawn(async move {
            let params = [
                ("MessageSid", "SM00000000000000000000000000000001"),
                ("AccountSid", account.as_str()),
                ("From", ANN),
                ("To", HERE),
                ("Body", "Once 👋"),
            ];
            let url = format!("{}/webhooks/twilio/sms", super::PUBLIC_URL);
            desk.twilio.post(&account, &url, &params).await.unwrap().0
        });
    }
    while let Some(status) = posts.join_next().await {
        assert_eq!(status.unwrap(), 200);
    }
    desk.until("SELECT count(*) FROM jobs WHERE state = 'done'", 1)
        .await;
    assert_eq!(desk.count("SELECT count(*) FROM submissions").await, 1);
    assert_eq!(
        desk.count("SELECT count(*) FROM messages WHERE body = 'Once 👋'")
            .await,
        1
    );
    assert_eq!(desk.count("SELECT count(*) FROM jobs").await, 1);
    assert_eq!(desk.count("SELECT count(*) FROM contacts").await, 1);
}

#[tokio::test]
async fn many_texts_of_one_person_make_one_conversation() {
    let desk = Desk::open().await;
    let texts = (0..40).map(|n| {
        let twilio = &desk.twilio;
        async move { twilio.send_sms(ANN, HERE, &format!("text {n}")).await.unwrap().1 }
    });
    let statuses = futures_util::future::join_all(texts).await;
    assert!(statuses.iter().all(|status| *status == 200));
    desk.until("SELECT count(*) FROM messages", 40).await;
    assert_eq!(desk.count("SELECT count(*) FROM conversations").await, 1);
    assert_eq!(desk.count("SELECT count(*) FROM contacts").await, 1);
    assert_eq!(
        desk.count("SELECT inbound_count::bigint FROM conversations")
            .await,
        40
    );
}

#[tokio::test]
async fn a_queued_text_is_not_sent_after_a_stop() {
    let desk = Desk::without_worker().await;
    let first = desk.world.another_hub().await;
    Desk::work(&first);
    let conversation = desk.conversation().await;
    first.tasks.shut_down(super::PATIENCE).await;

    // Said and queued, then STOP comes in; the worker that has both does the STOP first.
    let (status, _) = desk.say(&conversation, "Our offer", "k1").await;
    assert_eq!(status, 201);
    desk.run("UPDATE jobs SET run_at = now() + interval '1 hour' WHERE kind = 'message.send'")
        .await;
    desk.twilio.send_sms(ANN, HERE, "Stop!").await.unwrap();
    Desk::work(&desk.world.hub);
    desk.until(
        "SELECT count(*) FROM identities WHERE sms_opted_out_at IS NOT NULL",
        1,
    )
    .await;
    desk.run("UPDATE jobs SET run_at = now(), dispatched_at = NULL WHERE kind = 'message.send' AND state = 'ready'").await;
    desk.until(
        "SELECT count(*) FROM messages WHERE body = 'Our offer' AND state = 'failed'",
        1,
    )
    .await;
    let sent = desk.twilio.ledger().of("sms");
    assert!(
        sent.iter().all(|effect| effect.data["body"] != "Our offer"),
        "it was sent after STOP"
    );

    let (status, refused) = desk.say(&conversation, "Another", "k2").await;
    assert_eq!((status, &refused["code"]), (422, &"opted_out".into()));

    desk.twilio.send_sms(ANN, HERE, "START").await.unwrap();
    desk.until(
        "SELECT count(*) FROM identities WHERE sms_opted_out_at IS NULL",
        1,
    )
    .await;
    let (status, _) = desk.say(&conversation, "Welcome back", "k3").await;
    assert_eq!(status, 201);
    desk.until(
        "SELECT count(*) FROM messages WHERE body = 'Welcome back' AND state = 'delivered'",
        1,
    )
    .await;
}

#[tokio::test]
async fn a_stop_is_confirmed_once_and_a_sentence_is_shown_to_staff() {
    let desk = Desk::open().await;
    for _ in 0..3 {
        desk.twilio.send_sms(ANN, HERE, "STOP").await.unwrap();
    }
    desk.twilio
        .send_sms(ANN, HERE, "please stop texting me")
        .await
        .unwrap();
    desk.until("SELECT count(*) FROM messages WHERE direction = 'note'", 1)
        .await;
    desk.until("SELECT count(*) FROM messages WHERE direction = 'in'", 4)
        .await;
    assert_eq!(
        desk.count("SELECT count(*) FROM messages WHERE author = 'system' AND direction = 'out'")
            .await,
        1
    );
}
