//! Every operation with every role, and every operation with another tenant's ids. Both are generated from the operation
//! table: an operation that is not covered fails here.

use api::{OPERATIONS, Operation};
use hub::api_key::{self, NewApiKey};
use hub::ids::{RowId, TenantId};
use hub::role::Role;
use hub::testing::World;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use super::Api;
use super::document;
use super::fixtures::{fixtures, references};
use super::rows::Rows;

const ROLES: [Role; 5] = [
    Role::ReadOnly,
    Role::Staff,
    Role::Admin,
    Role::Owner,
    Role::SystemAdmin,
];

/// What everybody may call. Each proves its caller by itself; a new one is a decision.
const OPEN: &[(&str, &str)] = &[
    ("POST", "/auth/link"),
    ("POST", "/auth/login"),
    ("POST", "/auth/logout"),
    ("POST", "/auth/refresh"),
    // The sockets' callers are proved by the ticket in their first message.
    ("GET", "/calls/{id}/audio"),
    // A demo page is for everybody, and its key is what finds the tenant.
    ("GET", "/demo-pages/{key}"),
    ("POST", "/demo-pages/{key}/calls"),
    ("GET", "/live"),
];

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn code(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl Api {
    async fn call(&self, method: &str, path: &str, token: Option<&str>, body: &Value) -> Answer {
        let method: Method = method.parse().unwrap();
        // The id of the request is in its answer: two that must be the same are asked under the same one.
        let mut request = self
            .request(method.clone(), path)
            .header("x-request-id", "in-the-matrix");
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if !body.is_null() && method != Method::GET {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap();
        let (status, mut headers) = (answer.status(), answer.headers().clone());
        headers.remove("date");
        Answer {
            status,
            headers,
            body: answer.bytes().await.unwrap().to_vec(),
        }
    }
}

/// Every operation that asks for a role.
fn guarded() -> impl Iterator<Item = (Operation, Role)> {
    OPERATIONS
        .iter()
        .filter_map(|operation| Some((*operation, operation.least?)))
}

fn unknown_id(world: &World) -> String {
    RowId::at(world.hub.clock.now()).to_string()
}

#[test]
fn what_is_open_to_everybody_is_a_short_list() {
    let mut open: Vec<_> = OPERATIONS
        .iter()
        .filter(|operation| operation.least.is_none())
        .map(|operation| (operation.method, operation.path))
        .collect();
    open.sort_by_key(|(method, path)| (*path, *method));
    assert_eq!(open, OPEN);
}

#[tokio::test]
async fn each_operation_is_refused_below_its_role_and_to_nobody_else() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let api = Api::start(&world).await;
    for (operation, least) in guarded() {
        let path = operation.path.replace("{id}", &unknown_id(&world));
        let what = format!("{} {path}", operation.method);
        let nobody = api.call(operation.method, &path, None, &json!({})).await;
        assert_eq!(
            (nobody.status.as_u16(), &*nobody.code()),
            (401, "unauthorized"),
            "{what}"
        );
        for role in ROLES {
            // A new person for each: what one call changes of them does not show in the next.
            let name = format!("{}-{}", role.as_str(), unknown_id(&world));
            let who = world.staff(acme, &name, role).await;
            let answer = api
                .call(operation.method, &path, Some(&who.token), &json!({}))
                .await;
            let refused = (answer.status, &*answer.code()) == (StatusCode::FORBIDDEN, "forbidden");
            assert_eq!(refused, role < least, "{what} as {role:?}: {}", answer.status);
            assert_ne!(answer.status, 401, "{what} as {role:?}");
            assert!(
                !answer.status.is_server_error(),
                "{what} as {role:?}: {}",
                answer.status
            );
        }
    }
}

#[tokio::test]
async fn a_machines_key_has_its_role_and_no_person_behind_it() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let api = Api::start(&world).await;
    let unknown = unknown_id(&world);
    for role in [Role::ReadOnly, Role::Staff, Role::Admin] {
        let new = NewApiKey {
            name: "A machine".to_owned(),
            role,
        };
        let key = api_key::create(&world.hub, acme, None, new).await.unwrap().secret;
        for (operation, least) in guarded() {
            let what = format!("{} {} as {role:?}", operation.method, operation.path);
            let path = operation.path.replace("{id}", &unknown);
            let answer = api.call(operation.method, &path, Some(&key), &json!({})).await;
            assert!(role >= least || answer.status == 403, "{what}: {}", answer.status);
            // A key is nobody's: it has no password, no second factor.
            assert!(
                !path.starts_with("/me") || answer.status.is_client_error(),
                "{what}: {}",
                answer.status
            );
            assert_ne!(answer.status, 401, "{what}");
            assert!(!answer.status.is_server_error(), "{what}: {}", answer.status);
        }
    }
}

#[tokio::test]
async fn each_query_refuses_parameters_it_does_not_know() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let api = Api::start(&world).await;
    let ann = world.staff(acme, "ann", Role::Owner).await;
    let document = serde_json::to_value(api::openapi()).unwrap();
    for (method, path, operation) in document::operations(&document) {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        if !parameters.into_iter().any(|parameter| parameter["in"] == "query") {
            continue;
        }
        let path = path.replace("{id}", &unknown_id(&world)) + "?tenant_id=1";
        let answer = api.call(&method, &path, Some(&ann.token), &Value::Null).await;
        assert_eq!(
            (answer.status.as_u16(), &*answer.code()),
            (400, "bad_query"),
            "{method} {path}"
        );
    }
}

/// All of a tenant's rows in one hash; a stranger must not change it.
async fn checksum(world: &World, tenant: TenantId) -> String {
    let mut admin = world.admin().await;
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT table_name::text FROM information_schema.columns
         WHERE table_schema = 'public' AND column_name = 'tenant_id' ORDER BY table_name",
    )
    .fetch_all(&mut admin)
    .await
    .unwrap();
    let mut all = String::new();
    for table in tables {
        let query = format!(
            "SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {table} t WHERE tenant_id = '{tenant}'"
        );
        let hash: String = sqlx::query_scalar(AssertSqlSafe(query))
            .fetch_one(&mut admin)
            .await
            .unwrap();
        all.push_str(&hash);
    }
    all
}

#[tokio::test]
async fn another_tenants_id_is_an_unknown_one_to_the_last_byte() {
    let world = World::start().await;
    let (acme, bolt) = (world.tenant("acme").await, world.tenant("bolt").await);
    let api = Api::start(&world).await;
    let ann = world.staff(acme, "ann", Role::Owner).await;
    let theirs = Rows::write(&world, bolt).await;
    let before = checksum(&world, bolt).await;
    let fixtures = fixtures();
    for Operation { method, path, least } in
        OPERATIONS.iter().filter(|operation| operation.path.contains('{'))
    {
        if !path.contains("{id}") {
            // What finds a tenant by itself has no stranger; only what is open to everybody may be so.
            assert!(
                least.is_none(),
                "{method} {path}: takes no {{id}}, and is not open"
            );
            continue;
        }
        let fixture = fixtures
            .iter()
            .find(|line| line.method == *method && line.path == *path);
        let fixture =
            fixture.unwrap_or_else(|| panic!("{method} {path}: add a line to tests/it/api/fixtures.rs"));
        let ask = async |id: &str| {
            api.call(method, &path.replace("{id}", id), Some(&ann.token), &fixture.body)
                .await
        };
        let foreign = ask(&theirs.id(fixture.table).to_string()).await;
        let unknown = ask(&unknown_id(&world)).await;
        assert_eq!(foreign.status, unknown.status, "{method} {path}");
        assert_eq!(foreign.headers, unknown.headers, "{method} {path}");
        assert_eq!(
            String::from_utf8_lossy(&foreign.body),
            String::from_utf8_lossy(&unknown.body),
            "{method} {path}"
        );
        // A fixture that does not reach its row would prove nothing: one's own must be found.
        let own = Rows::write(&world, acme).await;
        let found = ask(&own.id(fixture.table).to_string()).await;
        let text = String::from_utf8_lossy(&found.body);
        assert_eq!(found.status, fixture.own, "{method} {path}, own row: {text}");
        let malformed = ask("no-id-at-all").await;
        assert!(
            malformed.status.is_client_error(),
            "{method} {path}: {}",
            malformed.status
        );
    }
    assert_eq!(
        checksum(&world, bolt).await,
        before,
        "a stranger changed something"
    );
}

#[tokio::test]
async fn another_tenants_id_in_a_body_is_an_unknown_one() {
    let world = World::start().await;
    let (acme, bolt) = (world.tenant("acme").await, world.tenant("bolt").await);
    let api = Api::start(&world).await;
    let ann = world.staff(acme, "ann", Role::Owner).await;
    let theirs = Rows::write(&world, bolt).await;
    let (references, fixtures) = (references(), fixtures());
    for (method, path, field) in ids_in_bodies() {
        let known = references
            .iter()
            .find(|line| (line.method, line.path, line.field) == (&*method, &*path, &*field));
        let line = known
            .unwrap_or_else(|| panic!("{method} {path} {field}: add a line to tests/it/api/fixtures.rs"));
        let own = Rows::write(&world, acme).await;
        let table = fixtures
            .iter()
            .find(|line| line.path == path)
            .map(|line| line.table);
        let path = table.map_or(path.clone(), |table| {
            path.replace("{id}", &own.id(table).to_string())
        });
        let ask = async |id: String| {
            let mut body = line.body.clone();
            body[&field] = id.into();
            api.call(&method, &path, Some(&ann.token), &body).await
        };
        let foreign = ask(theirs.id(line.table).to_string()).await;
        let unknown = ask(unknown_id(&world)).await;
        assert!(
            [404, 422].contains(&foreign.status.as_u16()),
            "{method} {path} {field}: {}",
            foreign.status
        );
        assert_eq!(foreign.status, unknown.status, "{method} {path} {field}");
        assert_eq!(foreign.body, unknown.body, "{method} {path} {field}");
        let found = ask(own.id(line.table).to_string()).await;
        assert!(
            found.status.is_success(),
            "{method} {path} {field}, own row: {}",
            found.status
        );
    }
}

/// Every `(method, path, field)` where a body takes an id, from the API's document.
fn ids_in_bodies() -> Vec<(String, String, String)> {
    let document = serde_json::to_value(api::openapi()).unwrap();
    let mut all = Vec::new();
    for (method, path, operation) in document::operations(&document) {
        let body = &operation["requestBody"]["content"]["application/json"]["schema"];
        let named = body["$ref"].as_str().and_then(|name| name.rsplit('/').next());
        let schema = named.map_or(body, |name| &document["components"]["schemas"][name]);
        let fields = schema["properties"].as_object().into_iter().flatten();
        for (field, kind) in fields {
            let text = kind.to_string();
            let names: Vec<&str> = text.split("#/components/schemas/").skip(1).collect();
            let is_id = text.contains("\"uuid\"")
                || names
                    .iter()
                    .any(|name| name.split('"').next().is_some_and(|name| name.ends_with("Id")));
            if is_id {
                all.push((method.clone(), path.clone(), field.clone()));
            }
        }
    }
    all
}
