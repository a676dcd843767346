//! Names, bodies and messages of files and systems are text: no terminal and no build server obeys them.

use super::suite::Suite;

const NAMED: &str = r#"version: 1
name: "::error::a\e]0;title\a"
tags: ["t\e[31m"]
start_state: a
final_state: z
states:
  a:
    instructions:
      - eval: '"x\n  ::error::from a body\n##[error]and an older one"'
        expect: res == 'y'
    next: z
  z:
"#;

/// No character that a terminal obeys is left, and no line that a build server takes for its own.
#[track_caller]
fn is_inert(text: &str) {
    assert!(!text.contains(['\u{1b}', '\u{7}']), "{text:?}");
    for line in text.lines() {
        assert!(!line.trim_start().starts_with("::"), "{line}");
        assert!(!line.contains("##["), "{line}");
    }
}

#[test]
fn what_people_read_obeys_nothing_of_it() {
    let suite = Suite::new().file("t.yaml", NAMED);
    for command in [
        &["run", "t.yaml"][..],
        &["run", "--list", "t.yaml"],
        &["simulate", "t.yaml", "--explore"],
        &["graph", "t.yaml"],
        &["check", "t.yaml"],
        &["runs"],
        &["show", "latest"],
        &["replay", "latest"],
    ] {
        let ran = suite.run(command);
        is_inert(&ran.stdout);
        is_inert(&ran.stderr);
    }
}

#[test]
fn a_value_for_a_program_is_as_it_is() {
    let text = "\u{1b}[31mx\n::error::y";
    let suite = Suite::new().file("in.txt", text);
    let ran = suite.run(["eval", "res.text", "--input", "in.txt"]);
    assert_eq!(ran.stdout, format!("{text}\n"));
}
