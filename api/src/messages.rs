//! Operations on messages.

use axum::extract::State;
use axum::http::StatusCode;
use hub::Hub;
use hub::cursor::{Page, PageQuery};
use hub::error::Result;
use hub::ids::{ConversationId, MessageId};
use hub::message::{self, Draft, Message};
use hub::principal::Principal;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::{Json, Path, Query};

/// This noun's operations.
pub(crate) fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new()
        .routes(routes!(list, say))
        .routes(routes!(retry))
        .routes(routes!(edit, delete))
        .routes(routes!(react))
}

/// A conversation's messages and notes, newest first.
#[utoipa::path(get, path = "/conversations/{id}/messages", tag = "messages", operation_id = "list_messages",
    params(("id" = ConversationId, Path), PageQuery), responses((status = 200, body = Page<Message>)))]
async fn list(
    principal: Principal,
    State(hub): State<Hub>,
    Path(conversation): Path<ConversationId>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<Message>>> {
    let cursor = page.cursor.as_deref();
    message::list(&hub, &principal, conversation, page.limit(), cursor)
        .await
        .map(Json)
}

/// Answers the contact, or leaves a note. The same draft again is the same message, with 200.
#[utoipa::path(post, path = "/conversations/{id}/messages", tag = "messages", operation_id = "create_message",
    params(("id" = ConversationId, Path)), request_body = Draft,
    responses((status = 201, body = Message), (status = 200, body = Message)))]
async fn say(
    principal: Principal,
    State(hub): State<Hub>,
    Path(conversation): Path<ConversationId>,
    Json(draft): Json<Draft>,
) -> Result<(StatusCode, Json<Message>)> {
    let (message, is_new) = message::reply(&hub, &principal, conversation, &draft).await?;
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(message)))
}

/// Sends a failed message once more.
#[utoipa::path(post, path = "/messages/{id}/retry", tag = "messages", operation_id = "retry_message",
    params(("id" = MessageId, Path)), responses((status = 200, body = Message)))]
async fn retry(
    principal: Principal,
    State(hub): State<Hub>,
    Path(id): Path<MessageId>,
) -> Result<Json<Message>> {
    message::retry(&hub, &principal, id).await.map(Json)
}

/// What a message is to say.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct MessageChange {
    /// The new words.
    body: String,
}

/// Changes what a message of ours says, in a WhatsApp chat and within a quarter of an hour. What it said before is kept.
#[utoipa::path(patch, path = "/messages/{id}", tag = "messages", operation_id = "edit_message",
    params(("id" = MessageId, Path)), request_body = MessageChange, responses((status = 200, body = Message)))]
async fn edit(
    principal: Principal,
    State(hub): State<Hub>,
    Path(id): Path<MessageId>,
    Json(change): Json<MessageChange>,
) -> Result<Json<Message>> {
    message::edit(&hub, &principal, id, &change.body).await.map(Json)
}

/// Takes a message of ours back for everybody in a WhatsApp chat. What it said stays on record here.
#[utoipa::path(delete, path = "/messages/{id}", tag = "messages", operation_id = "delete_message",
    params(("id" = MessageId, Path)), responses((status = 200, body = Message)))]
async fn delete(
    principal: Principal,
    State(hub): State<Hub>,
    Path(id): Path<MessageId>,
) -> Result<Json<Message>> {
    message::delete(&hub, &principal, id).await.map(Json)
}

/// A sign on a message.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Sign {
    /// An emoji; empty takes ours away.
    emoji: String,
}

/// Puts our side's sign on a message of a WhatsApp chat, in place of the one before.
#[utoipa::path(put, path = "/messages/{id}/reaction", tag = "messages", operation_id = "react_to_message",
    params(("id" = MessageId, Path)), request_body = Sign, responses((status = 200, body = Message)))]
async fn react(
    principal: Principal,
    State(hub): State<Hub>,
    Path(id): Path<MessageId>,
    Json(sign): Json<Sign>,
) -> Result<Json<Message>> {
    message::set_reaction(&hub, &principal, id, &sign.emoji)
        .await
        .map(Json)
}
