//! Runs with services that are cancelled at any moment: nothing that they have started is left, wherever it has gone, and what
//! was made is undone once.

use super::suite::Suite;
use rustix::process::Signal;
use std::time::{Duration, Instant};

/// Cancels of the short form; `FUNCY_CANCELS` widens it.
const CANCELS: u32 = 12;

/// Each process that is started leaves its session, its parent, or both.
const LEAVES: &str =
    "setsid sleep MARK & (setsid sh -c 'sleep MARK; true' &); env -i setsid sleep MARK &";

fn suite(mark: &str) -> Suite {
    let leaves = LEAVES.replace("MARK", mark);
    let service = format!("{leaves} exec funcy demo --listen 127.0.0.1:${{port}}");
    let task = format!("{leaves} exec sleep {mark}");
    let quoted = |text: &str| serde_json::to_string(text).unwrap();
    Suite::new()
        .file(
            "funcy.yaml",
            format!(
                "version: 1\nservices:\n  shop:\n    command: [sh, -c, {}]\n    ready: {{ http: \"${{url}}/health\" }}\n",
                quoted(&service)
            ),
        )
        .file(
            "t.yaml",
            format!(
                "version: 1\nstart_state: a\nfinal_state: b\nstates:\n  a:\n    instructions:\n      - log: made\n        defer: {{ file: {{ append: undone.txt, text: x }} }}\n      - exec: {{ command: [sh, -c, {}] }}\n    next: b\n  b:\ncleanup:\n  - file: {{ append: cleaned.txt, text: x }}\n",
                quoted(&task)
            ),
        )
}

/// The processes whose command line holds this.
fn left(mark: &str) -> Vec<String> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    all.filter_map(|entry| {
        let line = std::fs::read(entry.path().join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        line.contains(mark)
            .then(|| format!("{}: {line}", entry.path().display()))
    })
    .collect()
}

#[test]
#[allow(
    clippy::disallowed_methods,
    reason = "at which moment a run is cancelled is what is tested"
)]
fn nothing_is_left_of_a_run_with_services_that_is_cancelled() {
    let cancels = std::env::var("FUNCY_CANCELS")
        .ok()
        .and_then(|count| count.parse().ok());
    let seed = std::env::var("FUNCY_SEED")
        .map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
    println!("FUNCY_SEED={seed}");
    let mut chance = fastrand::Rng::with_seed(seed);
    let (mut begun, mut all) = (0, 0);
    for number in 0..cancels.unwrap_or(CANCELS) {
        // Longer than the test, and nobody else's.
        let mark = format!("86400.{}{number:04}", std::process::id());
        let suite = suite(&mark);
        let grants = [
            "--allow-exec",
            "sh",
            "--allow-write",
            ".",
            "--format",
            "json",
        ];
        let running = suite.start(["run", "t.yaml"].iter().chain(&grants));
        std::thread::sleep(Duration::from_micros(chance.u64(0..900_000)));
        let signals: &[Signal] = match number % 4 {
            0 | 1 => &[Signal::INT],
            2 => &[Signal::TERM],
            _ => &[Signal::INT, Signal::INT],
        };
        let mut running = running;
        for signal in signals {
            running = running.signal(*signal);
        }
        let ran = running.ends();
        let until = Instant::now() + Duration::from_secs(5);
        while !left(&mark).is_empty() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(left(&mark), Vec::<String>::new(), "{number}: {ran}");
        let undone = |file| std::fs::read_to_string(suite.path(file)).unwrap_or_default();
        let started = ran.stdout.contains("\"execution_started\"");
        let armed = ran.stdout.contains("\"deferred\"");
        begun += u32::from(started);
        all += 1;
        if signals.len() == 1 {
            assert_eq!(
                undone("cleaned.txt"),
                "x".repeat(usize::from(started)),
                "{number}: {ran}"
            );
            assert_eq!(
                undone("undone.txt"),
                "x".repeat(usize::from(armed)),
                "{number}: {ran}"
            );
        } else {
            assert!(undone("cleaned.txt").len() <= 1, "{number}: {ran}");
        }
        if suite.path(".funcy/journal.db").exists() {
            suite.run(["audit", "verify"]).exits(0);
        }
    }
    println!("{all} runs were cancelled, {begun} of them after their task had begun");
}
