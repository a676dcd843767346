//! `funcy watch`: on a terminal, and line by line.

use super::pty::Terminal;
use super::suite::{FAILS, PASSES, Suite, WAITS};
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A task that logs this.
fn logs(text: &str) -> String {
    PASSES.replace("all is well", text)
}

/// Saves as most editors do: beside, then renamed.
fn save_by_rename(suite: &Suite, path: &str, text: &str) {
    let beside = suite.path(format!("{path}.new"));
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(&beside, suite.path(path)).unwrap();
}

fn save(suite: &Suite, path: &str, text: &str) {
    std::fs::write(suite.path(path), text).unwrap();
}

/// A server that counts its requests, and answers each with this status.
struct Server {
    url: String,
    count: Arc<AtomicUsize>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let counted = Arc::clone(&counted);
                std::thread::spawn(move || {
                    let mut request = Vec::new();
                    let mut buffer = [0; 1024];
                    while let Ok(read @ 1..) = stream.read(&mut buffer) {
                        request.extend(&buffer[..read]);
                        if !request.ends_with(b"\r\n\r\n") {
                            continue;
                        }
                        request.clear();
                        counted.fetch_add(1, Ordering::SeqCst);
                        let body = r#"{"status":"shipped","total":12}"#;
                        let length = body.len();
                        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json";
                        let answer = format!("{head}\r\ncontent-length: {length}\r\n\r\n{body}");
                        if stream.write_all(answer.as_bytes()).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { url, count }
    }

    fn requests(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    fn task(&self, expect: &str) -> String {
        format!(
            "version: 1
start_state: ask
final_state: asked
states:
  ask:
    instructions:
      - http: GET {}/order
        expect: {expect}
    next: asked
  asked:
",
            self.url
        )
    }
}

#[test]
fn lines_without_a_terminal() {
    let suite = Suite::new()
        .file("tasks/a.yaml", PASSES)
        .file("tasks/b.yaml", PASSES);
    let running = suite
        .start(["watch"])
        .until_prints("start → 2 of 2", 1)
        .until_prints("  (2/2)", 1)
        .until_prints("2 passed", 1);
    save(&suite, "tasks/b.yaml", FAILS);
    let running = running
        .until_prints("b.yaml changed → 1 of 2", 1)
        .until_prints("1 failed", 1);
    save_by_rename(&suite, "tasks/b.yaml", &logs("mended"));
    running
        .until_prints("b.yaml changed → 1 of 2", 2)
        .until_prints("1 passed", 1)
        .signal(Signal::TERM)
        .ends()
        .exits(130)
        .prints("41 ≠ 42")
        .prints_no("\u{1b}");
}

#[test]
fn only_what_a_change_affects_runs() {
    let suite = Suite::new()
        .file("tasks/funcy.yaml", "version: 1\nscripts: ../scripts\n")
        .file("scripts/money.rhai", "fn fair(x) { round::to(x) > 0 }\n")
        .file("scripts/round.rhai", "fn to(x) { x }\n")
        .file(
            "tasks/calls.yaml",
            FAILS.replace("answer == 42", "money::fair(answer)"),
        )
        .file(
            "tasks/reads.yaml",
            PASSES.replace("- log: all is well", "- file: { read: data.json }"),
        )
        .file("tasks/data.json", "{}")
        .file("tasks/plain.yaml", PASSES);
    let running = suite.start(["watch"]).until_prints("3 passed", 1);
    save(&suite, "scripts/round.rhai", "fn to(x) { x + 1 }\n");
    let running = running
        .until_prints("round.rhai changed → 1 of 3", 1)
        .until_prints("1 passed", 1);
    save(&suite, "tasks/data.json", "[]");
    let running = running
        .until_prints("data.json changed → 1 of 3", 1)
        .until_prints("1 passed", 2);
    save(
        &suite,
        "tasks/funcy.yaml",
        "version: 1\nscripts: ../scripts\nvars: { a: 1 }\n",
    );
    let running = running
        .until_prints("funcy.yaml changed → 3 of 3", 1)
        .until_prints("3 passed", 2);
    // Nothing reads it.
    save(&suite, "tasks/other.json", "[]");
    std::fs::write(suite.path("tasks/plain.yaml"), logs("again")).unwrap();
    running
        .until_prints("plain.yaml changed → 1 of 3", 1)
        .until_prints("1 passed", 3)
        .signal(Signal::INT)
        .until_prints("Ctrl-C once more ends", 1)
        .signal(Signal::INT)
        .ends()
        .exits(130)
        .prints_no("other.json");
}

#[test]
fn a_broken_file_keeps_its_last_good_definition() {
    let suite = Suite::new().file("tasks/a.yaml", PASSES);
    let terminal = Terminal::start(&suite, 80, 24, &["watch"]);
    terminal.shows("✓ 1 passed");
    save(&suite, "tasks/a.yaml", "version: 1\nstart_state: [\n");
    terminal.shows("a.yaml is broken → 0 of 1");
    terminal.shows("stale: passed before");
    terminal.shows("--> tasks/a.yaml");
    save(&suite, "tasks/a.yaml", &logs("mended"));
    terminal.shows("a.yaml changed → 1 of 1");
    terminal.shows("✓ 1 passed");
    terminal.hides("broken");
    terminal.keys("q");
    assert!(terminal.ends().success());
}

#[test]
fn a_failure_is_judged_again_without_a_request_and_then_run() {
    let server = Server::start();
    let suite = Suite::new().file("tasks/a.yaml", server.task("res.body.total == 13"));
    let running = suite.start(["watch"]).until_prints("1 failed", 1);
    assert_eq!(server.requests(), 1);
    save(&suite, "tasks/a.yaml", &server.task("res.body.total == 12"));
    let running = running
        .until_prints("replayed: passed", 1)
        .until_prints("1 passed", 1);
    assert_eq!(server.requests(), 2, "one for each real run");
    // The request differs: there is nothing to judge it by.
    let other = server
        .task("res.body.total == 12")
        .replace("/order", "/other");
    save(&suite, "tasks/a.yaml", &other);
    let running = running.until_prints("1 passed", 2);
    assert_eq!(server.requests(), 3);
    let ran = running.signal(Signal::TERM).ends();
    assert_eq!(ran.stdout.matches("replayed").count(), 1, "{ran}");
}

#[test]
fn a_replayed_verdict_stands_on_the_screen_until_the_real_one_comes() {
    let server = Server::start();
    let slow = |expect: &str| {
        let wait = "transitions: [{ to: asked, wait: 700ms }]";
        server.task(expect).replace("next: asked", wait)
    };
    let suite = Suite::new()
        .file("tasks/a.yaml", slow("res.body.total == 13"))
        .file("tasks/b.yaml", PASSES);
    let terminal = Terminal::start(&suite, 80, 24, &["watch"]);
    terminal.shows("✗ 1 failed  ✓ 1 passed");
    save(&suite, "tasks/a.yaml", &slow("res.body.total == 12"));
    terminal.shows("replayed");
    assert!(terminal.screen().contains("a.yaml changed → 1 of 2"));
    terminal.shows("✓ 2 passed");
    terminal.hides("replayed");
    assert_eq!(server.requests(), 2, "one for each real run");
    terminal.keys("q");
    assert!(terminal.ends().success());
}

#[test]
fn keys_work_while_tasks_run() {
    let suite = Suite::new()
        .file("tasks/a.yaml", PASSES)
        .file("tasks/b.yaml", FAILS)
        .file("tasks/w.yaml", WAITS);
    let terminal = Terminal::start(&suite, 80, 24, &["watch"]);
    terminal.shows("▶ 1 running");
    terminal.shows("left");
    terminal.keys("n").shows("› ✗ b");
    terminal.shows("41 ≠ 42");
    terminal.keys("\r").shows("What happened");
    terminal.keys("\u{1b}").hides("What happened");
    terminal.keys("/w\r").shows("› ◷ w");
    terminal.keys("g").shows("╭");
    terminal.shows("◀ here");
    terminal.keys("g").hides("╭");
    terminal.keys("?").shows("this help");
    terminal.keys("?").hides("this help");
    terminal.keys("tb\r").hides("◷ w");
    terminal.shows("name: b");
    terminal.keys("c").shows("◷ w");
    terminal.keys("py.yaml").shows("path contains: y.yaml");
    terminal.shows("no task matches");
    terminal.keys("\u{1b}").shows("◷ w");
    terminal.keys("u").shows("no web UI yet");
    terminal.keys(" ").shows("paused");
    save(&suite, "tasks/a.yaml", &logs("changed"));
    terminal.shows("a.yaml changed → 0 of 3 (paused)");
    terminal.keys(" ").shows("resumed → 1 of 3");
    terminal.keys("f").shows("failed → 1 of 3");
    terminal
        .keys("k")
        .keys("k")
        .keys("r")
        .shows("again → 1 of 3");
    terminal.keys("x").shows("⊘ w");
    terminal.hides("cancelled, cleaning up");
    terminal.keys("a").shows("all → 3 of 3");
    terminal.keys("q");
    assert!(terminal.ends().success());
}

#[test]
fn progress_and_failures_of_one_cause() {
    let mut suite = Suite::new().file("tasks/w.yaml", WAITS);
    for number in 0..30 {
        suite = suite.file(format!("tasks/t{number:02}.yaml"), FAILS);
    }
    let terminal = Terminal::start(&suite, 80, 24, &["watch"]);
    terminal.shows("funcy watch  30/31  ✗ 30 failed");
    terminal.shows("✗ 30 × expected answer == 42");
    terminal.keys("\r").shows("›   ✗ t00");
    terminal.keys("\u{1b}").shows("› ✗ 30 ×");
    terminal.keys("x").shows("⊘ w");
    terminal.hides("cancelled, cleaning up");
    terminal.hides("30/31");
    terminal.keys("q");
    assert!(terminal.ends().success());
}

#[test]
fn the_footer_says_that_it_cleans_up_as_long_as_it_does() {
    let waits = "- exec: { command: [sh, -c, 'while [ ! -e ../go ]; do sleep 0.02; done'] }";
    let task = WAITS.replace("- log: cleaned up", waits);
    for (key, then) in [("x", ""), ("\u{3}", "; Ctrl-C once more ends")] {
        let suite = Suite::new().file("tasks/w.yaml", &task);
        let args = ["watch", "--allow-exec", "sh"];
        let terminal = Terminal::start(&suite, 80, 24, &args);
        terminal.shows("◷ w");
        terminal
            .keys(key)
            .shows(&format!("cancelled, cleaning up{then}"));
        save(&suite, "go", "");
        terminal.shows("⊘ w");
        terminal.hides("cancelled, cleaning up");
        terminal.shows(if then.is_empty() {
            "? help"
        } else {
            "Ctrl-C once more ends"
        });
        terminal.keys("q");
        assert!(terminal.ends().success());
    }
}

#[test]
fn a_curl_is_copied_through_the_terminal() {
    let server = Server::start();
    let suite = Suite::new().file("tasks/a.yaml", server.task("res.body.total == 13"));
    let terminal = Terminal::start(&suite, 80, 24, &["watch"]);
    terminal.shows("✗ 1 failed");
    terminal.keys("y").shows("copied");
    terminal.sends("\u{1b}]52;c;");
    terminal.keys("q");
    terminal.ends();
}

#[test]
fn an_editor_gets_the_terminal_and_gives_it_back() {
    let suite = Suite::new()
        .file("tasks/a.yaml", FAILS)
        .file("ed.sh", "echo \"editing $*\"; read answer; echo \"got $answer\"; sed -i s/42/41/ \"$2\"; read more\n")
        .env("VISUAL", "sh ed.sh");
    let terminal = Terminal::start(&suite, 80, 24, &["watch"]);
    terminal.shows("✗ 1 failed");
    terminal.keys("e").shows("editing +8 tasks/a.yaml");
    // Every key is the editor's, and Ctrl-C does not reach the session.
    terminal.keys("quit\r").shows("got quit");
    terminal.keys("\r").shows("✓ 1 passed");
    terminal.keys("q");
    assert!(terminal.ends().success());
}

#[test]
fn ctrl_c_once_cancels_and_twice_ends_with_one_cleanup() {
    let cleanup = WAITS.replace(
        "- log: cleaned up",
        "- file: { append: ../cleaned.txt, text: x }",
    );
    let suite = Suite::new().file("tasks/w.yaml", cleanup);
    let args = &["watch", "--allow-write", "."];
    for presses in 1..=3 {
        let terminal = Terminal::start(&suite, 80, 24, args);
        terminal.shows("◷ w");
        terminal.keys(&"\u{3}".repeat(presses));
        if presses == 1 {
            terminal.shows("⊘ w");
            terminal.keys("q");
        }
        let code = terminal.ends().code();
        assert_eq!(code, Some(if presses == 1 { 0 } else { 130 }));
        assert_eq!(
            suite.text("cleaned.txt"),
            "x".repeat(presses),
            "after {presses}"
        );
    }
}

#[test]
fn a_running_task_keeps_its_definition_and_a_changed_one_begins_anew() {
    let suite = Suite::new().file("tasks/w.yaml", WAITS);
    let terminal = Terminal::start(&suite, 80, 24, &["watch"]);
    terminal.shows("◷ w");
    save(&suite, "tasks/w.yaml", "version: 1\nbroken");
    terminal.shows("w.yaml is broken");
    terminal.shows("▶ 1 running");
    save(&suite, "tasks/w.yaml", &WAITS.replace("60s", "1ms"));
    terminal.shows("✓ 1 passed");
    terminal.keys("q");
    terminal.ends();
}

#[test]
fn a_folder_may_go_and_come_back() {
    let suite = Suite::new().file("tasks/a.yaml", PASSES);
    let running = suite.start(["watch"]).until_prints("1 passed", 1);
    std::fs::remove_dir_all(suite.path("tasks")).unwrap();
    let running = running.until_prints("a.yaml is gone → 0 of 0", 1);
    std::fs::create_dir(suite.path("tasks")).unwrap();
    save(&suite, "tasks/a.yaml", PASSES);
    let running = running.until_prints("1 passed", 2);
    std::fs::create_dir_all(suite.path("tasks/deep/er")).unwrap();
    save(&suite, "tasks/deep/er/b.yaml", PASSES);
    running
        .until_prints("b.yaml is new → 1 of 2", 1)
        .until_prints("1 passed", 3)
        .signal(Signal::TERM)
        .ends();
}

/// By the time that the program looks, another folder has the name of the one that was watched.
#[test]
fn a_folder_may_be_replaced_at_once() {
    let suite = Suite::new().file("tasks/a.yaml", PASSES);
    let running = (suite.start(["watch"]))
        .until_prints("1 passed", 1)
        .signal(Signal::STOP);
    std::fs::remove_dir_all(suite.path("tasks")).unwrap();
    std::fs::create_dir(suite.path("tasks")).unwrap();
    save(&suite, "tasks/a.yaml", &format!("{PASSES}# 1\n"));
    let running = (running.signal(Signal::CONT))
        .until_prints("a.yaml changed → 1 of 1", 1)
        .until_prints("1 passed", 2);
    save(&suite, "tasks/a.yaml", &format!("{PASSES}# 2\n"));
    running
        .until_prints("a.yaml changed → 1 of 1", 2)
        .until_prints("1 passed", 3)
        .signal(Signal::TERM)
        .ends();
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "nothing tells that the empty folder was looked at; one that is looked at later shows the file as well"
)]
fn a_folder_may_come_before_its_files() {
    let suite = Suite::new().file("tasks/a.yaml", PASSES);
    let running = suite.start(["watch"]).until_prints("1 passed", 1);
    std::fs::create_dir(suite.path("tasks/deep")).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    save(&suite, "tasks/deep/b.yaml", PASSES);
    running
        .until_prints("b.yaml is new → 1 of 2", 1)
        .until_prints("1 passed", 2)
        .signal(Signal::TERM)
        .ends();
}

#[test]
fn a_narrow_terminal_and_a_new_size_during_a_run() {
    let suite = Suite::new()
        .file(
            "tasks/a-name-that-is-longer-than-the-screen-is-wide.yaml",
            FAILS,
        )
        .file("tasks/w.yaml", WAITS);
    let terminal = Terminal::start(&suite, 40, 12, &["watch"]);
    terminal.shows("◷ w");
    terminal
        .resize(100, 30)
        .shows("a-name-that-is-longer-than-the-screen-is-wide");
    terminal.resize(20, 5).shows("w");
    terminal.resize(80, 24).shows("41 ≠ 42");
    terminal.keys("q");
    terminal.ends();
}

/// Both are waiting when the program is woken, so that whatever is taken first, the other must not be lost.
#[test]
fn a_key_and_a_new_size_at_once_are_both_taken() {
    let suite = Suite::new().file("tasks/a.yaml", PASSES);
    let terminal = Terminal::start(&suite, 80, 24, &["watch"]);
    terminal.shows("✓ 1 passed");
    for _ in 0..10 {
        // The keys below are cut on a narrow screen.
        for (columns, edge) in [(40, false), (80, true)] {
            terminal
                .signal(Signal::STOP)
                .resize(columns, 24)
                .keys("?")
                .signal(Signal::CONT);
            terminal.shows("go back");
            terminal.keys("?").hides("go back");
            if edge {
                terminal.shows("e edit");
            } else {
                terminal.hides("e edit");
            }
        }
    }
    terminal.keys("q");
    terminal.ends();
}

#[test]
fn places_of_failures_are_kept_in_a_file() {
    let suite = Suite::new()
        .file("tasks/a.yaml", FAILS)
        .file("tasks/b.yaml", "version: 1\nstart_state: a\n");
    let args = [
        "watch",
        "--emit-locations",
        "places.txt",
        "--bell",
        "--notify",
    ];
    let running = suite
        .start(args)
        .until_prints("1 failed", 1)
        .until_prints("\u{1b}]9;funcy", 1);
    let text = suite.text("places.txt");
    assert!(
        text.contains("tasks/a.yaml:8:17: error: a failed: state here: "),
        "{text}"
    );
    assert!(text.contains("tasks/b.yaml:"), "{text}");
    save(&suite, "tasks/a.yaml", PASSES);
    let ran = running
        .until_prints("1 passed", 1)
        .signal(Signal::TERM)
        .ends();
    assert!(ran.stdout.contains('\u{7}'), "{ran}");
    assert!(!suite.text("places.txt").contains("a.yaml"));
}

#[test]
fn services_stay_up_between_runs() {
    let suite = Suite::new()
        .file(
            "tasks/funcy.yaml",
            "version: 1
services:
  shop: { command: [funcy, demo, --listen, \"127.0.0.1:${port}\"], ready: { http: \"${url}/health\" } }
clients:
  shop: { http: { base_url: \"${services.shop.url}\" } }
",
        )
        .file("tasks/a.yaml", PASSES.replace("log: all is well", "shop: GET /health\n        save: { url: services.shop.url }\n      - log: \"at ${url}\""));
    let terminal = Terminal::start(&suite, 120, 40, &["watch"]);
    terminal.shows("✓ 1 passed");
    terminal.keys("\r").shows("log: at http://127.0.0.1:");
    let at = |screen: &str| {
        let from = screen.find("log: at ").unwrap();
        screen[from..].lines().next().unwrap().trim().to_owned()
    };
    let first = at(&terminal.screen());
    save(
        &suite,
        "tasks/a.yaml",
        &suite
            .text("tasks/a.yaml")
            .replace("at ${url}", "at ${url} once more"),
    );
    terminal.shows("once more");
    assert_eq!(at(&terminal.screen()), format!("{first} once more"));
    let children = children(terminal.pid());
    assert_eq!(children.len(), 1);
    terminal.keys("q");
    assert!(terminal.ends().success());
    for child in children {
        assert!(
            !std::path::Path::new("/proc").join(&child).exists(),
            "{child} is left"
        );
    }
}

/// The processes that a process has started, by their ids.
fn children(pid: u32) -> Vec<String> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let texts = threads
        .flatten()
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    texts
        .flat_map(|text| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn looking_again_and_again_finds_changes_too() {
    let suite = Suite::new().file("tasks/a.yaml", PASSES);
    let running = suite
        .start(["watch", "--poll=20ms"])
        .until_prints("1 passed", 1);
    save(&suite, "tasks/a.yaml", FAILS);
    running
        .until_prints("a.yaml changed → 1 of 1", 1)
        .until_prints("1 failed", 1)
        .signal(Signal::TERM)
        .ends();
}

#[test]
fn a_replay_says_where_it_leaves_the_recording() {
    let server = Server::start();
    let task = |when: &str| {
        format!(
            "version: 1
start_state: ask
final_state: asked
states:
  ask: {{ transitions: [asked] }}
  asked:
    transition_condition: {{ poll: {{ http: GET {}/order }}, every: 20ms, when: {when} }}
",
            server.url
        )
    };
    let suite = Suite::new().file("tasks/a.yaml", task("res.status == 200"));
    let running = suite.start(["watch"]).until_prints("1 passed", 1);
    save(&suite, "tasks/a.yaml", &task("res.status == 201"));
    running
        .until_prints("not replayed", 1)
        .until_prints("the recording ends at `states.ask.transitions[0].poll`", 1)
        .signal(Signal::TERM)
        .ends()
        .exits(130);
}

#[test]
fn what_runs_may_end_first() {
    let slow = WAITS.replace("60s", "700ms");
    let suite = Suite::new().file("tasks/w.yaml", &slow);
    let running = suite.start(["watch", "--on-busy", "queue"]);
    let running = running.until_prints("start → 1 of 1", 1);
    save(
        &suite,
        "tasks/w.yaml",
        &slow.replace("cleaned up", "cleaned"),
    );
    running
        .until_prints("w.yaml changed → 1 of 1", 1)
        .until_prints("✓ w", 2)
        .signal(Signal::TERM)
        .ends()
        .prints_no("cancelled");
}

#[test]
fn half_written_files_disturb_nothing_that_runs() {
    let busy = "version: 1
start_state: here
final_state: there
max_global_transition_timeout: 90s
states:
  here:
    instructions:
      - file: { append: ../started.txt, text: x }
    transitions: [there]
  there:
    transition_condition: { wait: 80s }
";
    let mut suite = Suite::new();
    for number in 0..20 {
        suite = suite.file(format!("tasks/busy{number:02}.yaml"), busy);
    }
    // Nothing shorter than the whole is a task.
    let comment = format!("# {}\n", "x".repeat(2048 - PASSES.len()));
    let whole = PASSES.replace("start_state", &format!("{comment}start_state"));
    let suite = suite.file("tasks/z.yaml", &whole);
    let args = ["watch", "--allow-write", ".", "--jobs", "30"];
    let terminal = Terminal::start(&suite, 120, 40, &args);
    terminal.shows("✓ 1 passed  ▶ 20 running");
    for length in 0..whole.len() {
        save(&suite, "tasks/z.yaml", &whole[..length]);
    }
    // Some of the last ones were whole tasks with a shorter text; this is none.
    let cut = whole.find("log:").unwrap();
    save(&suite, "tasks/z.yaml", &whole[..cut]);
    terminal.shows("! 1 broken  ▶ 20 running");
    terminal.shows("stale: passed before");
    save(
        &suite,
        "tasks/z.yaml",
        &whole.replace("all is well", "whole again"),
    );
    terminal.shows("✓ 1 passed  ▶ 20 running");
    assert_eq!(suite.text("started.txt"), "x".repeat(20), "none began anew");
    terminal.keys("q");
    assert!(terminal.ends().success());
}

#[test]
fn a_checkout_of_hundreds_of_files() {
    let mut suite = Suite::new();
    for number in 0..200 {
        suite = suite.file(format!("tasks/t{number:03}.yaml"), FAILS);
    }
    let terminal = Terminal::start(&suite, 80, 24, &["watch"]);
    terminal.shows("✗ 200 failed");
    for number in 0..200 {
        let path = format!("tasks/t{number:03}.yaml");
        // As git does: away, then new.
        std::fs::remove_file(suite.path(&path)).unwrap();
        save(&suite, &path, &FAILS.replace("42", "41"));
    }
    terminal.shows("✓ 200 passed");
    terminal.keys("q");
    terminal.ends();
}

#[test]
fn an_editor_that_moves_the_old_file_away() {
    let suite = Suite::new().file("tasks/a.yaml", FAILS);
    let running = suite.start(["watch"]).until_prints("1 failed", 1);
    std::fs::rename(suite.path("tasks/a.yaml"), suite.path("tasks/a.yaml~")).unwrap();
    save(&suite, "tasks/a.yaml", PASSES);
    std::fs::remove_file(suite.path("tasks/a.yaml~")).unwrap();
    let running = running.until_prints("1 passed", 1);
    save(&suite, "tasks/a.yaml", FAILS);
    running
        .until_prints("1 failed", 2)
        .signal(Signal::TERM)
        .ends();
}

#[test]
fn a_signal_gives_the_terminal_back_too() {
    let suite = Suite::new().file("tasks/w.yaml", WAITS);
    for keys in ["", "/", "?", "\r"] {
        let terminal = Terminal::start(&suite, 80, 24, &["watch"]);
        terminal.shows("◷ w");
        terminal.keys(keys).signal(Signal::TERM);
        assert_eq!(terminal.ends().code(), Some(130));
    }
}

#[test]
fn ctrl_c_in_every_phase() {
    let suite = Suite::new().file("tasks/a.yaml", PASSES);
    // Nothing runs; something is typed; the help is open.
    for keys in ["", "/a", "?"] {
        let terminal = Terminal::start(&suite, 80, 24, &["watch"]);
        terminal.shows("✓ 1 passed");
        terminal
            .keys(keys)
            .keys("\u{3}")
            .shows("Ctrl-C once more ends");
        terminal.keys("\u{3}\u{3}");
        assert_eq!(terminal.ends().code(), Some(130));
    }
}

/// Runs a process until it is cancelled, and takes a moment to clean up.
const BUSY: &str = "version: 1
start_state: here
final_state: there
states:
  here:
    instructions:
      - exec: { command: [sh, -c, 'echo $$ >> ../processes.txt; sleep 600'] }
    next: there
  there:
cleanup:
  - file: { append: ../cleaned.txt, text: x }
  - exec: { command: [sleep, '0.3'] }
";

#[test]
fn three_times_ctrl_c_in_every_phase_cleans_up_once_and_leaves_nothing() {
    for phase in ["at the start", "while it runs", "while it cleans up"] {
        for time in 1..=3 {
            let suite = Suite::new().file("tasks/busy.yaml", BUSY);
            let args = [
                "watch",
                "--allow-exec",
                "sh",
                "--allow-exec",
                "sleep",
                "--allow-write",
                ".",
            ];
            let terminal = Terminal::start(&suite, 80, 24, &args);
            let case = format!("{phase}, {time}");
            // The very first that it does.
            terminal.sends("\u{1b}[?1049h");
            if phase != "at the start" {
                terminal.shows("▶ busy");
                suite.written("processes.txt");
            }
            if phase == "while it cleans up" {
                // Also when it has cleaned up.
                terminal.keys("\u{3}").shows("Ctrl-C once more ends");
                suite.written("cleaned.txt");
            }
            terminal.keys("\u{3}\u{3}\u{3}");
            let code = terminal.ends().code();
            assert_eq!(code, Some(130), "{case}");
            let started = std::fs::read_to_string(suite.path("processes.txt"));
            for process in started.unwrap_or_default().lines() {
                let path = std::path::Path::new("/proc").join(process);
                assert!(!path.exists(), "{case}: {process} is left");
            }
            let cleaned = suite.path("cleaned.txt").exists();
            assert!(cleaned || phase == "at the start", "{case}");
            if cleaned {
                assert_eq!(suite.text("cleaned.txt"), "x", "{case}");
            }
        }
    }
}

#[test]
fn a_panic_gives_the_terminal_back() {
    let suite = Suite::new()
        .file("tasks/a.yaml", PASSES)
        .env("FUNCY_PANIC_AT", "watch-input:2");
    let terminal = Terminal::start(&suite, 80, 24, &["watch"]);
    terminal.shows("✓ 1 passed");
    terminal.keys("?").shows("this help");
    terminal.keys("?");
    let status = terminal.ends();
    assert_eq!(status.code(), Some(101), "{status}");
}

/// The queue of the system runs over while nobody reads it, and what is lost is looked for.
#[test]
fn a_change_that_the_system_could_not_tell_of_is_found() {
    let suite = Suite::new().file("tasks/a.yaml", FAILS);
    let terminal = Terminal::start(&suite, 80, 24, &["watch"]);
    terminal.shows("✗ 1 failed");
    terminal.signal(Signal::STOP);
    let most = std::fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    let most: usize = most.trim().parse().unwrap();
    // Equal events in a row are told once, so two files take turns.
    for number in 0..most {
        save(&suite, ["tasks/x", "tasks/y"][number % 2], "");
    }
    save(&suite, "tasks/a.yaml", PASSES);
    terminal.signal(Signal::CONT);
    terminal.shows("✓ 1 passed");
    terminal.keys("q");
    assert!(terminal.ends().success());
}

#[test]
fn the_scrollback_is_never_cleared() {
    let suite = Suite::new().file("tasks/a.yaml", PASSES);
    let terminal = Terminal::start(&suite, 80, 24, &["watch"]);
    terminal.shows("✓ 1 passed");
    terminal.resize(60, 20).shows("✓ 1 passed");
    assert!(!terminal.sent().contains("\u{1b}[3J"));
    let (before, _) = terminal
        .sent()
        .split_once("\u{1b}[?1049h")
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    assert!(
        before.is_empty(),
        "nothing is drawn on the screen of the shell: {before:?}"
    );
    terminal.keys("q");
    terminal.ends();
}

#[test]
fn a_path_that_never_was_is_a_mistake() {
    let suite = Suite::new();
    suite
        .run(["watch", "nowhere"])
        .exits(2)
        .says("`nowhere` does not exist");
}
