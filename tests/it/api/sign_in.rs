//! Sign-in over HTTP: passwords, cookies, guessing, the second factor, links, keys.

use hub::ids::TenantId;
use hub::role::Role;
use hub::staff::NewStaff;
use hub::testing::World;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use super::Api;

const PASSWORD: &str = "correct horse battery";

async fn person(world: &World, tenant: TenantId, email: &str) {
    let new = NewStaff {
        email: email.to_owned(),
        name: "Ann".to_owned(),
        role: Role::Owner,
    };
    hub::staff::create(&world.hub, tenant, None, new, Some(PASSWORD))
        .await
        .unwrap();
}

/// The value of a cookie that an answer sets.
fn cookie(answer: &Response, name: &str) -> Option<String> {
    let lines = answer.headers().get_all("set-cookie").iter();
    lines
        .filter_map(|line| line.to_str().ok()?.split_once('='))
        .find(|(key, _)| *key == name)
        .and_then(|(_, rest)| rest.split(';').next().map(str::to_owned))
}

async fn code(answer: Response) -> (StatusCode, String) {
    let status = answer.status();
    let body: Value = answer.json().await.unwrap_or_default();
    (status, body["code"].as_str().unwrap_or_default().to_owned())
}

impl Api {
    async fn log_in(&self, body: Value, from: &str) -> Response {
        let request = self.post("/auth/login").header("x-forwarded-for", from);
        request.json(&body).send().await.unwrap()
    }

    async fn refresh(&self, token: &str) -> Response {
        let request = self.post("/auth/refresh").header("x-switchboard", "1");
        let request = request.header("cookie", format!("switchboard-refresh={token}"));
        request.send().await.unwrap()
    }
}

#[tokio::test]
async fn a_password_opens_a_session_that_refreshes_and_ends() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    person(&world, acme, "ann@example.com").await;
    let api = Api::start(&world).await;
    let answer = api
        .log_in(
            json!({ "email": "Ann@Example.com", "password": PASSWORD }),
            "198.51.100.1",
        )
        .await;
    assert_eq!(answer.status(), 200);
    let first = cookie(&answer, "switchboard-refresh").unwrap();
    let session: Value = answer.json().await.unwrap();
    assert_eq!(session["staff"]["tenant"]["slug"], "acme");
    let token = session["access_token"].as_str().unwrap();
    let me: Value = api
        .get("/me")
        .bearer_auth(token)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(me["staff"]["email"], "ann@example.com");

    let answer = api.refresh(&first).await;
    assert_eq!(answer.status(), 200);
    let second = cookie(&answer, "switchboard-refresh").unwrap();
    let token = answer.json::<Value>().await.unwrap()["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let ended = api
        .post("/auth/logout")
        .header("x-switchboard", "1")
        .header("cookie", format!("a=b; switchboard-refresh={second}"))
        .send()
        .await
        .unwrap();
    assert_eq!(ended.status(), 204);
    assert_eq!(
        api.get("/me").bearer_auth(token).send().await.unwrap().status(),
        401
    );
    assert_eq!(
        code(api.refresh(&second).await).await,
        (StatusCode::UNAUTHORIZED, "bad_refresh".into())
    );
}

#[tokio::test]
async fn a_cookie_is_not_taken_from_another_sites_page() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    person(&world, acme, "ann@example.com").await;
    let api = Api::start(&world).await;
    let answer = api
        .log_in(
            json!({ "email": "ann@example.com", "password": PASSWORD }),
            "198.51.100.1",
        )
        .await;
    for line in answer.headers().get_all("set-cookie") {
        let line = line.to_str().unwrap();
        assert!(
            line.contains("HttpOnly") && line.contains("SameSite=Strict"),
            "{line}"
        );
    }
    let refresh = cookie(&answer, "switchboard-refresh").unwrap();
    for (name, value, status) in [
        ("origin", "https://evil.example", 403),
        ("origin", "null", 403),
        ("origin", "http://localhost:5000.evil.example", 403),
        ("origin", "http://LOCALHOST:5000", 403),
        ("origin", "http://localhost:5000@evil.example", 403),
        ("origin", "http://a.b.localhost:5000", 403),
        ("origin", "https://localhost:5000", 403),
        ("sec-fetch-site", "cross-site", 403),
        ("sec-fetch-site", "same-site", 403),
        ("sec-fetch-site", "same-origin", 200),
    ] {
        let request = api.post("/auth/refresh").header("x-switchboard", "1");
        let request = request.header("cookie", format!("switchboard-refresh={refresh}"));
        let answer = request.header(name, value).send().await.unwrap();
        assert_eq!(answer.status(), status, "refresh with {name}: {value}");
        let login = api.post("/auth/login").header("x-forwarded-for", "198.51.100.2");
        let body = json!({ "email": "ann@example.com", "password": PASSWORD });
        let answer = login.json(&body).header(name, value).send().await.unwrap();
        assert_eq!(answer.status(), status, "login with {name}: {value}");
    }
    let without = api
        .post("/auth/refresh")
        .header("cookie", format!("switchboard-refresh={refresh}"));
    assert_eq!(without.send().await.unwrap().status(), 403);
    let form = api
        .post("/auth/login")
        .form(&[("email", "ann@example.com"), ("password", PASSWORD)]);
    assert_eq!(form.send().await.unwrap().status(), 415);
}

#[tokio::test]
async fn guessing_is_slowed_by_address_and_by_account_but_not_for_the_owners_browser() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    person(&world, acme, "ann@example.com").await;
    let api = Api::start(&world).await;
    let right = json!({ "email": "ann@example.com", "password": PASSWORD });
    let device = cookie(
        &api.log_in(right.clone(), "203.0.113.1").await,
        "switchboard-device",
    )
    .unwrap();
    // One guess at each of many accounts from one address.
    for n in 0..5 {
        let guess = json!({ "email": format!("nobody{n}@example.com"), "password": "a guess at it" });
        assert_eq!(
            code(api.log_in(guess, "198.51.100.1").await).await.1,
            "bad_credentials"
        );
    }
    let sixth = api.log_in(right.clone(), "198.51.100.1").await;
    assert_eq!(sixth.status(), 429);
    let wait: u64 = sixth.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((50..=60).contains(&wait), "{wait}");
    // Many addresses at one account.
    let wrong = json!({ "email": "ann@example.com", "password": "a guess at it" });
    for n in 0..10 {
        let answer = api.log_in(wrong.clone(), &format!("198.51.100.{}", 10 + n)).await;
        assert_eq!(answer.status(), 401, "{n}");
    }
    assert_eq!(api.log_in(right.clone(), "198.51.100.99").await.status(), 429);
    // The owner's own browser is counted apart.
    let request = api.post("/auth/login").header("x-forwarded-for", "203.0.113.1");
    let request = request.header("cookie", format!("switchboard-device={device}"));
    assert_eq!(request.json(&right).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn guessing_is_slowed_without_redis_too() {
    let mut world = World::start().await;
    let api = Api::start(&world).await;
    world.redis().kill();
    let guess = json!({ "email": "nobody@example.com", "password": "a guess at it" });
    for _ in 0..5 {
        assert_eq!(api.log_in(guess.clone(), "198.51.100.1").await.status(), 401);
    }
    assert_eq!(api.log_in(guess, "198.51.100.1").await.status(), 429);
}

#[tokio::test]
async fn a_long_password_is_refused_and_many_at_once_wait_their_turn() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    person(&world, acme, "ann@example.com").await;
    let api = Api::start(&world).await;
    for (length, status) in [(1_000_000, 413), (2_000, 422)] {
        let body = json!({ "email": "ann@example.com", "password": "x".repeat(length) });
        assert_eq!(api.log_in(body, "198.51.100.1").await.status(), status);
    }
    // While twenty sign-ins hash, other requests are answered.
    let ben = world.staff(acme, "ben", Role::Staff).await;
    let storm = (0..20).map(|n| {
        let body = json!({ "email": format!("nobody{n}@example.com"), "password": "a guess at it" });
        let api = &api;
        async move { api.log_in(body, &format!("203.0.113.{n}")).await.status() }
    });
    let other = async {
        let mut slowest = std::time::Duration::ZERO;
        for _ in 0..20 {
            let started = std::time::Instant::now();
            assert_eq!(
                api.get("/staff")
                    .bearer_auth(&ben.token)
                    .send()
                    .await
                    .unwrap()
                    .status(),
                200
            );
            slowest = slowest.max(started.elapsed());
        }
        slowest
    };
    let (statuses, slowest) = tokio::join!(futures_util::future::join_all(storm), other);
    // On a slow machine some may have waited too long, which is said plainly; none may fail in another way.
    assert!(
        statuses
            .iter()
            .all(|status| [401, 503].contains(&status.as_u16())),
        "{statuses:?}"
    );
    assert!(slowest < std::time::Duration::from_secs(2), "{slowest:?}");
}

#[tokio::test]
async fn one_address_in_two_businesses_says_which() {
    let world = World::start().await;
    let (acme, bolt) = (world.tenant("acme").await, world.tenant("bolt").await);
    person(&world, acme, "ann@example.com").await;
    person(&world, bolt, "ann@example.com").await;
    let api = Api::start(&world).await;
    let mut body = json!({ "email": "ann@example.com", "password": PASSWORD });
    let asked = code(api.log_in(body.clone(), "198.51.100.1").await).await;
    assert_eq!(asked, (StatusCode::CONFLICT, "tenant_required".into()));
    body["tenant"] = "bolt".into();
    let answer: Value = api
        .log_in(body.clone(), "198.51.100.1")
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(answer["staff"]["tenant"]["slug"], "bolt");
    let on_host = api
        .post("/auth/login")
        .header("host", "acme.localhost:5000")
        .json(&body);
    assert_eq!(on_host.send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn an_imported_hash_is_upgraded_by_the_first_sign_in() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    person(&world, acme, "ann@example.com").await;
    let mut admin = world.admin().await;
    // bcrypt of the password above, cost 4.
    let imported = bcrypt::hash(PASSWORD, 4).unwrap();
    sqlx::query("UPDATE staff SET password_hash = $1")
        .bind(imported)
        .execute(&mut admin)
        .await
        .unwrap();
    let api = Api::start(&world).await;
    let body = json!({ "email": "ann@example.com", "password": PASSWORD });
    assert_eq!(api.log_in(body.clone(), "198.51.100.1").await.status(), 200);
    let stored: String = sqlx::query_scalar("SELECT password_hash FROM staff")
        .fetch_one(&mut admin)
        .await
        .unwrap();
    assert!(stored.starts_with("$argon2id$"), "{stored}");
    assert_eq!(api.log_in(body, "198.51.100.1").await.status(), 200);
}
