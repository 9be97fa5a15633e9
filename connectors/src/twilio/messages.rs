//! Twilio's messages: sending one, finding one whose fate is unknown, and what its statuses and error codes mean.

use jiff::Timestamp;
use serde::Deserialize;

use super::rest::{Fault, Rest};

/// A text to be sent.
#[derive(Clone, Copy, Debug)]
pub struct NewMessage<'a> {
    /// Our number.
    pub from: &'a str,
    /// Theirs.
    pub to: &'a str,
    /// Up to 1,600 characters.
    pub body: &'a str,
    /// Where Twilio reports what becomes of it.
    pub status_callback: &'a str,
}

/// Twilio's record of a message; what we need of it.
#[derive(Clone, Debug, Deserialize)]
pub struct Message {
    /// `SM…`.
    pub sid: String,
    /// Twilio's word for how far it is.
    pub status: String,
    /// The text.
    #[serde(default)]
    pub body: Option<String>,
    /// Why it failed.
    #[serde(default)]
    pub error_code: Option<u32>,
    /// RFC 2822.
    #[serde(default)]
    pub date_created: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    messages: Vec<Message>,
}

impl Message {
    /// When Twilio took it.
    pub fn created_at(&self) -> Option<Timestamp> {
        jiff::fmt::rfc2822::DateTimeParser::new()
            .parse_timestamp(self.date_created.as_deref()?)
            .ok()
    }
}

impl Rest {
    /// Sends a text. [`Fault::Unknown`] may have sent it: find it before anything else.
    pub async fn send_message(&self, new: &NewMessage<'_>) -> Result<Message, Fault> {
        let form = [
            ("To", new.to),
            ("From", new.from),
            ("Body", new.body),
            ("StatusCallback", new.status_callback),
        ];
        self.post("Messages.json", &form).await
    }

    /// Messages from one number to another with this text that Twilio took at `since` or later, newest first.
    pub async fn find_messages(
        &self,
        from: &str,
        to: &str,
        body: &str,
        since: Timestamp,
    ) -> Result<Vec<Message>, Fault> {
        // Twilio's filter by date is one by the day it was sent, and would miss one still queued: time is ours to check.
        let query = [("From", from), ("To", to), ("PageSize", "100")];
        let page: Page = self.get("Messages.json", &query).await?;
        let ours = |message: &Message| {
            message.body.as_deref() == Some(body) && message.created_at().is_none_or(|at| at >= since)
        };
        Ok(page.messages.into_iter().filter(ours).collect())
    }
}

/// How far Twilio says a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Twilio has it.
    Taken,
    /// It did not arrive.
    Failed,
    /// It arrived.
    Delivered,
    /// It was read.
    Read,
}

/// Reads a `MessageStatus`; `None` for a word we do not know, which is no news.
pub fn progress(status: &str) -> Option<Progress> {
    match status {
        "accepted" | "scheduled" | "queued" | "sending" | "sent" => Some(Progress::Taken),
        "failed" | "undelivered" | "canceled" => Some(Progress::Failed),
        "delivered" | "partially_delivered" => Some(Progress::Delivered),
        "read" => Some(Progress::Read),
        _ => None,
    }
}

/// What a failed message means for staff: what happened, and what to do.
pub fn failure_help(code: Option<u32>) -> &'static str {
    match code {
        Some(21_211 | 21_217 | 21_421) => {
            "This is not a valid phone number. Check the number with the customer."
        }
        Some(21_212 | 21_606 | 21_659) => {
            "Your number cannot send texts from this account. An admin can check the inbox's number and connection."
        }
        Some(21_408) => {
            "Texts to this country are switched off in your Twilio account. An admin can allow them there."
        }
        Some(21_610) => {
            "The customer texted STOP. They can text START to receive messages again; or call them."
        }
        Some(21_612) => "This number cannot be reached by text from yours. Call the customer instead.",
        Some(21_614) => "This is not a mobile number. Call the customer, or ask for a mobile number.",
        Some(21_617 | 21_605) => "The text is too long. Shorten it and send it again.",
        Some(20_003 | 20_005 | 20_404) => {
            "Twilio does not accept this account's credentials. An admin can renew the connection."
        }
        Some(20_429 | 14_107 | 30_001 | 30_022) => "Too many texts at once. Wait a minute and send it again.",
        Some(30_002 | 90_010) => {
            "Your Twilio account is suspended. An admin can look into the Twilio console."
        }
        Some(30_003) => "The phone is switched off or out of reach. Try again later, or call.",
        Some(30_004) => "The customer's phone blocks this message. Call them instead.",
        Some(30_005) => {
            "This number does not exist or is no longer in use. Check the number with the customer."
        }
        Some(30_006) => "This is a landline or its carrier takes no texts. Call the customer instead.",
        Some(30_007) => {
            "The carrier held it back as spam. Rephrase it without links or capital letters; an admin can check the \
             number's registration."
        }
        Some(30_008) => "The carrier did not say why. Send it again; if it fails again, call.",
        Some(30_010) => "It costs more than the price limit that was set. An admin can raise the limit.",
        Some(30_032 | 30_034 | 30_035) => {
            "Your number is not registered for business texts (A2P 10DLC or toll-free). An admin can register it at \
             Twilio."
        }
        Some(63_016) => {
            "More than 24 hours have passed since the customer's last message. Send a template instead."
        }
        _ => "It was not delivered. Try again, or call the customer.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twilios_date_is_read() {
        let message: Message = serde_json::from_str(
            r#"{"sid":"SM1","status":"queued","date_created":"Fri, 24 May 2019 17:18:27 +0000","extra":1}"#,
        )
        .unwrap();
        assert_eq!(message.created_at().unwrap().to_string(), "2019-05-24T17:18:27Z");
    }
}
