//! Answers: sent once, told about, never sent again when nobody knows.

use std::time::Duration;

use loadtest::twilio::{CallbackFaults, Faults, Person, RestFault, RestFaultKind};
use reqwest::Method;
use serde_json::{Value, json};

use super::{ANN, Desk, HERE};

/// How many texts with this body Twilio really sent.
fn sent(desk: &Desk, body: &str) -> usize {
    let all = desk.twilio.ledger().of("sms");
    all.iter()
        .filter(|effect| effect.data["body"] == body && effect.data["direction"] != "inbound")
        .count()
}

fn fault(kind: RestFaultKind) -> Faults {
    let rest = [RestFault {
        path: "Messages".to_owned(),
        kind,
    }];
    Faults {
        rest: rest.into(),
        callbacks: CallbackFaults {
            dropped: ["queued", "sent", "delivered"].map(str::to_owned).to_vec(),
            ..CallbackFaults::default()
        },
        ..Faults::default()
    }
}

/// Lets the time of a look-up come now.
const HURRY: &str =
    "UPDATE messages SET sending_at = sending_at - interval '40 seconds' WHERE state = 'sending';
    UPDATE jobs SET run_at = now(), dispatched_at = NULL WHERE kind = 'message.send' AND state = 'ready'";

#[tokio::test]
async fn an_answer_is_sent_delivered_and_told_in_whatever_order_the_news_comes() {
    let desk = Desk::open().await;
    let conversation = desk.conversation().await;
    desk.twilio.set_faults(Faults {
        callbacks: CallbackFaults {
            duplicates: 2,
            reordered: true,
            ..CallbackFaults::default()
        },
        ..Faults::default()
    });
    let (status, message) = desk.say(&conversation, "At ten?", "k1").await;
    assert_eq!(
        (status, &message["state"], &message["segments"]),
        (201, &"queued".into(), &1.into())
    );
    let (again, same) = desk.say(&conversation, "At ten?", "k1").await;
    assert_eq!(
        (again, &same["id"]),
        (200, &message["id"]),
        "a second click is the same message"
    );
    let (other, refused) = desk.say(&conversation, "At eleven?", "k1").await;
    assert_eq!((other, &refused["code"]), (409, &"draft_key_used".into()));
    desk.until(
        "SELECT count(*) FROM messages WHERE body = 'At ten?' AND state = 'delivered'",
        1,
    )
    .await;
    assert_eq!(sent(&desk, "At ten?"), 1);
    let states: Vec<String> = sqlx::query_scalar(
        "SELECT data->'message'->>'state' FROM events WHERE data->'message'->>'body' = 'At ten?' ORDER BY seq",
    )
    .fetch_all(&mut desk.world.admin().await)
    .await
    .unwrap();
    assert_eq!(states.first().map(String::as_str), Some("queued"));
    assert_eq!(states.last().map(String::as_str), Some("delivered"));
    assert!(states.len() <= 3, "{states:?}");
}

#[tokio::test]
async fn a_failure_says_what_to_do_and_can_be_tried_again() {
    let desk = Desk::open().await;
    let conversation = desk.conversation().await;
    desk.twilio.set_person(
        ANN,
        Person {
            sms: "undelivered".to_owned(),
            ..Person::default()
        },
    );
    let (_, message) = desk.say(&conversation, "Hi", "k1").await;
    desk.until("SELECT count(*) FROM messages WHERE state = 'failed'", 1)
        .await;
    let failed = desk.newest(&conversation).await;
    assert_eq!(failed["failure"]["code"], "30003");
    assert!(
        failed["failure"]["help"]
            .as_str()
            .unwrap()
            .contains("out of reach")
    );
    desk.twilio.set_person(ANN, Person::default());
    let path = format!("/messages/{}/retry", message["id"].as_str().unwrap());
    let (status, again) = desk.ask(Method::POST, &path, Value::Null).await;
    assert_eq!(
        (status, &again["state"], &again["failure"]),
        (200, &"queued".into(), &Value::Null)
    );
    desk.until("SELECT count(*) FROM messages WHERE state = 'delivered'", 1)
        .await;
    assert_eq!(sent(&desk, "Hi"), 2);
    let (status, refused) = desk.ask(Method::POST, &path, Value::Null).await;
    assert_eq!((status, &refused["code"]), (409, &"not_failed".into()));
}

#[tokio::test]
async fn a_busy_twilio_is_asked_again() {
    let desk = Desk::open().await;
    let conversation = desk.conversation().await;
    desk.twilio.set_faults(Faults {
        callbacks: CallbackFaults::default(),
        ..fault(RestFaultKind::RateLimited { retry_after_s: None })
    });
    desk.say(&conversation, "Hi", "k1").await;
    desk.until("SELECT count(*) FROM messages WHERE state = 'delivered'", 1)
        .await;
    assert_eq!(sent(&desk, "Hi"), 1);
}

#[tokio::test]
async fn what_was_sent_behind_a_broken_answer_is_found_and_not_sent_again() {
    let desk = Desk::open().await;
    let conversation = desk.conversation().await;
    desk.say(&conversation, "Hi", "k0").await;
    desk.until("SELECT count(*) FROM messages WHERE state = 'delivered'", 1)
        .await;
    // The same words once more: the earlier message must not be taken for this one.
    desk.twilio
        .set_faults(fault(RestFaultKind::ProcessedThenRefused { status: 500 }));
    desk.say(&conversation, "Hi", "k1").await;
    desk.until("SELECT count(*) FROM messages WHERE state = 'sending'", 1)
        .await;
    desk.until(
        "SELECT count(*) FROM jobs WHERE kind = 'message.send' AND state = 'ready' AND run_at > now()",
        1,
    )
    .await;
    desk.run(HURRY).await;
    desk.until("SELECT count(*) FROM messages WHERE state = 'sent'", 1)
        .await;
    assert_eq!(sent(&desk, "Hi"), 2);
    assert_eq!(
        desk.count("SELECT count(DISTINCT provider_id) FROM messages WHERE body = 'Hi'")
            .await,
        2
    );
}

#[tokio::test]
async fn what_nobody_can_find_is_for_staff_to_decide() {
    let desk = Desk::open().await;
    let conversation = desk.conversation().await;
    desk.twilio
        .set_faults(fault(RestFaultKind::Refused { status: 503 }));
    desk.say(&conversation, "Hi", "k1").await;
    desk.until(
        "SELECT count(*) FROM jobs WHERE kind = 'message.send' AND state = 'ready' AND run_at > now()",
        1,
    )
    .await;
    desk.run("UPDATE messages SET sending_at = sending_at - interval '10 minutes' WHERE state = 'sending'")
        .await;
    desk.run(HURRY).await;
    desk.until("SELECT count(*) FROM messages WHERE state = 'unknown'", 1)
        .await;
    assert_eq!(sent(&desk, "Hi"), 0);
    let unknown = desk.newest(&conversation).await;
    assert!(
        unknown["failure"]["help"]
            .as_str()
            .unwrap()
            .contains("Ask the customer")
    );
}

#[tokio::test]
async fn a_worker_killed_between_sending_and_writing_it_down_sends_nothing_twice() {
    let desk = Desk::without_worker().await;
    let first = desk.world.another_hub().await;
    Desk::work(&first);
    let conversation = desk.conversation().await;
    desk.twilio
        .set_faults(fault(RestFaultKind::AnsweredLate { after_ms: 60_000 }));
    desk.say(&conversation, "Hi", "k1").await;
    let is_ours = |data: &Value| data["body"] == "Hi" && data["direction"] != "inbound";
    desk.twilio.wait_for("sms", is_ours).await.unwrap();
    // The hard stop at once: the request is cut, nothing is written.
    first.tasks.shut_down(Duration::ZERO).await;
    assert_eq!(
        desk.count("SELECT count(*) FROM messages WHERE state = 'sending'")
            .await,
        1
    );
    Desk::work(&desk.world.hub);
    // Its lease ends, another worker sees that it may have been sent, and waits to look.
    desk.until(
        "SELECT count(*) FROM jobs WHERE kind = 'message.send' AND state = 'ready' AND run_at > now()",
        1,
    )
    .await;
    desk.run(HURRY).await;
    desk.until("SELECT count(*) FROM messages WHERE state = 'sent'", 1)
        .await;
    assert_eq!(sent(&desk, "Hi"), 1);
}

#[tokio::test]
async fn two_staff_collide_on_a_version_and_a_close_is_undone_by_the_next_word() {
    let desk = Desk::open().await;
    let conversation = desk.conversation().await;
    let path = format!("/conversations/{conversation}");
    let answer = desk.api.get(&path).bearer_auth(&desk.token).send().await.unwrap();
    let tag = answer.headers()["etag"].clone();
    let close = || {
        let request = desk.api.request(Method::PATCH, &path).bearer_auth(&desk.token);
        request
            .header("if-match", tag.clone())
            .json(&json!({ "status": "closed" }))
    };
    assert_eq!(close().send().await.unwrap().status(), 200);
    assert_eq!(close().send().await.unwrap().status(), 412);
    assert_eq!(desk.get("/conversations/counts").await["closed"], 1);
    desk.twilio.send_sms(ANN, HERE, "One more thing").await.unwrap();
    desk.until("SELECT count(*) FROM conversations WHERE status = 'open'", 1)
        .await;

    let (status, _) = desk.ask(Method::POST, &format!("{path}/seen"), Value::Null).await;
    assert_eq!(status, 204);
    assert_eq!(desk.get(&path).await["unread"], 0);
    let me = desk.get("/me").await["staff"]["id"].clone();
    let (_, mine) = desk.ask(Method::PATCH, &path, json!({ "assignee_id": me })).await;
    assert_eq!(mine["assignee"]["name"], "Mia");
    let (_, nobodys) = desk
        .ask(Method::PATCH, &path, json!({ "assignee_id": null }))
        .await;
    assert_eq!(nobodys["assignee"], Value::Null);
}
