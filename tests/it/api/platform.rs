//! Operators of the platform: what they see, what they switch, how they enter a tenant and what they cannot do there.

use std::time::Duration;

use hub::ids::TenantId;
use hub::role::Role;
use hub::testing::World;
use reqwest::Method;
use serde_json::{Value, json};

use super::Api;

const REASON: &str = "Invoice 2026-11 was not paid";

struct Platform {
    world: World,
    api: Api,
    acme: TenantId,
    operator: String,
    owner: String,
}

impl Platform {
    async fn open() -> Self {
        let world = World::start().await;
        let (home, acme) = (world.tenant("home").await, world.tenant("acme").await);
        let api = Api::start(&world).await;
        let operator = world.staff(home, "olga", Role::SystemAdmin).await.token;
        let owner = world.staff(acme, "ann", Role::Owner).await.token;
        Self {
            world,
            api,
            acme,
            operator,
            owner,
        }
    }

    async fn ask(&self, token: &str, method: Method, path: &str, body: Value) -> (u16, Value) {
        let request = self.api.request(method, path).bearer_auth(token);
        let request = if body.is_null() {
            request
        } else {
            request.json(&body)
        };
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    fn acme(&self, deed: &str) -> String {
        format!("/platform/tenants/{}{deed}", self.acme)
    }

    async fn enter(&self, body: Value) -> (u16, Value) {
        self.ask(&self.operator, Method::POST, &self.acme("/enter"), body)
            .await
    }

    /// Whether a visit's token is refused soon.
    async fn refuses(&self, token: &str) -> bool {
        let until = async {
            while self
                .ask(token, Method::GET, "/conversations", Value::Null)
                .await
                .0
                != 401
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), until).await.is_ok()
    }

    /// The actions of the tenant's audit log, as its owner reads them, latest first.
    async fn log(&self) -> Vec<String> {
        let (status, log) = self.ask(&self.owner, Method::GET, "/audit", Value::Null).await;
        assert_eq!(status, 200);
        let lines = log["items"].as_array().unwrap().iter();
        lines
            .map(|line| line["action"].as_str().unwrap().to_owned())
            .collect()
    }
}

#[tokio::test]
async fn an_operator_sees_tenants_and_sets_their_limits() {
    let platform = Platform::open().await;
    let (status, list) = platform
        .ask(&platform.operator, Method::GET, "/platform/tenants", Value::Null)
        .await;
    assert_eq!(status, 200);
    let slugs: Vec<_> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["tenant"]["slug"])
        .collect();
    assert_eq!(slugs, ["acme", "home"]);
    assert_eq!(list["items"][0]["usage"]["staff"], 1);
    let limits = json!({ "max_concurrent_calls": 3 });
    let (status, one) = platform
        .ask(&platform.operator, Method::PATCH, &platform.acme(""), limits)
        .await;
    assert_eq!((status, &one["tenant"]["max_concurrent_calls"]), (200, &3.into()));
    assert_eq!(platform.log().await, ["tenant.limited"]);
    let limits = json!({ "max_concurrent_calls": -1 });
    let (status, _) = platform
        .ask(&platform.operator, Method::PATCH, &platform.acme(""), limits)
        .await;
    assert_eq!(status, 422);
}

#[tokio::test]
async fn a_suspended_tenants_people_are_told_so_and_come_back_after() {
    let platform = Platform::open().await;
    let hub = &platform.world.hub;
    let new = hub::staff::NewStaff {
        email: "mia@example.com".to_owned(),
        name: "Mia".to_owned(),
        role: Role::Owner,
    };
    let word = "correct horse battery";
    hub::staff::create(hub, platform.acme, None, new, Some(word))
        .await
        .unwrap();
    let login = async |password: &str| {
        let body = json!({ "email": "mia@example.com", "password": password });
        let answer = platform.api.post("/auth/login").json(&body).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json::<Value>().await.unwrap()["code"].clone())
    };
    assert_eq!(login(word).await.0, 200);
    let (status, _) = platform
        .ask(
            &platform.operator,
            Method::POST,
            &platform.acme("/suspend"),
            json!({ "reason": "short" }),
        )
        .await;
    assert_eq!(status, 422, "a reason says something");
    let (status, one) = platform
        .ask(
            &platform.operator,
            Method::POST,
            &platform.acme("/suspend"),
            json!({ "reason": REASON }),
        )
        .await;
    assert_eq!((status, &one["suspended_reason"]), (200, &REASON.into()));
    let (status, _) = platform
        .ask(&platform.owner, Method::GET, "/me", Value::Null)
        .await;
    assert_eq!(status, 401, "at once");
    assert_eq!(login(word).await, (401, "tenant_suspended".into()));
    assert_eq!(
        login("another one").await,
        (401, "bad_credentials".into()),
        "said to nobody else"
    );
    platform
        .ask(
            &platform.operator,
            Method::POST,
            &platform.acme("/resume"),
            json!({ "reason": REASON }),
        )
        .await;
    assert_eq!(login(word).await.0, 200);
    let log = platform.log().await;
    assert!(
        log.contains(&"tenant.suspended".to_owned()) && log.contains(&"tenant.resumed".to_owned()),
        "{log:?}"
    );
}

#[tokio::test]
async fn an_operator_enters_for_a_reason_and_looks_without_touching() {
    let platform = Platform::open().await;
    assert_eq!(platform.enter(json!({ "reason": "" })).await.0, 422);
    assert_eq!(
        platform.enter(json!({ "reason": REASON, "minutes": 61 })).await.0,
        422
    );
    assert_eq!(
        platform
            .enter(json!({ "reason": REASON, "role": "owner" }))
            .await
            .0,
        422
    );
    let (status, entered) = platform.enter(json!({ "reason": REASON })).await;
    assert_eq!((status, &entered["visit"]["role"]), (201, &"read_only".into()));
    let token = entered["token"].as_str().unwrap();
    let (status, _) = platform
        .ask(token, Method::GET, "/conversations", Value::Null)
        .await;
    assert_eq!(status, 200);
    let note = json!({ "name": "Another" });
    let unknown = uuid::Uuid::nil();
    let (status, _) = platform
        .ask(token, Method::PATCH, &format!("/contacts/{unknown}"), note)
        .await;
    assert_eq!(status, 403);
    let (status, visits) = platform
        .ask(&platform.owner, Method::GET, "/operator-visits", Value::Null)
        .await;
    assert_eq!(
        (status, &visits["items"][0]["operator_name"]),
        (200, &"olga".into())
    );
    let line = platform
        .ask(&platform.owner, Method::GET, "/audit", Value::Null)
        .await
        .1["items"][0]
        .clone();
    assert_eq!(
        (&line["actor_kind"], &line["action"], &line["detail"]["reason"]),
        (&"operator".into(), &"operator.entered".into(), &REASON.into())
    );
    // The owner shows them out.
    let id = entered["visit"]["id"].as_str().unwrap();
    let path = format!("/operator-visits/{id}/end");
    let (status, _) = platform
        .ask(&platform.owner, Method::POST, &path, Value::Null)
        .await;
    assert_eq!(status, 200);
    let (status, _) = platform
        .ask(token, Method::GET, "/conversations", Value::Null)
        .await;
    assert_eq!(status, 401);
    assert_eq!(platform.log().await, ["operator.left", "operator.entered"]);
}

#[tokio::test]
async fn a_visit_of_any_role_makes_no_credentials_and_opens_no_sockets() {
    let platform = Platform::open().await;
    let (_, entered) = platform.enter(json!({ "reason": REASON, "role": "admin" })).await;
    let token = entered["token"].as_str().unwrap();
    let mut changed = Vec::new();
    for operation in api::OPERATIONS
        .iter()
        .filter(|line| line.least.is_some() && line.method != "GET")
    {
        let path = operation.path.replace("{id}", &uuid::Uuid::nil().to_string());
        let method: Method = operation.method.parse().unwrap();
        let (status, answer) = platform.ask(token, method, &path, json!({})).await;
        if (status, &answer["code"]) != (403, &"forbidden".into()) {
            changed.push(format!("{} {}", operation.method, operation.path));
        }
    }
    let allowed = [
        "POST /jobs/{id}/replay",
        "PATCH /inboxes/{id}",
        "PATCH /contacts/{id}",
        "PATCH /conversations/{id}",
        "POST /conversations/{id}/messages",
        "POST /messages/{id}/retry",
        "POST /calls/{id}/hang-up",
        "PUT /agent-settings",
        "POST /attachments/{id}/retry",
    ];
    assert_eq!(changed, allowed, "what a visit may change is a decision");
    let log = platform.log().await;
    let wrote = log.iter().filter(|action| *action == "operator.changed").count();
    assert_eq!(wrote, allowed.len(), "each is in the tenant's log");
}

#[tokio::test]
async fn a_visit_ends_with_its_time_with_its_operators_rights_and_needs_a_fresh_sign_in() {
    let platform = Platform::open().await;
    let (_, entered) = platform.enter(json!({ "reason": REASON, "minutes": 5 })).await;
    let token = entered["token"].as_str().unwrap().to_owned();
    let mut admin = platform.world.admin().await;
    let run = async |admin: &mut sqlx::PgConnection, statement: &'static str| {
        sqlx::raw_sql(statement).execute(admin).await.unwrap();
    };
    run(&mut admin, "UPDATE operator_visits SET expires_at = now()").await;
    assert!(platform.refuses(&token).await, "its time is over");
    let (_, entered) = platform.enter(json!({ "reason": REASON })).await;
    let token = entered["token"].as_str().unwrap().to_owned();
    run(&mut admin, "UPDATE staff SET role = 'staff' WHERE name = 'olga'").await;
    assert!(platform.refuses(&token).await, "its operator is none any more");
    run(
        &mut admin,
        "UPDATE staff SET role = 'system_admin' WHERE name = 'olga';
         UPDATE refresh_families SET created_at = now() - interval '11 minutes'",
    )
    .await;
    let enter = async || platform.enter(json!({ "reason": REASON })).await;
    let stale = async {
        while enter().await.0 != 401 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), stale)
        .await
        .unwrap();
    assert_eq!(enter().await.1["code"], "fresh_sign_in_required");
}
