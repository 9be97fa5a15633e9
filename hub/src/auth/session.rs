//! A session: what somebody who came in is given, and how it goes on and ends.

use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;

use super::refresh::Continued;
use super::{access, refresh as family, throttle};
use crate::Hub;
use crate::error::{Error, Result};
use crate::staff::{self, Me};

/// How a request for a session reached us.
#[derive(Clone, Debug)]
pub struct Came {
    /// The client's address, by the trusted proxies.
    pub address: IpAddr,
    /// Its browser's name.
    pub user_agent: Option<String>,
    /// The cookie of an earlier sign-in in this browser.
    pub device: Option<String>,
    /// The tenant that the host names.
    pub host_slug: Option<String>,
}

/// What a browser is given.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Session {
    /// For `Authorization: Bearer`.
    pub access_token: String,
    /// How long it is good.
    pub expires_in_s: u64,
    /// Who is signed in.
    pub staff: Me,
}

/// A session with what goes into cookies.
#[derive(Debug)]
pub struct Opened {
    /// The answer's body.
    pub session: Session,
    /// The refresh cookie's value.
    pub refresh_token: String,
    /// The refresh cookie's age.
    pub refresh_life: Duration,
    /// The device cookie's value, when there is a new one.
    pub device: Option<String>,
}

/// Goes on with a session: another access token, and the refresh token's successor.
///
/// # Errors
/// `Unauthorized` when the token is not good; one used before ends its whole sign-in.
pub async fn refresh(hub: &Hub, came: &Came, token: &str) -> Result<Opened> {
    throttle::charge(hub, throttle::TOKEN, &came.address.to_string()).await?;
    let continued = family::follow(hub, token).await?;
    open(hub, came, continued, None).await
}

/// Ends the session a refresh token belongs to; its sockets close.
pub async fn sign_out(hub: &Hub, token: &str) -> Result<()> {
    family::end(hub, token).await
}

pub(super) async fn open(
    hub: &Hub,
    came: &Came,
    continued: Continued,
    device: Option<String>,
) -> Result<Opened> {
    let claims = continued.claims;
    let me = staff::me(hub, claims.tenant, claims.staff).await?;
    if came
        .host_slug
        .as_ref()
        .is_some_and(|slug| *slug != me.tenant.slug)
    {
        return Err(Error::NotFound("page"));
    }
    let now = hub.clock.now();
    let session = Session {
        access_token: hub.auth.access.make(claims, now)?,
        expires_in_s: access::LIFE.as_secs(),
        staff: me,
    };
    Ok(Opened {
        session,
        refresh_token: continued.token,
        refresh_life: continued.expires_at.since(now),
        device,
    })
}
