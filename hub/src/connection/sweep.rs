//! Sweeps: what a connection's provider is asked because we were not told. Texts that came while we could not be reached
//! are taken in as if they had just come; messages whose last report never came are looked up. Both find what is here
//! already and change nothing then, so a sweep may be repeated, doubled or cut anywhere.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::Hub;
use crate::clock::Timestamp;
use crate::connection;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::{ConnectionId, InboxId, JobId, MessageId, TenantId};
use crate::job::{Queue, Work};

/// The job that sweeps a connection.
#[derive(Debug, Serialize, Deserialize)]
pub struct SweepConnection {
    /// Which.
    pub connection: ConnectionId,
}

impl Work for SweepConnection {
    const KIND: &'static str = "connection.sweep";
    const QUEUE: Queue = Queue::Maintenance;
    /// The next sweep comes anyway.
    const ATTEMPTS_MAX: i32 = 3;
    const LIMIT_S: u64 = 120;
}

/// A connection is asked about this often.
const PERIOD: Duration = Duration::from_mins(2);
/// Sweeps ordered at once are spread over this, so that a provider is not asked for all tenants in one moment.
const SPREAD_S: f64 = 60.0;
/// Connections of one look; the longest unswept first, the rest at the next look.
const DUE_MAX: i64 = 1_000;
/// So much before what is known is asked for again: a provider's list lags behind what it took.
const OVERLAP: Duration = Duration::from_mins(10);
/// The first sweep of a connection looks back no further.
const FIRST_LOOK: Duration = Duration::from_hours(24);
/// A message that was sent is asked about when no report came for this long, and then each time it is twice as old.
const REPORT_LATE: Duration = Duration::from_mins(5);
/// Carriers report for three days at most.
const REPORT_NEVER: Duration = Duration::from_hours(72);
/// Messages asked about in one sweep.
const UNSETTLED_MAX: i64 = 40;

/// Orders a sweep of every connection that is due; one that waits or runs already is not ordered again.
pub async fn order_due(hub: &Hub) -> Result<u64> {
    let now = hub.clock.now();
    let mut tx = hub.db.system().await?;
    let due = sqlx::query!(
        "SELECT c.tenant_id, c.id FROM connections c
         JOIN tenants t ON t.id = c.tenant_id AND t.suspended_at IS NULL
         LEFT JOIN connection_sweeps s ON s.tenant_id = c.tenant_id AND s.connection_id = c.id
         WHERE s.swept_at IS NULL OR s.swept_at < $1 ORDER BY s.swept_at NULLS FIRST LIMIT $2",
        now.before(PERIOD) as _,
        DUE_MAX
    )
    .fetch_all(&mut *tx)
    .await?;
    let tenants: Vec<_> = due.iter().map(|row| row.tenant_id.uuid()).collect();
    let connections: Vec<_> = due.iter().map(|row| row.id.uuid()).collect();
    let ids: Vec<_> = due.iter().map(|_| JobId::at(now).uuid()).collect();
    let ordered = sqlx::query!(
        "INSERT INTO jobs (tenant_id, id, queue, kind, payload, attempts_max, run_at, dedup_key, created_at)
         SELECT tenant_id, id, $4, $5, jsonb_build_object('connection', connection), $6,
             now() + random() * $7 * interval '1 second', connection::text, $8
         FROM UNNEST($1::uuid[], $2::uuid[], $3::uuid[]) AS due (tenant_id, connection, id)
         ON CONFLICT (tenant_id, kind, dedup_key) WHERE dedup_key IS NOT NULL AND state IN ('ready', 'running') DO NOTHING",
        &tenants,
        &connections,
        &ids,
        SweepConnection::QUEUE.as_str(),
        SweepConnection::KIND,
        SweepConnection::ATTEMPTS_MAX,
        SPREAD_S,
        now as _
    )
    .execute(&mut *tx)
    .await?
    .rows_affected();
    tx.commit().await?;
    Ok(ordered)
}

/// A number that takes texts.
#[derive(Clone, Debug)]
pub struct Number {
    /// In E.164.
    pub address: String,
    /// The inbox it is.
    pub inbox: InboxId,
    /// What came before is not ours.
    pub since: Timestamp,
}

/// A message whose last report never came.
#[derive(Clone, Debug)]
pub struct Unsettled {
    /// Which.
    pub message: MessageId,
    /// The attempt that the provider took.
    pub attempt: i32,
    /// The provider's id of it.
    pub provider_id: String,
}

/// What a sweep is to ask.
pub struct Plan {
    /// The account's credentials.
    pub credentials: Zeroizing<Vec<u8>>,
    /// Texts taken from here …
    pub from: Timestamp,
    /// … to here,
    pub until: Timestamp,
    /// from this page on, when the last sweep was out of pages.
    pub page: Option<String>,
    /// to these numbers.
    pub numbers: Vec<Number>,
    /// And what became of these.
    pub unsettled: Vec<Unsettled>,
}

/// What a sweep of this connection is to ask; nothing when the connection is gone.
pub async fn plan(hub: &Hub, tenant: TenantId, connection: ConnectionId) -> Result<Option<Plan>> {
    let mut tx = hub.db.tenant(tenant).await?;
    let credentials = match connection::credentials(&mut tx, &hub.sealer, connection).await {
        Err(Error::NotFound(_)) => return Ok(None),
        other => other?,
    };
    let now = tx.now();
    let row = sqlx::query!(
        "INSERT INTO connection_sweeps (tenant_id, connection_id, texts_until)
         SELECT tenant_id, id, greatest(created_at, $3) FROM connections WHERE tenant_id = $1 AND id = $2
         ON CONFLICT ON CONSTRAINT connection_sweeps_pkey DO UPDATE SET texts_until = connection_sweeps.texts_until
         RETURNING texts_until, window_until, next_page",
        tenant.uuid(),
        connection.uuid(),
        now.before(FIRST_LOOK) as _
    )
    .fetch_one(&mut *tx)
    .await?;
    let numbers = sqlx::query_as!(
        Number,
        "SELECT address, id AS inbox, created_at AS since FROM inboxes
         WHERE tenant_id = $1 AND connection_id = $2 AND channel = 'sms' AND disabled_at IS NULL",
        tenant.uuid(),
        connection.uuid()
    )
    .fetch_all(&mut *tx)
    .await?;
    let unsettled = unsettled(&mut tx, connection).await?;
    tx.commit().await?;
    Ok(Some(Plan {
        credentials,
        from: row.texts_until.before(OVERLAP),
        until: row.window_until.unwrap_or(now),
        page: row.next_page,
        numbers,
        unsettled,
    }))
}

/// Sent by a number of this connection, of the conversation or the tenant's own that answers for it.
async fn unsettled(tx: &mut Tx, connection: ConnectionId) -> Result<Vec<Unsettled>> {
    let now = tx.now();
    let rows = sqlx::query_as!(
        Unsettled,
        r#"SELECT m.id AS message, m.attempt, m.provider_id AS "provider_id!"
         FROM messages m
         JOIN conversations c ON c.tenant_id = m.tenant_id AND c.id = m.conversation_id
         JOIN inboxes i ON i.tenant_id = c.tenant_id AND i.id = c.inbox_id
         WHERE m.tenant_id = $1 AND m.direction = 'out' AND m.state = 'sent' AND m.provider_id IS NOT NULL
           AND m.sent_at BETWEEN $3 AND $4
           AND (m.receipt_checked_at IS NULL OR m.receipt_checked_at < m.sent_at + ($5::timestamptz - m.sent_at) / 2)
           AND EXISTS (
             SELECT FROM inboxes s WHERE s.tenant_id = i.tenant_id AND s.channel = 'sms' AND s.connection_id = $2
               AND (s.id = i.id OR i.channel <> 'sms'))
         ORDER BY m.receipt_checked_at NULLS FIRST, m.sent_at LIMIT $6"#,
        tx.tenant().uuid(),
        connection.uuid(),
        now.before(REPORT_NEVER) as _,
        now.before(REPORT_LATE) as _,
        now as _,
        UNSETTLED_MAX
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows)
}

/// Writes down that these were asked about.
pub async fn asked(hub: &Hub, tenant: TenantId, messages: &[MessageId]) -> Result<()> {
    let ids: Vec<_> = messages.iter().map(|id| id.uuid()).collect();
    let mut tx = hub.db.tenant(tenant).await?;
    let now = tx.now();
    sqlx::query!(
        "UPDATE messages SET receipt_checked_at = $3 WHERE tenant_id = $1 AND id = ANY($2)",
        tenant.uuid(),
        &ids,
        now as _
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await
}

/// What a sweep did.
#[derive(Clone, Debug, Default)]
pub struct Swept {
    /// Texts that we had not been told of.
    pub texts: i64,
    /// Reports that we had not been told of.
    pub receipts: i64,
    /// Where the next one goes on; none when the whole window was seen.
    pub next_page: Option<String>,
    /// Why it ended early, and what to do.
    pub problem: Option<String>,
}

/// Writes down how a sweep ended. What is known moves on only when the whole window was seen.
pub async fn ended(
    hub: &Hub,
    tenant: TenantId,
    connection: ConnectionId,
    until: Timestamp,
    swept: &Swept,
) -> Result<()> {
    let mut tx = hub.db.tenant(tenant).await?;
    let now = tx.now();
    let is_whole = swept.problem.is_none() && swept.next_page.is_none();
    sqlx::query!(
        "UPDATE connection_sweeps SET
             texts_until = CASE WHEN $3 THEN greatest(texts_until, $4) ELSE texts_until END,
             window_until = CASE WHEN $5::text IS NOT NULL THEN $4::timestamptz END, next_page = $5, swept_at = $6,
             failing_since = CASE WHEN $7::text IS NULL THEN NULL ELSE coalesce(failing_since, $6) END, problem = $7,
             texts_found = texts_found + $8, receipts_found = receipts_found + $9
         WHERE tenant_id = $1 AND connection_id = $2",
        tenant.uuid(),
        connection.uuid(),
        is_whole,
        until as _,
        swept.next_page,
        now as _,
        swept.problem,
        swept.texts,
        swept.receipts
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await
}
