//! The gate and the edge: who gets in, and what every answer carries.

use hub::role::Role;
use hub::testing::World;
use serde_json::Value;

use super::Api;

#[tokio::test]
async fn an_operation_is_open_to_its_least_role_and_higher() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let api = Api::start(&world).await;
    let (ann, ben) = (
        world.staff(acme, "ann", Role::Admin).await,
        world.staff(acme, "ben", Role::Staff).await,
    );
    let answer = api.get("/audit").bearer_auth(&ann.token).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let refused = api.get("/audit").bearer_auth(&ben.token).send().await.unwrap();
    assert_eq!(refused.status(), 403);
    let nobody = api
        .get("/audit")
        .header("x-request-id", "from-the-proxy")
        .send()
        .await
        .unwrap();
    assert_eq!(nobody.status(), 401);
    assert_eq!(nobody.headers()["content-type"], "application/problem+json");
    assert_eq!(nobody.headers()["x-request-id"], "from-the-proxy");
    let problem: Value = nobody.json().await.unwrap();
    assert_eq!(problem["code"], "unauthorized");
    assert_eq!(problem["request_id"], "from-the-proxy");
}

#[tokio::test]
async fn a_token_on_another_tenants_host_finds_nothing() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let api = Api::start(&world).await;
    let ann = world.staff(acme, "ann", Role::Owner).await;
    for (host, status) in [
        ("acme.localhost:5000", 200),
        ("ACME.localhost.", 200),
        ("localhost:5000", 200),
        ("bolt.localhost:5000", 404),
        ("x.acme.localhost", 404),
    ] {
        let answer = api
            .get("/audit")
            .bearer_auth(&ann.token)
            .header("host", host)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), status, "{host}");
    }
}

#[tokio::test]
async fn who_is_disabled_is_out_on_every_process_within_two_seconds() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let (api, ann) = (
        Api::start(&world).await,
        world.staff(acme, "ann", Role::Owner).await,
    );
    let elsewhere = world.another_hub().await;
    assert!(hub::auth::authenticate(&elsewhere, &ann.token).await.is_ok());
    world.disable(&ann).await;
    let answer = api.get("/audit").bearer_auth(&ann.token).send().await.unwrap();
    assert_eq!(answer.status(), 401);
    let out = async { while hub::auth::authenticate(&elsewhere, &ann.token).await.is_ok() {} };
    tokio::time::timeout(std::time::Duration::from_secs(2), out)
        .await
        .unwrap();
}

#[tokio::test]
async fn an_unknown_page_is_a_problem_for_everybody() {
    let world = World::start().await;
    let api = Api::start(&world).await;
    for path in ["/nothing", "/audit"] {
        let answer = api.post(path).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{path}");
        assert_eq!(answer.json::<Value>().await.unwrap()["code"], "not_found");
    }
}
