//! Links that sign somebody in once: an invitation, the one `up` prints, the way back in without a password.

use std::time::Duration;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::refresh::{self, Continued};
use super::session::{self, Came, Opened};
use super::{throttle, totp};
use crate::Hub;
use crate::audit::{self, Line};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::{RowId, StaffId, TenantId, random_bytes};

/// How long an invitation is good.
pub const INVITATION_LIFE: Duration = Duration::from_hours(7 * 24);
/// How long a way back in is good.
pub const RETURN_LIFE: Duration = Duration::from_mins(30);

/// What the page behind a link sends.
#[derive(Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkLogin {
    /// What followed `#link=`.
    pub token: String,
    /// Six digits of their authenticator, or a recovery code.
    pub totp: Option<String>,
}

const REFUSED: Error = Error::Unauthorized {
    code: "bad_link",
    detail: "this link was used or is too old; ask for another",
};

/// Makes a link for a staff member. It stands after `#`, which browsers send to no server and no proxy logs.
pub async fn create(hub: &Hub, tenant: TenantId, staff: StaffId, life: Duration) -> Result<String> {
    let mut tx = hub.db.tenant(tenant).await?;
    let url = create_in(hub, &mut tx, staff, life).await?;
    tx.commit().await?;
    Ok(url)
}

/// The same as part of a deed.
pub async fn create_in(hub: &Hub, tx: &mut Tx, staff: StaffId, life: Duration) -> Result<String> {
    let (tenant, now) = (tx.tenant(), tx.now());
    let id = RowId::at(now);
    let secret = random_bytes(32);
    let token_hash: [u8; 32] = Sha256::digest(&secret).into();
    sqlx::query!(
        "INSERT INTO sign_in_links (tenant_id, id, staff_id, token_hash, expires_at) VALUES ($1, $2, $3, $4, $5)",
        tenant.uuid(),
        id.uuid(),
        staff.uuid(),
        token_hash.as_slice(),
        now.after(life) as _
    )
    .execute(&mut **tx)
    .await?;
    let token = super::name_token(tenant, id, &secret);
    Ok(hub.config.public(&format!("/sign-in#link={token}")))
}

/// Signs in the one a link is for, once. A missing second factor does not use it up.
///
/// # Errors
/// `Unauthorized` (`bad_link`, `totp_required`, `bad_totp`), `TooMany`.
pub async fn by_link(hub: &Hub, came: &Came, login: LinkLogin) -> Result<Opened> {
    throttle::charge(hub, throttle::TOKEN, &came.address.to_string()).await?;
    let (tenant, id, secret) = super::parse_token(&login.token).ok_or(REFUSED)?;
    let mut tx = hub.db.tenant(tenant).await?;
    let link = sqlx::query!(
        r#"SELECT l.staff_id, l.token_hash, s.session_version, t.suspended_at IS NOT NULL AS "suspended!" FROM sign_in_links l
         JOIN staff s ON s.tenant_id = l.tenant_id AND s.id = l.staff_id
         JOIN tenants t ON t.id = l.tenant_id
         WHERE l.tenant_id = $1 AND l.id = $2 AND l.used_at IS NULL AND l.expires_at > $3
           AND s.disabled_at IS NULL
         FOR UPDATE OF l"#,
        tenant.uuid(),
        id.uuid(),
        tx.now() as _
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or(REFUSED)?;
    let digest: [u8; 32] = Sha256::digest(&secret).into();
    if !bool::from(digest.as_slice().ct_eq(link.token_hash.as_slice())) {
        return Err(REFUSED);
    }
    if link.suspended {
        return Err(super::login::SUSPENDED);
    }
    totp::demand(hub, &mut tx, link.staff_id, login.totp.as_deref()).await?;
    let continued = use_up(&mut tx, came, id, link.staff_id, link.session_version).await?;
    tx.commit().await?;
    session::open(hub, came, continued, None).await
}

async fn use_up(tx: &mut Tx, came: &Came, id: RowId, staff: StaffId, session: i32) -> Result<Continued> {
    let (tenant, now) = (tx.tenant(), tx.now());
    sqlx::query!(
        "UPDATE sign_in_links SET used_at = $3 WHERE tenant_id = $1 AND id = $2",
        tenant.uuid(),
        id.uuid(),
        now as _
    )
    .execute(&mut **tx)
    .await?;
    let continued = refresh::begin(tx, staff, session, came.user_agent.as_deref()).await?;
    let line = Line::new("auth.signed_in").target("staff", staff.uuid());
    audit::record_staff(tx, staff, line.detail(serde_json::json!({ "by": "link" }))).await?;
    Ok(continued)
}
