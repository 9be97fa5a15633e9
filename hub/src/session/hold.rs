//! A worker's hold on a session: it adopts the session under its shard's epoch, and from then on Postgres takes the
//! session's state from this epoch or a later one only.

use serde_json::json;

use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::feed::NewEvent;
use crate::ids::{InboxId, SessionId, TenantId};
use crate::shard::Tenure;
use crate::{Hub, inbox};

use super::{Observed, Session, changed};

/// The right to work one session, for as long as the shard is held and nobody adopted it since.
#[derive(Clone, Debug)]
pub struct Hold {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub session: SessionId,
    /// The inbox its conversations are in.
    pub inbox: InboxId,
    /// Of the shard.
    pub tenure: Tenure,
}

/// What a worker saw, for the session's row and for screens.
#[derive(Clone, Debug)]
pub struct Observation {
    /// The state.
    pub observed: Observed,
    /// A code for why.
    pub reason: Option<String>,
    /// Not to be tried again before.
    pub next_attempt_at: Option<Timestamp>,
    /// How often it failed in a row.
    pub attempts: i32,
}

impl Observation {
    /// A state that needs no reason.
    pub fn plain(observed: Observed) -> Self {
        Self {
            observed,
            reason: None,
            next_attempt_at: None,
            attempts: 0,
        }
    }

    /// A state and why.
    pub fn because(observed: Observed, reason: impl Into<String>) -> Self {
        Self {
            reason: Some(reason.into()),
            ..Self::plain(observed)
        }
    }
}

/// Takes a session on under the tenure's epoch, before anything of its state is read; `None` when a later epoch has it, or
/// the shard is not held any more. What the worker before it last saw is no news any more: a session that was connected is
/// on its way again.
pub async fn adopt(
    hub: &Hub,
    me: &str,
    tenure: &Tenure,
    tenant: TenantId,
    session: SessionId,
) -> Result<Option<Hold>> {
    if !tenure.holds() {
        return Ok(None);
    }
    let mut tx = hub.db.tenant(tenant).await?;
    let adopted = sqlx::query!(
        r#"UPDATE sessions SET epoch = $3, worker = $4 WHERE tenant_id = $1 AND id = $2 AND epoch <= $3
           RETURNING inbox_id AS "inbox_id: InboxId", observed = 'connected' AS "was_connected!""#,
        tenant.uuid(),
        session.uuid(),
        tenure.epoch.number(),
        me
    )
    .fetch_optional(&mut *tx)
    .await?;
    if adopted.as_ref().is_some_and(|adopted| adopted.was_connected) {
        lose(&mut tx, session).await?;
    }
    tx.commit().await?;
    Ok(adopted.filter(|_| tenure.holds()).map(|adopted| Hold {
        tenant,
        session,
        inbox: adopted.inbox_id,
        tenure: tenure.clone(),
    }))
}

/// Notes whose account a session is, from now on: its number becomes the inbox's address, unless another inbox has it.
pub(super) async fn link(
    tx: &mut Tx,
    session: SessionId,
    inbox: InboxId,
    phone: &str,
    push_name: Option<&str>,
) -> Result<Session> {
    let (tenant, now) = (tx.tenant(), tx.now());
    sqlx::query!(
        "UPDATE sessions SET phone = $3, push_name = coalesce($4, push_name), paired_at = $5,
           desired = 'running', pairing_id = NULL, pairing_until = NULL, lost_at = $5
         WHERE tenant_id = $1 AND id = $2",
        tenant.uuid(),
        session.uuid(),
        phone,
        push_name,
        now as _
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "UPDATE inboxes SET address = $3 WHERE tenant_id = $1 AND id = $2
           AND NOT EXISTS (SELECT FROM inboxes WHERE tenant_id = $1 AND channel = 'whatsapp' AND address = $3)",
        tenant.uuid(),
        inbox.uuid(),
        phone
    )
    .execute(&mut **tx)
    .await?;
    let inbox = inbox::get(tx, inbox).await?;
    tx.emit(NewEvent::new("inbox.updated", &json!({ "inbox": inbox }))?);
    changed(tx, session).await
}

/// Whoever was connected is gone without a word.
async fn lose(tx: &mut Tx, session: SessionId) -> Result<()> {
    let (tenant, now) = (tx.tenant(), tx.now());
    sqlx::query!(
        "UPDATE sessions SET observed = 'connecting', reason = NULL, observed_at = $3, lost_at = $3, connected_at = NULL
         WHERE tenant_id = $1 AND id = $2",
        tenant.uuid(),
        session.uuid(),
        now as _
    )
    .execute(&mut **tx)
    .await?;
    changed(tx, session).await?;
    Ok(())
}

impl Hold {
    /// A transaction in which the session is certainly still ours until its end: who adopts it waits for us, and once
    /// somebody did, this answers [`Error::Stale`].
    pub async fn tx(&self, hub: &Hub) -> Result<Tx> {
        if !self.tenure.holds() {
            return Err(Error::Stale);
        }
        let mut tx = hub.db.tenant(self.tenant).await?;
        let held = sqlx::query_scalar!(
            "SELECT 1 FROM sessions WHERE tenant_id = $1 AND id = $2 AND epoch = $3 FOR SHARE",
            self.tenant.uuid(),
            self.session.uuid(),
            self.tenure.epoch.number()
        )
        .fetch_optional(&mut *tx)
        .await?;
        self.unless_fenced(tx, held.is_some())
    }

    /// The same for a transaction that changes the session's row: two that only shared it would lock each other out.
    pub(super) async fn tx_alone(&self, hub: &Hub) -> Result<Tx> {
        if !self.tenure.holds() {
            return Err(Error::Stale);
        }
        let mut tx = hub.db.tenant(self.tenant).await?;
        let held = sqlx::query_scalar!(
            "SELECT 1 FROM sessions WHERE tenant_id = $1 AND id = $2 AND epoch = $3 FOR NO KEY UPDATE",
            self.tenant.uuid(),
            self.session.uuid(),
            self.tenure.epoch.number()
        )
        .fetch_optional(&mut *tx)
        .await?;
        self.unless_fenced(tx, held.is_some())
    }

    /// A later epoch has the session, so the shard is somebody else's: all of the tenure ends.
    fn unless_fenced(&self, tx: Tx, is_held: bool) -> Result<Tx> {
        if is_held {
            return Ok(tx);
        }
        metrics::counter!("switchboard_session_writes_fenced_total").increment(1);
        self.tenure.end();
        Err(Error::Stale)
    }

    /// Writes what the worker sees and tells screens.
    pub async fn observe(&self, hub: &Hub, seen: &Observation) -> Result<()> {
        self.write_seen(hub, seen, None).await
    }

    /// The same when an attempt to link came to nothing. Another one that began since stands.
    pub async fn pairing_ended(&self, hub: &Hub, pairing: &str, seen: &Observation) -> Result<()> {
        self.write_seen(hub, seen, Some(pairing)).await
    }

    async fn write_seen(&self, hub: &Hub, seen: &Observation, ended: Option<&str>) -> Result<()> {
        let mut tx = hub.db.tenant(self.tenant).await?;
        let now = tx.now();
        let done = sqlx::query!(
            "UPDATE sessions SET observed = $4, reason = $5, next_attempt_at = $6, attempts = $7, observed_at = $8,
               connected_at = CASE WHEN $4 <> 'connected' THEN NULL ELSE coalesce(connected_at, $8) END,
               lost_at = CASE WHEN $4 <> 'connected' THEN coalesce(lost_at, $8) END,
               heard_at = CASE WHEN $4 = 'connected' THEN $8 ELSE heard_at END,
               pairing_id = CASE WHEN $4 = 'pairing' OR (pairing_until > $8 AND pairing_id IS DISTINCT FROM $9)
                 THEN pairing_id END,
               pairing_until = CASE WHEN $4 = 'pairing' OR (pairing_until > $8 AND pairing_id IS DISTINCT FROM $9)
                 THEN pairing_until END
             WHERE tenant_id = $1 AND id = $2 AND epoch = $3",
            self.tenant.uuid(),
            self.session.uuid(),
            self.tenure.epoch.number(),
            seen.observed.as_str(),
            seen.reason,
            seen.next_attempt_at as _,
            seen.attempts,
            now as _,
            ended
        )
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            self.tenure.end();
            return Err(Error::Stale);
        }
        changed(&mut tx, self.session).await?;
        tx.commit().await
    }

    /// Notes whose account it is, once it is linked: its number becomes the inbox's address.
    pub async fn linked(&self, hub: &Hub, phone: &str, push_name: Option<&str>) -> Result<()> {
        let push_name = push_name.map(|name| name.replace('\0', ""));
        let mut tx = self.tx_alone(hub).await?;
        let before = sqlx::query_scalar!(
            "SELECT phone FROM sessions WHERE tenant_id = $1 AND id = $2",
            self.tenant.uuid(),
            self.session.uuid()
        )
        .fetch_one(&mut *tx)
        .await?;
        if before.is_some_and(|before| before != phone) {
            self.give_items_up(&mut tx).await?;
        }
        link(&mut tx, self.session, self.inbox, phone, push_name.as_deref()).await?;
        tx.commit().await
    }

    /// Notes what the account calls itself; an event only where that is news.
    pub async fn named(&self, hub: &Hub, push_name: &str) -> Result<()> {
        let push_name = push_name.replace('\0', "");
        let mut tx = self.tx_alone(hub).await?;
        let done = sqlx::query!(
            "UPDATE sessions SET push_name = $3 WHERE tenant_id = $1 AND id = $2 AND push_name IS DISTINCT FROM $3",
            self.tenant.uuid(),
            self.session.uuid(),
            push_name
        )
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() > 0 {
            changed(&mut tx, self.session).await?;
        }
        tx.commit().await
    }

    /// Notes that the network was heard from; no event, screens see it with the next one.
    pub async fn heard(&self, hub: &Hub) -> Result<()> {
        let mut tx = hub.db.tenant(self.tenant).await?;
        let now = tx.now();
        let done = sqlx::query!(
            "UPDATE sessions SET heard_at = $4 WHERE tenant_id = $1 AND id = $2 AND epoch = $3",
            self.tenant.uuid(),
            self.session.uuid(),
            self.tenure.epoch.number(),
            now as _
        )
        .execute(&mut *tx)
        .await?;
        let tx = self.unless_fenced(tx, done.rows_affected() > 0)?;
        tx.commit().await
    }
}
