//! Operations of sign-in: they prove their caller by a password, a link or the refresh cookie.

mod cookies;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use hub::Hub;
use hub::auth::link::LinkLogin;
use hub::auth::login::Login;
use hub::auth::{self, Came, Opened, Session, link, login};
use hub::error::{Error, Result};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::{ClientIp, Json};
use crate::origin;

/// This noun's operations.
pub(crate) fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new()
        .routes(routes!(log_in))
        .routes(routes!(follow_link))
        .routes(routes!(refresh))
        .routes(routes!(log_out))
}

/// Signs in with e-mail address and password. Sets the refresh cookie.
#[utoipa::path(post, path = "/auth/login", tag = "auth", operation_id = "log_in", request_body = Login,
    responses((status = 200, body = Session)))]
async fn log_in(
    State(hub): State<Hub>,
    address: ClientIp,
    headers: HeaderMap,
    Json(typed): Json<Login>,
) -> Result<Response> {
    origin::same_site(&hub, &headers)?;
    let came = came(&hub, address, &headers);
    let opened = login::by_password(&hub, &came, typed).await?;
    Ok(answer(&hub, opened))
}

/// Signs in with a one-time link. Sets the refresh cookie.
#[utoipa::path(post, path = "/auth/link", tag = "auth", operation_id = "follow_link", request_body = LinkLogin,
    responses((status = 200, body = Session)))]
async fn follow_link(
    State(hub): State<Hub>,
    address: ClientIp,
    headers: HeaderMap,
    Json(sent): Json<LinkLogin>,
) -> Result<Response> {
    origin::same_site(&hub, &headers)?;
    let came = came(&hub, address, &headers);
    let opened = link::by_link(&hub, &came, sent).await?;
    Ok(answer(&hub, opened))
}

/// Another access token for the refresh cookie, which is replaced.
#[utoipa::path(post, path = "/auth/refresh", tag = "auth", operation_id = "refresh",
    params(("X-Switchboard" = String, Header, description = "`1`: a page of ours asks.")),
    responses((status = 200, body = Session)))]
async fn refresh(State(hub): State<Hub>, address: ClientIp, headers: HeaderMap) -> Result<Response> {
    cookie_request(&hub, &headers)?;
    let token = cookies::refresh_token(&hub, &headers).ok_or(Error::Unauthorized {
        code: "no_session",
        detail: "sign in first",
    })?;
    let came = came(&hub, address, &headers);
    match auth::refresh(&hub, &came, &token).await {
        Ok(opened) => Ok(answer(&hub, opened)),
        Err(refused @ Error::Unauthorized { .. }) => Ok(cookies::forget(&hub, refused.into_response())),
        Err(fault) => Err(fault),
    }
}

/// Ends this sign-in everywhere; the cookie goes.
#[utoipa::path(post, path = "/auth/logout", tag = "auth", operation_id = "log_out",
    params(("X-Switchboard" = String, Header, description = "`1`: a page of ours asks.")),
    responses((status = 204)))]
async fn log_out(State(hub): State<Hub>, headers: HeaderMap) -> Result<Response> {
    cookie_request(&hub, &headers)?;
    if let Some(token) = cookies::refresh_token(&hub, &headers) {
        auth::sign_out(&hub, &token).await?;
    }
    Ok(cookies::forget(&hub, StatusCode::NO_CONTENT.into_response()))
}

/// What a cookie proves must come from a page of ours: no other site's script may set this header without asking us.
fn cookie_request(hub: &Hub, headers: &HeaderMap) -> Result<()> {
    origin::same_site(hub, headers)?;
    if headers.contains_key("x-switchboard") {
        Ok(())
    } else {
        Err(Error::Forbidden)
    }
}

fn came(hub: &Hub, ClientIp(address): ClientIp, headers: &HeaderMap) -> Came {
    Came {
        address,
        user_agent: headers
            .get("user-agent")
            .map(|agent| String::from_utf8_lossy(agent.as_bytes()).into_owned()),
        device: cookies::device(hub, headers),
        host_slug: origin::host_slug(hub, headers),
    }
}

fn answer(hub: &Hub, opened: Opened) -> Response {
    let answer = Json(opened.session).into_response();
    let answer = cookies::set_refresh(hub, answer, opened.refresh_token, opened.refresh_life);
    match opened.device {
        Some(mark) => cookies::set_device(hub, answer, mark),
        None => answer,
    }
}
