//! `funcy run`: what is selected, what is given, what is written.

use super::suite::{FAILS, PASSES, Suite, WAITS};
use std::collections::BTreeSet;
use std::time::Duration;

fn tagged(tags: &str) -> String {
    format!("tags: [{tags}]\n{PASSES}")
}

fn four() -> Suite {
    Suite::new()
        .file("tasks/orders/place.yaml", tagged("orders, smoke"))
        .file("tasks/orders/cancel.yaml", tagged("orders"))
        .file("tasks/login.yaml", tagged("smoke"))
        .file("tasks/logout.yml", PASSES)
        // None of these is a task.
        .file("tasks/_called.yaml", "no task")
        .file("tasks/.hidden/x.yaml", "no task")
        .file("tasks/_parts/x.yaml", "no task")
        .file("tasks/data.json", "{}")
}

fn listed(suite: &Suite, args: &[&str]) -> Vec<String> {
    let ran = suite.run([&["run", "--list"], args].concat()).exits(0);
    ran.stdout
        .lines()
        .map(|line| line.split_whitespace().next().unwrap().to_owned())
        .collect()
}

#[test]
fn list_shows_what_would_run_and_runs_nothing() {
    let ran = four()
        .run(["run", "--list"])
        .exits(0)
        .prints("[orders, smoke]")
        .prints_no("passed");
    assert_eq!(ran.stdout.lines().count(), 4, "{ran}");
    let suite = Suite::new().file("tasks/t.yaml", FAILS);
    suite.run(["run", "--list"]).exits(0).prints("tasks/t.yaml");
}

#[test]
fn tasks_are_listed_by_file_and_named_after_it() {
    assert_eq!(listed(&four(), &[]), ["login", "logout", "cancel", "place"]);
}

#[test]
fn tags_select_with_any_of_them() {
    assert_eq!(listed(&four(), &["--tag", "orders"]), ["cancel", "place"]);
    assert_eq!(
        listed(&four(), &["--tag", "orders", "--tag", "smoke"]),
        ["login", "cancel", "place"]
    );
}

/// A mistake in a file that is not asked for stops nothing; in one that may be, everything.
#[test]
fn a_broken_file_that_is_not_selected_is_passed_over() {
    let broken = |head: &str| format!("{head}\nversion: 1\nstart_state: nowhere\n");
    let suite = four()
        .file("tasks/half.yaml", broken("tags: [wip]\nname: unfinished"))
        .file("tasks/torn.yaml", "states: { a: [\n");
    for args in [&["--filter", "log"][..], &["--filter", "tasks/orders/*"]] {
        let args = [&["run"], args].concat();
        suite
            .run(args)
            .exits(0)
            .prints("2 passed")
            .says("tasks/half.yaml has mistakes and is not selected")
            .says("tasks/torn.yaml has mistakes and is not selected");
    }
    // What cannot be read may have any tag.
    suite
        .run(["run", "--tag", "smoke"])
        .exits(2)
        .says("torn.yaml:")
        .says("1 error")
        .says_no("half.yaml:");
    for args in [
        &["run"][..],
        &["run", "--tag", "wip"],
        &["run", "--filter", "unfin"],
        &["run", "--filter", "half"],
        &["run", "--shard", "1/2"],
    ] {
        suite.run(args).exits(2).says("half.yaml:");
    }
    // What their suite says wrong is wrong for all of them.
    four()
        .file("tasks/funcy.yaml", "version: 1\nvras: {}\n")
        .run(["run", "--filter", "log"])
        .exits(2)
        .says("vras");
}

/// `*.yaml` of a shell names the suite file as well.
#[test]
fn the_suite_file_is_no_task() {
    let suite = Suite::new()
        .file("t.yaml", PASSES)
        .file("funcy.yaml", "version: 1\nvars: { a: 1 }\n");
    suite
        .run(["check", "funcy.yaml", "t.yaml"])
        .exits(0)
        .prints("2 files, no mistakes");
    suite
        .run(["run", "./funcy.yaml", "t.yaml"])
        .exits(0)
        .prints("1 passed");
    suite.run(["run", "funcy.yaml"]).exits(4);
    let suite = suite.file("funcy.yaml", "version: 1\nvras: { a: 1 }\n");
    for args in [
        &["check", "funcy.yaml"][..],
        &["check", "t.yaml", "funcy.yaml"],
    ] {
        let ran = suite.run(args).exits(2);
        assert_eq!(
            ran.stdout.matches("vras").count(),
            2,
            "once, and in its line: {ran}"
        );
    }
}

#[test]
fn filters_match_names_and_files() {
    assert_eq!(listed(&four(), &["--filter", "log"]), ["login", "logout"]);
    assert_eq!(listed(&four(), &["--filter", "log?n"]), ["login"]);
    assert_eq!(
        listed(&four(), &["--filter", "tasks/orders/*"]),
        ["cancel", "place"]
    );
    assert_eq!(
        listed(&four(), &["--filter", "log", "--tag", "smoke"]),
        ["login"]
    );
}

#[test]
fn shards_are_the_whole_without_overlap() {
    let suite = four();
    let parts: Vec<Vec<String>> = (1..=3)
        .map(|part| listed(&suite, &["--shard", &format!("{part}/3")]))
        .collect();
    let all: BTreeSet<&String> = parts.iter().flatten().collect();
    assert_eq!(all.len(), 4);
    assert_eq!(parts.iter().map(Vec::len).sum::<usize>(), 4, "{parts:?}");
    suite.run(["run", "--shard", "4/3"]).exits(2).says("I/N");
    suite.run(["run", "--shard", "9/9"]).exits(4);
}

#[test]
fn variables_come_from_the_command_line_typed_as_in_a_csv_cell() {
    let suite = Suite::new().file("t.yaml", FAILS);
    suite.run(["run", "t.yaml", "--var", "answer=42"]).exits(0);
    // Exactly a JSON number or bool is one; everything else is a text.
    let typed = FAILS.replace(
        "answer == 42",
        "a == 42 and b == '042' and c == true and d == 'x=y'",
    );
    let suite = Suite::new().file("t.yaml", typed);
    let vars = [
        "--var", "a=42", "--var", "b=042", "--var", "c=true", "--var", "d=x=y",
    ];
    suite.run([&["run", "t.yaml"], &vars[..]].concat()).exits(0);
    suite.run(["run", "t.yaml"]).exits(2).says("`a`");
    suite
        .run(["run", "t.yaml", "--var", "a"])
        .exits(2)
        .says("NAME=VALUE");
    suite
        .run(["run", "t.yaml", "--var", "1a=2"])
        .exits(2)
        .says("1a");
}

#[test]
fn jobs_are_at_least_one() {
    let suite = Suite::new().file("t.yaml", PASSES);
    suite
        .run(["run", "t.yaml", "--jobs", "0"])
        .exits(2)
        .says("--jobs");
    suite.run(["run", "t.yaml", "--jobs", "many"]).exits(2);
    suite.run(["run", "t.yaml", "--jobs", "1"]).exits(0);
}

#[test]
fn jobs_bound_how_many_run_at_once() {
    let task = WAITS.replace("60s", "300ms");
    let suite = (0..4).fold(Suite::new(), |suite, number| {
        suite.file(format!("{number}.yaml"), &task)
    });
    let most = |jobs: &str| {
        let ran = suite
            .run(["run", ".", "--format", "json", "--jobs", jobs])
            .exits(0);
        let mut running = 0_i32;
        let mut most = 0;
        for event in ran.json_lines() {
            match event["kind"].as_str() {
                Some("execution_started") => running += 1,
                Some("execution_finished") => running -= 1,
                _ => {}
            }
            most = most.max(running);
        }
        assert_eq!(running, 0);
        most
    };
    assert_eq!(most("1"), 1);
    assert_eq!(most("2"), 2);
    assert_eq!(most("4"), 4);
}

#[test]
fn fail_fast_stops_the_others() {
    let suite = Suite::new()
        .file("a.yaml", FAILS)
        .file("b.yaml", WAITS)
        .file("c.yaml", PASSES);
    suite
        .run(["run", ".", "--fail-fast", "--jobs", "2"])
        .exits(1)
        .prints("1 failed")
        .prints("cancelled")
        .within(Duration::from_secs(30));
}

#[test]
fn the_same_seed_gives_the_same_chance() {
    let task = "version: 1
start_state: here
final_state: here
states:
  here:
    instructions:
      - log: ${uuid()} ${uuid()}
";
    let suite = Suite::new().file("t.yaml", task);
    let logged = |seed: &str| {
        let ran = suite
            .run(["run", "t.yaml", "--format", "json", "--seed", seed])
            .exits(0);
        let logs: Vec<String> = ran
            .json_lines()
            .iter()
            .filter_map(|event| Some(event["text"].as_str()?.to_owned()))
            .collect();
        assert_eq!(logs.len(), 1, "{ran}");
        logs[0].clone()
    };
    assert_eq!(logged("7"), logged("7"));
    assert_ne!(logged("7"), logged("8"));
    let one = logged("7");
    let (left, right) = one.split_once(' ').unwrap();
    assert_ne!(left, right);
}

#[test]
fn json_is_every_event_as_a_line_and_nothing_else() {
    let ran = Suite::new()
        .file("t.yaml", FAILS)
        .run(["run", "t.yaml", "--format", "json"])
        .exits(1);
    let events = ran.json_lines();
    let seqs: Vec<u64> = events
        .iter()
        .map(|event| event["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(
        seqs,
        (1..=seqs.len() as u64).collect::<Vec<_>>(),
        "no gap, no repeat"
    );
    assert_eq!(events[0]["kind"], "run_started");
    // Last of all comes what the journal can be checked against.
    let [.., last, sealed] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(sealed["kind"], "run_sealed");
    assert_eq!(
        (&last["kind"], &last["outcome"]),
        (&"run_finished".into(), &"failed".into())
    );
}

#[test]
fn a_refused_permission_names_the_flag() {
    let task = PASSES.replace("- log: all is well", "- exec: { command: [\"true\"] }");
    let suite = Suite::new().file("t.yaml", task);
    suite.run(["run", "t.yaml"]).exits(3).prints("--allow-exec");
    suite
        .run(["run", "t.yaml", "--allow-exec", "true"])
        .exits(0);
    suite.run(["run", "t.yaml", "--allow-all"]).exits(0);
}

#[test]
fn an_environment_variable_needs_a_grant() {
    let task = PASSES.replace("all is well", "${env('WHO')}");
    let suite = Suite::new()
        .file("t.yaml", task)
        .env("WHO", "nobody-in-particular");
    suite
        .run(["run", "t.yaml", "--format", "json"])
        .exits(3)
        .prints("--allow-env")
        .prints_no("nobody-in-particular");
    suite
        .run(["run", "t.yaml", "--format", "json", "--allow-env", "WHO"])
        .exits(0)
        .prints("nobody-in-particular");
}

#[test]
fn a_secret_is_in_no_output() {
    let task = "version: 1
secrets: { password: hunter2-hunter2 }
start_state: here
final_state: here
states:
  here:
    instructions:
      - log: it is ${password}
      - exec: { command: [echo, '${password}'] }
      - expect: password == 'x'
";
    let suite = Suite::new().file("t.yaml", task);
    let reports = [
        "--report",
        "json=r.json",
        "--report",
        "junit=r.xml",
        "--report",
        "ndjson=r.ndjson",
        "--report",
        "markdown=r.md",
    ];
    let ran = suite
        .run(
            [
                &["run", "t.yaml", "-vv", "--allow-exec", "echo"],
                &reports[..],
            ]
            .concat(),
        )
        .exits(1)
        .says("echo");
    // The file itself says it: its lines are shown as they are written. Use `env()` for real ones.
    let from_file = "password: hunter2-hunter2";
    for text in [
        ran.stdout,
        ran.stderr,
        suite.text("r.json"),
        suite.text("r.xml"),
        suite.text("r.ndjson"),
        suite.text("r.md"),
    ] {
        assert!(!text.replace(from_file, "").contains("hunter2"), "{text}");
    }
}

#[test]
fn a_failure_shows_what_a_program_said() {
    let task = PASSES.replace(
        "- log: all is well",
        "- exec: { command: [sh, -c, \"echo out; echo why >&2; exit 3\"] }\n        expect: res.code == 0",
    );
    Suite::new()
        .file("t.yaml", task)
        .run(["run", "t.yaml", "--allow-exec", "sh"])
        .exits(1)
        .prints("3 ≠ 0")
        .prints("= body:    out\n")
        .prints("= stderr:  why\n");
}

#[test]
fn what_was_given_is_given_again_and_a_secret_is_named_only() {
    let task = FAILS.replace(
        "vars: { answer: 41 }",
        "secrets: { token: }\nparams: [answer]",
    );
    let suite = Suite::new().file("t.yaml", task);
    let ran = suite
        .run([
            "run",
            "t.yaml",
            "--var",
            "answer=it is 41",
            "--var=token=hunter2-hunter2",
            "--allow-exec",
            "true",
            "--report",
            "ndjson=r.ndjson",
            "--report",
            "json=r.json",
            "--report",
            "junit=r.xml",
        ])
        .exits(1)
        .prints("again:   funcy run t.yaml --var answer='it is 41' --var token=\"$token\" --allow-exec true");
    assert!(suite.text("r.xml").contains("--allow-exec true"));
    for text in [ran.stdout, suite.text("r.json"), suite.text("r.ndjson")] {
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn a_variable_that_nobody_takes_is_a_mistake() {
    const READS: &str = "version: 1
vars: { app_url: dev }
params: [who]
start_state: here
final_state: there
states:
  here:
    instructions:
      - log: \"${app_url} ${who}\"
    next: there
  there:
";
    let suite = Suite::new()
        .file("tasks/a.yaml", READS)
        .file("tasks/b.yaml", "version: 1\nstart_state: a\nfinal_state: a\nstates: { a: { instructions: [{ expect: extra == 1 }] } }\n");
    for command in ["run", "check", "simulate"] {
        suite
            .run([
                command,
                "tasks/a.yaml",
                "--var",
                "who=me",
                "--var",
                "app_ur=x",
            ])
            .exits(2)
            .says("`--var app_ur`: the task does not declare or read such a variable")
            .says("did you mean `app_url`?");
    }
    // What is not declared counts where a selected task reads it.
    let both = ["run", "tasks", "--var", "who=me", "--var", "extra=1"];
    suite.run(both).exits(0);
    suite
        .run(["run", "tasks/a.yaml", "--var", "who=me", "--var", "extra=1"])
        .exits(2)
        .says("`--var extra`");
    suite
        .run([
            "run",
            "tasks/a.yaml",
            "--var",
            "who=me",
            "--var",
            "app_url=x",
        ])
        .exits(0);
}

#[test]
fn an_environment_variable_that_is_not_set_is_named_where_it_is_read() {
    let task = |top: &str, instruction: &str| {
        format!(
            "version: 1\n{top}\nstart_state: a\nfinal_state: z\nstates:\n  a:\n    instructions:\n      - {instruction}\n    next: z\n  z:\n"
        )
    };
    let config = "clients: { shop: { http: { base_url: \"${env('NOT_SET')}\" } } }";
    let header = "http: { get: 'http://127.0.0.1:1/', headers: { x: \"${env('NOT_SET')}\" } }";
    let var = "vars: { url: \"${env('NOT_SET')}\" }";
    for (top, instruction, place) in [
        (config, "shop: GET /", "t.yaml:2:41"),
        ("", header, "t.yaml:8:62"),
        (var, "log: at ${url}", "t.yaml:8:19"),
        (
            "secrets: { token: \"${env('NOT_SET')}\" }",
            "log: x",
            "t.yaml:2:22",
        ),
    ] {
        Suite::new()
            .file("t.yaml", task(top, instruction))
            .run(["run", "t.yaml", "--allow-env", "NOT_SET"])
            .exits(3)
            .prints(place)
            .prints("the environment variable `NOT_SET` is not set");
    }
}

#[test]
fn a_condition_that_is_never_known_is_told_and_fails_on_request() {
    let task = "version: 1
start_state: a
final_state: z
vars: { order: { status: new } }
states:
  a:
    transitions:
      - { to: b, when: \"!(order.statuss == 'lost')\" }
      - z
  b: { next: z }
  z:
";
    let suite = Suite::new().file("tasks/t.yaml", task);
    suite
        .run(["run", "--report", "json=r.json", "--report", "junit=r.xml"])
        .exits(0)
        .prints("Warnings")
        .prints("tasks/t.yaml:8:24")
        .prints("!(order.statuss == 'lost') was unknown when it was asked: order.statuss is missing; nearest: status");
    for report in ["r.json", "r.xml"] {
        let text = suite.text(report);
        assert!(text.contains("order.statuss is missing"), "{text}");
    }
    suite.run(["run", "--fail-on-unknown"]).exits(1);
}

#[test]
fn a_url_is_shown_as_it_is_sent() {
    let task = "version: 1
vars: { base: 'http://127.0.0.1:9', x: 'a&b c' }
start_state: a
final_state: b
states:
  a:
    instructions:
      - name: look
        http: { get: '${base}/o/${x}?q=${x}', headers: { 'X-${x.len()}': '1' } }
    next: b
  b:
";
    let suite = Suite::new().file("t.yaml", task);
    let ran = suite.run(["run", "t.yaml"]).exits(3);
    ran.prints("http://127.0.0.1:9/o/a%26b%20c?q=a%26b%20c")
        .prints("curl -sS -H 'x-5: 1'");
    suite
        .run(["show", "latest", "--state", "a", "--format", "json"])
        .exits(0)
        .prints("/o/a%26b%20c?q=a%26b%20c");

    // Stubs see what would be sent.
    let stubs = "a.look: { result: { status: 200 } }\n";
    Suite::new()
        .file("t.yaml", task)
        .file("stubs.yaml", stubs)
        .run([
            "simulate",
            "t.yaml",
            "--stubs",
            "stubs.yaml",
            "--format",
            "json",
        ])
        .prints("/o/a%26b%20c?q=a%26b%20c");
}
