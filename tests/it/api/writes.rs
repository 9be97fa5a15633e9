//! Writes: repeated, concurrent, with fields that do not belong; and the pages of lists.

use hub::role::Role;
use hub::testing::World;
use serde_json::{Value, json};

use super::Api;

#[tokio::test]
async fn the_same_key_again_answers_the_same_and_does_nothing() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let (ann, cleo) = (
        world.staff(acme, "ann", Role::Admin).await,
        world.staff(acme, "cleo", Role::Admin).await,
    );
    let api = Api::start(&world).await;
    let send = |who: &str, key: &str, name: &str| {
        let request = api
            .post("/api-keys")
            .bearer_auth(who)
            .header("idempotency-key", key);
        request.json(&json!({ "name": name, "role": "staff" })).send()
    };
    let first = send(&ann.token, "one", "printer").await.unwrap();
    assert_eq!(first.status(), 201);
    let first: Value = first.json().await.unwrap();
    let again = send(&ann.token, "one", "printer").await.unwrap();
    assert_eq!(
        (
            again.status().as_u16(),
            again.headers()["idempotent-replayed"].to_str().unwrap()
        ),
        (201, "true")
    );
    assert_eq!(again.json::<Value>().await.unwrap(), first);
    let other = send(&ann.token, "one", "scanner").await.unwrap();
    assert_eq!(other.status(), 422);
    assert_eq!(other.json::<Value>().await.unwrap()["code"], "key_reused");
    // Two people's keys never meet.
    assert_eq!(send(&cleo.token, "one", "scanner").await.unwrap().status(), 201);
    let mut admin = world.admin().await;
    let kept: Vec<Vec<u8>> = sqlx::query_scalar("SELECT body FROM idempotency_keys")
        .fetch_all(&mut admin)
        .await
        .unwrap();
    let secret = first["secret"].as_str().unwrap().as_bytes();
    assert!(
        kept.iter()
            .all(|body| !body.windows(secret.len()).any(|part| part == secret))
    );
    let keys: i64 = sqlx::query_scalar("SELECT count(*) FROM api_keys")
        .fetch_one(&mut admin)
        .await
        .unwrap();
    assert_eq!(keys, 2);
}

#[tokio::test]
async fn many_at_once_with_one_key_are_done_once() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let ann = world.staff(acme, "ann", Role::Admin).await;
    let api = Api::start(&world).await;
    let all = (0..12).map(|_| {
        let request = api
            .post("/api-keys")
            .bearer_auth(&ann.token)
            .header("idempotency-key", "burst");
        request
            .json(&json!({ "name": "printer", "role": "staff" }))
            .send()
    });
    for answer in futures_util::future::join_all(all).await {
        let status = answer.unwrap().status().as_u16();
        assert!(status == 201 || status == 409, "{status}");
    }
    let mut admin = world.admin().await;
    let keys: i64 = sqlx::query_scalar("SELECT count(*) FROM api_keys")
        .fetch_one(&mut admin)
        .await
        .unwrap();
    assert_eq!(keys, 1);
}

#[tokio::test]
async fn a_refusal_names_the_field_and_unknown_ones_are_refused() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let ann = world.staff(acme, "ann", Role::Admin).await;
    let api = Api::start(&world).await;
    let good = json!({ "email": "ben@example.com", "name": "Ben", "role": "staff" });
    for (field, value) in [
        ("tenant_id", json!("0190b4d3-0000-7000-8000-000000000000")),
        ("created_by", json!("x")),
        ("owner_id", json!("x")),
        ("role", json!("emperor")),
        ("role", json!("system_admin")),
        ("email", json!("no address")),
        ("name", json!("")),
    ] {
        let mut body = good.clone();
        body[field] = value;
        let answer = api
            .post("/staff")
            .bearer_auth(&ann.token)
            .json(&body)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 422, "{field}");
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    let broken = api
        .post("/staff")
        .bearer_auth(&ann.token)
        .header("content-type", "application/json");
    assert_eq!(broken.body("{").send().await.unwrap().status(), 400);
    let large = api
        .post("/staff")
        .bearer_auth(&ann.token)
        .json(&"x".repeat(300_000));
    assert_eq!(large.send().await.unwrap().status(), 413);
    let query = api.get("/audit?limit=5&tenant_id=x").bearer_auth(&ann.token);
    assert_eq!(query.send().await.unwrap().status(), 400);
    let made = api.post("/staff").bearer_auth(&ann.token).json(&good);
    assert_eq!(made.send().await.unwrap().status(), 201);
}

#[tokio::test]
async fn a_cursor_goes_on_where_the_page_ended_and_serves_nobody_else() {
    let world = World::start().await;
    let (acme, bolt) = (world.tenant("acme").await, world.tenant("bolt").await);
    let (ann, eve) = (
        world.staff(acme, "ann", Role::Admin).await,
        world.staff(bolt, "eve", Role::Admin).await,
    );
    let api = Api::start(&world).await;
    for n in 0..5 {
        let body = json!({ "name": format!("key {n}"), "role": "staff" });
        api.post("/api-keys")
            .bearer_auth(&ann.token)
            .json(&body)
            .send()
            .await
            .unwrap();
    }
    let (mut names, mut cursor) = (Vec::new(), String::new());
    loop {
        let page: Value = api
            .get(&format!("/audit?limit=2{cursor}"))
            .bearer_auth(&ann.token)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        names.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|line| line["detail"]["name"].clone()),
        );
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        let stolen = api
            .get(&format!("/audit?cursor={next}"))
            .bearer_auth(&eve.token)
            .send()
            .await
            .unwrap();
        assert_eq!(stolen.status(), 400);
        let bent = api
            .get(&format!("/audit?cursor=A{next}"))
            .bearer_auth(&ann.token)
            .send()
            .await
            .unwrap();
        assert_eq!(bent.status(), 400);
        cursor = format!("&cursor={next}");
    }
    assert_eq!(names, ["key 4", "key 3", "key 2", "key 1", "key 0"]);
}

#[tokio::test]
async fn the_web_app_answers_its_own_paths_and_no_others() {
    let world = World::start().await;
    let api = Api::start(&world).await;
    let get = |path: &str| api.client.get(format!("http://{}{path}", api.address)).send();
    for path in ["/", "/inbox/123", "/sign-in"] {
        let page = get(path).await.unwrap();
        assert_eq!(page.status(), 200, "{path}");
        assert_eq!(page.headers()["cache-control"], "no-cache");
        let policy = page.headers()["content-security-policy"].to_str().unwrap();
        assert!(
            policy.contains("script-src 'self';") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
    }
    for path in [
        "/assets/none.js",
        "/api/nothing",
        "/forms/",
        "/.gitkeep",
        "/../Cargo.toml",
        "/webhooks/twilio/none",
    ] {
        assert_eq!(get(path).await.unwrap().status(), 404, "{path}");
    }
}
