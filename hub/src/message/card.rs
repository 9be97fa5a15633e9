//! What is more than words: places and people, as they are shown, and as staff send them.

use serde::{Deserialize, Serialize};

use super::{Draft, DraftKind};
use crate::error::{Error, Result};
use crate::ids::TenantId;
use crate::session::outbox::{Order, Quote};
use crate::{Hub, phone, tenant};

/// Characters of a name at most.
const NAME_MAX: usize = 100;
/// Numbers of a card of ours at most.
const PHONES_MAX: usize = 5;

/// What is shown as more than words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Card {
    /// A place.
    Place {
        /// Degrees north.
        latitude: f64,
        /// Degrees east.
        longitude: f64,
        /// Its name, where it has one.
        name: String,
    },
    /// Somebody's card.
    Person {
        /// Their name.
        name: String,
        /// Their numbers.
        phones: Vec<String>,
    },
}

/// A place that staff want to send.
#[derive(Clone, Debug, PartialEq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DraftLocation)]
pub struct Location {
    /// Degrees north, from -90 to 90.
    #[schema(minimum = -90, maximum = 90)]
    pub latitude: f64,
    /// Degrees east, from -180 to 180.
    #[schema(minimum = -180, maximum = 180)]
    pub longitude: f64,
    /// What it is called, in 100 characters at most.
    #[serde(default)]
    #[schema(max_length = 100)]
    pub name: Option<String>,
}

/// Somebody's card that staff want to send.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DraftContact)]
pub struct Person {
    /// Their name, in 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// Their numbers, 1 to 5; one without a country code is read as one of the business's own country.
    #[schema(min_items = 1, max_items = 5)]
    pub phones: Vec<String>,
}

impl Card {
    /// What it says in words, for lists and for whoever shows no cards.
    pub(crate) fn words(&self) -> String {
        let (sign, name) = match self {
            Self::Place { name, .. } => ("📍", name),
            Self::Person { name, .. } => ("👤", name),
        };
        format!("{sign} {name}").trim_end().to_owned()
    }

    /// The same with all that it says, for whoever sees nothing of it.
    pub(crate) fn told(&self) -> String {
        match self {
            Self::Place {
                latitude,
                longitude,
                name,
            } => {
                let name = if name.is_empty() { "a place" } else { name };
                format!("({name}, on the map at {latitude}, {longitude})")
            }
            Self::Person { name, phones } => {
                let name = if name.is_empty() { "somebody" } else { name };
                format!("(the contact card of {name}: {})", phones.join(", "))
            }
        }
    }

    /// What is to be done to send it.
    pub(super) fn order(&self, chat: String, answers: Option<Quote>) -> Order {
        match self.clone() {
            Self::Place {
                latitude,
                longitude,
                name,
            } => Order::Location {
                chat,
                latitude_e6: millionths(latitude),
                longitude_e6: millionths(longitude),
                name,
                answers,
            },
            Self::Person { name, phones } => Order::Contact {
                chat,
                name,
                phones,
                answers,
            },
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "degrees are below 360, and a broken float saturates"
)]
fn millionths(degrees: f64) -> i64 {
    (degrees * 1e6).round() as i64
}

/// Whether a draft's place or card may go as it is; but for its numbers.
pub(super) fn check(draft: &Draft) -> Result<()> {
    let field = match (&draft.location, &draft.contact) {
        (None, None) => return Ok(()),
        (Some(_), Some(_)) => {
            return Err(Error::field(
                "contact",
                "a place goes by itself; send the card in another message",
            ));
        }
        (Some(_), None) => "location",
        (None, Some(_)) => "contact",
    };
    if draft.kind == DraftKind::Note {
        return Err(Error::field(
            field,
            "goes to customers only; write it into the note",
        ));
    }
    if !draft.body.trim().is_empty() {
        let what = "has no words under it; send them in another message";
        return Err(Error::field(field, what));
    }
    if draft.upload_id.is_some() {
        let what = "goes by itself; send the file in another message";
        return Err(Error::field(field, what));
    }
    draft.location.as_ref().map_or(Ok(()), check_place)?;
    draft.contact.as_ref().map_or(Ok(()), check_person)
}

fn check_place(place: &Location) -> Result<()> {
    // What is no number is in no range.
    if !(-90.0..=90.0).contains(&place.latitude) {
        return Err(Error::field(
            "location.latitude",
            "must be from -90 to 90 degrees",
        ));
    }
    if !(-180.0..=180.0).contains(&place.longitude) {
        return Err(Error::field(
            "location.longitude",
            "must be from -180 to 180 degrees",
        ));
    }
    let name = place.name.as_deref().unwrap_or_default();
    if name.chars().count() > NAME_MAX || name.contains('\0') {
        let what = format!("must have {NAME_MAX} characters at most, without NUL");
        return Err(Error::field("location.name", what));
    }
    Ok(())
}

fn check_person(person: &Person) -> Result<()> {
    if !(1..=NAME_MAX).contains(&person.name.trim().chars().count()) || person.name.contains('\0') {
        let what = format!("must have 1 to {NAME_MAX} characters, without NUL");
        return Err(Error::field("contact.name", what));
    }
    if !(1..=PHONES_MAX).contains(&person.phones.len()) {
        let what = format!("must be 1 to {PHONES_MAX} phone numbers");
        return Err(Error::field("contact.phones", what));
    }
    Ok(())
}

/// A checked draft's place or card, in the form in which those are kept that come in.
pub(super) async fn of(hub: &Hub, tenant: TenantId, draft: &Draft) -> Result<Option<Card>> {
    if let Some(place) = &draft.location {
        return Ok(Some(Card::Place {
            latitude: (place.latitude * 1e6).round() / 1e6,
            longitude: (place.longitude * 1e6).round() / 1e6,
            name: one_line(place.name.as_deref().unwrap_or_default()),
        }));
    }
    let Some(person) = &draft.contact else {
        return Ok(None);
    };
    let country = tenant::get(hub, tenant).await?.country;
    let mut phones: Vec<String> = Vec::new();
    for typed in &person.phones {
        let Some(phone) = phone::normalise(typed, &country) else {
            let typed: String = typed.chars().take(NAME_MAX).collect();
            let what =
                format!("{typed:?} is no phone number; write it with its country code, such as +15550100");
            return Err(Error::field("contact.phones", what));
        };
        if !phones.contains(&phone) {
            phones.push(phone);
        }
    }
    Ok(Some(Card::Person {
        name: one_line(&person.name),
        phones,
    }))
}

fn one_line(name: &str) -> String {
    let plain = name
        .split(|letter: char| letter.is_whitespace() || letter.is_control())
        .filter(|word| !word.is_empty());
    plain.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::UploadId;

    fn draft(location: Option<Location>, contact: Option<Person>) -> Draft {
        Draft {
            key: "one".to_owned(),
            location,
            contact,
            ..Draft::default()
        }
    }

    fn place(latitude: f64, longitude: f64, name: &str) -> Location {
        Location {
            latitude,
            longitude,
            name: Some(name.to_owned()),
        }
    }

    fn person(name: &str, phones: usize) -> Person {
        Person {
            name: name.to_owned(),
            phones: vec!["+15550100".to_owned(); phones],
        }
    }

    /// The field that is refused.
    fn refused(draft: &Draft) -> Option<String> {
        match check(draft) {
            Ok(()) => None,
            Err(Error::Invalid { fields, .. }) => Some(fields[0].field.clone()),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_place_is_on_the_earth_and_a_card_has_a_name_and_numbers() {
        let long = "ä".repeat(NAME_MAX + 1);
        for (latitude, longitude, name, expected) in [
            (52.5163, 13.3777, "The gate", None),
            (-90.0, 180.0, "", None),
            (90.000_001, 0.0, "", Some("location.latitude")),
            (f64::NAN, 0.0, "", Some("location.latitude")),
            (0.0, f64::INFINITY, "", Some("location.longitude")),
            (0.0, -180.5, "", Some("location.longitude")),
            (0.0, 0.0, long.as_str(), Some("location.name")),
            (0.0, 0.0, "a\0b", Some("location.name")),
        ] {
            let told = refused(&draft(Some(place(latitude, longitude, name)), None));
            assert_eq!(told.as_deref(), expected, "{latitude} {longitude} {name}");
        }
        for (name, phones, expected) in [
            ("Ben", 1, None),
            ("Ben", 5, None),
            (" ", 1, Some("contact.name")),
            (long.as_str(), 1, Some("contact.name")),
            ("Ben", 0, Some("contact.phones")),
            ("Ben", 6, Some("contact.phones")),
        ] {
            let told = refused(&draft(None, Some(person(name, phones))));
            assert_eq!(told.as_deref(), expected, "{name} {phones}");
        }
    }

    #[test]
    fn a_place_or_a_card_goes_by_itself_and_to_customers() {
        let (gate, ben) = (place(1.0, 2.0, "The gate"), person("Ben", 1));
        assert_eq!(refused(&draft(None, None)), None);
        let both = draft(Some(gate.clone()), Some(ben.clone()));
        assert_eq!(refused(&both).as_deref(), Some("contact"));
        let note = Draft {
            kind: DraftKind::Note,
            ..draft(Some(gate.clone()), None)
        };
        assert_eq!(refused(&note).as_deref(), Some("location"));
        let worded = Draft {
            body: "Meet me".to_owned(),
            ..draft(Some(gate), None)
        };
        assert_eq!(refused(&worded).as_deref(), Some("location"));
        let with_file = Draft {
            upload_id: Some(UploadId::at(crate::clock::Clock::system().now())),
            ..draft(None, Some(ben))
        };
        assert_eq!(refused(&with_file).as_deref(), Some("contact"));
    }

    #[test]
    fn a_card_is_told_in_words() {
        let gate = Card::Place {
            latitude: 52.5163,
            longitude: 13.3777,
            name: "The gate".to_owned(),
        };
        assert_eq!(gate.words(), "📍 The gate");
        assert_eq!(gate.told(), "(The gate, on the map at 52.5163, 13.3777)");
        let ben = Card::Person {
            name: one_line(" Ben\r\n the\tbuilder "),
            phones: vec!["+15550107".to_owned(), "+15550108".to_owned()],
        };
        assert_eq!(ben.words(), "👤 Ben the builder");
        assert_eq!(
            ben.told(),
            "(the contact card of Ben the builder: +15550107, +15550108)"
        );
    }
}
