//! A call from a browser begins: its slot first, since there is no fallback that a browser could be given, then its row.

use std::time::Duration;

use super::begin::{NewCall, begin};
use super::token::{self, Purpose};
use super::{Call, Source};
use crate::capacity::{self, Admission, Lease, Limits};
use crate::contact::{self, IdentityKind};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::{CallId, TenantId};
use crate::inbox::Channel;
use crate::inbox::Inbox;
use crate::{Hub, conversation};

/// A slot for a call to come; given back when dropped.
pub(super) struct Line {
    tenant: TenantId,
    call: CallId,
    lease: Lease,
}

impl Line {
    /// Takes a slot of the tenant's, as every call does.
    pub(super) async fn take(hub: &Hub, tenant: TenantId) -> Result<Self> {
        let call = CallId::at(hub.clock.now());
        let limits = Limits::of(hub, tenant).await?;
        match capacity::acquire(hub, tenant, call, limits).await {
            Admission::Admitted(lease) => Ok(Self { tenant, call, lease }),
            Admission::Full(_) => Err(busy()),
        }
    }

    /// Writes the call; `caller` is who the business knows them as, and their name.
    pub(super) async fn ring(
        &self,
        tx: &mut Tx,
        inbox: Option<&Inbox>,
        (caller, name): (&str, Option<&str>),
        visitor: Option<&str>,
    ) -> Result<Call> {
        let (mut who, mut place) = (None, None);
        if let Some(inbox) = inbox {
            let known = contact::meet(tx, IdentityKind::Visitor, caller, name).await?;
            place = Some(conversation::between(tx, known.contact, inbox.id, Channel::Voice, None).await?);
            who = Some(known.contact);
        }
        let new = NewCall {
            id: self.call,
            provider_id: &self.call.to_string(),
            source: Source::Phone,
            inbox: inbox.map(|inbox| inbox.id),
            contact: who,
            conversation: place,
            from: "browser",
            to: inbox.map_or("browser", |inbox| &inbox.address),
            visitor,
        };
        Ok(begin(tx, new).await?.0)
    }

    /// Opens the call's media socket. From now on the slot is the call's: whoever carries it must renew it within a lease.
    pub(super) fn token(self, hub: &Hub, life: Duration) -> String {
        self.lease.hand_over();
        let expires = hub.clock.now().after(life);
        token::mint(hub, Purpose::Phone, self.tenant, self.call, expires)
    }
}

/// What a browser is told instead of a fallback.
pub(super) fn busy() -> Error {
    Error::conflict("lines_busy", "all lines are taken; try again in a moment")
}
