//! Submissions: raw intake, committed before it is answered, worked into contact, conversation and message by a job.

mod intake;
mod process;
mod together;

use serde::{Deserialize, Serialize};

use crate::Hub;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::form::Filled;
use crate::ids::{InboxId, SubmissionId, TenantId};
use crate::job::{Queue, Work};
use crate::session::inbound::ChatItem;

pub use intake::Intake;
pub use process::process;
pub(crate) use process::{chat_and_item, chat_provider_id};
pub use together::process_together;

/// The job that works a submission in.
#[derive(Debug, Serialize, Deserialize)]
pub struct ProcessSubmission {
    /// Which.
    pub submission: SubmissionId,
}

impl Work for ProcessSubmission {
    const KIND: &'static str = "submission.process";
    const QUEUE: Queue = Queue::High;
    const LIMIT_S: u64 = 30;
}

/// What came in, before it is a row.
#[derive(Clone, Debug)]
pub struct NewSubmission {
    /// Whose inbox; proved by its address and, where there is one, its signature.
    pub tenant: TenantId,
    /// Where it came in.
    pub inbox: InboxId,
    /// The provider's id of the event, or the browser's key: a repeat is the same submission.
    pub dedup_key: String,
    /// What it says.
    pub body: Body,
}

/// What a submission says, in our words. A new field needs a default: rows outlive versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "source", rename_all = "snake_case")]
pub enum Body {
    /// A text message.
    Sms(Sms),
    /// A filled-in form.
    Form(Filled),
    /// Something in a WhatsApp chat.
    Whatsapp(ChatItem),
}

/// A text message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sms {
    /// Who sent it.
    pub from: String,
    /// The text.
    pub body: String,
    /// The provider's id.
    pub provider_id: String,
    /// Whether the provider answered a STOP, START or HELP by itself.
    #[serde(default)]
    pub keyword_answered: bool,
    /// Where the provider keeps pictures that came with it.
    #[serde(default)]
    pub media: Vec<String>,
    /// What the provider says each of them is, in the same order.
    #[serde(default)]
    pub media_types: Vec<String>,
    /// When the provider took it, where it was asked; else it has just come.
    #[serde(default)]
    pub sent_at: Option<Timestamp>,
}

/// Which of these ids of the provider's nobody has told us of.
pub async fn unknown(hub: &Hub, tenant: TenantId, keys: Vec<String>) -> Result<Vec<String>> {
    let mut tx = hub.db.tenant(tenant).await?;
    let known = sqlx::query_scalar!(
        "SELECT dedup_key FROM submissions WHERE tenant_id = $1 AND source = 'sms' AND dedup_key = ANY($2)",
        tenant.uuid(),
        &keys
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(keys.into_iter().filter(|key| !known.contains(key)).collect())
}

impl Body {
    fn source(&self) -> &'static str {
        match self {
            Self::Sms(_) => "sms",
            Self::Form(_) => "form",
            Self::Whatsapp(_) => "whatsapp",
        }
    }
}
