//! `funcy eval`: one expression by itself.

use super::pty::Terminal;
use super::suite::{Running, Suite};
use rustix::process::Signal;
use serde_json::json;
use std::time::Duration;

const ORDER: &str = r#"{"ok": true, "status": "new", "items": [{"price": 10}, {"price": 9.5}]}"#;

/// A shop of its own, and where it is.
fn shop() -> (Running, String) {
    let shop = Suite::new()
        .start(["demo", "--listen", "127.0.0.1:0"])
        .until_says("the shop is open")
        .until_says("\n");
    let address = shop.address();
    (shop, address)
}

fn place(suite: &Suite, shop: &str, outcome: &str) {
    let request =
        format!("{{post: {shop}/orders, json: {{sku: A-1, qty: 2, outcome: {outcome}}}}}");
    suite
        .run(["eval", "res.body.id == 1", "--http", &request])
        .exits(0)
        .prints("true");
}

#[test]
fn an_expression_by_itself_is_computed() {
    let suite = Suite::new();
    let cases = [
        ("2 + 2", "4\n", 0),
        ("1 < 2", "true\n", 0),
        ("2 < 1", "false\n", 1),
        ("'a text, ' + 'raw'", "a text, raw\n", 0),
        ("#{a: [1, null]}", "{\"a\":[1,null]}\n", 0),
        ("null", "null\n", 1),
        ("let a = 20; a + 1", "21\n", 0),
    ];
    for (expression, printed, code) in cases {
        let ran = suite.run(["eval", expression]).exits(code);
        assert_eq!((&*ran.stdout, &*ran.stderr), (printed, ""), "{ran}");
    }
    suite
        .run(["eval", "n * 2 + len(s)", "--var", "n=20", "--var", "s=ab"])
        .exits(0)
        .prints("42");
}

#[test]
fn a_file_is_looked_at_as_what_its_name_says_or_its_content_is() {
    let suite = Suite::new()
        .file("o.json", ORDER)
        .file(
            "o.yaml",
            "items: [{price: 10}]\nbig: 12345678901234567890\n",
        )
        .file("o.txt", "all is well\n")
        .file("answer", ORDER)
        .file("broken.json", "{");
    let holds = |expression: &str, file: &str| {
        suite
            .run(["eval", expression, "--input", file])
            .exits(0)
            .prints("true\n");
    };
    holds("res.body.items[1].price == 9.5", "o.json");
    holds("res.size > 20 and contains(res.text, 'price')", "o.json");
    holds("res.body.items[0].price == 10", "o.yaml");
    holds("starts_with(res.body, 'all is')", "o.txt");
    holds("res.body.ok", "answer");
    suite
        .fed(ORDER, &["eval", "len(res.body.items)", "--input", "-"])
        .exits(0)
        .prints("2\n");
    suite
        .fed("no JSON", &["eval", "res.body", "--input", "-"])
        .exits(0)
        .prints("no JSON\n");
    suite
        .run(["eval", "true", "--input", "broken.json"])
        .exits(3)
        .says("`broken.json` is no JSON");
    suite
        .run(["eval", "true", "--input", "nothing.json"])
        .exits(3)
        .says("there is no file `nothing.json`");
}

#[test]
fn explain_shows_every_operand_and_where_structures_differ() {
    let many: serde_json::Value = (0..60).map(|at| json!({ "price": at })).collect();
    let suite = Suite::new()
        .file("o.json", ORDER)
        .file("many.json", json!({ "items": many }).to_string());
    suite
        .run([
            "eval",
            "res.body.statuss == 'new' && res.body.ok",
            "--input",
            "o.json",
            "--explain",
        ])
        .exits(1)
        .prints("unknown: missing == \"new\"")
        .prints("res.body.statuss is missing; nearest: status");
    suite
        .run([
            "eval",
            "res.body.ok && res.body.items[1].price > 3",
            "--input",
            "o.json",
            "--explain",
        ])
        .exits(0)
        .prints("9.5 > 3")
        .prints_no("^");
    // However long the list is: only what differs, and no more of it than one can read.
    suite
        .run(["eval", "res.body.items == res.body.items.map(|i| #{price: if i.price == 50 { 7 } else { i.price }})", "--input", "many.json", "--explain"])
        .exits(1)
        .prints("60 items and 60 items, compared below")
        .prints("$[50].price  50 → 7")
        .prints_no("$[49]");
    suite
        .run([
            "eval",
            "res.body.items == res.body.items.map(|i| i.price)",
            "--input",
            "many.json",
            "--explain",
        ])
        .exits(1)
        .prints("$[39]")
        .prints_no("$[40]")
        .prints("+20 more");
    let text: String = (0..100).map(|at| format!("line {at}\\n")).collect();
    suite
        .run([
            "eval",
            &format!("'{text}' == '{}'", text.replace("line 70", "line seventy")),
            "--explain",
        ])
        .exits(1)
        .prints("-line 70\n")
        .prints("+line seventy\n")
        .prints_no("line 60\n");
}

#[test]
fn mistakes_are_shown_at_their_place() {
    let suite = Suite::new();
    let says = |args: &[&str], place: &str, hint: &str| {
        suite
            .run([&["eval"], args].concat())
            .exits(2)
            .prints_nothing()
            .says(place)
            .says(hint);
    };
    says(&["2 +"], "eval:1:3", "a value is missing");
    says(
        &["1 == 1 &&\n stauts == 1", "--var", "status=1"],
        "eval:2:2",
        "did you mean `status`?",
    );
    says(&["lenn([1])"], "eval:1:1", "did you mean `len`?");
    says(
        &["res.status == 200"],
        "eval:1:1",
        "--input FILE, --http REQUEST",
    );
    says(
        &["true", "--http", "GTE http://127.0.0.1/"],
        "eval:2:1",
        "no method `GTE`",
    );
    says(
        &["true", "--client", "htpp", "GET /"],
        "there is no client `htpp`",
        "did you mean `http`?",
    );
    says(
        &["true", "--http", "{get: /x, jsn: 1}"],
        "eval:2:11",
        "json",
    );
    says(
        &["true", "--client", "http"],
        "asked nothing",
        "--subscribe",
    );
    says(&["true", "--until"], "--until", "--http");
    says(
        &["true", "--http", "GET /", "--input", "x"],
        "--input",
        "--http",
    );
    for flag in ["--every", "--timeout"] {
        says(
            &["true", "--http", "GET /", "--until", flag, "0s"],
            flag,
            "longer than nothing",
        );
    }
    says(&["true", "--timeout", "5"], "--timeout", "5s");
    let ran = suite.run(["eval", "2 +", "--format", "json"]).exits(2);
    assert_eq!(ran.json_lines().len(), 1, "{ran}");
}

#[test]
fn what_cannot_be_evaluated_is_3() {
    let suite = Suite::new();
    suite
        .run(["eval", "'3' > 3"])
        .exits(3)
        .says("eval:1:1")
        .says("cannot compare");
    suite
        .run(["eval", "true", "--http", "GET http://127.0.0.1:9/"])
        .exits(3)
        .prints_nothing()
        .says("refused")
        .says("curl -sS http://127.0.0.1:9/");
    suite
        .run(["eval", "env('HOME') != null"])
        .exits(3)
        .says("--allow-env=HOME");
    suite
        .run(["eval", "env('HOME') != null", "--allow-env", "HOME"])
        .exits(0)
        .prints("true");
    suite
        .run([
            "eval",
            "res.stdout",
            "--client",
            "exec",
            "{command: [echo, hello]}",
        ])
        .exits(3)
        .says("--allow-exec=echo");
    suite
        .run([
            "eval",
            "res.stdout",
            "--client",
            "exec",
            "{command: [echo, hello]}",
            "--allow-exec",
            "echo",
        ])
        .exits(0)
        .prints("hello");
}

#[test]
fn json_is_one_document_a_line() {
    let suite = Suite::new().file("o.json", ORDER);
    let ran = suite
        .run([
            "eval",
            "res.body.items",
            "--input",
            "o.json",
            "--format",
            "json",
            "--explain",
        ])
        .exits(0);
    let lines = ran.json_lines();
    assert_eq!(lines.len(), 1);
    assert_eq!(
        lines[0]["value"],
        json!([{ "price": 10 }, { "price": 9.5 }])
    );
    assert_eq!(lines[0]["explanation"]["source"], "res.body.items");
    let ran = suite
        .run([
            "eval",
            "res.status",
            "--http",
            "GET http://127.0.0.1:9/",
            "--format",
            "json",
        ])
        .exits(3);
    assert_eq!(ran.json_lines()[0]["error"]["kind"], "transport", "{ran}");
}

#[test]
fn the_suite_brings_clients_variables_scripts_and_services() {
    let suite = Suite::new();
    suite.run(["init"]).exits(0);
    // The address of its shop is known only while it runs.
    suite
        .run([
            "eval",
            "res.status == 200",
            "--client",
            "shop",
            "GET /health",
        ])
        .exits(0)
        .prints("true");
    let suite = Suite::new()
        .file(
            "tasks/funcy.yaml",
            "version: 1\nscripts: ../scripts\nvars: { want: 21 }\nclients: { db: { sql: { url: 'sqlite::memory:' } } }\n",
        )
        .file("scripts/money.rhai", "fn twice(x) { x * 2 }");
    suite
        .run(["eval", "money::twice(want) == 42"])
        .exits(0)
        .prints("true");
    suite
        .run(["eval", "money::twice(want)", "--var", "want=1"])
        .exits(0)
        .prints("2\n");
    suite
        .run([
            "eval",
            "res.rows[0].n == want",
            "--client",
            "db",
            "SELECT ${want} + 0 AS n",
        ])
        .exits(0)
        .prints("true");
    // A broken suite is no matter where nothing of it is used.
    let suite = suite.file("tasks/funcy.yaml", "version: 7\n");
    suite.run(["eval", "1 == 1"]).exits(0);
    suite
        .run(["eval", "want"])
        .exits(2)
        .says("tasks/funcy.yaml:1:10");
}

#[test]
fn until_asks_again_until_it_holds() {
    let (_shop, address) = shop();
    let suite = Suite::new();
    place(&suite, &address, "shipped");
    let request = format!("GET {address}/orders/1");
    let ran = suite
        .run([
            "eval",
            "res.body.status == 'shipped'",
            "--http",
            &request,
            "--until",
            "--every",
            "20ms",
        ])
        .exits(0);
    assert_eq!(ran.stdout, "true\n", "{ran}");
}

#[test]
fn until_tells_at_the_end_of_its_time_what_was_false() {
    let (_shop, address) = shop();
    let suite = Suite::new();
    place(&suite, &address, "stuck");
    let request = format!("GET {address}/orders/1");
    let args = |format| {
        [
            "eval",
            "res.body.id == 1 && res.body.status == 'shipped'",
            "--http",
            &request,
            "--until",
            "--every",
            "50ms",
            "--timeout",
            "900ms",
            "--format",
            format,
        ]
    };
    let ran = suite
        .run(args("human"))
        .exits(1)
        .says("res.body.status=\"paid\"")
        .says("left")
        .says("✗ eval · timed out after 9")
        .says("\"paid\" ≠ \"shipped\"")
        .says("values:  res.body.status: ")
        .says(&format!("curl -sS {address}/orders/1"))
        .says("it did not hold within 900ms");
    assert_eq!(ran.stdout, "false\n", "{ran}");
    // A line where something has changed, none where nothing has.
    let lines = ran.stderr.lines().filter(|line| line.ends_with("left"));
    assert!((1..=3).contains(&lines.count()), "{ran}");
    let ran = suite.run(args("json")).exits(1);
    let line = &ran.json_lines()[0];
    assert_eq!(line["value"], false);
    assert_eq!(line["error"]["conditions"][0]["operand"], "res.body.status");
}

#[test]
fn an_answer_that_never_comes_is_not_yet_too() {
    Suite::new()
        .run([
            "eval",
            "res.status == 200",
            "--http",
            "GET http://127.0.0.1:9/",
            "--until",
            "--every",
            "50ms",
            "--timeout",
            "200ms",
        ])
        .exits(1)
        .says("refused")
        .says("not yet");
    Suite::new()
        .run([
            "eval",
            "res.status",
            "--client",
            "file",
            "{exists: '.'}",
            "--until",
        ])
        .exits(2)
        .says("`res` has no member `status`");
}

#[test]
fn each_message_of_a_subscription_is_judged() {
    let (_shop, address) = shop();
    let suite = Suite::new();
    let source = format!("{{sse: {address}/events}}");
    let first = suite
        .start([
            "eval",
            "res.event",
            "--client",
            "http",
            "--subscribe",
            &source,
        ])
        .until_says("subscribed");
    let until = suite
        .start([
            "eval",
            "res.body.status == 'shipped'",
            "--client",
            "http",
            "--subscribe",
            &source,
            "--until",
        ])
        .until_says("subscribed");
    place(&suite, &address, "shipped");
    until.ends().exits(0).prints("true\n");
    let ran = first.ends().exits(0);
    assert!(!ran.stdout.contains("null"), "{ran}");
    suite
        .run([
            "eval",
            "true",
            "--client",
            "http",
            "--subscribe",
            &source,
            "--timeout",
            "100ms",
        ])
        .exits(3)
        .says("eval:2:1")
        .says("no message came")
        .says("no message within 100ms");
}

#[test]
fn an_interrupt_ends_the_waiting() {
    let (_shop, address) = shop();
    let suite = Suite::new();
    let request = format!("GET {address}/health");
    suite
        .start(["eval", "res.status == 500", "--http", &request, "--until"])
        .until_says("left")
        .signal(Signal::INT)
        .ends()
        .exits(130)
        .within(Duration::from_secs(20));
}

#[test]
fn an_answer_is_shown_to_whoever_asks_whatever_is_recorded() {
    let suite = Suite::new().file(
        "funcy.yaml",
        "version: 1\nclients: { sh: { exec: {}, record: none } }\npermissions: { exec: [echo] }\n",
    );
    suite
        .run([
            "eval",
            "res.body",
            "{ command: [echo, seen] }",
            "--client",
            "sh",
        ])
        .exits(0)
        .prints("seen");
}

/// Its answer is not the one that it expects.
const WRONG: &str = "version: 1
vars: { total: 41 }
start_state: ask
final_state: done
states:
  ask:
    instructions:
      - exec: { command: [echo, '42'] }
        save: { text: trim(res.stdout) }
        expect: trim(res.stdout) == to_string(total)
      - exec: { command: [echo, never] }
    next: done
  done:
cleanup:
  - exec: { command: [echo, cleaned] }
";

#[test]
fn a_recorded_point_is_looked_at_as_it_was() {
    let suite = Suite::new().file("tasks/wrong.yaml", WRONG);
    suite.run(["run", "--allow-exec", "echo"]).exits(1);
    let events = suite
        .run(["report", "latest", "--format", "ndjson"])
        .exits(0)
        .json_lines();
    let seq = |kind: &str| {
        let event = events.iter().rfind(|event| event["kind"] == kind).unwrap();
        event["seq"].to_string()
    };
    let eval = |expression: &str, at: &[&str]| {
        suite.run([&["eval", expression, "--run", "latest"], at].concat())
    };
    // Where it ended, before it cleaned up.
    eval(
        "trim(res.stdout) == '42' and total == 41 and text == '42'",
        &[],
    )
    .exits(0)
    .prints("true\n");
    eval("text == to_string(total)", &["--explain"])
        .exits(1)
        .prints("\"42\" ≠ \"41\"");
    eval("text == to_string(total)", &["--var", "total=42"])
        .exits(0)
        .prints("true\n");
    // At one of its points.
    let cleaned = seq("cleanup_finished");
    eval("trim(res.stdout)", &["--at", &cleaned])
        .exits(0)
        .prints("cleaned\n");
    let judged = seq("expectation_checked");
    eval("trim(res.stdout)", &["--at", &judged])
        .exits(0)
        .prints("42\n");
    eval("text", &["--at", &seq("state_entered")])
        .exits(2)
        .says("text");
    // Where nothing is.
    for at in ["0", "1", "999"] {
        eval("1", &["--at", at])
            .exits(2)
            .says(&format!("no task stands at event {at} of run"))
            .says("it has the events 1 to");
    }
    suite
        .run(["eval", "1", "--run", "nonesuch"])
        .exits(2)
        .says("there is no run `NONESUCH`");
    let suite = suite.file("tasks/b.yaml", WRONG);
    suite.run(["run", "--allow-exec", "echo"]).exits(1);
    suite
        .run(["eval", "1", "--run", "latest"])
        .exits(2)
        .says("has run more than one task")
        .says("--at SEQ");
}

#[test]
fn on_a_terminal_it_answers_waits_and_lets_itself_be_interrupted() {
    let (_shop, address) = shop();
    let suite = Suite::new();
    place(&suite, &address, "stuck");
    let order = format!("GET {address}/orders/1");
    let start = |args: &[&str]| Terminal::start(&suite, 80, 24, &[&["eval"], args].concat());

    let terminal = start(&["2 + 2"]);
    terminal.shows("4");
    assert!(terminal.ends().success());

    // A file that is typed; Ctrl-D ends it.
    let terminal = start(&["res.body.ok", "--input", "-"]);
    terminal.keys("{\"ok\": false}\r\u{4}").shows("\nfalse");
    assert_eq!(terminal.ends().code(), Some(1));

    let judged = "res.status == 200 and res.body.id == 2";
    let terminal = start(&[judged, "--http", &order, "--explain"]);
    terminal.shows("1 ≠ 2");
    assert!(terminal.sent().contains("\u{1b}["), "in colour");
    assert_eq!(terminal.ends().code(), Some(1));

    // One line that is drawn anew, and is gone at the end.
    let shipped = "res.body.status == 'shipped'";
    let waiting = [shipped, "--http", &order, "--until", "--every", "50ms"];
    let terminal = start(&waiting);
    terminal.shows("res.body.status=\"paid\"");
    terminal.keys("\u{3}");
    assert_eq!(terminal.ends().code(), Some(130));
    let terminal = start(&[&waiting[..], &["--timeout", "1s"]].concat());
    terminal.shows("left");
    terminal.shows("it did not hold within 1s");
    terminal.hides("left");
    assert_eq!(terminal.ends().code(), Some(1));
}
