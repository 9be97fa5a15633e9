//! A further business on the same workers: another tenant on another shard, with a number that was linked elsewhere and came
//! in with its keys.

use std::sync::Arc;

use fake_wa::{Customer, Phone};
use hub::ids::{ConversationId, SessionId, TenantId};
use hub::role::Role;
use hub::session::{self, Desired};
use hub::testing::SignedIn;

use super::{Shop, patience};

/// See the module.
pub(super) struct Branch {
    pub(super) tenant: TenantId,
    pub(super) session: SessionId,
    pub(super) phone: Phone,
    number: usize,
    /// What a client needs to be the same device.
    pub(super) keys: fake_wa::Provisioned,
}

impl Branch {
    /// The one with this number; whoever holds its shard connects it.
    pub(super) async fn open(shop: &Shop, number: usize) -> Self {
        let name = format!("branch-{number}");
        let phone = format!("+155502{number:02}").parse().unwrap();
        let keys = shop.whatsapp.provision(phone, &name).unwrap();
        let tenant = shop.world.tenant(&name).await;
        let record = serde_json::to_string(&keys.record).unwrap();
        let session = shard_worker::import(&shop.world.hub, tenant, &name, &record).await;
        Self {
            tenant,
            session: session.unwrap().id,
            phone,
            number,
            keys,
        }
    }

    /// So many of them.
    pub(super) async fn open_all(shop: &Shop, count: usize) -> Vec<Self> {
        let mut all = Vec::new();
        for number in 0..count {
            all.push(Self::open(shop, number).await);
        }
        all
    }

    /// Somebody who writes to it, somebody who answers, and the conversation that the first words began.
    pub(super) async fn asked(&self, shop: &Shop) -> (Arc<Customer>, SignedIn, ConversationId) {
        let phone = format!("+155503{:02}", self.number).parse().unwrap();
        let customer = shop.whatsapp.customer(phone, "Ann").await.unwrap();
        let id = customer.say(self.phone, "Are you open today?").await.unwrap();
        customer.ticked(&id, "delivered", patience()).await.unwrap();
        let begun = "SELECT id FROM conversations WHERE tenant_id = $1";
        let conversation: uuid::Uuid = loop {
            let found = sqlx::query_scalar(begun).bind(self.tenant.uuid());
            if let Some(id) = found.fetch_optional(&mut shop.admin().await).await.unwrap() {
                break id;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        };
        let staff = shop.world.staff(self.tenant, "mia", Role::Staff).await;
        (customer, staff, ConversationId::from(conversation))
    }

    pub(super) async fn want(&self, shop: &Shop, desired: Desired) {
        let mut tx = shop.world.hub.db.tenant(self.tenant).await.unwrap();
        session::want(&mut tx, self.session, desired).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// What customers said to it.
    pub(super) async fn inbound(&self, shop: &Shop) -> Vec<String> {
        let said = "SELECT body FROM messages WHERE tenant_id = $1 AND direction = 'in' ORDER BY id";
        let bodies = sqlx::query_scalar(said).bind(self.tenant.uuid());
        bodies.fetch_all(&mut shop.admin().await).await.unwrap()
    }
}

impl Shop {
    /// Until each of so many sessions is connected, and with one of these workers.
    pub(super) async fn until_all_with(&self, count: usize, workers: &[&str]) {
        let workers: Vec<String> = workers.iter().map(|name| (*name).to_owned()).collect();
        let mut admin = self.admin().await;
        let count = i64::try_from(count).unwrap();
        let mut seen = 0;
        let wait = async {
            while seen != count {
                let all = sqlx::query_scalar(
                    "SELECT count(*) FROM sessions WHERE observed = 'connected' AND worker = ANY ($1)",
                );
                seen = all.bind(&workers).fetch_one(&mut admin).await.unwrap();
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        let waited = tokio::time::timeout(super::PATIENCE, wait).await;
        assert!(waited.is_ok(), "{seen} of {count} are connected with {workers:?}");
    }

    /// Everything that staff said is where it should be.
    pub(super) async fn until_all_delivered(&self) {
        let mut open = self.undelivered().await;
        let deadline = tokio::time::Instant::now() + super::PATIENCE;
        while !open.is_empty() {
            assert!(tokio::time::Instant::now() < deadline, "not delivered: {open:#?}");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            open = self.undelivered().await;
        }
    }

    /// What staff said and no customer's client has reported on, and how it fares.
    async fn undelivered(&self) -> Vec<String> {
        let rows = sqlx::query_scalar(
            "SELECT concat_ws(' ', m.body, m.state, m.failure_code, o.state, o.tries, o.last_error, o.wire_id)
             FROM messages m LEFT JOIN session_outbox o ON o.tenant_id = m.tenant_id AND o.message_id = m.id
             WHERE m.direction = 'out' AND m.state NOT IN ('delivered', 'read') ORDER BY m.id",
        );
        rows.fetch_all(&mut self.admin().await).await.unwrap()
    }
}
