//! A server that breaks in every way, against every way to ask it: nothing of it passes as an answer.

use super::suite::Suite;
use super::{endings, sampled};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// What the server does with a request, and its name.
type Fault = (&'static str, fn(&mut TcpStream) -> std::io::Result<()>);

/// An answer that says 200, and `ok`, as far as it goes.
const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
const GOOD: &str = "{\"ok\":true}";

fn send(stream: &mut TcpStream, text: &str) -> std::io::Result<()> {
    stream.write_all(text.as_bytes())
}

/// Says nothing any more, but stays: longer than any of the tasks waits.
#[allow(
    clippy::disallowed_methods,
    clippy::unnecessary_wraps,
    reason = "a server that is silent for a while is what is tested"
)]
fn stay(_: &mut TcpStream) -> std::io::Result<()> {
    std::thread::sleep(Duration::from_secs(4));
    Ok(())
}

const FAULTS: [Fault; 33] = [
    ("closes-at-once", |_| Ok(())),
    ("silent", stay),
    ("one-byte", |s| send(s, "H").and_then(|()| stay(s))),
    ("half-status-line", |s| send(s, "HTTP/1.1 20")),
    ("status-line-alone", |s| send(s, "HTTP/1.1 200 OK\r\n")),
    ("half-headers", |s| send(s, HEAD)),
    ("half-headers-stays", |s| {
        send(s, HEAD).and_then(|()| stay(s))
    }),
    ("no-http", |s| send(s, "SSH-2.0-OpenSSH_9.6\r\n\r\n")),
    ("http-0.9", |s| send(s, GOOD)),
    ("http-3.7", |s| {
        send(
            s,
            &format!("HTTP/3.7 200 OK\r\ncontent-length: 11\r\n\r\n{GOOD}"),
        )
    }),
    ("no-status", |s| {
        send(
            s,
            &format!("HTTP/1.1 OK\r\ncontent-length: 11\r\n\r\n{GOOD}"),
        )
    }),
    ("status-of-letters", |s| {
        send(
            s,
            &format!("HTTP/1.1 2OO OK\r\ncontent-length: 11\r\n\r\n{GOOD}"),
        )
    }),
    ("status-99999", |s| {
        send(
            s,
            &format!("HTTP/1.1 99999 OK\r\ncontent-length: 11\r\n\r\n{GOOD}"),
        )
    }),
    ("header-without-colon", |s| {
        send(s, &format!("{HEAD}nonsense\r\n\r\n{GOOD}"))
    }),
    ("header-with-nul", |s| {
        send(
            s,
            &format!("{HEAD}x: a\0b\r\ncontent-length: 11\r\n\r\n{GOOD}"),
        )
    }),
    ("a-thousand-headers", |s| {
        send(s, HEAD)?;
        for number in 0..1000 {
            send(s, &format!("x-{number}: {number}\r\n"))?;
        }
        send(s, &format!("content-length: 11\r\n\r\n{GOOD}"))
    }),
    ("header-of-a-megabyte", |s| {
        send(
            s,
            &format!(
                "{HEAD}x: {}\r\ncontent-length: 11\r\n\r\n{GOOD}",
                "a".repeat(1 << 20)
            ),
        )
    }),
    ("length-too-long", |s| {
        send(s, &format!("{HEAD}content-length: 500\r\n\r\n{GOOD}"))
    }),
    ("length-too-long-stays", |s| {
        send(s, &format!("{HEAD}content-length: 500\r\n\r\n{GOOD}")).and_then(|()| stay(s))
    }),
    ("length-negative", |s| {
        send(s, &format!("{HEAD}content-length: -11\r\n\r\n{GOOD}"))
    }),
    ("length-of-letters", |s| {
        send(s, &format!("{HEAD}content-length: eleven\r\n\r\n{GOOD}"))
    }),
    ("two-lengths", |s| {
        send(
            s,
            &format!("{HEAD}content-length: 11\r\ncontent-length: 5\r\n\r\n{GOOD}"),
        )
    }),
    ("length-beyond-all", |s| {
        send(
            s,
            &format!("{HEAD}content-length: 99999999999999999999999\r\n\r\n{GOOD}"),
        )
    }),
    ("half-body", |s| {
        send(s, &format!("{HEAD}content-length: 11\r\n\r\n{{\"ok\""))
    }),
    ("chunk-cut", |s| {
        send(
            s,
            &format!("{HEAD}transfer-encoding: chunked\r\n\r\nb\r\n{{\"ok\""),
        )
    }),
    ("chunks-without-end", |s| {
        send(
            s,
            &format!("{HEAD}transfer-encoding: chunked\r\n\r\nb\r\n{GOOD}\r\n"),
        )
    }),
    ("chunk-of-letters", |s| {
        send(
            s,
            &format!("{HEAD}transfer-encoding: chunked\r\n\r\nxyz\r\n{GOOD}\r\n0\r\n\r\n"),
        )
    }),
    ("chunk-beyond-all", |s| {
        send(
            s,
            &format!("{HEAD}transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n{GOOD}\r\n"),
        )
    }),
    ("no-gzip", |s| {
        send(
            s,
            &format!("{HEAD}content-encoding: gzip\r\ncontent-length: 11\r\n\r\n{GOOD}"),
        )
    }),
    ("body-too-large", |s| {
        send(s, &format!("{HEAD}content-length: 3000000\r\n\r\n"))?;
        send(s, &" ".repeat(3_000_000 - GOOD.len())).and_then(|()| send(s, GOOD))
    }),
    ("body-without-end", |s| {
        send(s, &format!("{HEAD}\r\n"))?;
        for _ in 0..64 {
            send(s, &" ".repeat(1 << 20))?;
        }
        Ok(())
    }),
    ("alert-of-tls", |s| s.write_all(&[21, 3, 3, 0, 2, 2, 40])),
    ("redirects-for-ever", |s| {
        send(
            s,
            "HTTP/1.1 302 Found\r\nlocation: /redirects-for-ever\r\ncontent-length: 0\r\n\r\n",
        )
    }),
];

/// Ways to ask, each of which would pass with a good answer, or with none that is bad.
const USES: [(&str, &str); 5] = [
    (
        "call",
        "    instructions:\n      - shop: GET /FAULT\n        expect: res.status == 200 and res.body.ok\n    next: b\n  b:\n",
    ),
    (
        "retry",
        "    instructions:\n      - shop: GET /FAULT\n        retry: { max_attempts: 2, delay: 10ms }\n        expect: res.status == 200 and res.body.ok\n    next: b\n  b:\n",
    ),
    (
        "poll",
        "    transitions: [{ to: b, poll: { shop: GET /FAULT }, every: 50ms, when: res.status == 200 and res.body.ok }]\n  b:\n",
    ),
    (
        "source",
        "    transitions: [{ to: b, subscribe: { shop: { sse: /FAULT } }, when: res.text != 'never' }]\n  b:\n",
    ),
    // Nothing is seen of what must not happen: that proves nothing.
    (
        "watch",
        "    transitions:\n      - { poll: { shop: GET /FAULT }, every: 50ms, fail_when: res.body.ok == false }\n      - { to: b, wait: 600ms }\n  b:\n",
    ),
];

/// Serves each connection on a thread of its own.
fn server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || serve(stream.unwrap()));
        }
    });
    port
}

fn serve(mut stream: TcpStream) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&head);
    let path = head
        .split(' ')
        .nth(1)
        .unwrap_or_default()
        .trim_start_matches('/');
    if path == "good" {
        let _ = send(
            &mut stream,
            &format!("{HEAD}content-length: 11\r\nconnection: close\r\n\r\n{GOOD}"),
        );
    }
    if let Some((_, fault)) = FAULTS.iter().find(|(name, _)| *name == path) {
        // The client may hang up first.
        let _ = fault(&mut stream);
    }
}

#[test]
fn no_fault_of_the_network_passes_as_an_answer() {
    let mut cases: Vec<(&str, &str, &str)> = Vec::new();
    for (fault, _) in FAULTS {
        cases.extend(USES.map(|(name, states)| (fault, name, states)));
    }
    let cases = sampled(cases, 50);
    let url = format!("http://127.0.0.1:{}", server());
    let config = format!(
        "version: 1\nclients: {{ shop: {{ http: {{ base_url: '{url}', body_limit: 1000000 }} }} }}\n"
    );
    let mut suite = Suite::new().file("tasks/funcy.yaml", config);
    let task = |name: &str, fault: &str, states: &str| {
        format!(
            "version: 1\nname: {name}\nstart_state: a\nfinal_state: b\nmax_global_transition_timeout: 900ms\ntimeout: 3s\nstates:\n  a:\n{}",
            states.replace("FAULT", fault)
        )
    };
    for (fault, name, states) in &cases {
        let name = format!("{fault}--{name}");
        suite = suite.file(format!("tasks/{name}.yaml"), task(&name, fault, states));
    }
    // The same with a good answer passes: the tasks can.
    for (name, states) in USES.iter().filter(|(name, _)| *name != "source") {
        let name = format!("good--{name}");
        suite = suite.file(format!("tasks/{name}.yaml"), task(&name, "good", states));
    }
    let ran = suite.run(["run", "--format", "json", "--jobs", "24"]);
    let endings = endings(&ran.stdout);
    let mut wrong = Vec::new();
    for (name, (outcome, failure)) in &endings {
        let is_good = name.starts_with("good--");
        if (outcome == "passed") != is_good || failure.contains("mistake in funcy") {
            wrong.push(format!("{name}: {outcome} {failure}"));
        }
    }
    assert_eq!(endings.len(), cases.len() + USES.len() - 1);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let ran = ran.exits(3).within(Duration::from_secs(120));
    drop(ran);
    suite.run(["audit", "verify"]).exits(0);
}
