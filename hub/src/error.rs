//! Errors: one variant per thing a caller can do about it. The chain of causes is printed once, where it is answered.

use std::time::Duration;

/// What a deed of the hub can answer instead of its result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such row for this tenant; another tenant's row is the same to us.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// It stands in the way of what exists. `code` is stable, `detail` is for people.
    #[error("{detail}")]
    Conflict { code: &'static str, detail: String },
    /// The caller's version is not the current one.
    #[error("it was changed by somebody else meanwhile; load it again")]
    Stale,
    /// The request says something that cannot be.
    #[error("{detail}")]
    Invalid {
        code: &'static str,
        detail: String,
        fields: Vec<FieldFault>,
    },
    /// The request cannot be read: a broken cursor, a query of another form.
    #[error("{detail}")]
    Malformed { code: &'static str, detail: String },
    /// Not signed in, or not validly.
    #[error("{detail}")]
    Unauthorized {
        code: &'static str,
        detail: &'static str,
    },
    /// Signed in, but the role does not allow it.
    #[error("your role does not allow this")]
    Forbidden,
    /// Too often; again after this.
    #[error("too many attempts")]
    TooMany { retry_after: Duration },
    /// Something we stand on is down; the caller may try again.
    #[error("{0} is not available right now")]
    Unavailable(&'static str, #[source] anyhow::Error),
    /// The database refused or failed.
    #[error("database")]
    Database(#[from] sqlx::Error),
    /// A fault of ours.
    #[error("internal fault")]
    Internal(#[from] anyhow::Error),
}

/// One field that is wrong and why.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct FieldFault {
    /// Dotted path in the body.
    pub field: String,
    /// What is wrong and what would be right.
    pub message: String,
}

/// Result of the hub's deeds.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An `Invalid` about one field.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        let fault = FieldFault {
            field: field.into(),
            message: message.into(),
        };
        Self::Invalid {
            code: "invalid",
            detail: format!("{}: {}", fault.field, fault.message),
            fields: vec![fault],
        }
    }

    /// An `Invalid` that is about the deed, not a field.
    pub fn invalid(code: &'static str, detail: impl Into<String>) -> Self {
        Self::Invalid {
            code,
            detail: detail.into(),
            fields: Vec::new(),
        }
    }

    /// A `Conflict`.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::Conflict {
            code,
            detail: detail.into(),
        }
    }
}

/// Whether the database failed in a way that passes by itself: it restarts, fails over, is full or busy. Asked again later,
/// the same request may well be answered.
pub(crate) fn passes(fault: &sqlx::Error) -> bool {
    match fault {
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) => true,
        sqlx::Error::Database(fault) => fault.code().is_some_and(|code| code_passes(&code)),
        _ => false,
    }
}

/// By SQLSTATE: 08 connection, 53 resources (disk full, too many connections), 57P shutdown and recovery, 58 the system
/// itself; a server that became a standby, a transaction that lost to another, a lock or an answer that took too long.
fn code_passes(code: &str) -> bool {
    const CLASSES: [&str; 4] = ["08", "53", "57P", "58"];
    const CODES: [&str; 6] = ["25006", "25P03", "40001", "40P01", "55P03", "57014"];
    CLASSES.iter().any(|class| code.starts_with(class)) || CODES.contains(&code)
}

/// Turns a named constraint's refusal into a decision.
pub trait OnConstraint<T> {
    /// When the database refused by constraint `name`, answers `error` instead.
    ///
    /// # Errors
    /// `error`, or the database's own.
    fn on_constraint(self, name: &str, error: impl FnOnce() -> Error) -> Result<T>;
}

impl<T> OnConstraint<T> for std::result::Result<T, sqlx::Error> {
    fn on_constraint(self, name: &str, error: impl FnOnce() -> Error) -> Result<T> {
        self.map_err(
            |fault| match fault.as_database_error().and_then(|db| db.constraint()) {
                Some(constraint) if constraint == name => error(),
                _ => Error::Database(fault),
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::code_passes;

    #[test]
    fn a_full_locked_or_restarting_database_passes_and_a_broken_statement_does_not() {
        for code in [
            "08006", "53100", "53300", "57P01", "57P02", "57P03", "58030", "25006", "40001", "40P01",
            "55P03", "57014",
        ] {
            assert!(code_passes(code), "{code}");
        }
        for code in ["42P01", "42501", "23505", "23503", "22P02", "22012", "XX000", ""] {
            assert!(!code_passes(code), "{code}");
        }
    }
}
