//! Beginnings at once: however many meet the same stranger in the same moment, there is one contact and one conversation.

use hub::contact::{self, IdentityKind};
use hub::conversation;
use hub::inbox::{self, Channel, NewInbox};
use hub::message::{self, NewMessage};
use hub::testing::World;

#[tokio::test]
async fn many_who_meet_a_stranger_at_once_make_one_conversation() {
    let world = World::start().await;
    let tenant = world.tenant("acme").await;
    let mut tx = world.hub.db.tenant(tenant).await.unwrap();
    let new = NewInbox {
        channel: Channel::Sms,
        address: Some("+15550199".to_owned()),
        name: "Main".to_owned(),
        connection_id: None,
        settings: None,
    };
    let inbox = inbox::create(&mut tx, new, "US").await.unwrap().id;
    tx.commit().await.unwrap();
    let begins = (0..16).map(|n| {
        let hub = world.hub.clone();
        async move {
            let mut tx = hub.db.tenant(tenant).await?;
            let known = contact::meet(&mut tx, IdentityKind::Phone, "+15550101", None).await?;
            let id = conversation::between(&mut tx, known.contact, inbox, Channel::Sms, None).await?;
            message::append(&mut tx, &NewMessage::inbound(id, &format!("{n}"))).await?;
            tx.commit().await?;
            hub::Result::<hub::ids::ConversationId>::Ok(id)
        }
    });
    let ids = futures_util::future::try_join_all(begins).await.unwrap();
    assert!(ids.iter().all(|id| Some(id) == ids.first()));
    let (contacts, conversations, inbound): (i64, i64, i32) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM contacts), (SELECT count(*) FROM conversations),
             (SELECT inbound_count FROM conversations)",
    )
    .fetch_one(&mut world.admin().await)
    .await
    .unwrap();
    assert_eq!((contacts, conversations, inbound), (1, 1, 16));
}
