//! The scenarios against a small feed that can lose, double and forget: what is wrong must be told.
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use clap::Parser;
use futures_util::{SinkExt, stream};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::scenario::{calls, inbox, webhooks};
use crate::serve;

/// A feed of one tenant, kept for ever.
#[derive(Default)]
struct Feed {
    bodies: Mutex<Vec<String>>,
    grown: watch::Sender<usize>,
    /// The events with these numbers are skipped, or sent twice.
    skip: Option<usize>,
    double: Option<usize>,
}

async fn sms(State(feed): State<Arc<Feed>>, body: String) -> &'static str {
    let form: Vec<(String, String)> = url::form_urlencoded::parse(body.as_bytes())
        .into_owned()
        .collect();
    let text = form.iter().find(|(name, _)| name == "Body").unwrap().1.clone();
    let mut bodies = feed.bodies.lock().unwrap();
    bodies.push(text);
    feed.grown.send_replace(bodies.len());
    "<Response/>"
}

async fn live(State(feed): State<Arc<Feed>>, upgrade: WebSocketUpgrade) -> Response {
    upgrade
        .protocols(["switchboard.v1"])
        .on_upgrade(|socket| follow(feed, socket))
}

async fn follow(feed: Arc<Feed>, mut socket: WebSocket) {
    let Some(Ok(Message::Text(hello))) = socket.recv().await else {
        return;
    };
    let hello: Value = serde_json::from_str(&hello).unwrap();
    let mut grown = feed.grown.subscribe();
    let newest = *grown.borrow_and_update();
    let mut at = hello["position"]["seq"]
        .as_u64()
        .map_or(newest, |seq| usize::try_from(seq).unwrap());
    let welcome = json!({"type": "welcome", "recovered": true, "heartbeat_s": 25, "position": {"epoch": "e", "seq": newest}});
    if socket.send(Message::text(welcome.to_string())).await.is_err() {
        return;
    }
    loop {
        while at < *grown.borrow() {
            at += 1;
            let body = feed.bodies.lock().unwrap()[at - 1].clone();
            let event = json!({"type": "event", "seq": at, "kind": "message.created", "data": {"message": {"body": body}}});
            let times = if feed.skip == Some(at) {
                0
            } else {
                1 + usize::from(feed.double == Some(at))
            };
            let wanted = vec![Message::text(event.to_string()); times];
            if socket
                .send_all(&mut stream::iter(wanted.into_iter().map(Ok)))
                .await
                .is_err()
            {
                return;
            }
        }
        tokio::select! {
            changed = grown.changed() => if changed.is_err() { return },
            message = socket.recv() => if !matches!(message, Some(Ok(_))) { return },
        }
    }
}

async fn start(feed: Feed) -> (String, DropGuard) {
    let router = Router::new()
        .route("/webhooks/twilio/sms", post(sms))
        .route(
            "/api/v1/live/ticket",
            post(|| async { Json(json!({"ticket": "t", "expires_in_s": 30})) }),
        )
        .route("/api/v1/live", get(live))
        .with_state(Arc::new(feed));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    tokio::spawn(serve::until(listener, router, stop.clone()));
    (format!("http://{address}"), stop.drop_guard())
}

#[derive(Parser)]
enum Command {
    Calls(calls::Args),
    Inbox(inbox::Args),
    Webhooks(webhooks::Args),
}

/// Runs a scenario as the command line would and reads its JSON.
async fn run(arguments: &[&str]) -> Value {
    let file = std::env::temp_dir().join(format!("loadtest-{:x}.json", rand::random::<u64>()));
    let json = format!("--json={}", file.display());
    let all = [
        &["loadtest"],
        arguments,
        &["--warm-up=0s", "--token=t", json.as_str()],
    ]
    .concat();
    let code = match Command::parse_from(all) {
        Command::Calls(args) => Box::pin(calls::run(args)).await.unwrap(),
        Command::Inbox(args) => inbox::run(args).await.unwrap(),
        Command::Webhooks(args) => webhooks::run(args).await.unwrap(),
    };
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let mut report: Value = serde_json::from_str(&text).unwrap();
    report["code"] = json!(format!("{code:?}"));
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn every_webhook_is_found_on_the_screen() {
    let (url, _server) = start(Feed::default()).await;
    let threshold = "--threshold=lost==0";
    let report = run(&[
        "webhooks",
        "--target",
        &url,
        "--stage=1s:40",
        threshold,
        "--threshold=ack_p99<0us",
    ])
    .await;
    let numbers = &report["numbers"];
    assert_eq!(
        (&numbers["done"], &numbers["failed"], &numbers["lost"]),
        (&json!(40.0), &json!(0.0), &json!(0.0))
    );
    assert_eq!(report["durations"]["screen"]["count"], 40);
    assert_eq!(
        (&report["verdicts"][0]["kept"], &report["verdicts"][1]["kept"]),
        (&json!(true), &json!(false))
    );
    assert!(
        report["code"].as_str().unwrap().contains("99"),
        "{}",
        report["code"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_screens_miss_nothing_on_a_true_feed() {
    let (url, _server) = start(Feed::default()).await;
    let report = run(&[
        "inbox",
        "--target",
        &url,
        "--stage=2s:20",
        "--clients=5",
        "--cuts=10",
    ])
    .await;
    let numbers = &report["numbers"];
    for name in ["missed", "doubled", "out_of_order", "behind", "failed"] {
        assert_eq!(numbers[name], 0.0, "{name}");
    }
    assert_eq!(numbers["deliveries"], 200.0);
    assert!(numbers["reconnects"].as_f64().unwrap() > 5.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_that_loses_and_doubles_is_found_out() {
    let (url, _server) = start(Feed {
        skip: Some(3),
        double: Some(5),
        ..Feed::default()
    })
    .await;
    let report = run(&[
        "inbox",
        "--target",
        &url,
        "--stage=1s:10",
        "--clients=2",
        "--cuts=0",
    ])
    .await;
    assert_eq!(
        (&report["numbers"]["missed"], &report["numbers"]["doubled"]),
        (&json!(2.0), &json!(2.0))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_timed_over_a_plain_bridge() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("http://{}", listener.local_addr().unwrap());
    let free = |listener: std::net::TcpListener| listener.local_addr().unwrap().to_string();
    let [twilio, openai] = [(); 2].map(|()| free(std::net::TcpListener::bind("127.0.0.1:0").unwrap()));
    let plain = crate::plain::Plain {
        openai_url: format!("http://{openai}/v1"),
        api_key: "sk-emulated".to_owned(),
        public_url: target.clone(),
    };
    let stop = CancellationToken::new();
    tokio::spawn(crate::plain::serve(listener, plain, stop.clone()));
    let _server = stop.drop_guard();
    let report = run(&[
        "calls",
        "--target",
        &target,
        "--twilio",
        &twilio,
        "--openai",
        &openai,
        "--stage=1s:2",
        "--hold=2s",
    ])
    .await;
    let numbers = &report["numbers"];
    for name in [
        "failed",
        "lost_frames_to_model",
        "lost_frames_to_caller",
        "sessions_left_open",
        "model_errors",
    ] {
        assert_eq!(numbers[name], 0.0, "{name}: {numbers}");
    }
    assert_eq!(report["durations"]["barge_in_stop"]["count"], 2);
    assert!(report["durations"]["added_delay"]["count"].as_u64().unwrap() > 150);
}

#[tokio::test]
async fn another_machine_is_not_loaded_by_accident() {
    let Command::Webhooks(args) =
        Command::parse_from(["loadtest", "webhooks", "--target=https://hub.example.test"])
    else {
        panic!("not webhooks")
    };
    assert!(
        webhooks::run(args)
            .await
            .unwrap_err()
            .to_string()
            .contains("--allow-remote")
    );
}
