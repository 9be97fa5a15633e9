//! Web forms of any site: what a form asks, taking what somebody filled in, and the script that shows it. No cookies, no
//! sign-in; a form's key is public, so everything is limited.

mod page;
mod read;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hub::Hub;
use hub::error::{Error, Result};
use hub::form::{self, Field, Filled, Settings};
use hub::ids::random_hex;
use hub::inbox::{self, Addressed, Channel};
use hub::problem::Problem;
use hub::submission::{Body, NewSubmission};
use serde::Serialize;
use std::sync::Arc;

use crate::extract::ClientIp;
use read::Answers;

/// A filled-in form at most.
const BODY_MAX: usize = 64 * 1024;
/// Hidden from people; what fills it in is no person.
const TRAP: &str = "_website";
/// The browser's own key of what it sends: a second click is the same submission.
const KEY: &str = "_key";
/// How long a browser keeps the script, and what it knows of our permissions.
const KEPT: &str = "public, max-age=3600";

/// The forms' routes.
pub(crate) fn routes() -> Router<Hub> {
    Router::new()
        .route("/forms/{key}", get(describe).post(submit).options(preflight))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .route("/widget.js", get(widget))
}

/// A form as the script draws it.
#[derive(Serialize)]
struct Description {
    title: String,
    fields: Vec<Field>,
    thank_you: String,
}

async fn describe(State(hub): State<Hub>, Path(key): Path<String>, headers: HeaderMap) -> Response {
    let described = async {
        let (_, settings) = find(&hub, &key, &headers).await?;
        let description = Description {
            title: settings.title,
            fields: settings.fields,
            thank_you: settings.thank_you,
        };
        Ok((
            [(header::CACHE_CONTROL, "public, max-age=60")],
            axum::Json(description),
        ))
    };
    with_permission(&headers, described.await)
}

async fn submit(
    State(hub): State<Hub>,
    Path(key): Path<String>,
    ClientIp(ip): ClientIp,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let wants_page = page::wanted(&headers);
    let taken = async {
        let (addressed, settings) = find(&hub, &key, &headers).await?;
        form::admit(&hub, &key, ip).await?;
        let answers = Answers::read(&headers, &body)?;
        // Whatever fills in what people cannot see is thanked like everybody and not heard.
        if answers.get(TRAP).is_none_or(str::is_empty) {
            take(&hub, &addressed, &settings, &answers).await?;
        } else {
            metrics::counter!("switchboard_forms_trapped_total").increment(1);
        }
        Ok(settings)
    };
    match taken.await {
        Ok(settings) if wants_page => page::thanks(&settings),
        Ok(settings) => {
            let thanks = serde_json::json!({ "ok": true, "message": settings.thank_you });
            with_permission(&headers, Ok(axum::Json(thanks)))
        }
        Err(fault) if wants_page => page::fault(fault),
        Err(fault) => with_permission(&headers, Err::<(), _>(fault)),
    }
}

async fn take(hub: &Hub, addressed: &Addressed, settings: &Settings, answers: &Answers) -> Result<()> {
    let filled = Filled::read(settings, &addressed.country, |name| {
        answers.get(name).map(str::to_owned)
    })?;
    let own = answers.get(KEY).filter(|key| (1..=100).contains(&key.len()));
    let submission = NewSubmission {
        tenant: addressed.tenant,
        inbox: addressed.inbox.id,
        dedup_key: own.map_or_else(|| random_hex(16), str::to_owned),
        body: Body::Form(filled),
    };
    hub.intake.commit(hub, submission).await
}

/// The form, if there is one and this site's scripts may use it.
async fn find(hub: &Hub, key: &str, headers: &HeaderMap) -> Result<(Arc<Addressed>, Settings)> {
    let well_formed = key.len() == 26 && key.starts_with("f_");
    let found = if well_formed {
        inbox::by_address(hub, Channel::Form, key).await?
    } else {
        None
    };
    let addressed = found
        .filter(|found| !found.suspended)
        .ok_or(Error::NotFound("form"))?;
    let settings = Settings::read(&addressed.inbox.settings)?;
    let foreign = origin(headers).is_some_and(|origin| {
        !settings.allows(origin) && origin != hub.config.public_url.origin().ascii_serialization()
    });
    if foreign {
        return Err(Error::Forbidden);
    }
    Ok((addressed, settings))
}

/// Before it sends JSON, a browser asks whether it may. Which sites may is checked when it does.
async fn preflight(headers: HeaderMap) -> Response {
    let allowed = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type, accept"),
        (header::ACCESS_CONTROL_MAX_AGE, "3600"),
    ];
    with_permission(&headers, Ok((StatusCode::NO_CONTENT, allowed)))
}

/// Lets the page's script read the answer, a refusal too: it shows what is wrong. No credentials are ever allowed.
fn with_permission(headers: &HeaderMap, answer: Result<impl IntoResponse>) -> Response {
    let mut answer = match answer {
        Ok(answer) => answer.into_response(),
        Err(fault) => fault.into_response(),
    };
    // The edge makes a problem's answer anew, without the headers below: a page's script could not read it.
    answer.extensions_mut().remove::<Problem>();
    let asking = origin(headers).and_then(|origin| HeaderValue::from_str(origin).ok());
    let to = answer.headers_mut();
    to.append(header::VARY, HeaderValue::from_static("origin"));
    if let Some(asking) = asking {
        to.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, asking);
        to.insert(
            HeaderName::from_static("cross-origin-resource-policy"),
            HeaderValue::from_static("cross-origin"),
        );
    }
    answer
}

fn origin(headers: &HeaderMap) -> Option<&str> {
    headers
        .get(header::ORIGIN)
        .map(|origin| origin.to_str().unwrap_or("?"))
}

async fn widget() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (header::CACHE_CONTROL, KEPT),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "cross-origin",
        ),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ];
    (headers, include_str!("forms/widget.js")).into_response()
}
