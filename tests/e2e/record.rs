//! `record`: what is written down of the traffic of a client. The bytes of the journal and of every report are
//! searched for a body that only the program and its server know.

use super::suite::Suite;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

/// In every body that is sent or received, and in no file in one piece.
const BODY: &str = "canary-of-a-body";
/// In a header of every request and answer.
const HEADER: &str = "canary-of-a-header";

/// Both tasks fail with all that a report may show: an answer, and the values of a poll over time.
const EXPECTS: &str = "version: 1
start_state: a
final_state: a
states:
  a:
    instructions:
      - sh: { command: [cat], stdin: \"${'canary-of' + '-a-body'}\" }
      - disk: { write: made.txt, text: \"${'canary-of' + '-a-body'}\" }
      - disk: { read: made.txt }
      - api:
          post: /orders
          headers: { x-sent: \"${'canary-of' + '-a-header'}\" }
          json: { name: \"${'canary-of' + '-a-body'}\" }
        expect: res.status == 201
";
const WAITS: &str = "version: 1
start_state: a
final_state: b
states:
  a:
    timeout: 300ms
    poll:
      api:
        post: /poll
        headers: { x-sent: \"${'canary-of' + '-a-header'}\" }
        text: \"${'canary-of' + '-a-body'}\"
    every: 50ms
    transitions: [{ to: b, when: res.status == 201 }]
  b:
";

/// Answers every request with its own body and a header; the thread ends with the test's process.
fn echo() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            // One that was given up in the middle is no matter.
            std::thread::spawn(move || answer(stream));
        }
    });
    port
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let count = stream.read(&mut chunk)?;
        if count == 0 {
            return Ok(());
        }
        request.extend_from_slice(&chunk[..count]);
        if String::from_utf8_lossy(&request).contains(BODY) {
            break;
        }
    }
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nx-received: {HEADER}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{BODY}",
        BODY.len()
    )
}

/// Every file below a folder, with its bytes.
fn files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|part| part == text.as_bytes())
}

/// Runs both tasks with clients that record this much. Yields what was written and printed, by name.
fn written(record: &str) -> Vec<(String, Vec<u8>)> {
    let suite = Suite::new()
        .env("GITHUB_ACTIONS", "true")
        .file("tasks/expects.yaml", EXPECTS)
        .file("tasks/waits.yaml", WAITS)
        .file(
            "funcy.yaml",
            format!(
                "version: 1
clients:
  api: {{ http: {{ base_url: 'http://127.0.0.1:{}' }}, record: {record} }}
  sh: {{ exec: {{}}, record: {record} }}
  disk: {{ file: {{}}, record: {record} }}
permissions: {{ exec: [cat], write: [.] }}
",
                echo()
            ),
        );
    let formats = ["junit", "json", "ndjson", "markdown", "html"];
    let mut args = vec!["run".to_owned(), "-vv".into()];
    for format in formats {
        args.extend(["--report".to_owned(), format!("{format}=out/{format}")]);
    }
    let ran = suite.run(&args).exits(1);
    let shown = suite.run(["show", "latest"]);
    let replayed = suite.run(["replay"]);
    // In the file itself lines and bodies are compressed.
    let exported = suite.run(["audit", "export"]).exits(0);
    // What the task itself has made.
    std::fs::remove_file(suite.path("tasks/made.txt")).unwrap();
    let mut found = Vec::new();
    files(&suite.path("."), &mut found);
    for format in formats {
        let name = format!("out/{format}");
        assert!(
            found.iter().any(|(path, _)| path.ends_with(&name)),
            "{name}"
        );
    }
    assert!(
        found
            .iter()
            .any(|(_, bytes)| bytes.starts_with(b"SQLite format 3")),
        "no journal"
    );
    found.push((
        "all of the journal".to_owned(),
        exported.stdout.into_bytes(),
    ));
    for (name, ran) in [("run", ran), ("show", shown), ("replay", replayed)] {
        found.push((format!("stdout of {name}"), ran.stdout.into_bytes()));
        found.push((format!("stderr of {name}"), ran.stderr.into_bytes()));
    }
    found
}

/// The names of those that hold this text.
fn holding<'f>(found: &'f [(String, Vec<u8>)], text: &str) -> Vec<&'f str> {
    let mut names: Vec<&str> = found
        .iter()
        .filter(|(_, bytes)| holds(bytes, text))
        .map(|(name, _)| &**name)
        .collect();
    names.sort_unstable();
    names
}

#[test]
fn bodies_are_found_where_all_is_recorded() {
    let found = written("full");
    let names = holding(&found, BODY).join("\n");
    for wanted in ["journal", "ndjson", "json", "html", "stdout of run"] {
        assert!(names.contains(wanted), "not in {wanted}:\n{names}");
    }
}

#[test]
fn with_headers_no_body_is_found_anywhere() {
    let found = written("headers");
    assert_eq!(holding(&found, BODY), Vec::<&str>::new());
    let names = holding(&found, HEADER).join("\n");
    assert!(
        names.contains("journal") && names.contains("ndjson"),
        "{names}"
    );
}

#[test]
fn with_none_neither_a_body_nor_a_header_is_found_anywhere() {
    let found = written("none");
    assert_eq!(holding(&found, BODY), Vec::<&str>::new());
    assert_eq!(holding(&found, HEADER), Vec::<&str>::new());
    // What was done is still told, in one line.
    let names = holding(&found, "/orders → 200").join("\n");
    assert!(
        names.contains("ndjson") && names.contains("stdout of run"),
        "{names}"
    );
}
