//! Hostile and idle connections against real sockets, with shorter limits.

use std::time::{Duration, Instant};

use axum::routing::{get, post};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

const LIMIT: Duration = Duration::from_millis(200);
/// What a busy machine may add.
const SLACK: Duration = Duration::from_secs(5);

struct Server {
    address: SocketAddr,
}

async fn serving(connections_max: usize) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tasks = Tasks::new();
    let limits = Limits {
        headers: LIMIT,
        body: LIMIT,
        unread: LIMIT,
        connections_max,
    };
    let endless = || async {
        Body::from_stream(futures_util::stream::repeat_with(|| {
            Ok::<_, std::io::Error>(vec![0_u8; 65_536])
        }))
    };
    let router = Router::new()
        .route("/", get(|| async { "ok" }))
        .route("/echo", post(|body: String| async { body }))
        .route("/full", post(|| async { StatusCode::PAYLOAD_TOO_LARGE }))
        .route("/endless", get(endless));
    let own = tasks.clone();
    tasks.spawn("test.serve", async move {
        serve_with(router, listener, &own, limits).await.unwrap();
    });
    Server { address }
}

/// How long it takes until the server has closed.
async fn closed_after(stream: &mut TcpStream) -> Duration {
    let start = Instant::now();
    let mut rest = Vec::new();
    let end = stream.read_to_end(&mut rest);
    tokio::time::timeout(LIMIT + SLACK, end)
        .await
        .expect("the server closes in time")
        .ok();
    start.elapsed()
}

#[tokio::test]
async fn a_silent_connection_is_closed() {
    let server = serving(10).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    assert!(closed_after(&mut stream).await >= LIMIT / 2);
}

#[tokio::test]
async fn half_a_header_is_closed() {
    let server = serving(10).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX-")
        .await
        .unwrap();
    assert!(closed_after(&mut stream).await >= LIMIT / 2);
}

#[tokio::test]
async fn a_dripped_header_is_closed_though_it_never_pauses() {
    let server = serving(10).await;
    let (mut read, mut write) = TcpStream::connect(server.address).await.unwrap().into_split();
    write.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let drip = async {
        let mut ticks = tokio::time::interval(LIMIT / 20);
        while write.write_all(b"a: b\r\n").await.is_ok() {
            ticks.tick().await;
        }
    };
    let closed = async {
        let mut rest = Vec::new();
        read.read_to_end(&mut rest).await.ok();
    };
    let both = async {
        tokio::select! { () = drip => {}, () = closed => {} }
    };
    tokio::time::timeout(LIMIT + SLACK, both)
        .await
        .expect("the server closes in time");
}

#[tokio::test]
async fn an_idle_kept_alive_connection_is_closed() {
    let server = serving(10).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let mut answer = [0; 15];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    assert!(closed_after(&mut stream).await >= LIMIT / 2);
}

#[tokio::test]
async fn an_answer_to_a_body_that_is_too_long_says_that_the_connection_ends() {
    let server = serving(10).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream
        .write_all(b"POST /full HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    let end = stream.read_to_string(&mut answer);
    tokio::time::timeout(LIMIT + SLACK, end).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_closed() {
    let server = serving(10).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf";
    stream.write_all(head).await.unwrap();
    closed_after(&mut stream).await;
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_closed() {
    let server = serving(1).await;
    let mut lazy = TcpStream::connect(server.address).await.unwrap();
    lazy.write_all(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    // The only place is free again once the lazy one was dropped.
    let mut next = TcpStream::connect(server.address).await.unwrap();
    next.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    tokio::time::timeout(LIMIT + SLACK, next.read_to_string(&mut answer))
        .await
        .expect("the lazy peer's place is given on")
        .unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}

#[tokio::test]
async fn the_cap_makes_others_wait_and_upgraded_sockets_count() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tasks = Tasks::new();
    let release = tokio_util::sync::CancellationToken::new();
    let (own, held) = (tasks.clone(), release.clone());
    let upgrade = move |request: axum::extract::Request| async move {
        let place = request
            .extensions()
            .get::<Place>()
            .cloned()
            .expect("every request has a place");
        own.spawn("test.socket", async move {
            held.cancelled().await;
            drop(place);
        });
        "taken over"
    };
    let router = Router::new()
        .route("/", get(|| async { "ok" }))
        .route("/upgrade", get(upgrade));
    let own = tasks.clone();
    tasks.spawn("test.serve", async move {
        serve(router, listener, &own, 1).await.unwrap();
    });
    let ask = |path: &'static str| async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    assert!(ask("/upgrade").await.ends_with("taken over"));
    let mut waiting = std::pin::pin!(ask("/"));
    let early = tokio::time::timeout(Duration::from_millis(100), waiting.as_mut()).await;
    assert!(early.is_err(), "the upgraded socket still has the only place");
    release.cancel();
    assert!(waiting.await.ends_with("ok"));
}

#[tokio::test]
async fn a_soft_stop_lets_a_request_finish_and_takes_no_other() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tasks, own) = (Tasks::new(), Tasks::new());
    let (begun, finish) = (
        Arc::new(tokio::sync::Notify::new()),
        Arc::new(tokio::sync::Notify::new()),
    );
    let (says, waits) = (Arc::clone(&begun), Arc::clone(&finish));
    let slow = move || async move {
        says.notify_one();
        waits.notified().await;
        "finished"
    };
    let router = Router::new().route("/", get(slow));
    let stops = tasks.clone();
    own.spawn("test.serve", async move {
        serve(router, listener, &stops, 10).await.unwrap();
    });
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    begun.notified().await;
    tasks.stop();
    assert!(own.shut_down(SLACK).await, "the accept loop ends at once");
    assert!(TcpStream::connect(address).await.is_err());
    finish.notify_one();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.contains("connection: close") && answer.ends_with("finished"),
        "{answer}"
    );
    assert!(tasks.shut_down(SLACK).await, "nothing is left behind");
}
