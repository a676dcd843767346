//! The README tells the truth: what it shows is run, and what it lists exists.
//!
//! - A block ```` ```yaml PATH ```` is a file.
//! - In a block ```` ```console ````, each `$ funcy …` is run, in order, in a folder that has these files; what
//!   follows up to the next `$` is its output. Lengths of time, counts of attempts, ports and run ids may differ.
//! - The table of the gallery lists every task once, with the first paragraph of its comment.
//!
//! `FUNCY_UPDATE=1` writes outputs and table anew instead of comparing them.

use super::gallery;
use super::suite::{Suite, normalized, repository};
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

fn updates() -> bool {
    std::env::var_os("FUNCY_UPDATE").is_some()
}

/// A fenced block: what stands behind the fence, its first line in the text, its lines.
struct Block {
    info: String,
    from: usize,
    lines: Vec<String>,
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in text.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => {
                open = Some(Block {
                    info: info.to_owned(),
                    from: number + 1,
                    lines: Vec::new(),
                });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => block.lines.push(line.to_owned()),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is never closed");
    blocks
}

/// The commands of a console block, each with the output that is shown below it.
fn commands(block: &Block) -> Vec<(String, String)> {
    let mut commands: Vec<(String, String)> = Vec::new();
    for line in &block.lines {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(command), _) => commands.push((command.to_owned(), String::new())),
            (None, Some((_, output))) => {
                let _ = writeln!(output, "{line}");
            }
            (None, None) => panic!("output before any command: {line}"),
        }
    }
    commands
}

/// What may differ from run to run: also how often something was tried in a given time.
fn alike(output: &str) -> String {
    let counts = Regex::new(r"×\d+|\d+ attempts?").unwrap();
    counts
        .replace_all(normalized(output).trim_end(), "N")
        .into_owned()
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
            suite = suite.file(path, block.lines.join("\n") + "\n");
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

#[test]
fn a_lie_is_found() {
    let text = "```console\n$ funcy run x\n1 passed in 12ms\n$ cargo test\n```\n";
    let found = blocks(text);
    assert_eq!(found.len(), 1);
    let commands = commands(&found[0]);
    assert_eq!(
        commands[0],
        ("funcy run x".to_owned(), "1 passed in 12ms\n".to_owned())
    );
    assert_eq!(commands[1].1, "");
    assert_eq!(alike(&commands[0].1), alike("1 passed in 3.4s"));
    assert_ne!(alike(&commands[0].1), alike("1 failed in 12ms"));
    assert_eq!(
        alike("shipped ×3, 4 attempts"),
        alike("shipped ×30, 1 attempt")
    );
}
