//! Texts and forms end to end: the api and worker roles over real stores, an emulated Twilio outside.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics, in its helpers too"
)]

mod begin;
mod first_word;
mod forgery;
mod forms;
mod inbound;
mod media;
mod outbound;
mod stop;
mod suspended;
mod sweep;
mod together;

use std::time::Duration;

use connectors::twilio::Account;
use hub::Hub;
use hub::connection::{self, NewConnection};
use hub::ids::TenantId;
use hub::inbox::{self, Channel, NewInbox};
use hub::job::Queue;
use hub::role::Role;
use hub::staff::NewStaff;
use hub::testing::World;
use loadtest::twilio::{Config, Emulator, Number};
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::Api;

const PUBLIC_URL: &str = "http://switchboard.example.test";
/// The number of the business, and of somebody outside.
const HERE: &str = "+15550199";
const ANN: &str = "+15550101";
const PASSWORD: &str = "correct horse battery";
/// What a busy machine may take for anything at all.
const PATIENCE: Duration = Duration::from_secs(20);

/// A business at work: its number, its api, a worker, somebody signed in.
struct Desk {
    world: World,
    api: Api,
    twilio: Emulator,
    token: String,
    /// Goes with the desk.
    _objects: tempfile::TempDir,
}

impl Desk {
    /// With a worker.
    async fn open() -> Self {
        let desk = Self::without_worker().await;
        Self::work(&desk.world.hub);
        desk
    }

    async fn without_worker() -> Self {
        let twilio = Emulator::start(Config::default()).await.unwrap();
        let twilio_url = twilio.url().parse().unwrap();
        let objects = tempfile::tempdir().unwrap();
        let folder = objects.path().to_str().unwrap().to_owned();
        let settings = move |config: &mut hub::config::Config| {
            config.public_url = PUBLIC_URL.parse().unwrap();
            config.twilio.api_url = twilio_url;
            config.jobs.lease_s = 3;
            config.calls.storage = folder;
        };
        let world = World::with(settings, hub::clock::Clock::system()).await;
        let tenant = world.tenant("acme").await;
        let account = twilio.account();
        connect(&world.hub, tenant, &account.sid, &account.auth_token, HERE).await;
        twilio.set_number(Number::of(HERE, &account.sid, &PUBLIC_URL.parse().unwrap()));
        let api = Api::start(&world).await;
        twilio
            .aim(PUBLIC_URL, &format!("http://{}", api.address))
            .unwrap();
        let token = sign_in(&world, &api, tenant, "mia@example.com").await;
        Self {
            world,
            api,
            twilio,
            token,
            _objects: objects,
        }
    }

    /// Starts a worker over `hub`.
    fn work(hub: &Hub) {
        let own = hub.clone();
        hub.tasks.spawn("test.worker", async move {
            worker::run(own, Queue::ALL.to_vec()).await.unwrap();
        });
    }

    /// One request as the staff member: its status and body.
    async fn ask(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let request = self.api.request(method, path).bearer_auth(&self.token);
        let request = if body.is_null() {
            request
        } else {
            request.json(&body)
        };
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask(Method::GET, path, Value::Null).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    async fn say(&self, conversation: &str, body: &str, key: &str) -> (u16, Value) {
        let path = format!("/conversations/{conversation}/messages");
        let draft = json!({ "body": body, "draft_key": key, "kind": "reply" });
        self.ask(Method::POST, &path, draft).await
    }

    /// Ann's conversation, begun by a text of hers.
    async fn conversation(&self) -> String {
        let (_, status) = self.twilio.send_sms(ANN, HERE, "Hello").await.unwrap();
        assert_eq!(status, 200);
        self.until("SELECT count(*) FROM messages WHERE body = 'Hello'", 1)
            .await;
        let list = self.get("/conversations").await;
        list["items"][0]["id"].as_str().unwrap().to_owned()
    }

    /// The newest message of a conversation.
    async fn newest(&self, conversation: &str) -> Value {
        self.get(&format!("/conversations/{conversation}/messages")).await["items"][0].clone()
    }

    /// A number behind the curtain.
    async fn count(&self, query: &'static str) -> i64 {
        let mut admin = self.world.admin().await;
        sqlx::query_scalar(query).fetch_one(&mut admin).await.unwrap()
    }

    async fn run(&self, statement: &'static str) {
        let mut admin = self.world.admin().await;
        sqlx::raw_sql(statement).execute(&mut admin).await.unwrap();
    }

    /// Waits until a count is reached.
    async fn until(&self, query: &'static str, count: i64) {
        let reached = async {
            while self.count(query).await < count {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, reached).await.is_ok();
        assert!(in_time, "never {count}, but {}: {query}", self.count(query).await);
    }
}

async fn connect(hub: &Hub, tenant: TenantId, sid: &str, auth_token: &str, number: &str) {
    let account: Account = serde_json::from_value(json!({ "sid": sid, "auth_token": auth_token })).unwrap();
    let mut tx = hub.db.tenant(tenant).await.unwrap();
    let new = NewConnection {
        provider: "twilio",
        account: sid,
        credentials: account.to_plain_json().unwrap(),
    };
    let connection = connection::save(&mut tx, &hub.sealer, new).await.unwrap();
    let new = NewInbox {
        channel: Channel::Sms,
        address: Some(number.to_owned()),
        name: "Main number".to_owned(),
        connection_id: Some(connection.id),
        settings: None,
    };
    inbox::create(&mut tx, new, "US").await.unwrap();
    tx.commit().await.unwrap();
}

async fn sign_in(world: &World, api: &Api, tenant: TenantId, email: &str) -> String {
    let new = NewStaff {
        email: email.to_owned(),
        name: "Mia".to_owned(),
        role: Role::Owner,
    };
    hub::staff::create(&world.hub, tenant, None, new, Some(PASSWORD))
        .await
        .unwrap();
    let request = api
        .post("/auth/login")
        .json(&json!({ "email": email, "password": PASSWORD }));
    let session: Value = request.send().await.unwrap().json().await.unwrap();
    session["access_token"].as_str().unwrap().to_owned()
}
