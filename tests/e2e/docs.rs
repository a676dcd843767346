//! The pages of `src/docs` tell the truth: their examples are run. That nothing is missing is shown in `covered.rs`.
//!
//! What the words behind a fence mean:
//!
//! - `yaml run`: a whole task, which passes;
//! - `yaml keys`: keys of a task, which passes once what it lacks is added;
//! - `yaml states`: what stands below `states:`; the first begins, `done` is the final state, and an order was placed
//!   before, whose id is `order_id`;
//! - `yaml instructions`: a list of instructions after such an order;
//!   an outcome may follow these four (`yaml states failed`), if it is another one than `passed`;
//! - `yaml check`: a whole task without mistakes, that needs a server which may not be there;
//! - `yaml suite`: a suite file, below which a task passes;
//! - `rhai true`: each line is an expression that is true, where `res.body` is the order of the page `expressions`;
//!   `rhai unknown`: each is null; `rhai refused`: none parses;
//! - `yaml PATH`, `rhai PATH`, `json PATH`: a file of the folder in which the consoles of the page run, in the order of
//!   the page;
//! - `console`: commands and what they print, as in the README;
//! - `yaml ci`, `groovy ci`: each `funcy` command in it is one that exists;
//! - `json`, `toml`, `lua`, `text` and `yaml` are shown, and stand for themselves.
//!
//! `FUNCY_UPDATE=1` writes the outputs of consoles anew instead of comparing them.

use super::markdown::{Block, alike, blocks, commands, updates};
use super::pages::{pages, source, text};
use super::suite::{PASSES, Suite, repository};
use regex::Regex;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What `res.body` is in the expressions of the pages, as the page says.
fn order() -> String {
    let blocks = blocks(&text("expressions"));
    let order = blocks.iter().find(|block| block.info == "json");
    order.expect("the order is on the page").text()
}

/// What may be done in the examples.
const PERMISSIONS: &str =
    "permissions: { exec: [funcy, sh, echo, cat, git], env: [HOME], write: [.], read: [.] }\n";

/// A suite with the demo shop, as `funcy init` makes it, in which the examples run.
pub(crate) fn suite() -> Suite {
    let init = repository().join("src/cli/init");
    let read = |name: &str| std::fs::read_to_string(init.join(name)).unwrap();
    Suite::new()
        .file("tasks/funcy.yaml", read("funcy.yaml") + PERMISSIONS)
        .file("scripts/money.rhai", read("money.rhai"))
        .file("tasks/order.json", order())
}

/// An order is placed, in the words of a task.
const PLACE: &str = "version: 1
start_state: before_the_example
final_state: done
states:
  before_the_example:
    instructions:
      - shop: { post: /orders, json: { sku: A-1, qty: 2 } }
        save: { order_id: res.body.id }
";

fn indented(text: &str, by: usize) -> String {
    let pad = " ".repeat(by);
    let lines = text.lines().map(|line| match line {
        "" => String::from("\n"),
        line => format!("{pad}{line}\n"),
    });
    lines.collect()
}

/// The first name at the left of a fragment.
fn first_key(text: &str) -> &str {
    let line = text
        .lines()
        .find(|line| line.starts_with(|first: char| first.is_alphabetic()));
    line.and_then(|line| line.split_once(':'))
        .unwrap_or_else(|| panic!("no key: {text}"))
        .0
}

/// The task that a block means, if it is one.
fn task(kind: &str, text: &str) -> Option<String> {
    Some(match kind {
        "run" | "check" => text.to_owned(),
        "keys" => {
            let has = |key: &str| text.lines().any(|line| line.starts_with(key));
            let mut task = text.to_owned();
            for (key, usual) in [
                ("version:", "version: 1\n"),
                ("start_state:", "start_state: here\n"),
                ("final_state:", "final_state: here\n"),
                ("states:", "states:\n  here:\n"),
            ] {
                if !has(key) {
                    task.push_str(usual);
                }
            }
            task
        }
        "states" => {
            let first = first_key(text);
            format!("{PLACE}    next: {first}\n{}", indented(text, 2))
        }
        "instructions" => format!(
            "{PLACE}    next: example\n  example:\n    instructions:\n{}    next: done\n  done:\n",
            indented(text, 6)
        ),
        _ => return None,
    })
}

/// The tasks that a line of `rhai` means: that it is true, or that it is null.
fn judged(kind: &str, line: &str) -> Option<String> {
    let expect = match kind {
        "true" => line.to_owned(),
        "unknown" => format!("(({line}) ?? 'unknown') == 'unknown'"),
        _ => return None,
    };
    Some(format!(
        "version: 1\nvars: {{ order_id: 7, expected: null }}\nstart_state: here\nfinal_state: here\nstates:\n  here:\n    instructions:\n      \
         - file: {{ read: order.json }}\n        expect: {}\n",
        json!(expect)
    ))
}

/// All pages with their blocks.
fn examples() -> impl Iterator<Item = (String, Vec<Block>)> {
    pages()
        .into_iter()
        .map(|page| (page.topic, blocks(&page.text)))
}

/// The lines of a block that say something.
fn sentences(block: &Block) -> impl Iterator<Item = &str> {
    block
        .lines
        .iter()
        .map(|line| line.split(" // ").next().unwrap_or(line).trim())
        .filter(|line| !line.is_empty() && !line.starts_with("//"))
}

#[test]
fn every_block_says_what_it_is() {
    let known = Regex::new(
        r"^(yaml (run|keys|states|instructions)( (failed|timed_out|error|skipped|flaky|known))?|yaml (check|suite|ci)|groovy ci|rhai (true|unknown|refused)|(yaml|rhai|json) \S*[/.]\S*|console|json|toml|lua|text|yaml)$",
    )
    .unwrap();
    for (topic, blocks) in examples() {
        for block in blocks {
            assert!(
                known.is_match(&block.info),
                "src/docs/{topic}.md:{}: `{}` is no block that a test knows",
                block.from,
                block.info
            );
            assert!(
                topic == "editors" || block.info != "yaml",
                "src/docs/{topic}.md:{}: say how this is run",
                block.from
            );
        }
    }
}

#[test]
fn the_tasks_and_expressions_of_the_pages_end_as_they_say() {
    let mut suite = suite();
    let mut expected: BTreeMap<String, (String, String)> = BTreeMap::new();
    let mut add = |suite: Suite, at: String, outcome: &str, text: String| {
        let file = format!("tasks/{}.yaml", at.replace([':', '.'], "-"));
        expected.insert(file.clone(), (at, outcome.to_owned()));
        suite.file(file, text)
    };
    for (topic, blocks) in examples() {
        for block in blocks {
            let mut words = block.info.split(' ');
            let (language, kind) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
            let outcome = words.next().unwrap_or("passed");
            let at = format!("{topic}.md:{}", block.from);
            if language == "rhai" {
                for (number, line) in sentences(&block).enumerate() {
                    if let Some(text) = judged(kind, line) {
                        suite = add(suite, format!("{at}:{number}"), "passed", text);
                    }
                }
            } else if kind != "check"
                && let Some(text) = task(kind, &block.text())
            {
                suite = add(suite, at, outcome, text);
            }
        }
    }
    suite.run(["check"]).exits(0).prints("no mistakes");
    let ran = suite.run(["run", "--report", "json=r.json", "--journal", "none"]);
    let document: Value = serde_json::from_str(&suite.text("r.json")).unwrap();
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for task in document["tasks"].as_array().unwrap() {
        let file = task["file"].as_str().unwrap();
        // One with cases is there once for each of them.
        let Some((at, outcome)) = expected.get(file) else {
            panic!("{file} was not expected");
        };
        seen.insert(file.to_owned());
        if task["outcome"] != json!(outcome) {
            wrong.push(format!(
                "{at}: {}, and should be {outcome}",
                task["outcome"]
            ));
        }
    }
    expected.retain(|file, _| !seen.contains(file));
    assert!(expected.is_empty(), "not run: {expected:?}");
    assert!(wrong.is_empty(), "{}\n{ran}", wrong.join("\n"));
}

#[test]
fn what_needs_a_server_has_no_mistake() {
    let mut suite = suite().file("suites/task.yaml", PASSES);
    for (topic, blocks) in examples() {
        for block in blocks {
            let at = format!("{topic}-{}", block.from);
            match &*block.info {
                "yaml check" => {
                    suite = suite.file(format!("tasks/{at}.yaml"), block.text());
                }
                "yaml suite" => {
                    suite = suite
                        .file(format!("suites/{at}/funcy.yaml"), block.text())
                        .file(format!("suites/{at}/task.yaml"), PASSES)
                        .folder(&format!("suites/{at}/scripts"));
                    let ran = suite.run(["run", &format!("suites/{at}"), "--journal", "none"]);
                    assert_eq!(ran.status.code(), Some(0), "{at}: {ran}");
                }
                _ => {}
            }
        }
    }
    suite.run(["check"]).exits(0);
}

#[test]
fn what_is_refused_does_not_parse() {
    let suite = suite();
    for (topic, blocks) in examples() {
        for block in blocks.iter().filter(|block| block.info == "rhai refused") {
            for line in sentences(block) {
                let ran = suite.run(["eval", line]);
                assert_eq!(ran.status.code(), Some(2), "{topic}.md: {line}\n{ran}");
            }
        }
    }
}

#[test]
fn the_consoles_print_what_they_show() {
    for page in pages() {
        let blocks = blocks(&page.text);
        let mut suite = Suite::new();
        let begins = blocks
            .iter()
            .filter(|block| block.info == "console")
            .any(|block| {
                block
                    .lines
                    .first()
                    .is_some_and(|line| line == "$ funcy init")
            });
        if !begins {
            suite.run(["init"]).exits(0);
        }
        let mut lines: Vec<String> = page.text.lines().map(str::to_owned).collect();
        let mut anew: Vec<(usize, usize, Vec<String>)> = Vec::new();
        for block in &blocks {
            if let Some((_, path)) = block.info.split_once(' ')
                && path.contains(['/', '.'])
            {
                suite = suite.file(path, block.text());
            }
            if block.info != "console" {
                continue;
            }
            let mut shown = Vec::new();
            for (command, output) in commands(block) {
                shown.push(format!("$ {command}"));
                assert!(
                    command.starts_with("funcy "),
                    "{}: only funcy is shown: {command}",
                    page.topic
                );
                let ran = suite.shell(&format!("{{ {command}; }} 2>&1"));
                let same = alike(&output) == alike(&ran.stdout);
                assert!(
                    updates() || same,
                    "{}: $ {command}\n{}\nFUNCY_UPDATE=1 writes it anew",
                    page.topic,
                    ran.stdout
                );
                // What differs in times and ports alone stays as it is.
                let output = if same { &output } else { &ran.stdout };
                shown.extend(output.trim_end().lines().map(str::to_owned));
            }
            anew.push((block.from, block.lines.len(), shown));
        }
        for (from, count, shown) in anew.into_iter().rev() {
            lines.splice(from..from + count, shown);
        }
        let text = lines.join("\n") + "\n";
        if updates() && text != page.text {
            std::fs::write(source(&page.topic), text).unwrap();
        }
    }
}

/// The commands of a file for a build server: each is run with `--help`, and each of its flags must be in that.
#[test]
fn the_commands_for_build_servers_exist() {
    let command = Regex::new(r"(?m)(?:run: |^ *- |sh ')funcy ([a-z]+)([^\n'&|;#]*)").unwrap();
    let flag = Regex::new(r"--[a-z][a-z-]*").unwrap();
    let suite = Suite::new();
    let mut seen = 0;
    for (topic, blocks) in examples() {
        for block in blocks.iter().filter(|block| block.info.ends_with(" ci")) {
            if block.info.starts_with("yaml") {
                serde_yaml::from_str::<serde_yaml::Value>(&block.text()).unwrap();
            }
            for found in command.captures_iter(&block.text()) {
                let help = suite.run([&found[1], "--help"]).exits(0).stdout;
                for flag in flag.find_iter(&found[2]) {
                    assert!(help.contains(flag.as_str()), "{topic}: {}", &found[0]);
                }
                seen += 1;
            }
        }
    }
    assert!(seen >= 3, "only {seen} commands");
}
