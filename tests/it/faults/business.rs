//! A tenant with a Twilio number, and the emulated Twilio that texts and calls it.

use connectors::twilio::Account;
use hub::connection::{self, NewConnection};
use hub::inbox::{self, Channel, NewInbox};
use hub::testing::World;
use loadtest::twilio::{Config, Emulator, Number};

use crate::fleet::Process;

/// The number of the business.
pub(super) const HERE: &str = "+15550199";

/// What Twilio believes our address to be; where it really sends is aimed at a process.
const PUBLIC_URL: &str = "http://switchboard.example.test";

/// The outside, as it meets the tenant's number.
pub(super) struct Business {
    pub(super) twilio: std::sync::Arc<Emulator>,
}

impl Business {
    pub(super) async fn open(world: &World) -> Self {
        let twilio = Emulator::start(Config::default())
            .await
            .expect("start the emulated Twilio");
        let account = twilio.account();
        let tenant = world.tenant("acme").await;
        let mut tx = world.hub.db.tenant(tenant).await.unwrap();
        let credentials = serde_json::json!({ "sid": account.sid, "auth_token": account.auth_token });
        let sealed: Account = serde_json::from_value(credentials).unwrap();
        let new = NewConnection {
            provider: "twilio",
            account: &account.sid,
            credentials: sealed.to_plain_json().unwrap(),
        };
        let connection = connection::save(&mut tx, &world.hub.sealer, new).await.unwrap();
        for channel in [Channel::Voice, Channel::Sms] {
            let new = NewInbox {
                channel,
                address: Some(HERE.to_owned()),
                name: format!("Main number ({})", channel.as_str()),
                connection_id: Some(connection.id),
                settings: None,
            };
            inbox::create(&mut tx, new, "US").await.unwrap();
        }
        tx.commit().await.unwrap();
        twilio.set_number(Number::of(HERE, &account.sid, &PUBLIC_URL.parse().unwrap()));
        Self {
            twilio: std::sync::Arc::new(twilio),
        }
    }

    /// Environment of the roles.
    pub(super) fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("PUBLIC_URL", PUBLIC_URL.to_owned()),
            ("TWILIO_API_URL", self.twilio.url()),
        ]
    }

    /// Webhooks go to this process from now on.
    pub(super) fn aim(&mut self, process: &Process) {
        self.twilio
            .aim(PUBLIC_URL, &process.url(""))
            .expect("aim the emulated Twilio");
    }
}
