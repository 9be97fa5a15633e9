//! What processes tell each other on a tenant's channel. The tenant is named in the channel and again in the body: a
//! process that finds them unequal drops the message and says so.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::frame;
use super::ring::Event;
use crate::feed::Published;
use crate::ids::{ConversationId, StaffId, TenantId};

/// Events of one message at most, so that a bulk change does not make one of megabytes.
pub(crate) const EVENTS_MAX: usize = 100;

/// One message.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Message {
    /// Whose it is.
    pub tenant: uuid::Uuid,
    /// Numbered events.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Published>,
    /// What is true only now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<Sent>,
    /// Clients that came, went or look at something else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clients: Vec<Seen>,
}

/// A signal on its way.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Sent {
    /// A later one with the same key replaces it.
    pub key: String,
    /// The client it came from does not get it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The browser's frame.
    pub frame: Box<RawValue>,
}

/// A person, as screens show them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Person {
    /// Who.
    pub id: StaffId,
    /// For people.
    pub name: String,
}

/// A client as others see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// Which one.
    pub client: String,
    /// Whose.
    pub staff: Person,
    /// What it looks at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub viewing: Option<ConversationId>,
    /// Until when this holds unless said again, in Unix milliseconds; zero: it is gone.
    pub until_ms: i64,
}

impl Message {
    /// An empty message of this tenant.
    pub(crate) fn of(tenant: TenantId) -> Self {
        Self {
            tenant: tenant.uuid(),
            ..Self::default()
        }
    }

    /// The bytes to publish.
    pub(crate) fn encode(&self) -> anyhow::Result<Bytes> {
        Ok(serde_json::to_vec(self)?.into())
    }
}

/// The message that carries these events.
pub(crate) fn events(tenant: TenantId, events: &[Published]) -> anyhow::Result<Bytes> {
    #[derive(Serialize)]
    struct Events<'a> {
        tenant: uuid::Uuid,
        events: &'a [Published],
    }
    let tenant = tenant.uuid();
    Ok(serde_json::to_vec(&Events { tenant, events })?.into())
}

impl From<Published> for Event {
    fn from(published: Published) -> Self {
        Self {
            seq: published.seq,
            audience: published.audience,
            frame: frame::event(published.frame.get()),
        }
    }
}
