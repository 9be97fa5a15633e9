//! A demo page over HTTP: switched on and off by admins, called by anybody, within limits.

use hub::ids::TenantId;
use hub::role::Role;
use hub::testing::World;
use reqwest::Method;
use serde_json::{Value, json};

use super::Api;
use super::rows::Rows;

/// The page of the tenant's number, switched on: the number's path, the page's key.
async fn open(world: &World, api: &Api, tenant: TenantId, token: &str) -> (String, String) {
    let number = Rows::write(world, tenant).await.id("voice_inboxes");
    let path = format!("/inboxes/{number}/demo-page");
    let page = set(api, &path, token, &json!({ "enabled": true })).await;
    (path, key_of(&page))
}

async fn set(api: &Api, path: &str, token: &str, change: &Value) -> Value {
    let answer = api.request(Method::PUT, path).bearer_auth(token).json(change);
    answer
        .send()
        .await
        .unwrap()
        .error_for_status()
        .unwrap()
        .json()
        .await
        .unwrap()
}

fn key_of(page: &Value) -> String {
    page["url"]
        .as_str()
        .unwrap()
        .rsplit('/')
        .next()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn anybody_may_call_where_it_is_switched_on_and_nowhere_else() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let api = Api::start(&world).await;
    let ann = world.staff(acme, "ann", Role::Admin).await;
    let (path, key) = open(&world, &api, acme, &ann.token).await;
    let look = async |key: &str| api.get(&format!("/demo-pages/{key}")).send().await.unwrap();
    let welcome: Value = look(&key).await.json().await.unwrap();
    assert_eq!(welcome["max_duration_s"], 300);
    let call: Value = {
        let answer = api
            .post(&format!("/demo-pages/{key}/calls"))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 201);
        answer.json().await.unwrap()
    };
    assert!(call["url"].as_str().unwrap().starts_with("/media/phone/"));
    // Another address: whoever has the old one finds nothing, as with a key that nobody has.
    let changed = json!({ "enabled": true, "new_address": true });
    let renewed = key_of(&set(&api, &path, &ann.token, &changed).await);
    assert_ne!(renewed, key);
    let (old, never) = (look(&key).await, look("d_000000000000000000000000").await);
    assert_eq!(
        (old.status(), never.status()),
        (404.try_into().unwrap(), 404.try_into().unwrap())
    );
    set(&api, &path, &ann.token, &json!({ "enabled": false })).await;
    assert_eq!(look(&renewed).await.status(), 404);
    let refused = api
        .post(&format!("/demo-pages/{renewed}/calls"))
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 404);
    // Switched on again, it is where it was.
    let again = set(&api, &path, &ann.token, &json!({ "enabled": true })).await;
    assert_eq!(key_of(&again), renewed);
}

#[tokio::test]
async fn only_our_own_pages_may_begin_a_visitors_call() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let api = Api::start(&world).await;
    let ann = world.staff(acme, "ann", Role::Admin).await;
    let (_, key) = open(&world, &api, acme, &ann.token).await;
    let call = api.post(&format!("/demo-pages/{key}/calls"));
    let foreign = call
        .header("origin", "https://evil.example")
        .send()
        .await
        .unwrap();
    assert_eq!(foreign.status(), 403);
}

#[tokio::test]
async fn one_address_calls_only_so_often() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let api = Api::start(&world).await;
    let ann = world.staff(acme, "ann", Role::Admin).await;
    let (_, key) = open(&world, &api, acme, &ann.token).await;
    let mut answers = Vec::new();
    for _ in 0..7 {
        let answer = api
            .post(&format!("/demo-pages/{key}/calls"))
            .send()
            .await
            .unwrap();
        answers.push(answer.status().as_u16());
    }
    assert_eq!(answers, [201, 201, 409, 409, 409, 409, 429]);
}

#[tokio::test]
async fn an_inbox_that_takes_no_calls_has_no_demo_page() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let api = Api::start(&world).await;
    let ann = world.staff(acme, "ann", Role::Admin).await;
    let texts = Rows::write(&world, acme).await.id("inboxes");
    let wanted = api.request(Method::PUT, &format!("/inboxes/{texts}/demo-page"));
    let answer = wanted
        .bearer_auth(&ann.token)
        .json(&json!({ "enabled": true }))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 422);
}
