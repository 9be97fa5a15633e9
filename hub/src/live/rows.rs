//! What the live feed reads from Postgres, and how old events are deleted.

use std::collections::HashMap;

use super::frame;
use super::ring::Event;
use super::stream::Standing;
use crate::Hub;
use crate::clock::Timestamp;
use crate::db::{Db, SystemTx, Tx};
use crate::error::Result;
use crate::feed;
use crate::ids::{ApiKeyId, FamilyId, StaffId, TenantId};
use crate::role::Role;

/// Rows of one page that clients catch up by.
pub(super) const PAGE: i64 = 256;
/// Rows read at once to repair a gap.
const REPAIR_ROWS_MAX: i64 = 500;
/// Rows deleted by one statement.
const TRIM_ROWS_MAX: i64 = 5_000;

struct Row {
    seq: i64,
    kind: String,
    audience: Role,
    data: serde_json::Value,
    at: Timestamp,
}

fn events(rows: Vec<Row>) -> Result<Vec<Event>> {
    let encode = |row: Row| {
        let encoded = feed::frame(row.seq, &row.kind, row.at, &row.data)?;
        Ok(Event {
            seq: row.seq,
            audience: row.audience,
            frame: frame::event(encoded.get()),
        })
    };
    rows.into_iter().map(encode).collect()
}

async fn standing(tx: &mut Tx) -> Result<Standing> {
    let tenant = tx.tenant();
    let standing = sqlx::query_as!(
        Standing,
        "SELECT epoch, seq, kept_from FROM feeds WHERE tenant_id = $1",
        tenant.uuid()
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(standing)
}

/// Rows with `after < seq <= upto`, at most `limit`.
async fn between(tx: &mut Tx, after: i64, upto: i64, limit: i64) -> Result<Vec<Event>> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Row,
        "SELECT seq, kind, audience, data, at FROM events
         WHERE tenant_id = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4",
        tenant.uuid(),
        after,
        upto,
        limit
    )
    .fetch_all(&mut **tx)
    .await?;
    events(rows)
}

/// Where the sequence stands, and the events before it that are worth having at hand.
pub(super) async fn open(db: &Db, tenant: TenantId) -> Result<(Standing, Vec<Event>)> {
    let mut tx = db.tenant(tenant).await?;
    let standing = standing(&mut tx).await?;
    let after = (standing.seq - PAGE).max(standing.kept_from);
    let recent = between(&mut tx, after, standing.seq, PAGE).await?;
    tx.commit().await?;
    Ok((standing, recent))
}

/// What comes after a number, and where the sequence stands. The standing is read first: rows may run ahead of it.
pub(super) async fn after(db: &Db, tenant: TenantId, seq: i64) -> Result<(Vec<Event>, Standing)> {
    let mut tx = db.tenant(tenant).await?;
    let standing = standing(&mut tx).await?;
    let rows = between(&mut tx, seq, i64::MAX, REPAIR_ROWS_MAX).await?;
    tx.commit().await?;
    Ok((rows, standing))
}

/// One page for clients that catch up.
pub(super) async fn page(db: &Db, tenant: TenantId, after: i64, upto: i64) -> Result<Vec<Event>> {
    let mut tx = db.tenant(tenant).await?;
    let rows = between(&mut tx, after, upto, PAGE).await?;
    tx.commit().await?;
    Ok(rows)
}

/// Where one tenant's sequence stands.
pub(super) async fn stands(db: &Db, tenant: TenantId) -> Result<Standing> {
    let mut tx = db.tenant(tenant).await?;
    let standing = standing(&mut tx).await?;
    tx.commit().await?;
    Ok(standing)
}

/// By what right somebody sits at a socket; the database may have changed it since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Sitting {
    pub(super) tenant: TenantId,
    pub(super) holder: Holder,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Holder {
    /// A person's sign-in, with the `session_version` the socket was opened with.
    Staff {
        staff: StaffId,
        family: FamilyId,
        version: i32,
    },
    /// A machine's key.
    Key(ApiKeyId),
}

/// What one look at the database says of all tenants and holders with clients here.
pub(super) struct Look {
    pub(super) standings: HashMap<TenantId, Standing>,
    /// Tenants that are switched off.
    pub(super) suspended: Vec<TenantId>,
    /// Whose right has changed; true: they may not come back.
    pub(super) changed: Vec<(Sitting, bool)>,
}

/// Looks at all of them, each kind in one query.
pub(super) async fn look(db: &Db, tenants: &[TenantId], sitting: &[Sitting]) -> Result<Look> {
    let mut tx = db.system().await?;
    let ids: Vec<uuid::Uuid> = tenants.iter().map(|tenant| tenant.uuid()).collect();
    let feeds = sqlx::query!(
        r#"SELECT f.tenant_id, f.epoch, f.seq, f.kept_from, t.suspended_at IS NOT NULL AS "suspended!"
           FROM feeds f JOIN tenants t ON t.id = f.tenant_id WHERE f.tenant_id = ANY($1)"#,
        &ids
    )
    .fetch_all(&mut *tx)
    .await?;
    let mut changed = changed_staff(&mut tx, sitting).await?;
    changed.extend(revoked_keys(&mut tx, sitting).await?);
    tx.commit().await?;
    let suspended = feeds.iter().filter(|feed| feed.suspended);
    Ok(Look {
        suspended: suspended.map(|feed| feed.tenant_id).collect(),
        changed,
        standings: feeds
            .into_iter()
            .map(|feed| {
                let standing = Standing {
                    epoch: feed.epoch,
                    seq: feed.seq,
                    kept_from: feed.kept_from,
                };
                (feed.tenant_id, standing)
            })
            .collect(),
    })
}

async fn changed_staff(tx: &mut SystemTx, sitting: &[Sitting]) -> Result<Vec<(Sitting, bool)>> {
    let (mut of, mut ids, mut families, mut versions) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for one in sitting {
        if let Holder::Staff {
            staff,
            family,
            version,
        } = one.holder
        {
            of.push(one.tenant.uuid());
            ids.push(staff.uuid());
            families.push(family.uuid());
            versions.push(version);
        }
    }
    let rows = sqlx::query!(
        r#"SELECT have.tenant_id AS "tenant_id!", have.id AS "id!", have.family AS "family!", have.version AS "version!",
                  s.id IS NULL OR s.disabled_at IS NOT NULL OR f.id IS NULL OR f.revoked_at IS NOT NULL AS "gone!"
           FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::integer[]) AS have (tenant_id, id, family, version)
           LEFT JOIN staff s ON s.tenant_id = have.tenant_id AND s.id = have.id
           LEFT JOIN refresh_families f ON f.tenant_id = have.tenant_id AND f.id = have.family
           WHERE s.id IS NULL OR s.disabled_at IS NOT NULL OR s.session_version <> have.version
              OR f.id IS NULL OR f.revoked_at IS NOT NULL"#,
        &of,
        &ids,
        &families,
        &versions
    )
    .fetch_all(&mut **tx)
    .await?;
    let changed = rows.into_iter().map(|row| {
        let holder = Holder::Staff {
            staff: row.id.into(),
            family: row.family.into(),
            version: row.version,
        };
        let tenant = TenantId::trusted(row.tenant_id);
        (Sitting { tenant, holder }, row.gone)
    });
    Ok(changed.collect())
}

async fn revoked_keys(tx: &mut SystemTx, sitting: &[Sitting]) -> Result<Vec<(Sitting, bool)>> {
    let keys = sitting.iter().filter_map(|one| match one.holder {
        Holder::Key(key) => Some((one.tenant.uuid(), key.uuid())),
        Holder::Staff { .. } => None,
    });
    let (of, ids): (Vec<_>, Vec<_>) = keys.unzip();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query!(
        r#"SELECT have.tenant_id AS "tenant_id!", have.id AS "id!"
           FROM unnest($1::uuid[], $2::uuid[]) AS have (tenant_id, id)
           LEFT JOIN api_keys k ON k.tenant_id = have.tenant_id AND k.id = have.id
           WHERE k.id IS NULL OR k.revoked_at IS NOT NULL"#,
        &of,
        &ids
    )
    .fetch_all(&mut **tx)
    .await?;
    let revoked = rows.into_iter().map(|row| {
        let tenant = TenantId::trusted(row.tenant_id);
        let holder = Holder::Key(row.id.into());
        (Sitting { tenant, holder }, true)
    });
    Ok(revoked.collect())
}

/// Deletes events older than the setting, of every tenant; answers how many. A browser that was away for longer is told
/// to reload.
pub async fn trim(hub: &Hub) -> Result<u64> {
    let kept = std::time::Duration::from_secs(hub.config.live.events_kept_h * 3_600);
    let before = hub.clock.now().before(kept);
    let mut deleted = 0;
    for tenant in crate::tenant::list(hub).await? {
        loop {
            let (rows, more) = trim_some(hub, tenant.id, before).await?;
            deleted += rows;
            if !more {
                break;
            }
        }
    }
    Ok(deleted)
}

/// The mark moves first, on its own: it is under the lock that writers wait for, and the deletion takes its time.
async fn trim_some(hub: &Hub, tenant: TenantId, before: Timestamp) -> Result<(u64, bool)> {
    let mut tx = hub.db.tenant(tenant).await?;
    let from = standing(&mut tx).await?.kept_from;
    let last = sqlx::query_scalar!(
        "SELECT seq FROM events WHERE tenant_id = $1 AND seq > $2 AND seq <= $3 AND at < $4 ORDER BY seq DESC LIMIT 1",
        tenant.uuid(),
        from,
        from + TRIM_ROWS_MAX,
        before as _
    )
    .fetch_optional(&mut *tx)
    .await?;
    if let Some(last) = last {
        sqlx::query!(
            "UPDATE feeds SET kept_from = $2 WHERE tenant_id = $1 AND kept_from < $2",
            tenant.uuid(),
            last
        )
        .execute(&mut *tx)
        .await?;
    }
    tx.commit().await?;
    let mut tx = hub.db.tenant(tenant).await?;
    let deleted = sqlx::query!(
        "DELETE FROM events WHERE tenant_id = $1 AND seq <= $2",
        tenant.uuid(),
        last.unwrap_or(from)
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok((
        deleted.rows_affected(),
        last.is_some_and(|last| last == from + TRIM_ROWS_MAX),
    ))
}
