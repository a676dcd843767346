//! The commands that only tell: help, `graph`, `clients`, `schema`, `completions`.

use super::suite::{Suite, repository};
use serde_json::Value;

const TWO_WAYS: &str = "version: 1
name: two-ways
start_state: here
final_state: [left, right]
states:
  here:
    transitions:
      - to: left
        when: 1 == 2
      - to: right
        when: 2 == 2
  left:
  right:
";

#[test]
fn help_and_version_are_data() {
    Suite::new()
        .run(["--help"])
        .exits(0)
        .prints("Exit codes")
        .prints("run")
        .says_no("error");
    Suite::new()
        .run(["run", "--help"])
        .exits(0)
        .prints("--shard");
    Suite::new()
        .run(["--version"])
        .exits(0)
        .prints(env!("CARGO_PKG_VERSION"));
    Suite::new().run([""; 0]).exits(2).prints_nothing();
}

#[test]
fn a_command_that_is_almost_right_is_suggested() {
    Suite::new().run(["rum"]).exits(2).says("run");
    Suite::new()
        .run(["run", "--jbos", "2"])
        .exits(2)
        .says("--jobs");
}

#[test]
fn a_machine_is_drawn_in_four_formats() {
    let suite = Suite::new().file("t.yaml", TWO_WAYS);
    suite
        .run(["graph", "t.yaml"])
        .exits(0)
        .prints("here")
        .prints("2 == 2");
    suite
        .run(["graph", "t.yaml", "--format", "mermaid"])
        .exits(0)
        .prints("stateDiagram-v2");
    suite
        .run(["graph", "t.yaml", "--format", "dot"])
        .exits(0)
        .prints("digraph")
        .prints("->");
    let ran = suite.run(["graph", "t.yaml", "--format", "json"]).exits(0);
    let graph: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        graph["states"].as_array().map(Vec::len),
        Some(3),
        "{graph:#}"
    );
    suite
        .run(["graph", "t.yaml", "--format", "png"])
        .exits(2)
        .says("mermaid");
}

#[test]
fn a_drawing_is_the_same_every_time() {
    let suite = Suite::new().file("t.yaml", TWO_WAYS);
    let draw = || {
        suite
            .run(["graph", "t.yaml", "--format", "dot"])
            .exits(0)
            .stdout
    };
    assert_eq!(draw(), draw());
}

#[test]
fn every_client_kind_explains_itself() {
    let ran = Suite::new().run(["clients"]).exits(0).prints("http");
    let kinds: Vec<&str> = ran
        .stdout
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(kinds.len() >= 3, "{ran}");
    for kind in kinds {
        Suite::new()
            .run(["clients", kind])
            .exits(0)
            .prints("Example")
            .prints("Request")
            .prints("Result");
        let ran = Suite::new().run(["clients", kind, "--json"]).exits(0);
        let schemas: Value = serde_json::from_str(&ran.stdout).unwrap();
        for part in ["config", "request", "reply"] {
            assert!(schemas[part].is_object(), "{kind}: {part}");
        }
    }
    Suite::new()
        .run(["clients", "htpp"])
        .exits(2)
        .says("did you mean `http`?");
}

#[test]
fn the_schemas_are_valid_draft_07() {
    for args in [&["schema"][..], &["schema", "--suite"]] {
        let schema = schema(args);
        assert_eq!(
            schema["$schema"], "http://json-schema.org/draft-07/schema#",
            "{args:?}"
        );
        assert!(
            jsonschema::draft7::meta::validate(&schema).is_ok(),
            "{args:?}"
        );
        jsonschema::draft7::new(&schema).unwrap();
    }
}

#[test]
fn the_schema_accepts_the_gallery_and_refuses_mistakes() {
    let task = jsonschema::draft7::new(&schema(&["schema"])).unwrap();
    let suite = jsonschema::draft7::new(&schema(&["schema", "--suite"])).unwrap();
    let mut seen = 0;
    let mut folders = vec![repository().join("tasks")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().is_none_or(|end| end != "yaml") {
                continue;
            }
            let value = yaml(&std::fs::read_to_string(&path).unwrap());
            let schema = if path.ends_with("funcy.yaml") {
                &suite
            } else {
                &task
            };
            let wrong: Vec<String> = schema
                .iter_errors(&value)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert!(wrong.is_empty(), "{}: {wrong:#?}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 10);

    assert!(task.is_valid(&yaml(TWO_WAYS)));
    for (right, wrong) in [
        ("version: 1", "version: 7"),
        ("start_state: here", "start_sate: here"),
        ("transitions:", "transition:"),
        ("final_state: [left, right]", "final_state: { to: left }"),
        ("- to: left", "- too: left"),
    ] {
        assert!(TWO_WAYS.contains(right));
        assert!(
            !task.is_valid(&yaml(&TWO_WAYS.replace(right, wrong))),
            "{wrong}"
        );
    }
}

fn schema(args: &[&str]) -> Value {
    serde_json::from_str(&Suite::new().run(args).exits(0).stdout).unwrap()
}

fn yaml(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap()
}

#[test]
fn completions_are_a_script_that_the_shell_reads() {
    let suite = Suite::new();
    for shell in ["bash", "zsh", "fish"] {
        suite.run(["completions", shell]).exits(0).prints("funcy");
    }
    suite.shell("funcy completions bash > c.sh && bash -n c.sh && bash -c '. ./c.sh; complete -p funcy'").exits(0);
    suite.run(["completions", "csh"]).exits(2).says("bash");
}
