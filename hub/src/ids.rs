//! Ids: one newtype per noun over a UUIDv7, so that a message's id cannot be used as a call's.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use rand::RngCore as _;

use crate::clock::Timestamp;

/// `n` random bytes as lower-case hex.
pub fn random_hex(n: usize) -> String {
    hex::encode(random_bytes(n))
}

/// `n` bytes from the operating system's generator.
pub fn random_bytes(n: usize) -> Vec<u8> {
    let mut bytes = vec![0; n];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

/// Counts the ids of this process, from anywhere: those of one millisecond sort as they were made, so that what one
/// transaction writes has an order, too.
static MADE: LazyLock<AtomicU32> = LazyLock::new(|| AtomicU32::new(rand::rng().next_u32()));

/// Of the 74 bits that a `UUIDv7` leaves us, the upper 26 count and 48 are random.
fn uuid_at(now: Timestamp) -> uuid::Uuid {
    let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
    let made = MADE.fetch_add(1, Ordering::Relaxed);
    let mut random = [0; 10];
    rand::rng().fill_bytes(&mut random);
    // Version and variant take the upper 4 bits of the first byte and the upper 2 of the third.
    [_, _, random[0], random[1]] = (made >> 14).to_be_bytes();
    [_, _, random[2], random[3]] = made.to_be_bytes();
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

/// Without `Deserialize`: a tenant is proved, never taken from input.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, sqlx::Type)]
        #[sqlx(transparent)]
        #[serde(transparent)]
        pub struct $name(uuid::Uuid);

        impl $name {
            /// A new id that sorts by `now`.
            pub fn at(now: Timestamp) -> Self {
                Self(uuid_at(now))
            }

            /// The id as a plain UUID, for wire formats.
            pub fn uuid(self) -> uuid::Uuid {
                self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

/// Ids that come in by paths and bodies, to be looked up under a proved tenant.
macro_rules! public_id {
    ($(#[$doc:meta])* $name:ident) => {
        id!($(#[$doc])* $name);

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                uuid::Uuid::deserialize(from).map(Self)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl From<uuid::Uuid> for $name {
            fn from(id: uuid::Uuid) -> Self {
                Self(id)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}
    };
}

id!(
    /// A business on this installation.
    TenantId
);

impl TenantId {
    /// A tenant named by something we signed or wrote ourselves: a token, a key, a job, a Redis message.
    pub fn trusted(id: uuid::Uuid) -> Self {
        Self(id)
    }
}

public_id!(
    /// A person at the dashboard.
    StaffId
);
public_id!(
    /// A machine's key.
    ApiKeyId
);
public_id!(
    /// One sign-in: the tokens that follow from it.
    FamilyId
);
public_id!(
    /// A tenant's account at a provider.
    ConnectionId
);
public_id!(
    /// A connected number, account or form.
    InboxId
);
public_id!(
    /// An outside person.
    ContactId
);
public_id!(
    /// A contact's address on a channel.
    IdentityId
);
public_id!(
    /// Everything said between a contact and an inbox.
    ConversationId
);
public_id!(
    /// One message, note or voicemail.
    MessageId
);
public_id!(
    /// A file that came with a message.
    AttachmentId
);
public_id!(
    /// A file that staff have put in, before a message takes it along.
    UploadId
);
public_id!(
    /// Raw intake.
    SubmissionId
);
public_id!(
    /// A call.
    CallId
);
public_id!(
    /// Something one side of a call said.
    TurnId
);
public_id!(
    /// Background work.
    JobId
);
public_id!(
    /// A line of the audit log.
    AuditId
);
public_id!(
    /// A platform operator's visit to a tenant.
    VisitId
);
public_id!(
    /// A linked session of the tenant's own account.
    SessionId
);
public_id!(
    /// A row without a life of its own: receipts, tokens, links, tool calls.
    RowId
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn ids_of_one_moment_sort_as_they_were_made() {
        let now = Clock::system().now();
        let ids: Vec<_> = (0..10_000).map(|_| MessageId::at(now)).collect();
        // Once in 67 million ids the count starts anew, perhaps here.
        let descents = ids.windows(2).filter(|pair| pair[0] >= pair[1]).count();
        assert!(descents <= 1, "{descents}");
        assert!(ids.iter().all(|id| id.uuid().get_version_num() == 7));
    }
}
