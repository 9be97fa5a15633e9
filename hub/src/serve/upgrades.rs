//! How many sockets one address may open: each costs us a task and a seat, and costs whoever asks next to nothing. Counted
//! in this process: a fleet of `n` allows `n` times as much, which is still little.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;

use crate::clock::Timestamp;
use crate::error::{Error, Result};

/// At once: an office behind one address whose network came back.
pub const BURST: u32 = 100;
/// In the long run.
pub const PER_S: u32 = 50;
/// Addresses remembered; over it those that have recovered are forgotten, and if all are busy, all of them.
const ADDRESSES_MAX: usize = 50_000;

/// The counts of this process. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Upgrades(Arc<DashMap<IpAddr, Allowance>>);

#[derive(Clone, Copy, Debug)]
struct Allowance {
    left: f64,
    counted_at: Timestamp,
}

impl Allowance {
    fn at(self, now: Timestamp) -> f64 {
        let gained = now.since(self.counted_at).as_secs_f64() * f64::from(PER_S);
        (self.left + gained).min(f64::from(BURST))
    }
}

impl Upgrades {
    /// Counts one more socket of this address.
    ///
    /// # Errors
    /// `TooMany`, when it has opened too many lately.
    pub fn admit(&self, address: IpAddr, now: Timestamp) -> Result<()> {
        self.forget(now);
        let fresh = Allowance {
            left: f64::from(BURST),
            counted_at: now,
        };
        let mut allowance = self.0.entry(network(address)).or_insert(fresh);
        let left = allowance.at(now);
        *allowance = Allowance {
            left: (left - 1.0).max(0.0),
            counted_at: now,
        };
        if left >= 1.0 {
            return Ok(());
        }
        metrics::counter!("switchboard_socket_upgrades_refused_total").increment(1);
        Err(Error::TooMany {
            retry_after: Duration::from_secs(1),
        })
    }

    fn forget(&self, now: Timestamp) {
        if self.0.len() < ADDRESSES_MAX {
            return;
        }
        self.0.retain(|_, allowance| allowance.at(now) < f64::from(BURST));
        if self.0.len() >= ADDRESSES_MAX {
            self.0.clear();
        }
    }
}

/// Whoever has an IPv6 address has 2⁶⁴ of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn an_address_has_its_burst_then_its_rate_and_a_network_is_one_address() {
        let upgrades = Upgrades::default();
        let now = Clock::system().now();
        let admitted = |address: &str, now| {
            let address = address.parse().unwrap();
            (0..1_000)
                .take_while(|_| upgrades.admit(address, now).is_ok())
                .count()
        };
        assert_eq!(admitted("203.0.113.9", now), 100);
        assert_eq!(admitted("::ffff:203.0.113.9", now), 0);
        assert_eq!(admitted("203.0.113.9", now.after(Duration::from_secs(1))), 50);
        assert_eq!(admitted("2001:db8::1", now), 100);
        assert_eq!(admitted("2001:db8::2", now), 0);
        assert_eq!(admitted("2001:db8:0:1::1", now), 100);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let upgrades = Upgrades::default();
        let now = Clock::system().now();
        for n in 0..200_000_u32 {
            upgrades.admit(IpAddr::from(n.to_be_bytes()), now).unwrap();
        }
        assert!(upgrades.0.len() <= ADDRESSES_MAX);
    }
}
