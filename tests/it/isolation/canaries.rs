//! A string of its own in every column of the other tenant: no answer, list or event of this one has it.

use hub::role::Role;
use hub::testing::World;
use reqwest::Method;
use serde_json::Value;

use super::filling::{self, Table};
use crate::api::{Api, Rows, fixtures};

/// The query parameters of an operation of the document.
fn parameters(operation: &Value) -> Vec<(String, bool)> {
    let all = operation["parameters"].as_array().into_iter().flatten();
    all.filter(|it| it["in"] == "query")
        .map(|it| {
            (
                it["name"].as_str().unwrap().to_owned(),
                it["schema"]["type"] == "string",
            )
        })
        .collect()
}

/// An operation's address with ids of our own rows in it.
fn address(path: &str, rows: &Rows) -> Option<String> {
    if !path.contains('{') {
        return Some(path.to_owned());
    }
    let fixture = fixtures().into_iter().find(|it| it.path == path)?;
    Some(path.replace("{id}", &rows.id(fixture.table).to_string()))
}

#[tokio::test]
async fn nothing_of_another_tenant_is_in_any_answer() {
    let world = World::start().await;
    let (acme, bolt) = (world.tenant("acme").await, world.tenant("bolt").await);
    let mut admin = world.admin().await;
    let tables = Table::all(&mut admin).await;
    filling::fill(&mut admin, &tables, bolt, "bolt").await;
    let rows = Rows::write(&world, acme).await;
    let owner = world.staff(acme, "owner", Role::Owner).await;
    let api = Api::start(&world).await;
    let document: Value = api
        .client
        .get(format!("http://{}/api/openapi.json", api.address))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let (canary, nobody) = (filling::canary("bolt"), "bolt-nobody".to_owned());
    let mut asked = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        let path = path.trim_start_matches("/api/v1");
        let (Some(operation), Some(address)) = (methods.get("get"), address(path, &rows)) else {
            continue;
        };
        let ask = async |query: &[(&str, &str)]| {
            let request = api.request(Method::GET, &address).bearer_auth(&owner.token);
            let answer = request.query(query).send().await.unwrap();
            let status = answer.status();
            assert!(!status.is_server_error(), "{path} {query:?}: {status}");
            (status, answer.text().await.unwrap())
        };
        let (_, whole) = ask(&[]).await;
        for secret in [&canary, &bolt.to_string()] {
            assert!(!whole.contains(secret), "{path} shows {secret}: {whole}");
        }
        asked += 1;
        for (name, _) in parameters(operation).iter().filter(|(_, is_text)| *is_text) {
            // What is somebody's is answered like what is nobody's (and begins alike, for faults that quote a character).
            let ((theirs, found), (unknown, none)) =
                (ask(&[(name, &canary)]).await, ask(&[(name, &nobody)]).await);
            assert_eq!(theirs, unknown, "{path}?{name}=");
            let plain = |body: &str, asked: &str| without_request_id(&body.replace(asked, "?"));
            assert_eq!(plain(&found, &canary), plain(&none, &nobody), "{path}?{name}=");
            asked += 1;
        }
    }
    // The test can see: what is ours is there.
    let ours = api
        .get("/conversations")
        .bearer_auth(&owner.token)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(ours.contains(&rows.id("conversations").to_string()), "{ours}");
    assert!(asked > 20, "{asked} questions");
}

fn without_request_id(body: &str) -> String {
    let Ok(mut body) = serde_json::from_str::<Value>(body) else {
        return body.to_owned();
    };
    if let Some(fields) = body.as_object_mut() {
        fields.remove("request_id");
    }
    body.to_string()
}
