//! Rows of a tenant in every table there is, made from the catalogue: a new table is attacked from the day it exists.

use hub::ids::TenantId;
use hub::testing::World;
use sqlx::{AssertSqlSafe, PgConnection};

/// Rows of each table.
pub(super) const ROWS: usize = 3;

/// Texts that must have a shape: the shape, and an expression that has it and differs with the canary, which is `{}`.
const SHAPES: &[(&str, &str)] = &[("^d_[0-9a-f]{24}$", "'d_' || left(md5('{}'), 24)")];

/// A column.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: String,
    required: bool,
    /// What it is checked against, as Postgres prints it.
    check: Option<String>,
}

/// A tenants' table.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<Column>,
}

/// What stands in every text of this tenant's rows, and nowhere else.
pub(super) fn canary(slug: &str) -> String {
    format!("{slug}-canary")
}

/// The id that row `n` of every tenant has: with the same ids on both sides only the tenant tells them apart.
pub(super) fn id(n: usize) -> String {
    format!("00000000-0000-7000-8000-{n:012}")
}

impl Table {
    /// Every table with a tenant.
    pub(super) async fn all(admin: &mut PgConnection) -> Vec<Self> {
        let rows: Vec<(String, String, String, bool, Option<String>)> = sqlx::query_as(
            "SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull AND NOT a.atthasdef,
                    (SELECT pg_get_constraintdef(k.oid) FROM pg_constraint k
                     WHERE k.conrelid = c.oid AND k.contype = 'c' AND k.conkey = ARRAY[a.attnum] LIMIT 1)
             FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
             WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
               AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND EXISTS (
                 SELECT FROM pg_attribute t WHERE t.attrelid = c.oid AND t.attname = 'tenant_id')
             ORDER BY c.relname, a.attnum",
        )
        .fetch_all(admin)
        .await
        .unwrap();
        let mut tables: Vec<Self> = Vec::new();
        for (table, name, kind, required, check) in rows {
            let column = Column {
                name,
                kind,
                required,
                check,
            };
            match tables.last_mut().filter(|last| last.name == table) {
                Some(last) => last.columns.push(column),
                None => tables.push(Self {
                    name: table,
                    columns: vec![column],
                }),
            }
        }
        tables
    }

    pub(super) fn columns_of<'a>(&'a self, kind: &str) -> Vec<&'a str> {
        let fitting = self.columns.iter().filter(|column| column.kind == kind);
        fitting.map(|column| column.name.as_str()).collect()
    }

    fn insert(&self, tenant: TenantId, canary: &str, n: usize, all: bool) -> String {
        let columns: Vec<_> = self.columns.iter().filter(|c| all || c.required).collect();
        let names: Vec<_> = columns.iter().map(|column| column.name.as_str()).collect();
        let values: Vec<_> = columns
            .iter()
            .map(|column| column.value(tenant, canary, n))
            .collect();
        format!(
            "INSERT INTO {} ({}) VALUES ({}) ON CONFLICT DO NOTHING",
            self.name,
            names.join(", "),
            values.join(", ")
        )
    }
}

impl Column {
    /// A value that the column takes: the first it is allowed where it is one of a list, else with the canary in it.
    fn value(&self, tenant: TenantId, canary: &str, n: usize) -> String {
        if self.name == "tenant_id" {
            return format!("'{tenant}'");
        }
        let check = self.check.as_deref().unwrap_or_default();
        if let Some((_, shaped)) = SHAPES.iter().find(|(shape, _)| check.contains(shape)) {
            return shaped.replace("{}", &format!("{canary}-{n}"));
        }
        if let Some(check) = self.check.as_ref().filter(|check| !check.contains('~'))
            && let Some(first) = check.split('\'').nth(1)
        {
            return format!("'{first}'");
        }
        match self.kind.as_str() {
            "uuid" => format!("'{}'", id(n)),
            "boolean" => "true".to_owned(),
            "smallint" | "integer" | "bigint" | "numeric" | "real" | "double precision" => n.to_string(),
            "jsonb" | "json" => format!("'{{\"canary\": \"{canary}\"}}'"),
            "bytea" => format!("convert_to('{canary}-{n}', 'UTF8')"),
            "inet" | "cidr" => "'192.0.2.1'".to_owned(),
            "interval" => "'1 hour'".to_owned(),
            kind if kind.starts_with("timestamp") || kind.starts_with("date") || kind.starts_with("time") => {
                "now()".to_owned()
            }
            kind if kind.ends_with("[]") => "'{}'".to_owned(),
            _ => format!("'{canary}-{n}'"),
        }
    }
}

/// Fills every table with rows of this tenant; answers the statements that did, to do it again at once. References are not
/// looked at, so no order matters.
pub(super) async fn fill(admin: &mut PgConnection, tables: &[Table], tenant: TenantId, slug: &str) -> String {
    let canary = canary(slug);
    let mut done = "SET session_replication_role = replica".to_owned();
    run(admin, &done).await.unwrap();
    for (table, n) in tables
        .iter()
        .flat_map(|table| (1..=ROWS).map(move |n| (table, n)))
    {
        let mut insert = table.insert(tenant, &canary, n, true);
        if run(admin, &insert).await.is_err() {
            insert = table.insert(tenant, &canary, n, false);
            run(admin, &insert)
                .await
                .unwrap_or_else(|fault| panic!("teach tests/it/isolation/filling.rs: {insert}: {fault}"));
        }
        done.extend([";\n", &insert]);
    }
    run(admin, "RESET session_replication_role; ANALYZE")
        .await
        .unwrap();
    done + "; RESET session_replication_role"
}

/// What a tenant has, to the last byte.
pub(super) async fn checksums(
    world: &World,
    tables: &[Table],
    tenant: TenantId,
) -> Vec<(String, i64, String)> {
    let mut admin = world.admin().await;
    let mut sums = Vec::new();
    for table in tables {
        let name = &table.name;
        let sum: (String, i64, String) = sqlx::query_as(AssertSqlSafe(format!(
            "SELECT '{name}', count(*), coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '')
             FROM {name} t WHERE tenant_id = '{tenant}'"
        )))
        .fetch_one(&mut admin)
        .await
        .unwrap();
        sums.push(sum);
    }
    sums
}

pub(super) async fn run(admin: &mut PgConnection, statements: &str) -> Result<(), sqlx::Error> {
    let done = sqlx::raw_sql(AssertSqlSafe(statements.to_owned()))
        .execute(admin)
        .await;
    done.map(|_| ())
}
