//! What Twilio is asked because it could not tell us: texts of an outage, and reports that never came.

use loadtest::twilio::{CallbackFaults, Faults};
use serde_json::Value;

use super::{ANN, Desk, HERE};

/// Orders the sweeps that are due and lets them come now.
async fn sweep(desk: &Desk) {
    let before = desk.count("SELECT count(*) FROM jobs WHERE kind = 'connection.sweep' AND state = 'done'");
    let before = before.await;
    desk.run("UPDATE connection_sweeps SET swept_at = swept_at - interval '1 hour'")
        .await;
    assert_eq!(
        hub::connection::sweep::order_due(&desk.world.hub).await.unwrap(),
        1
    );
    desk.run("UPDATE jobs SET run_at = now() WHERE kind = 'connection.sweep' AND state = 'ready'")
        .await;
    desk.until(
        "SELECT count(*) FROM jobs WHERE kind = 'connection.sweep' AND state = 'done'",
        before + 1,
    )
    .await;
}

fn down() -> Faults {
    Faults {
        swallowed: ["sms", "sms.status"].map(str::to_owned).to_vec(),
        ..Faults::default()
    }
}

#[tokio::test]
async fn texts_of_an_outage_arrive_exactly_once_after_the_sweep() {
    let desk = Desk::open().await;
    let conversation = desk.conversation().await;
    desk.twilio.set_faults(down());
    for n in 0..250 {
        let (_, status) = desk
            .twilio
            .send_sms(ANN, HERE, &format!("lost {n}"))
            .await
            .unwrap();
        assert_eq!(status, 502);
    }
    desk.twilio
        .send_mms(
            ANN,
            HERE,
            "lost picture",
            &[("image/png", b"\x89PNG\r\n\x1a\n....")],
        )
        .await
        .unwrap();
    desk.twilio
        .send_sms("+15550177", "+15550188", "not ours")
        .await
        .unwrap();
    desk.twilio.set_faults(Faults::default());
    sweep(&desk).await;
    sweep(&desk).await;
    desk.until("SELECT count(*) FROM messages WHERE body LIKE 'lost %'", 251)
        .await;
    desk.until("SELECT count(*) FROM attachments WHERE state = 'stored'", 1)
        .await;
    assert_eq!(
        desk.count("SELECT count(*) FROM messages").await,
        252,
        "and no other"
    );
    assert_eq!(desk.count("SELECT count(DISTINCT body) FROM messages").await, 252);
    let list = desk.get("/conversations").await;
    assert_eq!(list["items"][0]["id"], conversation.as_str());
    let connections = desk.get("/connections").await;
    let health = &connections["items"][0]["sweep"];
    assert_eq!(
        (&health["texts_found"], &health["problem"]),
        (&251.into(), &Value::Null)
    );
}

#[tokio::test]
async fn a_message_whose_reports_never_came_is_settled() {
    let desk = Desk::open().await;
    let conversation = desk.conversation().await;
    desk.twilio.set_faults(Faults {
        callbacks: CallbackFaults {
            dropped: ["queued", "sent", "delivered"].map(str::to_owned).to_vec(),
            ..CallbackFaults::default()
        },
        ..Faults::default()
    });
    desk.say(&conversation, "At ten?", "k1").await;
    desk.until(
        "SELECT count(*) FROM messages WHERE body = 'At ten?' AND state = 'sent'",
        1,
    )
    .await;
    desk.twilio
        .wait_for("sms.status", |data| data["status"] == "delivered")
        .await
        .unwrap();
    sweep(&desk).await;
    assert_eq!(
        desk.newest(&conversation).await["state"],
        "sent",
        "it is too early to ask"
    );
    desk.run("UPDATE messages SET sent_at = sent_at - interval '6 minutes' WHERE state = 'sent'")
        .await;
    sweep(&desk).await;
    assert_eq!(desk.newest(&conversation).await["state"], "delivered");
    assert_eq!(
        desk.get("/connections").await["items"][0]["sweep"]["receipts_found"],
        1
    );
}

#[tokio::test]
async fn a_stop_said_in_an_outage_is_found_and_an_older_start_does_not_undo_it() {
    let desk = Desk::open().await;
    desk.conversation().await;
    desk.twilio.set_faults(down());
    desk.twilio.send_sms(ANN, HERE, "START").await.unwrap();
    desk.twilio.set_faults(Faults::default());
    // Twilio dates by the second: the two are not said in one.
    let second = jiff::Timestamp::now().as_second();
    while jiff::Timestamp::now().as_second() == second {
        tokio::task::yield_now().await;
    }
    desk.twilio.send_sms(ANN, HERE, "STOP").await.unwrap();
    desk.until(
        "SELECT count(*) FROM identities WHERE sms_opted_out_at IS NOT NULL",
        1,
    )
    .await;
    sweep(&desk).await;
    desk.until("SELECT count(*) FROM messages WHERE body = 'START'", 1)
        .await;
    assert_eq!(
        desk.count("SELECT count(*) FROM identities WHERE sms_opted_out_at IS NOT NULL")
            .await,
        1,
        "the word said last holds"
    );
}

#[tokio::test]
async fn an_account_that_is_refused_shows_in_its_health() {
    let desk = Desk::open().await;
    desk.twilio.set_faults(Faults {
        rest: [loadtest::twilio::RestFault {
            path: "Messages".to_owned(),
            kind: loadtest::twilio::RestFaultKind::Refused { status: 401 },
        }]
        .into(),
        ..Faults::default()
    });
    sweep(&desk).await;
    let health = desk.get("/connections").await["items"][0]["sweep"].clone();
    assert!(health["failing_since"].is_string(), "{health}");
    assert!(
        health["problem"].as_str().unwrap().contains("credentials"),
        "{health}"
    );
    sweep(&desk).await;
    let health = desk.get("/connections").await["items"][0]["sweep"].clone();
    assert_eq!(
        (&health["failing_since"], &health["problem"]),
        (&Value::Null, &Value::Null)
    );
}
