//! Linking an account. The codes are credentials: they go from the worker to the one staff member who asked, over a channel
//! with a random name, and are neither stored nor logged. What is stored is only that somebody waits, and until when.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Observed, Session, changed};
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::{SessionId, TenantId, random_hex};
use crate::relay::Following;
use crate::{Hub, keys, phone};

/// Nobody watches codes for longer.
pub const PATIENCE: Duration = Duration::from_mins(3);

/// What happens while somebody links an account.
#[derive(Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schema(as = PairingNews)]
pub enum News {
    /// A QR to be scanned by the phone, good for so long. It replaces the one before.
    Qr {
        /// What the QR says.
        code: String,
        /// Seconds that it is good for.
        expires_in_s: u64,
    },
    /// Eight characters to be typed on the phone.
    Code {
        /// As the phone wants them.
        code: String,
        /// Seconds that they are good for.
        expires_in_s: u64,
    },
    /// It worked.
    Linked {
        /// Whose account it is, in E.164.
        phone: String,
    },
    /// It did not, and this attempt is over.
    Failed {
        /// Stable, for words. The network's: `codes_spent`, `refused`, `passkey_needed`, `rate_limited`, `outdated`,
        /// `network`. Ours: `superseded` (somebody else links it, or stopped it), `no_worker` (none took it on in time),
        /// `signed_out` (who watched may not any more).
        reason: String,
    },
}

impl News {
    /// An end without a link.
    pub fn failed(reason: impl Into<String>) -> Self {
        Self::Failed {
            reason: reason.into(),
        }
    }

    /// Its kind, as in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Qr { .. } => "qr",
            Self::Code { .. } => "code",
            Self::Linked { .. } => "linked",
            Self::Failed { .. } => "failed",
        }
    }
}

/// By hand, so that no code gets into a log.
impl std::fmt::Debug for News {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Qr { .. } => "Qr(…)",
            Self::Code { .. } => "Code(…)",
            Self::Linked { .. } => "Linked",
            Self::Failed { .. } => "Failed",
        })
    }
}

/// A pairing under way, seen by who asked for it.
pub struct Watch {
    /// What happens.
    pub news: Following,
    /// Nobody waits longer.
    pub until: Timestamp,
    /// To ask how it stands, and to give it up.
    pub ticket: Ticket,
}

/// One pairing, by the name of its channel.
#[derive(Clone)]
pub struct Ticket {
    tenant: TenantId,
    session: SessionId,
    pairing: String,
}

/// Begins to link, by QR or with the account's number by code: follows the channel first, then says in the row that
/// somebody waits. A second one ends the first.
///
/// # Errors
/// A fault of field `phone` when it is no number; `already_linked` for a session that is linked and not logged out.
pub async fn begin(hub: &Hub, tx: Tx, id: SessionId, phone: Option<&str>) -> Result<(Watch, Session)> {
    let mut tx = tx;
    let phone = phone.map(international).transpose()?;
    let pairing = random_hex(16);
    let unavailable = |fault| Error::Unavailable("redis", fault);
    let news = hub
        .relay
        .follow(keys::pairing_channel(&pairing))
        .await
        .map_err(unavailable)?;
    let (tenant, until) = (tx.tenant(), tx.now().after(PATIENCE));
    let done = sqlx::query!(
        "UPDATE sessions SET pairing_id = $3, pairing_phone = $4, pairing_until = $5, desired = 'running',
           next_attempt_at = NULL, attempts = 0
         WHERE tenant_id = $1 AND id = $2 AND (phone IS NULL OR observed = 'logged_out')",
        tenant.uuid(),
        id.uuid(),
        pairing,
        phone,
        until as _
    )
    .execute(&mut *tx)
    .await?;
    if done.rows_affected() == 0 {
        super::get(&mut tx, id).await?;
        return Err(Error::conflict(
            "already_linked",
            "this session is linked; unlink it first",
        ));
    }
    let session = changed(&mut tx, id).await?;
    tx.wake_shards();
    tx.commit().await?;
    let ticket = Ticket {
        tenant,
        session: id,
        pairing,
    };
    Ok((Watch { news, until, ticket }, session))
}

/// Without the country's help: a number that is linked is written to as it stands here.
fn international(given: &str) -> Result<String> {
    phone::normalise(given, "").ok_or_else(|| {
        Error::field(
            "phone",
            "must be the account's number with its country code, such as +15550100",
        )
    })
}

/// Tells who watches. Lossy by design: the next code comes in a moment, and the outcome is in the session's row.
pub async fn tell(hub: &Hub, pairing: &str, news: &News) {
    let Ok(body) = serde_json::to_vec(news) else {
        return;
    };
    if hub
        .kv
        .publish(&keys::pairing_channel(pairing), body.into())
        .await
        .is_err()
    {
        metrics::counter!("switchboard_pairing_news_untold_total").increment(1);
    }
}

impl Watch {
    /// What happens next. What cannot be read is passed over: a newer worker's word.
    pub async fn next(&mut self) -> News {
        loop {
            if let Ok(news) = serde_json::from_slice(&self.news.next().await) {
                return news;
            }
        }
    }
}

impl Ticket {
    /// How it ended, by the session's row: what the channel may have lost. `None` while somebody is still awaited.
    pub async fn outcome(&self, hub: &Hub) -> Result<Option<News>> {
        let mut tx = hub.db.tenant(self.tenant).await?;
        let row = sqlx::query!(
            r#"SELECT pairing_id, phone, observed AS "observed: Observed", reason FROM sessions
               WHERE tenant_id = $1 AND id = $2"#,
            self.tenant.uuid(),
            self.session.uuid()
        )
        .fetch_optional(&mut *tx)
        .await?;
        tx.commit().await?;
        let Some(row) = row else {
            return Ok(Some(News::failed("superseded")));
        };
        let is_linked = matches!(
            row.observed,
            Observed::Pairing | Observed::Connecting | Observed::Connected
        );
        Ok(match (row.pairing_id, row.phone) {
            (Some(pairing), _) if pairing == self.pairing => None,
            (Some(_), _) => Some(News::failed("superseded")),
            (None, Some(phone)) if is_linked => Some(News::Linked { phone }),
            (None, _) => Some(News::failed(match (row.reason, row.observed) {
                (_, Observed::PasskeyNeeded) => "passkey_needed".to_owned(),
                (_, Observed::Outdated) => "outdated".to_owned(),
                (Some(reason), _) => reason,
                (None, _) => "superseded".to_owned(),
            })),
        })
    }

    /// Nobody waits any more. Does nothing when it is over, or another began. An account that was linked before is as
    /// logged out as it was: its keys went when codes were first shown.
    pub async fn give_up(&self, hub: &Hub) -> Result<()> {
        let mut tx = hub.db.tenant(self.tenant).await?;
        let done = sqlx::query!(
            "UPDATE sessions SET pairing_id = NULL, pairing_phone = NULL, pairing_until = NULL,
               desired = CASE WHEN phone IS NULL THEN 'stopped' ELSE desired END,
               observed = CASE WHEN phone IS NOT NULL AND observed = 'pairing' THEN 'logged_out' ELSE observed END
             WHERE tenant_id = $1 AND id = $2 AND pairing_id = $3",
            self.tenant.uuid(),
            self.session.uuid(),
            self.pairing
        )
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() > 0 {
            changed(&mut tx, self.session).await?;
            tx.wake_shards();
        }
        tx.commit().await
    }
}
