//! What staff do with calls: end one, and call the agent from the browser.

use std::time::Duration;

use crate::audit;
use crate::error::Result;
use crate::ids::{CallId, InboxId};
use crate::inbox::Channel;
use crate::job::NewJob;
use crate::principal::{Actor, Principal};
use crate::{Hub, inbox};

use super::browser::Line;
use super::order::{self, Order};
use super::work::HangUp;
use super::{Call, get};

/// A browser has this long to connect its microphone.
const TOKEN_LIFE: Duration = Duration::from_mins(5);
/// The process that carries the call ends it at once; if it does not, the job does.
const GRACE: Duration = Duration::from_secs(3);

/// Ends a call: an order to whoever carries it, and a job in case the order is lost. A call that is over stays so.
pub async fn hang_up(hub: &Hub, by: &Principal, call: CallId) -> Result<()> {
    let mut tx = hub.db.tenant(by.tenant()).await?;
    let found = get(&mut tx, call).await?;
    if found.state.is_over() {
        return tx.commit().await;
    }
    audit::record(
        &mut tx,
        Some(by),
        audit::Line::new("call.hung_up").target("call", call.uuid()),
    )
    .await?;
    let job = NewJob::of(&HangUp { call })?
        .not_before(tx.now().after(GRACE))
        .once_per(call.to_string());
    tx.enqueue(job);
    tx.commit().await?;
    // Lost with Redis; the job is not.
    order::send(hub, by.tenant(), call, &Order::HangUp { staff: by.staff_id() })
        .await
        .ok();
    Ok(())
}

/// A call from a browser, and the token that opens its media socket.
///
/// # Errors
/// `lines_busy` when the tenant's lines are all taken.
pub async fn phone(hub: &Hub, by: &Principal, inbox: Option<InboxId>) -> Result<(Call, String)> {
    let mut tx = hub.db.tenant(by.tenant()).await?;
    let inbox = match inbox {
        Some(id) => Some(inbox::get(&mut tx, id).await?),
        None => inbox::list(&mut tx)
            .await?
            .into_iter()
            .find(|inbox| inbox.channel == Channel::Voice),
    };
    tx.commit().await?;
    // Whoever tries the agent out is somebody it can take a message from.
    let name = match by.actor() {
        Actor::Staff { name, .. } | Actor::Operator { name, .. } => Some(&**name),
        Actor::ApiKey { .. } => None,
    };
    let address = by.actor_id().to_string();
    let line = Line::take(hub, by.tenant()).await?;
    let mut tx = hub.db.tenant(by.tenant()).await?;
    let call = line.ring(&mut tx, inbox.as_ref(), (&address, name), None).await?;
    tx.commit().await?;
    Ok((call, line.token(hub, TOKEN_LIFE)))
}
