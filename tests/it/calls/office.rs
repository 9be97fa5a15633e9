//! A business with a telephone: world, emulators, the calls role on a port, a number, and looks behind the curtain.

use std::time::Duration;

use connectors::twilio::Account;
use hub::Hub;
use hub::agent_settings::{self, AgentSettings};
use hub::clock::Clock;
use hub::connection::{self, NewConnection};
use hub::ids::{InboxId, TenantId};
use hub::inbox::{self, Channel, NewInbox};
use hub::testing::World;
use loadtest::openai::{self, Script};
use loadtest::twilio::{self, Number};
use serde_json::Value;
use tokio::net::TcpListener;

/// Our number, and somebody who calls it.
pub(crate) const OURS: &str = "+15550100";
pub(crate) const CALLER: &str = "+15550123";

pub(crate) struct Office {
    pub(crate) world: World,
    pub(crate) twilio: twilio::Emulator,
    pub(crate) openai: openai::Emulator,
    pub(crate) tenant: TenantId,
    pub(crate) inbox: InboxId,
    pub(crate) address: std::net::SocketAddr,
    _objects: tempfile::TempDir,
}

impl Office {
    /// An office whose model plays this script.
    pub(crate) async fn open(script: Script) -> Self {
        Self::with(script, |_| {}).await
    }

    /// The same with other settings of the agent.
    pub(crate) async fn with(script: Script, change: impl FnOnce(&mut AgentSettings)) -> Self {
        Self::set_up(script, change, |_| {}).await
    }

    /// The same with other settings of the installation too.
    pub(crate) async fn set_up(
        script: Script,
        change: impl FnOnce(&mut AgentSettings),
        configure: impl FnOnce(&mut hub::config::Config),
    ) -> Self {
        let openai = openai::Emulator::start(openai::Config {
            script,
            ..openai::Config::default()
        })
        .await
        .unwrap();
        let twilio = twilio::Emulator::start(twilio::Config::default()).await.unwrap();
        let objects = tempfile::tempdir().unwrap();
        let world = World::with(
            |config| {
                config.openai.base_url = openai.url().parse().unwrap();
                config.openai.api_key = openai.api_key().into();
                config.twilio.api_url = twilio.url().parse().unwrap();
                config.public_url = twilio.public_url().parse().unwrap();
                config.calls.storage = objects.path().display().to_string();
                // Live calls move to another node as soon as this one is told to stop.
                config.shutdown.calls_drain_s = 10;
                configure(config);
            },
            Clock::system(),
        )
        .await;
        let address = serve(&world.hub).await;
        twilio
            .aim(&twilio.public_url(), &format!("http://{address}"))
            .unwrap();
        let tenant = world.tenant("acme").await;
        let inbox = number(&world.hub, tenant, &twilio).await;
        let mut number = Number::of(OURS, &twilio.account().sid, &twilio.public_url().parse().unwrap());
        number.status_events = ["initiated", "ringing", "answered", "completed"]
            .map(str::to_owned)
            .to_vec();
        twilio.set_number(number);
        let mut settings = AgentSettings::default();
        change(&mut settings);
        // Rendered ahead: a busy machine's speech engine must not look like a model that is late.
        loadtest::speech::render(loadtest::speech::Voice::Agent, &settings.greeting).await;
        save(&world, tenant, &settings).await;
        Self {
            world,
            twilio,
            openai,
            tenant,
            inbox,
            address,
            _objects: objects,
        }
    }

    /// The worker beside it, with all its queues.
    pub(crate) fn work(&self) {
        let hub = self.world.hub.clone();
        self.world.hub.tasks.spawn("test.worker", async move {
            worker::run(hub, hub::job::Queue::ALL.to_vec()).await.unwrap();
        });
    }

    /// When the caller began to hear exactly one of these (equally long), in microseconds of the emulators' clock.
    pub(crate) async fn hears(&self, caller: &twilio::Caller, any: &[Vec<u8>]) -> u64 {
        let begins = || {
            caller.heard().pieces.iter().find_map(|piece| {
                let mut windows = piece.audio.windows(any[0].len());
                let at = windows.position(|part| any.iter().any(|audio| audio == part))?;
                Some(piece.at_us + u64::try_from(at).unwrap() * 125)
            })
        };
        for _ in 0..1_000 {
            if let Some(at_us) = begins() {
                return at_us;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("never heard; heard {} ms in all", caller.heard().duration_ms());
    }

    /// Once no call holds a slot and slots and calls agree.
    pub(crate) async fn no_slot_is_held(&self) {
        let free = async {
            while self.world.hub.capacity.held() > 0
                || hub::capacity::drift(&self.world.hub).await.ok() != Some(hub::capacity::Drift::default())
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), free)
            .await
            .expect("all slots are given back");
    }

    /// One figure of the database, once it is what `fits` wants.
    pub(crate) async fn until(&self, query: &'static str, fits: impl Fn(&Value) -> bool) -> Value {
        let mut admin = self.world.admin().await;
        let mut last = Value::Null;
        for _ in 0..1_200 {
            last = sqlx::query_scalar(query).fetch_one(&mut admin).await.unwrap();
            if fits(&last) {
                return last;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("never came: {query}: {last}");
    }

    /// Once the caller has heard something and nothing more comes for a moment.
    pub(crate) async fn quiet(&self, caller: &twilio::Caller) {
        let mut before = 0;
        loop {
            tokio::time::sleep(Duration::from_millis(700)).await;
            let heard = caller.heard().duration_ms();
            if heard > 0 && heard == before {
                return;
            }
            before = heard;
        }
    }

    /// The only call, once it is over.
    pub(crate) async fn ended_call(&self) -> Value {
        let query = "SELECT coalesce((SELECT to_jsonb(c) FROM calls c), 'null')";
        self.until(query, |call| {
            matches!(call["state"].as_str(), Some("ended" | "not_taken"))
        })
        .await
    }

    /// All turns, once there are this many.
    pub(crate) async fn turns(&self, count: usize) -> Vec<Value> {
        let query = "SELECT coalesce(jsonb_agg(to_jsonb(t) ORDER BY ordinal), '[]') FROM turns t";
        let turns = self
            .until(query, |turns| {
                turns.as_array().is_some_and(|turns| turns.len() >= count)
            })
            .await;
        turns.as_array().unwrap().clone()
    }

    /// The kinds of all events so far, in order.
    pub(crate) async fn kinds(&self) -> Vec<String> {
        let mut admin = self.world.admin().await;
        sqlx::query_scalar("SELECT kind FROM events ORDER BY seq")
            .fetch_all(&mut admin)
            .await
            .unwrap()
    }

    /// All messages, once there are this many.
    pub(crate) async fn messages(&self, count: usize) -> Vec<Value> {
        let query = "SELECT coalesce(jsonb_agg(to_jsonb(m) ORDER BY created_at, id), '[]') FROM messages m";
        let found = self
            .until(query, |all| all.as_array().is_some_and(|all| all.len() >= count))
            .await;
        found.as_array().unwrap().clone()
    }
}

/// Settings as a tenant has them; limits shorter than a tenant may set are written past the check.
async fn save(world: &World, tenant: TenantId, settings: &AgentSettings) {
    agent_settings::put(&world.hub, tenant, &AgentSettings::default(), None)
        .await
        .unwrap();
    sqlx::query("UPDATE agent_settings SET settings = $1")
        .bind(serde_json::to_value(settings).unwrap())
        .execute(&mut world.admin().await)
        .await
        .unwrap();
}

/// The role over this hub, on a port of its own.
pub(crate) async fn serve(hub: &Hub) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let role = hub.clone();
    hub.tasks.spawn(
        "test.calls",
        async move { calls::run(role, listener).await.unwrap() },
    );
    address
}

async fn number(hub: &Hub, tenant: TenantId, twilio: &twilio::Emulator) -> InboxId {
    let owner = twilio.account();
    let account: Account =
        serde_json::from_value(serde_json::json!({ "sid": owner.sid, "auth_token": owner.auth_token }))
            .unwrap();
    let mut tx = hub.db.tenant(tenant).await.unwrap();
    let credentials = account.to_plain_json().unwrap();
    let new = NewConnection {
        provider: "twilio",
        account: &owner.sid,
        credentials,
    };
    let connection = connection::save(&mut tx, &hub.sealer, new).await.unwrap().id;
    let mut made = Vec::new();
    for channel in [Channel::Voice, Channel::Sms] {
        let new = NewInbox {
            channel,
            address: Some(OURS.to_owned()),
            name: "Front desk".to_owned(),
            connection_id: Some(connection),
            settings: None,
        };
        made.push(inbox::create(&mut tx, new, "US").await.unwrap().id);
    }
    tx.commit().await.unwrap();
    made[0]
}
