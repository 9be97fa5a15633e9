//! The second factor, links, tickets, keys and the staff list: what each lets through, and how often.

use std::time::Duration;

use hub::auth::ticket::{self, Purpose};
use hub::auth::{self, link};
use hub::clock::Clock;
use hub::ids::{CallId, TenantId};
use hub::role::Role;
use hub::staff::NewStaff;
use hub::testing::World;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use super::Api;

const PASSWORD: &str = "correct horse battery";

async fn person(world: &World, tenant: TenantId, email: &str) -> hub::staff::Staff {
    let new = NewStaff {
        email: email.to_owned(),
        name: "Ann".to_owned(),
        role: Role::Owner,
    };
    hub::staff::create(&world.hub, tenant, None, new, Some(PASSWORD))
        .await
        .unwrap()
}

fn held() -> Clock {
    Clock::held("2026-05-01T12:00:00Z".parse::<jiff::Timestamp>().unwrap().into())
}

/// What an authenticator shows.
fn shown(world: &World, secret: &str) -> String {
    let totp = Builder::new()
        .with_secret(Secret::try_from_base32(secret).unwrap())
        .with_account_name("x")
        .build()
        .unwrap();
    totp.generate(u64::try_from(world.hub.clock.now().as_second()).unwrap())
        .to_string()
}

async fn code(answer: Response) -> (u16, String) {
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.unwrap_or_default();
    (status, body["code"].as_str().unwrap_or_default().to_owned())
}

impl Api {
    async fn sign_in(&self, totp: Option<&str>) -> Response {
        let body = json!({ "email": "ann@example.com", "password": PASSWORD, "totp": totp });
        self.post("/auth/login").json(&body).send().await.unwrap()
    }

    async fn token(&self, totp: Option<&str>) -> String {
        let answer: Value = self.sign_in(totp).await.json().await.unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    }

    async fn send(&self, token: &str, path: &str, body: Value) -> Response {
        self.post(path)
            .bearer_auth(token)
            .json(&body)
            .send()
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn a_code_is_good_once_and_a_recovery_code_too() {
    let world = World::with(|_| {}, held()).await;
    let acme = world.tenant("acme").await;
    let ann = person(&world, acme, "ann@example.com").await;
    let api = Api::start(&world).await;
    let token = api.token(None).await;
    let secret: Value = api
        .send(&token, "/me/totp", json!({}))
        .await
        .json()
        .await
        .unwrap();
    let secret = secret["secret"].as_str().unwrap();
    let wrong = api
        .send(&token, "/me/totp/confirm", json!({ "code": "000000" }))
        .await;
    assert_eq!(code(wrong).await, (401, "bad_totp".into()));
    // Not confirmed, not asked for.
    assert_eq!(api.sign_in(None).await.status(), 200);
    let first = shown(&world, secret);
    let confirmed = api
        .send(&token, "/me/totp/confirm", json!({ "code": first }))
        .await;
    let codes: Value = confirmed.json().await.unwrap();
    let recovery = codes["recovery_codes"][3].as_str().unwrap();

    assert_eq!(code(api.sign_in(None).await).await, (401, "totp_required".into()));
    assert_eq!(
        code(api.sign_in(Some(&first)).await).await,
        (401, "bad_totp".into())
    );
    world.hub.clock.advance(Duration::from_secs(30));
    let second = shown(&world, secret);
    assert_eq!(api.sign_in(Some(&second)).await.status(), 200);
    assert_eq!(
        code(api.sign_in(Some(&second)).await).await,
        (401, "bad_totp".into())
    );
    assert_eq!(api.sign_in(Some(&recovery.to_uppercase())).await.status(), 200);
    assert_eq!(
        code(api.sign_in(Some(recovery)).await).await,
        (401, "bad_totp".into())
    );
    // A link is no way around it, and asking for the code does not use it up.
    let link = link::create(&world.hub, acme, ann.id, Duration::from_mins(5))
        .await
        .unwrap();
    let link = link.rsplit_once('=').unwrap().1;
    let asked = api.send(&token, "/auth/link", json!({ "token": link })).await;
    assert_eq!(code(asked).await, (401, "totp_required".into()));
    world.hub.clock.advance(Duration::from_secs(30));
    let third = shown(&world, secret);
    let came = api
        .send(&token, "/auth/link", json!({ "token": link, "totp": third }))
        .await;
    assert_eq!(came.status(), 200);
    world.hub.clock.advance(Duration::from_secs(30));
    let off = api
        .send(
            &token,
            "/me/totp/disable",
            json!({ "code": shown(&world, secret) }),
        )
        .await;
    assert_eq!(off.status(), 204);
    assert_eq!(api.sign_in(None).await.status(), 200);
    let stored: Vec<Vec<u8>> = sqlx::query_scalar("SELECT code_hash FROM recovery_codes")
        .fetch_all(&mut world.admin().await)
        .await
        .unwrap();
    assert!(stored.is_empty());
}

#[tokio::test]
async fn five_wrong_codes_make_a_pause() {
    let world = World::with(|_| {}, held()).await;
    let acme = world.tenant("acme").await;
    person(&world, acme, "ann@example.com").await;
    let api = Api::start(&world).await;
    let token = api.token(None).await;
    let secret: Value = api
        .send(&token, "/me/totp", json!({}))
        .await
        .json()
        .await
        .unwrap();
    let right = json!({ "code": shown(&world, secret["secret"].as_str().unwrap()) });
    assert_eq!(api.send(&token, "/me/totp/confirm", right).await.status(), 200);
    for _ in 0..5 {
        assert_eq!(
            code(api.sign_in(Some("000000")).await).await,
            (401, "bad_totp".into())
        );
    }
    assert_eq!(api.sign_in(Some("000000")).await.status(), 429);
}

#[tokio::test]
async fn a_link_signs_in_once_and_in_time() {
    let world = World::with(|_| {}, held()).await;
    let acme = world.tenant("acme").await;
    let ann = person(&world, acme, "ann@example.com").await;
    let api = Api::start(&world).await;
    let make = async || {
        let url = link::create(&world.hub, acme, ann.id, Duration::from_mins(5))
            .await
            .unwrap();
        assert!(url.starts_with("http://localhost:5000/sign-in#link="), "{url}");
        url.rsplit_once('=').unwrap().1.to_owned()
    };
    let follow = async |token: &str| {
        api.post("/auth/link")
            .json(&json!({ "token": token }))
            .send()
            .await
            .unwrap()
    };
    let (one, late) = (make().await, make().await);
    let both = tokio::join!(follow(&one), follow(&one));
    let mut statuses = [both.0.status(), both.1.status()];
    statuses.sort();
    assert_eq!(statuses, [StatusCode::OK, StatusCode::UNAUTHORIZED]);
    world.hub.clock.advance(Duration::from_mins(5));
    assert_eq!(code(follow(&late).await).await, (401, "bad_link".into()));
    assert_eq!(code(follow("nonsense").await).await, (401, "bad_link".into()));
}

#[tokio::test]
async fn a_ticket_opens_one_thing_once() {
    let mut world = World::with(|_| {}, held()).await;
    let acme = world.tenant("acme").await;
    let ann = world.staff(acme, "ann", Role::Staff).await;
    let hub = world.hub.clone();
    let elsewhere = world.another_hub().await;
    let call = Purpose::CallAudio(CallId::at(hub.clock.now()));
    let make = |purpose| ticket::create(&hub, &ann.principal, purpose).unwrap();
    let one = make(Purpose::Live);
    assert!(ticket::redeem(&hub, &one, call).await.is_err());
    assert_eq!(
        ticket::redeem(&hub, &one, Purpose::Live)
            .await
            .unwrap()
            .principal
            .tenant(),
        acme
    );
    assert!(ticket::redeem(&hub, &one, Purpose::Live).await.is_err());
    assert!(ticket::redeem(&elsewhere, &one, Purpose::Live).await.is_err());
    let late = make(Purpose::Live);
    hub.clock.advance(Duration::from_secs(30));
    assert!(ticket::redeem(&hub, &late, Purpose::Live).await.is_err());
    // A token is no ticket, a ticket no token, and nobody signs one himself.
    assert!(ticket::redeem(&hub, &ann.token, Purpose::Live).await.is_err());
    assert!(auth::authenticate(&hub, &make(Purpose::Live)).await.is_err());
    let forged = make(call).replacen('e', "f", 1);
    assert!(ticket::redeem(&hub, &forged, call).await.is_err());
    // Without Redis it still opens, and in one process still once.
    let (without, gone) = (make(call), make(Purpose::Live));
    world.redis().kill();
    assert!(ticket::redeem(&hub, &without, call).await.is_ok());
    assert!(ticket::redeem(&hub, &without, call).await.is_err());
    world.disable(&ann).await;
    assert!(ticket::redeem(&hub, &gone, Purpose::Live).await.is_err());
}

#[tokio::test]
async fn a_key_works_until_it_is_revoked_and_is_kept_as_a_hash() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let ann = world.staff(acme, "ann", Role::Admin).await;
    let (api, elsewhere) = (Api::start(&world).await, world.another_hub().await);
    let made = api
        .send(
            &ann.token,
            "/api-keys",
            json!({ "name": "printer", "role": "staff" }),
        )
        .await;
    let made: Value = made.json().await.unwrap();
    let (id, secret) = (
        made["api_key"]["id"].as_str().unwrap(),
        made["secret"].as_str().unwrap(),
    );
    assert!(secret.starts_with("sbk_") && secret.ends_with(made["api_key"]["last_four"].as_str().unwrap()));
    assert_eq!(
        api.get("/staff")
            .bearer_auth(secret)
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    assert!(auth::authenticate(&elsewhere, secret).await.is_ok());
    let row: String = sqlx::query_scalar("SELECT k::text FROM api_keys k")
        .fetch_one(&mut world.admin().await)
        .await
        .unwrap();
    assert!(!row.contains(secret.split_at(secret.len() - 43).1), "{row}");
    let list: Value = api
        .get("/api-keys")
        .bearer_auth(&ann.token)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(list["items"][0]["id"], id);
    assert!(!list.to_string().contains(secret) && list["items"][0]["last_used_at"].is_string());
    let gone = api
        .request(reqwest::Method::DELETE, &format!("/api-keys/{id}"))
        .bearer_auth(&ann.token);
    assert_eq!(gone.send().await.unwrap().status(), 204);
    assert_eq!(
        api.get("/staff")
            .bearer_auth(secret)
            .send()
            .await
            .unwrap()
            .status(),
        401
    );
    let out = async { while auth::authenticate(&elsewhere, secret).await.is_ok() {} };
    tokio::time::timeout(Duration::from_millis(1_100), out)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_key_with_another_ending_is_no_key() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let new = hub::api_key::NewApiKey {
        name: "printer".to_owned(),
        role: Role::Staff,
    };
    let secret = hub::api_key::create(&world.hub, acme, None, new)
        .await
        .unwrap()
        .secret;
    assert!(auth::authenticate(&world.hub, &secret).await.is_ok());
    let (head, _) = secret.split_at(secret.len() - 4);
    for wrong in [
        format!("{head}AAAA"),
        head.to_owned(),
        format!("{secret}A"),
        "sbk_".to_owned(),
    ] {
        assert!(auth::authenticate(&world.hub, &wrong).await.is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn an_owner_remains_and_nobody_climbs() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let (owner, admin) = (
        world.staff(acme, "olga", Role::Owner).await,
        world.staff(acme, "adam", Role::Admin).await,
    );
    let api = Api::start(&world).await;
    let change = async |by: &str, id: hub::ids::StaffId, body: Value| {
        let request = api
            .request(reqwest::Method::PATCH, &format!("/staff/{id}"))
            .bearer_auth(by);
        code(request.json(&body).send().await.unwrap()).await
    };
    assert_eq!(
        change(&admin.token, admin.id, json!({ "role": "owner" })).await.0,
        403
    );
    assert_eq!(
        change(&admin.token, owner.id, json!({ "disabled": true }))
            .await
            .0,
        403
    );
    let invite = json!({ "email": "x@example.com", "name": "X", "role": "owner" });
    assert_eq!(api.send(&admin.token, "/staff", invite).await.status(), 403);
    let key = json!({ "name": "k", "role": "admin" });
    assert_eq!(api.send(&admin.token, "/api-keys", key).await.status(), 201);
    for body in [json!({ "role": "staff" }), json!({ "disabled": true })] {
        assert_eq!(
            change(&owner.token, owner.id, body).await,
            (409, "last_owner".into())
        );
    }
}

#[tokio::test]
async fn of_two_owners_who_leave_at_once_one_stays() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let owner = world.staff(acme, "olga", Role::Owner).await;
    let api = Api::start(&world).await;
    let change = async |by: &str, id: hub::ids::StaffId, body: Value| {
        let request = api
            .request(reqwest::Method::PATCH, &format!("/staff/{id}"))
            .bearer_auth(by);
        code(request.json(&body).send().await.unwrap()).await
    };
    let invite = json!({ "email": "x@example.com", "name": "X", "role": "owner" });
    let invited: Value = api
        .send(&owner.token, "/staff", invite)
        .await
        .json()
        .await
        .unwrap();
    assert!(
        invited["sign_in_link"]
            .as_str()
            .unwrap()
            .contains("/sign-in#link=")
    );
    let other = world.staff(acme, "omar", Role::Owner).await;
    let id = invited["staff"]["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(change(&owner.token, id, json!({ "disabled": true })).await.0, 200);
    let both = tokio::join!(
        change(&owner.token, owner.id, json!({ "role": "staff" })),
        change(&other.token, other.id, json!({ "role": "staff" })),
    );
    let mut statuses = [both.0.0, both.1.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
}

#[tokio::test]
async fn a_new_password_ends_the_other_sign_ins() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    person(&world, acme, "ann@example.com").await;
    let api = Api::start(&world).await;
    let (here, there) = (api.token(None).await, api.token(None).await);
    let wrong = json!({ "current": "a guess at it", "new": "another long password" });
    assert_eq!(api.send(&here, "/me/password", wrong).await.status(), 422);
    let weak = json!({ "current": PASSWORD, "new": "short" });
    assert_eq!(api.send(&here, "/me/password", weak).await.status(), 422);
    let right = json!({ "current": PASSWORD, "new": "another long password" });
    assert_eq!(api.send(&here, "/me/password", right).await.status(), 204);
    assert_eq!(
        api.get("/me").bearer_auth(&there).send().await.unwrap().status(),
        401
    );
    assert_eq!(
        code(api.sign_in(None).await).await,
        (401, "bad_credentials".into())
    );
}
