//! Bounds: slow, silent, loud and many clients.

use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use hub::role::Role;
use hub::testing::World;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::screen::open;
use super::{Node, PATIENCE, Screen, emit, emit_many, eventually};

#[tokio::test]
async fn a_slow_client_costs_itself_its_socket_and_nobody_else_anything() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let ann = world.staff(acme, "ann", Role::Staff).await;
    let node = Node::start(&world.hub).await;
    let mut slow = Screen::open(&node, &ann).await;
    let mut quick = Screen::open(&node, &ann).await;
    // More than the kernel keeps for somebody who does not read.
    let words = "x".repeat(4_000);
    let reading = tokio::spawn(async move {
        quick.upto(3_000).await;
        quick
    });
    emit_many(&world.hub, acme, 3_000, &words).await;
    let quick = reading.await.unwrap();
    assert_eq!(quick.heard.len(), 3_000);
    // The socket's end comes by itself; what was read before it was in order.
    emit(&world.hub, acme, "one more").await;
    eventually("the slow client is closed", async || node.hub.live.clients() == 1).await;
    slow.end().await;
    assert!(slow.seq() < 3_001);
    slow.come_back(&node, &ann).await;
    assert!(slow.recovered);
    slow.upto(3_001).await;
    assert_eq!(slow.heard.len(), 3_001);
    drop(quick);
}

#[tokio::test]
async fn a_socket_without_a_hello_is_closed() {
    let world = World::start().await;
    let node = Node::start(&world.hub).await;
    let start = Instant::now();
    let mut socket = open(&node).await;
    let close = tokio::time::timeout(PATIENCE, socket.next())
        .await
        .expect("it is closed");
    assert!(matches!(close, Some(Ok(Message::Close(Some(close)))) if u16::from(close.code) == 4400));
    assert!(start.elapsed() >= Duration::from_millis(4_900));
}

#[tokio::test]
async fn a_socket_that_breaks_a_limit_is_closed_with_its_code() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let ann = world.staff(acme, "ann", Role::Staff).await;
    let node = Node::start(&world.hub).await;
    let long = json!({ "type": "typing", "draft": "x".repeat(65_536) }).to_string();
    for (message, code) in [
        (Message::text(long), 1009),
        (Message::binary(vec![1, 2, 3]), 1003),
        (Message::text("what?"), 1008),
    ] {
        let mut screen = Screen::open(&node, &ann).await;
        screen.socket().send(message).await.unwrap();
        assert_eq!(screen.end().await.1, code);
    }
    let mut screen = Screen::open(&node, &ann).await;
    for _ in 0..200 {
        if screen.socket().send(Message::Ping("x".into())).await.is_err() {
            break;
        }
    }
    assert!([1008, 1006].contains(&screen.end().await.1), "a flood of pings");
}

#[tokio::test]
async fn a_person_has_so_many_sockets_and_no_more() {
    let world = World::with(
        |config| config.live.clients_per_staff_max = 3,
        hub::clock::Clock::system(),
    )
    .await;
    let acme = world.tenant("acme").await;
    let ann = world.staff(acme, "ann", Role::Staff).await;
    let node = Node::start(&world.hub).await;
    let mut screens = Vec::new();
    for _ in 0..3 {
        screens.push(Screen::open(&node, &ann).await);
    }
    let mut socket = open(&node).await;
    let hello = json!({ "type": "hello", "ticket": super::screen::a_ticket(&world.hub, &ann) });
    socket.send(Message::text(hello.to_string())).await.unwrap();
    let bye = socket.next().await.unwrap().unwrap();
    let bye: Value = serde_json::from_str(bye.to_text().unwrap()).unwrap();
    assert_eq!(bye["reason"], "too_many");
    drop(screens.pop());
    eventually("the place is free", async || node.hub.live.clients() == 2).await;
    Screen::open(&node, &ann).await;
}

#[tokio::test]
async fn heartbeats_go_both_ways_and_tickets_are_refreshed_on_the_same_socket() {
    let world = World::with(|config| config.live.heartbeat_s = 1, hub::clock::Clock::system()).await;
    let acme = world.tenant("acme").await;
    let ann = world.staff(acme, "ann", Role::Staff).await;
    let node = Node::start(&world.hub).await;
    let mut screen = Screen::open(&node, &ann).await;
    emit(&world.hub, acme, "one").await;
    screen.upto(1).await;
    let ping = loop {
        let message = screen.socket().next().await.unwrap().unwrap();
        let frame: Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
        if frame["type"] == "ping" {
            break frame;
        }
    };
    assert_eq!(ping["seq"], 1, "the last number this socket was told of");
    screen.say(&json!({ "type": "pong" })).await;
    let ticket = super::screen::a_ticket(&world.hub, &ann);
    screen.say(&json!({ "type": "refresh", "ticket": ticket })).await;
    emit(&world.hub, acme, "two").await;
    screen.upto(2).await;
    // The same ticket again is no ticket.
    screen.say(&json!({ "type": "refresh", "ticket": ticket })).await;
    let (bye, code, _) = screen.end().await;
    assert_eq!((bye["reason"].as_str(), code), (Some("expired"), 4401));
}

#[tokio::test]
async fn a_herd_comes_back_and_misses_nothing() {
    const HERD: usize = 400;
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let mut people = Vec::new();
    for n in 0..HERD / 20 {
        people.push(world.staff(acme, &format!("staff{n}"), Role::Staff).await);
    }
    let first = Node::start(&world.another_hub().await).await;
    let opening = (0..HERD).map(|n| Screen::open(&first, &people[n % people.len()]));
    let screens = futures_util::future::join_all(opening).await;
    emit_many(&world.hub, acme, 10, "before").await;
    let reading = screens.into_iter().map(|mut screen| async move {
        screen.upto(10).await;
        screen
    });
    let screens = futures_util::future::join_all(reading).await;
    first.hub.tasks.stop();
    emit_many(&world.hub, acme, 10, "meanwhile").await;
    let second = Node::start(&world.hub).await;
    let start = Instant::now();
    let (second, people) = (&second, &people);
    let returning = screens.into_iter().enumerate().map(|(n, mut screen)| async move {
        screen.come_back(second, &people[n % people.len()]).await;
        assert!(screen.recovered);
        screen.upto(20).await;
        screen.heard.len()
    });
    let heard = futures_util::future::join_all(returning).await;
    assert!(heard.iter().all(|count| *count == 20));
    println!("{HERD} clients were back after {:?}", start.elapsed());
}
