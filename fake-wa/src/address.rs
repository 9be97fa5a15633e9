//! Addresses: a phone number, its hidden twin (LID), and the devices of both.
use std::fmt;
use std::str::FromStr;

use anyhow::{Context, ensure};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use whatsapp_rust::Jid;

/// A phone number in digits, as accounts are named; reads and writes `+15550100`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Phone(pub(crate) u64);

/// The most digits of a number, so that its LID has a fixed length.
const DIGITS_MAX: usize = 14;

/// What LIDs start with here, before the number in fourteen digits: readable in logs, and the mapping needs no table.
const LID_PREFIX: char = '9';

impl Phone {
    /// The account's address by number.
    pub(crate) fn pn(self) -> Jid {
        self.pn_device(0)
    }

    /// A device's address by number; 0 is the phone itself.
    pub(crate) fn pn_device(self, device: u16) -> Jid {
        Jid::pn_device(self.0.to_string(), device)
    }

    /// The account's address by LID.
    pub(crate) fn lid(self) -> Jid {
        self.lid_device(0)
    }

    /// A device's address by LID.
    pub(crate) fn lid_device(self, device: u16) -> Jid {
        Jid::lid_device(format!("{LID_PREFIX}{:0DIGITS_MAX$}", self.0), device)
    }

    /// Whose address this is, and of which device; `None` for groups and servers.
    pub(crate) fn of(jid: &Jid) -> Option<(Self, u16)> {
        let digits = if jid.is_lid() {
            jid.user.strip_prefix(LID_PREFIX)?
        } else if jid.is_pn() {
            &jid.user
        } else {
            return None;
        };
        Some((Self(digits.parse().ok()?), jid.device))
    }
}

impl FromStr for Phone {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix('+').unwrap_or(text);
        ensure!(
            (5..=DIGITS_MAX).contains(&digits.len()) && !digits.starts_with('0'),
            "a number has 5 to {DIGITS_MAX} digits and no leading zero"
        );
        Ok(Self(digits.parse().context("read a phone number")?))
    }
}

impl fmt::Display for Phone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "+{}", self.0)
    }
}

impl Serialize for Phone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Phone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_its_lid_name_the_same_device() {
        let phone: Phone = "+15550100".parse().unwrap();
        assert_eq!(phone.pn_device(3).to_string(), "15550100:3@s.whatsapp.net");
        assert_eq!(phone.lid_device(3).to_string(), "900000015550100:3@lid");
        assert_eq!(Phone::of(&phone.pn_device(3)), Some((phone, 3)));
        assert_eq!(Phone::of(&phone.lid_device(3)), Some((phone, 3)));
        assert_eq!(Phone::of(&"120363000000000001@g.us".parse().unwrap()), None);
    }
}
