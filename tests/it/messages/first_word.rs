//! The first word is ours: staff text somebody by their number.

use reqwest::Method;
use serde_json::{Value, json};

use super::{ANN, Desk, HERE};

const BEN: &str = "+15550102";

impl Desk {
    async fn inbox(&self) -> String {
        self.get("/inboxes").await["items"][0]["id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    async fn begin(&self, inbox: &str, address: &str, body: &str, key: &str) -> (u16, Value) {
        let word = json!({ "inbox_id": inbox, "address": address, "body": body, "draft_key": key });
        self.ask(Method::POST, "/conversations", word).await
    }
}

#[tokio::test]
async fn somebody_who_never_wrote_is_texted_once_and_is_in_the_inbox() {
    let desk = Desk::open().await;
    let inbox = desk.inbox().await;
    let (status, message) = desk
        .begin(&inbox, "+1 (555) 01-02", "Your bicycle is ready", "k1")
        .await;
    assert_eq!((status, &message["state"]), (201, &"queued".into()), "{message}");
    let (again, same) = desk.begin(&inbox, BEN, "Your bicycle is ready", "k1").await;
    assert_eq!((again, &same["id"]), (200, &message["id"]), "a second click");
    let (other, refused) = desk.begin(&inbox, ANN, "Your bicycle is ready", "k1").await;
    assert_eq!((other, &refused["code"]), (409, &"draft_key_used".into()));
    let (_, more) = desk.begin(&inbox, BEN, "We close at six", "k2").await;
    assert_eq!(more["conversation_id"], message["conversation_id"]);
    desk.until(
        "SELECT count(*) FROM messages WHERE direction = 'out' AND state = 'delivered'",
        2,
    )
    .await;
    let list = desk.get("/conversations").await;
    let rows = list["items"].as_array().unwrap();
    assert_eq!(rows.len(), 1, "what was refused left nothing behind: {list}");
    assert_eq!(rows[0]["contact"]["address"], BEN);
    assert_eq!(rows[0]["last_message_preview"], "We close at six");
    let texts = desk.twilio.ledger().of("sms");
    let sent: Vec<_> = texts
        .iter()
        .filter(|effect| effect.data["direction"] != "inbound")
        .collect();
    assert_eq!(sent.len(), 2, "{sent:?}");
    assert!(sent.iter().all(|effect| effect.data["to"] == BEN), "{sent:?}");
}

#[tokio::test]
async fn who_wrote_before_is_written_to_in_the_same_conversation() {
    let desk = Desk::open().await;
    let conversation = desk.conversation().await;
    let (status, message) = desk.begin(&desk.inbox().await, ANN, "One more thing", "k1").await;
    assert_eq!((status, &message["conversation_id"]), (201, &conversation.into()));
}

#[tokio::test]
async fn many_clicks_at_once_are_one_message() {
    let desk = Desk::without_worker().await;
    let inbox = desk.inbox().await;
    let clicks = (0..8).map(|_| desk.begin(&inbox, BEN, "Hello", "k1"));
    let answers = futures_util::future::join_all(clicks).await;
    assert!(
        answers
            .iter()
            .all(|(status, row)| [200, 201].contains(status) && row["id"] == answers[0].1["id"]),
        "{answers:?}"
    );
    let made = desk
        .count("SELECT (SELECT count(*) FROM messages) + (SELECT count(*) FROM contacts) + (SELECT count(*) FROM conversations)")
        .await;
    assert_eq!(made, 3);
}

#[tokio::test]
async fn what_cannot_be_begun_says_which_field_is_wrong_and_leaves_nothing() {
    let desk = Desk::without_worker().await;
    let inbox = desk.inbox().await;
    let form = json!({ "channel": "form", "name": "Contact us" });
    let (_, form) = desk.ask(Method::POST, "/inboxes", form).await;
    let form = form["id"].as_str().unwrap();
    for (inbox, address, body, field) in [
        (&*inbox, "12345", "Hello", "address"),
        (&*inbox, "mia@example.com", "Hello", "address"),
        (&*inbox, "", "Hello", "address"),
        (&*inbox, HERE, "Hello", "address"),
        (&*inbox, BEN, " ", "body"),
        (&*inbox, BEN, &"x".repeat(1_601), "body"),
        (form, BEN, "Hello", "inbox_id"),
    ] {
        let (status, fault) = desk.begin(inbox, address, body, "k1").await;
        assert_eq!(
            (status, &fault["errors"][0]["field"]),
            (422, &field.into()),
            "{address} {body}: {fault}"
        );
    }
    desk.run("UPDATE inboxes SET disabled_at = now() WHERE channel = 'sms'")
        .await;
    let (status, fault) = desk.begin(&inbox, BEN, "Hello", "k1").await;
    assert_eq!((status, &fault["code"]), (422, &"not_sendable".into()));
    assert_eq!(desk.count("SELECT count(*) FROM contacts").await, 0);
}

#[tokio::test]
async fn who_wants_no_texts_is_not_written_to_first_either() {
    let desk = Desk::open().await;
    desk.conversation().await;
    desk.twilio.send_sms(ANN, HERE, "STOP").await.unwrap();
    desk.until(
        "SELECT count(*) FROM identities WHERE sms_opted_out_at IS NOT NULL",
        1,
    )
    .await;
    let (status, fault) = desk.begin(&desk.inbox().await, ANN, "Hello again", "k1").await;
    assert_eq!((status, &fault["code"]), (422, &"opted_out".into()));
}
