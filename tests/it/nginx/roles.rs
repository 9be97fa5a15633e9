//! The real roles as separate processes behind the proxy: each path is answered by the role that knows it.

use hub::testing::World;
use reqwest::{Method, Response, StatusCode};

use super::proxy::Nginx;
use super::{Answers, ROUTES, SOCKETS};
use crate::fleet::{Process, Role};

struct Fleet {
    _world: World,
    api: Process,
    calls: Process,
    nginx: Nginx,
}

impl Fleet {
    async fn start() -> Self {
        let world = World::start().await;
        let api = Process::start(&world, Role::Api, &[]).await;
        let calls = Process::start(&world, Role::Calls, &[]).await;
        let nginx = Nginx::start(&api.address, &calls.address).await;
        Self {
            _world: world,
            api,
            calls,
            nginx,
        }
    }

    fn address(&self, answers: Answers) -> &str {
        match answers {
            Answers::Api => &self.api.address,
            Answers::Calls => &self.calls.address,
        }
    }
}

/// Which process answered, as nginx saw it.
fn upstream(answer: &Response) -> &str {
    answer
        .headers()
        .get("x-upstream")
        .map_or("nobody", |value| value.to_str().unwrap_or_default())
}

#[tokio::test]
async fn the_roles_as_separate_processes_answer_each_their_paths() {
    let fleet = Fleet::start().await;
    for (method, path, expected) in ROUTES {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let answer = fleet.nginx.request(method.clone(), path).send().await.unwrap();
        assert_eq!(upstream(&answer), fleet.address(expected), "{method} {path}");
        assert!(
            !answer.status().is_server_error(),
            "{method} {path}: {}",
            answer.status()
        );
    }
    for (path, expected) in SOCKETS {
        let answer = fleet.nginx.upgrade(path).send().await.unwrap();
        assert_eq!(upstream(&answer), fleet.address(expected), "{path}");
        assert!(!answer.status().is_server_error(), "{path}: {}", answer.status());
    }
}

#[tokio::test]
async fn unsigned_webhooks_are_refused_by_the_role_that_would_take_signed_ones() {
    let fleet = Fleet::start().await;
    let paths = ROUTES
        .iter()
        .filter(|(_, path, _)| path.starts_with("/webhooks/twilio/") && !path.ends_with("voicemail"));
    for (_, path, _) in paths {
        let request = fleet
            .nginx
            .request(Method::POST, path)
            .body("AccountSid=AC0&To=%2B12025550100");
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        assert_eq!(
            request.send().await.unwrap().status(),
            StatusCode::FORBIDDEN,
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_live_feed_is_upgraded_to_its_subprotocol_and_asks_for_a_ticket() {
    let fleet = Fleet::start().await;
    let upgrade = fleet
        .nginx
        .upgrade("/api/v1/live")
        .header("Sec-WebSocket-Protocol", "switchboard.v1");
    let answer = upgrade.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(answer.headers()["sec-websocket-protocol"], "switchboard.v1");
}
