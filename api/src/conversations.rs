//! Operations on conversations.

use axum::extract::State;
use axum::http::StatusCode;
use hub::Hub;
use hub::conversation::{self, Assignee, ConversationChange, Counts, Filter, ForStaff, Status};
use hub::cursor::{self, Page};
use hub::error::{Error, Result};
use hub::ids::ConversationId;
use hub::inbox::Channel;
use hub::message::{self, FirstWord, Message};
use hub::principal::Principal;
use hub::session::attention::{self, Doing};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::{Json, Path, Query};
use crate::versioned::{IfMatch, Versioned};

/// This noun's operations.
pub(crate) fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new()
        .routes(routes!(list, begin))
        .routes(routes!(counts))
        .routes(routes!(get, update))
        .routes(routes!(seen))
        .routes(routes!(attend))
}

/// Which conversations, and which page of them.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Open ones when absent.
    #[serde(default)]
    #[param(inline)]
    status: Status,
    /// `me`, `none`, or a staff member's id; everybody's when absent.
    assignee: Option<String>,
    /// Over what.
    #[param(inline)]
    channel: Option<Channel>,
    /// Items of a page, 1 to 200.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

impl ListQuery {
    fn filter(&self, principal: &Principal) -> Result<Filter> {
        let wrong = || Error::Malformed {
            code: "bad_query",
            detail: "assignee must be me, none, or a staff member's id".to_owned(),
        };
        let assignee = match self.assignee.as_deref() {
            None => Assignee::Anybody,
            Some("none") => Assignee::Nobody,
            Some("me") => principal.staff_id().map(Assignee::Staff).ok_or_else(wrong)?,
            Some(id) => id.parse().map(Assignee::Staff).map_err(|_no_id| wrong())?,
        };
        Ok(Filter {
            status: self.status,
            assignee,
            channel: self.channel,
        })
    }
}

/// Latest word first.
#[utoipa::path(get, path = "/conversations", tag = "conversations", operation_id = "list_conversations",
    params(ListQuery), responses((status = 200, body = Page<ForStaff>)))]
async fn list(
    principal: Principal,
    State(hub): State<Hub>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<ForStaff>>> {
    let filter = query.filter(&principal)?;
    let limit = cursor::limit(query.limit);
    let page = conversation::list(&hub, &principal, filter, limit, query.cursor.as_deref()).await?;
    Ok(Json(page))
}

/// Writes to somebody by their phone number, who need never have written: in the conversation with them, or in a new one.
/// The same draft again is the same message, with 200.
#[utoipa::path(post, path = "/conversations", tag = "conversations", operation_id = "begin_conversation",
    request_body = FirstWord, responses((status = 201, body = Message), (status = 200, body = Message)))]
async fn begin(
    principal: Principal,
    State(hub): State<Hub>,
    Json(word): Json<FirstWord>,
) -> Result<(StatusCode, Json<Message>)> {
    let (message, is_new) = message::begin(&hub, &principal, &word).await?;
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(message)))
}

/// How many there are of each sort.
#[utoipa::path(get, path = "/conversations/counts", tag = "conversations", operation_id = "count_conversations",
    responses((status = 200, body = Counts)))]
async fn counts(principal: Principal, State(hub): State<Hub>) -> Result<Json<Counts>> {
    conversation::counts(&hub, &principal).await.map(Json)
}

/// One of them.
#[utoipa::path(get, path = "/conversations/{id}", tag = "conversations", operation_id = "get_conversation",
    params(("id" = ConversationId, Path)), responses((status = 200, body = ForStaff)))]
async fn get(
    principal: Principal,
    State(hub): State<Hub>,
    Path(id): Path<ConversationId>,
) -> Result<Versioned<ForStaff>> {
    let found = conversation::for_staff(&hub, &principal, id).await?;
    Ok(Versioned(found.conversation.version, found))
}

/// Opens, closes or assigns one.
#[utoipa::path(patch, path = "/conversations/{id}", tag = "conversations", operation_id = "update_conversation",
    params(("id" = ConversationId, Path), ("If-Match" = Option<String>, Header)),
    request_body = ConversationChange, responses((status = 200, body = ForStaff)))]
async fn update(
    principal: Principal,
    State(hub): State<Hub>,
    Path(id): Path<ConversationId>,
    IfMatch(seen): IfMatch,
    Json(change): Json<ConversationChange>,
) -> Result<Versioned<ForStaff>> {
    conversation::change(&hub, &principal, id, seen, change).await?;
    let changed = conversation::for_staff(&hub, &principal, id).await?;
    Ok(Versioned(changed.conversation.version, changed))
}

/// Marks everything in it as seen by who asks.
#[utoipa::path(post, path = "/conversations/{id}/seen", tag = "conversations", operation_id = "see_conversation",
    params(("id" = ConversationId, Path)), responses((status = 204)))]
async fn seen(
    principal: Principal,
    State(hub): State<Hub>,
    Path(id): Path<ConversationId>,
) -> Result<StatusCode> {
    conversation::seen(&hub, &principal, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What somebody does at a conversation.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Attending {
    /// What they do just now.
    doing: Doing,
}

/// Says what who asks does at a WhatsApp chat just now, for the other side to see: that we are here, and that we write.
#[utoipa::path(post, path = "/conversations/{id}/attention", tag = "conversations", operation_id = "attend_conversation",
    params(("id" = ConversationId, Path)), request_body = Attending, responses((status = 204)))]
async fn attend(
    principal: Principal,
    State(hub): State<Hub>,
    Path(id): Path<ConversationId>,
    Json(attending): Json<Attending>,
) -> Result<StatusCode> {
    attention::tell(&hub, &principal, id, attending.doing).await?;
    Ok(StatusCode::NO_CONTENT)
}
