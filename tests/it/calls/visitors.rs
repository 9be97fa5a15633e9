//! Visitors of the demo page: what they hear and read along, the line they take, and how many there may be.

use std::net::IpAddr;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use hub::call::visitor;
use hub::demo_page;
use hub::ids::CallId;
use hub::role::Role;
use loadtest::openai::Script;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use super::browser::start;
use super::office::Office;

type Phone = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

fn here() -> IpAddr {
    "198.51.100.7".parse().unwrap()
}

/// The demo page's key, once it is on.
async fn open_page(office: &Office) -> String {
    let hub = &office.world.hub;
    let mut tx = hub.db.tenant(office.tenant).await.unwrap();
    let page = demo_page::set(hub, &mut tx, None, office.inbox, (true, false))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    page.url.unwrap().rsplit('/').next().unwrap().to_owned()
}

async fn lines(office: &Office, count: i32) {
    let mut admin = office.world.admin().await;
    let query = AssertSqlSafe(format!("UPDATE tenants SET max_concurrent_calls = {count}"));
    sqlx::raw_sql(query).execute(&mut admin).await.unwrap();
}

async fn connect(office: &Office, call: CallId, token: &str) -> Phone {
    let url = format!("ws://{}/media/phone/{token}", office.address);
    let (mut phone, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    phone.send(start(&call.to_string())).await.unwrap();
    phone
}

/// The next message that `fits`.
async fn hear(phone: &mut Phone, fits: impl Fn(&Value) -> bool) -> Value {
    loop {
        let next = tokio::time::timeout(Duration::from_secs(20), phone.next())
            .await
            .unwrap();
        let Some(Ok(Message::Text(text))) = next else {
            panic!("{next:?}")
        };
        let message: Value = serde_json::from_str(&text).unwrap();
        if fits(&message) {
            return message;
        }
    }
}

async fn hang_up(office: &Office, mut phone: Phone) {
    let stop = r#"{"event":"stop","streamSid":"MZ1","stop":{}}"#;
    phone.send(Message::text(stop)).await.unwrap();
    while let Some(Ok(_)) = phone.next().await {}
    let query = "SELECT to_jsonb(count(*)) FROM calls WHERE state IN ('ringing', 'live')";
    office.until(query, |open| *open == json!(0)).await;
    while !office.world.call_slots().await.is_empty() {
        tokio::task::yield_now().await;
    }
}

fn is_busy<T>(answer: &hub::Result<T>) -> bool {
    matches!(
        answer,
        Err(hub::Error::Conflict {
            code: "lines_busy",
            ..
        })
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_talks_with_the_agent_and_reads_along() {
    let office = Office::open(Script::default()).await;
    let key = open_page(&office).await;
    let (call, token) = visitor::call(&office.world.hub, &key, here()).await.unwrap();
    assert!(call.visitor && call.contact.is_some());
    let mut phone = connect(&office, call.id, &token).await;
    hear(&mut phone, |message| message["event"] == "media").await;
    let words = hear(&mut phone, |message| message["event"] == "transcript").await;
    assert_eq!(words["transcript"]["speaker"], "agent");
    assert!(!words["transcript"]["text"].as_str().unwrap().is_empty());
    assert_eq!(office.world.call_slots().await.len(), 1, "it takes a line");
    hang_up(&office, phone).await;
    let ended = office.ended_call().await;
    assert_eq!(
        (&ended["source"], &ended["state"]),
        (&json!("phone"), &json!("ended"))
    );
    let again = format!("ws://{}/media/phone/{token}", office.address);
    assert!(
        tokio_tungstenite::connect_async(again).await.is_err(),
        "the token was for that call"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browsers_call_takes_one_of_the_lines_until_it_ends() {
    let office = Office::open(Script::default()).await;
    let hub = &office.world.hub;
    lines(&office, 1).await;
    let ann = office.world.staff(office.tenant, "ann", Role::Staff).await;
    let (call, token) = hub::call::staff::phone(hub, &ann.principal, None).await.unwrap();
    let second = hub::call::staff::phone(hub, &ann.principal, None).await;
    assert!(
        is_busy(&second),
        "kept for the first from the moment it was begun"
    );
    let mut phone = connect(&office, call.id, &token).await;
    hear(&mut phone, |message| message["event"] == "media").await;
    assert!(is_busy(&hub::call::staff::phone(hub, &ann.principal, None).await));
    hang_up(&office, phone).await;
    hub::call::staff::phone(hub, &ann.principal, None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_comes_when_its_line_is_gone_is_told_that_all_are_taken() {
    let office = Office::open(Script::default()).await;
    let hub = &office.world.hub;
    lines(&office, 1).await;
    let ann = office.world.staff(office.tenant, "ann", Role::Staff).await;
    let (late, token) = hub::call::staff::phone(hub, &ann.principal, None).await.unwrap();
    office.world.flush_redis().await;
    let (call, other) = hub::call::staff::phone(hub, &ann.principal, None).await.unwrap();
    let mut phone = connect(&office, call.id, &other).await;
    hear(&mut phone, |message| message["event"] == "media").await;
    let mut late = connect(&office, late.id, &token).await;
    match late.next().await {
        Some(Ok(Message::Close(Some(frame)))) => assert_eq!(u16::from(frame.code), 1013),
        other => panic!("{other:?}"),
    }
    phone.close(None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn visitors_get_half_of_the_lines_and_two_from_one_place() {
    let office = Office::open(Script::default()).await;
    let hub = &office.world.hub;
    let key = open_page(&office).await;
    lines(&office, 6).await;
    let elsewhere = "203.0.113.9".parse().unwrap();
    visitor::call(hub, &key, here()).await.unwrap();
    visitor::call(hub, &key, here()).await.unwrap();
    assert!(
        is_busy(&visitor::call(hub, &key, here()).await),
        "two from one place"
    );
    visitor::call(hub, &key, elsewhere).await.unwrap();
    let third = "203.0.113.10".parse().unwrap();
    assert!(is_busy(&visitor::call(hub, &key, third).await), "half of six");
    assert_eq!(
        office.world.call_slots().await.len(),
        3,
        "a refused one keeps no line"
    );
    let ann = office.world.staff(office.tenant, "ann", Role::Staff).await;
    hub::call::staff::phone(hub, &ann.principal, None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_sites_page_does_not_open_the_socket() {
    let office = Office::open(Script::default()).await;
    let key = open_page(&office).await;
    let (_, token) = visitor::call(&office.world.hub, &key, here()).await.unwrap();
    let url = format!("ws://{}/media/phone/{token}", office.address);
    let mut request = url.into_client_request().unwrap();
    request
        .headers_mut()
        .insert("origin", "https://evil.example".parse().unwrap());
    assert!(tokio_tungstenite::connect_async(request).await.is_err());
}
