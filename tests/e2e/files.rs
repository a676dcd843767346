//! Paths and files that are not what they should be: a clear word, never a hang or a panic.

use super::suite::{PASSES, Suite};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

#[test]
fn a_path_that_is_missing_is_named() {
    for command in ["run", "check", "graph"] {
        Suite::new()
            .run([command, "nowhere.yaml"])
            .exits(2)
            .within(Duration::from_secs(30));
    }
    Suite::new()
        .run(["run", "nowhere.yaml"])
        .exits(2)
        .says("nowhere.yaml");
    Suite::new().run(["run"]).exits(2).says("tasks");
}

#[test]
fn a_path_need_not_be_utf8() {
    let name = OsStr::from_bytes(b"caf\xe9.yaml");
    let suite = Suite::new().file(name, PASSES);
    suite
        .run([OsStr::new("run"), name])
        .exits(0)
        .prints("1 passed");
    suite
        .run([OsStr::new("run"), OsStr::from_bytes(b"n\xe9.yaml")])
        .exits(2);
}

#[test]
fn a_pipe_is_no_task_file() {
    let suite = Suite::new();
    suite
        .shell("mkfifo tasks.yaml && mkdir d && mkfifo d/t.yaml")
        .exits(0);
    suite
        .run(["run", "tasks.yaml"])
        .exits(2)
        .within(Duration::from_secs(30));
    suite
        .run(["run", "d"])
        .exits(2)
        .says("d/t.yaml")
        .within(Duration::from_secs(30));
}

#[test]
fn devices_are_no_task_files() {
    for device in ["/dev/zero", "/dev/null"] {
        Suite::new()
            .run(["run", device])
            .exits(2)
            .within(Duration::from_secs(30));
    }
}

#[test]
fn a_loop_of_links_ends() {
    let suite = Suite::new()
        .file("tasks/t.yaml", PASSES)
        .link("tasks/again", ".")
        .link("tasks/up", "..");
    let ran = suite
        .run(["run", "--list"])
        .exits(0)
        .within(Duration::from_secs(30));
    assert_eq!(
        ran.stdout.lines().count(),
        1,
        "one file is one task, by whatever way it is found\n{ran}"
    );
}

#[test]
fn a_link_that_leads_nowhere_is_not_passed_over() {
    Suite::new()
        .file("tasks/t.yaml", PASSES)
        .link("tasks/gone.yaml", "nowhere")
        .run(["run"])
        .exits(2)
        .says("--> tasks/gone.yaml\n")
        .says("1 error in 2 files");
}

#[test]
fn the_suite_file_beside_a_task_holds_from_wherever_one_stands() {
    let suite = Suite::new()
        .file("a/funcy.yaml", "version: 1\nvars: { answer: 42 }\n")
        .file(
            "a/t.yaml",
            super::suite::FAILS.replace("vars: { answer: 41 }\n", ""),
        )
        .folder("a/b");
    for (folder, file) in [
        (".", "a/t.yaml"),
        ("a", "t.yaml"),
        ("a", "./t.yaml"),
        ("a/b", "../t.yaml"),
    ] {
        suite
            .shell(&format!("cd {folder} && funcy run {file}"))
            .exits(0)
            .prints("1 passed");
    }
}

#[test]
fn a_file_named_twice_runs_once() {
    let suite = Suite::new().file("tasks/t.yaml", PASSES);
    suite
        .run(["run", "tasks", "tasks/t.yaml", "./tasks"])
        .exits(0)
        .prints("1 passed");
}

#[test]
fn hostile_contents_are_mistakes() {
    let deep = "[".repeat(100_000);
    let bomb = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n".to_owned()
        + &(0..40)
            .map(|n| "d0: &d0 [*c, *c, *c]\n".replace("d0", &format!("d{n}")))
            .collect::<String>();
    let huge = format!("version: 1\ndescription: {}\n", "x".repeat(20 << 20));
    let cases: [(&str, &[u8]); 9] = [
        ("empty", b""),
        ("binary", b"\x00\x01\x02\xff\xfe"),
        ("latin", b"name: caf\xe9\n"),
        ("deep", deep.as_bytes()),
        ("bomb", bomb.as_bytes()),
        ("huge", huge.as_bytes()),
        ("list", b"- version: 1\n"),
        ("two", b"version: 1\n---\nversion: 1\n"),
        ("tag", b"version: !!python/object:os.system 1\n"),
    ];
    for (name, contents) in cases {
        let suite = Suite::new().file("t.yaml", contents);
        let ran = suite
            .run(["check", "t.yaml"])
            .exits(2)
            .within(Duration::from_secs(30));
        assert!(
            (ran.stdout.clone() + &ran.stderr).contains("t.yaml"),
            "{name}: {ran}"
        );
        assert!(
            ran.stdout.len() + ran.stderr.len() < 64 << 10,
            "{name}: {} bytes",
            ran.stdout.len()
        );
        suite.run(["run", "t.yaml"]).exits(2).says_no("panicked");
    }
}

#[test]
fn a_reader_that_goes_away_is_nobodys_mistake() {
    let suite = (0..50).fold(Suite::new(), |suite, number| {
        suite.file(format!("tasks/{number:02}.yaml"), PASSES)
    });
    for command in [
        "funcy run --list",
        "funcy run",
        "funcy run --format json",
        "funcy schema",
        "funcy clients",
        "funcy graph",
        "funcy check --format json",
        "funcy completions bash",
        "funcy --help",
    ] {
        let script = format!("{{ {command}; echo \"exit $?\" >&2; }} | head -n 1");
        suite
            .shell(&script)
            .exits(0)
            .says("exit 0")
            .says_no("panicked")
            .says_no("roken pipe")
            .within(Duration::from_mins(1));
    }
}

#[test]
fn stdout_that_is_closed_does_no_harm() {
    let suite = Suite::new().file("tasks/t.yaml", PASSES);
    suite.shell("funcy run >&-").exits(0).says_no("panicked");
    suite.shell("funcy run >/dev/null 2>&-").exits(0);
    suite.shell("funcy run >/dev/full").says_no("panicked");
}
