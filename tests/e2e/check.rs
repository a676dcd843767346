//! `funcy check`.

use super::suite::{PASSES, Suite, repository};
use serde_json::Value;

const TYPO: &str = "version: 1
start_state: here
final_state: here
states:
  here:
    instuctions:
      - log: x
";

#[test]
fn what_is_right_is_said_briefly() {
    let suite = Suite::new()
        .file("tasks/a.yaml", PASSES)
        .file("tasks/b.yaml", PASSES);
    suite.run(["check"]).exits(0).prints("2 files, no mistakes");
}

#[test]
fn the_gallery_is_right() {
    let gallery = repository().join("tasks");
    Suite::new()
        .run([std::ffi::OsStr::new("check"), gallery.as_os_str()])
        .exits(0)
        .prints("no mistakes");
}

#[test]
fn a_mistake_is_shown_where_it_stands_with_what_was_meant() {
    Suite::new()
        .file("t.yaml", TYPO)
        .run(["check", "t.yaml"])
        .exits(2)
        .prints("t.yaml:6:5")
        .prints("    instuctions:")
        .prints("^^^^^^^^^^^")
        .prints("instructions")
        .prints("1 error in 1 file");
}

#[test]
fn a_mistake_of_the_suite_is_told_in_its_file() {
    for (suite, place) in [
        ("defaults: { timeout: '${nope}' }", "funcy.yaml:2:25"),
        ("vars: { a: '${nope}' }", "funcy.yaml:2:15"),
    ] {
        Suite::new()
            .file("funcy.yaml", format!("version: 1\n{suite}\n"))
            .file("t.yaml", PASSES)
            .run(["check", "t.yaml"])
            .exits(2)
            .prints(place)
            .prints("there is no variable `nope`")
            .prints("1 error in 1 file");
    }
}

#[test]
fn a_program_gets_a_line_of_json_for_each_mistake() {
    let ran = Suite::new()
        .file("t.yaml", TYPO)
        .run(["check", "t.yaml", "--format", "json"])
        .exits(2);
    let lines = ran.json_lines();
    let [mistake, summary] = &lines[..] else {
        panic!("{ran}")
    };
    assert_eq!(mistake["file"], "t.yaml", "{ran}");
    assert_eq!(mistake["severity"], "error", "{ran}");
    assert!(
        mistake["message"].as_str().unwrap().contains("instuctions"),
        "{ran}"
    );
    assert_eq!(summary["errors"], 1, "{ran}");
    assert_eq!(summary["files"], 1, "{ran}");
}

#[test]
fn github_gets_annotations() {
    Suite::new()
        .file("t.yaml", TYPO)
        .run(["check", "t.yaml", "--format", "github"])
        .exits(2)
        .prints("::error file=t.yaml,line=6,");
}

#[test]
fn every_mistake_of_every_file_is_reported_at_once() {
    let two = TYPO.replace("log: x", "lgo: x");
    let suite = Suite::new()
        .file("a.yaml", TYPO)
        .file("b.yaml", "a: [")
        .file("c.yaml", two);
    let ran = suite.run(["check", ".", "--format", "json"]).exits(2);
    let lines = ran.json_lines();
    let files: Vec<&Value> = lines
        .iter()
        .map(|line| &line["file"])
        .filter(|file| file.is_string())
        .collect();
    for file in ["a.yaml", "b.yaml", "c.yaml"] {
        assert!(
            files
                .iter()
                .any(|one| one.as_str().unwrap().ends_with(file)),
            "{file}: {ran}"
        );
    }
}

#[test]
fn given_variables_are_known() {
    let task = PASSES.replace("all is well", "${who}");
    let suite = Suite::new().file("t.yaml", task);
    suite.run(["check", "t.yaml"]).exits(2).prints("`who`");
    suite.run(["check", "t.yaml", "--var", "who=me"]).exits(0);
}

#[test]
fn the_suite_file_is_checked_too() {
    let suite = Suite::new()
        .file("tasks/t.yaml", PASSES)
        .file("tasks/funcy.yaml", "version: 1\nclinets: {}\n");
    suite
        .run(["check"])
        .exits(2)
        .prints("funcy.yaml:2:1")
        .prints("clients");
}

#[test]
fn nothing_runs() {
    // If it ran, it would wait for a minute or leave the file.
    let task = PASSES.replace("log: all is well", "file: { write: ran.txt, text: x }");
    let suite = Suite::new().file("t.yaml", task);
    let ran = suite.run(["check", "t.yaml", "--allow-all"]);
    assert!(!suite.path("ran.txt").exists(), "{ran}");
}

#[test]
fn requests_are_checked_against_their_client() {
    for (request, word) in [
        ("http: { get: http://127.0.0.1/, jsno: 1 }", "`json`"),
        ("http: { gte: http://127.0.0.1/ }", "`get`"),
        ("http: GTE http://127.0.0.1/", "GET"),
        ("exec: { comand: [x] }", "`command`"),
        ("htpt: GET http://127.0.0.1/", "`http`"),
    ] {
        let task = PASSES.replace("log: all is well", request);
        let suite = Suite::new().file("t.yaml", task);
        let ran = suite
            .run(["check", "t.yaml"])
            .exits(2)
            .prints("t.yaml:7:")
            .prints(word);
        assert!(ran.stdout.contains("1 error in 1 file"), "{request}: {ran}");
    }
}
