//! One address opens sockets without end; one tenant wants every place.

use hub::clock::Clock;
use hub::role::Role;
use hub::serve::upgrades::BURST;
use hub::testing::World;
use tokio::net::TcpStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Error;

use super::screen::{a_ticket, open, request};
use super::{Node, Screen};

/// Asks for a socket as our own proxy does for somebody at `address`; the status, and whether it says when to come back.
async fn ask(node: &Node, address: &str) -> (u16, bool) {
    let mut request = request(node);
    request
        .headers_mut()
        .insert("x-forwarded-for", address.parse().unwrap());
    let stream = TcpStream::connect(node.address).await.unwrap();
    match client_async(request, stream).await {
        Ok(_) => (101, false),
        Err(Error::Http(answer)) => (
            answer.status().as_u16(),
            answer.headers().contains_key("retry-after"),
        ),
        Err(fault) => panic!("{fault}"),
    }
}

#[tokio::test]
async fn an_address_that_opens_too_many_sockets_is_told_to_wait_and_others_are_not() {
    let world = World::with(|_| {}, Clock::held(Clock::system().now())).await;
    let node = Node::start(&world.hub).await;
    for _ in 0..BURST {
        assert_eq!(ask(&node, "203.0.113.9").await.0, 101);
    }
    assert_eq!(ask(&node, "203.0.113.9").await, (429, true));
    // What the address claims about itself stands before what our proxy wrote.
    assert_eq!(ask(&node, "198.51.100.1, 203.0.113.9").await.0, 429);
    assert_eq!(ask(&node, "198.51.100.1").await.0, 101);
    world.hub.clock.advance(std::time::Duration::from_secs(1));
    assert_eq!(ask(&node, "203.0.113.9").await.0, 101);
}

#[tokio::test]
async fn a_tenant_has_so_many_sockets_and_others_have_theirs() {
    let world = World::with(|config| config.live.clients_per_tenant_max = 2, Clock::system()).await;
    let node = Node::start(&world.hub).await;
    let (acme, bolt) = (world.tenant("acme").await, world.tenant("bolt").await);
    let mut people = Vec::new();
    for name in ["ann", "ben", "cat"] {
        people.push(world.staff(acme, name, Role::Staff).await);
    }
    let _ann = Screen::open(&node, &people[0]).await;
    let _ben = Screen::open(&node, &people[1]).await;
    let mut third = Screen::before_its_hello(open(&node).await);
    let hello = serde_json::json!({ "type": "hello", "ticket": a_ticket(&node.hub, &people[2]) });
    third.say(&hello).await;
    assert_eq!(third.end().await.0["reason"], "too_many");
    let dan = world.staff(bolt, "dan", Role::Staff).await;
    let _dan = Screen::open(&node, &dan).await;
}
