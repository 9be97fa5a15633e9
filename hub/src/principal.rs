//! Who is asking: proved by a token or key, and with it the tenant. Nothing else names a tenant to a handler.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::error::{Error, Result};
use crate::ids::{ApiKeyId, FamilyId, StaffId, TenantId, VisitId};
use crate::role::Role;

/// Somebody signed in. Only `hub` makes one, from a checked token or key.
#[derive(Clone, Debug)]
pub struct Principal {
    tenant: TenantId,
    slug: Arc<str>,
    actor: Actor,
    role: Role,
}

/// The person or machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A person at the dashboard. `session` is the `session_version` their token was made with.
    Staff {
        /// Their id.
        id: StaffId,
        /// Their name, for screens.
        name: String,
        /// Grows when role, password or membership changes; an older one is no longer valid.
        session: i32,
        /// The sign-in their token came from; ended by a logout.
        family: FamilyId,
    },
    /// A machine with a key.
    ApiKey {
        /// The key's id.
        id: ApiKeyId,
    },
    /// A platform operator on a visit.
    Operator {
        /// The visit.
        visit: VisitId,
        /// Their name, for screens and the audit log.
        name: String,
    },
}

impl Principal {
    pub(crate) fn new(tenant: TenantId, slug: Arc<str>, actor: Actor, role: Role) -> Self {
        Self {
            tenant,
            slug,
            actor,
            role,
        }
    }

    /// The proved tenant.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The tenant's name in host names.
    pub fn tenant_slug(&self) -> &str {
        &self.slug
    }

    /// The person or machine.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// What they may do.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The actor's id, for audit lines and idempotency keys.
    pub fn actor_id(&self) -> uuid::Uuid {
        match &self.actor {
            Actor::Staff { id, .. } => id.uuid(),
            Actor::ApiKey { id } => id.uuid(),
            Actor::Operator { visit, .. } => visit.uuid(),
        }
    }

    /// The staff member's id; none for a key.
    pub fn staff_id(&self) -> Option<StaffId> {
        match &self.actor {
            Actor::Staff { id, .. } => Some(*id),
            Actor::ApiKey { .. } | Actor::Operator { .. } => None,
        }
    }

    /// Whether it is a platform operator on a visit, who is held to a shorter list than their role's.
    pub fn is_operator(&self) -> bool {
        matches!(self.actor, Actor::Operator { .. })
    }

    /// # Errors
    /// `Forbidden` unless the role is `least` or higher.
    pub fn require(&self, least: Role) -> Result<()> {
        if self.role >= least {
            Ok(())
        } else {
            Err(Error::Forbidden)
        }
    }
}

/// Handlers take the principal that the api's gate proved; where the gate did not run, nobody is signed in.
impl<S: Send + Sync> FromRequestParts<S> for Principal {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or(Error::Unauthorized {
                code: "unauthorized",
                detail: "sign in first",
            })
    }
}
