//! What a worker is to do for its shards: every session of theirs, and what is wanted of it.

use crate::Hub;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::ids::{SessionId, TenantId};
use crate::shard::{Shard, Tenure};

use super::{Desired, Hold, Observed};

/// A session as its worker should see to it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "answers to questions that have nothing to do with each other"
)]
pub struct Wanted {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub session: SessionId,
    /// Where it lives.
    pub shard: Shard,
    /// What a person wants.
    pub desired: Desired,
    /// What was seen last.
    pub observed: Observed,
    /// Not before.
    pub next_attempt_at: Option<Timestamp>,
    /// How often it failed in a row.
    pub attempts: i32,
    /// Whether it was ever linked, and has not been unlinked.
    pub is_linked: bool,
    /// Whether groups' messages come into the inbox.
    pub groups: bool,
    /// A pairing that somebody watches.
    pub pairing: Option<Pairing>,
    /// Until when nothing is sent.
    pub paused_until: Option<Timestamp>,
    /// Whether something waits to be sent, or a file to be fetched; not looked at by [`Hold::wanted`].
    pub has_outbox: bool,
    /// Whether people talk over it just now; not looked at by [`Hold::wanted`] either.
    pub is_busy: bool,
}

/// A pairing that somebody watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pairing {
    /// Where its codes go.
    pub id: String,
    /// For pairing by code: the account's number, in E.164. Otherwise by QR.
    pub phone: Option<String>,
    /// Nobody waits longer.
    pub until: Timestamp,
}

/// All sessions of these shards, in one look.
pub async fn of_shards(hub: &Hub, held: &[Tenure]) -> Result<Vec<Wanted>> {
    let shards: Vec<i16> = held.iter().map(|tenure| tenure.shard.0).collect();
    let mut tx = hub.db.system().await?;
    let rows = sqlx::query!(
        r#"SELECT s.tenant_id AS "tenant_id: TenantId", s.id AS "id: SessionId", t.whatsapp_shard AS "shard!: Shard",
             s.desired AS "desired: Desired", s.observed AS "observed: Observed",
             s.next_attempt_at AS "next_attempt_at: Timestamp", s.attempts, s.phone IS NOT NULL AS "is_linked!",
             s.groups, s.pairing_id, s.pairing_phone, s.pairing_until AS "pairing_until: Timestamp",
             s.paused_until AS "paused_until: Timestamp",
             t.suspended_at IS NULL AND (s.pause_scope IS DISTINCT FROM 'all' OR s.paused_until <= now())
               AND EXISTS (SELECT FROM session_outbox o WHERE o.tenant_id = s.tenant_id AND o.session_id = s.id
                 AND o.state IN ('ready', 'sending') AND o.not_before <= now())
               OR EXISTS (SELECT FROM session_media f WHERE f.tenant_id = s.tenant_id AND f.session_id = s.id
                 AND f.not_before <= now()) AS "has_outbox!",
             coalesce(s.received_at > now() - interval '1 minute', false) AS "has_received!"
           FROM tenants t JOIN sessions s ON s.tenant_id = t.id
           WHERE t.whatsapp_shard = ANY ($1) ORDER BY s.tenant_id, s.id"#,
        &shards
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    let wanted = rows.into_iter().map(|row| Wanted {
        tenant: row.tenant_id,
        session: row.id,
        shard: row.shard,
        desired: row.desired,
        observed: row.observed,
        next_attempt_at: row.next_attempt_at,
        attempts: row.attempts,
        is_linked: row.is_linked,
        groups: row.groups,
        pairing: row.pairing_id.zip(row.pairing_until).map(|(id, until)| Pairing {
            id,
            phone: row.pairing_phone,
            until,
        }),
        paused_until: row.paused_until,
        has_outbox: row.has_outbox,
        is_busy: row.has_outbox || row.has_received,
    });
    Ok(wanted.collect())
}

impl Hold {
    /// What is wanted of the session now.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is gone.
    pub async fn wanted(&self, hub: &Hub) -> Result<Wanted> {
        let mut tx = hub.db.tenant(self.tenant).await?;
        let row = sqlx::query!(
            r#"SELECT desired AS "desired: Desired", observed AS "observed: Observed", next_attempt_at, attempts,
                 phone IS NOT NULL AS "is_linked!", groups, pairing_id, pairing_phone, pairing_until, paused_until
               FROM sessions WHERE tenant_id = $1 AND id = $2"#,
            self.tenant.uuid(),
            self.session.uuid()
        )
        .fetch_optional(&mut *tx)
        .await?
        .ok_or(Error::NotFound("session"))?;
        tx.commit().await?;
        Ok(Wanted {
            tenant: self.tenant,
            session: self.session,
            shard: self.tenure.shard,
            desired: row.desired,
            observed: row.observed,
            next_attempt_at: row.next_attempt_at,
            attempts: row.attempts,
            is_linked: row.is_linked,
            groups: row.groups,
            pairing: row.pairing_id.zip(row.pairing_until).map(|(id, until)| Pairing {
                id,
                phone: row.pairing_phone,
                until,
            }),
            paused_until: row.paused_until,
            has_outbox: false,
            is_busy: false,
        })
    }
}
