use crate::harness::{Opened, missing, open, open_in, open_with, reachable, unique};
use funcy::client::Scope;
use funcy::event::{ErrorKind, Failure, Json, Permissions};
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};

pub(crate) fn address() -> String {
    std::env::var("FUNCY_TEST_POSTGRES").unwrap_or_else(|_| "127.0.0.1:5432".into())
}

fn url() -> String {
    format!("postgres://postgres@{}/test", address())
}

/// An open client, or `None` if there is no server.
async fn postgres() -> Option<Opened> {
    if !reachable("PostgreSQL", &address()) {
        return None;
    }
    Some(open("sql", json!({ "url": url() })).await.unwrap())
}

/// The same without TLS, for tests that connect often.
async fn without_tls() -> Option<Opened> {
    if !reachable("PostgreSQL", &address()) {
        return None;
    }
    let config = json!({ "url": format!("{}?sslmode=disable", url()) });
    Some(open("sql", config).await.unwrap())
}

pub(crate) async fn memory() -> Opened {
    open("sql", json!({ "url": "sqlite::memory:" }))
        .await
        .unwrap()
}

macro_rules! need {
    ($server:expr) => {
        match $server {
            Some(server) => server,
            None => return,
        }
    };
}

/// A statement as the machine hands it over: `{}` in the text stands for the next value.
pub(crate) fn bound(text: &str, values: &[Json]) -> Json {
    let texts: Vec<&str> = text.split("{}").collect();
    assert_eq!(texts.len(), values.len() + 1);
    json!({ "texts": texts, "values": values })
}

pub(crate) fn query(text: &str, values: &[Json]) -> Json {
    json!({ "query": bound(text, values) })
}

pub(crate) fn exec(text: &str, values: &[Json]) -> Json {
    json!({ "exec": bound(text, values) })
}

/// The single value that a query yields.
pub(crate) async fn one(db: &Opened, text: &str, values: &[Json]) -> Json {
    let res = db.res(query(text, values)).await;
    let row = res["rows"][0].as_object().unwrap().clone();
    row.into_iter().next().unwrap().1
}

pub(crate) async fn fails(db: &Opened, request: Json) -> Failure {
    db.call(request).await.unwrap_err()
}

#[tokio::test]
async fn queries_yield_typed_rows() {
    let db = need!(postgres().await);
    let reply = db
        .call(query(
            "SELECT 2 AS b, 'x' AS a, NULL AS c UNION ALL SELECT 1, 'y', NULL ORDER BY b",
            &[],
        ))
        .await
        .unwrap();
    assert_eq!(
        *reply.value,
        json!({ "rows": [{ "b": 1, "a": "y", "c": null }, { "b": 2, "a": "x", "c": null }], "count": 2 })
    );
    let names: Vec<&String> = reply.value["rows"][0].as_object().unwrap().keys().collect();
    assert_eq!(names, ["b", "a", "c"], "columns keep their order");
    assert!(reply.summary.contains("→ 2 rows in "), "{}", reply.summary);
    assert_eq!(
        db.res(query("SELECT 1 WHERE false", &[])).await,
        json!({ "rows": [], "count": 0 })
    );
    db.close().await;
}

#[tokio::test]
async fn every_common_type_is_read() {
    let db = need!(postgres().await);
    let mood = unique("mood");
    db.res(exec(
        &format!("CREATE TYPE {mood} AS ENUM ('sad', 'ok')"),
        &[],
    ))
    .await;
    for (sql, expected) in [
        ("true", json!(true)),
        ("(-32768)::int2", json!(-32768)),
        ("2147483647", json!(2_147_483_647)),
        ("9223372036854775807", json!(i64::MAX)),
        ("4294967295::oid", json!(4_294_967_295_u32)),
        ("0.1::float4", json!(0.1)),
        ("0.1::float8", json!(0.1)),
        ("'NaN'::float8", json!("NaN")),
        ("99.50::numeric", json!(99.5)),
        ("100.00::numeric(10,2)", json!(100.0)),
        ("12::numeric", json!(12)),
        ("-0.001::numeric", json!(-0.001)),
        (
            "12345678901234567890::numeric",
            json!("12345678901234567890"),
        ),
        ("0.12345678901234567::numeric", json!("0.12345678901234567")),
        ("'é'::text", json!("é")),
        ("'ab'::varchar(5)", json!("ab")),
        ("'ab'::char(4)", json!("ab  ")),
        ("'n'::name", json!("n")),
        ("'{\"a\": [1, null]}'::json", json!({ "a": [1, null] })),
        (
            "'{\"a\": 18446744073709551616}'::jsonb",
            json!({ "a": "18446744073709551616" }),
        ),
        (
            "'00000000-0000-0000-0000-0000000000ff'::uuid",
            json!("00000000-0000-0000-0000-0000000000ff"),
        ),
        ("'\\xff00'::bytea", json!("/wA=")),
        ("'2026-11-24'::date", json!("2026-11-24")),
        ("'infinity'::date", json!("infinity")),
        ("'0044-03-15 BC'::date", json!("-000043-03-15")),
        ("'13:14:15.5'::time", json!("13:14:15.5")),
        ("'13:14:15+02'::timetz", json!("13:14:15+02:00")),
        (
            "'2026-11-24 13:14:15.123456'::timestamp",
            json!("2026-11-24T13:14:15.123456"),
        ),
        (
            "'2026-11-24 13:14:15+02'::timestamptz",
            json!("2026-11-24T11:14:15Z"),
        ),
        ("'-infinity'::timestamptz", json!("-infinity")),
        ("'1 year 2 days 3 hours'::interval", json!("P1Y2DT3H")),
        ("'192.168.0.1'::inet", json!("192.168.0.1")),
        ("'10.0.0.0/8'::cidr", json!("10.0.0.0/8")),
        ("'::1/64'::inet", json!("::1/64")),
        ("'08:00:2b:01:02:03'::macaddr", json!("08:00:2b:01:02:03")),
        ("ARRAY[1, NULL, 3]", json!([1, null, 3])),
        (
            "ARRAY[['a', 'b'], ['c', 'd']]",
            json!([["a", "b"], ["c", "d"]]),
        ),
        ("ARRAY[]::int4[]", json!([])),
        ("ARRAY[1.5, 2]", json!([1.5, 2.0])),
        ("pg_notify('nobody', '')", json!(null)),
        ("'ok'::MOOD", json!("ok")),
        ("ARRAY['ok', 'sad']::MOOD[]", json!(["ok", "sad"])),
    ] {
        let sql = sql.replace("MOOD", &mood);
        let value = one(&db, &format!("SELECT {sql} AS v"), &[]).await;
        // Equal to the digit: 100.0 is not 100.
        assert_eq!(value.to_string(), expected_text(&expected), "{sql}");
    }
    let failure = fails(&db, query("SELECT 1 AS a, 2 AS a", &[])).await;
    assert_eq!(failure.message, "the rows have two columns named \"a\"");
    db.res(exec(&format!("DROP TYPE {mood}"), &[])).await;
    db.close().await;
}

/// What has no better form comes as the server writes it, and nothing fails the query.
#[expect(clippy::too_many_lines, reason = "a table of types")]
#[tokio::test]
async fn every_other_type_is_read_as_its_text() {
    let db = need!(postgres().await);
    let (pair, own) = (unique("pair"), unique("own"));
    db.res(exec(&format!("CREATE TYPE {pair} AS (a int, b text)"), &[]))
        .await;
    db.res(exec(&format!("CREATE DOMAIN {own} AS int4range"), &[]))
        .await;
    let values = [
        "int4range(1, 5)",
        "'empty'::int8range",
        "numrange(1.5, NULL)",
        "tsrange('2026-01-01', '2026-01-02')",
        "tstzrange('2026-01-01', NULL)",
        "daterange('2026-01-01', '2026-01-02')",
        "'{[1,3),[5,8)}'::int4multirange",
        "'{[2026-01-01,2026-02-01)}'::datemultirange",
        "'[1,5)'::OWN",
        "ROW(1, 'x')",
        "ROW(1, 'it''s \"q\"')::PAIR",
        "'1.50'::money",
        "B'1010'",
        "B'1010'::varbit",
        "'(1,2)'::point",
        "'{1,-1,0}'::line",
        "'[(0,0),(1,1)]'::lseg",
        "'(1,1),(0,0)'::box",
        "'[(0,0),(1,1),(2,0)]'::path",
        "'((0,0),(1,1),(2,0))'::polygon",
        "'<(0,0),2>'::circle",
        "'08:00:2b:01:02:03'::macaddr",
        "'08:00:2b:01:02:03:04:05'::macaddr8",
        "'<a>1</a>'::xml",
        "to_tsvector('english', 'a fat cat')",
        "to_tsquery('english', 'fat & cat')",
        "'$.a'::jsonpath",
        "'pg_class'::regclass",
        "'int4'::regtype",
        "'lower(text)'::regprocedure",
        "'pg_catalog'::regnamespace",
        "'(0,1)'::tid",
        "'16/B374D848'::pg_lsn",
        "'10:20:10,14'::pg_snapshot",
        "'7'::xid8",
        "(SELECT relacl FROM pg_class WHERE relname = 'pg_class')",
        "(SELECT ev_action FROM pg_rewrite LIMIT 1)",
        "'refcursor'::refcursor",
        "'P1Y'::interval::text",
        "('a', ROW(1, NULL))",
    ];
    for sql in values {
        let sql = sql.replace("PAIR", &pair).replace("OWN", &own);
        let res = db
            .res(query(
                &format!("SELECT 7 AS id, ({sql}) AS v, ({sql})::text AS t, 'é' AS after"),
                &[],
            ))
            .await;
        let row = &res["rows"][0];
        assert_eq!(
            (&row["id"], &row["after"]),
            (&json!(7), &json!("é")),
            "{sql}"
        );
        if let Json::Array(items) = &row["v"] {
            assert!(items.iter().all(Json::is_string), "{sql}: {row}");
            continue;
        }
        assert_eq!(row["v"], row["t"], "{sql}");
    }
    for (sql, expected) in [
        ("ARRAY[int4range(1, 5), NULL]", json!(["[1,5)", null])),
        ("ARRAY[ROW(1, 'x,y')::PAIR]", json!(["(1,\"x,y\")"])),
        ("ARRAY[ROW(1, 'x')]", json!(["(1,x)"])),
        (
            "ARRAY[['(1,1),(0,0)'::box], ['(3,3),(2,2)'::box]]",
            json!([["(1,1),(0,0)"], ["(3,3),(2,2)"]]),
        ),
        (
            "'[0:1]={\"(1,2)\",\"(3,4)\"}'::point[]",
            json!(["(1,2)", "(3,4)"]),
        ),
        ("ARRAY['[1,5)'::OWN]", json!(["[1,5)"])),
        ("ARRAY['1.5'::numeric, 'NaN']", json!([1.5, "NaN"])),
        ("'infinity'::numeric", json!("Infinity")),
        (
            "'294276-12-31 23:59:59'::timestamptz",
            json!("294276-12-31T23:59:59Z"),
        ),
        ("'4713-01-01 BC'::date", json!("-004712-01-01")),
        ("'5874897-12-31'::date", json!("5874897-12-31")),
        ("'1 2'::int2vector", json!([1, 2])),
    ] {
        let sql = sql.replace("PAIR", &pair).replace("OWN", &own);
        assert_eq!(
            one(&db, &format!("SELECT {sql}"), &[]).await,
            expected,
            "{sql}"
        );
    }
    // As what changes rows and runs functions hands back, and where a session writes its own dates.
    db.res(exec("SET datestyle = 'German, DMY'", &[])).await;
    db.res(exec("SET intervalstyle = 'postgres_verbose'", &[]))
        .await;
    let text = "SELECT '2026-11-24'::date AS d, '1 day'::interval AS i";
    assert_eq!(
        db.res(query(text, &[])).await["rows"],
        json!([{ "d": "2026-11-24", "i": "P1D" }])
    );
    let table = unique("ranges");
    db.res(exec(&format!("CREATE TABLE {table} (r int4range)"), &[]))
        .await;
    let insert = format!("INSERT INTO {table} VALUES ({{}}) RETURNING r");
    assert_eq!(
        db.res(exec(&insert, &[json!("[1,4]")])).await["rows"],
        json!([{ "r": "[1,5)" }])
    );
    let modified = format!(
        "WITH gone AS (DELETE FROM {table} RETURNING r) SELECT r, count(*) OVER () AS n FROM gone"
    );
    assert_eq!(
        db.res(query(&modified, &[])).await["rows"],
        json!([{ "r": "[1,5)", "n": 1 }])
    );
    db.res(exec(&format!("DROP TABLE {table}"), &[])).await;
    db.res(exec(&format!("DROP DOMAIN {own}"), &[])).await;
    db.res(exec(&format!("DROP TYPE {pair}"), &[])).await;
    db.close().await;
}

/// What a statement is given for `json` is JSON text, for `bytea` bytes.
#[tokio::test]
async fn texts_for_json_and_bytes_are_what_they_say() {
    let db = need!(postgres().await);
    for (sql, value, expected) in [
        (
            "jsonb_typeof({}::jsonb)",
            json!("{\"a\":1}"),
            json!("object"),
        ),
        (
            "jsonb_typeof({}::jsonb)",
            json!({ "a": 1 }),
            json!("object"),
        ),
        ("jsonb_typeof({}::jsonb)", json!("\"a\""), json!("string")),
        ("json_typeof({}::json)", json!("7"), json!("number")),
        ("({}::jsonb[])[1] ->> 'a'", json!(["{\"a\":1}"]), json!("1")),
        ("encode({}::bytea, 'hex')", json!("/wA="), json!("2f77413d")),
        (
            "encode({}::bytea, 'hex')",
            json!("\\x00"),
            json!("5c783030"),
        ),
        (
            "encode(decode({}, 'base64'), 'hex')",
            json!("/wA="),
            json!("ff00"),
        ),
    ] {
        let given = value.to_string();
        assert_eq!(
            one(&db, &format!("SELECT {sql}"), &[value]).await,
            expected,
            "{sql} {given}"
        );
    }
    let mut bytes = bound("SELECT encode({}::bytea, 'hex')", &[json!("/wA=")]);
    bytes["types"] = json!({ "/0": "bytes" });
    let res = db.res(json!({ "query": bytes })).await;
    assert_eq!(res["rows"][0]["encode"], json!("ff00"));
    let failure = fails(&db, query("SELECT {}::jsonb", &[json!("a text")])).await;
    assert!(
        failure
            .message
            .starts_with("invalid input syntax for type json (SQLSTATE 22P02)"),
        "{failure}"
    );
    assert_eq!(
        failure.hint.as_deref(),
        Some(
            "the parameters were $1 = \"a text\" (jsonb), which takes JSON text: write ${to_json(value)}"
        )
    );
    db.close().await;
}

fn expected_text(value: &Json) -> String {
    // numeric 2 in an array with 1.5 has no decimals of its own.
    value.to_string().replace("[1.5,2.0]", "[1.5,2]")
}

#[expect(clippy::too_many_lines, reason = "a table of types")]
#[tokio::test]
async fn parameters_take_the_type_that_the_server_infers() {
    let db = need!(postgres().await);
    let (table, mood) = (unique("types"), unique("mood"));
    db.res(exec(
        &format!("CREATE TYPE {mood} AS ENUM ('sad', 'ok')"),
        &[],
    ))
    .await;
    db.res(exec(
        &format!(
            "CREATE TABLE {table} (i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, n numeric(12,2),
             t text, v varchar(3), c char(5), b bool, u uuid, d date, ti time, ts timestamp,
             tz timestamptz, j json, jb jsonb, ia int4[], ta text[], ja jsonb[], m {mood},
             iv interval, ip inet, bi bit(3))"
        ),
        &[],
    ))
    .await;
    let values = [
        ("i2", json!(-5)),
        ("i4", json!(7)),
        ("i8", json!(i64::MIN)),
        ("f4", json!(0.5)),
        ("f8", json!(1e300)),
        ("n", json!(99.5)),
        ("t", json!("it's \"quoted\" \\ ${x} $1")),
        ("v", json!("abc")),
        ("c", json!("abcde")),
        ("b", json!(true)),
        ("u", json!("6f1f7bc0-0000-4000-8000-000000000001")),
        ("d", json!("2026-11-24")),
        ("ti", json!("13:14:15")),
        ("ts", json!("2026-11-24T13:14:15.5")),
        ("tz", json!("2026-11-24T13:14:15Z")),
        ("j", json!({ "a": [1, "x"] })),
        ("jb", json!({ "k": "a text" })),
        ("ia", json!([1, null, 3])),
        ("ta", json!(["a,b", "c\"d", "NULL", "{}"])),
        ("ja", json!([{ "k": "v\"" }, [1]])),
        ("m", json!("ok")),
        ("iv", json!("PT1H")),
        ("ip", json!("10.0.0.1")),
    ];
    let columns: Vec<&str> = values.iter().map(|(name, _)| *name).collect();
    let places = vec!["{}"; values.len()].join(", ");
    let given: Vec<Json> = values.iter().map(|(_, value)| value.clone()).collect();
    let res = db
        .res(exec(
            &format!(
                "INSERT INTO {table} ({}) VALUES ({places})",
                columns.join(", ")
            ),
            &given,
        ))
        .await;
    assert_eq!(res, json!({ "affected": 1 }));
    let res = db
        .res(query(
            &format!("SELECT {} FROM {table}", columns.join(", ")),
            &[],
        ))
        .await;
    for (name, value) in &values {
        assert_eq!(&res["rows"][0][name], value, "{name}");
    }
    // And back, to find them by each: whatever is comparable.
    for (name, value) in values
        .iter()
        .filter(|(name, _)| !matches!(*name, "j" | "ja"))
    {
        let count = one(
            &db,
            &format!("SELECT count(*) FROM {table} WHERE {name} = {{}}"),
            std::slice::from_ref(value),
        )
        .await;
        assert_eq!(count, json!(1), "{name} = {value}");
    }
    let nulls = vec![Json::Null; values.len()];
    db.res(exec(
        &format!(
            "INSERT INTO {table} ({}) VALUES ({places})",
            columns.join(", ")
        ),
        &nulls,
    ))
    .await;
    assert_eq!(
        one(
            &db,
            &format!("SELECT count(*) FROM {table} WHERE t IS NULL"),
            &[]
        )
        .await,
        json!(1)
    );
    // A cast is never a way to lose something.
    let insert = |column: &str| format!("INSERT INTO {table} ({column}) VALUES ({{}})");
    for (column, value, message) in [
        (
            "i2",
            json!(40000),
            "the parameter $1 does not fit: 40000 is out of range for int2",
        ),
        (
            "i4",
            json!(1.5),
            "the parameter $1 does not fit: 1.5 cannot be int4",
        ),
        (
            "i4",
            json!("abc"),
            "invalid input syntax for type integer: \"abc\" (SQLSTATE 22P02)",
        ),
        (
            "v",
            json!("abcd"),
            "value too long for type character varying(3) (SQLSTATE 22001)",
        ),
        (
            "c",
            json!("abcdef"),
            "value too long for type character(5) (SQLSTATE 22001)",
        ),
        (
            "bi",
            json!("10101"),
            "bit string length 5 does not match type bit(3) (SQLSTATE 22026)",
        ),
        (
            "n",
            json!(1e12),
            "numeric field overflow (SQLSTATE 22003): A field with precision 12, scale 2 must round to an absolute value less than 10^10.",
        ),
        (
            "u",
            json!(7),
            "the parameter $1 does not fit: 7 cannot be uuid",
        ),
        ("m", json!("great"), ""),
    ] {
        let failure = fails(&db, exec(&insert(column), std::slice::from_ref(&value))).await;
        assert_eq!(failure.kind, ErrorKind::Protocol);
        if message.is_empty() {
            assert!(
                failure.message.starts_with("invalid input value for enum"),
                "{failure}"
            );
            assert_eq!(
                failure.hint.unwrap(),
                format!("the parameters were $1 = \"great\" ({mood})")
            );
        } else {
            assert_eq!(failure.message, message, "{column} {value}");
        }
    }
    db.res(exec(&format!("DROP TABLE {table}"), &[])).await;
    db.res(exec(&format!("DROP TYPE {mood}"), &[])).await;
    db.close().await;
}

#[tokio::test]
async fn parameters_stand_where_expressions_do() {
    let db = need!(postgres().await);
    for (sql, values, expected) in [
        ("SELECT {}::int + {}", vec![json!(1), json!(2)], json!(3)),
        ("SELECT {}", vec![json!("a")], json!("a")),
        (
            "SELECT 2 = ANY({}::int[])",
            vec![json!([1, 2])],
            json!(true),
        ),
        ("SELECT ({}::int[])[2]", vec![json!([1, 2])], json!(2)),
        (
            "SELECT x FROM generate_series(1, 9) x WHERE x > {} LIMIT {}",
            vec![json!(3), json!(1)],
            json!(4),
        ),
        ("SELECT 'a' || {}", vec![json!("b")], json!("ab")),
        (
            "SELECT {}::jsonb -> 'k' ->> 0",
            vec![json!({ "k": ["v"] })],
            json!("v"),
        ),
        (
            "SELECT now() > {}",
            vec![json!("2020-01-01T00:00:00Z")],
            json!(true),
        ),
        (
            "SELECT '; DROP TABLE a; --' = {}",
            vec![json!("; DROP TABLE a; --")],
            json!(true),
        ),
    ] {
        assert_eq!(one(&db, sql, &values).await, expected, "{sql}");
    }
    let failure = fails(&db, query("SELECT {} + {}", &[json!(1), json!(2)])).await;
    assert!(failure.message.contains("SQLSTATE 42725"), "{failure}");
    assert_eq!(
        failure.hint.as_deref(),
        Some("say the type of the parameter: ${value}::text")
    );
    db.close().await;
}

/// The text is what it is: nothing that stands in a value becomes part of the statement.
#[tokio::test]
async fn no_value_is_ever_pasted() {
    let hostile = [
        "'",
        "''",
        "\\'",
        "\"",
        "$1",
        "$$",
        "; SELECT 1",
        "--",
        "/*",
        "*/",
        "\u{0}'",
        "é\u{2019}",
        "NULL",
        "{1,2}",
        "\\x00",
    ];
    let lite = memory().await;
    for text in hostile {
        assert_eq!(one(&lite, "SELECT {}", &[json!(text)]).await, json!(text));
    }
    lite.close().await;
    let db = need!(postgres().await);
    for text in hostile {
        if text.contains('\0') {
            let failure = fails(&db, query("SELECT {}", &[json!(text)])).await;
            assert!(failure.message.contains("zero byte"), "{failure}");
            continue;
        }
        assert_eq!(one(&db, "SELECT {}", &[json!(text)]).await, json!(text));
        assert_eq!(
            one(&db, "SELECT {}::text[]", &[json!([text, text])]).await,
            json!([text, text])
        );
    }
    let failure = fails(&db, query("SELECT '{}'", &[json!("x")])).await;
    assert_eq!(failure.message, "the `${…}` number 1 stands in quotes");
    db.close().await;
}

#[tokio::test]
async fn errors_of_the_server_say_where() {
    let db = need!(postgres().await);
    let failure = fails(&db, query("SELECT *\nFORM users", &[])).await;
    assert_eq!(failure.kind, ErrorKind::Protocol);
    assert_eq!(
        failure.message,
        "syntax error at or near \"FORM\" (SQLSTATE 42601) at line 2, column 1: FORM users"
    );
    let failure = fails(
        &db,
        query("SELECT nix FROM pg_class WHERE relname = {}", &[json!("a")]),
    )
    .await;
    assert_eq!(
        failure.message,
        "column \"nix\" does not exist (SQLSTATE 42703) at line 1, column 8: nix FROM pg_class WHERE relna…"
    );
    let table = unique("errors");
    db.res(exec(
        &format!("CREATE TABLE {table} (id int PRIMARY KEY)"),
        &[],
    ))
    .await;
    let insert = format!("INSERT INTO {table} VALUES ({{}})");
    db.res(exec(&insert, &[json!(1)])).await;
    let failure = fails(&db, exec(&insert, &[json!(1)])).await;
    assert_eq!(
        failure.message,
        format!(
            "duplicate key value violates unique constraint \"{table}_pkey\" (SQLSTATE 23505): Key (id)=(1) already exists."
        )
    );
    // The connection goes on.
    assert_eq!(
        one(&db, &format!("SELECT count(*) FROM {table}"), &[]).await,
        json!(1)
    );
    // Nothing is remembered of a table that changes.
    db.res(exec(
        &format!("ALTER TABLE {table} ALTER id TYPE text"),
        &[],
    ))
    .await;
    db.res(exec(&insert, &[json!("two")])).await;
    assert_eq!(
        db.res(query(
            &format!("SELECT * FROM {table} WHERE id = {{}}"),
            &[json!("two")]
        ))
        .await["rows"],
        json!([{ "id": "two" }])
    );
    db.res(exec(&format!("DROP TABLE {table}"), &[])).await;
    db.close().await;
}

async fn transactions(db: &Opened) {
    let table = unique("transaction");
    db.res(exec(
        &format!("CREATE TABLE {table} (id int PRIMARY KEY, n int)"),
        &[],
    ))
    .await;
    let insert = format!("INSERT INTO {table} VALUES ({{}}, {{}})");
    let res = db
        .res(json!({ "transaction": [
            bound(&insert, &[json!(1), json!(10)]),
            bound(&insert, &[json!(2), json!(20)]),
            bound(&format!("UPDATE {table} SET n = n + {{}}"), &[json!(1)]),
            bound(&format!("SELECT n FROM {table} ORDER BY id"), &[]),
            bound(&format!("DELETE FROM {table} WHERE id = {{}} RETURNING n"), &[json!(2)]),
        ] }))
        .await;
    let results = res["results"].as_array().unwrap();
    assert_eq!(results.len(), 5);
    assert_eq!(results[2], json!({ "affected": 2 }));
    assert_eq!(results[3]["rows"], json!([{ "n": 11 }, { "n": 21 }]));
    assert_eq!(results[4], json!({ "rows": [{ "n": 21 }], "affected": 1 }));

    let failure = fails(
        db,
        json!({ "transaction": [
            bound(&insert, &[json!(3), json!(30)]),
            bound(&insert, &[json!(1), json!(99)]),
            bound(&insert, &[json!(4), json!(40)]),
        ] }),
    )
    .await;
    assert!(
        failure.message.starts_with("statement 2 of 3: "),
        "{failure}"
    );
    let count = format!("SELECT count(*) FROM {table}");
    assert_eq!(one(db, &count, &[]).await, json!(1), "all or nothing");

    let failure = fails(db, json!({ "transaction": [bound("COMMIT", &[])] })).await;
    assert!(
        failure.message.starts_with("statement 1")
            && failure.message.contains("COMMIT does not hold"),
        "{failure}"
    );
    db.res(exec(&format!("DROP TABLE {table}"), &[])).await;
}

#[tokio::test]
async fn a_transaction_is_all_or_nothing() {
    let lite = memory().await;
    transactions(&lite).await;
    lite.close().await;
    let db = need!(postgres().await);
    transactions(&db).await;
    // A constraint that is checked at COMMIT.
    let table = unique("deferred");
    db.res(exec(
        &format!("CREATE TABLE {table} (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)"),
        &[],
    ))
    .await;
    let insert = bound(&format!("INSERT INTO {table} VALUES (1)"), &[]);
    let failure = fails(&db, json!({ "transaction": [insert, insert] })).await;
    assert!(failure.message.contains("SQLSTATE 23505"), "{failure}");
    assert_eq!(
        one(&db, &format!("SELECT count(*) FROM {table}"), &[]).await,
        json!(0)
    );
    db.res(exec(&format!("DROP TABLE {table}"), &[])).await;
    db.close().await;
}

async fn fixtures(db: &Opened, folder: &Path) {
    let table = unique("fixture");
    let write = |text: String| std::fs::write(folder.join("data.sql"), text).unwrap();
    write(format!(
        "-- a comment; with a semicolon\nBEGIN;\nCREATE TABLE {table} (id int PRIMARY KEY, t text);\n\
         INSERT INTO {table} VALUES (1, 'a;b'), (2, 'it''s');\nINSERT INTO {table} VALUES (3, '?');\nCOMMIT;\n"
    ));
    let res = db.res(json!({ "fixture": "data.sql" })).await;
    assert_eq!(res["statements"], json!(3));
    assert_eq!(res["affected"], json!(3));
    write(format!(
        "INSERT INTO {table} VALUES (4, 'x');\nINSERT INTO {table} VALUES (1, 'y');\n"
    ));
    let failure = fails(db, json!({ "fixture": "data.sql" })).await;
    assert!(
        failure
            .message
            .starts_with("the fixture \"data.sql\" failed: "),
        "{failure}"
    );
    let count = format!("SELECT count(*) FROM {table}");
    assert_eq!(one(db, &count, &[]).await, json!(3), "all or nothing");
    let failure = fails(db, json!({ "fixture": "none.sql" })).await;
    assert!(failure.message.contains("does not exist"), "{failure}");
    db.res(exec(&format!("DROP TABLE {table}"), &[])).await;
}

#[tokio::test]
async fn a_fixture_is_all_or_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let config = json!({ "url": "sqlite::memory:" });
    let lite = open_in("sql", config, folder.path()).await.unwrap();
    fixtures(&lite, folder.path()).await;
    lite.close().await;
    if !reachable("PostgreSQL", &address()) {
        return;
    }
    let db = open_in("sql", json!({ "url": url() }), folder.path())
        .await
        .unwrap();
    fixtures(&db, folder.path()).await;
    db.close().await;
}

#[tokio::test]
async fn rows_have_a_limit() {
    let lite = memory().await;
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
    let started = Instant::now();
    let failure = fails(&lite, query(endless, &[])).await;
    assert_eq!(failure.kind, ErrorKind::Resource);
    assert_eq!(failure.message, "the statement yields more than 10000 rows");
    assert_eq!(one(&lite, "SELECT 1", &[]).await, json!(1));
    let wide = "SELECT printf('%.*c', 2000000, 'x') AS t FROM (SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION
        SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9)";
    let failure = fails(&lite, query(wide, &[])).await;
    assert_eq!(
        failure.message,
        "the statement yields rows of more than 16777216 bytes"
    );
    lite.close().await;
    let db = need!(postgres().await);
    let failure = fails(
        &db,
        query("SELECT generate_series(1, 1000000000) AS i", &[]),
    )
    .await;
    assert_eq!(failure.message, "the statement yields more than 10000 rows");
    let res = db
        .res(query(
            "SELECT * FROM generate_series(1, 10000) AS n(i)",
            &[],
        ))
        .await;
    assert_eq!(res["count"], json!(10000));
    assert!(started.elapsed() < Duration::from_secs(20));
    db.close().await;
}

#[tokio::test]
async fn notifications_are_received() {
    let db = need!(postgres().await);
    let channel = unique("channel");
    let mut messages = db.subscribe(json!({ "listen": channel })).await.unwrap();
    db.res(exec(
        "SELECT pg_notify({}, {})",
        &[json!(channel), json!("{\"id\":7}")],
    ))
    .await;
    db.res(exec(&format!("NOTIFY {channel}, 'plain'"), &[]))
        .await;
    let message = messages.next().await;
    assert_eq!(message["body"], json!({ "id": 7 }));
    assert_eq!(message["text"], json!("{\"id\":7}"));
    assert_eq!(message["channel"], json!(channel));
    assert_eq!(message["headers"], json!({}));
    assert!(message["pid"].as_i64().unwrap() > 0);
    message["at"]
        .as_str()
        .unwrap()
        .parse::<jiff::Timestamp>()
        .unwrap();
    assert_eq!(messages.next().await["body"], json!("plain"));
    let lite = memory().await;
    let failure = lite
        .subscribe(json!({ "listen": "a" }))
        .await
        .err()
        .unwrap();
    assert_eq!(failure.kind, ErrorKind::Protocol);
    assert!(failure.message.contains("PostgreSQL"), "{failure}");
    lite.close().await;
    db.close().await;
}

/// Once `subscribe` has returned, no notification is missed, and each comes once. One connection serves them all: a round
/// is two messages, not a handshake.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_notification_is_missed_after_listen() {
    let watcher = need!(postgres().await);
    let name = unique("rounds");
    let config = json!({ "url": format!("{}?application_name={name}", url()) });
    let db = open("sql", config).await.unwrap();
    for round in 0..100 {
        let channel = unique("confirmed");
        let scope = Scope::new();
        let listening = Opened::with_scope(&db, scope.clone());
        let mut messages = listening
            .subscribe(json!({ "listen": channel }))
            .await
            .unwrap();
        db.res(exec(
            "SELECT pg_notify({}, {})",
            &[json!(channel), json!(round)],
        ))
        .await;
        db.res(exec("SELECT pg_notify({}, 'last')", &[json!(channel)]))
            .await;
        assert_eq!(messages.next().await["body"], json!(round));
        assert_eq!(messages.next().await["body"], json!("last"));
        assert_eq!(messages.received(), 2);
        assert!(scope.close().await);
        // What has heard something hears nothing of it any more.
        db.res(exec("SELECT pg_notify({}, 'late')", &[json!(channel)]))
            .await;
    }
    // One that asks, and one that listens.
    assert_eq!(connections(&watcher, &name, 2).await, 2);
    // Those that listen at once do so apart.
    let first = db.subscribe(json!({ "listen": name })).await.unwrap();
    let second = db.subscribe(json!({ "listen": name })).await.unwrap();
    assert_eq!(connections(&watcher, &name, 3).await, 3);
    drop((first, second));
    db.close().await;
    assert_eq!(connections(&watcher, &name, 0).await, 0);
    watcher.close().await;
}

#[tokio::test]
async fn a_lost_listener_says_so() {
    let db = need!(postgres().await);
    let (channel, name) = (unique("lost"), unique("listener"));
    let config = json!({ "url": format!("{}?application_name={name}", url()) });
    let other = open("sql", config).await.unwrap();
    let mut messages = other.subscribe(json!({ "listen": channel })).await.unwrap();
    db.res(query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = {}",
        &[json!(name)],
    ))
    .await;
    let failure = messages.result().await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Transport);
    assert!(failure.message.contains("lost"), "{failure}");
    other.close().await;
    db.close().await;
}

/// How many connections of this name the server has, once it has had time to notice.
async fn connections(db: &Opened, name: &str, expected: i64) -> i64 {
    let started = Instant::now();
    loop {
        let count = one(
            db,
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = {}",
            &[json!(name)],
        )
        .await
        .as_i64()
        .unwrap();
        if count == expected || started.elapsed() > Duration::from_secs(5) {
            return count;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_connection_is_left_after_200_sessions() {
    let db = need!(postgres().await);
    let name = unique("leaks");
    // Without TLS, which would take most of the time.
    let config = json!({ "url": format!("{}?sslmode=disable&application_name={name}", url()) });
    for round in 0_u64..200 {
        let other = open("sql", config.clone()).await.unwrap();
        other.res(query("SELECT 1", &[])).await;
        if round % 10 == 0 {
            drop(other.subscribe(json!({ "listen": name })).await.unwrap());
        }
        // Given up at any point: while it connects, while it waits, or when it is done.
        let sleeping = other.call(query("SELECT pg_sleep(60)", &[]));
        let _ = tokio::time::timeout(Duration::from_micros(round * 50), sleeping).await;
        other.close().await;
    }
    assert_eq!(connections(&db, &name, 0).await, 0);
    db.close().await;
}

/// What is given up holds no locks when its scope has closed.
#[tokio::test]
async fn a_call_that_is_given_up_lets_go_of_its_locks() {
    let db = need!(postgres().await);
    let table = unique("locks");
    db.res(exec(&format!("CREATE TABLE {table} (id int)"), &[]))
        .await;
    db.res(exec(&format!("INSERT INTO {table} VALUES (1)"), &[]))
        .await;
    let other = need!(postgres().await);
    let scope = Scope::new();
    let visit = Opened::with_scope(&other, scope.clone());
    let slow = visit.call(json!({ "transaction": [
        bound(&format!("UPDATE {table} SET id = 2"), &[]),
        bound("SELECT pg_sleep(60)", &[]),
    ] }));
    assert!(
        tokio::time::timeout(Duration::from_millis(300), slow)
            .await
            .is_err()
    );
    let started = Instant::now();
    assert!(scope.close().await);
    let update = db.call(exec(&format!("UPDATE {table} SET id = 3"), &[]));
    let done = tokio::time::timeout(Duration::from_secs(2), update).await;
    assert_eq!(
        done.expect("the lock is gone").unwrap().value["affected"],
        json!(1)
    );
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
    // The client goes on.
    assert_eq!(
        one(&other, &format!("SELECT id FROM {table}"), &[]).await,
        json!(3)
    );
    db.res(exec(&format!("DROP TABLE {table}"), &[])).await;
    other.close().await;
    db.close().await;
}

#[tokio::test]
async fn a_statement_may_have_a_timeout_of_its_own() {
    if !reachable("PostgreSQL", &address()) {
        return;
    }
    let config = json!({ "url": url(), "statement_timeout": "100ms" });
    let db = open("sql", config).await.unwrap();
    let failure = fails(&db, query("SELECT pg_sleep(60)", &[])).await;
    assert_eq!(failure.kind, ErrorKind::Timeout);
    assert_eq!(
        failure.message,
        "the statement took longer than its `statement_timeout` of 100ms"
    );
    assert_eq!(one(&db, "SELECT 1", &[]).await, json!(1));
    db.close().await;
}

#[tokio::test]
async fn connections_are_limited_and_shared() {
    if !reachable("PostgreSQL", &address()) {
        return;
    }
    let name = unique("limit");
    let config = json!({
        "url": format!("{}?application_name={name}", url()), "max_connections": 2,
    });
    let db = open("sql", config).await.unwrap();
    // One after the other: one connection, so that what a session remembers holds.
    db.res(exec("SET statement_timeout = '77s'", &[])).await;
    assert_eq!(one(&db, "SHOW statement_timeout", &[]).await, json!("77s"));
    let sleep = || db.call(query("SELECT pg_sleep(0.05)", &[]));
    let all = futures_util::future::join_all((0..8).map(|_| sleep())).await;
    assert!(all.iter().all(Result::is_ok));
    let watcher = need!(postgres().await);
    assert_eq!(connections(&watcher, &name, 2).await, 2);
    // One that the server closed meanwhile is replaced.
    watcher
        .res(query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = {}",
            &[json!(name)],
        ))
        .await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(one(&db, "SELECT 1", &[]).await, json!(1));
    db.close().await;
    assert_eq!(connections(&watcher, &name, 0).await, 0);
    watcher.close().await;
}

#[tokio::test]
async fn servers_that_refuse_are_named_without_passwords() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let config = json!({ "url": format!("postgres://me:hunter22@127.0.0.1:{port}/shop") });
    let db = open("sql", config).await.unwrap();
    let failure = fails(&db, query("SELECT 1", &[])).await;
    assert_eq!(failure.kind, ErrorKind::Transport);
    assert_eq!(
        failure.message,
        format!("cannot reach postgres://127.0.0.1:{port}/shop: connection refused")
    );
    let failure = db.subscribe(json!({ "listen": "a" })).await.err().unwrap();
    assert!(failure.message.contains("connection refused"), "{failure}");
    db.close().await;

    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let url = format!("postgres://127.0.0.1:{port}/shop");
    let db = open("sql", json!({ "url": url, "connect_timeout": "100ms" }))
        .await
        .unwrap();
    let failure = fails(&db, query("SELECT 1", &[])).await;
    assert_eq!(
        failure.message,
        format!("cannot reach {url}: no answer within 100ms")
    );
    db.close().await;

    for url in [
        "mysql://me:hunter22@h/d",
        "postgres://me:hunter22@h:99999999/d",
        "hunter22",
        "://hunter22",
    ] {
        let failure = open("sql", json!({ "url": url })).await.err().unwrap();
        assert!(!format!("{failure:?}").contains("hunter22"), "{failure:?}");
    }
    let failure = open("sql", Json::Null).await.err().unwrap();
    assert_eq!(
        failure.message,
        "no database is configured for the client `sql`"
    );
    assert!(failure.hint.unwrap().contains("clients:"));

    if !reachable("PostgreSQL", &address()) {
        return;
    }
    let config = json!({ "url": format!("postgres://postgres@{}/nowhere_at_all", address()) });
    let db = open("sql", config).await.unwrap();
    let failure = fails(&db, query("SELECT 1", &[])).await;
    assert_eq!(failure.kind, ErrorKind::Transport);
    assert_eq!(
        failure.message,
        format!(
            "postgres://{}/nowhere_at_all refused the connection: database \"nowhere_at_all\" does not exist (SQLSTATE 3D000)",
            address()
        )
    );
    db.close().await;
}

#[tokio::test]
async fn a_database_host_must_be_permitted() {
    let mut permissions = Permissions::standard(Path::new("."));
    permissions.net = Some(vec!["example.test".into()]);
    let failure = open_with(
        "sql",
        json!({ "url": "postgres://10.0.0.1/a" }),
        Path::new("."),
        permissions,
    )
    .await
    .err()
    .unwrap();
    assert_eq!(
        failure.message,
        "the task may not reach the host \"10.0.0.1\""
    );
}

#[tokio::test]
async fn a_test_without_its_server_says_so() {
    if std::env::var("FUNCY_TEST_SERVICES").is_err() {
        missing("nothing, this only shows the words");
    }
}

#[tokio::test]
async fn connections_are_encrypted_where_the_server_can() {
    let db = need!(postgres().await);
    if one(&db, "SHOW ssl", &[]).await == json!("on") {
        let ssl = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        assert_eq!(one(&db, ssl, &[]).await, json!(true));
        let plain = need!(without_tls().await);
        assert_eq!(one(&plain, ssl, &[]).await, json!(false));
        plain.close().await;
        let config = json!({ "url": format!("{}?sslmode=verify-full", url()) });
        let strict = open("sql", config).await.unwrap();
        let failure = fails(&strict, query("SELECT 1", &[])).await;
        assert_eq!(failure.kind, ErrorKind::Protocol);
        assert!(
            (failure.message).starts_with("the TLS certificate of postgres://"),
            "{failure}"
        );
        strict.close().await;
    }
    db.close().await;
}
