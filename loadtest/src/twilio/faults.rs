//! What goes wrong on demand: at the REST API, in callbacks, in media streams, in messages.
use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// All faults that are switched on; the default is none.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Taken one by one: each spoils one request whose path contains its word.
    pub rest: VecDeque<RestFault>,
    /// For status callbacks of calls, streams, recordings and messages.
    pub callbacks: CallbackFaults,
    /// For media streams that open from now on.
    pub stream: StreamFaults,
    /// The next webhooks, this many, carry a wrong signature.
    pub forged_signatures: u32,
    /// Webhooks for these purposes never arrive (`voice`, `sms`, `sms.status` …), as in an outage of the receiver.
    pub swallowed: Vec<String>,
    /// Files of messages are said to be here instead of at the file host.
    pub media_leads_to: Option<String>,
}

/// One spoilt answer of the REST API.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestFault {
    /// Only for requests whose path contains this; empty means any.
    #[serde(default)]
    pub path: String,
    /// What happens.
    #[serde(flatten)]
    pub kind: RestFaultKind,
}

/// How a REST answer is spoilt.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RestFaultKind {
    /// 429 with code 20429; never processed.
    RateLimited {
        /// `Retry-After` in seconds, when there is one.
        #[serde(default)]
        retry_after_s: Option<u64>,
    },
    /// Not processed; the connection is lost in the middle of the answer.
    Reset,
    /// This status, not processed.
    Refused {
        /// The HTTP status, for example 500 or 503.
        status: u16,
    },
    /// Not processed, and no answer for this long.
    Stalled {
        /// How long the request hangs before a 504.
        after_ms: u64,
    },
    /// Processed, but answered only after this long: the caller has timed out and must not act twice.
    AnsweredLate {
        /// How long the true answer is held back.
        after_ms: u64,
    },
    /// Processed, but answered with this status.
    ProcessedThenRefused {
        /// The HTTP status the caller sees.
        status: u16,
    },
}

/// What happens to callbacks.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CallbackFaults {
    /// Every callback is sent this many times more.
    pub duplicates: u32,
    /// Each callback waits for its successor and goes after it.
    pub reordered: bool,
    /// Every callback waits this long.
    pub delay_ms: u64,
    /// Callbacks with one of these states never come (`completed`, `stream-stopped`, `delivered` …).
    pub dropped: Vec<String>,
}

/// What happens to media streams.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StreamFaults {
    /// The TCP connection is lost, without `stop`, this long after `start`.
    pub lost_after_ms: Option<u64>,
    /// From this moment of the stream …
    pub gap_at_ms: u64,
    /// … no frame is sent for this long, and those of the gap never come.
    pub gap_ms: u64,
    /// Frames are sent this many at a time, as after a congested hop; 0 and 1 mean evenly.
    pub burst: u64,
    /// The `start` message is withheld: a socket that never says who it is.
    pub no_start: bool,
    /// A second socket with the same token and the same `start` opens beside the first, as it happens outside.
    pub second_socket: bool,
    /// The upgrade request carries no signature.
    pub unsigned: bool,
}

impl Faults {
    /// The fault for this request, used up.
    pub(crate) fn take_rest(&mut self, path: &str) -> Option<RestFaultKind> {
        let index = self.rest.iter().position(|fault| path.contains(&fault.path))?;
        self.rest.remove(index).map(|fault| fault.kind)
    }

    /// Whether the next webhook is to be forged, counted down.
    pub(crate) fn take_forgery(&mut self) -> bool {
        let forged = self.forged_signatures > 0;
        self.forged_signatures = self.forged_signatures.saturating_sub(1);
        forged
    }
}

impl CallbackFaults {
    pub(crate) fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms)
    }
}
