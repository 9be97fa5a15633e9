//! The second factor: codes of an authenticator (RFC 6238), each good once, and recovery codes, each good once.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use totp_rs::{Builder, Secret, Totp};

use super::throttle::{self, CODE};
use crate::Hub;
use crate::audit::{self, Line};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::{RowId, StaffId, TenantId, random_bytes};
use crate::principal::Principal;
use crate::seal::Place;

/// Recovery codes of one person.
const RECOVERY_CODES: usize = 10;
/// Bytes of a new secret, as RFC 4226 asks.
const SECRET_LEN: usize = 20;

/// What an authenticator is told.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct TotpSecret {
    /// To be typed, in base 32.
    pub secret: String,
    /// To be scanned.
    pub otpauth_url: String,
}

/// A code of the authenticator, or a recovery code.
#[derive(Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Code {
    /// As it was read.
    #[schema(max_length = 32)]
    pub code: String,
}

/// Shown once.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct RecoveryCodes {
    /// Each signs in once in place of the authenticator.
    pub recovery_codes: Vec<String>,
}

const REFUSED: Error = Error::Unauthorized {
    code: "bad_totp",
    detail: "this code is wrong, too old, or was used before",
};

/// What is stored of somebody's second factor.
struct Stored {
    email: String,
    totp_sealed: Option<Vec<u8>>,
    confirmed: bool,
    totp_last_step: i64,
}

/// Begins with an authenticator; nothing is asked for until [`confirm`].
///
/// # Errors
/// `Conflict` when one is in use.
pub async fn begin(hub: &Hub, principal: &Principal) -> Result<TotpSecret> {
    let staff = principal.staff_id().ok_or(Error::Forbidden)?;
    let mut tx = hub.db.tenant(principal.tenant()).await?;
    let stored = read(&mut tx, staff).await?;
    if stored.confirmed {
        let detail = "a second factor is on; turn it off first";
        return Err(Error::conflict("totp_enabled", detail));
    }
    let secret = random_bytes(SECRET_LEN);
    let sealed = hub.sealer.seal(place(principal.tenant(), staff), &secret)?;
    sqlx::query!(
        "UPDATE staff SET totp_sealed = $3, totp_last_step = 0 WHERE tenant_id = $1 AND id = $2",
        principal.tenant().uuid(),
        staff.uuid(),
        sealed
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    let totp = authenticator(&secret, &stored.email)?;
    Ok(TotpSecret {
        secret: totp.secret().to_base32(),
        otpauth_url: totp
            .to_url()
            .map_err(|fault| anyhow::anyhow!("write an otpauth URL: {fault}"))?,
    })
}

/// Turns the second factor on: the authenticator works. Answers the recovery codes.
pub async fn confirm(hub: &Hub, principal: &Principal, code: &str) -> Result<RecoveryCodes> {
    let (tenant, staff) = (principal.tenant(), principal.staff_id().ok_or(Error::Forbidden)?);
    throttle::charge(hub, CODE, &staff.to_string()).await?;
    let mut tx = hub.db.tenant(tenant).await?;
    let stored = read(&mut tx, staff).await?;
    if stored.confirmed {
        return Err(Error::conflict("totp_enabled", "a second factor is on already"));
    }
    accept(hub, &mut tx, staff, &stored, code).await?;
    sqlx::query!(
        "UPDATE staff SET totp_confirmed_at = $3 WHERE tenant_id = $1 AND id = $2",
        tenant.uuid(),
        staff.uuid(),
        tx.now() as _
    )
    .execute(&mut *tx)
    .await?;
    let recovery_codes = make_recovery_codes(hub, &mut tx, staff).await?;
    audit::record(
        &mut tx,
        Some(principal),
        Line::new("auth.totp_enabled").target("staff", staff.uuid()),
    )
    .await?;
    tx.commit().await?;
    throttle::give_back(hub, CODE, &staff.to_string()).await;
    Ok(RecoveryCodes { recovery_codes })
}

/// Turns the second factor off, for one who still has it.
pub async fn disable(hub: &Hub, principal: &Principal, code: &str) -> Result<()> {
    let (tenant, staff) = (principal.tenant(), principal.staff_id().ok_or(Error::Forbidden)?);
    let mut tx = hub.db.tenant(tenant).await?;
    demand(hub, &mut tx, staff, Some(code)).await?;
    sqlx::query!(
        "UPDATE staff SET totp_sealed = NULL, totp_confirmed_at = NULL WHERE tenant_id = $1 AND id = $2",
        tenant.uuid(),
        staff.uuid()
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "DELETE FROM recovery_codes WHERE tenant_id = $1 AND staff_id = $2",
        tenant.uuid(),
        staff.uuid()
    )
    .execute(&mut *tx)
    .await?;
    audit::record(
        &mut tx,
        Some(principal),
        Line::new("auth.totp_disabled").target("staff", staff.uuid()),
    )
    .await?;
    tx.commit().await
}

/// Lets a sign-in through that needs no second factor, or has it. Its use is written by the caller's commit.
///
/// # Errors
/// `Unauthorized` (`totp_required`, `bad_totp`), `TooMany`.
pub(super) async fn demand(hub: &Hub, tx: &mut Tx, staff: StaffId, code: Option<&str>) -> Result<()> {
    let stored = read(tx, staff).await?;
    if !stored.confirmed {
        return Ok(());
    }
    let code = code
        .filter(|code| !code.trim().is_empty())
        .ok_or(Error::Unauthorized {
            code: "totp_required",
            detail: "enter the code of your authenticator",
        })?;
    throttle::charge(hub, CODE, &staff.to_string()).await?;
    accept(hub, tx, staff, &stored, code).await?;
    throttle::give_back(hub, CODE, &staff.to_string()).await;
    Ok(())
}

async fn read(tx: &mut Tx, staff: StaffId) -> Result<Stored> {
    let tenant = tx.tenant();
    // Locked, so that one code sent twice at once is accepted once.
    sqlx::query_as!(
        Stored,
        "SELECT email, totp_sealed, totp_confirmed_at IS NOT NULL AS \"confirmed!\", totp_last_step
         FROM staff WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
        tenant.uuid(),
        staff.uuid()
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or(Error::NotFound("staff member"))
}

async fn accept(hub: &Hub, tx: &mut Tx, staff: StaffId, stored: &Stored, code: &str) -> Result<()> {
    let plain: String = code
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(33)
        .collect();
    let tenant = tx.tenant();
    if plain.len() != 6 {
        return accept_recovery(hub, tx, staff, &plain).await;
    }
    let sealed = stored.totp_sealed.as_deref().ok_or(REFUSED)?;
    let secret = hub.sealer.open(place(tenant, staff), sealed)?;
    let now = u64::try_from(tx.now().as_second()).map_err(anyhow::Error::from)?;
    let step = authenticator(&secret, &stored.email)?
        .check(&plain, now)
        .ok_or(REFUSED)?;
    let step = i64::try_from(step).map_err(anyhow::Error::from)?;
    // A code, and any older one, is good once.
    if step <= stored.totp_last_step {
        return Err(REFUSED);
    }
    sqlx::query!(
        "UPDATE staff SET totp_last_step = $3 WHERE tenant_id = $1 AND id = $2",
        tenant.uuid(),
        staff.uuid(),
        step
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn accept_recovery(hub: &Hub, tx: &mut Tx, staff: StaffId, code: &str) -> Result<()> {
    let tenant = tx.tenant();
    let used = sqlx::query!(
        "UPDATE recovery_codes SET used_at = $4
         WHERE tenant_id = $1 AND staff_id = $2 AND code_hash = $3 AND used_at IS NULL",
        tenant.uuid(),
        staff.uuid(),
        hash(hub, staff, code),
        tx.now() as _
    )
    .execute(&mut **tx)
    .await?;
    if used.rows_affected() == 0 {
        return Err(REFUSED);
    }
    audit::record_staff(
        tx,
        staff,
        Line::new("auth.recovery_code_used").target("staff", staff.uuid()),
    )
    .await
}

async fn make_recovery_codes(hub: &Hub, tx: &mut Tx, staff: StaffId) -> Result<Vec<String>> {
    let (tenant, now) = (tx.tenant(), tx.now());
    let mut codes = Vec::with_capacity(RECOVERY_CODES);
    for _ in 0..RECOVERY_CODES {
        // 80 bits in base 32: sixteen letters and digits.
        let code = Secret::from(random_bytes(10)).to_base32().to_lowercase();
        sqlx::query!(
            "INSERT INTO recovery_codes (tenant_id, id, staff_id, code_hash) VALUES ($1, $2, $3, $4)",
            tenant.uuid(),
            RowId::at(now).uuid(),
            staff.uuid(),
            hash(hub, staff, &code)
        )
        .execute(&mut **tx)
        .await?;
        let (left, right) = code.split_at(code.len() / 2);
        codes.push(format!("{left}-{right}"));
    }
    Ok(codes)
}

fn hash(hub: &Hub, staff: StaffId, code: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&hub.sealer.derived("recovery-code"))
        .expect("HMAC takes keys of any length");
    mac.update(staff.uuid().as_bytes());
    mac.update(code.to_ascii_lowercase().as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn authenticator(secret: &[u8], email: &str) -> Result<Totp> {
    Builder::new()
        .with_secret(Secret::from(secret.to_vec()))
        .with_skew(1)
        .with_account_name(email)
        .with_issuer(Some("Switchboard"))
        .build()
        .map_err(|fault| anyhow::anyhow!("set up an authenticator: {fault}").into())
}

fn place(tenant: TenantId, staff: StaffId) -> Place<'static> {
    Place {
        tenant,
        table: "staff",
        column: "totp_sealed",
        row: staff.uuid(),
    }
}
