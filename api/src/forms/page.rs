//! Pages for a plain form post, from a site without our script.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use hub::error::{Error, FieldFault};
use hub::form::Settings;

/// Whether a person looks at the answer: a plain form post, and nobody asked for JSON.
pub(super) fn wanted(headers: &HeaderMap) -> bool {
    let says = |name, what: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.contains(what))
    };
    says(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        && !says(header::ACCEPT, "application/json")
}

/// On to the business's own page, or a thank-you.
pub(super) fn thanks(settings: &Settings) -> Response {
    match &settings.redirect_url {
        Some(url) => Redirect::to(url).into_response(),
        None => page(
            StatusCode::OK,
            &settings.title,
            &format!("<p>{}</p>", escape(&settings.thank_you)),
        ),
    }
}

/// What is wrong, and the way back: the browser still has what was filled in.
pub(super) fn fault(fault: Error) -> Response {
    let line = |fault: &FieldFault| {
        format!(
            "<li><b>{}</b>: {}</li>",
            escape(&fault.field),
            escape(&fault.message)
        )
    };
    let detail = match &fault {
        Error::Invalid { fields, .. } => fields.iter().map(line).collect(),
        Error::TooMany { .. } => "<li>This was sent too often. Please wait a minute.</li>".to_owned(),
        _ => "<li>This could not be sent. Please try again, or call us.</li>".to_owned(),
    };
    let status = fault.into_response().status();
    let body = format!("<ul>{detail}</ul><p>Go back in your browser, correct it, and send it again.</p>");
    page(status, "Please look again", &body)
}

fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let title = escape(title);
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{title}</title>\
         <style>body{{font:1.1rem/1.6 system-ui;max-width:36rem;margin:4rem auto;padding:0 1rem}}</style>\
         <main><h1>{title}</h1>{body}</main></html>"
    );
    (status, Html(html)).into_response()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
