//! Redis that is slow, frozen or full: acknowledgements do not wait for it, and nothing that was acknowledged is lost.

use std::process::Command;
use std::time::Duration;

use hub::clock::Clock;
use hub::testing::World;
use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::Fleet;
use super::texts::Texts;
use crate::jobs::eventually;
use crate::proxy::{Proxy, Way};

const ROUNDS: usize = 5;
/// Texts that must be acknowledged while the fault lasts.
const MEANWHILE: usize = 30;

async fn behind_a_proxy() -> (Fleet, Proxy) {
    let mut proxy = None;
    let world = World::with(
        |config| {
            let way = Proxy::to(config.redis.url.expose_secret());
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
