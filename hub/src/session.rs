//! Sessions: linked connections of a tenant's own account, such as a WhatsApp number as a further device. What a person
//! wants ([`Desired`]) and what the worker sees ([`Observed`]) are two things: a lost connection never changes the first,
//! and nothing but a person's word removes what a session has stored.

pub mod attention;
pub mod health;
pub mod hold;
mod import;
pub mod inbound;
pub mod media;
pub mod outbox;
pub mod pacing;
pub mod pairing;
mod read;
pub mod state;
mod want;

use serde::{Deserialize, Serialize};
use serde_json::json;

pub use hold::{Hold, Observation};
pub use import::{Import, import};
pub use read::{get, list};
pub use want::{Pairing, Wanted, of_shards};

use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::feed::NewEvent;
use crate::ids::{InboxId, SessionId, StaffId};
use crate::inbox::{self, Channel, InboxChange};
use health::Health;
use pacing::Scope;

/// What a person wants of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Desired {
    /// To be connected, whatever happens.
    Running,
    /// To rest; what it has stored is kept.
    Stopped,
    /// To be logged out at the network and its keys forgotten; the messages stay.
    Unlinked,
}

impl Desired {
    /// The name in rows and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Unlinked => "unlinked",
        }
    }
}

/// What a session's worker sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Observed {
    /// Never linked, or unlinked since.
    New,
    /// Codes are being shown.
    Pairing,
    /// On its way.
    Connecting,
    /// Messages flow.
    Connected,
    /// Disconnected, and to be tried again at `next_attempt_at`.
    Waiting,
    /// Rests, because a person said so.
    Stopped,
    /// Somebody else connected with the same keys, and it was not one of ours.
    Replaced,
    /// The phone's owner or the network unlinked it; it must be linked anew.
    LoggedOut,
    /// The network refuses the account until `next_attempt_at`.
    Banned,
    /// The account can only be linked with its passkey, which a server does not have.
    PasskeyNeeded,
    /// The network wants a newer client.
    Outdated,
    /// Something else, which only a person can mend.
    Failed,
}

impl Observed {
    /// The name in rows and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Pairing => "pairing",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Waiting => "waiting",
            Self::Stopped => "stopped",
            Self::Replaced => "replaced",
            Self::LoggedOut => "logged_out",
            Self::Banned => "banned",
            Self::PasskeyNeeded => "passkey_needed",
            Self::Outdated => "outdated",
            Self::Failed => "failed",
        }
    }

    /// Whether a worker leaves it alone until a person does something.
    pub fn needs_person(self) -> bool {
        matches!(
            self,
            Self::Replaced | Self::LoggedOut | Self::PasskeyNeeded | Self::Outdated | Self::Failed
        )
    }
}

/// A tenant has at most so many: each is a connection that its shard's worker holds.
pub const SESSIONS_MAX: i64 = 20;

/// A linked connection.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = WhatsappSession)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// The inbox its conversations are in.
    pub inbox_id: InboxId,
    /// For staff.
    pub name: String,
    /// What a person wants.
    pub desired: Desired,
    /// What its worker sees.
    pub observed: Observed,
    /// A code for why.
    pub reason: Option<String>,
    /// Since when.
    pub observed_at: Timestamp,
    /// When it is tried again: the end of a back-off or a ban.
    pub next_attempt_at: Option<Timestamp>,
    /// Whose account it is, in E.164.
    pub phone: Option<String>,
    /// What the account calls itself.
    pub push_name: Option<String>,
    /// When it was linked.
    pub paired_at: Option<Timestamp>,
    /// Connected since.
    pub connected_at: Option<Timestamp>,
    /// When anything was last heard from the network.
    pub heard_at: Option<Timestamp>,
    /// When a message was last taken in.
    pub received_at: Option<Timestamp>,
    /// Until when sending over it is held back; not the stop that a person wants, which is `desired`.
    pub paused_until: Option<Timestamp>,
    /// A code for why.
    pub pause_reason: Option<String>,
    /// What is held back.
    pub pause_scope: Option<Scope>,
    /// Contacts written to for the first time today, in UTC.
    pub new_chats_today: i32,
    /// How many they may be; null when nobody counts, or nobody has reckoned it yet.
    pub new_chats_limit: Option<i32>,
    /// How it fares, all in all.
    pub health: Health,
    /// Whether groups' messages come into the inbox, read-only.
    pub groups: bool,
    /// Which worker holds it.
    pub worker: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What staff may change of a session.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WhatsappSessionChange)]
pub struct SessionChange {
    /// For staff; its inbox has the same name.
    pub name: Option<String>,
    /// Whether it runs or rests. `running` again is also the way out of a state that waits for a person, and of a pause.
    pub desired: Option<Wish>,
    /// Whether groups' messages come into the inbox, read-only.
    pub groups: Option<bool>,
}

/// What staff may want of a session that stays linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// To be connected.
    Running,
    /// To rest.
    Stopped,
}

impl From<Wish> for Desired {
    fn from(wish: Wish) -> Self {
        match wish {
            Wish::Running => Self::Running,
            Wish::Stopped => Self::Stopped,
        }
    }
}

/// Makes a session that is not linked yet, with the inbox its conversations will be in. Its tenant needs a shard:
/// [`crate::shard::assign`].
///
/// # Errors
/// `too_many_sessions` from [`SESSIONS_MAX`] on; two at the same moment may be one more.
pub async fn create(tx: &mut Tx, name: &str, by: Option<StaffId>) -> Result<Session> {
    let (tenant, now) = (tx.tenant(), tx.now());
    if !(1..=120).contains(&name.trim().chars().count()) {
        return Err(Error::field("name", "must have 1 to 120 characters"));
    }
    let sessions = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM sessions WHERE tenant_id = $1"#,
        tenant.uuid()
    )
    .fetch_one(&mut **tx)
    .await?;
    if sessions >= SESSIONS_MAX {
        let what = format!("there are {SESSIONS_MAX} sessions already; link one of them to another account");
        return Err(Error::conflict("too_many_sessions", what));
    }
    let (id, inbox) = (SessionId::at(now), InboxId::at(now));
    sqlx::query!(
        "INSERT INTO inboxes (tenant_id, id, channel, address, name, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
        tenant.uuid(),
        inbox.uuid(),
        Channel::Whatsapp.as_str(),
        // Until it is linked nobody knows the number; it never finds the tenant, so it needs no route.
        format!("session:{id}"),
        name.trim(),
        now as _
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "INSERT INTO sessions (tenant_id, id, inbox_id, desired, observed, observed_at, created_by, created_at)
         VALUES ($1, $2, $3, 'stopped', 'new', $4, $5, $4)",
        tenant.uuid(),
        id.uuid(),
        inbox.uuid(),
        now as _,
        by.map(StaffId::uuid)
    )
    .execute(&mut **tx)
    .await?;
    let inbox = inbox::get(tx, inbox).await?;
    tx.emit(NewEvent::new("inbox.updated", &json!({ "inbox": inbox }))?);
    changed(tx, id).await
}

/// Renames it, sets it, says what is wanted of it.
pub async fn change(tx: &mut Tx, id: SessionId, change: SessionChange) -> Result<Session> {
    let before = get(tx, id).await?;
    if let Some(name) = change.name {
        let name = Some(name.trim().to_owned());
        let renamed = InboxChange {
            name,
            ..InboxChange::default()
        };
        inbox::change(tx, before.inbox_id, renamed).await?;
    }
    if let Some(groups) = change.groups {
        sqlx::query!(
            "UPDATE sessions SET groups = $3 WHERE tenant_id = $1 AND id = $2",
            tx.tenant().uuid(),
            id.uuid(),
            groups
        )
        .execute(&mut **tx)
        .await?;
        tx.wake_shards();
    }
    match change.desired {
        Some(wish) => want(tx, id, wish.into()).await,
        None => changed(tx, id).await,
    }
}

/// Says what a person wants; also the way out of a state that waits for a person, and of a pause.
///
/// # Errors
/// `not_linked` when there is nothing that could run or be unlinked.
pub async fn want(tx: &mut Tx, id: SessionId, desired: Desired) -> Result<Session> {
    if get(tx, id).await?.phone.is_none() && desired != Desired::Stopped {
        return Err(Error::conflict(
            "not_linked",
            "no account is linked; link one first",
        ));
    }
    sqlx::query!(
        "UPDATE sessions SET desired = $3, next_attempt_at = NULL, attempts = 0, pairing_id = NULL, pairing_until = NULL,
           paused_until = CASE WHEN $3 = 'running' THEN NULL ELSE paused_until END,
           pause_reason = CASE WHEN $3 = 'running' THEN NULL ELSE pause_reason END,
           pause_scope = CASE WHEN $3 = 'running' THEN NULL ELSE pause_scope END,
           observed = CASE WHEN $3 = 'running' AND observed IN ('replaced', 'outdated', 'failed', 'stopped')
             THEN 'connecting'
             -- Its keys went when codes were first shown.
             WHEN observed = 'pairing' AND phone IS NOT NULL THEN 'logged_out' ELSE observed END,
           lost_at = CASE WHEN $3 = 'running' AND observed <> 'connected' THEN $4 ELSE lost_at END
         WHERE tenant_id = $1 AND id = $2",
        tx.tenant().uuid(),
        id.uuid(),
        desired.as_str(),
        tx.now() as _
    )
    .execute(&mut **tx)
    .await?;
    tx.wake_shards();
    changed(tx, id).await
}

/// Tells screens; to be called after every change of a session's row.
async fn changed(tx: &mut Tx, id: SessionId) -> Result<Session> {
    let session = get(tx, id).await?;
    tx.emit(NewEvent::new("session.updated", &json!({ "session": session }))?);
    Ok(session)
}
