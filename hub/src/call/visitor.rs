//! A visitor of a public demo page calls the agent: limited by where they are and by what the business can spare, with
//! nothing to show for it but the token of that one call.

use std::net::IpAddr;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::Call;
use super::browser::{Line, busy};
use crate::auth::throttle::{self, Limit};
use crate::capacity::Limits;
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::demo_page::{self, Open};
use crate::error::Result;
use crate::{Hub, inbox};

/// The agent ends a visitor's call politely after this, however long the tenant's others may be.
pub const DURATION_MAX: Duration = Duration::from_mins(5);
/// The page opens the socket at once: the microphone was asked for before.
const TOKEN_LIFE: Duration = Duration::from_secs(30);
/// Six at once, then one in two minutes.
const VISITOR: Limit = Limit::steady("demo_visitor", 6, Duration::from_mins(2));
/// What all visitors of a page do together: thirty at once, then one in thirty seconds.
const PAGE: Limit = Limit::steady("demo_page", 30, Duration::from_secs(30));
/// Calls at once from one address: two people of one household or office.
const SAME_ADDRESS_MAX: i64 = 2;

/// Begins a visitor's call, and makes the token that opens its media socket.
///
/// # Errors
/// `NotFound` for a page that is not open, `TooMany`, or `lines_busy`.
pub async fn call(hub: &Hub, key: &str, from: IpAddr) -> Result<(Call, String)> {
    let page = demo_page::find(hub, key, from).await?;
    let near = throttle::neighbourhood(from);
    throttle::charge(hub, VISITOR, &near).await?;
    throttle::charge(hub, PAGE, &page.inbox.to_string()).await?;
    let visitor = name_of(hub, &page, &near);
    let line = Line::take(hub, page.tenant).await?;
    let limits = Limits::of(hub, page.tenant).await?;
    let mut tx = hub.db.tenant(page.tenant).await?;
    // Held to the end of the transaction: two visitors cannot both take the last place.
    demo_page::lock(&mut tx, page.inbox).await?;
    let open = open_calls(&mut tx, &visitor, hub.clock.now()).await?;
    if open.same_address >= SAME_ADDRESS_MAX || open.all >= spared(limits) {
        return Err(busy());
    }
    let called = inbox::get(&mut tx, page.inbox).await?;
    let (address, shown) = (format!("demo-{visitor}"), visitor.get(..4).unwrap_or_default());
    let name = format!("Visitor {shown}");
    let call = line
        .ring(&mut tx, Some(&called), (&address, Some(&name)), Some(&visitor))
        .await?;
    tx.commit().await?;
    metrics::counter!("switchboard_demo_calls_total").increment(1);
    Ok((call, line.token(hub, TOKEN_LIFE)))
}

/// Visitors get half of a tenant's lines at most: a demo never keeps a customer out.
fn spared(limits: Limits) -> i64 {
    i64::try_from(limits.tenant.div_ceil(2)).unwrap_or(i64::MAX)
}

/// A visitor is known for a day, by their address, which cannot be had back from this.
fn name_of(hub: &Hub, page: &Open, near: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(&hub.sealer.derived("demo-visitor"))
        .expect("HMAC takes keys of any length");
    let day = hub.clock.now().as_second().div_euclid(86_400);
    mac.update(format!("{}|{day}|{near}", page.tenant).as_bytes());
    let full: [u8; 32] = mac.finalize().into_bytes().into();
    hex::encode(full.split_at(12).0)
}

struct OpenCalls {
    all: i64,
    same_address: i64,
}

/// Calls of visitors that are live, or whose browser may still come.
async fn open_calls(tx: &mut Tx, visitor: &str, now: Timestamp) -> Result<OpenCalls> {
    let row = sqlx::query!(
        r#"SELECT count(*) AS "all!", count(*) FILTER (WHERE visitor = $2) AS "same_address!" FROM calls
           WHERE tenant_id = $1 AND visitor IS NOT NULL AND state IN ('ringing', 'live')
             AND (state = 'live' OR started_at > $3::timestamptz - make_interval(secs => $4))"#,
        tx.tenant().uuid(),
        visitor,
        now as _,
        TOKEN_LIFE.as_secs_f64()
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(OpenCalls {
        all: row.all,
        same_address: row.same_address,
    })
}
