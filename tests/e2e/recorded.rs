//! What a recorded run is good for: its reports again, a new run from a point of it, its cleanup after a crash,
//! and its trace.

use super::suite::{FAILS, PASSES, Suite};
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::TcpListener;

/// Fails in its second state, with a variable of its first.
const GOES_ON: &str = "version: 1
vars: { wanted: 2 }
start_state: first
final_state: last
states:
  first:
    instructions:
      - eval: 40 + wanted
        save: { sum: res }
    next: second
  second:
    instructions:
      - expect: sum == 41
    next: last
  last:
";

#[test]
fn every_report_of_a_recorded_run_is_the_one_that_the_run_wrote() {
    let suite = Suite::new()
        .file("tasks/passes.yaml", PASSES)
        .file("tasks/fails.yaml", FAILS)
        .file("tasks/goes-on.yaml", GOES_ON);
    let formats = ["junit", "json", "ndjson", "markdown", "html"];
    let mut args = vec!["run".to_owned(), "--label".into(), "team=pay".into()];
    for format in formats {
        args.extend(["--report".to_owned(), format!("{format}=out/{format}")]);
    }
    let ran = suite.run(&args).exits(1);
    for format in formats {
        let again = format!("again/{format}");
        std::fs::create_dir_all(suite.path("again")).unwrap();
        suite
            .run(["report", "latest", "--format", format, "--output", &again])
            .exits(0);
        assert_eq!(
            suite.text(&again),
            suite.text(&format!("out/{format}")),
            "{format}"
        );
    }
    let head = ran.stdout.split("head ").nth(1).unwrap();
    let head = head.split_whitespace().next().unwrap();
    assert!(suite.text("out/ndjson").contains(head), "{head}");
    let replayed = suite.run(["replay"]).exits(0);
    assert_eq!(replayed.stdout, ran.stdout);
    assert_eq!(replayed.stderr, ran.stderr);
    suite
        .run(["audit", "verify", "latest", "--head", head])
        .exits(0);
}

#[test]
fn a_run_that_nobody_knows_leaves_the_file_as_it_is() {
    let suite = Suite::new().file("t.yaml", PASSES).file("out", "kept");
    suite
        .run(["report", "latest", "--output", "out"])
        .exits(2)
        .says("there is no journal");
    suite.run(["run", "t.yaml"]).exits(0);
    suite
        .run(["report", "ZZZ", "--output", "out"])
        .exits(2)
        .says("there is no run `ZZZ`");
    assert_eq!(suite.text("out"), "kept");
}

#[test]
fn the_command_at_a_failure_begins_where_it_failed() {
    let suite = Suite::new().file("t.yaml", GOES_ON);
    let ran = suite.run(["run", "t.yaml"]).exits(1);
    let line = ran.stdout.lines().find(|line| line.contains("again:"));
    let command = line.unwrap().split("again:").nth(1).unwrap().trim();
    assert!(command.contains(" --from second --context "), "{command}");
    // The first state would make it 42 again, and the second wants 41.
    let again = suite.shell(&format!("{command} --format json")).exits(1);
    assert!(again.stdout.contains("\"sum\",\"value\":42"), "{again}");
    assert!(!again.stdout.contains("\"state\":\"first\""), "{again}");
    suite
        .shell(&format!("{command} --var sum=41"))
        .exits(1)
        .prints("expected sum == 41");
}

#[test]
fn a_point_that_is_not_there_is_named() {
    let suite = Suite::new()
        .file("tasks/t.yaml", GOES_ON)
        .file("tasks/u.yaml", PASSES);
    suite.run(["run"]).exits(1);
    suite
        .run(["run", "--from", "second"])
        .exits(2)
        .says("needs a single task; 2 are selected");
    let from = |context: &str| {
        suite.run([
            "run",
            "tasks/t.yaml",
            "--from",
            "second",
            "--context",
            context,
        ])
    };
    from("latest@9999").exits(2).says("no execution");
    from("latest@soon").exits(2).says("no number of an event");
    suite
        .run(["run", "tasks/t.yaml", "--from", "secnd"])
        .exits(3)
        .prints("did you mean `second`?");
}

#[test]
fn what_an_interrupted_run_left_is_taken_away_once() {
    let task = "version: 1
vars: { name: made }
start_state: here
final_state: there
states:
  here:
    instructions:
      - file: { write: '${name}.txt', text: x }
        defer:
          file: { write: 'removed-${name}.txt', text: gone }
    transitions: [there]
  there:
    transition_condition: { wait: 25s }
cleanup:
  - file: { write: cleaned.txt, text: up }
";
    let suite = Suite::new()
        .file("t.yaml", task)
        .file("funcy.yaml", "version: 1\npermissions: { write: ['.'] }\n");
    suite
        .start(["run", "t.yaml", "--format", "json"])
        .until_says("wait_started")
        .signal(Signal::KILL)
        .ends();
    assert!(suite.path("made.txt").exists());
    assert!(!suite.path("cleaned.txt").exists());
    suite.run(["run", "--resume", "latest"]).exits(0);
    assert!(suite.path("removed-made.txt").exists());
    assert!(suite.path("cleaned.txt").exists());
    let runs = suite.run(["runs", "status:interrupted", "--format", "json"]);
    let runs = runs.exits(0);
    let first: serde_json::Value =
        serde_json::from_str(runs.stdout.lines().next().unwrap()).unwrap();
    let id = first["run"]
        .as_str()
        .or(first["id"].as_str())
        .unwrap()
        .to_owned();
    suite
        .run(["run", "--resume", &id])
        .exits(2)
        .says("was cleaned up by run");
    suite
        .run(["run", "--resume", "latest"])
        .exits(2)
        .says("has ended by itself");
}

/// Answers with one of two images, which are the same text where what is no UTF-8 is replaced.
fn images() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = vec![0; 4096];
            let count = stream.read(&mut request).unwrap();
            let last = if request[..count].starts_with(b"GET /a") {
                0xfe
            } else {
                0xff
            };
            let head = "HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ncontent-length: 9\r\nconnection: close\r\n\r\n";
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(b"\x89PNG\r\n\x1a\n").unwrap();
            stream.write_all(&[last]).unwrap();
        }
    });
    port
}

#[test]
fn times_durations_and_bytes_are_what_they_were() {
    let port = images();
    let task = format!(
        "version: 1
start_state: first
final_state: last
states:
  first:
    instructions:
      - http: GET http://127.0.0.1:{port}/a.png
        save: {{ a: res.bytes, a_text: res.text, at: now(), limit: duration('1h') }}
        expect: [len(res.bytes) == 9, base64(res.bytes) == 'iVBORw0KGgr+']
      - http: GET http://127.0.0.1:{port}/b.png
        save: {{ b: res.bytes, b_text: res.text }}
        expect: sha256(res.bytes) != sha256(a)
    next: second
  second:
    instructions:
      - expect:
          - a != b
          - a_text == b_text
          - len(a) == 9
          - now() - at < limit
    next: last
  last:
"
    );
    let suite = Suite::new().file("t.yaml", &task);
    suite.run(["run", "t.yaml"]).exits(0);
    suite
        .run(["simulate", "t.yaml", "--run", "latest"])
        .exits(0);
    let eval = |expression: &str| suite.run(["eval", expression, "--run", "latest"]);
    eval("now() - at < limit").exits(0).prints("true");
    eval("type_of(a) + type_of(limit)")
        .exits(0)
        .prints("bytesduration");
    eval("res.bytes == b and res.bytes != a").exits(0);
    eval("'image: ' + a")
        .exits(3)
        .says("these are the bytes (9) iVBORw0KGgr+");
    suite
        .run(["run", "t.yaml", "--from", "second", "--context", "latest"])
        .exits(0);
    let misspelt = task.replace("len(res.bytes) == 9", "len(res.byts) == 9");
    Suite::new()
        .file("t.yaml", misspelt)
        .run(["check", "t.yaml"])
        .exits(2)
        .prints("did you mean `bytes`?");
    let headers = task.replace(
        "states:",
        "clients: { http: { http: {}, record: headers } }\nstates:",
    );
    let suite = Suite::new().file("t.yaml", headers);
    suite.run(["run", "t.yaml"]).exits(0);
    suite
        .run(["report", "latest", "--format", "ndjson"])
        .exits(0)
        .prints_no("\"base64\"");
}

#[test]
fn a_failure_names_the_trace_that_its_requests_were_part_of() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = vec![0; 4096];
        let count = stream.read(&mut request).unwrap();
        stream
            .write_all(b"HTTP/1.1 500 Oh\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            .unwrap();
        String::from_utf8_lossy(&request[..count]).into_owned()
    });
    let task = format!(
        "version: 1\nstart_state: a\nfinal_state: a\nstates:\n  a:\n    instructions:\n      \
         - http: GET http://127.0.0.1:{port}/\n        expect: res.status == 200\n"
    );
    let suite = Suite::new().file("t.yaml", task);
    let ran = suite.run(["run", "t.yaml"]).exits(1);
    let request = server.join().unwrap();
    let parent = request
        .lines()
        .find_map(|line| line.strip_prefix("traceparent: "))
        .unwrap_or_else(|| panic!("{request}"));
    let trace = parent.split('-').nth(1).unwrap();
    assert_eq!(trace.len(), 32);
    let ran = ran.prints(trace);
    assert!(
        !ran.stdout.contains("traceparent"),
        "the curl is no part of it\n{ran}"
    );
}
