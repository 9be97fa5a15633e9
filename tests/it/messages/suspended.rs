//! A business that is switched off: texts to it are kept, none of its own leaves, until it is switched on again.

use hub::contact::{self, IdentityKind};
use hub::conversation;
use hub::inbox::Channel;
use hub::platform::{self, Reason};
use reqwest::Method;
use serde_json::Value;

use super::{ANN, Desk, HERE};

const FAILED: &str = "SELECT count(*) FROM messages
    WHERE direction = 'out' AND state = 'failed' AND failure_code = 'tenant_suspended' AND provider_id IS NULL";

/// The bodies of what really left.
fn left(desk: &Desk) -> Vec<Value> {
    let all = desk.twilio.ledger().of("sms");
    all.iter()
        .filter(|effect| effect.data["direction"] != "inbound")
        .map(|effect| effect.data["body"].clone())
        .collect()
}

#[tokio::test]
async fn texts_to_a_business_that_is_switched_off_are_kept_and_none_leaves() {
    let desk = Desk::without_worker().await;
    let hub = &desk.world.hub;
    let acme = hub::tenant::by_slug(hub, "acme").await.unwrap().unwrap().id;
    let inbox: uuid::Uuid = sqlx::query_scalar("SELECT id FROM inboxes WHERE address = $1")
        .bind(HERE)
        .fetch_one(&mut desk.world.admin().await)
        .await
        .unwrap();
    let mut tx = hub.db.tenant(acme).await.unwrap();
    let ann = contact::meet(&mut tx, IdentityKind::Phone, ANN, None)
        .await
        .unwrap();
    let conversation = conversation::between(&mut tx, ann.contact, inbox.into(), Channel::Sms, None)
        .await
        .unwrap()
        .to_string();
    tx.commit().await.unwrap();
    // Written before, and not on its way yet.
    let (status, offer) = desk.say(&conversation, "At ten?", "k1").await;
    assert_eq!((status, &offer["state"]), (201, &"queued".into()));
    let why = Reason {
        reason: "Invoice 2026-11 was not paid".to_owned(),
    };
    platform::suspend(hub, None, acme, &why).await.unwrap();
    Desk::work(hub);
    // A question to people, and one that is answered without them.
    for body in ["Are you open?", "HELP"] {
        let (_, status) = desk.twilio.send_sms(ANN, HERE, body).await.unwrap();
        assert_eq!(status, 200, "{body}");
    }
    desk.until("SELECT count(*) FROM messages WHERE direction = 'in'", 2)
        .await;
    desk.until(FAILED, 2).await;
    assert_eq!(left(&desk), Vec::<Value>::new());

    platform::resume(hub, None, acme, &why).await.unwrap();
    let all = desk.get(&format!("/conversations/{conversation}/messages")).await;
    let mut all = all["items"].as_array().unwrap().iter();
    let told = all.find(|message| message["id"] == offer["id"]).unwrap();
    assert!(
        told["failure"]["help"].as_str().unwrap().contains("switched off"),
        "{told}"
    );
    let path = format!("/messages/{}/retry", offer["id"].as_str().unwrap());
    let (status, _) = desk.ask(Method::POST, &path, Value::Null).await;
    assert_eq!(status, 200);
    desk.until("SELECT count(*) FROM messages WHERE state = 'delivered'", 1)
        .await;
    assert_eq!(left(&desk), ["At ten?"]);
}
