//! How much an outbox holds, what is left out when it is full, and how long it remembers.

use hub::error::Error;
use hub::session::outbox::{self, Order};

use super::Shop;

impl Shop {
    async fn put(&self, order: &Order) -> hub::Result<()> {
        let mut tx = self.world.hub.db.tenant(self.tenant).await.unwrap();
        outbox::put(&mut tx, self.session, None, order).await?;
        tx.commit().await
    }

    /// What waits to be marked as read, oldest order first.
    async fn marks(&self) -> Vec<serde_json::Value> {
        let orders = sqlx::query_scalar(
            "SELECT order_body -> 'items' FROM session_outbox WHERE order_body ->> 'type' = 'read' ORDER BY id",
        );
        orders.fetch_all(&mut self.admin().await).await.unwrap()
    }

    /// Until there are so many open items.
    async fn fill(&self, count: i64) {
        sqlx::query(
            "INSERT INTO session_outbox (tenant_id, id, session_id, order_body, wire_id, not_before, created_at)
             SELECT $1, gen_random_uuid(), $2, jsonb_build_object('type', 'text', 'chat', '+15550101', 'body', 'Hello'),
                 gen_random_uuid()::text, now(), now()
             FROM generate_series((SELECT count(*) + 1 FROM session_outbox WHERE state IN ('ready', 'sending')), $3)",
        )
        .bind(self.tenant.uuid())
        .bind(self.session.uuid())
        .bind(count)
        .execute(&mut self.admin().await)
        .await
        .unwrap();
    }

    async fn alter(&self, change: &'static str) {
        sqlx::query(change)
            .execute(&mut self.admin().await)
            .await
            .unwrap();
    }
}

fn read(chat: &str, items: &[&str]) -> Order {
    Order::Read {
        chat: chat.to_owned(),
        items: items.iter().map(|&item| item.to_owned()).collect(),
    }
}

fn text() -> Order {
    Order::Text {
        chat: "+15550101".to_owned(),
        body: "Hello".to_owned(),
        answers: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_is_told_in_one_go_and_left_out_when_there_is_no_room() {
    let shop = Shop::open().await;
    shop.put(&read("+15550101", &["A", "B"])).await.unwrap();
    shop.put(&read("+15550102", &["C"])).await.unwrap();
    shop.put(&read("+15550101", &["D", "A"])).await.unwrap();
    let joined = serde_json::json!(["D", "A", "B"]);
    assert_eq!(shop.marks().await, [serde_json::json!(["C"]), joined.clone()]);
    // What has begun to be sent stays what it is.
    shop.alter("UPDATE session_outbox SET state = 'sending' WHERE order_body ->> 'chat' = '+15550102'")
        .await;
    shop.put(&read("+15550102", &["E"])).await.unwrap();
    let marks = [serde_json::json!(["C"]), joined, serde_json::json!(["E"])];
    assert_eq!(shop.marks().await, marks);

    shop.fill(800).await;
    shop.put(&read("+15550103", &["F"])).await.unwrap();
    assert_eq!(shop.marks().await, marks, "the rest is for words");
    shop.put(&read("+15550102", &["G"])).await.unwrap();
    assert_eq!(shop.marks().await.last().unwrap(), &serde_json::json!(["G", "E"]));
    shop.put(&text()).await.unwrap();
    shop.whatsapp.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_wait_behind_a_thousand_is_refused_and_says_what_to_do() {
    let shop = Shop::open().await;
    shop.fill(999).await;
    shop.put(&text()).await.unwrap();
    let Err(Error::Conflict { code, detail }) = shop.put(&text()).await else {
        panic!("one too many");
    };
    assert_eq!(code, "outbox_full");
    assert!(detail.contains("Channels"), "{detail}");
    // As soon as one has gone out there is room.
    shop.alter("UPDATE session_outbox SET state = 'done' WHERE id = (SELECT id FROM session_outbox LIMIT 1)")
        .await;
    shop.put(&text()).await.unwrap();
    shop.whatsapp.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_settled_a_week_ago_is_forgotten_and_what_waits_is_not() {
    let shop = Shop::open().await;
    shop.fill(4).await;
    shop.alter(
        "WITH numbered AS (SELECT id, row_number() OVER (ORDER BY id) AS n FROM session_outbox)
         UPDATE session_outbox o SET
             state = (ARRAY['done', 'failed', 'done', 'ready'])[n],
             created_at = now() - (ARRAY['8 days', '8 days', '6 days', '8 days'])[n]::interval
         FROM numbered WHERE numbered.id = o.id",
    )
    .await;
    assert_eq!(outbox::forget(&shop.world.hub).await.unwrap(), 2);
    assert_eq!(outbox::forget(&shop.world.hub).await.unwrap(), 0);
    let left = "SELECT count(*) FROM session_outbox
                WHERE state = 'ready' OR created_at > now() - interval '7 days'";
    assert_eq!(shop.count(left).await, 2);
    shop.whatsapp.stop().await;
}
