//! What exists is described: every key, function, flag, diagnostic, outcome and format is on its page.

use super::docs::suite;
use super::pages::{pages, text};
use super::suite::{Suite, repository};
use regex::Regex;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// The part of a page under a heading.
fn section(text: &str, heading: &str) -> String {
    let begin = format!("\n## {heading}\n");
    let (_, rest) = text
        .split_once(&begin)
        .unwrap_or_else(|| panic!("no section `{heading}`"));
    rest.split("\n## ").next().unwrap_or(rest).to_owned()
}

fn json_of(args: &[&str]) -> Value {
    serde_json::from_str(&Suite::new().run(args).exits(0).stdout).unwrap()
}

/// Every key that a schema has, with the definition that it belongs to (none: the file itself).
fn keys(schema: &Value) -> BTreeSet<(String, String)> {
    fn walk(value: &Value, owner: &str, found: &mut BTreeSet<(String, String)>) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    if name == "properties" {
                        for (key, member) in member.as_object().into_iter().flatten() {
                            // `false`: the key is refused here.
                            if *member != json!(false) {
                                found.insert((owner.to_owned(), key.clone()));
                            }
                        }
                    }
                    walk(member, owner, found);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, owner, found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    let mut root = schema.clone();
    let definitions = root.as_object_mut().unwrap().remove("definitions").unwrap();
    walk(&root, "", &mut found);
    for (name, definition) in definitions.as_object().unwrap() {
        walk(definition, name, &mut found);
    }
    found
}

fn lacks(text: &str, word: &str) -> bool {
    let mentioned = Regex::new(&format!(r"`{}(:[^`]*)?`", regex::escape(word))).unwrap();
    !mentioned.is_match(text)
}

#[test]
fn every_key_is_on_its_page() {
    let mut missing = BTreeSet::new();
    for (args, page) in [
        (&["schema"][..], "language"),
        (&["schema", "--suite"], "suite"),
    ] {
        for (owner, key) in keys(&json_of(args)) {
            let kind = owner.split_once('.').map(|(kind, _)| kind);
            // What both schemas share is on the page of the language.
            let is_here = page == "language" || owner.is_empty();
            let (place, text) = match kind {
                Some(kind) => (format!("clients, {kind}"), section(&text("clients"), kind)),
                None if !is_here => continue,
                None => (page.to_owned(), text(page)),
            };
            if lacks(&text, &key) {
                missing.insert(format!("{place}: `{key}`"));
            }
        }
    }
    for kind in ["http", "nats", "sql", "exec", "file"] {
        let schemas = json_of(&["clients", kind, "--json"]);
        for key in schemas["reply"]["properties"].as_object().unwrap().keys() {
            if lacks(&section(&text("clients"), kind), key) {
                missing.insert(format!("clients, {kind}: `{key}` of the result"));
            }
        }
    }
    assert!(missing.is_empty(), "not described:\n{missing:#?}");
}

/// A code is the first argument of whatever makes a diagnostic: `error("unknown-key", …`.
fn codes() -> BTreeSet<String> {
    let code = Regex::new(
        r#"(?:\b(?:error|warning)\(\s*"([a-z]+(?:-[a-z]+)*)",)|(?:\(\s*"([a-z]+(?:-[a-z]+)+)",\s)"#,
    )
    .unwrap();
    let mut found = BTreeSet::new();
    let mut folders: Vec<PathBuf> = [
        "definition",
        "machine",
        "engine",
        "script",
        "syntax",
        "sim",
        "watch",
    ]
    .map(|room| repository().join("src").join(room))
    .into();
    folders.push(repository().join("src/cli"));
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(folder) else {
            continue;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "tests" {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") && name != "tests.rs" {
                let text = std::fs::read_to_string(&path).unwrap();
                let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
                for captures in code.captures_iter(text) {
                    let word = captures.get(1).or(captures.get(2)).unwrap();
                    found.insert(word.as_str().to_owned());
                }
            }
        }
    }
    assert!(found.len() > 80, "only {} codes", found.len());
    found
}

#[test]
fn every_diagnostic_is_explained() {
    let text = text("troubleshooting");
    let missing: Vec<String> = codes()
        .into_iter()
        .filter(|code| lacks(&text, code))
        .collect();
    assert!(missing.is_empty(), "not explained: {missing:#?}");
    // And none that does not exist.
    let row = Regex::new(r"(?m)^\| `([a-z-]+)`").unwrap();
    let known = codes();
    for found in row.captures_iter(&section(&text, "Codes")) {
        assert!(
            known.contains(&found[1]),
            "there is no code `{}`",
            &found[1]
        );
    }
}

#[test]
fn every_function_is_listed_and_its_example_is_true() {
    let ran = Suite::new().run(["functions", "--format", "json"]).exits(0);
    let functions = ran.json_lines();
    let names: BTreeSet<&str> = functions
        .iter()
        .map(|function| function["name"].as_str().unwrap())
        .collect();
    assert_eq!(names.len(), functions.len(), "none is listed twice");
    let page = Suite::new().run(["help", "functions"]).exits(0).stdout;
    // Those of Rhai that `check` knows; its own table has no words about them.
    let known = std::fs::read_to_string(repository().join("src/script/known_rhai.rs")).unwrap();
    let name = Regex::new(r#"(?m)^\s*\("(\w+)", &\["#).unwrap();
    let rhai: Vec<String> = name
        .captures_iter(&known)
        .map(|one| one[1].to_owned())
        .collect();
    assert!(rhai.len() > 50);
    for name in rhai.iter().map(String::as_str).chain(names.iter().copied()) {
        assert!(names.contains(name), "`{name}` is not in src/docs/rhai.rs");
        assert!(
            page.contains(&format!("`{name}(")),
            "`{name}` is not on the page"
        );
    }
    let mut suite = suite();
    for function in &functions {
        let (name, example) = (function["name"].as_str().unwrap(), &function["example"]);
        let text = format!(
            "version: 1\nstart_state: here\nfinal_state: here\nstates:\n  here:\n    instructions:\n      \
             - eval: {example}\n        expect: res == true\n"
        );
        suite = suite.file(format!("tasks/f-{name}.yaml"), text);
    }
    let ran = suite.run([
        "run",
        "--journal",
        "none",
        "--allow-env",
        "FUNCY_SURELY_NOT_SET",
    ]);
    assert_eq!(ran.status.code(), Some(0), "{ran}");
}

#[test]
fn outcomes_kinds_and_formats_are_described() {
    let page = text("outcomes");
    for word in [
        "passed",
        "known",
        "flaky",
        "failed",
        "timed out",
        "error",
        "cancelled",
        "skipped",
        "interrupted",
    ] {
        assert!(!lacks(&page, word), "{word}");
    }
    let schema = json_of(&["schema"]);
    let kinds = schema["definitions"]["state"].to_string();
    for kind in [
        "expect",
        "condition",
        "fail",
        "transport",
        "protocol",
        "script",
        "timeout",
    ] {
        assert!(
            kinds.contains(&format!("\"{kind}\"")) && !lacks(&page, kind),
            "{kind}"
        );
    }
    for kind in ["limit", "lost"] {
        assert!(!lacks(&page, kind), "{kind}");
    }
    let refused = Suite::new()
        .run(["report", "--format", "zzz"])
        .exits(2)
        .stderr;
    let formats = Regex::new(r"\b(junit|html|json|markdown|ndjson|github)\b").unwrap();
    let formats: BTreeSet<&str> = formats
        .find_iter(&refused)
        .map(|one| one.as_str())
        .collect();
    assert!(formats.len() > 3, "{refused}");
    for format in formats {
        assert!(!lacks(&text("reports"), format), "{format}");
    }
}

/// Every flag of every command is on some page.
#[test]
fn every_flag_is_described() {
    let all: String = pages().into_iter().map(|page| page.text).collect();
    let flag = Regex::new(r"(?m)^\s+(?:-\w, )?(--[a-z][a-z-]*)").unwrap();
    let suite = Suite::new();
    let mut missing = BTreeSet::new();
    for command in [
        "run",
        "watch",
        "check",
        "eval",
        "simulate",
        "graph",
        "runs",
        "show",
        "replay",
        "report",
        "functions",
        "schema",
        "demo",
    ] {
        let help = suite.run([command, "--help"]).exits(0).stdout;
        for found in flag
            .captures_iter(&help)
            .filter(|found| &found[1] != "--help")
        {
            if !all.contains(&found[1]) {
                missing.insert(format!("{command} {}", &found[1]));
            }
        }
    }
    assert!(missing.is_empty(), "on no page: {missing:#?}");
}

#[test]
fn what_is_on_no_page_is_found() {
    assert!(lacks("the key `retry` and retries", "retries"));
    assert!(!lacks("the key `retry: {delay}`", "retry"));
    let schema = json!({
        "properties": { "a": { "properties": { "b": {} } }, "refused": false },
        "definitions": { "http.request": { "anyOf": [{ "properties": { "get": {} } }] } },
    });
    let found: Vec<(String, String)> = keys(&schema).into_iter().collect();
    let found: Vec<(&str, &str)> = found.iter().map(|(a, b)| (&**a, &**b)).collect();
    assert_eq!(found, [("", "a"), ("", "b"), ("http.request", "get")]);
    assert!(codes().contains("unknown-place"), "made in another way");
}
