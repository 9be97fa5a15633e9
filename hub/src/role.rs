//! Roles of staff and keys, in their order: what an admin may, an owner may too.

use serde::{Deserialize, Serialize};

/// What somebody may do. Later variants include earlier ones.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    sqlx::Type,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Role {
    /// Looks at everything of the tenant, changes nothing.
    ReadOnly,
    /// Works the inbox and the calls.
    Staff,
    /// Also settings, team, keys.
    Admin,
    /// Also other owners and admins.
    Owner,
    /// The platform's own people.
    SystemAdmin,
}

impl Role {
    /// The name in tokens, rows and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReadOnly => "read_only",
            Self::Staff => "staff",
            Self::Admin => "admin",
            Self::Owner => "owner",
            Self::SystemAdmin => "system_admin",
        }
    }
}
