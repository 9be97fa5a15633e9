//! The health of sessions: one word each, reckoned from rows and the clock alone, so that it holds when the worker that
//! should report is frozen or dead. What a worker last said about itself is one fact among others here.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::pacing::Scope;
use super::{Desired, Observed, changed};
use crate::Hub;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::ids::{SessionId, TenantId};

/// A connection is heard from at least every half minute, as it asks for that itself, and that is written down every half
/// minute. This long without a word, it only looks like a connection.
pub const SILENT_AFTER: Duration = Duration::from_mins(3);
/// Something that could go out and has not for so long is stuck.
const STUCK_AFTER: Duration = Duration::from_mins(2);
/// Sessions of one look.
const LOOK_MAX: i64 = 50_000;

/// How a session fares.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
#[schema(as = WhatsappHealthState)]
pub enum State {
    /// As it should.
    Ok,
    /// It is connected, and nothing at all is heard from the network.
    Silent,
    /// Messages come in, and what should go out does not.
    Stuck,
    /// Sending, or writing to new people, is held back until a time.
    Paused,
    /// The connection is away, and being tried for again.
    Reconnecting,
    /// Only a person can mend it.
    NeedsYou,
    /// Not linked, or at rest, as somebody wanted it.
    Resting,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Ok,
        Self::Silent,
        Self::Stuck,
        Self::Paused,
        Self::Reconnecting,
        Self::NeedsYou,
        Self::Resting,
    ];

    /// The name in rows, JSON and figures.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Silent => "silent",
            Self::Stuck => "stuck",
            Self::Paused => "paused",
            Self::Reconnecting => "reconnecting",
            Self::NeedsYou => "needs_you",
            Self::Resting => "resting",
        }
    }
}

/// The word, since when and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = WhatsappHealth)]
pub struct Health {
    /// How it fares.
    pub state: State,
    /// Since when: last heard from, waits to go out, is disconnected, needs somebody.
    pub since: Option<Timestamp>,
    /// The end of a pause or a ban, or the next attempt.
    pub until: Option<Timestamp>,
}

/// What a session's health is reckoned from.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// What a person wants.
    pub desired: Desired,
    /// What its worker said last.
    pub observed: Observed,
    /// When it said so.
    pub observed_at: Timestamp,
    /// Whether an account is linked.
    pub is_linked: bool,
    /// Connected since.
    pub connected_at: Option<Timestamp>,
    /// Disconnected since.
    pub lost_at: Option<Timestamp>,
    /// Last heard from.
    pub heard_at: Option<Timestamp>,
    /// When it is tried again.
    pub next_attempt_at: Option<Timestamp>,
    /// Until when sending is held back, and what of it.
    pub paused_until: Option<Timestamp>,
    /// See above.
    pub pause_scope: Option<Scope>,
    /// Since when the oldest item that may go out has waited.
    pub oldest_open_at: Option<Timestamp>,
}

impl Facts {
    /// See the module.
    pub fn health(&self, now: Timestamp) -> Health {
        let say = |state, since, until| Health { state, since, until };
        if self.observed == Observed::PasskeyNeeded
            || (self.observed.needs_person() && self.desired == Desired::Running)
        {
            return say(State::NeedsYou, Some(self.observed_at), None);
        }
        if self.desired != Desired::Running || !self.is_linked || self.observed == Observed::Pairing {
            return say(State::Resting, Some(self.observed_at), None);
        }
        if self.observed == Observed::Banned {
            return say(State::NeedsYou, Some(self.observed_at), self.next_attempt_at);
        }
        if self.observed != Observed::Connected {
            let next = self.next_attempt_at.filter(|at| *at > now);
            return say(
                State::Reconnecting,
                Some(self.lost_at.unwrap_or(self.observed_at)),
                next,
            );
        }
        let heard_at = self.heard_at.max(self.connected_at).unwrap_or(self.observed_at);
        if now.since(heard_at) > SILENT_AFTER {
            return say(State::Silent, Some(heard_at), None);
        }
        let paused_until = self.paused_until.filter(|until| *until > now);
        if paused_until.is_some() && self.pause_scope == Some(Scope::All) {
            return say(State::Paused, None, paused_until);
        }
        // What waited for the connection or for the end of a pause has not been stuck meanwhile.
        let free_since = self
            .connected_at
            .max(self.paused_until.filter(|until| *until <= now));
        let waits_since = self.oldest_open_at.max(free_since);
        if self.oldest_open_at.is_some() && waits_since.is_some_and(|since| now.since(since) > STUCK_AFTER) {
            return say(State::Stuck, waits_since, None);
        }
        match paused_until {
            Some(_) => say(State::Paused, None, paused_until),
            None => say(State::Ok, self.connected_at, None),
        }
    }
}

/// Looks at every session there is: sets the gauge `switchboard_sessions` by health, and tells screens where a word has
/// changed although nobody changed the row. Answers how many did.
pub async fn look(hub: &Hub) -> Result<usize> {
    let now = hub.clock.now();
    let mut tx = hub.db.system().await?;
    let rows = sqlx::query!(
        r#"SELECT s.tenant_id AS "tenant_id: TenantId", s.id AS "id: SessionId", s.health AS "health: State",
             s.desired AS "desired: Desired", s.observed AS "observed: Observed", s.observed_at AS "observed_at: Timestamp",
             s.phone IS NOT NULL AS "is_linked!", s.connected_at AS "connected_at: Timestamp",
             s.lost_at AS "lost_at: Timestamp", s.heard_at AS "heard_at: Timestamp",
             s.next_attempt_at AS "next_attempt_at: Timestamp", s.paused_until AS "paused_until: Timestamp",
             s.pause_scope AS "pause_scope: Scope",
             (SELECT min(CASE WHEN o.tries > 0 THEN o.created_at ELSE greatest(o.created_at, o.not_before) END)
                FROM session_outbox o WHERE o.tenant_id = s.tenant_id AND o.session_id = s.id
                  AND o.state IN ('ready', 'sending')) AS "oldest_open_at: Timestamp"
           FROM sessions s JOIN tenants t ON t.id = s.tenant_id AND t.suspended_at IS NULL LIMIT $1"#,
        LOOK_MAX
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    let mut counts: BTreeMap<State, u32> = State::ALL.into_iter().map(|state| (state, 0)).collect();
    let mut changes = Vec::new();
    for row in rows {
        let facts = Facts {
            desired: row.desired,
            observed: row.observed,
            observed_at: row.observed_at,
            is_linked: row.is_linked,
            connected_at: row.connected_at,
            lost_at: row.lost_at,
            heard_at: row.heard_at,
            next_attempt_at: row.next_attempt_at,
            paused_until: row.paused_until,
            pause_scope: row.pause_scope,
            oldest_open_at: row.oldest_open_at,
        };
        let state = facts.health(now).state;
        *counts.entry(state).or_default() += 1;
        if row.health != Some(state) {
            changes.push((row.tenant_id, row.id, state));
        }
    }
    for (state, count) in counts {
        metrics::gauge!("switchboard_sessions", "health" => state.as_str()).set(f64::from(count));
    }
    for (tenant, session, state) in &changes {
        note(hub, *tenant, *session, *state).await?;
    }
    Ok(changes.len())
}

async fn note(hub: &Hub, tenant: TenantId, session: SessionId, state: State) -> Result<()> {
    let mut tx = hub.db.tenant(tenant).await?;
    let done = sqlx::query!(
        "UPDATE sessions SET health = $3 WHERE tenant_id = $1 AND id = $2 AND health IS DISTINCT FROM $3",
        tenant.uuid(),
        session.uuid(),
        state.as_str()
    )
    .execute(&mut *tx)
    .await?;
    if done.rows_affected() > 0 {
        changed(&mut tx, session).await?;
        metrics::counter!("switchboard_session_health_changes_total", "to" => state.as_str()).increment(1);
        if matches!(state, State::Silent | State::Stuck) {
            tracing::warn!(session.id = %session, "Session {session} is {}", state.as_str());
        }
    }
    tx.commit().await
}

#[cfg(test)]
mod tests;
