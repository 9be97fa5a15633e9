//! REST and OpenAPI, webhook intake, the live socket, the staff web app.
