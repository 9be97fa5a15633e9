//! Statements that nobody wrote, under the role and the transaction that the product uses: joins, unions, upserts, merges,
//! changes of the tenant, casts that fail with a row in their mouth. None may return, change or name another's row.
//!
//! What they do not try is to set the tenant itself: who can run any SQL can do that. That is why every statement of the
//! product is a text of its own with bound parameters.

use hub::ids::TenantId;
use hub::testing::World;
use sqlx::{AssertSqlSafe, Row as _, ValueRef as _};

use super::Dice;
use super::filling::{self, ROWS, Table};

const SEED: u64 = 0x5EED_0011;
/// How many are tried; `ISOLATION_STATEMENTS=1000000` for a night's worth.
const STATEMENTS: usize = 4_000;
/// "bolt-canary" as Postgres prints bytes.
const BYTES: &str = "626f6c742d63616e617279";
/// Statements of one transaction.
const BATCH: usize = 25;

/// Writes statements against the tables, as one tenant.
struct Author<'a> {
    dice: Dice,
    tables: &'a [Table],
    own: TenantId,
    other: TenantId,
}

impl Author<'_> {
    fn statement(&mut self) -> String {
        let (a, b) = (self.table(), self.table());
        let (name, other) = (a.name.as_str(), b.name.as_str());
        let pred = self.predicate(a, b);
        match self.dice.below(22) {
            0..=2 => format!("SELECT a.tenant_id, a FROM {name} a WHERE {pred}"),
            3 | 4 => {
                let join = *self.dice.of(&["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"]);
                let on = *self.dice.of(&["a.tenant_id = b.tenant_id", "a.tenant_id <> b.tenant_id", "true"]);
                format!("SELECT a, b FROM {name} a {join} {other} b ON {on}")
            }
            5 => format!("WITH x AS MATERIALIZED (SELECT * FROM {name} a WHERE {pred}) SELECT x FROM x, {other} b"),
            6 => format!("WITH gone AS (DELETE FROM {name} a WHERE {pred} RETURNING a.*) SELECT gone FROM gone"),
            7 | 8 => {
                let set = self.change(a);
                format!("UPDATE {name} a SET {set} WHERE {pred} RETURNING a.tenant_id, a")
            }
            9 => {
                let set = self.change(a);
                format!("UPDATE {name} a SET {set} FROM {other} b WHERE {pred} RETURNING a, b")
            }
            10 | 11 => self.insertion(a, b),
            12 => {
                let set = self.change(a);
                format!(
                    "MERGE INTO {name} a USING {other} b ON {pred} WHEN MATCHED AND b.tenant_id IS NULL THEN DELETE
                     WHEN MATCHED THEN UPDATE SET {set}"
                )
            }
            13 => format!("SELECT string_agg(a::text, ';'), max(a.tenant_id::text), json_agg(a) FROM {name} a WHERE {pred}"),
            14 => {
                let set = *self.dice.of(&["UNION ALL", "INTERSECT", "EXCEPT", "UNION"]);
                format!("SELECT a.tenant_id, a::text FROM {name} a {set} SELECT b.tenant_id, b::text FROM {other} b")
            }
            15 => format!("SELECT a, x FROM {name} a, LATERAL (SELECT b FROM {other} b WHERE {pred} LIMIT 9) x"),
            16 => format!("SELECT (a::text)::integer FROM {name} a WHERE {pred}"),
            17 => format!("SELECT a FROM {name} a WHERE (a::text)::integer > 0 OR {pred} FOR UPDATE"),
            18 => format!("SET LOCAL row_security = off; SELECT a FROM {name} a"),
            19 => format!("SELECT query_to_xml('SELECT * FROM {name}', true, true, '')::text, schema_to_xml('public', true, true, '')::text"),
            20 => format!(
                "SELECT most_common_vals::text, histogram_bounds::text FROM pg_stats WHERE tablename = '{name}';
                 SELECT t FROM tenants t, {other} b"
            ),
            _ => self.unusual(name, &pred),
        }
    }

    fn unusual(&mut self, name: &str, pred: &str) -> String {
        match self.dice.below(6) {
            0 => {
                format!("DECLARE c CURSOR FOR SELECT a FROM {name} a WHERE {pred}; FETCH ALL FROM c; CLOSE c")
            }
            1 => format!("PREPARE p AS SELECT a FROM {name} a WHERE {pred}; EXECUTE p; DEALLOCATE p"),
            2 => format!("SELECT a FROM ONLY {name} a TABLESAMPLE SYSTEM (100)"),
            3 => format!("TRUNCATE {name} CASCADE"),
            4 => format!("ALTER TABLE {name} DISABLE ROW LEVEL SECURITY"),
            _ => format!("CREATE VIEW seen AS SELECT * FROM {name}"),
        }
    }

    fn table<'t>(&mut self) -> &'t Table
    where
        Self: 't,
    {
        // The tables outlive the author.
        let tables: &'t [Table] = self.tables;
        self.dice.of(tables)
    }

    fn predicate(&mut self, a: &Table, b: &Table) -> String {
        let (own, other) = (self.own, self.other);
        let id = filling::id(1 + self.dice.below(ROWS));
        let atom = match self.dice.below(10) {
            0 => "true".to_owned(),
            1 => format!("a.tenant_id = '{other}'"),
            2 => format!("a.tenant_id <> '{own}'"),
            3 => format!("a.tenant_id IN ('{own}', '{other}')"),
            4 => format!("a.tenant_id = ANY (SELECT c.tenant_id FROM {} c)", b.name),
            5 => format!(
                "EXISTS (SELECT FROM {} c WHERE c.tenant_id <> a.tenant_id)",
                b.name
            ),
            6 => format!("a::text LIKE '%{}%'", filling::canary("bolt")),
            7 => "a::text ~* 'canary'".to_owned(),
            8 => match a.columns_of("uuid").last() {
                Some(column) => format!("a.{column} = '{id}'"),
                None => "a.ctid IS NOT NULL".to_owned(),
            },
            _ => format!(
                "(SELECT count(*) FROM {} c WHERE c.tenant_id = a.tenant_id) >= 0",
                b.name
            ),
        };
        match self.dice.below(5) {
            0 => format!("NOT ({atom})"),
            1 => format!("({atom} OR true)"),
            2 => format!("({atom} OR a.tenant_id = '{other}')"),
            _ => atom,
        }
    }

    /// A column's new value: once in a while the tenant itself.
    fn change(&mut self, a: &Table) -> String {
        if self.dice.once_in(3) {
            return format!("tenant_id = '{}'", self.other);
        }
        let column = self.dice.of(&a.columns);
        let name = &column.name;
        match column.kind.as_str() {
            "text" => format!("{name} = (SELECT max(c::text) FROM {} c)", a.name),
            "uuid" if name == "tenant_id" => format!(
                "tenant_id = (SELECT max(c.tenant_id::text)::uuid FROM {} c)",
                a.name
            ),
            "uuid" => format!("{name} = '{}'", filling::id(1 + self.dice.below(ROWS))),
            "integer" | "bigint" | "smallint" => format!("{name} = a.{name} + 1"),
            _ => format!("{name} = a.{name}"),
        }
    }

    /// Own rows again, as the other's; a conflict takes the other's row over.
    fn insertion(&mut self, a: &Table, b: &Table) -> String {
        let whose = match self.dice.below(3) {
            0 => "a.tenant_id".to_owned(),
            1 => format!("'{}'::uuid", self.other),
            _ => format!(
                "coalesce((SELECT c.tenant_id FROM {} c WHERE c.tenant_id <> a.tenant_id LIMIT 1), '{}')",
                b.name, self.other
            ),
        };
        let names: Vec<_> = a.columns.iter().map(|column| column.name.as_str()).collect();
        let values: Vec<_> = names
            .iter()
            .map(|name| match *name {
                "tenant_id" => whose.clone(),
                name => format!("a.{name}"),
            })
            .collect();
        let conflict = *self.dice.of(&[
            "ON CONFLICT DO NOTHING",
            "ON CONFLICT (tenant_id, id) DO UPDATE SET tenant_id = excluded.tenant_id",
            "",
        ]);
        format!(
            "INSERT INTO {name} AS it ({}) SELECT {} FROM {name} a {conflict} RETURNING it.tenant_id, it",
            names.join(", "),
            values.join(", "),
            name = a.name
        )
    }
}

/// Every cell of every row, as text; an error's words too.
fn words(answer: &Result<Vec<sqlx::postgres::PgRow>, sqlx::Error>) -> Vec<String> {
    match answer {
        Ok(rows) => rows
            .iter()
            .flat_map(|row| (0..row.len()).map(|cell| row.try_get_raw(cell).unwrap()))
            .filter(|cell| !cell.is_null())
            .map(|cell| cell.as_str().unwrap().to_owned())
            .collect(),
        Err(sqlx::Error::Database(fault)) => {
            let fault = fault.downcast_ref::<sqlx::postgres::PgDatabaseError>();
            vec![format!(
                "{} {} {}",
                fault.message(),
                fault.detail().unwrap_or_default(),
                fault.hint().unwrap_or_default()
            )]
        }
        Err(fault) => panic!("the connection broke: {fault}"),
    }
}

fn how_many() -> usize {
    let asked = std::env::var("ISOLATION_STATEMENTS").ok();
    asked.and_then(|asked| asked.parse().ok()).unwrap_or(STATEMENTS)
}

#[tokio::test]
async fn no_statement_reaches_another_tenants_row() {
    let world = World::start().await;
    let (acme, bolt) = (world.tenant("acme").await, world.tenant("bolt").await);
    let mut admin = world.admin().await;
    let tables = Table::all(&mut admin).await;
    filling::fill(&mut admin, &tables, bolt, "bolt").await;
    let again = filling::fill(&mut admin, &tables, acme, "acme").await;
    let before = filling::checksums(&world, &tables, bolt).await;
    assert!(
        before.iter().all(|(_, rows, _)| *rows > 0),
        "a table without a row to steal: {before:?}"
    );
    let secrets = [filling::canary("bolt"), bolt.to_string(), BYTES.to_owned()];
    let mut author = Author {
        dice: Dice(SEED),
        tables: &tables,
        own: acme,
        other: bolt,
    };
    let (mut answered, mut refused, mut cells) = (0, 0, 0);
    while answered + refused < how_many() {
        filling::run(&mut admin, &again).await.unwrap();
        let mut tx = world.hub.db.tenant(acme).await.unwrap();
        for _ in 0..BATCH {
            let statement = author.statement();
            let answer = sqlx::raw_sql(AssertSqlSafe(format!("SAVEPOINT before; {statement}")))
                .fetch_all(&mut *tx)
                .await;
            let words = words(&answer);
            for secret in &secrets {
                let told = words.iter().find(|word| word.contains(secret));
                assert!(told.is_none(), "seed {SEED:#x}: {statement}\n told {told:?}");
            }
            cells += words.len();
            let (count, next) = match answer {
                Ok(_) => (&mut answered, "RELEASE before"),
                Err(_) => (&mut refused, "ROLLBACK TO before"),
            };
            *count += 1;
            sqlx::raw_sql(next).execute(&mut *tx).await.unwrap();
        }
        // What was done stays once in a while, so that damage would.
        if author.dice.once_in(3) {
            tx.commit().await.ok();
        }
    }
    println!("{answered} statements answered with {cells} cells, {refused} refused");
    assert!(
        answered > refused && cells > answered,
        "the statements try too little"
    );
    assert_eq!(filling::checksums(&world, &tables, bolt).await, before);
}
