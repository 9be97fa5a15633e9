//! Who gets in, and who is seen off: tickets, origins, revocation, and a process that stops.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use hub::role::Role;
use hub::testing::World;
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::screen::{a_ticket, open, request};
use super::{Node, Screen, emit};

/// The promise, and what a busy machine may add.
const REVOKED_WITHIN: Duration = Duration::from_millis(2_000 + 1_500);

async fn refused(node: &Node, change: impl FnOnce(&mut http::Request<()>)) -> u16 {
    let mut request = request(node);
    change(&mut request);
    let stream = TcpStream::connect(node.address).await.unwrap();
    match client_async(request, stream).await {
        Ok(_) => 101,
        Err(Error::Http(answer)) => answer.status().as_u16(),
        Err(fault) => panic!("{fault}"),
    }
}

#[tokio::test]
async fn only_our_own_pages_open_a_socket() {
    let world = World::start().await;
    let node = Node::start(&world.hub).await;
    let from = |origin: &'static str| {
        refused(&node, move |request| {
            request.headers_mut().insert("origin", origin.parse().unwrap());
        })
    };
    for origin in [
        "https://evil.example",
        "null",
        "http://localhost.evil.example:5000",
        "http://evillocalhost:5000",
        "http://localhost:5001",
        "https://localhost:5000",
        "http://localhost.:5000",
        "http://LOCALHOST:5000",
        "http://user@localhost:5000",
    ] {
        assert_eq!(from(origin).await, 403, "{origin}");
    }
    assert_eq!(from("http://localhost:5000").await, 101);
    assert_eq!(from("http://acme.localhost:5000").await, 101);
    assert_eq!(refused(&node, |_| {}).await, 101, "no browser, no origin");
    let query = |request: &mut http::Request<()>| {
        let uri = format!("{}?ticket=x", request.uri());
        *request.uri_mut() = uri.parse().unwrap();
    };
    assert_eq!(refused(&node, query).await, 422);
    let plain = |request: &mut http::Request<()>| {
        request.headers_mut().remove("sec-websocket-protocol");
    };
    assert_eq!(refused(&node, plain).await, 422);
}

#[tokio::test]
async fn a_ticket_opens_one_socket_of_its_own_tenant() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let ann = world.staff(acme, "ann", Role::Staff).await;
    let node = Node::start(&world.hub).await;
    let ticket = a_ticket(&world.hub, &ann);
    let hello = json!({ "type": "hello", "ticket": ticket }).to_string();
    let mut first = open(&node).await;
    first.send(Message::text(hello.clone())).await.unwrap();
    let ends = async |mut socket: WebSocketStream<TcpStream>, hello: String| {
        socket.send(Message::text(hello)).await.unwrap();
        match socket.next().await.unwrap().unwrap() {
            Message::Close(close) => u16::from(close.unwrap().code),
            welcome => u16::from(!welcome.to_text().unwrap().contains("welcome")),
        }
    };
    let welcome = first.next().await.unwrap().unwrap();
    assert!(welcome.to_text().unwrap().contains("welcome"));
    assert_eq!(ends(open(&node).await, hello).await, 4401, "used");
    let forged = json!({ "type": "hello", "ticket": "forged" }).to_string();
    assert_eq!(ends(open(&node).await, forged).await, 4401);
    let at = async |host: &str| {
        let mut request = request(&node);
        request.headers_mut().insert("host", host.parse().unwrap());
        let stream = TcpStream::connect(node.address).await.unwrap();
        client_async(request, stream).await.unwrap().0
    };
    let hello = || json!({ "type": "hello", "ticket": a_ticket(&world.hub, &ann) }).to_string();
    assert_eq!(ends(at("bolt.localhost").await, hello()).await, 4401);
    assert_eq!(ends(at("acme.localhost").await, hello()).await, 0);
}

#[tokio::test]
async fn whoever_loses_their_rights_loses_their_sockets_on_every_process() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let (ann, ben) = (
        world.staff(acme, "ann", Role::Staff).await,
        world.staff(acme, "ben", Role::Staff).await,
    );
    let (first, second) = (
        Node::start(&world.hub).await,
        Node::start(&world.another_hub().await).await,
    );
    let mut screens = [
        Screen::open(&first, &ann).await,
        Screen::open(&second, &ann).await,
    ];
    let mut other = Screen::open(&second, &ben).await;
    world.disable(&ann).await;
    for screen in &mut screens {
        let (bye, code, took) = screen.end().await;
        assert!(bye["reason"] == "expired" || bye["reason"] == "revoked", "{bye}");
        assert!(code == 4401 || code == 4403);
        assert!(took < REVOKED_WITHIN, "{took:?}");
    }
    emit(&world.hub, acme, "ben is still here").await;
    other.upto(1).await;
    second.hub.tasks.stop();
}

#[tokio::test]
async fn revocation_needs_no_redis() {
    let mut world = World::start().await;
    let acme = world.tenant("acme").await;
    let ann = world.staff(acme, "ann", Role::Staff).await;
    let bob = world.staff(acme, "bob", Role::Staff).await;
    let node = Node::start(&world.hub).await;
    let (mut ann_screen, mut bob_screen) = (Screen::open(&node, &ann).await, Screen::open(&node, &bob).await);
    world.redis().kill();
    let mut admin = world.admin().await;
    sqlx::query("UPDATE staff SET disabled_at = now() WHERE id = $1")
        .bind(ann.id)
        .execute(&mut admin)
        .await
        .unwrap();
    sqlx::query("UPDATE staff SET session_version = session_version + 1 WHERE id = $1")
        .bind(bob.id)
        .execute(&mut admin)
        .await
        .unwrap();
    let (bye, code, took) = ann_screen.end().await;
    assert_eq!((bye["reason"].as_str(), code), (Some("revoked"), 4403));
    assert!(took < REVOKED_WITHIN, "{took:?}");
    let (bye, code, _) = bob_screen.end().await;
    assert_eq!((bye["reason"].as_str(), code), (Some("expired"), 4401));
}

#[tokio::test]
async fn a_suspended_tenant_is_shown_out() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let ann = world.staff(acme, "ann", Role::Owner).await;
    let node = Node::start(&world.hub).await;
    let mut screen = Screen::open(&node, &ann).await;
    sqlx::query("UPDATE tenants SET suspended_at = now() WHERE id = $1")
        .bind(acme)
        .execute(&mut world.admin().await)
        .await
        .unwrap();
    let (bye, _, took) = screen.end().await;
    assert_eq!(bye["reason"], "revoked");
    assert!(took < REVOKED_WITHIN, "{took:?}");
}

#[tokio::test]
async fn a_process_that_stops_tells_each_browser_its_own_moment() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let ann = world.staff(acme, "ann", Role::Staff).await;
    let hub = world.another_hub().await;
    let node = Node::start(&hub).await;
    let mut screens = Vec::new();
    for _ in 0..15 {
        screens.push(Screen::open(&node, &ann).await);
    }
    hub.tasks.stop();
    let mut moments = HashSet::new();
    for screen in &mut screens {
        let (bye, code, _) = screen.end().await;
        assert_eq!((bye["reason"].as_str(), code), (Some("drain"), 1012));
        moments.insert(bye["retry_ms"].as_u64().unwrap());
    }
    assert!(moments.len() > 5, "{moments:?}");
    assert!(
        hub.tasks.shut_down(Duration::from_secs(10)).await,
        "all ended by themselves"
    );
    // Elsewhere they go on.
    let next = Node::start(&world.hub).await;
    emit(&world.hub, acme, "next").await;
    let mut screen = screens.swap_remove(0);
    screen.come_back(&next, &ann).await;
    screen.upto(1).await;
    assert!(screen.recovered);
}
