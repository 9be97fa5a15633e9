//! The API's document, made from the code: `/api/openapi.json`, the snapshot in `web/openapi.json`, and the web client's
//! types all come from here.

use axum::Router;
use axum::routing::get;
use hub::Hub;
use hub::problem::Problem;
use serde_json::json;
use utoipa::OpenApi as _;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Content, OpenApi, Ref, Response};

use crate::extract::Json;
use crate::{gate, operations, router};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Switchboard",
        description = "One live inbox for every channel of a small business, and the agent that answers its phone.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    components(schemas(Problem))
)]
struct Frame;

/// The document without its operations.
pub(crate) fn frame() -> OpenApi {
    let mut document = Frame::openapi();
    let scheme = Http::builder()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("An access token, or an API key (`sbk_…`)."))
        .build();
    document
        .components
        .get_or_insert_default()
        .add_security_scheme("bearer", SecurityScheme::Http(scheme));
    document
}

/// The whole document.
pub fn openapi() -> OpenApi {
    complete(router::operations().into_openapi())
}

/// Writes what every operation has in common, from the operation table: who may, and that errors are problems.
fn complete(mut document: OpenApi) -> OpenApi {
    for (path, item) in &mut document.paths.paths {
        let below = path.strip_prefix(gate::PREFIX).unwrap_or(path);
        for (method, operation) in operations_of(item) {
            let Some(line) = operations::find(method, below) else {
                continue;
            };
            describe(operation, line.least);
        }
    }
    document
}

fn describe(operation: &mut Operation, least: Option<hub::role::Role>) {
    if let Some(least) = least {
        let nothing: [&str; 0] = [];
        operation.security = Some(vec![SecurityRequirement::new("bearer", nothing)]);
        operation.extensions = Some(Extensions::builder().add("x-least-role", json!(least)).build());
    }
    let problem = Response::builder()
        .description("What went wrong, as RFC 9457 problem details.")
        .content(
            "application/problem+json",
            Content::new(Some(Ref::from_schema_name("Problem"))),
        )
        .build();
    operation
        .responses
        .responses
        .insert("default".to_owned(), problem.into());
}

/// The operations of a path by their methods.
pub(crate) fn operations_of(item: &mut PathItem) -> Vec<(&'static str, &mut Operation)> {
    [
        ("GET", item.get.as_mut()),
        ("PUT", item.put.as_mut()),
        ("POST", item.post.as_mut()),
        ("PATCH", item.patch.as_mut()),
        ("DELETE", item.delete.as_mut()),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation?)))
    .collect()
}

/// `/api/openapi.json`, and `/api/docs` where the build has it.
pub(crate) fn routes(document: OpenApi) -> Router<Hub> {
    let document = complete(document);
    #[cfg(feature = "swagger")]
    let docs = utoipa_swagger_ui::SwaggerUi::new("/api/docs").url("/api/docs/openapi.json", document.clone());
    let routes = Router::new().route("/api/openapi.json", get(async move || Json(document)));
    #[cfg(feature = "swagger")]
    let routes = routes.merge(docs);
    routes
}
