//! Opening hours in the business's own time zone.

use jiff::civil::{Time, Weekday};
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// When the business is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// IANA time zone.
    pub timezone: String,
    /// Openings; a day may have several, and one without any is closed.
    pub days: Vec<Opening>,
}

/// One stretch of one weekday.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// Which day.
    pub day: Day,
    /// `HH:MM`.
    pub from: String,
    /// `HH:MM`, later than `from`; `24:00` is midnight.
    pub to: String,
}

/// A weekday.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "weekdays")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl Day {
    fn weekday(self) -> Weekday {
        match self {
            Self::Mon => Weekday::Monday,
            Self::Tue => Weekday::Tuesday,
            Self::Wed => Weekday::Wednesday,
            Self::Thu => Weekday::Thursday,
            Self::Fri => Weekday::Friday,
            Self::Sat => Weekday::Saturday,
            Self::Sun => Weekday::Sunday,
        }
    }
}

/// Minutes since midnight of `HH:MM`, up to `24:00`.
pub(super) fn minutes(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.parse().ok()?);
    (minutes < 60 && hours * 60 + minutes <= 24 * 60).then_some(hours * 60 + minutes)
}

impl Hours {
    /// Whether the business is open at `now`, by the clock on its wall. A zone that no longer exists is always open:
    /// better answered than lost.
    pub fn is_open(&self, now: Timestamp) -> bool {
        let Ok(zone) = jiff::tz::TimeZone::get(&self.timezone) else {
            return true;
        };
        let local = now.in_zone(&zone);
        let time: Time = local.time();
        let minute = u32::try_from(i32::from(time.hour()) * 60 + i32::from(time.minute())).unwrap_or(0);
        self.days.iter().filter(|opening| opening.day.weekday() == local.weekday()).any(|opening| {
            matches!((minutes(&opening.from), minutes(&opening.to)), (Some(from), Some(to)) if (from..to).contains(&minute))
        })
    }

    /// The hours in a line, for the agent: "mon 09:00–17:00, … (Europe/Berlin)".
    pub fn in_words(&self) -> String {
        let days: Vec<_> = self
            .days
            .iter()
            .map(|opening| format!("{:?} {}–{}", opening.day, opening.from, opening.to))
            .collect();
        format!("{} ({})", days.join(", "), self.timezone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse::<jiff::Timestamp>().unwrap().into()
    }

    #[test]
    fn open_by_the_clock_on_the_wall() {
        let opening = |day, from: &str, to: &str| Opening {
            day,
            from: from.into(),
            to: to.into(),
        };
        let hours = Hours {
            timezone: "Europe/Berlin".into(),
            days: vec![
                opening(Day::Mon, "09:00", "17:00"),
                opening(Day::Fri, "22:00", "24:00"),
            ],
        };
        // Winter: 08:00 UTC is 09:00 there. Summer: 07:00 UTC is.
        assert!(hours.is_open(at("2026-01-05T08:00:00Z")) && !hours.is_open(at("2026-01-05T07:59:59Z")));
        assert!(hours.is_open(at("2026-07-06T07:00:00Z")) && !hours.is_open(at("2026-07-06T15:00:00Z")));
        assert!(!hours.is_open(at("2026-01-06T10:00:00Z")), "a Tuesday");
        assert!(hours.is_open(at("2026-01-09T22:59:59Z")) && !hours.is_open(at("2026-01-09T23:00:00Z")));
    }

    #[test]
    fn times_of_day() {
        assert_eq!(minutes("00:00"), Some(0));
        assert_eq!(minutes("24:00"), Some(1_440));
        for wrong in ["24:01", "9:00", "09:60", "", "0900", "-1:00"] {
            assert_eq!(minutes(wrong), None, "{wrong}");
        }
    }
}
