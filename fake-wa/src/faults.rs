//! What goes wrong on demand.
use serde::{Deserialize, Serialize};

use crate::address::Phone;

/// All faults that are switched on; the default is none.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// For the sockets that are opened from now on.
    pub connect: Option<ConnectFault>,
    /// How many of them it spoils; 0 = all.
    pub connects: u32,
    /// Every stanza to a client waits so long.
    pub delay_ms: u64,
    /// So many messages are relayed, but their senders' acks are lost.
    pub drop_acks: u32,
    /// So many messages are lost with their acks.
    pub lose_messages: u32,
    /// Messages are refused with this code (463 = reach-out time lock), so many times as [`Faults::nacks`]; 0 = all.
    pub nack: Option<u16>,
    /// See [`Faults::nack`].
    pub nacks: u32,
    /// A second login of a device leaves the first one's socket alone, so that the record can show both.
    pub keep_both: bool,
    /// Requests for phone codes are refused with this code (400, 429 …).
    pub phone_code: Option<u16>,
    /// Media requests are answered with this status.
    pub media: Option<u16>,
    /// The account's reach-out time lock, as its look-up tells it.
    pub reachout_locked_until: Option<u64>,
    /// One-to-one messages and look-ups tell nobody's other address: the number behind a LID, the LID of a number.
    pub hide_twins: bool,
}

/// How a socket fails to open.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectFault {
    /// The upgrade is answered with this status (429, 503 …).
    Http(u16),
    /// Let in, greeted, then refused.
    Refused(Refusal),
    /// Let in, never answered.
    Silent,
    /// Answered after this many milliseconds.
    Slow(u64),
}

/// Why a login is refused; an account can have one that stays.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct Refusal {
    /// 401 logged out, 402 banned for a while, 403 locked, 405 outdated, 406 banned, 429, 500, 503.
    pub reason: u16,
    /// Of a ban: why (101 to 106).
    #[serde(default)]
    pub code: Option<u16>,
    /// Of a ban: for how many seconds.
    #[serde(default)]
    pub expire_s: Option<u64>,
    /// Only these accounts; empty = all.
    #[serde(default)]
    pub phones: Vec<Phone>,
}

impl Refusal {
    /// Whether it is meant for this account; a device that is not linked yet has none.
    pub(crate) fn concerns(&self, phone: Option<Phone>) -> bool {
        self.phones.is_empty() || phone.is_some_and(|phone| self.phones.contains(&phone))
    }
}

/// Counts one use of a budget down; whether there was any.
fn spend(budget: &mut u32) -> bool {
    let some = *budget > 0;
    *budget = budget.saturating_sub(1);
    some
}

impl Faults {
    /// The fault for a socket that is being opened, counted down. Refusals wait for the login ([`Faults::take_refusal`]).
    pub(crate) fn take_connect(&mut self) -> Option<ConnectFault> {
        let fault = self.connect.clone()?;
        if matches!(fault, ConnectFault::Refused(_)) {
            return None;
        }
        self.count_connect();
        Some(fault)
    }

    /// The refusal for this login, counted down.
    pub(crate) fn take_refusal(&mut self, phone: Option<Phone>) -> Option<Refusal> {
        let Some(ConnectFault::Refused(refusal)) = self.connect.clone() else {
            return None;
        };
        if !refusal.concerns(phone) {
            return None;
        }
        self.count_connect();
        Some(refusal)
    }

    fn count_connect(&mut self) {
        if self.connects == 1 {
            self.connect = None;
        }
        self.connects = self.connects.saturating_sub(1);
    }

    pub(crate) fn take_lost(&mut self) -> bool {
        spend(&mut self.lose_messages)
    }

    pub(crate) fn take_lost_ack(&mut self) -> bool {
        spend(&mut self.drop_acks)
    }

    pub(crate) fn take_nack(&mut self) -> Option<u16> {
        let code = self.nack?;
        if self.nacks == 1 {
            self.nack = None;
        }
        self.nacks = self.nacks.saturating_sub(1);
        Some(code)
    }
}
