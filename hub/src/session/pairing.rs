//! Linking an account. The codes are credentials: they go from the worker to the one staff member who asked, over a channel
//! with a random name, and are neither stored nor logged. What is stored is only that somebody waits, and until when.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Session, changed};
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::{SessionId, random_hex};
use crate::relay::Following;
use crate::{Hub, keys};

/// Nobody watches codes for longer.
pub const PATIENCE: Duration = Duration::from_mins(3);

/// What happens while somebody links an account.
#[derive(Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
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
        /// Stable, for words: `codes_spent`, `refused`, `passkey_needed`, `rate_limited`, `outdated`, `network`.
        reason: String,
    },
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
}

/// Begins to link: follows the channel first, then says in the row that somebody waits. A second one ends the first.
///
/// # Errors
/// `already_linked` for a session that is linked and not logged out.
pub async fn begin(hub: &Hub, tx: Tx, id: SessionId, phone: Option<&str>) -> Result<(Watch, Session)> {
    let mut tx = tx;
    let pairing = random_hex(16);
    let unavailable = |fault| Error::Unavailable("redis", fault);
    let news = hub
        .relay
        .follow(keys::pairing_channel(&pairing))
        .await
        .map_err(unavailable)?;
    let until = tx.now().after(PATIENCE);
    let done = sqlx::query!(
        "UPDATE sessions SET pairing_id = $3, pairing_phone = $4, pairing_until = $5, desired = 'running',
           next_attempt_at = NULL, attempts = 0
         WHERE tenant_id = $1 AND id = $2 AND (phone IS NULL OR observed = 'logged_out')",
        tx.tenant().uuid(),
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
    Ok((Watch { news, until }, session))
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
