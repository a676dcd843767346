//! Scripts that ask for too much, or for what they may not have, wherever the language takes one. Each ends in words, soon,
//! and takes no memory for it.

use super::suite::{FUNCY, Suite};
use super::{endings, sampled};
use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// What no script may do, each an expression or a script that would yield a value.
const SCRIPTS: [&str; 33] = [
    // Too much at once.
    "'x'.pad(2000000, 'y')",
    "let s = 'ab'; for i in 0..40 { s += s; } s",
    "let l = [1]; for i in 0..40 { l += l; } l",
    "let m = #{}; for i in 0..200000 { m[`k${i}`] = i; } m",
    "let l = []; for i in 0..60 { l = [l, l]; } l",
    "let m = #{ a: 1 }; for i in 0..60 { m = #{ a: m, b: m }; } m",
    "range(0, 100000000)",
    "let s = ''; for i in range(0, 90000) { s += 'some more words of it'; } s",
    "split('a,'.pad(900000, 'a,'), ',').len() + split('b,'.pad(2000000, 'b,'), ',').len()",
    "replace_all('a'.pad(900000, 'a'), 'a', 'bbbbbbbbbb')",
    "join(range(0, 90000), 'many words between each of them and the next')",
    "base64('x'.pad(900000, 'x')) + base64('x'.pad(900000, 'x'))",
    "to_json(range(0, 99000)) + to_json(range(0, 99000)) + to_json(range(0, 99000))",
    "blob(1 << 40)",
    // Without an end.
    "fn f(x) { f(x + 1) } f(0)",
    "let f = |g, x| g.call(g, x + 1); f.call(f, 0)",
    // Nested deeper than anything.
    "parse_json('['.pad(100000, '['))",
    "parse_json('{\"a\":'.pad(100000, '{\"a\":'))",
    "jsonpath(#{}, '$'.pad(9000, '[0]'))",
    "matches('a'.pad(30000, 'a'), '(a{500}){500}')",
    // Numbers that are none.
    "9223372036854775807 + 1",
    "-9223372036854775807 - 2",
    "1 / 0",
    "1 % 0",
    "9223372036854775807 * 9223372036854775807",
    "(-9223372036854775807 - 1).abs()",
    "2 ** 400000",
    "'x' - 1",
    // What is not theirs.
    "env('HOME')",
    "eval('1 + 1')",
    "import 'm' as m; m::one()",
    "throw 'thrown'",
    "sleep(10)",
];

/// Where a script may stand.
const PLACES: [(&str, &str); 10] = [
    (
        "eval",
        "    instructions:\n      - eval: SCRIPT\n        save: { x: res }\n    next: b\n",
    ),
    (
        "save",
        "    instructions:\n      - eval: '1'\n        save: { x: SCRIPT }\n    next: b\n",
    ),
    (
        "expect",
        "    instructions:\n      - expect: SCRIPT\n    next: b\n",
    ),
    (
        "if",
        "    instructions:\n      - if: SCRIPT\n        log: x\n    next: b\n",
    ),
    ("when", "    transitions: [{ to: b, when: SCRIPT }]\n"),
    (
        "poll",
        "    transitions: [{ to: b, poll: { eval: SCRIPT }, every: 10ms, when: res != null }]\n",
    ),
    (
        "set",
        "    transitions: [{ to: b, wait: 1ms, set: { x: SCRIPT } }]\n",
    ),
    (
        "for_each",
        "    instructions:\n      - for_each: SCRIPT\n        log: x\n    next: b\n",
    ),
    (
        "retry",
        "    instructions:\n      - expect: false\n        retry: { max_attempts: 2, delay: 1ms, if: SCRIPT }\n    next: b\n",
    ),
    (
        "template",
        "    instructions:\n      - log: \"${TEMPLATE}\"\n    next: b\n",
    ),
];

/// The most that all of them together may take, in kB.
const MEMORY: u64 = 2_000_000;

#[test]
fn no_script_gets_what_it_may_not_have() {
    let mut cases: Vec<(String, String)> = Vec::new();
    for (number, script) in SCRIPTS.iter().enumerate() {
        for (place, states) in PLACES {
            let text = states
                .replace("SCRIPT", &serde_json::to_string(script).unwrap())
                .replace(
                    "TEMPLATE",
                    &script.replace('\\', "\\\\").replace('"', "\\\""),
                );
            cases.push((format!("s{number:02}-{place}"), text));
        }
    }
    let cases = sampled(cases, 60);
    let mut suite = Suite::new().file("scripts/m.rhai", "fn one() { 1 }\n");
    for (name, states) in &cases {
        suite = suite.file(
            format!("tasks/{name}.yaml"),
            format!("version: 1\nname: {name}\nstart_state: a\nfinal_state: b\nmax_global_transition_timeout: 5s\ntimeout: 20s\nstates:\n  a:\n{states}  b:\n"),
        );
    }
    // What is wrong before anything runs is told there, and the rest runs.
    let checked = suite.run(["check", "--format", "json"]);
    let mut refused = 0;
    for line in checked.stdout.lines() {
        let found: serde_json::Value = serde_json::from_str(line).unwrap();
        let Some(file) = found["file"].as_str().or(found["path"].as_str()) else {
            continue;
        };
        if found["severity"] == "error" && suite.path(file).exists() {
            std::fs::remove_file(suite.path(file)).unwrap();
            refused += 1;
        }
    }
    let (code, peak) = run(&suite);
    let endings = endings(&suite.text("out.ndjson"));
    assert_eq!(
        endings.len() + refused,
        cases.len(),
        "each has ended, with {code}"
    );
    let mut wrong = Vec::new();
    for (name, (outcome, failure)) in &endings {
        let is_crash = failure.contains("mistake in funcy") || failure.contains("panicked");
        if outcome == "passed" || is_crash {
            wrong.push(format!("{name}: {outcome} {failure}"));
        }
    }
    println!(
        "{refused} are refused before anything runs, {} fail, with {} MB at most",
        endings.len(),
        peak / 1000
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(matches!(code, 1 | 3), "{code}");
    assert!(peak < MEMORY, "{peak} kB");
}

/// Runs all tasks; the exit code, and the most memory that it had, in kB.
#[allow(
    clippy::disallowed_methods,
    reason = "a look at how much memory a process has is taken every so often"
)]
fn run(suite: &Suite) -> (i32, u64) {
    let out = File::create(suite.path("out.ndjson")).unwrap();
    let mut child = suite
        .command(Path::new(FUNCY))
        .args(["run", "--format", "json", "--jobs", "2"])
        .stdout(out)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    let mut peak = 0;
    loop {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()));
        let status = status.unwrap_or_default();
        let high = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let high = high.and_then(|line| line.split_whitespace().next()?.parse().ok());
        peak = peak.max(high.unwrap_or(0));
        if let Some(status) = child.try_wait().unwrap() {
            return (status.code().expect("it was not killed"), peak);
        }
        assert!(
            begun.elapsed() < Duration::from_secs(900),
            "it does not end"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}
