//! The operation table: every operation of `/api/v1` with the least role that may use it. The gate enforces it, and an
//! operation that is not here is refused.
//!
//! To add an operation: write its handler with `#[utoipa::path]` in its noun's file, add it to that file's `routes()`
//! (merged in `router.rs`), and add a line here. `tests/it/api/matrix.rs` then calls it with every role, and with another
//! tenant's ids when its path takes one: tell it in `tests/it/api/fixtures.rs` what row such an id is. The tests say which
//! of these is missing.

use hub::role::Role;

/// One operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// `GET`, `POST`, ….
    pub method: &'static str,
    /// Below `/api/v1`, with its parameters: `/conversations/{id}`.
    pub path: &'static str,
    /// Who may use it; none = everybody, because it proves its caller itself (a password, a ticket, a cookie).
    pub least: Option<Role>,
}

const fn open(method: &'static str, path: &'static str) -> Operation {
    Operation {
        method,
        path,
        least: None,
    }
}

const fn needs(least: Role, method: &'static str, path: &'static str) -> Operation {
    Operation {
        method,
        path,
        least: Some(least),
    }
}

use Role::{Admin, ReadOnly, SystemAdmin};

/// The table, by noun.
pub const OPERATIONS: &[Operation] = &[
    // auth
    open("POST", "/auth/login"),
    open("POST", "/auth/link"),
    open("POST", "/auth/refresh"),
    open("POST", "/auth/logout"),
    // me
    needs(ReadOnly, "GET", "/me"),
    needs(ReadOnly, "POST", "/me/password"),
    needs(ReadOnly, "POST", "/me/totp"),
    needs(ReadOnly, "POST", "/me/totp/confirm"),
    needs(ReadOnly, "POST", "/me/totp/disable"),
    // staff
    needs(ReadOnly, "GET", "/staff"),
    needs(Admin, "POST", "/staff"),
    needs(Admin, "PATCH", "/staff/{id}"),
    // api keys
    needs(Admin, "GET", "/api-keys"),
    needs(Admin, "POST", "/api-keys"),
    needs(Admin, "DELETE", "/api-keys/{id}"),
    // jobs
    needs(Admin, "GET", "/jobs/dead"),
    needs(Admin, "POST", "/jobs/{id}/replay"),
    needs(Admin, "DELETE", "/jobs/{id}"),
    needs(Admin, "GET", "/jobs/stats"),
    // live: the socket's caller is proved by the ticket in its first frame
    needs(ReadOnly, "POST", "/live/ticket"),
    open("GET", "/live"),
    needs(ReadOnly, "GET", "/presence"),
    // audit
    needs(Admin, "GET", "/audit"),
    // operators of the platform, on a visit here
    needs(Admin, "GET", "/operator-visits"),
    needs(Admin, "POST", "/operator-visits/{id}/end"),
    // operators of the platform, over all tenants
    needs(SystemAdmin, "GET", "/platform/tenants"),
    needs(SystemAdmin, "GET", "/platform/tenants/{id}"),
    needs(SystemAdmin, "PATCH", "/platform/tenants/{id}"),
    needs(SystemAdmin, "POST", "/platform/tenants/{id}/suspend"),
    needs(SystemAdmin, "POST", "/platform/tenants/{id}/resume"),
    needs(SystemAdmin, "POST", "/platform/tenants/{id}/enter"),
    // connections
    needs(Admin, "GET", "/connections"),
    needs(Admin, "POST", "/connections"),
    // inboxes
    needs(ReadOnly, "GET", "/inboxes"),
    needs(Admin, "POST", "/inboxes"),
    needs(Admin, "PATCH", "/inboxes/{id}"),
    // linked WhatsApp sessions
    needs(ReadOnly, "GET", "/whatsapp-sessions"),
    needs(Admin, "POST", "/whatsapp-sessions"),
    needs(ReadOnly, "GET", "/whatsapp-sessions/{id}"),
    needs(Admin, "PATCH", "/whatsapp-sessions/{id}"),
    needs(Admin, "POST", "/whatsapp-sessions/{id}/unlink"),
    needs(Admin, "POST", "/whatsapp-sessions/{id}/pairing"),
    // demo pages: a visitor has nothing to show but the page's key, which is public; all they do is limited
    needs(ReadOnly, "GET", "/inboxes/{id}/demo-page"),
    needs(Admin, "PUT", "/inboxes/{id}/demo-page"),
    open("GET", "/demo-pages/{key}"),
    open("POST", "/demo-pages/{key}/calls"),
    // contacts
    needs(ReadOnly, "GET", "/contacts/{id}"),
    needs(Role::Staff, "PATCH", "/contacts/{id}"),
    // conversations
    needs(ReadOnly, "GET", "/conversations"),
    needs(Role::Staff, "POST", "/conversations"),
    needs(ReadOnly, "GET", "/conversations/counts"),
    needs(ReadOnly, "GET", "/conversations/{id}"),
    needs(Role::Staff, "PATCH", "/conversations/{id}"),
    needs(ReadOnly, "POST", "/conversations/{id}/seen"),
    needs(Role::Staff, "POST", "/conversations/{id}/attention"),
    // messages
    needs(ReadOnly, "GET", "/conversations/{id}/messages"),
    needs(Role::Staff, "POST", "/conversations/{id}/messages"),
    needs(Role::Staff, "POST", "/messages/{id}/retry"),
    needs(Role::Staff, "PATCH", "/messages/{id}"),
    needs(Role::Staff, "DELETE", "/messages/{id}"),
    needs(Role::Staff, "PUT", "/messages/{id}/reaction"),
    needs(Role::Staff, "POST", "/uploads"),
    // calls: the audio's caller is proved by the ticket in its first frame
    needs(ReadOnly, "GET", "/calls"),
    needs(ReadOnly, "GET", "/calls/{id}"),
    needs(ReadOnly, "GET", "/calls/{id}/turns"),
    needs(Role::Staff, "POST", "/calls/{id}/hang-up"),
    needs(Role::Staff, "POST", "/calls/{id}/audio-ticket"),
    open("GET", "/calls/{id}/audio"),
    needs(Role::Staff, "POST", "/phone-calls"),
    // agent settings
    needs(ReadOnly, "GET", "/agent-settings"),
    needs(Admin, "PUT", "/agent-settings"),
    // attachments
    needs(ReadOnly, "GET", "/attachments/{id}"),
    needs(Role::Staff, "POST", "/attachments/{id}/retry"),
];

/// What an operator on a visit may change, if their visit's role may. Nothing here makes credentials, opens a socket or
/// lets anybody in; what is not here is refused, whatever the role.
const CHANGED_ON_VISITS: &[(&str, &str)] = &[
    ("POST", "/jobs/{id}/replay"),
    ("PATCH", "/inboxes/{id}"),
    ("PATCH", "/contacts/{id}"),
    ("PATCH", "/conversations/{id}"),
    ("POST", "/conversations/{id}/messages"),
    ("POST", "/messages/{id}/retry"),
    ("POST", "/calls/{id}/hang-up"),
    ("PUT", "/agent-settings"),
    ("POST", "/attachments/{id}/retry"),
];

/// Writes that answer with a stream of credentials, of which nothing may be kept, or are a stream themselves:
/// `Idempotency-Key` means nothing there.
const STREAMED: &[(&str, &str)] = &[("POST", "/whatsapp-sessions/{id}/pairing"), ("POST", "/uploads")];

impl Operation {
    /// Whether it or its answer is a stream, to be passed on and not kept.
    pub(crate) fn is_streamed(&self) -> bool {
        STREAMED.contains(&(self.method, self.path))
    }

    /// Whether it changes nothing.
    pub(crate) fn only_reads(&self) -> bool {
        self.method == "GET"
    }

    /// Whether an operator on a visit may use it, if their visit's role may.
    pub(crate) fn is_for_visits(&self) -> bool {
        self.only_reads() || CHANGED_ON_VISITS.contains(&(self.method, self.path))
    }
}

/// The table's line for a request, by its route's pattern. `HEAD` is `GET` without its body.
pub(crate) fn find(method: &str, path: &str) -> Option<Operation> {
    let method = if method == "HEAD" { "GET" } else { method };
    OPERATIONS
        .iter()
        .copied()
        .find(|operation| operation.method == method && operation.path == path)
}
