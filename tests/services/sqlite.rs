//! SQLite, which needs no server.

use crate::harness::{Opened, open_in, open_with};
use crate::sql::{bound, exec, fails, memory, one, query};
use funcy::client::Scope;
use funcy::event::{Json, Permissions};
use serde_json::json;
use std::time::{Duration, Instant};

#[tokio::test]
async fn sqlite_values_keep_their_storage_class() {
    let db = memory().await;
    db.res(exec(
        "CREATE TABLE t (a INTEGER, b REAL, c TEXT, d BLOB, e BOOLEAN, f ANY)",
        &[],
    ))
    .await;
    let values = [
        json!(i64::MAX),
        json!(0.5),
        json!("é"),
        json!({ "k": [1] }),
        json!(true),
        json!(null),
    ];
    let res = db
        .res(exec(
            "INSERT INTO t VALUES ({}, {}, {}, {}, {}, {}) RETURNING rowid",
            &values,
        ))
        .await;
    assert_eq!(
        res,
        json!({ "rows": [{ "rowid": 1 }], "count": 1, "affected": 1 })
    );
    assert_eq!(
        db.res(query("SELECT *, x'ff00' AS g, 1e999 AS h FROM t", &[]))
            .await["rows"],
        json!([{
            "a": i64::MAX, "b": 0.5, "c": "é", "d": "{\"k\":[1]}", "e": 1, "f": null, "g": "/wA=", "h": "Infinity",
        }])
    );
    let failure = fails(&db, query("SELECT {}", &[json!(u64::MAX)])).await;
    assert!(failure.message.contains("out of range"), "{failure}");
    assert_eq!(
        db.res(exec(
            "UPDATE t SET b = {} WHERE a = {}",
            &[json!(2), json!(0)]
        ))
        .await,
        json!({ "affected": 0 })
    );
    assert_eq!(
        db.res(exec("UPDATE t SET b = 2", &[])).await,
        json!({ "affected": 1 })
    );
    assert_eq!(
        db.res(exec("CREATE TABLE u (a)", &[])).await,
        json!({ "affected": 0 }),
        "a change of the tables changes no rows"
    );
    db.res(exec("ALTER TABLE t ADD COLUMN z DEFAULT 9", &[]))
        .await;
    assert_eq!(one(&db, "SELECT z FROM t", &[]).await, json!(9));
    let failure = fails(&db, query("SELECT nix FROM t", &[])).await;
    assert_eq!(failure.message, "no such column: nix (SQLite 1)");
    db.close().await;
}

#[tokio::test]
async fn sqlite_is_interrupted_and_memory_survives() {
    let db = memory().await;
    db.res(exec("CREATE TABLE t (a)", &[])).await;
    let endless =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    for _ in 0..5 {
        let scope = Scope::new();
        let visit = Opened::with_scope(&db, scope.clone());
        let slow = visit.call(json!({ "transaction": [
            bound("INSERT INTO t VALUES (1)", &[]),
            bound(endless, &[]),
        ] }));
        assert!(
            tokio::time::timeout(Duration::from_millis(50), slow)
                .await
                .is_err()
        );
        let started = Instant::now();
        assert!(scope.close().await);
        assert!(
            started.elapsed() < Duration::from_secs(1),
            "{:?}",
            started.elapsed()
        );
        assert_eq!(
            one(&db, "SELECT count(*) FROM t", &[]).await,
            json!(0),
            "rolled back"
        );
    }
    db.close().await;
}

#[tokio::test]
async fn sqlite_files_need_permission() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let readable = Permissions::standard(&root);
    let mut writable = Permissions::standard(&root);
    writable.write = vec![root.clone()];
    let file = async |url: &str, permissions: &Permissions| {
        open_with("sql", json!({ "url": url }), &root, permissions.clone()).await
    };

    let failure = file("sqlite:shop.db", &writable).await.err().unwrap();
    assert_eq!(failure.message, "the database \"shop.db\" does not exist");
    let failure = file("sqlite:shop.db?mode=rwc", &readable)
        .await
        .err()
        .unwrap();
    assert!(
        failure.message.starts_with("the task may not write"),
        "{failure}"
    );

    let db = file("sqlite:shop.db?mode=rwc", &writable).await.unwrap();
    db.res(exec("CREATE TABLE t (a)", &[])).await;
    db.res(exec("INSERT INTO t VALUES (7)", &[])).await;
    db.close().await;

    // Without the right to write it can still be read.
    let db = file("sqlite:shop.db", &readable).await.unwrap();
    assert_eq!(one(&db, "SELECT a FROM t", &[]).await, json!(7));
    let failure = fails(&db, exec("INSERT INTO t VALUES (8)", &[])).await;
    assert!(failure.message.contains("readonly"), "{failure}");
    assert!(failure.hint.unwrap().contains("--allow-write"));
    db.close().await;

    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::write(elsewhere.path().join("x.db"), "").unwrap();
    let url = format!("sqlite:{}", elsewhere.path().join("x.db").display());
    let failure = file(&url, &writable).await.err().unwrap();
    assert!(
        failure.message.starts_with("the task may not read"),
        "{failure}"
    );
}

/// SQLite itself says which files a statement opens, however it is written.
#[expect(clippy::too_many_lines, reason = "a table of statements")]
#[tokio::test]
async fn sqlite_opens_no_other_file_without_permission() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let mut permissions = Permissions::standard(&root);
    permissions.write = vec![root.clone()];
    let elsewhere = tempfile::tempdir().unwrap();
    let outside = elsewhere.path().canonicalize().unwrap().join("o.db");
    std::fs::write(&outside, "").unwrap();
    let outside = outside.display();
    std::os::unix::fs::symlink(elsewhere.path(), root.join("link")).unwrap();
    let config = json!({ "url": "sqlite:shop.db?mode=rwc" });
    let db = open_with("sql", config, &root, permissions.clone())
        .await
        .unwrap();
    db.res(exec("CREATE TABLE t (begin)", &[])).await;
    let (link, inside) = (root.join("link/o.db"), root.join("in.db"));
    let (link, inside) = (link.display(), inside.display());
    for (sql, message) in [
        (
            format!("ATTACH '{outside}' AS o"),
            "the task may not read /",
        ),
        (
            format!("ATTACH DATABASE '{link}' AS o"),
            "the task may not read /",
        ),
        (
            format!("/* x */ aTTaCH \"{outside}\" AS o"),
            "the task may not read /",
        ),
        (
            format!("EXPLAIN ATTACH '{outside}' AS o"),
            "the task may not read /",
        ),
        (
            format!("VACUUM INTO '{outside}'"),
            "the task may not read /",
        ),
        (
            format!("VACUUM INTO '{outside}' || ''"),
            "the task may not read /",
        ),
        (
            "ATTACH 'other.db' AS o".into(),
            "the task may not open the database \"other.db\"",
        ),
        (
            format!("ATTACH 'file:{outside}' AS o"),
            "the task may not open the database",
        ),
        (
            format!("ATTACH 'file:{inside}?mode=rwc' AS o"),
            "the task may not open the database",
        ),
        (
            format!("ATTACH '{outside}' || '' AS o"),
            "the file of ATTACH is not written as a text",
        ),
        (
            "SELECT load_extension('/tmp/x.so')".into(),
            "extensions of SQLite are not loaded",
        ),
        (
            "PRAGMA temp_store_directory = '/tmp'".into(),
            "PRAGMA temp_store_directory would move",
        ),
    ] {
        let mut requests = vec![exec(&sql, &[])];
        if !sql.contains("VACUUM") {
            requests.push(json!({ "transaction": [bound(&sql, &[])] }));
        }
        for request in requests {
            let failure = fails(&db, request).await;
            assert!(failure.message.contains(message), "{sql}: {failure}");
            assert!(failure.hint.is_some(), "{sql}: {failure}");
        }
    }
    let failure = fails(&db, exec("ATTACH {} AS o", &[json!(outside.to_string())])).await;
    assert_eq!(
        failure.message,
        "the file of ATTACH is not written as a text"
    );
    let failure = fails(&db, exec("VACUUM INTO {}", &[json!(outside.to_string())])).await;
    assert!(
        failure.message.starts_with("the task may not read"),
        "{failure}"
    );
    assert!(failure.hint.unwrap().contains("--allow-read="));
    std::fs::write(
        root.join("f.sql"),
        format!("CREATE TABLE u (begin);\nATTACH '{outside}' AS o;\n"),
    )
    .unwrap();
    let failure = fails(&db, json!({ "fixture": "f.sql" })).await;
    assert!(
        failure.message.contains("the task may not read"),
        "{failure}"
    );
    assert_eq!(std::fs::read(outside.to_string()).unwrap(), b"");

    // What is permitted works.
    db.res(exec("VACUUM", &[])).await;
    db.res(exec(&format!("VACUUM INTO '{inside}'"), &[])).await;
    db.res(exec(&format!("ATTACH '{inside}' AS i"), &[])).await;
    assert_eq!(one(&db, "SELECT count(*) FROM i.t", &[]).await, json!(0));
    db.res(exec("ATTACH ':memory:' AS m", &[])).await;
    db.close().await;

    // A connection that only reads opens others to read alone.
    permissions.write.clear();
    let config = json!({ "url": "sqlite:shop.db" });
    let db = open_with("sql", config, &root, permissions.clone())
        .await
        .unwrap();
    db.res(exec(&format!("ATTACH '{inside}' AS i"), &[])).await;
    let failure = fails(&db, exec("INSERT INTO i.t VALUES (1)", &[])).await;
    assert!(failure.message.contains("readonly"), "{failure}");
    db.close().await;
    let config = json!({ "url": "sqlite::memory:" });
    let db = open_with("sql", config, &root, permissions).await.unwrap();
    let failure = fails(&db, exec(&format!("ATTACH '{inside}' AS i"), &[])).await;
    assert!(
        failure.message.starts_with("the task may not write"),
        "{failure}"
    );
    assert!(failure.hint.unwrap().contains("--allow-write="));
    db.close().await;
    let db = open_in("sql", json!({ "url": "sqlite::memory:" }), &root)
        .await
        .unwrap();
    db.res(exec(&format!("ATTACH '{outside}' AS o"), &[])).await;
    db.close().await;
}

/// Where one statement ends and the next begins is SQLite's to say.
#[tokio::test]
async fn sqlite_splits_its_statements_itself() {
    let folder = tempfile::tempdir().unwrap();
    let config = json!({ "url": "sqlite::memory:" });
    let db = open_in("sql", config, folder.path()).await.unwrap();
    for sql in [
        "CREATE TABLE a (begin int); SELECT 1",
        "CREATE TABLE a (b); INSERT INTO a VALUES (1)",
        "SELECT 1; nonsense",
    ] {
        let failure = fails(&db, exec(sql, &[])).await;
        assert!(
            failure
                .message
                .ends_with("statements are written where one is due"),
            "{sql}: {failure}"
        );
    }
    assert_eq!(
        one(&db, "SELECT count(*) FROM sqlite_schema", &[]).await,
        json!(0)
    );
    for sql in ["", " ; ", "-- nothing", "/* nothing"] {
        let failure = fails(&db, exec(sql, &[])).await;
        assert_eq!(failure.message, "the statement is empty", "{sql:?}");
    }
    for sql in [
        "BEGIN",
        "/**/ COMMIT",
        "end",
        "ROLLBACK",
        "SAVEPOINT a",
        "RELEASE a",
    ] {
        let failure = fails(&db, exec(sql, &[])).await;
        assert!(
            failure.message.contains("from one request"),
            "{sql}: {failure}"
        );
    }
    assert_eq!(one(&db, "SELECT 1 ; ; -- end", &[]).await, json!(1));
    db.res(exec("CREATE TABLE a (begin, \"end\")", &[])).await;
    db.res(exec(
        "CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET begin = CASE WHEN 1 THEN 2 END; DELETE FROM a WHERE 0; END;",
        &[],
    ))
    .await;
    assert_eq!(
        db.res(exec("INSERT INTO a VALUES (1, 1)", &[])).await,
        json!({ "affected": 1 })
    );
    let write = |text: &str| std::fs::write(folder.path().join("f.sql"), text).unwrap();
    write(
        "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE begin (x);\nINSERT INTO begin VALUES ('COMMIT;');\nCOMMIT;\n",
    );
    assert_eq!(
        db.res(json!({ "fixture": "f.sql" })).await,
        json!({ "affected": 1, "statements": 3 })
    );
    for wrong in [
        "COMMIT; SELECT 1",
        "BEGIN; COMMIT; BEGIN; COMMIT",
        "ROLLBACK",
        "BEGIN; SELECT 1",
    ] {
        write(wrong);
        let failure = fails(&db, json!({ "fixture": "f.sql" })).await;
        assert!(
            failure.message.contains("controls transactions"),
            "{wrong}: {failure}"
        );
    }
    write("-- nothing\n");
    let failure = fails(&db, json!({ "fixture": "f.sql" })).await;
    assert!(failure.message.contains("holds no statement"), "{failure}");
    db.close().await;
}

#[tokio::test]
async fn sqlite_takes_and_yields_every_value() {
    let db = memory().await;
    let mut bytes = bound(
        "SELECT typeof({}), hex({})",
        &[json!("/wA="), json!("/wA=")],
    );
    bytes["types"] = json!({ "/0": "bytes" });
    let res = db.res(json!({ "query": bytes })).await;
    let values: Vec<&Json> = res["rows"][0].as_object().unwrap().values().collect();
    assert_eq!(values, [&json!("blob"), &json!("2F77413D")]);
    for (sql, expected) in [
        ("CAST(x'61ff' AS TEXT)", json!("a\u{fffd}")),
        ("9223372036854775807 + 1", json!(9.223_372_036_854_776e18)),
        ("-1e999", json!("-Infinity")),
        ("zeroblob(2)", json!("AAA=")),
    ] {
        assert_eq!(
            one(&db, &format!("SELECT {sql}"), &[]).await,
            expected,
            "{sql}"
        );
    }
    db.close().await;
}

#[tokio::test]
async fn sqlite_files_are_shared_with_other_connections() {
    let folder = tempfile::tempdir().unwrap();
    let config = json!({ "url": "sqlite:shop.db?mode=rwc" });
    let one_side = open_in("sql", config.clone(), folder.path()).await.unwrap();
    let other = open_in("sql", config, folder.path()).await.unwrap();
    one_side.res(exec("CREATE TABLE t (a)", &[])).await;
    let insert = |db: &Opened| {
        let db = Opened::with_scope(db, Scope::new());
        async move {
            db.call(exec("INSERT INTO t VALUES (1)", &[]))
                .await
                .map(drop)
        }
    };
    let all = futures_util::future::join_all(
        (0..40).map(|n| insert(if n % 2 == 0 { &one_side } else { &other })),
    )
    .await;
    all.into_iter().collect::<Result<Vec<()>, _>>().unwrap();
    assert_eq!(one(&other, "SELECT count(*) FROM t", &[]).await, json!(40));
    one_side.close().await;
    other.close().await;
}

#[tokio::test]
async fn a_locked_sqlite_file_says_so_and_waiting_for_it_can_be_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let config = json!({ "url": "sqlite:shop.db?mode=rwc" });
    let db = open_in("sql", config, folder.path()).await.unwrap();
    db.res(exec("CREATE TABLE t (a)", &[])).await;
    let holder = rusqlite::Connection::open(folder.path().join("shop.db")).unwrap();
    holder.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let scope = Scope::new();
    let visit = Opened::with_scope(&db, scope.clone());
    let waiting = visit.call(exec("INSERT INTO t VALUES (1)", &[]));
    assert!(
        tokio::time::timeout(Duration::from_millis(100), waiting)
            .await
            .is_err()
    );
    assert!(scope.close().await, "it stops within the scope's time");
    let failure = fails(&db, exec("INSERT INTO t VALUES (2)", &[])).await;
    assert_eq!(failure.message, "database is locked (SQLite 5)");
    assert!(failure.hint.unwrap().contains("lock"));
    holder.execute_batch("ROLLBACK").unwrap();
    assert_eq!(one(&db, "SELECT count(*) FROM t", &[]).await, json!(0));
    db.close().await;
}
