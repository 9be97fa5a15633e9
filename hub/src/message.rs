//! Messages of a conversation.

/// Characters of one message at most.
pub const BODY_MAX: usize = 16_000;
