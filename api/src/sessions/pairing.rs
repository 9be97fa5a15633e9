//! Linking an account, watched: a stream of Server-Sent Events to the one staff member who asked. Its codes are
//! credentials: they are not logged, not kept for `Idempotency-Key`, and no cache may hold them.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use hub::audit::{self, Line};
use hub::error::{Error, Result};
use hub::ids::SessionId;
use hub::principal::Principal;
use hub::role::Role;
use hub::session::pairing::{self, News, Watch};
use hub::{Hub, auth};
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Interval, MissedTickBehavior};
use utoipa::ToSchema;

use crate::extract::{Json, Path};

/// How often the watcher hears that we are there, and we look whether they may still watch and what the row says.
const BEAT: Duration = Duration::from_secs(2);

/// How an account is to be linked.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PairingMode)]
enum Mode {
    /// By a QR that its phone scans.
    Qr,
    /// By eight characters that are typed on its phone.
    Code,
}

/// A wish to link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewPairing)]
pub(super) struct NewPairing {
    /// By QR or by code.
    mode: Mode,
    /// For `code`: the account's number, with its country code.
    phone: Option<String>,
}

impl NewPairing {
    fn phone(&self) -> Result<Option<&str>> {
        match (self.mode, self.phone.as_deref()) {
            (Mode::Qr, None) => Ok(None),
            (Mode::Qr, Some(_)) => Err(Error::field(
                "phone",
                "leave it out for a QR; the phone says who it is",
            )),
            (Mode::Code, Some(phone)) => Ok(Some(phone)),
            (Mode::Code, None) => Err(Error::field("phone", "a code is made for a number; which one?")),
        }
    }
}

/// Begins to link an account and streams what happens, as Server-Sent Events named `qr`, `code`, `linked` and `failed`;
/// comments between them say that the server is there. The last two end it, and so does, for a QR, whoever hangs up. A code
/// stays good until its time is over, for a phone that shows this page has to leave it to type. A second one for the same
/// session ends the first.
#[utoipa::path(post, path = "/whatsapp-sessions/{id}/pairing", tag = "whatsapp sessions",
    operation_id = "pair_whatsapp_session", params(("id" = SessionId, Path)), request_body = NewPairing,
    responses((status = 200, content_type = "text/event-stream", body = News)))]
pub(super) async fn pair(
    principal: Principal,
    State(hub): State<Hub>,
    Path(id): Path<SessionId>,
    Json(wish): Json<NewPairing>,
) -> Result<Response> {
    let phone = wish.phone()?;
    let mut tx = hub.db.tenant(principal.tenant()).await?;
    let by = if phone.is_some() { "code" } else { "qr" };
    let line = Line::new("session.linking").target("session", id.uuid());
    audit::record(&mut tx, Some(&principal), line.detail(json!({ "by": by }))).await?;
    let (watch, _) = pairing::begin(&hub, tx, id, phone).await?;
    let watcher = Watcher::new(hub, principal, watch, phone.is_none());
    let events = stream::unfold(watcher, async |mut watcher| {
        let event = watcher.next().await?;
        Some((Ok::<_, Infallible>(event), watcher))
    });
    let mut answer = Sse::new(events).into_response();
    let headers = answer.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    Ok(answer)
}

/// One staff member, waiting. Dropped when they hang up.
struct Watcher {
    hub: Hub,
    principal: Principal,
    watch: Watch,
    beat: Interval,
    saw_code: bool,
    is_over: bool,
    /// Whether the pairing is given up when this ends.
    gives_up: bool,
}

impl Watcher {
    fn new(hub: Hub, principal: Principal, watch: Watch, gives_up: bool) -> Self {
        let mut beat = tokio::time::interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            hub,
            principal,
            watch,
            beat,
            saw_code: false,
            is_over: false,
            gives_up,
        }
    }

    async fn next(&mut self) -> Option<Event> {
        if self.is_over {
            return None;
        }
        tokio::select! {
            news = self.watch.next() => Some(self.tell(&news)),
            _ = self.beat.tick() => Some(self.look().await),
            // Without an outcome: the browser begins anew, with another process.
            () = self.hub.tasks.stopping() => None,
        }
    }

    /// What the row says, for the channel may lose words; whether they may still watch; whether it has been too long.
    async fn look(&mut self) -> Event {
        if !self.may_watch().await {
            self.gives_up = true;
            return self.end("signed_out");
        }
        match self.watch.ticket.outcome(&self.hub).await {
            Ok(Some(news)) => self.tell(&news),
            Ok(None) if self.hub.clock.now() >= self.watch.until => {
                self.gives_up = true;
                let reason = if self.saw_code { "codes_spent" } else { "no_worker" };
                self.end(reason)
            }
            // Who cannot look goes on: the codes come another way.
            Ok(None) | Err(_) => Event::default().comment("here"),
        }
    }

    async fn may_watch(&self) -> bool {
        match auth::recheck(&self.hub, &self.principal).await {
            Ok(current) => current.require(Role::Admin).is_ok(),
            Err(Error::Unauthorized { .. } | Error::Forbidden) => false,
            Err(_) => true,
        }
    }

    /// An outcome that others decided: nothing is left to give up.
    fn tell(&mut self, news: &News) -> Event {
        match news {
            News::Qr { .. } | News::Code { .. } => self.saw_code = true,
            News::Linked { .. } | News::Failed { .. } => {
                self.is_over = true;
                self.gives_up = false;
            }
        }
        event(news)
    }

    fn end(&mut self, reason: &str) -> Event {
        self.is_over = true;
        event(&News::failed(reason))
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        if !self.gives_up {
            return;
        }
        let (hub, ticket) = (self.hub.clone(), self.watch.ticket.clone());
        self.hub.tasks.spawn("api.pairing.give_up", async move {
            // Not done, it is over by itself when its time is.
            if let Err(fault) = ticket.give_up(&hub).await {
                tracing::warn!(error = %fault, "Could not give a pairing up");
            }
        });
    }
}

fn event(news: &News) -> Event {
    // Strings and numbers: there is nothing in it that JSON does not know.
    let data = serde_json::to_string(news).unwrap_or_default();
    Event::default().event(news.name()).data(data)
}
