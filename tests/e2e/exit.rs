//! The exit codes: the first that applies of 130, 2, 3, 1, 4, 0.

#![allow(
    clippy::disallowed_methods,
    reason = "the tests wait for other processes, which have no clock that could be turned"
)]

use super::suite::{BREAKS, FAILS, FUNCY, PASSES, Suite, WAITS};
use rustix::io::ioctl_fionread;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const BROKEN: &str = "version: 1\nstart_state: here\n";

#[test]
fn zero_is_all_passed() {
    Suite::new()
        .file("tasks/t.yaml", PASSES)
        .run(["run"])
        .exits(0)
        .prints("1 passed");
}

#[test]
fn one_is_a_task_that_failed() {
    let suite = Suite::new()
        .file("pass.yaml", PASSES)
        .file("fail.yaml", FAILS);
    suite
        .run(["run", "."])
        .exits(1)
        .prints("1 failed")
        .prints("1 passed")
        .prints("fail.yaml:8:17");
}

#[test]
fn one_is_a_task_that_timed_out() {
    let task = WAITS
        .replace("90s", "100ms")
        .replace("wait: 60s", "when: false, poll: { eval: 1 }");
    Suite::new()
        .file("t.yaml", task)
        .run(["run", "t.yaml"])
        .exits(1)
        .prints("timed out");
}

#[test]
fn two_is_usage() {
    Suite::new()
        .run(["run", "--fiter", "x"])
        .exits(2)
        .says("--filter")
        .prints_nothing();
}

#[test]
fn two_is_an_invalid_definition_and_nothing_starts() {
    let suite = Suite::new()
        .file("good.yaml", PASSES)
        .file("bad.yaml", BROKEN);
    suite
        .run(["run", "."])
        .exits(2)
        .says("bad.yaml")
        .says("nothing was run")
        .prints_nothing();
}

#[test]
fn three_is_a_client_that_broke() {
    Suite::new()
        .file("t.yaml", BREAKS)
        .run(["run", "t.yaml"])
        .exits(3)
        .prints("127.0.0.1:9 was refused");
}

#[test]
fn an_error_is_stronger_than_a_failure() {
    let suite = Suite::new().file("a.yaml", FAILS).file("b.yaml", BREAKS);
    suite
        .run(["run", "."])
        .exits(3)
        .prints("1 failed")
        .prints("1 error");
}

#[test]
fn three_is_a_service_that_does_not_start() {
    let suite = Suite::new().file("t.yaml", PASSES).file(
        "funcy.yaml",
        "version: 1\nservices:\n  shop: { command: [funcy, demo, --listen, nowhere], ready: { http: \"${url}/\" } }\n",
    );
    suite
        .run(["run", "."])
        .exits(3)
        .says("shop")
        .says("nowhere");
}

/// The one who writes a service means it to be started; a list of programs is meant for it as well.
#[test]
fn a_service_needs_no_permission_unless_programs_are_listed() {
    let suite = |exec: &str, program: &str| {
        let suite = format!(
            "version: 1\n{exec}services:\n  one: {{ command: [{program}], ready: {{ http: \"${{url}}/health\" }} }}\n"
        );
        Suite::new()
            .file("t.yaml", PASSES)
            .file("funcy.yaml", suite)
    };
    let demo = "funcy, demo, --listen, \"127.0.0.1:${port}\"";
    let shell = format!(
        "sh, -c, 'exec \"$0\" demo --listen 127.0.0.1:${{port}}', {:?}",
        env!("CARGO_BIN_EXE_funcy")
    );
    let sleeping = "funcy, run, x.yaml";
    suite("", &shell).run(["run", "."]).exits(0);
    suite("", &shell)
        .run(["run", ".", "--allow-exec", "git"])
        .exits(0);
    suite("permissions: { exec: [sh] }\n", &shell)
        .run(["run", "."])
        .exits(0);
    suite("permissions: { net: [] }\n", &shell)
        .run(["run", "."])
        .exits(0);
    suite("permissions: { exec: [] }\n", demo)
        .run(["run", "."])
        .exits(0);
    for (exec, program, refused) in [
        ("permissions: { exec: [] }\n", shell.as_str(), "sh"),
        ("permissions: { exec: [git] }\n", &shell, "sh"),
        ("permissions: { exec: [git] }\n", sleeping, "funcy"),
    ] {
        suite(exec, program)
            .run(["run", "."])
            .exits(3)
            .says(&format!("the task may not start the program \"{refused}\""))
            .says(&format!("--allow-exec={refused}"));
    }
    suite("permissions: { exec: [git] }\n", &shell)
        .run(["run", ".", "--allow-exec", "sh"])
        .exits(0);
}

/// A suite whose service is funcy itself, and a task that it is to run.
fn nested(permissions: &str, command: &str) -> Suite {
    let suite =
        format!("version: 1\n{permissions}services:\n  again: {{ command: [{command}] }}\n");
    Suite::new()
        .file("funcy.yaml", suite)
        .file("t.yaml", PASSES)
        .file("inner/funcy.yaml", "version: 1\n")
        .file(
            "inner/t.yaml",
            "version: 1\nstart_state: a\nfinal_state: a\nstates:\n  a:\n    instructions:\n      - exec: { command: [touch, made] }\n",
        )
}

#[test]
fn a_funcy_that_a_suite_starts_may_do_no_more_than_the_suite() {
    let run = "funcy, run, inner/t.yaml, --allow-all";
    nested("permissions: { exec: [funcy] }\n", run)
        .run(["run", "t.yaml"])
        .exits(3)
        .says("the task may not start the program \"touch\"")
        .says("started by another and may do no more");
    // What both name, it may.
    let suite = nested("permissions: { exec: [funcy, touch] }\n", run);
    suite.run(["run", "t.yaml"]).exits(3).says("1 passed");
    assert!(suite.path("inner/made").exists());
    // A task is bound alike, by whatever path it names the program, and cannot let go of the bound.
    let by_task = |command: &str, more: &str| {
        Suite::new()
            .file("funcy.yaml", "version: 1\n")
            .file("inner/funcy.yaml", "version: 1\n")
            .file("inner/t.yaml", nested("", "x").text("inner/t.yaml"))
            .file(
                "t.yaml",
                format!(
                    "version: 1\nstart_state: a\nfinal_state: a\nstates:\n  a:\n    instructions:\n      - exec: {{ command: [{command}, run, inner/t.yaml, --allow-all]{more} }}\n        expect: res.code == 3 && res.stdout.contains('may not start')\n"
                ),
            )
            .run(["run", "t.yaml", "--allow-exec", command])
    };
    let whole = env!("CARGO_BIN_EXE_funcy");
    by_task(whole, "").exits(0);
    for name in ["FUNCY_CEILING", "FUNCY_DEPTH", "FUNCY_EXEC_ID"] {
        by_task(whole, &format!(", env: {{ {name}: '0' }}"))
            .exits(3)
            .prints(&format!("{name} is funcy's own"));
    }
}

#[test]
fn a_suite_that_runs_itself_comes_to_an_end() {
    for permissions in ["", "permissions: { exec: [funcy] }\n"] {
        nested(permissions, "funcy, run, t.yaml")
            .run(["run", "t.yaml"])
            .exits(3)
            .says("started by another, and that by another, 5 times (FUNCY_DEPTH), more than 4")
            .within(Duration::from_secs(30));
    }
    Suite::new()
        .file("t.yaml", PASSES)
        .env("FUNCY_DEPTH", "x")
        .run(["run", "t.yaml"])
        .exits(3)
        .says("FUNCY_DEPTH is x, which is no number");
}

/// Each of these tasks holds a connection while it waits.
#[test]
fn as_many_tasks_run_at_once_as_there_are_open_files_for() {
    let mut suite = Suite::new().file(
        "funcy.yaml",
        "version: 1\nservices:\n  shop: { command: [funcy, demo, --listen, \"127.0.0.1:${port}\"], ready: { http: \"${url}/health\" } }\nclients:\n  shop: { http: { base_url: \"${services.shop.url}\" } }\n",
    );
    for number in 0..60 {
        suite = suite.file(
            format!("t{number}.yaml"),
            "version: 1\nstart_state: a\nfinal_state: b\nstates:\n  a:\n    instructions:\n      - shop: GET /health\n      - exec: { command: [sleep, '0.1'] }\n    next: b\n  b:\n",
        );
    }
    let output = Command::new("sh")
        .args([
            "-c",
            "ulimit -n 64; exec \"$0\" run . --jobs 500 --allow-exec sleep",
        ])
        .arg(env!("CARGO_BIN_EXE_funcy"))
        .current_dir(suite.path("."))
        .output()
        .unwrap();
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert_eq!(output.status.code(), Some(0), "{stdout}{stderr}");
    assert!(
        stderr.contains(" of 60 tasks run at once, not 500: each may need"),
        "{stderr}"
    );
}

#[test]
fn four_is_nothing_selected() {
    let suite = Suite::new().file("t.yaml", PASSES);
    suite
        .run(["run", ".", "--tag", "none"])
        .exits(4)
        .says("no task was selected");
    suite.run(["run", ".", "--filter", "none"]).exits(4);
    Suite::new()
        .folder("tasks")
        .run(["run"])
        .exits(4)
        .says("no task file");
}

#[test]
fn flaky_is_good_unless_it_is_asked_for() {
    // Passes on the second attempt: the first leaves a file behind.
    let task = "version: 1
retries: 1
start_state: here
final_state: here
states:
  here:
    instructions:
      - expect: run.attempt == 2
";
    let suite = Suite::new().file("t.yaml", task);
    suite.run(["run", "t.yaml"]).exits(0).prints("flaky");
    suite
        .run(["run", "t.yaml", "--fail-on-flaky"])
        .exits(1)
        .prints("flaky");
    suite
        .run(["run", "t.yaml", "--retries", "0"])
        .exits(1)
        .prints("1 failed");
}

#[test]
fn the_first_interrupt_cancels_cleans_up_and_reports() {
    let suite = Suite::new().file("t.yaml", WAITS);
    let run = suite.start(["run", "t.yaml", "--report", "ndjson=events.ndjson", "-v"]);
    run.until_says("execution")
        .signal(Signal::INT)
        .ends()
        .exits(130)
        .prints("cancelled")
        .says("SIGINT")
        .within(Duration::from_secs(20));
    let events = suite.text("events.ndjson");
    assert!(events.contains("cleaned up"), "{events}");
    assert!(
        events.lines().last().unwrap().contains("run_sealed"),
        "{events}"
    );
}

#[test]
fn a_second_interrupt_ends_at_once() {
    let stubborn = WAITS.replace(
        "  - log: cleaned up",
        "  - exec: { command: [sleep, \"60\"] }",
    );
    let suite = Suite::new().file("t.yaml", stubborn);
    let run = suite.start(["run", "t.yaml", "--allow-exec", "sleep", "--format", "json"]);
    run.until_says("wait_started")
        .signal(Signal::INT)
        .until_says("cleanup_started")
        .signal(Signal::INT)
        .ends()
        .exits(130)
        .within(Duration::from_secs(20));
}

/// Starts a run whose events nobody reads, and waits until its output is blocked by that.
fn blocked() -> (Suite, Child) {
    let text = "x".repeat(300_000);
    let task = PASSES.replace("all is well", &text);
    let suite = Suite::new().file("t.yaml", task);
    let child = Command::new(FUNCY)
        .args(["run", "t.yaml", "--format", "json"])
        .current_dir(suite.path("."))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let unread = || ioctl_fionread(child.stdout.as_ref().unwrap()).unwrap();
    let mut before = 0;
    while unread() == 0 || unread() != before {
        before = unread();
        pause(300);
    }
    (suite, child)
}

fn send(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// How it ended, and what it said, without its output being read.
fn ended(mut child: Child) -> (Option<i32>, String) {
    for _ in 0..600 {
        if let Some(status) = child.try_wait().unwrap() {
            let mut said = String::new();
            (child.stderr.unwrap().read_to_string(&mut said)).unwrap();
            return (status.code(), said);
        }
        pause(50);
    }
    child.kill().unwrap();
    panic!("it has not ended");
}

#[test]
fn a_second_interrupt_ends_what_is_blocked() {
    let (_suite, child) = blocked();
    send(&child, Signal::INT);
    pause(100);
    send(&child, Signal::INT);
    let (code, said) = ended(child);
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains("SIGINT: stopping"), "{said}");
}

#[test]
fn a_termination_ends_what_is_blocked() {
    let (_suite, child) = blocked();
    send(&child, Signal::TERM);
    let (code, said) = ended(child);
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains("SIGTERM: stopping"), "{said}");
    assert!(said.contains("nobody has read the rest"), "{said}");
}

/// Whatever holds the engine's thread: a second signal is dealt with beside it.
#[test]
fn a_second_interrupt_ends_what_computes() {
    let task = PASSES.replace(
        "log: all is well",
        "eval: range(0, 100000).map(|x| (x * 7919) % 100003).sort(|a, b| a - b).len()",
    );
    let suite = Suite::new().file("t.yaml", task);
    let mut child = Command::new(FUNCY)
        .args(["run", "t.yaml", "--format", "json"])
        .current_dir(suite.path("."))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for line in lines {
        if line.unwrap().contains("state_entered") {
            break;
        }
    }
    for _ in 0..2 {
        send(&child, Signal::INT);
        pause(100);
    }
    let (code, said) = ended(child);
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains("SIGINT: ended at once"), "{said}");
}

#[test]
fn a_termination_is_an_interrupt() {
    let suite = Suite::new().file("t.yaml", WAITS);
    let run = suite.start(["run", "t.yaml", "--format", "json"]);
    run.until_says("wait_started")
        .signal(Signal::TERM)
        .ends()
        .exits(130)
        .prints("cleaned up")
        .says("SIGTERM");
}

#[test]
fn a_hangup_is_an_interrupt_unless_it_is_ignored() {
    let suite = Suite::new().file("t.yaml", WAITS);
    let run = suite.start(["run", "t.yaml", "--format", "json"]);
    run.until_says("wait_started")
        .signal(Signal::HUP)
        .ends()
        .exits(130)
        .prints("cleaned up")
        .says("SIGHUP");
    let short = WAITS.replace("60s", "500ms");
    Suite::new()
        .file("t.yaml", short)
        .shell("trap '' HUP; funcy run t.yaml & sleep 0.2; kill -HUP $!; wait $!")
        .exits(0)
        .prints("1 passed");
}

#[test]
fn an_interrupt_is_one_with_fail_fast_too() {
    let suite = Suite::new().file("t.yaml", WAITS);
    let run = suite.start(["run", "t.yaml", "--format", "json", "--fail-fast"]);
    run.until_says("wait_started")
        .signal(Signal::INT)
        .ends()
        .exits(130);
}

/// A suite whose service gets ready only if it is told so, and whose processes can be found.
fn with_service(ready: bool) -> Suite {
    let listens = if ready {
        "exec funcy demo --listen 127.0.0.1:$1"
    } else {
        "wait"
    };
    let suite = format!(
        "version: 1
permissions: {{ exec: [sh] }}
services:
  slow:
    command: [sh, -c, \"echo $$ >>pids; sleep 300 & echo $! >>pids; {listens}\", sh, \"${{port}}\"]
"
    );
    let task = "version: 1
start_state: here
final_state: there
states:
  here:
    instructions:
      - exec: { command: [sh, -c, \"echo $$ >>pids; sleep 300 & echo $! >>pids; echo on >on; wait\"] }
    next: there
  there:
cleanup:
  - exec: { command: [sh, -c, \"echo $$ >>pids; sleep 300 & echo $! >>pids; wait\"] }
";
    Suite::new().file("funcy.yaml", suite).file("t.yaml", task)
}

/// The processes that the suite has started, as far as they still run.
fn still_running(suite: &Suite) -> Vec<String> {
    let pids = suite.text("pids");
    assert!(pids.lines().count() > 1, "{pids}");
    let runs = |pid: &str| {
        std::fs::read_to_string(format!("/proc/{pid}/stat"))
            .is_ok_and(|stat| !stat.contains(") Z "))
    };
    // The last signal may still be on its way.
    for _ in 0..100 {
        if !pids.lines().any(runs) {
            return Vec::new();
        }
        pause(20);
    }
    pids.lines()
        .filter(|pid| runs(pid))
        .map(str::to_owned)
        .collect()
}

#[expect(
    clippy::disallowed_methods,
    reason = "other processes have no clock but this one"
)]
fn pause(millis: u64) {
    std::thread::sleep(Duration::from_millis(millis));
}

fn until_there(suite: &Suite, file: &str) {
    for _ in 0..500 {
        if std::fs::read_to_string(suite.path(file)).is_ok_and(|text| text.lines().count() > 0) {
            return;
        }
        pause(20);
    }
    panic!("there is no {file}");
}

#[cfg(target_os = "linux")]
#[test]
fn an_interrupt_while_a_service_starts_does_not_wait_for_it() {
    let suite = with_service(false);
    let run = suite.start(["run", "t.yaml"]);
    until_there(&suite, "pids");
    pause(100);
    run.signal(Signal::INT)
        .ends()
        .exits(130)
        .prints("cancelled")
        .within(Duration::from_secs(8));
    assert_eq!(still_running(&suite), Vec::<String>::new());
}

#[cfg(target_os = "linux")]
#[test]
fn a_second_interrupt_leaves_no_process_behind() {
    let suite = with_service(true);
    let run = suite.start(["run", "t.yaml", "--format", "json"]);
    until_there(&suite, "on");
    run.signal(Signal::INT)
        .until_says("cleanup_started")
        .signal(Signal::INT)
        .ends()
        .exits(130)
        .within(Duration::from_secs(20));
    assert_eq!(still_running(&suite), Vec::<String>::new());
}

/// One child in a session of its own, and one that has left group, session, parent and environment behind.
#[cfg(target_os = "linux")]
#[test]
fn a_service_leaves_nothing_behind_wherever_its_processes_went() {
    let service = "echo $$ >>pids
      setsid sh -c 'echo $$ >>pids; exec sleep 300' &
      (env -i setsid sh -c '(env -i setsid sh -c \"echo \\$\\$ >>pids; exec sleep 300\" &)' &)
      while [ $(wc -l <pids) -lt 3 ]; do sleep 0.01; done
      exec funcy demo --listen 127.0.0.1:$1";
    let suite = format!(
        "version: 1\nservices:\n  daemon:\n    command:\n    - sh\n    - -c\n    - |\n      {service}\n    - sh\n    - \"${{port}}\"\n"
    );
    let suite = Suite::new()
        .file("funcy.yaml", suite)
        .file("t.yaml", PASSES)
        .file("waits.yaml", WAITS);
    suite.run(["run", "t.yaml"]).exits(0);
    assert_eq!(suite.text("pids").lines().count(), 3);
    assert_eq!(still_running(&suite), Vec::<String>::new());
    let run = suite.start(["run", "waits.yaml", "--format", "json"]);
    run.until_says("wait_started")
        .signal(Signal::INT)
        .ends()
        .exits(130);
    assert_eq!(suite.text("pids").lines().count(), 6);
    assert_eq!(still_running(&suite), Vec::<String>::new());
}

/// `exec funcy` in a script keeps the children of that script, which are no affair of funcy.
#[cfg(target_os = "linux")]
#[test]
fn what_was_there_before_funcy_is_left_alone() {
    let task = "version: 1\nstart_state: a\nfinal_state: a\nstates:\n  a:\n    instructions:\n      - exec: { command: [sleep, '0.1'] }\n";
    let suite = Suite::new().file("t.yaml", task);
    let script = "setsid sleep 300 & echo $! >other; exec \"$0\" run t.yaml --allow-exec sleep";
    let status = Command::new("sh")
        .args(["-c", script])
        .arg(env!("CARGO_BIN_EXE_funcy"))
        .current_dir(suite.path("."))
        .status()
        .unwrap();
    assert!(status.success());
    let other = suite.text("other").trim().parse().unwrap();
    let other = Pid::from_raw(other).unwrap();
    kill_process(other, Signal::KILL).expect("it still runs");
}

#[test]
fn a_service_sees_of_the_environment_what_is_granted() {
    let suite = |permissions: &str| {
        let text = format!(
            "version: 1\n{permissions}services:\n  one:\n    command: [sh, -c, 'env >seen; exec funcy demo --listen 127.0.0.1:${{port}}']\n    env: {{ OWN: \"${{port}}\" }}\n"
        );
        Suite::new()
            .file("t.yaml", PASSES)
            .file("funcy.yaml", text)
            .env("GRANTED", "a")
            .env("SECRET", "b")
    };
    let seen = |suite: Suite, more: &[&str]| {
        suite.run([&["run", "t.yaml"], more].concat()).exits(0);
        let text = suite.text("seen");
        assert!(text.contains("PATH=") && text.contains("OWN="), "{text}");
        (text.contains("GRANTED=a"), text.contains("SECRET=b"))
    };
    assert_eq!(seen(suite(""), &[]), (false, false));
    assert_eq!(
        seen(suite("permissions: { env: [GRANTED] }\n"), &[]),
        (true, false)
    );
    assert_eq!(seen(suite(""), &["--allow-all"]), (true, true));
    suite("permissions: { exec: [sh] }\n")
        .file(
            "funcy.yaml",
            "version: 1\npermissions: { exec: [] }\nservices:\n  one: { command: [funcy, demo], env: { LD_PRELOAD: ./evil.so } }\n",
        )
        .run(["run", "t.yaml"])
        .exits(3)
        .says("the task may not set LD_PRELOAD");
}

#[test]
fn two_is_a_parameter_that_was_not_given() {
    let task = PASSES.replacen("version: 1", "version: 1\nparams: [sku]", 1);
    let suite = Suite::new().file("tasks/t.yaml", &task);
    suite
        .run(["run"])
        .exits(2)
        .says("needs the parameter `sku`");
    suite.run(["run", "--var", "sku=A-1"]).exits(0);
}

/// In a container the session has begun outside: it is 0 there.
#[cfg(target_os = "linux")]
#[test]
fn a_command_runs_where_the_session_began_outside() {
    let inside = |words: &[&str]| {
        let mut unshare = Command::new("unshare");
        unshare.args(["--user", "--map-root-user", "--pid", "--fork"]);
        unshare.args(["--mount-proc", "--kill-child"]).args(words);
        unshare
    };
    if !inside(&["true"])
        .output()
        .is_ok_and(|output| output.status.success())
    {
        eprintln!("SKIPPED a_command_runs_where_the_session_began_outside: no namespaces here");
        return;
    }
    let suite = Suite::new().file(
        "t.yaml",
        "version: 1
start_state: here
final_state: here
states:
  here:
    instructions:
      - exec: { command: [sh, -c, \"sleep 300 & echo started\"] }
        expect: contains(res.stdout, 'started')
",
    );
    let output = inside(&[FUNCY, "run", "t.yaml", "--allow-exec", "sh"])
        .current_dir(suite.path("."))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
}
