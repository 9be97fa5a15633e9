//! What waits for a device that is away, and what comes again because nobody said that it came.
use std::sync::Arc;
use std::sync::atomic::Ordering;

use fake_wa::{Config, Patience, Server};

use crate::client::{PATIENCE, Process, phone};

#[tokio::test(flavor = "multi_thread")]
async fn messages_wait_for_who_is_away() {
    let server = Server::start(Config::default()).await.unwrap();
    let business = phone("+15550199");
    let process = Process::provisioned(&server, "+15550199").await;
    let customer = server.customer(phone("+15550100"), "A customer").await.unwrap();
    let store = process.stop().await;
    let mut ids = Vec::new();
    for number in 0..12 {
        ids.push(
            customer
                .say(business, &format!("Message {number}"))
                .await
                .unwrap(),
        );
    }
    for id in &ids {
        customer
            .ticked(id, "accepted", Patience::default())
            .await
            .unwrap();
    }
    assert!(server.waiting(business, 1).unwrap() >= 12);
    let process = Process::resume(&server, store).await;
    for (number, id) in ids.iter().enumerate() {
        process.got(&format!("Message {number}")).await;
        customer
            .ticked(id, "delivered", Patience::default())
            .await
            .unwrap();
    }
    let texts = process.commits.texts.lock().unwrap().clone();
    let expected: Vec<String> = (0..12).map(|number| format!("Message {number}")).collect();
    assert_eq!(texts, expected, "each once, in order");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_comes_again_until_it_was_committed() {
    let server = Server::start(Config::default()).await.unwrap();
    let business = phone("+15550199");
    let process = Process::provisioned(&server, "+15550199").await;
    let customer = server.customer(phone("+15550100"), "A customer").await.unwrap();
    process.commits.refuse.store(true, Ordering::SeqCst);
    let id = customer.say(business, "Do not lose me.").await.unwrap();
    let mut asked = process.commits.asked.subscribe();
    let asked = asked.wait_for(|asked| *asked > 0);
    tokio::time::timeout(PATIENCE, asked).await.unwrap().unwrap();
    assert_eq!(server.waiting(business, 1).unwrap(), 1, "not acknowledged");
    let store = process.stop().await;
    let process = Process::resume(&server, store).await;
    process.got("Do not lose me.").await;
    customer
        .ticked(&id, "delivered", Patience::default())
        .await
        .unwrap();
    assert_eq!(server.waiting(business, 1).unwrap(), 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_login_replaces_the_first_and_the_record_shows_both() {
    let server = Server::start(Config::default()).await.unwrap();
    let first = Process::provisioned(&server, "+15550199").await;
    let second = Process::resume(&server, Arc::clone(&first.store)).await;
    second.connected().await;
    first
        .event("replacement", |event| {
            use whatsapp_rust::wacore::types::events::Event;
            matches!(event, Event::StreamReplaced(_)).then_some(())
        })
        .await;
    server
        .effect("left", PATIENCE, |told| told["connection"] == 1)
        .await
        .unwrap();
    let record = server.record(Some(phone("+15550199")));
    assert_eq!(record.len(), 2);
    assert_eq!((record[0].end, record[1].until_us), (Some("replaced"), None));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_sockets_that_are_left_alone_overlap() {
    let server = Server::start(Config::default()).await.unwrap();
    server.set_faults(fake_wa::Faults {
        keep_both: true,
        ..fake_wa::Faults::default()
    });
    let first = Process::provisioned(&server, "+15550199").await;
    assert!(server.overlaps(std::time::Duration::ZERO).is_empty());
    let second = Process::resume(&server, Arc::clone(&first.store)).await;
    second.connected().await;
    let overlaps = server.overlaps(std::time::Duration::ZERO);
    assert_eq!((overlaps.len(), overlaps[0].connections), (1, [1, 2]));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_back_comes_when_it_is_let_go() {
    let server = Server::start(Config::default()).await.unwrap();
    let business = phone("+15550199");
    let process = Process::provisioned(&server, "+15550199").await;
    let customer = server.customer(phone("+15550100"), "A customer").await.unwrap();
    server.hold(business, true).unwrap();
    let id = customer.say(business, "Later").await.unwrap();
    customer
        .ticked(&id, "accepted", Patience::default())
        .await
        .unwrap();
    assert_eq!(*process.commits.asked.borrow(), 0);
    server.hold(business, false).unwrap();
    process.got("Later").await;
    server.stop().await;
}
