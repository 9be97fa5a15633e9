//! People of a test's world: staff of any role, signed in without a password.

use serde_json::json;

use super::World;
use crate::auth::access::Claims;
use crate::auth::{self, Revoked};
use crate::ids::{FamilyId, StaffId, TenantId};
use crate::principal::Principal;
use crate::role::Role;

/// Somebody signed in.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// What deeds of the hub take.
    pub principal: Principal,
    /// What requests carry: `Authorization: Bearer …`.
    pub token: String,
    /// Their row.
    pub id: StaffId,
}

impl World {
    /// A staff member of this name and role, signed in. The e-mail is `{name}@example.com`.
    pub async fn staff(&self, tenant: TenantId, name: &str, role: Role) -> SignedIn {
        let now = self.hub.clock.now();
        let (id, family) = (StaffId::at(now), FamilyId::at(now));
        let mut tx = self.hub.db.tenant(tenant).await.expect("open a transaction");
        sqlx::query(
            "INSERT INTO staff (tenant_id, id, email, name, role, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(tenant)
        .bind(id)
        .bind(format!("{name}@example.com"))
        .bind(name)
        .bind(role.as_str())
        .bind(now)
        .execute(&mut *tx)
        .await
        .expect("make a staff member");
        sqlx::query(
            "INSERT INTO refresh_families (tenant_id, id, staff_id, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(tenant)
        .bind(family)
        .bind(id)
        .bind(now)
        .bind(now.after(std::time::Duration::from_hours(24)))
        .execute(&mut *tx)
        .await
        .expect("sign them in");
        tx.commit().await.expect("commit");
        let claims = Claims {
            tenant,
            staff: id,
            family,
            session: 1,
        };
        let token = self.hub.auth.access.make(claims, now).expect("make a token");
        let principal = auth::authenticate(&self.hub, &token)
            .await
            .expect("the token is good");
        SignedIn { principal, token, id }
    }

    /// Takes a staff member's sign-ins away, as an admin who disables them does.
    pub async fn disable(&self, who: &SignedIn) {
        let tenant = who.principal.tenant();
        let mut tx = self.hub.db.tenant(tenant).await.expect("open a transaction");
        let changed = sqlx::query(
            "UPDATE staff SET disabled_at = $3, session_version = session_version + 1 WHERE tenant_id = $1 AND id = $2",
        )
        .bind(tenant)
        .bind(who.id)
        .bind(tx.now())
        .execute(&mut *tx)
        .await
        .expect("disable");
        assert_eq!(changed.rows_affected(), 1, "{}", json!(who.id));
        tx.commit().await.expect("commit");
        auth::revocation::announce(&self.hub, Revoked::staff(tenant, who.id)).await;
    }
}
