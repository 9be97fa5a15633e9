//! The live feed's write side: an event is numbered under the tenant's row lock in the transaction that made the change.

use serde::Serialize;
use serde_json::value::RawValue;
use sqlx::PgConnection;
use sqlx::types::Json;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::ids::TenantId;
use crate::role::Role;

/// A fact for screens, before it has a number.
#[derive(Debug)]
pub struct NewEvent {
    kind: &'static str,
    audience: Role,
    data: serde_json::Value,
}

impl NewEvent {
    /// An event that every role may see. `data` is the complete object, so that a screen needs no fetch.
    pub fn new(kind: &'static str, data: &impl Serialize) -> Result<Self> {
        Self::for_role(Role::ReadOnly, kind, data)
    }

    /// An event that only `audience` and higher roles see.
    pub fn for_role(audience: Role, kind: &'static str, data: &impl Serialize) -> Result<Self> {
        let data = serde_json::to_value(data).map_err(anyhow::Error::from)?;
        Ok(Self { kind, audience, data })
    }
}

/// A numbered event as it is published to Redis: what every process forwards to its clients.
#[derive(Debug, Serialize, serde::Deserialize)]
pub struct Published {
    /// Its place in the tenant's sequence.
    pub seq: i64,
    /// The lowest role that may see it.
    pub audience: Role,
    /// The client's frame, already encoded: `{"type":"event","seq":…,"kind":…,"at":…,"data":…}`.
    pub frame: Box<RawValue>,
}

#[derive(Serialize)]
struct Frame<'a> {
    r#type: &'static str,
    seq: i64,
    kind: &'a str,
    at: Timestamp,
    data: &'a serde_json::Value,
}

/// Encodes a client's frame; the one form of an event, whether fresh or read back.
pub fn frame(seq: i64, kind: &str, at: Timestamp, data: &serde_json::Value) -> Result<Box<RawValue>> {
    let frame = Frame {
        r#type: "event",
        seq,
        kind,
        at,
        data,
    };
    Ok(serde_json::value::to_raw_value(&frame).map_err(anyhow::Error::from)?)
}

/// Numbers `events` and writes their rows: the last statement of the writing transaction, since the row lock is held
/// until its commit and every writer of the tenant waits for it.
pub(crate) async fn append(
    db: &mut PgConnection,
    tenant: TenantId,
    events: &[NewEvent],
    at: Timestamp,
) -> Result<Vec<Published>> {
    let count = i64::try_from(events.len()).map_err(anyhow::Error::from)?;
    let kinds: Vec<_> = events.iter().map(|event| event.kind).collect();
    let audiences: Vec<_> = events.iter().map(|event| event.audience.as_str()).collect();
    let bodies: Vec<_> = events.iter().map(|event| Json(&event.data)).collect();
    let last = sqlx::query_scalar!(
        r#"WITH numbered AS (
             UPDATE feeds SET seq = seq + $2 WHERE tenant_id = $1 RETURNING seq
         ), written AS (
             INSERT INTO events (tenant_id, seq, kind, audience, data, at)
             SELECT $1, numbered.seq - $2 + new.n, new.kind, new.audience, new.data, $6
             FROM numbered, unnest($3::text[], $4::text[], $5::jsonb[]) WITH ORDINALITY AS new (kind, audience, data, n)
         )
         SELECT seq FROM numbered"#,
        tenant.uuid(),
        count,
        &kinds as &[&str],
        &audiences as &[&str],
        &bodies as &[Json<&serde_json::Value>],
        at as _
    )
    .fetch_one(&mut *db)
    .await?;
    let mut published = Vec::with_capacity(events.len());
    for (event, seq) in events.iter().zip(last - count + 1..) {
        published.push(Published {
            seq,
            audience: event.audience,
            frame: frame(seq, event.kind, at, &event.data)?,
        });
    }
    Ok(published)
}
