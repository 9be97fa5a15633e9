//! Twilio's messages: sending one, finding one whose fate is unknown, and what its statuses and error codes mean.

use jiff::Timestamp;
use serde::Deserialize;

use super::rest::{Fault, Rest};

/// Messages of one page.
const PAGE_SIZE: &str = "200";

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
    /// `inbound`, `outbound-api` …
    #[serde(default)]
    pub direction: Option<String>,
    /// Who sent it.
    #[serde(default)]
    pub from: Option<String>,
    /// To whom.
    #[serde(default)]
    pub to: Option<String>,
    /// The text.
    #[serde(default)]
    pub body: Option<String>,
    /// How many files came with it, as text.
    #[serde(default)]
    pub num_media: Option<String>,
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
    #[serde(default)]
    next_page_uri: Option<String>,
}

/// A page of messages, newest first.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Them.
    pub messages: Vec<Message>,
    /// What to ask for the next page by; none after the last.
    pub next: Option<String>,
}

/// A file of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Where it is.
    pub url: String,
    /// What it is said to be.
    pub media_type: String,
}

#[derive(Deserialize)]
struct Files {
    media_list: Vec<FileEntry>,
}

#[derive(Deserialize)]
struct FileEntry {
    sid: String,
    #[serde(default)]
    content_type: String,
}

impl Message {
    /// Whether files came with it.
    pub fn has_files(&self) -> bool {
        self.num_media.as_deref().is_some_and(|count| count != "0")
    }

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

impl Rest {
    /// A page of all messages sent or received between two moments; the first one without `page`.
    pub async fn list_messages(
        &self,
        from: Timestamp,
        until: Timestamp,
        page: Option<&str>,
    ) -> Result<Listed, Fault> {
        let moment = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        // Whole seconds: the first is rounded down, so the last is rounded up.
        let until = until.saturating_add(jiff::SignedDuration::from_secs(1));
        let first = || {
            vec![
                ("DateSent>".to_owned(), moment(from)),
                ("DateSent<".to_owned(), moment(until.unwrap_or(Timestamp::MAX))),
                ("PageSize".to_owned(), PAGE_SIZE.to_owned()),
            ]
        };
        let query = page.map_or_else(first, |page| {
            url::form_urlencoded::parse(page.as_bytes())
                .into_owned()
                .collect()
        });
        let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (&**name, &**value)).collect();
        let page: Page = self.get("Messages.json", &query).await?;
        // Only the query is kept of the address we are to go on at: where the account is, we know.
        let next = page.next_page_uri.and_then(|uri| {
            let (_, query) = uri.split_once('?')?;
            Some(query.to_owned())
        });
        Ok(Listed {
            messages: page.messages,
            next,
        })
    }

    /// One message as it stands.
    pub async fn message(&self, sid: &str) -> Result<Message, Fault> {
        self.get(&format!("Messages/{}.json", plain(sid)), &[]).await
    }

    /// The files that came with a message.
    pub async fn files(&self, sid: &str) -> Result<Vec<File>, Fault> {
        let sid = plain(sid);
        let files: Files = self.get(&format!("Messages/{sid}/Media.json"), &[]).await?;
        let base = self.base().as_str().trim_end_matches('/');
        let account = &self.account().sid;
        let file = |entry: FileEntry| File {
            url: format!(
                "{base}/2010-04-01/Accounts/{account}/Messages/{sid}/Media/{}",
                plain(&entry.sid)
            ),
            media_type: entry.content_type,
        };
        Ok(files.media_list.into_iter().map(file).collect())
    }
}

/// An id as a part of a path.
fn plain(sid: &str) -> String {
    sid.chars().filter(char::is_ascii_alphanumeric).collect()
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
