//! The audit log: who did what, written in the transaction that did it. The application can add lines, not change them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::Hub;
use crate::clock::Timestamp;
use crate::cursor::{self, Page};
use crate::db::{SystemTx, Tx};
use crate::error::Result;
use crate::ids::{AuditId, TenantId};
use crate::principal::{Actor, Principal};

/// A deed to be written down. Never put secrets, bodies or numbers of contacts into `detail`.
#[derive(Debug)]
pub struct Line {
    action: &'static str,
    target: Option<(&'static str, Uuid)>,
    detail: Value,
}

impl Line {
    /// A deed by its dotted name, such as `staff.invited`.
    pub fn new(action: &'static str) -> Self {
        Self {
            action,
            target: None,
            detail: json!({}),
        }
    }

    /// What it was done to.
    #[must_use]
    pub fn target(self, kind: &'static str, id: Uuid) -> Self {
        Self {
            target: Some((kind, id)),
            ..self
        }
    }

    /// What else matters.
    #[must_use]
    pub fn detail(self, detail: Value) -> Self {
        Self { detail, ..self }
    }
}

/// A line of the log.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Entry {
    /// Its id.
    pub id: AuditId,
    /// `staff`, `api_key`, `agent`, `system` or `operator`.
    pub actor_kind: String,
    /// The person or key.
    pub actor_id: Option<Uuid>,
    /// What was done.
    pub action: String,
    /// What it was done to.
    pub target_kind: Option<String>,
    /// Which of them.
    pub target_id: Option<Uuid>,
    /// What else matters.
    #[schema(value_type = Object)]
    pub detail: Value,
    /// When.
    pub at: Timestamp,
}

/// Writes `line` in the deed's transaction; without a principal the system did it.
pub async fn record(tx: &mut Tx, by: Option<&Principal>, line: Line) -> Result<()> {
    let (kind, id) = match by.map(Principal::actor) {
        Some(Actor::Staff { id, .. }) => ("staff", Some(id.uuid())),
        Some(Actor::ApiKey { id }) => ("api_key", Some(id.uuid())),
        Some(Actor::Operator { visit, .. }) => ("operator", Some(visit.uuid())),
        None => ("system", None),
    };
    write(tx, kind, id, line).await
}

/// Writes a deed of a call's agent.
pub async fn record_agent(tx: &mut Tx, line: Line) -> Result<()> {
    write(tx, "agent", None, line).await
}

/// Writes a deed of a person who has no principal yet: a sign-in.
pub(crate) async fn record_staff(tx: &mut Tx, staff: crate::ids::StaffId, line: Line) -> Result<()> {
    write(tx, "staff", Some(staff.uuid()), line).await
}

/// Writes what a platform operator does on a visit.
pub(crate) async fn record_operator(tx: &mut Tx, visit: crate::ids::VisitId, line: Line) -> Result<()> {
    write(tx, "operator", Some(visit.uuid()), line).await
}

/// Writes a deed done to a tenant from outside of it, at the platform.
pub(crate) async fn record_outside(
    tx: &mut SystemTx,
    at: (TenantId, Timestamp),
    (actor_kind, actor_id): (&str, Option<Uuid>),
    line: Line,
) -> Result<()> {
    insert(tx, at, actor_kind, actor_id, line).await
}

async fn write(tx: &mut Tx, actor_kind: &str, actor_id: Option<Uuid>, line: Line) -> Result<()> {
    let at = (tx.tenant(), tx.now());
    insert(tx, at, actor_kind, actor_id, line).await
}

async fn insert(
    db: &mut PgConnection,
    (tenant, now): (TenantId, Timestamp),
    actor_kind: &str,
    actor_id: Option<Uuid>,
    line: Line,
) -> Result<()> {
    let (target_kind, target_id) = line.target.unzip();
    sqlx::query!(
        "INSERT INTO audit_log (tenant_id, id, actor_kind, actor_id, action, target_kind, target_id, detail, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        tenant.uuid(),
        AuditId::at(now).uuid(),
        actor_kind,
        actor_id,
        line.action,
        target_kind,
        target_id,
        line.detail,
        now as _
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Where a page of the log ended.
#[derive(Serialize, Deserialize)]
struct Position(AuditId);

/// Which lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Of this person or key only.
    pub actor: Option<Uuid>,
    /// Of this deed only (`staff.invited`), or of all deeds about a noun (`staff`).
    pub action: Option<String>,
}

/// The tenant's log, newest first.
pub async fn list(
    hub: &Hub,
    tenant: TenantId,
    wanted: &Wanted,
    limit: u32,
    cursor: Option<&str>,
) -> Result<Page<Entry>> {
    let query = format!("audit?{wanted:?}");
    let after: Option<Position> = cursor::open(hub, tenant, &query, cursor)?;
    let mut tx = hub.db.tenant(tenant).await?;
    let entries = sqlx::query_as!(
        Entry,
        "SELECT id, actor_kind, actor_id, action, target_kind, target_id, detail, at FROM audit_log
         WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id < $2)
           AND ($4::uuid IS NULL OR actor_id = $4)
           AND ($5::text IS NULL OR action = $5 OR starts_with(action, $5 || '.'))
         ORDER BY id DESC LIMIT $3",
        tenant.uuid(),
        after.map(|Position(id)| id.uuid()),
        i64::from(limit) + 1,
        wanted.actor,
        wanted.action
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Page::cut(hub, tenant, &query, limit, entries, |entry| Position(entry.id))
}
