//! Sign-in by password, with a second factor where there is one. Unknown addresses and wrong passwords answer alike.

use serde::Deserialize;

use super::refresh::{self, Continued};
use super::session::{self, Came, Opened};
use super::throttle::{self, ACCOUNT, ADDRESS, DEVICE};
use super::{device, totp};
use crate::audit::{self, Line};
use crate::error::{Error, Result};
use crate::ids::{StaffId, TenantId};
use crate::{Hub, staff};

/// Tenants whose passwords are tried for one address when the request names none.
const TENANTS_TRIED_MAX: i64 = 4;

/// What somebody types.
#[derive(Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// Their address.
    #[schema(max_length = 254)]
    pub email: String,
    /// Their password.
    #[schema(max_length = 1024)]
    pub password: String,
    /// The business, by its slug, when the address belongs to several.
    pub tenant: Option<String>,
    /// Six digits of their authenticator, or a recovery code.
    pub totp: Option<String>,
}

const REFUSED: Error = Error::Unauthorized {
    code: "bad_credentials",
    detail: "the e-mail address or the password is wrong",
};

/// Their business is switched off.
pub(super) const SUSPENDED: Error = Error::Unauthorized {
    code: "tenant_suspended",
    detail: "this business is switched off; its owner can ask whoever runs this installation",
};

/// Whose password was right.
struct Proved {
    tenant: TenantId,
    staff: StaffId,
    outdated: bool,
}

/// Signs somebody in.
///
/// # Errors
/// `Unauthorized` (`bad_credentials`, `totp_required`, `bad_totp`), `Conflict` (`tenant_required`), `TooMany`.
pub async fn by_password(hub: &Hub, came: &Came, login: Login) -> Result<Opened> {
    let opened = attempt(hub, came, login).await;
    let result = match &opened {
        Ok(_) => "opened",
        Err(Error::Unauthorized { code, .. } | Error::Conflict { code, .. }) => *code,
        Err(Error::TooMany { .. }) => "too_many",
        Err(_) => "fault",
    };
    metrics::counter!("switchboard_sign_ins_total", "result" => result).increment(1);
    opened
}

async fn attempt(hub: &Hub, came: &Came, login: Login) -> Result<Opened> {
    let email = staff::normal_email(&login.email);
    let named = match (&came.host_slug, login.tenant) {
        (Some(host), Some(said)) if *host != said => return Err(REFUSED),
        (host, said) => said.or_else(|| host.clone()),
    };
    let known = came
        .device
        .as_deref()
        .and_then(|mark| device::known(hub, &email, mark));
    let account = match &known {
        Some(name) => (DEVICE, name.clone()),
        None => (ACCOUNT, email.clone()),
    };
    let address = came.address.to_string();
    throttle::charge(hub, ADDRESS, &address).await?;
    throttle::charge(hub, account.0, &account.1).await?;
    let proved = prove(hub, &email, named.as_deref(), &login.password).await?;
    // The password was right: what follows is no guess at it. Codes have a count of their own.
    throttle::give_back(hub, ADDRESS, &address).await;
    throttle::give_back(hub, account.0, &account.1).await;
    let continued = begin(hub, came, &proved, &login.password, login.totp.as_deref()).await?;
    let mark = known.is_none().then(|| device::mark(hub, &email));
    session::open(hub, came, continued, mark).await
}

async fn prove(hub: &Hub, email: &str, tenant: Option<&str>, password: &str) -> Result<Proved> {
    let mut tx = hub.db.system().await?;
    let candidates = sqlx::query!(
        r#"SELECT s.id, s.tenant_id, s.password_hash, t.suspended_at IS NOT NULL AS "suspended!"
         FROM staff s JOIN tenants t ON t.id = s.tenant_id
         WHERE s.email = $1 AND s.disabled_at IS NULL AND s.password_hash IS NOT NULL
           AND ($2::text IS NULL OR t.slug = $2)
         ORDER BY t.suspended_at IS NOT NULL, s.id LIMIT $3"#,
        email,
        tenant,
        TENANTS_TRIED_MAX
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    if candidates.is_empty() {
        hub.auth.hashing.check(None, password).await?;
    }
    let (mut proved, mut switched_off) = (Vec::new(), false);
    for candidate in candidates {
        let verdict = hub.auth.hashing.check(candidate.password_hash, password).await?;
        // Said to nobody but those who know the password.
        switched_off |= verdict.matches && candidate.suspended;
        if verdict.matches && !candidate.suspended {
            proved.push(Proved {
                tenant: candidate.tenant_id,
                staff: candidate.id,
                outdated: verdict.outdated,
            });
        }
    }
    let one = proved
        .pop()
        .ok_or(if switched_off { SUSPENDED } else { REFUSED })?;
    if proved.is_empty() {
        Ok(one)
    } else {
        let detail = "this address belongs to several businesses; say which one";
        Err(Error::conflict("tenant_required", detail))
    }
}

async fn begin(
    hub: &Hub,
    came: &Came,
    who: &Proved,
    password: &str,
    code: Option<&str>,
) -> Result<Continued> {
    let upgraded = if who.outdated {
        Some(hub.auth.hashing.hash(password).await?)
    } else {
        None
    };
    let mut tx = hub.db.tenant(who.tenant).await?;
    totp::demand(hub, &mut tx, who.staff, code).await?;
    let session = sqlx::query_scalar!(
        "UPDATE staff SET password_hash = coalesce($3, password_hash)
         WHERE tenant_id = $1 AND id = $2 AND disabled_at IS NULL RETURNING session_version",
        who.tenant.uuid(),
        who.staff.uuid(),
        upgraded
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or(REFUSED)?;
    let continued = refresh::begin(&mut tx, who.staff, session, came.user_agent.as_deref()).await?;
    let line = Line::new("auth.signed_in").target("staff", who.staff.uuid());
    audit::record_staff(
        &mut tx,
        who.staff,
        line.detail(serde_json::json!({ "by": "password" })),
    )
    .await?;
    tx.commit().await?;
    Ok(continued)
}
