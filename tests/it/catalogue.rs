//! The schema keeps tenants apart by construction: a lint over Postgres's own catalogue, and a test that it catches.
//!
//! A new table passes when its migration calls `protect_table`, its keys and references start with `tenant_id`, and the
//! system role, if it needs it at all, is listed in [`OPEN_TO_SYSTEM`] with the rights it needs.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics, in its helpers too"
)]

use hub::testing::World;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

/// Tables without a tenant of their own.
const GLOBAL: &str = "'tenants', 'shards', 'shard_workers', 'ticks', '_sqlx_migrations'";
/// Unique keys that find the tenant, so cannot start with it.
const FINDS_TENANT: &str = "'inbox_routes_pkey', 'demo_pages_key'";
/// Extensions that the schema uses.
const EXTENSIONS: &str = "'plpgsql'";
/// What the system role may do, and where. Each line is a hole in the wall that somebody decided on; `SELECT*` is of
/// some columns only.
const OPEN_TO_SYSTEM: &[(&str, &str)] = &[
    ("api_keys", "SELECT*"),
    ("audit_log", "INSERT"),
    ("calls", "SELECT"),
    ("connection_sweeps", "SELECT*"),
    ("connections", "SELECT*"),
    ("demo_pages", "SELECT"),
    ("feeds", "INSERT, SELECT"),
    ("idempotency_keys", "DELETE, SELECT"),
    ("inbox_routes", "SELECT"),
    ("jobs", "DELETE, INSERT, SELECT, UPDATE"),
    ("refresh_families", "DELETE, SELECT"),
    ("session_media", "SELECT*"),
    ("session_outbox", "DELETE, SELECT*"),
    ("sessions", "SELECT"),
    ("shard_workers", "DELETE, INSERT, SELECT, UPDATE"),
    ("shards", "SELECT, UPDATE"),
    ("sign_in_links", "DELETE, SELECT"),
    ("staff", "SELECT"),
    ("submissions", "INSERT, SELECT*"),
    ("tenants", "INSERT, SELECT, UPDATE"),
    ("ticks", "DELETE, INSERT, SELECT"),
    ("uploads", "DELETE, SELECT*"),
];

const POLICY: &str = "(tenant_id = (current_setting('app.tenant'::text))::uuid)";

/// What a table is to be, and the query that names those that are not.
type Rule = (&'static str, String);

const TABLES: &str = "SELECT c.oid, c.relname, c.relrowsecurity, c.relforcerowsecurity FROM pg_class c
                      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')";
const ROLES: &str = "('switchboard_app', 'switchboard_system', 'sb_test_login')";

fn rules_of_tables() -> Vec<Rule> {
    let open = OPEN_TO_SYSTEM
        .iter()
        .map(|(name, _)| format!("'{name}'"))
        .collect::<Vec<_>>()
        .join(", ");
    vec![
        (
            "a table has a tenant_id that is never null, or is listed as global",
            format!(
                "SELECT t.relname::text FROM ({TABLES}) t WHERE t.relname NOT IN ({GLOBAL}) AND NOT EXISTS (
                   SELECT FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attname = 'tenant_id' AND a.attnotnull)"
            ),
        ),
        (
            "row-level security is enabled and forced",
            format!(
                "SELECT relname::text FROM ({TABLES}) t
                 WHERE relname NOT IN ('shards', 'shard_workers', 'ticks', '_sqlx_migrations')
                   AND NOT (relrowsecurity AND relforcerowsecurity)"
            ),
        ),
        (
            "one policy for the app, for all commands, both ways, by the transaction's tenant",
            format!(
                "SELECT t.relname::text FROM ({TABLES}) t WHERE t.relname NOT IN ({GLOBAL}) AND 1 <> (
                   SELECT count(*) FROM pg_policies p WHERE p.schemaname = 'public' AND p.tablename = t.relname
                     AND p.policyname = 'tenant' AND p.roles = '{{switchboard_app}}' AND p.cmd = 'ALL'
                     AND p.permissive = 'PERMISSIVE' AND p.qual = $${POLICY}$$ AND p.with_check = $${POLICY}$$)"
            ),
        ),
        (
            "no further policy, but the system role's on the tables that are listed for it",
            format!(
                "SELECT tablename || '.' || policyname FROM pg_policies
                 WHERE NOT (policyname = 'tenant' AND roles = '{{switchboard_app}}')
                   AND NOT (policyname = 'system' AND roles = '{{switchboard_system}}' AND tablename IN ({open}))"
            ),
        ),
    ]
}

fn rules_of_keys() -> Vec<Rule> {
    vec![
        (
            "unique and exclusion keys start with tenant_id, as a column and not in an expression",
            format!(
                "SELECT i.indexrelid::regclass::text FROM pg_index i JOIN ({TABLES}) t ON t.oid = i.indrelid
                 LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = i.indkey[0]
                 WHERE (i.indisunique OR i.indisexclusion) AND t.relname NOT IN ({GLOBAL})
                   AND a.attname IS DISTINCT FROM 'tenant_id'
                   AND i.indexrelid::regclass::text NOT IN ({FINDS_TENANT})"
            ),
        ),
        (
            "references carry the tenant on both sides",
            format!(
                "SELECT f.conname::text FROM pg_constraint f
                 JOIN pg_class t ON t.oid = f.conrelid JOIN pg_class r ON r.oid = f.confrelid
                 JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = f.conkey[1]
                 JOIN pg_attribute b ON b.attrelid = f.confrelid AND b.attnum = f.confkey[1]
                 WHERE f.contype = 'f' AND t.relname NOT IN ({GLOBAL})
                   AND NOT (a.attname = 'tenant_id' AND b.attname = CASE r.relname WHEN 'tenants' THEN 'id' ELSE 'tenant_id' END)"
            ),
        ),
    ]
}

fn rules_of_roles() -> Vec<Rule> {
    vec![
        (
            "the roles that code runs as have no power and no parents but each other",
            format!(
                "SELECT rolname::text FROM pg_roles WHERE rolname IN {ROLES}
                   AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication
                        OR (rolcanlogin AND rolname LIKE 'switchboard%'))
                 UNION ALL
                 SELECT m.rolname || ' in ' || g.rolname FROM pg_auth_members x
                 JOIN pg_roles m ON m.oid = x.member JOIN pg_roles g ON g.oid = x.roleid
                 WHERE m.rolname IN {ROLES} AND g.rolname NOT IN ('switchboard_app', 'switchboard_system')"
            ),
        ),
        (
            "the roles that code runs as own nothing",
            format!(
                "SELECT c.relname::text FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE r.rolname IN {ROLES}
                 UNION ALL SELECT p.proname::text FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner WHERE r.rolname IN {ROLES}
                 UNION ALL SELECT n.nspname::text FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner WHERE r.rolname IN {ROLES}
                 UNION ALL SELECT d.datname::text FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba WHERE r.rolname IN {ROLES}"
            ),
        ),
        (
            "rights are to read and write rows, never to truncate or to refer, and never everybody's",
            "SELECT table_name || ': ' || privilege_type || ' to ' || grantee FROM information_schema.role_table_grants
             WHERE table_schema = 'public' AND grantee <> 'postgres'
               AND (grantee NOT IN ('switchboard_app', 'switchboard_system')
                    OR privilege_type NOT IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE'))"
                .to_owned(),
        ),
        (
            "the app cannot change what was audited, make tenants, or lift its own limits",
            "SELECT table_name || ': ' || privilege_type FROM information_schema.role_table_grants
             WHERE grantee = 'switchboard_app'
               AND ((table_name = 'audit_log' AND privilege_type NOT IN ('SELECT', 'INSERT'))
                    OR (table_name = 'tenants' AND privilege_type NOT IN ('SELECT', 'UPDATE')))
             UNION ALL SELECT 'audit_log: UPDATE of a column'
             WHERE has_any_column_privilege('switchboard_app', 'audit_log', 'UPDATE')
             UNION ALL SELECT 'tenants.' || name || ': UPDATE'
             FROM unnest(ARRAY['id', 'slug', 'max_concurrent_calls', 'suspended_at', 'created_at']) name
             WHERE has_column_privilege('switchboard_app', 'tenants', name, 'UPDATE')"
                .to_owned(),
        ),
        (
            "columns are granted to the two roles alone, to read and write, and nobody may pass a right on",
            "SELECT table_name || '.' || column_name || ': ' || privilege_type || ' to ' || grantee
             FROM information_schema.column_privileges
             WHERE table_schema = 'public' AND grantee <> 'postgres'
               AND (grantee NOT IN ('switchboard_app', 'switchboard_system')
                    OR privilege_type NOT IN ('SELECT', 'INSERT', 'UPDATE') OR is_grantable = 'YES')
             UNION ALL SELECT table_name || ': ' || privilege_type || ' can be passed on by ' || grantee
             FROM information_schema.role_table_grants
             WHERE table_schema = 'public' AND grantee <> 'postgres' AND is_grantable = 'YES'"
                .to_owned(),
        ),
        (
            "no right is given in advance to what does not exist yet",
            "SELECT 'default privileges of ' || defaclrole::regrole::text FROM pg_default_acl".to_owned(),
        ),
        (
            "nobody but the owner makes things in the schema",
            "SELECT 'public: CREATE by ' || rolname FROM pg_roles
             WHERE NOT rolsuper AND rolname IN ('switchboard_app', 'switchboard_system', 'sb_test_login')
               AND has_schema_privilege(oid, 'public', 'CREATE')"
                .to_owned(),
        ),
    ]
}

fn rules_of_code() -> Vec<Rule> {
    vec![
        (
            "everything is in the one schema that these rules look at",
            "SELECT nspname::text FROM pg_namespace
             WHERE nspname NOT IN ('public', 'information_schema') AND nspname NOT LIKE 'pg\\_%'"
                .to_owned(),
        ),
        (
            "tables, indexes and views only: no foreign tables, and no sequences, whose numbers all tenants would share",
            "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
               AND relkind NOT IN ('r', 'p', 'i', 'I', 'v', 'm', 't')"
                .to_owned(),
        ),
        (
            "no rule rewrites a statement, with its owner's rights",
            "SELECT rulename::text FROM pg_rules WHERE schemaname = 'public'".to_owned(),
        ),
        (
            "no function of ours claims to leak nothing, or changes role, tenant or row security by itself",
            "SELECT proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace
               AND (proleakproof OR EXISTS (SELECT FROM unnest(proconfig) setting
                    WHERE setting ~ '^(role|app\\.tenant|row_security|session_authorization)='))"
                .to_owned(),
        ),
        (
            "an extension is code of the superuser's: each was decided on",
            format!("SELECT extname::text FROM pg_extension WHERE extname NOT IN ({EXTENSIONS})"),
        ),
        (
            "no function runs with its owner's rights",
            "SELECT proname::text FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace".to_owned(),
        ),
        (
            "functions that change protection are the owner's alone",
            "SELECT proname::text FROM pg_proc WHERE proname IN ('protect_table', 'open_to_system')
               AND (has_function_privilege('switchboard_app', oid, 'EXECUTE')
                    OR has_function_privilege('switchboard_system', oid, 'EXECUTE'))"
                .to_owned(),
        ),
        (
            "views see with their reader's eyes, and there are no materialised ones",
            "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
               AND (relkind = 'm' OR (relkind = 'v'
                    AND NOT coalesce('security_invoker=true' = ANY (reloptions) OR 'security_invoker=on' = ANY (reloptions), false)))"
                .to_owned(),
        ),
    ]
}

async fn faults(admin: &mut PgConnection) -> Vec<String> {
    let mut all = Vec::new();
    let rules = [
        rules_of_tables(),
        rules_of_keys(),
        rules_of_roles(),
        rules_of_code(),
    ];
    for (rule, query) in rules.into_iter().flatten() {
        let found: Vec<String> = sqlx::query_scalar(AssertSqlSafe(query))
            .fetch_all(&mut *admin)
            .await
            .unwrap();
        all.extend(found.into_iter().map(|name| format!("{name}: {rule}")));
    }
    all
}

#[tokio::test]
async fn the_schema_has_no_fault() {
    let world = World::start().await;
    let found = faults(&mut world.admin().await).await;
    assert!(found.is_empty(), "{found:#?}");
}

#[tokio::test]
async fn the_system_role_may_what_is_listed_and_no_more() {
    let world = World::start().await;
    let rights: Vec<(String, String)> = sqlx::query_as(
        "SELECT relname::text, string_agg(p.kind || CASE WHEN whole.has THEN '' ELSE '*' END, ', ' ORDER BY p.kind)
         FROM pg_class c
         CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) p (kind)
         CROSS JOIN LATERAL (SELECT has_table_privilege('switchboard_system', c.oid, p.kind)) whole (has)
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
           AND (whole.has OR (p.kind <> 'DELETE' AND has_any_column_privilege('switchboard_system', c.oid, p.kind)))
         GROUP BY relname ORDER BY relname",
    )
    .fetch_all(&mut world.admin().await)
    .await
    .unwrap();
    let rights: Vec<(&str, &str)> = rights.iter().map(|(table, kinds)| (&**table, &**kinds)).collect();
    assert_eq!(rights, OPEN_TO_SYSTEM);
}

/// Ways to break the schema, one on top of the other: what the lint must name, and the statements.
const BREACHES: &[(&str, &str)] = &[
    ("loose:", "CREATE TABLE loose (id uuid)"),
    (
        "unforced:",
        "CREATE TABLE unforced (tenant_id uuid NOT NULL); SELECT protect_table('unforced');
             ALTER TABLE unforced NO FORCE ROW LEVEL SECURITY",
    ),
    (
        "contacts.leak:",
        "CREATE POLICY leak ON contacts TO switchboard_app USING (true)",
    ),
    ("contacts.open:", "CREATE POLICY open ON contacts USING (true)"),
    ("turns.system:", "SELECT open_to_system('turns', 'SELECT')"),
    (
        "lopsided:",
        "CREATE TABLE lopsided (tenant_id uuid NOT NULL); SELECT protect_table('lopsided');
             DROP POLICY tenant ON lopsided;
             CREATE POLICY tenant ON lopsided TO switchboard_app USING (true)",
    ),
    (
        "contacts_name_key:",
        "CREATE UNIQUE INDEX contacts_name_key ON contacts (name)",
    ),
    (
        "crossing:",
        "ALTER TABLE contacts ADD UNIQUE (id);
             ALTER TABLE calls ADD CONSTRAINT crossing FOREIGN KEY (contact_id) REFERENCES contacts (id)",
    ),
    (
        "contacts: TRUNCATE",
        "GRANT TRUNCATE ON contacts TO switchboard_app",
    ),
    ("contacts: SELECT to PUBLIC", "GRANT SELECT ON contacts TO PUBLIC"),
    (
        "audit_log: UPDATE",
        "GRANT UPDATE ON audit_log TO switchboard_app",
    ),
    (
        "peek:",
        "CREATE FUNCTION peek() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM contacts'",
    ),
    (
        "everybody:",
        "CREATE VIEW everybody AS SELECT tenant_id, name FROM contacts",
    ),
    (
        "kept:",
        "CREATE MATERIALIZED VIEW kept AS SELECT tenant_id, name FROM contacts",
    ),
    (
        "owned:",
        "CREATE TABLE owned (id uuid); ALTER TABLE owned OWNER TO switchboard_app",
    ),
    (
        "contacts_low_name:",
        "CREATE UNIQUE INDEX contacts_low_name ON contacts (lower(name))",
    ),
    (
        "contacts_no_twice:",
        "ALTER TABLE contacts ADD CONSTRAINT contacts_no_twice EXCLUDE USING btree (name WITH =)",
    ),
    (
        "child:",
        "CREATE TABLE parent (tenant_id uuid NOT NULL, at date NOT NULL) PARTITION BY RANGE (at);
             SELECT protect_table('parent');
             CREATE TABLE child PARTITION OF parent FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
             GRANT SELECT ON child TO switchboard_app",
    ),
    (
        "audit_log: UPDATE of a column",
        "GRANT UPDATE (detail) ON audit_log TO switchboard_app",
    ),
    (
        "tenants.max_concurrent_calls: UPDATE",
        "GRANT UPDATE (max_concurrent_calls) ON tenants TO switchboard_app",
    ),
    (
        "contacts.name: REFERENCES to switchboard_app",
        "GRANT REFERENCES (name) ON contacts TO switchboard_app",
    ),
    (
        "turns: SELECT can be passed on",
        "GRANT SELECT ON turns TO switchboard_app WITH GRANT OPTION",
    ),
    (
        "default privileges of",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO PUBLIC",
    ),
    (
        "public: CREATE by switchboard_app",
        "GRANT CREATE ON SCHEMA public TO switchboard_app",
    ),
    ("hidden:", "CREATE SCHEMA hidden"),
    ("shared_numbers:", "CREATE SEQUENCE shared_numbers"),
    (
        "elsewhere:",
        "CREATE RULE elsewhere AS ON DELETE TO contacts DO ALSO DELETE FROM messages",
    ),
    (
        "trusting:",
        "CREATE FUNCTION trusting(text) RETURNS boolean LANGUAGE sql LEAKPROOF AS 'SELECT true'",
    ),
    (
        "masquerade:",
        "CREATE FUNCTION masquerade() RETURNS bigint LANGUAGE sql SET row_security = off
             AS 'SELECT count(*) FROM contacts'",
    ),
    ("pg_freespacemap:", "CREATE EXTENSION pg_freespacemap"),
    (
        "protect_table:",
        "GRANT EXECUTE ON FUNCTION protect_table(regclass) TO switchboard_app",
    ),
];

#[tokio::test]
async fn each_way_to_break_the_schema_is_caught() {
    let world = World::start().await;
    let mut admin = world.admin().await;
    for (object, statements) in BREACHES.iter().copied() {
        sqlx::raw_sql(statements).execute(&mut admin).await.unwrap();
        let found = faults(&mut admin).await;
        assert!(
            found.iter().any(|fault| fault.starts_with(object)),
            "{object} {found:#?}"
        );
    }
}

#[tokio::test]
async fn without_a_tenant_there_is_an_error_and_never_a_row() {
    let world = World::start().await;
    world.tenant("acme").await;
    let mut login = PgConnection::connect(&world.app_url()).await.unwrap();
    let login = &mut login;
    for tenant in [None, Some(""), Some("all"), Some("*")] {
        sqlx::raw_sql("BEGIN; SET LOCAL ROLE switchboard_app")
            .execute(&mut *login)
            .await
            .unwrap();
        if let Some(tenant) = tenant {
            sqlx::query("SELECT set_config('app.tenant', $1, true)")
                .bind(tenant)
                .execute(&mut *login)
                .await
                .unwrap();
        }
        let read = sqlx::query("SELECT slug FROM tenants")
            .fetch_all(&mut *login)
            .await;
        assert!(read.is_err(), "{tenant:?}");
        sqlx::raw_sql("ROLLBACK").execute(&mut *login).await.unwrap();
    }
    // Not having taken on a role, the login sees nothing at all.
    assert!(
        sqlx::query("SELECT slug FROM tenants")
            .fetch_all(&mut *login)
            .await
            .is_err()
    );
}
