//! What is more than words: places and people, as they are shown, and as staff send them.

use serde::{Deserialize, Serialize};

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
