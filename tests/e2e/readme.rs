//! The README tells the truth: what it shows is run, and what it lists exists.
//!
//! - A block ```` ```yaml PATH ```` is a file.
//! - In a block ```` ```console ````, each `$ funcy …` is run, in order, in a folder that has these files; what
//!   follows up to the next `$` is its output. Lengths of time, counts of attempts, ports and run ids may differ.
//! - The table of the gallery lists every task once, with the first paragraph of its comment.
//!
//! `FUNCY_UPDATE=1` writes outputs and table anew instead of comparing them.

use super::gallery;
use super::markdown::{alike, blocks, commands, updates};
use super::suite::{Suite, repository};
use regex::Regex;
use std::fmt::Write as _;
use std::path::PathBuf;

const BEGIN: &str = "<!-- gallery: begin -->\n";
const END: &str = "<!-- gallery: end -->";

fn path() -> PathBuf {
    repository().join("README.md")
}

fn readme() -> String {
    std::fs::read_to_string(path()).unwrap()
}

#[test]
fn what_is_shown_is_what_happens() {
    let text = readme();
    let blocks = blocks(&text);
    let mut suite = Suite::new();
    for block in &blocks {
        if let Some(path) = block.info.strip_prefix("yaml ") {
            assert!(
                block.lines.len() <= 12,
                "{path} has {} lines",
                block.lines.len()
            );
            suite = suite.file(path, block.text());
        }
    }
    // The example stands before the quick start, and runs in the suite that this makes.
    suite.run(["init"]).exits(0);
    suite.shell("mkdir made && cd made && funcy init").exits(0);

    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut shown = 0;
    for block in blocks.iter().rev().filter(|block| block.info == "console") {
        let mut anew = Vec::new();
        for (command, output) in commands(block) {
            anew.push(format!("$ {command}"));
            if !command.starts_with("funcy ") {
                assert!(
                    command.starts_with("cargo "),
                    "only funcy and cargo are shown: {command}"
                );
                assert!(
                    output.is_empty(),
                    "the output of `{command}` cannot be checked"
                );
                continue;
            }
            // In the quick start `init` comes first, and finds an empty folder.
            let fresh = block
                .lines
                .first()
                .is_some_and(|line| line == "$ funcy init");
            let folder = if fresh { "made" } else { "." };
            let reset = if command == "funcy init" {
                "rm -rf tasks scripts .vscode .gitignore .funcy; "
            } else {
                ""
            };
            let ran = suite.shell(&format!("cd {folder} && {reset}{{ {command}; }} 2>&1"));
            shown += 1;
            if updates() {
                anew.extend(ran.stdout.trim_end().lines().map(str::to_owned));
            } else {
                assert_eq!(
                    alike(&output),
                    alike(&ran.stdout),
                    "$ {command}\nFUNCY_UPDATE=1 writes it anew"
                );
            }
        }
        lines.splice(block.from..block.from + block.lines.len(), anew);
    }
    assert!(shown >= 4, "only {shown} commands are shown");
    write(&text, &(lines.join("\n") + "\n"));
}

#[test]
fn the_table_names_every_task_once() {
    let text = readme();
    let (before, rest) = text.split_once(BEGIN).expect("the begin of the table");
    let (table, after) = rest.split_once(END).expect("the end of the table");
    let mut anew = "| task | what it shows |\n| --- | --- |\n".to_owned();
    for file in gallery::files() {
        let text = std::fs::read_to_string(repository().join(&file)).unwrap();
        let about = about(&text)
            .unwrap_or_else(|| panic!("{} does not begin with what it shows", file.display()));
        let _ = writeln!(anew, "| [{0}]({0}) | {about} |", file.display());
    }
    if updates() {
        write(&text, &format!("{before}{BEGIN}{anew}{END}{after}"));
    } else {
        assert_eq!(table, anew, "FUNCY_UPDATE=1 writes it anew");
    }
}

/// The first paragraph of the comment at the top of a task.
fn about(text: &str) -> Option<String> {
    let lines: Vec<&str> = text
        .lines()
        .map_while(|line| line.strip_prefix("# "))
        .collect();
    (!lines.is_empty()).then(|| lines.join(" "))
}

/// Every `funcy WORD` is a command that exists, and every command is named.
#[test]
fn the_commands_exist() {
    let help = Suite::new().run(["--help"]).exits(0).stdout;
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let known: Vec<&str> = list
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(known.contains(&"run"), "{help}");
    let named = Regex::new(r"(?:`|\$ )funcy ([a-z]+)").unwrap();
    let text = readme();
    let named: Vec<&str> = named
        .captures_iter(&text)
        .map(|found| found.get(1).unwrap().as_str())
        .collect();
    for name in &named {
        assert!(known.contains(name), "`funcy {name}` does not exist");
    }
    for name in known.iter().filter(|name| **name != "help") {
        assert!(named.contains(name), "`funcy {name}` is not in the README");
    }
}

/// Writes a new text over the old one, unless another test has changed the file meanwhile.
fn write(old: &str, new: &str) {
    if old != new && updates() {
        assert_eq!(readme(), old, "the README was changed meanwhile: once more");
        std::fs::write(path(), new).unwrap();
    }
}
