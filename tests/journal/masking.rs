//! A secret, in every encoding in which it may appear, is in none of the things that funcy writes.

use super::counter::Counter;
use super::suite::{Ran, Suite};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rusqlite::Connection;
use std::fmt::Write as _;

/// Quotes, slashes, a percent sign, a letter of two bytes: what encodings replace.
const CANARY: &str = r#"c4n4ry-"q\b'/+&=%ß-in-its-cage-of-glass"#;
/// As a key in a file: the lines come one by one.
const KEY: &str = "-----c4n4ry-----\nc4n4ryMIIEvQIBADANBgkqhkiG9w0\nc4n4ryBAQEFAASCBKcwggSjAgEAAo\n-----d0n3-----";

/// What would show it: a part of each encoding that is too long for chance.
fn needles() -> Vec<(String, String)> {
    let mut needles = vec![
        // At its beginning, so that what a cut has left of it is found too.
        ("raw".to_owned(), "c4n4".to_owned()),
        ("raw".to_owned(), "its-cage".to_owned()),
        (
            "hex".to_owned(),
            CANARY.bytes().take(6).fold(String::new(), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            }),
        ),
        (
            "percent".to_owned(),
            utf8_percent_encode("\\b'/+&", NON_ALPHANUMERIC).to_string(),
        ),
    ];
    for lead in 0..3 {
        for (name, engine) in [("base64", &STANDARD), ("base64url", &URL_SAFE)] {
            let mut bytes = vec![b'x'; lead];
            bytes.extend_from_slice(CANARY.as_bytes());
            let text = engine.encode(&bytes);
            // Its neighbours share the first and the last characters.
            needles.push((format!("{name} after {lead}"), text[4..12].to_owned()));
            needles.push((
                format!("{name} after {lead}, its end"),
                text[text.len() - 16..text.len() - 4].to_owned(),
            ));
        }
    }
    needles
}

#[track_caller]
fn clean(what: &str, bytes: &[u8]) {
    assert!(!bytes.is_empty(), "{what} is empty");
    for (encoding, needle) in needles() {
        let found = bytes
            .windows(needle.len())
            .position(|part| part == needle.as_bytes());
        if let Some(at) = found {
            let around = &bytes[at.saturating_sub(200)..bytes.len().min(at + 60)];
            panic!(
                "{what} shows the secret ({encoding}, {needle}): {}",
                String::from_utf8_lossy(around)
            );
        }
    }
}

#[track_caller]
fn clean_run(what: &str, ran: &Ran) {
    clean(what, format!("{}{}", ran.stdout, ran.stderr).as_bytes());
}

const HEAD: &str = "version: 1
params: [url]
secrets: { canary: \"${env('CANARY')}\", key: not given }
start_state: here
final_state: there
states:
  here:
    instructions:
";

/// Tasks that show the secret wherever one can.
fn suite() -> Suite {
    let steps = [
        // Every encoding, at every alignment, in a log, an output and a variable.
        "- log: ${canary} ${hex(canary)} ${url_encode(canary)} ${to_json(canary)} ${to_json(to_json(canary))}
      - log: ${base64(canary)} ${base64('x' + canary)} ${base64('xy' + canary + 'z')}
      - exec: { command: [printf, '%s\\n', '${canary}', '${base64(canary)}', '${hex(canary)}'] }
        save: { kept: res.stdout, list: \"[res.stdout, canary]\" }
      - exec: { command: [sh, -c, 'printf \"%s\" \"$1\"; printf \"%s\" \"$1\" >&2; exit 3', sh, '${canary}'] }
        expect: res.code == 0",
        // An expectation that shows its operands.
        "- expect: \"canary + ' and more' == 'another'\"",
        "- expect: \"parse_json(to_json(#{deep: [#{canary: canary}]})) == 1\"",
        // In each part of a request, and in the command that repeats it.
        "- http:
          post: ${url}/a/${url_encode(canary)}?q=${canary}
          query: { also: '${canary}' }
          headers: { x-canary: '${base64(canary)}' }
          auth: { basic: [demo, '${canary}'] }
          json: { canary: '${canary}', deep: ['${to_json(canary)}'] }
        expect: res.status == 500",
        "- http:
          get: ${url}/
          auth: { bearer: '${hex(canary)}' }
        expect: res.status == 500",
        // The addresses of those that nobody answers.
        "- http: GET http://demo:${url_encode(canary)}@127.0.0.1:9/${url_encode(canary)}?q=${url_encode(canary)}",
        // A program that is not there, and a file.
        "- exec: { command: ['${canary}'] }",
        "- file: { read: '${canary}' }",
        // Mistakes of scripts that show their values.
        "- expect: canary + 1 > 'x' - 2",
        "- expect: parse_json(canary) == 1",
        "- log: ${time(canary)}",
        // The lines of a key.
        "- exec: { command: [printf, '%s', '${key}'] }
        expect: res.stdout == ''",
        "- expect: \"split(key, '\\\\n') == []\"",
    ];
    let mut suite = Suite::new().env("CANARY", CANARY);
    for (number, steps) in steps.iter().enumerate() {
        let task = format!("{HEAD}      {steps}\n    next: there\n  there:\n");
        suite = suite.file(format!("tasks/{number:02}.yaml"), task);
    }
    // What is waited for, and not seen.
    let waits = format!(
        "{}    transitions:
      - to: there
        poll: {{ exec: {{ command: [printf, '%s', '${{canary}} ${{base64(canary)}} ${{key}}'] }} }}
        every: 20ms
        when: res.stdout == 'x' + canary
    timeout: 100ms
  there:
",
        HEAD.replace("    instructions:\n", "")
    );
    suite = suite.file("tasks/waits.yaml", waits);
    // Whatever is cut at a border: it stands across each, so that a part of it is left.
    for pad in (0..330).step_by(11) {
        let pad_text = "p".repeat(pad);
        let steps = format!(
            "- exec: {{ command: [printf, '%s', '{pad_text}${{canary}}'] }}
      - exec: {{ command: [printf, '%s', '{pad_text}${{base64(canary)}}'] }}
      - try_expect",
        );
        let steps = steps.replace(
            "- try_expect",
            &format!("- expect: \"['{pad_text}' + canary, '{pad_text}' + canary + 1] == '{pad_text}' + canary\""),
        );
        let task = format!("{HEAD}      {steps}\n    next: there\n  there:\n");
        suite = suite.file(format!("cuts/{pad:03}.yaml"), task);
    }
    suite
}

#[test]
fn a_secret_is_in_nothing_that_is_written() {
    let server = Counter::start();
    let suite = suite();
    let vars = [
        format!("--var=url={}", server.url()),
        format!("--var=key={KEY}"),
        "--allow-all".to_owned(),
    ];
    let run = |args: &[&str]| {
        let args = [&["run"], args].concat();
        suite.run(args.into_iter().map(str::to_owned).chain(vars.clone()))
    };
    suite.run(["run", "--allow-all", "--list"]).exits(0);
    // Somebody who reads keeps the log of the database from going away.
    run(&["cuts/000.yaml"]);
    let reader = Connection::open(suite.path(".funcy/journal.db")).unwrap();
    let _: i64 = reader
        .query_row("SELECT count(*) FROM run", [], |row| row.get(0))
        .unwrap();

    let reports = ["junit", "json", "ndjson", "markdown"];
    let files = reports.map(|format| format!("--report={format}=report.{format}"));
    let args: Vec<&str> = files
        .iter()
        .map(String::as_str)
        .chain(["-vv", "tasks"])
        .collect();
    let ran = run(&args).exits(3);
    // Each task came to where it should fail, and the secret was there to be seen.
    assert!(ran.stdout.matches("$canary").count() > 10, "{ran}");
    assert!(ran.stdout.contains("$key"), "{ran}");
    clean_run("the terminal", &ran);
    for format in reports {
        clean(
            format,
            &std::fs::read(suite.path(format!("report.{format}"))).unwrap(),
        );
    }
    assert!(server.asked().iter().any(|line| line.starts_with("POST ")));

    for paths in ["tasks", "cuts"] {
        let ran = run(&["--format", "json", "-vv", paths]);
        assert!(ran.stdout.matches("$canary").count() > 10, "{ran}");
        clean_run("the events", &ran);
        clean_run("replay", &suite.run(["replay"]).exits(0));
        for format in reports {
            let ran = suite.run(["report", "--format", format]).exits(0);
            clean_run(format, &ran);
        }
        clean_run("annotations", &suite.run(["report", "--format", "github"]));
    }
    clean_run("the terminal", &run(&["cuts"]));
    clean_run("the archive", &suite.run(["audit", "export"]).exits(0));
    for name in ["journal.db", "journal.db-wal"] {
        clean(
            name,
            &std::fs::read(suite.path(".funcy").join(name)).unwrap(),
        );
    }
    drop(reader);
}
