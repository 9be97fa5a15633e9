//! Operations on connections: a tenant's accounts at providers.

use axum::extract::State;
use axum::http::StatusCode;
use connectors::twilio::{Account, SharedKey};
use hub::Hub;
use hub::audit::{self, Line};
use hub::connection::{self, Connection};
use hub::cursor::Page;
use hub::error::{Error, Result};
use hub::principal::Principal;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::Json;

/// This noun's operations.
pub(crate) fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new().routes(routes!(list, save))
}

/// An account to connect. Secrets are sealed and never shown again.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewConnection {
    /// `twilio`.
    provider: String,
    /// Twilio's `AC…`.
    account: String,
    /// The account's primary auth token.
    auth_token: String,
    /// The other one, while they are rotated.
    secondary_auth_token: Option<String>,
    /// `SK…`: an API key for our requests.
    api_key_sid: Option<String>,
    /// Its secret.
    api_key_secret: Option<String>,
    /// Keys that sign webhooks instead of the auth token.
    #[serde(default)]
    shared_keys: Vec<NewSharedKey>,
}

/// A key shared for signing webhooks.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewSharedKey {
    /// As Twilio names it.
    id: String,
    /// The secret.
    secret: String,
}

impl NewConnection {
    fn into_account(self) -> Result<Account> {
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if self.provider != "twilio" {
            return Err(Error::field("provider", "must be twilio"));
        }
        if !self.account.starts_with("AC") || self.account.len() != 34 || !plain(&self.account) {
            return Err(Error::field(
                "account",
                "must be Twilio's account SID: AC and 32 letters and digits",
            ));
        }
        if self.auth_token.len() < 16 {
            return Err(Error::field("auth_token", "must be the account's auth token"));
        }
        if self.api_key_sid.is_some() != self.api_key_secret.is_some() {
            return Err(Error::field(
                "api_key_secret",
                "an API key has both a SID and a secret",
            ));
        }
        if self
            .shared_keys
            .iter()
            .any(|key| key.id.is_empty() || key.secret.len() < 16)
        {
            return Err(Error::field("shared_keys", "each needs its id and its secret"));
        }
        let key = |key: NewSharedKey| SharedKey {
            id: key.id,
            secret: key.secret.into(),
        };
        Ok(Account {
            sid: self.account,
            auth_token: self.auth_token.into(),
            secondary_auth_token: self
                .secondary_auth_token
                .filter(|token| !token.is_empty())
                .map(Into::into),
            api_key_sid: self.api_key_sid,
            api_key_secret: self.api_key_secret.map(Into::into),
            shared_keys: self.shared_keys.into_iter().map(key).collect(),
        })
    }
}

/// All, oldest first, without their secrets.
#[utoipa::path(get, path = "/connections", tag = "connections", operation_id = "list_connections",
    responses((status = 200, body = Page<Connection>)))]
async fn list(principal: Principal, State(hub): State<Hub>) -> Result<Json<Page<Connection>>> {
    let mut tx = hub.db.tenant(principal.tenant()).await?;
    let items = connection::list(&mut tx).await?;
    tx.commit().await?;
    Ok(Json(Page {
        items,
        next_cursor: None,
    }))
}

/// Connects an account; the same account again has its credentials replaced.
#[utoipa::path(post, path = "/connections", tag = "connections", operation_id = "save_connection",
    request_body = NewConnection, responses((status = 201, body = Connection)))]
async fn save(
    principal: Principal,
    State(hub): State<Hub>,
    Json(new): Json<NewConnection>,
) -> Result<(StatusCode, Json<Connection>)> {
    let account = new.into_account()?;
    let new = connection::NewConnection {
        provider: "twilio",
        account: &account.sid,
        credentials: account.to_plain_json().map_err(anyhow::Error::from)?,
    };
    let mut tx = hub.db.tenant(principal.tenant()).await?;
    let saved = connection::save(&mut tx, &hub.sealer, new).await?;
    let line = Line::new("connection.saved").target("connection", saved.id.uuid());
    audit::record(&mut tx, Some(&principal), line).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(saved)))
}
