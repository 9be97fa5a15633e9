//! Why something does not go out, in words for staff: what happened, and what to do.

use hub::clock::Timestamp;
use hub::message::Failure;

fn failure(code: impl Into<String>, help: impl Into<String>) -> Failure {
    Failure {
        code: code.into(),
        help: help.into(),
    }
}

/// The network's refusals, by its codes.
pub(super) fn by_network(code: &str) -> Failure {
    let help = match code {
        "463" => {
            "WhatsApp does not let this number write to people who have not written to it, for now. Wait until they \
             write, or reach them another way."
        }
        "421" | "429" => {
            "WhatsApp finds that this number writes too much, so it pauses. Send it again when the pause is over; it \
             says until when under Channels."
        }
        "403" | "401" => "WhatsApp does not let this number write to them: they may have blocked it.",
        _ => "WhatsApp refused it. Send it again later, or reach them another way.",
    };
    failure(format!("whatsapp_{code}"), help)
}

/// Nobody has this number there.
pub(super) fn not_there() -> Failure {
    failure(
        "not_on_whatsapp",
        "This number is not on WhatsApp. Check it, or reach them another way.",
    )
}

/// The account is locked, or paused because it was.
pub(super) fn no_strangers(until: Timestamp) -> Failure {
    let at = until.jiff().strftime("%-d %B, %H:%M UTC");
    failure(
        "new_chats_paused",
        format!(
            "WhatsApp does not let this number write to people who have not written to it, until about {at}. Wait until \
             they write, or reach them another way."
        ),
    )
}

/// The day's budget is used up.
pub(super) fn enough_today(limit: u32) -> Failure {
    failure(
        "new_chats_spent",
        format!(
            "So that WhatsApp does not block this number, it writes to at most {limit} new people a day for now, and has \
             done so today. Send it again tomorrow, or wait until they write."
        ),
    )
}

/// Asked too often without an answer.
pub(super) fn not_checked() -> Failure {
    failure(
        "not_checked",
        "WhatsApp did not say whether this person can be written to, so nothing was sent. Send it again later.",
    )
}

/// Its file is gone from storage.
pub(super) fn no_file() -> Failure {
    failure("no_file", "The file is not there any more. Attach it again.")
}

/// Sent, perhaps.
pub(super) fn unknown() -> Failure {
    failure(
        "unknown",
        "It may or may not have been sent: WhatsApp did not answer. Ask the customer before you send it again.",
    )
}
