//! Staff: the people at a tenant's dashboard; how one is invited, changed, taken out. Nobody raises anybody above himself,
//! and a tenant keeps an owner.

mod rules;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::audit::{self, Line};
use crate::auth::{Revoked, link, password, refresh, revocation};
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::{Error, OnConstraint as _, Result};
use crate::feed::NewEvent;
use crate::ids::{StaffId, TenantId};
use crate::principal::{Actor, Principal};
use crate::role::Role;
use crate::tenant::{self, Tenant};
use crate::{Hub, auth};

/// A person at the dashboard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Staff {
    /// Their id.
    pub id: StaffId,
    /// Their name.
    pub name: String,
    /// Their address, unique in the tenant.
    pub email: String,
    /// What they may do.
    pub role: Role,
    /// Whether they were taken out.
    pub disabled: bool,
    /// When they were added.
    pub created_at: Timestamp,
}

/// The one who asks, and their tenant.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Me {
    /// The person.
    pub staff: MyStaff,
    /// Their business.
    pub tenant: MyTenant,
}

/// A person, as they see themselves.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[expect(missing_docs, reason = "as in Staff")]
pub struct MyStaff {
    pub id: StaffId,
    pub name: String,
    pub email: String,
    pub role: Role,
    /// Whether they sign in with a second factor.
    pub totp_enabled: bool,
    /// Whether they have a password; without one they came by a link and may set one.
    pub has_password: bool,
}

/// A business, as its staff see it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[expect(missing_docs, reason = "as in Tenant")]
pub struct MyTenant {
    #[schema(value_type = uuid::Uuid)]
    pub id: TenantId,
    pub slug: String,
    pub name: String,
    pub timezone: String,
    pub locale: String,
}

/// Somebody to be added.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewStaff {
    /// Where their invitation goes.
    #[schema(max_length = 254)]
    pub email: String,
    /// Their name.
    #[schema(min_length = 1, max_length = 120)]
    pub name: String,
    /// What they may do; not more than the one who adds them.
    pub role: Role,
}

/// Somebody added, and the link that signs them in.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Invited {
    /// The person.
    pub staff: Staff,
    /// Good once, for seven days.
    pub sign_in_link: String,
}

/// What changes of somebody; what is left out stays.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "as in Staff")]
pub struct StaffChange {
    #[schema(min_length = 1, max_length = 120)]
    pub name: Option<String>,
    pub role: Option<Role>,
    pub disabled: Option<bool>,
}

/// A new password, and the old one where there is one.
#[derive(Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// Not needed by somebody who has none yet.
    pub current: Option<String>,
    /// At least 10 characters.
    #[schema(min_length = 10, max_length = 1024)]
    pub new: String,
}

/// An address as it is stored and compared.
pub(crate) fn normal_email(email: &str) -> String {
    email.trim().to_lowercase()
}

/// The tenant's staff, by name.
pub async fn list(hub: &Hub, tenant: TenantId) -> Result<Vec<Staff>> {
    let mut tx = hub.db.tenant(tenant).await?;
    let staff = sqlx::query_as!(
        Staff,
        "SELECT id, name, email, role, disabled_at IS NOT NULL AS \"disabled!\", created_at FROM staff
         WHERE tenant_id = $1 ORDER BY lower(name), id LIMIT 1000",
        tenant.uuid()
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(staff)
}

/// The one who asks.
pub async fn me(hub: &Hub, tenant: TenantId, staff: StaffId) -> Result<Me> {
    let mut tx = hub.db.tenant(tenant).await?;
    let staff = sqlx::query_as!(
        MyStaff,
        "SELECT id, name, email, role, totp_confirmed_at IS NOT NULL AS \"totp_enabled!\",
                password_hash IS NOT NULL AS \"has_password!\"
         FROM staff WHERE tenant_id = $1 AND id = $2",
        tenant.uuid(),
        staff.uuid()
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or(Error::NotFound("staff member"))?;
    tx.commit().await?;
    let Tenant {
        id,
        slug,
        name,
        timezone,
        locale,
        ..
    } = tenant::get(hub, tenant).await?;
    let tenant = MyTenant {
        id,
        slug,
        name,
        timezone,
        locale,
    };
    Ok(Me { staff, tenant })
}

/// Adds somebody. `by` is nobody when an operator does it at the command line.
pub async fn create(
    hub: &Hub,
    tenant: TenantId,
    by: Option<&Principal>,
    new: NewStaff,
    new_password: Option<&str>,
) -> Result<Staff> {
    let password_hash = match new_password {
        Some(text) => {
            password::check_strength("password", text, &normal_email(&new.email))?;
            Some(hub.auth.hashing.hash(text).await?)
        }
        None => None,
    };
    let mut tx = hub.db.tenant(tenant).await?;
    let staff = insert(&mut tx, by, new, password_hash).await?;
    tx.commit().await?;
    Ok(staff)
}

/// Adds somebody and makes the link that signs them in.
pub async fn invite(hub: &Hub, by: &Principal, new: NewStaff) -> Result<Invited> {
    let mut tx = hub.db.tenant(by.tenant()).await?;
    let staff = insert(&mut tx, Some(by), new, None).await?;
    let sign_in_link = link::create_in(hub, &mut tx, staff.id, link::INVITATION_LIFE).await?;
    tx.commit().await?;
    Ok(Invited { staff, sign_in_link })
}

async fn insert(
    tx: &mut Tx,
    by: Option<&Principal>,
    new: NewStaff,
    password_hash: Option<String>,
) -> Result<Staff> {
    rules::may_add(by.map(Principal::role), new.role)?;
    let (tenant, now) = (tx.tenant(), tx.now());
    let staff = Staff {
        id: StaffId::at(now),
        name: rules::checked_name(&new.name)?,
        email: rules::checked_email(&new.email)?,
        role: new.role,
        disabled: false,
        created_at: now,
    };
    sqlx::query!(
        "INSERT INTO staff (tenant_id, id, email, name, role, password_hash, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        tenant.uuid(),
        staff.id.uuid(),
        staff.email,
        staff.name,
        staff.role.as_str(),
        password_hash,
        now as _
    )
    .execute(&mut **tx)
    .await
    .on_constraint("staff_email_key", || {
        Error::conflict("email_taken", "somebody of this business has this address")
    })?;
    let line = Line::new("staff.added").target("staff", staff.id.uuid());
    audit::record(tx, by, line.detail(json!({ "role": staff.role }))).await?;
    tx.emit(NewEvent::new("staff.updated", &json!({ "staff": staff }))?);
    Ok(staff)
}

/// Changes somebody's name, role or membership. A change of the latter two ends what their old ones allowed.
pub async fn update(hub: &Hub, by: &Principal, id: StaffId, change: StaffChange) -> Result<Staff> {
    let tenant = by.tenant();
    let mut tx = hub.db.tenant(tenant).await?;
    lock_owners(&mut tx).await?;
    let before = get(&mut tx, id).await?;
    let after = Staff {
        name: match &change.name {
            Some(name) => rules::checked_name(name)?,
            None => before.name.clone(),
        },
        role: change.role.unwrap_or(before.role),
        disabled: change.disabled.unwrap_or(before.disabled),
        ..before.clone()
    };
    rules::may_change(by.role(), &before, &after)?;
    if rules::is_owner(&before) && !rules::is_owner(&after) && owners(&mut tx).await? <= 1 {
        let detail = "a business keeps at least one owner; make somebody else one first";
        return Err(Error::conflict("last_owner", detail));
    }
    let ends = before.role != after.role || before.disabled != after.disabled;
    sqlx::query!(
        "UPDATE staff SET name = $3, role = $4, session_version = session_version + $6,
                disabled_at = CASE WHEN $5 THEN coalesce(disabled_at, $7) END
         WHERE tenant_id = $1 AND id = $2",
        tenant.uuid(),
        id.uuid(),
        after.name,
        after.role.as_str(),
        after.disabled,
        i32::from(ends),
        tx.now() as _
    )
    .execute(&mut *tx)
    .await?;
    if after.disabled && !before.disabled {
        refresh::end_all(&mut tx, id, None, "disabled").await?;
    }
    let line = Line::new("staff.changed").target("staff", id.uuid());
    let detail = json!({ "role": [before.role, after.role], "disabled": [before.disabled, after.disabled] });
    audit::record(&mut tx, Some(by), line.detail(detail)).await?;
    tx.emit(NewEvent::new("staff.updated", &json!({ "staff": after }))?);
    tx.commit().await?;
    if ends {
        revocation::announce(hub, Revoked::staff(tenant, id)).await;
    }
    Ok(after)
}

/// Sets the asker's own password. Their other sign-ins end; this one goes on by its refresh token.
pub async fn change_password(hub: &Hub, by: &Principal, change: PasswordChange) -> Result<()> {
    let Actor::Staff { id, family, .. } = by.actor() else {
        return Err(Error::Forbidden);
    };
    auth::charge_code(hub, *id).await?;
    let mut tx = hub.db.tenant(by.tenant()).await?;
    let row = sqlx::query!(
        "SELECT email, password_hash FROM staff WHERE tenant_id = $1 AND id = $2",
        by.tenant().uuid(),
        id.uuid()
    )
    .fetch_one(&mut *tx)
    .await?;
    tx.commit().await?;
    // Hashing takes its time; no connection waits for it.
    if row.password_hash.is_some() {
        let current = change.current.unwrap_or_default();
        let verdict = hub.auth.hashing.check(row.password_hash, &current).await?;
        if !verdict.matches {
            return Err(Error::field("current", "is not your password"));
        }
    }
    password::check_strength("new", &change.new, &row.email)?;
    let hash = hub.auth.hashing.hash(&change.new).await?;
    let mut tx = hub.db.tenant(by.tenant()).await?;
    sqlx::query!(
        "UPDATE staff SET password_hash = $3, session_version = session_version + 1 WHERE tenant_id = $1 AND id = $2",
        by.tenant().uuid(),
        id.uuid(),
        hash
    )
    .execute(&mut *tx)
    .await?;
    refresh::end_all(&mut tx, *id, Some(*family), "password").await?;
    audit::record(
        &mut tx,
        Some(by),
        Line::new("auth.password_changed").target("staff", id.uuid()),
    )
    .await?;
    tx.commit().await?;
    auth::give_code_back(hub, *id).await;
    revocation::announce(hub, Revoked::staff(by.tenant(), *id)).await;
    Ok(())
}

/// The staff member with this address; for operators at the command line.
pub async fn by_email(hub: &Hub, tenant: TenantId, email: &str) -> Result<Option<Staff>> {
    let mut tx = hub.db.tenant(tenant).await?;
    let found = sqlx::query_as!(
        Staff,
        "SELECT id, name, email, role, disabled_at IS NOT NULL AS \"disabled!\", created_at FROM staff
         WHERE tenant_id = $1 AND email = $2",
        tenant.uuid(),
        normal_email(email)
    )
    .fetch_optional(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(found)
}

async fn get(tx: &mut Tx, id: StaffId) -> Result<Staff> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Staff,
        "SELECT id, name, email, role, disabled_at IS NOT NULL AS \"disabled!\", created_at FROM staff
         WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
        tenant.uuid(),
        id.uuid()
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or(Error::NotFound("staff member"))
}

/// Two owners who demote each other at once must not both succeed.
async fn lock_owners(tx: &mut Tx) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query!(
        "SELECT id FROM staff WHERE tenant_id = $1 AND role = 'owner' ORDER BY id FOR UPDATE",
        tenant.uuid()
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(())
}

async fn owners(tx: &mut Tx) -> Result<i64> {
    let tenant = tx.tenant();
    let count = sqlx::query_scalar!(
        "SELECT count(*) AS \"count!\" FROM staff WHERE tenant_id = $1 AND role = 'owner' AND disabled_at IS NULL",
        tenant.uuid()
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(count)
}
