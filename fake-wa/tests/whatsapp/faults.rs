//! What goes wrong on demand, as a client sees it.
use std::sync::Arc;
use std::time::Duration;

use fake_wa::{Config, ConnectFault, Faults, Patience, Refusal, Server};
use whatsapp_rust::wacore::store::InMemoryBackend;
use whatsapp_rust::wacore::store::traits::DeviceStore;
use whatsapp_rust::wacore::types::events::Event;

use crate::client::{PATIENCE, Process, phone};

async fn stored(server: &Server) -> Arc<InMemoryBackend> {
    let session = server.provision(phone("+15550199"), "The business").unwrap();
    let store = Arc::new(InMemoryBackend::new());
    store.save(&session.record).await.unwrap();
    store
}

fn refusal(reason: u16) -> Refusal {
    Refusal {
        reason,
        code: None,
        expire_s: None,
        phones: Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_temporary_ban_says_why_and_for_how_long() {
    let server = Server::start(Config::default()).await.unwrap();
    let store = stored(&server).await;
    let ban = Refusal {
        code: Some(101),
        expire_s: Some(3600),
        ..refusal(402)
    };
    server.refuse(phone("+15550199"), Some(ban)).unwrap();
    let process = Process::resume(&server, store).await;
    let expire = process
        .event("ban", |event| match event {
            Event::TemporaryBan(ban) => Some(ban.expire.num_seconds()),
            _ => None,
        })
        .await;
    assert_eq!(expire, 3600);
    let store = process.stop().await;
    server.refuse(phone("+15550199"), None).unwrap();
    Process::resume(&server, store).await.connected().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outdated_client_is_told() {
    let server = Server::start(Config::default()).await.unwrap();
    let store = stored(&server).await;
    server.refuse(phone("+15550199"), Some(refusal(405))).unwrap();
    let process = Process::resume(&server, store).await;
    process
        .event("outdated", |event| {
            matches!(event, Event::ClientOutdated(_)).then_some(())
        })
        .await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_overloaded_lets_in_later() {
    let server = Server::start(Config::default()).await.unwrap();
    let store = stored(&server).await;
    server.set_faults(Faults {
        connect: Some(ConnectFault::Http(503)),
        connects: 1,
        ..Faults::default()
    });
    let process = Process::resume(&server, store).await;
    server
        .effect("socket.refused", PATIENCE, |told| told["status"] == 503)
        .await
        .unwrap();
    process.connected().await;
    server.set_faults(Faults {
        connect: Some(ConnectFault::Refused(refusal(503))),
        connects: 1,
        ..Faults::default()
    });
    assert_eq!(server.cut(Some(phone("+15550199"))), 1);
    server
        .effect("login.refused", PATIENCE, |told| told["reason"] == 503)
        .await
        .unwrap();
    let again = |told: &serde_json::Value| told["connection"].as_u64() > Some(2);
    server.effect("ready", PATIENCE, |_| true).await.unwrap();
    server
        .effect("login", PATIENCE, again)
        .await
        .expect("it comes back by itself");
    assert_eq!(server.record(None)[0].end, Some("cut"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_ack_a_lost_message_and_a_time_lock_are_three_things() {
    let server = Server::start(Config::default()).await.unwrap();
    let patience = Patience::default();
    let one = server.customer(phone("+15550100"), "One").await.unwrap();
    let other = server.customer(phone("+15550101"), "Other").await.unwrap();
    server.set_faults(Faults {
        drop_acks: 1,
        ..Faults::default()
    });
    let unsure = one.say(other.phone, "Did you get it?").await.unwrap();
    other
        .received(patience, |message| message["id"] == unsure.as_str())
        .await
        .unwrap();
    one.ticked(&unsure, "delivered", patience).await.unwrap();
    assert!(
        one.ticked(&unsure, "accepted", Patience(Duration::ZERO))
            .await
            .is_err()
    );
    server.set_faults(Faults {
        lose_messages: 1,
        ..Faults::default()
    });
    let lost = one.say(other.phone, "Nobody reads this.").await.unwrap();
    server
        .effect("message.lost", PATIENCE, |told| told["id"] == lost.as_str())
        .await
        .unwrap();
    server.set_faults(Faults {
        nack: Some(463),
        nacks: 1,
        ..Faults::default()
    });
    let refused = one.say(other.phone, "Hello, stranger.").await.unwrap();
    one.ticked(&refused, "refused", patience).await.unwrap();
    let heard = one.say(other.phone, "Now.").await.unwrap();
    other
        .received(patience, |message| message["id"] == heard.as_str())
        .await
        .unwrap();
    assert_eq!((other.copies(&lost), other.copies(&refused)), (0, 0));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_lock_can_be_looked_up() {
    let server = Server::start(Config::default()).await.unwrap();
    let process = Process::provisioned(&server, "+15550199").await;
    let lock = process.client.mex().fetch_reachout_timelock().await.unwrap();
    assert_eq!(lock.is_active, Some(false));
    server.set_faults(Faults {
        reachout_locked_until: Some(4_000_000_000),
        ..Faults::default()
    });
    let lock = process.client.mex().fetch_reachout_timelock().await.unwrap();
    assert_eq!(
        (lock.is_active, lock.time_enforcement_ends.as_deref()),
        (Some(true), Some("4000000000"))
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_stanzas_arrive_late() {
    let server = Server::start(Config::default()).await.unwrap();
    let process = Process::provisioned(&server, "+15550199").await;
    server.set_faults(Faults {
        delay_ms: 300,
        ..Faults::default()
    });
    let begun = std::time::Instant::now();
    process.client.mex().fetch_reachout_timelock().await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(300));
    server.stop().await;
}
