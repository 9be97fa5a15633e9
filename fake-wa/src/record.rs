//! Who was connected when, and whether ever two at once as the same device.
use std::collections::VecDeque;

use serde::Serialize;

use crate::address::Phone;
use crate::clock;

/// One login, from its success to the end of its socket.
#[derive(Clone, Debug, Serialize)]
pub struct Stay {
    /// The socket.
    pub connection: u64,
    /// The account.
    pub phone: Phone,
    /// Its device.
    pub device: u16,
    /// `XX`, `XXfallback` or `IK`.
    pub pattern: &'static str,
    /// Microseconds on this process's clock.
    pub from_us: u64,
    /// The same; absent while it lasts.
    pub until_us: Option<u64>,
    /// Why it ended: `closed` by the client, `replaced`, `cut`, `logged_out` …
    pub end: Option<&'static str>,
}

/// Two stays of one device at the same time.
#[derive(Clone, Debug, Serialize)]
pub struct Overlap {
    /// The account.
    pub phone: Phone,
    /// Its device.
    pub device: u16,
    /// The older socket and the newer one.
    pub connections: [u64; 2],
    /// For how long both were open, in microseconds.
    pub for_us: u64,
}

/// The newest stays; the oldest are dropped beyond [`Record::MAX`].
#[derive(Debug, Default)]
pub(crate) struct Record {
    stays: VecDeque<Stay>,
}

impl Record {
    /// Stays kept at most.
    pub(crate) const MAX: usize = 100_000;

    pub(crate) fn opened(&mut self, connection: u64, (phone, device): (Phone, u16), pattern: &'static str) {
        if self.stays.len() == Self::MAX {
            self.stays.pop_front();
        }
        self.stays.push_back(Stay {
            connection,
            phone,
            device,
            pattern,
            from_us: clock::now_us(),
            until_us: None,
            end: None,
        });
    }

    /// Says beforehand why a stay is about to end; the socket itself tells when.
    pub(crate) fn ending(&mut self, connection: u64, end: &'static str) {
        if let Some(stay) = self.open_stay(connection) {
            stay.end.get_or_insert(end);
        }
    }

    pub(crate) fn closed(&mut self, connection: u64) {
        if let Some(stay) = self.open_stay(connection) {
            stay.until_us = Some(clock::now_us());
            stay.end.get_or_insert("closed");
        }
    }

    fn open_stay(&mut self, connection: u64) -> Option<&mut Stay> {
        self.stays
            .iter_mut()
            .rev()
            .find(|stay| stay.connection == connection && stay.until_us.is_none())
    }

    pub(crate) fn stays(&self) -> impl Iterator<Item = &Stay> {
        self.stays.iter()
    }

    /// Every pair of stays of one device that shared more than `margin_us`.
    pub(crate) fn overlaps(&self, margin_us: u64) -> Vec<Overlap> {
        let now_us = clock::now_us();
        let mut stays: Vec<&Stay> = self.stays.iter().collect();
        stays.sort_by_key(|stay| (stay.phone, stay.device, stay.from_us));
        let mut found = Vec::new();
        for (index, older) in stays.iter().enumerate() {
            let end_us = older.until_us.unwrap_or(now_us);
            let rivals = stays.iter().skip(index + 1).take_while(|newer| {
                (newer.phone, newer.device) == (older.phone, older.device) && newer.from_us < end_us
            });
            let overlaps = rivals.map(|newer| Overlap {
                phone: older.phone,
                device: older.device,
                connections: [older.connection, newer.connection],
                for_us: end_us
                    .min(newer.until_us.unwrap_or(now_us))
                    .saturating_sub(newer.from_us),
            });
            found.extend(overlaps.filter(|overlap| overlap.for_us > margin_us));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stay(connection: u64, device: u16, from_us: u64, until_us: u64) -> Stay {
        let phone = Phone(15_550_100);
        let until_us = Some(until_us);
        Stay {
            connection,
            phone,
            device,
            pattern: "IK",
            from_us,
            until_us,
            end: None,
        }
    }

    #[test]
    fn only_stays_of_one_device_that_share_time_overlap() {
        let stays = [
            stay(1, 1, 0, 10),
            stay(2, 1, 8, 20),
            stay(3, 2, 0, 20),
            stay(4, 1, 20, 30),
        ];
        let record = Record { stays: stays.into() };
        let found = record.overlaps(0);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].connections, found[0].for_us), ([1, 2], 2));
        assert!(record.overlaps(2).is_empty(), "within the margin");
    }
}
