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
