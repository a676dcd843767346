//! A checkout that somebody else has made: links, pipes and devices where funcy keeps or expects a file.

use super::suite::{PASSES, Suite};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30);

/// Commands that open the journal, each with what it needs to get there.
const READERS: [&[&str]; 5] = [
    &["runs"],
    &["show", "latest"],
    &["audit", "verify"],
    &["runs", "prune", "--keep-last", "1"],
    &["replay", "latest"],
];

/// A suite that has run once, and a folder outside of it with a file that is nobody's business.
fn checkout() -> Suite {
    let suite = Suite::new()
        .file("proj/tasks/t.yaml", PASSES)
        .file("elsewhere/R1", "")
        .file("elsewhere/letter", "precious");
    suite.shell("cd proj && funcy run").exits(0);
    suite
}

/// Nothing outside of the checkout was touched, whatever the commands have said.
#[track_caller]
fn refused(suite: &Suite, what: &str) {
    let commands = [&["run"][..]].into_iter().chain(READERS);
    for command in commands {
        suite
            .shell(&format!("cd proj && funcy {}", command.join(" ")))
            .exits(3)
            .says(what)
            .within(LIMIT);
    }
    assert_eq!(suite.text("elsewhere/letter"), "precious");
    assert_eq!(suite.text("elsewhere/R1"), "");
    let left = std::fs::read_dir(suite.path("elsewhere")).unwrap();
    assert_eq!(left.count(), 2, "something was written there");
}

#[test]
fn a_linked_folder_of_locks_is_not_swept() {
    let suite = checkout().link("proj/.funcy/gone", "nowhere");
    suite.shell("rm -r proj/.funcy/journal.db-live").exits(0);
    let suite = suite.link("proj/.funcy/journal.db-live", "../../elsewhere");
    refused(&suite, ".funcy/journal.db-live is a symbolic link");
}

#[test]
fn a_linked_reserve_is_not_filled() {
    let suite = checkout();
    suite.shell("rm proj/.funcy/journal.db-reserve").exits(0);
    let suite = suite.link("proj/.funcy/journal.db-reserve", "../../elsewhere/letter");
    suite.shell("cd proj && funcy run").exits(0);
    assert_eq!(suite.text("elsewhere/letter"), "precious");
}

#[test]
fn a_linked_folder_or_database_is_not_opened() {
    for part in ["", "/journal.db", "/journal.db-wal", "/journal.db-shm"] {
        let suite = checkout();
        suite.shell(&format!("mv proj/.funcy{part} moved")).exits(0);
        let target = if part.is_empty() {
            "../moved"
        } else {
            "../../moved"
        };
        let suite = suite.link(&format!("proj/.funcy{part}"), target);
        refused(&suite, &format!(".funcy{part} is a symbolic link"));
    }
}

#[test]
fn a_file_that_no_run_has_written_stays() {
    let suite = checkout()
        .file("proj/.funcy/journal.db-live/notes.txt", "")
        .file("proj/.funcy/journal.db-live/R1", "a letter")
        .file("proj/.funcy/journal.db-reserve", "a letter");
    for command in [&["run"][..]].into_iter().chain(READERS) {
        suite
            .shell(&format!("cd proj && funcy {}", command.join(" ")))
            .exits(0);
    }
    assert_eq!(suite.text("proj/.funcy/journal.db-live/notes.txt"), "");
    assert_eq!(suite.text("proj/.funcy/journal.db-live/R1"), "a letter");
    assert_eq!(suite.text("proj/.funcy/journal.db-reserve"), "a letter");
}

#[test]
fn pipes_in_place_of_the_journals_files_are_not_waited_for() {
    for part in ["journal.db", "journal.db-wal", "journal.db-shm"] {
        let suite = checkout();
        suite
            .shell(&format!("cd proj/.funcy && rm -f {part} && mkfifo {part}"))
            .exits(0);
        refused(&suite, "is a pipe, a socket or a device");
    }
    let suite = checkout();
    suite
        .shell("cd proj/.funcy && rm journal.db-reserve && mkfifo journal.db-reserve journal.db-live/R1")
        .exits(0);
    for command in [&["run"][..]].into_iter().chain(READERS) {
        suite
            .shell(&format!("cd proj && funcy {}", command.join(" ")))
            .exits(0)
            .within(LIMIT);
    }
}

#[test]
fn what_a_dead_run_has_noted_is_read_within_a_bound() {
    let suite = checkout();
    // A hole: it takes no room on the disk, but would take all of the memory.
    suite
        .shell("truncate -s 1T proj/.funcy/journal.db-live/R1")
        .exits(0);
    suite
        .shell("cd proj && ulimit -v 4000000 && funcy -v runs")
        .exits(0)
        .says("it is larger than 64 MiB")
        .within(LIMIT);
}

#[test]
fn what_lies_outside_by_a_relative_path_is_not_reached_through_a_link() {
    let suite = checkout().link("proj/out", "../elsewhere");
    suite
        .shell("cd proj && funcy run --journal out/j.db")
        .exits(3)
        .says("out is a symbolic link");
    // The absolute path is the user's own.
    suite
        .shell("cd proj && funcy run --journal $PWD/out/j.db")
        .exits(0);
}

#[test]
fn the_schemas_are_not_written_through_a_link() {
    let suite = checkout().link("proj/.funcy/task.schema.json", "../../elsewhere/letter");
    suite.shell("cd proj && funcy check").exits(0);
    assert_eq!(suite.text("elsewhere/letter"), "precious");
    suite.shell("rm -r proj/.funcy").exits(0);
    let suite = suite.link("proj/.funcy", "../elsewhere");
    suite
        .shell("cd proj && funcy schema --write")
        .exits(3)
        .says(".funcy is a symbolic link");
}

#[test]
fn init_extends_no_file_through_a_link() {
    let suite = Suite::new()
        .file("elsewhere/profile", "precious")
        .folder("proj")
        .link("proj/.gitignore", "../elsewhere/profile");
    suite
        .shell("cd proj && funcy init")
        .exits(3)
        .says(".gitignore is a symbolic link");
    assert_eq!(suite.text("elsewhere/profile"), "precious");
}

/// A task that writes a file, which its suite must have allowed.
const WRITES: &str = "version: 1
start_state: here
final_state: here
states:
  here:
    instructions:
      - exec: { command: [touch, done] }
";

const GRANTS: &str = "version: 1\npermissions: { exec: [touch] }\n";

#[test]
fn a_task_of_another_checkout_has_not_the_grants_of_the_working_folder() {
    let suite = Suite::new()
        .file("proj/funcy.yaml", GRANTS)
        .file("evil/e.yaml", WRITES);
    for path in ["../evil/e.yaml", "./../evil", "../proj/../evil/e.yaml"] {
        suite
            .shell(&format!("cd proj && funcy run {path}"))
            .exits(3)
            .prints("may not")
            .prints("--allow-exec=touch");
    }
    suite
        .shell("cd evil && funcy run ../proj/../evil/e.yaml")
        .exits(3);
}

#[test]
fn a_link_to_a_task_has_the_suite_of_the_task() {
    let suite = Suite::new()
        .file("proj/funcy.yaml", GRANTS)
        .file("proj/tasks/own.yaml", WRITES)
        .file("evil/e.yaml", WRITES)
        .link("proj/tasks/e.yaml", "../../evil/e.yaml")
        .link("evil/own.yaml", "../proj/tasks/own.yaml");
    suite
        .shell("cd proj && funcy run tasks/e.yaml")
        .exits(3)
        .prints("may not");
    suite.shell("cd proj && funcy run tasks/own.yaml").exits(0);
    suite.shell("cd evil && funcy run own.yaml").exits(0);
}

#[test]
fn a_task_reads_below_the_folder_of_its_suite_only_wherever_one_stands() {
    let task = "version: 1
start_state: here
final_state: here
states:
  here:
    instructions:
      - file: { read: ../secret }
";
    let suite = Suite::new()
        .file("secret", "s")
        .file("proj/funcy.yaml", "version: 1\n")
        .file("proj/t.yaml", task)
        .file("bare/t.yaml", task);
    for command in [
        "cd proj && funcy run t.yaml",
        "funcy run proj/t.yaml",
        "cd bare && funcy run t.yaml",
        "funcy run bare/t.yaml",
    ] {
        suite.shell(command).exits(3).prints("may not read");
    }
}

#[test]
fn no_module_of_a_suite_is_left_out_without_a_word() {
    let task = "version: 1
start_state: here
final_state: here
states:
  here:
    instructions:
      - expect: m256::one() == 1
";
    let mut suite = Suite::new()
        .file("funcy.yaml", "version: 1\n")
        .file("t.yaml", task);
    for number in 1..=256 {
        suite = suite.file(format!("scripts/m{number:03}.rhai"), "fn one() { 1 }\n");
    }
    suite.run(["run", "t.yaml"]).exits(0);
    suite
        .file("scripts/m257.rhai", "fn one() { 1 }\n")
        .run(["check", "t.yaml"])
        .exits(2)
        .prints("too-many-modules")
        .prints("funcy.yaml")
        .prints("holds 257 modules: a suite has at most 256")
        .prints("by `scripts:`");
}

#[test]
fn a_module_stays_in_the_folder_of_its_suite() {
    let module = "fn one() { 1 }\n";
    let task = "version: 1
start_state: here
final_state: here
states:
  here:
    instructions:
      - expect: m::one() == 1
";
    let suite = Suite::new()
        .file("elsewhere/m.rhai", module)
        .file("a/funcy.yaml", "version: 1\n")
        .file("a/t.yaml", task)
        .folder("a/scripts")
        .link("a/scripts/m.rhai", "../../elsewhere/m.rhai")
        .file("b/funcy.yaml", "version: 1\n")
        .file("b/t.yaml", task)
        .link("b/scripts", "../elsewhere")
        .file("c/funcy.yaml", "version: 1\nscripts: ../elsewhere\n")
        .file("c/t.yaml", task)
        .file("d/funcy.yaml", "version: 1\n")
        .file("d/t.yaml", task)
        .file("d/shared/m.rhai", module)
        .folder("d/scripts")
        .link("d/scripts/m.rhai", "../shared/m.rhai");
    for linked in ["a", "b"] {
        suite
            .run(["check", linked])
            .exits(2)
            .prints("outside of the suite")
            .prints("scripts:");
    }
    // What the suite names, and what lies in it, may be linked.
    suite.run(["run", "c"]).exits(0);
    suite.run(["run", "d"]).exits(0);
    suite.shell("cd d && funcy run").exits(2);
    suite.shell("cd d && funcy run t.yaml").exits(0);
}

#[test]
fn pipes_in_place_of_definitions_are_mistakes() {
    for file in ["funcy.yaml", "scripts/m.rhai", "tasks/t.yaml"] {
        let suite = Suite::new()
            .file("tasks/own.yaml", PASSES)
            .file("funcy.yaml", "version: 1\n")
            .folder("scripts");
        suite
            .shell(&format!("rm -f {file}; mkfifo {file}"))
            .exits(0);
        suite
            .run(["check", "tasks"])
            .exits(2)
            .prints(file)
            .prints("it is no regular file")
            .within(LIMIT);
    }
}

#[test]
fn a_task_that_may_write_a_folder_does_not_rewrite_what_decides() {
    let writes = |path: &str| {
        format!(
            "version: 1\nstart_state: here\nfinal_state: here\nstates:\n  here:\n    instructions:\n      - file: {{ write: {path}, text: x }}\n"
        )
    };
    let suite = Suite::new()
        .file(
            "funcy.yaml",
            "version: 1\nscripts: lib\npermissions: { write: [.] }\n",
        )
        .file("lib/m.rhai", "fn one() { 1 }\n")
        .folder("deep")
        .file("out.yaml", writes("out.txt"));
    suite.run(["run", "out.yaml"]).exits(0);
    for path in [
        "funcy.yaml",
        "deep/funcy.yaml",
        "lib/m.rhai",
        ".funcy/journal.db",
    ] {
        let suite = Suite::new()
            .file("funcy.yaml", suite.text("funcy.yaml"))
            .file("lib/m.rhai", suite.text("lib/m.rhai"))
            .folder("deep")
            .folder(".funcy")
            .file("t.yaml", writes(path));
        suite
            .run(["run", "t.yaml"])
            .exits(3)
            .prints("which decides what tasks are and may do")
            .prints("--allow-write=");
    }
}
