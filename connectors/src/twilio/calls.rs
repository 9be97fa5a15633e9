//! Calls over Twilio's REST API: give one another document, end it, ask how it is.

use serde::Deserialize;

use super::Rest;
use super::rest::Fault;

/// Twilio: there is no such call (any more).
const NO_SUCH_CALL: u32 = 20404;
/// Twilio: the call is not in progress.
const NOT_IN_PROGRESS: u32 = 21220;

/// Twilio's record of a call; what we need of it.
#[derive(Clone, Debug, Deserialize)]
pub struct CallRecord {
    /// Twilio's word for how far it is.
    pub status: String,
}

/// Whether there was still a call to do it to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It was done.
    Done,
    /// The call is over.
    Over,
}

impl Rest {
    /// The call goes on with this document at once, whatever it was doing.
    pub async fn redirect_call(&self, call: &str, document: &str) -> Result<Found, Fault> {
        self.update_call(call, &[("Twiml", document)]).await
    }

    /// Ends the call; one that is over is ended.
    pub async fn end_call(&self, call: &str) -> Result<Found, Fault> {
        self.update_call(call, &[("Status", "completed")]).await
    }

    /// How far Twilio says the call is; `None` when it does not know it.
    pub async fn call(&self, call: &str) -> Result<Option<CallRecord>, Fault> {
        match self.get(&path(call), &[]).await {
            Ok(record) => Ok(Some(record)),
            Err(fault) if fault.code() == Some(NO_SUCH_CALL) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    async fn update_call(&self, call: &str, form: &[(&str, &str)]) -> Result<Found, Fault> {
        match self.post_again::<serde::de::IgnoredAny>(&path(call), form).await {
            Ok(_) => Ok(Found::Done),
            Err(fault) if matches!(fault.code(), Some(NO_SUCH_CALL | NOT_IN_PROGRESS)) => Ok(Found::Over),
            Err(fault) => Err(fault),
        }
    }
}

/// A CallSid is letters and digits; anything else does not reach the path.
fn path(call: &str) -> String {
    let sid: String = call.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("Calls/{sid}.json")
}
