//! Redis that is slow, frozen or full: acknowledgements do not wait for it, and nothing that was acknowledged is lost.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use hub::clock::Clock;
use hub::testing::World;
use secrecy::ExposeSecret as _;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::Fleet;
use super::texts::Texts;
use crate::jobs::eventually;

const ROUNDS: usize = 5;
/// Texts that must be acknowledged while the fault lasts.
const MEANWHILE: usize = 30;

/// What the way to Redis does with each piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Open,
    /// Each piece is held this long.
    Slow(Duration),
    /// Nothing gets through, and nothing is closed.
    Frozen,
}

/// A way to Redis that a test can make slow.
struct Proxy {
    way: Arc<watch::Sender<Way>>,
    url: String,
}

impl Proxy {
    fn start(target: &str) -> Self {
        let target = target
            .trim_start_matches("redis://")
            .trim_end_matches('/')
            .to_owned();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("redis://{}", listener.local_addr().unwrap());
        let listener = TcpListener::from_std(listener).unwrap();
        let way = Arc::new(watch::Sender::new(Way::Open));
        let ways = Arc::clone(&way);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                join(client, TcpStream::connect(&target).await.unwrap(), &ways);
            }
        });
        Self { way, url }
    }

    fn set(&self, way: Way) {
        self.way.send_replace(way);
    }
}

fn join(client: TcpStream, server: TcpStream, ways: &watch::Sender<Way>) {
    let ((from, to), (back, there)) = (client.into_split(), server.into_split());
    tokio::spawn(pass(from, there, ways.subscribe()));
    tokio::spawn(pass(back, to, ways.subscribe()));
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut way: watch::Receiver<Way>,
) {
    let mut piece = vec![0; 65_536];
    while let Ok(size) = from.read(&mut piece).await
        && size > 0
    {
        let now = *way.borrow_and_update();
        if let Way::Slow(held) = now {
            tokio::time::sleep(held).await;
        }
        if way.wait_for(|way| *way != Way::Frozen).await.is_err()
            || to.write_all(&piece[..size]).await.is_err()
        {
            return;
        }
    }
}

async fn behind_a_proxy() -> (Fleet, Proxy) {
    let mut proxy = None;
    let world = World::with(
        |config| {
            let way = Proxy::start(config.redis.url.expose_secret());
            config.redis.url = way.url.clone().into();
            proxy = Some(way);
        },
        Clock::system(),
    )
    .await;
    (Fleet::over(world).await, proxy.unwrap())
}

async fn acknowledged_meanwhile(texts: &Texts) {
    let before = texts.acknowledged();
    eventually("texts are acknowledged all the same", async || {
        texts.acknowledged() >= before + MEANWHILE
    })
    .await;
}

#[tokio::test]
async fn a_slow_or_frozen_redis_delays_no_acknowledgement_for_long_and_loses_no_text() {
    let (fleet, proxy) = behind_a_proxy().await;
    let texts = Texts::flow(&fleet.business);
    for _ in 0..ROUNDS {
        for way in [Way::Slow(Duration::from_millis(200)), Way::Frozen, Way::Open] {
            proxy.set(way);
            acknowledged_meanwhile(&texts).await;
        }
    }
    texts.settle(&fleet.world).await;
}

/// Tells this world's Redis a setting.
fn configure(url: &str, name: &str, value: &str) {
    let done = Command::new("redis-cli")
        .args(["-u", url, "config", "set", name, value])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&done.stdout).trim(), "OK");
}

#[tokio::test]
async fn a_full_redis_loses_no_text_and_health_says_that_it_is_full() {
    let fleet = Fleet::start().await;
    let url = fleet.world.hub.config.redis.url.expose_secret().to_owned();
    let ready = fleet.api.url("/readyz");
    let says = async || -> Value { reqwest::get(&ready).await.unwrap().json().await.unwrap() };
    let texts = Texts::flow(&fleet.business);
    for _ in 0..ROUNDS {
        acknowledged_meanwhile(&texts).await;
        assert_eq!(says().await["redis"], true);
        // The default policy evicts nothing: every write is refused from here on.
        configure(&url, "maxmemory", "1");
        acknowledged_meanwhile(&texts).await;
        let full = says().await;
        assert_eq!(
            (&full["redis"], &full["ready"]),
            (&Value::Bool(false), &Value::Bool(true)),
            "{full}"
        );
        configure(&url, "maxmemory", "0");
    }
    texts.settle(&fleet.world).await;
}
