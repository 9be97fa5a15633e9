//! Lists of calls: live ones, ended ones, and those that were not taken; newest first, by cursor.

use serde::Deserialize;

use super::{Call, Row};
use crate::db::Tx;
use crate::error::Result;
use crate::ids::CallId;

/// Which calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CallFilter)]
pub enum Filter {
    /// Ringing or live.
    Live,
    /// Ended.
    Ended,
    /// Not taken.
    NotTaken,
}

/// Up to `limit` calls that are older than `before`. Ids sort by time.
pub async fn list(
    tx: &mut Tx,
    filter: Option<Filter>,
    before: Option<CallId>,
    limit: i64,
) -> Result<Vec<Call>> {
    let tenant = tx.tenant();
    let states: Vec<String> = match filter {
        Some(Filter::Live) => vec!["ringing".to_owned(), "live".to_owned()],
        Some(Filter::Ended) => vec!["ended".to_owned()],
        Some(Filter::NotTaken) => vec!["not_taken".to_owned()],
        None => ["ringing", "live", "ended", "not_taken"]
            .map(str::to_owned)
            .to_vec(),
    };
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT c.id, c.source, c.direction, c.from_address, c.to_address,
                  c.visitor IS NOT NULL AS "visitor!", c.contact_id, k.name AS "contact_name?",
                  c.conversation_id, c.inbox_id, i.name AS "inbox_name?", c.state, c.agent, c.outcome, c.fallback,
                  c.summary, c.started_at, c.answered_at, c.ended_at, c.version
           FROM calls c
           LEFT JOIN contacts k ON k.tenant_id = c.tenant_id AND k.id = c.contact_id
           LEFT JOIN inboxes i ON i.tenant_id = c.tenant_id AND i.id = c.inbox_id
           WHERE c.tenant_id = $1 AND c.state = ANY($2) AND ($3::uuid IS NULL OR c.id < $3)
           ORDER BY c.id DESC LIMIT $4"#,
        tenant.uuid(),
        &states,
        before.map(CallId::uuid),
        limit
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(Call::from).collect())
}
