//! Clients of the outside: Twilio, OpenAI, object storage. No SQL.
