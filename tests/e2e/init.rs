//! `funcy init`, and what it makes.

use super::suite::Suite;

#[test]
fn a_new_suite_passes_as_it_is() {
    let suite = Suite::new();
    suite
        .run(["init"])
        .exits(0)
        .prints("tasks/funcy.yaml")
        .prints("funcy run");
    suite.run(["check"]).exits(0).prints("no mistakes");
    suite.run(["run"]).exits(0).prints("1 passed");
}

#[test]
fn the_command_that_it_names_works() {
    let suite = Suite::new();
    let ran = suite.run(["init", "shop"]).exits(0);
    let (_, command) = ran.stdout.rsplit_once("now: ").unwrap();
    suite.shell(command.trim()).exits(0).prints("1 passed");
}

#[test]
fn nothing_is_overwritten() {
    let suite = Suite::new().file("scripts/money.rhai", "// mine");
    suite
        .run(["init"])
        .exits(2)
        .says("money.rhai")
        .says("nothing was written")
        .prints_nothing();
    assert_eq!(suite.text("scripts/money.rhai"), "// mine");
    assert!(!suite.path("tasks").exists());
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    Suite::new()
        .file("taken", "")
        .run(["init", "taken/below"])
        .exits(3)
        .says("taken/below");
}

#[test]
fn editors_find_the_schemas() {
    let suite = Suite::new();
    suite.run(["init"]).exits(0);
    let task = suite.text("tasks/order-ships.yaml");
    assert!(
        task.starts_with("# yaml-language-server: $schema=../.funcy/task.schema.json\n"),
        "{task}"
    );
    let shared = suite.text("tasks/funcy.yaml");
    assert!(
        shared.starts_with("# yaml-language-server: $schema=../.funcy/suite.schema.json\n"),
        "{shared}"
    );
    let settings: serde_json::Value =
        serde_json::from_str(&suite.text(".vscode/settings.json")).unwrap();
    let schemas = settings["yaml.schemas"].as_object().unwrap();
    assert_eq!(schemas.len(), 2);
    for (path, printed) in schemas.keys().zip([
        suite.run(["schema"]).stdout,
        suite.run(["schema", "--suite"]).stdout,
    ]) {
        assert_eq!(suite.text(path), printed, "{path}");
    }
    assert_eq!(suite.text(".gitignore"), ".funcy/\n");
}

#[test]
fn a_project_keeps_its_settings() {
    for (before, after, said) in [
        ("target/", "target/\n.funcy/\n", "extended .gitignore"),
        ("a\n", "a\n.funcy/\n", "extended .gitignore"),
        ("/.funcy\n", "/.funcy\n", "kept .gitignore"),
    ] {
        let suite = Suite::new()
            .file(".gitignore", before)
            .file(".vscode/settings.json", "{}");
        suite
            .run(["init"])
            .exits(0)
            .prints(said)
            .prints("kept .vscode/settings.json");
        assert_eq!(suite.text(".gitignore"), after);
        assert_eq!(suite.text(".vscode/settings.json"), "{}");
    }
}

#[test]
fn the_schemas_are_kept_up_to_date() {
    let suite = Suite::new();
    suite.run(["init"]).exits(0);
    let new = suite.text(".funcy/task.schema.json");
    let suite = suite.file(".funcy/task.schema.json", "{}");
    suite.run(["check"]).exits(0).prints("no mistakes");
    assert!(suite.text(".funcy/task.schema.json") == new);

    // As after a clone: `check` makes no folder that nobody asked for, `schema --write` does.
    std::fs::remove_dir_all(suite.path(".funcy")).unwrap();
    suite.run(["check"]).exits(0);
    assert!(!suite.path(".funcy").exists());
    suite
        .run(["schema", "--write"])
        .exits(0)
        .prints("wrote .funcy/task.schema.json\nwrote .funcy/suite.schema.json\n");
    assert!(suite.text(".funcy/task.schema.json") == new);
    suite
        .file("taken", "")
        .run(["schema", "--write", "taken"])
        .exits(3)
        .says("taken/.funcy/task.schema.json cannot be written");
}
