//! One row of every noun, for a tenant of a test.

use std::collections::BTreeMap;

use hub::ids::{RowId, TenantId};
use hub::testing::World;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

/// `{table}` stands for the id of that table's row (a name of its own where one table needs rows of two kinds), `{tenant}`
/// for the tenant; each goes before those that refer to it.
const ROWS: &[(&str, &str)] = &[
    (
        "staff",
        "INSERT INTO staff (tenant_id, id, email, name, role, created_at)
         VALUES ({tenant}, {staff}, {staff} || '@example.com', 'Somebody', 'staff', now())",
    ),
    (
        "api_keys",
        "INSERT INTO api_keys (tenant_id, id, name, role, key_hash, last_four, created_at)
         VALUES ({tenant}, {api_keys}, 'A machine', 'staff', '\\x00', 'abcd', now())",
    ),
    (
        "connections",
        "INSERT INTO connections (tenant_id, id, provider, account, credentials_sealed, created_at, updated_at)
         VALUES ({tenant}, {connections}, 'twilio', 'AC' || replace({connections}, '-', ''), '\\x00', now(), now())",
    ),
    (
        "inboxes",
        "INSERT INTO inboxes (tenant_id, id, channel, address, name, connection_id, created_at)
         VALUES ({tenant}, {inboxes}, 'sms', {inboxes}, 'Front desk', {connections}, now())",
    ),
    (
        "voice_inboxes",
        "INSERT INTO inboxes (tenant_id, id, channel, address, name, connection_id, created_at)
         VALUES ({tenant}, {voice_inboxes}, 'voice', {voice_inboxes}, 'Telephone', {connections}, now())",
    ),
    (
        "chat_inboxes",
        "INSERT INTO inboxes (tenant_id, id, channel, address, name, created_at)
         VALUES ({tenant}, {chat_inboxes}, 'whatsapp', {chat_inboxes}, 'WhatsApp', now())",
    ),
    (
        "sessions",
        "INSERT INTO sessions (tenant_id, id, inbox_id, desired, observed, observed_at, phone, paired_at, created_at)
         VALUES ({tenant}, {sessions}, {chat_inboxes}, 'running', 'connected', now(), '+15550147', now(), now())",
    ),
    (
        "contacts",
        "INSERT INTO contacts (tenant_id, id, name, created_at, updated_at)
         VALUES ({tenant}, {contacts}, 'A caller', now(), now())",
    ),
    (
        "identities",
        "INSERT INTO identities (tenant_id, id, contact_id, kind, address, created_at)
         VALUES ({tenant}, {identities}, {contacts}, 'phone', {identities}, now())",
    ),
    (
        "conversations",
        "INSERT INTO conversations (tenant_id, id, contact_id, inbox_id, channel, last_message_at, created_at)
         VALUES ({tenant}, {conversations}, {contacts}, {inboxes}, 'sms', now(), now())",
    ),
    (
        "messages",
        "INSERT INTO messages (tenant_id, id, conversation_id, direction, author, body, state, failure_code, created_at)
         VALUES ({tenant}, {messages}, {conversations}, 'out', 'staff', 'Hello', 'failed', '30003', now())",
    ),
    (
        "attachments",
        "INSERT INTO attachments (tenant_id, id, message_id, kind, media_type, size_bytes, object_key, created_at)
         VALUES ({tenant}, {attachments}, {messages}, 'recording', 'audio/wav', 4, 'recordings/' || {attachments}, now())",
    ),
    (
        "uploads",
        "INSERT INTO uploads (tenant_id, id, kind, media_type, size_bytes, file_name, object_key, created_at)
         VALUES ({tenant}, {uploads}, 'image', 'image/png', 4, 'a.png', 'uploads/' || {uploads}, now())",
    ),
    (
        "calls",
        "INSERT INTO calls (tenant_id, id, inbox_id, contact_id, conversation_id, provider_id, source, direction,
                            from_address, to_address, state, started_at)
         VALUES ({tenant}, {calls}, {inboxes}, {contacts}, {conversations}, 'CA' || replace({calls}, '-', ''), 'twilio',
                 'in', '+15550100', '+15550101', 'live', now())",
    ),
    (
        "turns",
        "INSERT INTO turns (tenant_id, id, call_id, ordinal, speaker, text, started_ms, ended_ms)
         VALUES ({tenant}, {turns}, {calls}, 1, 'caller', 'Hello?', 0, 500)",
    ),
    (
        "operator_visits",
        "INSERT INTO operator_visits (tenant_id, id, operator_tenant_id, operator_id, operator_name, role, reason, token_hash,
                                      created_at, expires_at)
         VALUES ({tenant}, {operator_visits}, {tenant}, {staff}, 'An operator', 'read_only', 'To see what is wrong', '\\x00',
                 now(), now() + interval '30 minutes')",
    ),
    (
        "jobs",
        "INSERT INTO jobs (tenant_id, id, queue, kind, payload, state, run_at, created_at, finished_at)
         VALUES ({tenant}, {jobs}, 'low', 'test.nothing', '{}', 'dead', now(), now(), now())",
    ),
];

/// The ids of one set of rows, by table.
pub(crate) struct Rows(BTreeMap<&'static str, Uuid>);

impl Rows {
    /// Writes a set of rows; as many as one likes for a tenant.
    pub(crate) async fn write(world: &World, tenant: TenantId) -> Self {
        let ids: BTreeMap<_, _> = ROWS
            .iter()
            .map(|(table, _)| (*table, RowId::at(world.hub.clock.now()).uuid()))
            .collect();
        let mut admin = world.admin().await;
        for (table, insert) in ROWS {
            let mut statement = insert.replace("{tenant}", &format!("'{tenant}'"));
            for (name, id) in &ids {
                statement = statement.replace(&format!("{{{name}}}"), &format!("'{id}'"));
            }
            let written = sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut admin).await;
            assert!(written.is_ok(), "{table}: {written:?}");
        }
        Self(ids)
    }

    /// The id of the row of `table`.
    pub(crate) fn id(&self, table: &str) -> Uuid {
        let id = self.0.get(table);
        *id.unwrap_or_else(|| panic!("tests/it/api/rows.rs has no row of {table}"))
    }
}
