//! How often a form may be sent: by one sender, and by all of them together.

use std::net::IpAddr;
use std::time::Duration;

use crate::Hub;
use crate::auth::throttle::{self, Limit};
use crate::error::Result;

/// Five at once, then one in twelve seconds.
const SENDER: Limit = Limit::steady("form_sender", 5, Duration::from_secs(12));
/// A hundred at once, then one a second: a business's busiest hour, and an end to a flood from many addresses.
const FORM: Limit = Limit::steady("form", 100, Duration::from_secs(1));

/// Charges one sending of a form.
///
/// # Errors
/// `TooMany`, with the time to wait.
pub async fn admit(hub: &Hub, key: &str, sender: IpAddr) -> Result<()> {
    throttle::charge(hub, SENDER, &format!("{key}|{}", throttle::neighbourhood(sender))).await?;
    throttle::charge(hub, FORM, key).await
}
