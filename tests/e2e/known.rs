//! Tasks that are known to fail, that show requirements to be fulfilled, and that are skipped.

use super::suite::Suite;
use serde_json::Value;

fn task(head: &str, expect: &str) -> String {
    format!(
        "version: 1\n{head}\nstart_state: here\nfinal_state: here\nstates:\n  here:\n    instructions:\n      - expect: {expect}\n"
    )
}

const KNOWN: &str = "xfail: R-17 is not built yet";

#[test]
fn what_is_known_to_fail_breaks_nothing() {
    let waits = "version: 1
xfail: it never comes
max_global_transition_timeout: 20ms
start_state: here
final_state: there
states:
  here: { transitions: [{ to: there, subscribe: { signal: never } }] }
  there:
";
    let suite = Suite::new()
        .file(
            "tasks/a.yaml",
            task(&format!("{KNOWN}\nretries: 3"), "1 == 2"),
        )
        .file("tasks/b.yaml", waits)
        .file("tasks/c.yaml", task("", "true"));
    let ran = suite
        .run([
            "run",
            "--fail-fast",
            "--report",
            "json=r.json",
            "--report",
            "junit=j.xml",
            "--report",
            "html=r.html",
            "--report",
            "markdown=r.md",
        ])
        .exits(0)
        .says("◇ a")
        .says("known: R-17 is not built yet; expected 1 == 2")
        .prints("2 known")
        .prints("1 passed");
    assert!(!ran.stdout.contains("again:"), "{ran}");
    let document: Value = serde_json::from_str(&suite.text("r.json")).unwrap();
    let first = &document["tasks"][0];
    assert_eq!(first["outcome"], "known");
    assert_eq!(
        first["attempts"].as_array().unwrap().len(),
        1,
        "it is not tried again"
    );
    assert_eq!(first["attempts"][0]["xfail"], "R-17 is not built yet");
    assert_eq!(document["run"]["counts"]["known"], 2);
    assert!(
        suite
            .text("j.xml")
            .contains("<skipped message=\"known: R-17 is not built yet; ")
    );
    assert!(suite.text("r.html").contains("R-17 is not built yet"));
    assert!(
        suite.text("r.md").contains("◇ known | a |"),
        "{}",
        suite.text("r.md")
    );
    suite.run(["run", "--failed"]).exits(4);
    suite.run(["runs", "status:known"]).exits(0).prints("◇2 ✓1");
}

#[test]
fn one_that_no_longer_fails_has_failed_and_an_error_stays_one() {
    let suite = Suite::new().file(
        "tasks/a.yaml",
        task(&format!("{KNOWN}\nretries: 2"), "true"),
    );
    suite
        .run(["run"])
        .exits(1)
        .prints("the task no longer fails: remove `xfail`")
        .prints("--> tasks/a.yaml:2:8")
        .prints("it was known to fail: R-17 is not built yet");
    let breaks = super::suite::BREAKS.replace("start_state", &format!("{KNOWN}\nstart_state"));
    let suite = Suite::new().file("tasks/a.yaml", breaks);
    suite.run(["run"]).exits(3).prints("1 error");
}

#[test]
fn requirements_select_tasks_and_are_told_in_every_report() {
    let suite = Suite::new()
        .file("tasks/a.yaml", task("requirements: [R-17, R-18]", "1 == 2"))
        .file("tasks/b.yaml", task("requirements: [R-18]", "true"))
        .file("tasks/c.yaml", task("", "true"));
    let list = |name: &str| {
        suite
            .run(["run", "--list", "--requirement", name])
            .exits(0)
            .stdout
    };
    assert_eq!(list("R-17"), "a  tasks/a.yaml  R-17, R-18\n");
    assert_eq!(list("R-18").lines().count(), 2);
    suite.run(["run", "--requirement", "R-19"]).exits(4);
    suite
        .run([
            "run",
            "--report",
            "json=r.json",
            "--report",
            "junit=j.xml",
            "--report",
            "html=r.html",
            "--report",
            "markdown=r.md",
            "--report",
            "ndjson=e.ndjson",
        ])
        .exits(1)
        .prints("= shows:   R-17, R-18");
    let document: Value = serde_json::from_str(&suite.text("r.json")).unwrap();
    assert_eq!(
        document["tasks"][0]["requirements"],
        serde_json::json!(["R-17", "R-18"])
    );
    for report in ["j.xml", "r.html", "r.md"] {
        assert!(suite.text(report).contains("R-17, R-18"), "{report}");
    }
    assert!(
        suite
            .text("e.ndjson")
            .contains("\"requirements\":[\"R-17\",\"R-18\"]")
    );
}

/// A suite whose service never gets ready: a run that starts it ends with 3.
const BROKEN_SERVICE: &str = "version: 1
vars: { region: eu }
permissions: { exec: [sh], env: [SHOP] }
services:
  shop: { command: [sh, -c, \"exit 1\"], ready: { http: \"http://127.0.0.1:9/\", timeout: 1s } }
clients: { shop: { http: { base_url: \"${services.shop.url}\" } } }
";

#[test]
fn services_are_not_started_for_tasks_that_are_all_skipped() {
    let suite = Suite::new()
        .file("tasks/funcy.yaml", BROKEN_SERVICE)
        .file("tasks/a.yaml", task("skip: not yet", "true"))
        .file(
            "tasks/b.yaml",
            task("skip: { if: \"region == 'eu' && n > 0\", reason: \"none in ${region}\" }\ncases: [{ n: 1 }, { n: 2 }]", "n > 0"),
        )
        .file(
            "tasks/c.yaml",
            task("skip: { if: \"env('SHOP') == null\", reason: no shop }", "true"),
        );
    suite
        .run(["run"])
        .exits(0)
        .prints("4 skipped")
        .says("skipped: none in eu")
        .says("skipped: no shop");
    // One that runs needs them.
    suite.run(["run", "--var", "region=us"]).exits(3);
    suite
        .run(["run", "tasks/c.yaml", "--allow-env", "SHOP"])
        .exits(0);
}

#[test]
fn xfail_says_why() {
    let suite = Suite::new().file("tasks/a.yaml", task("xfail: true", "true"));
    suite
        .run(["check"])
        .exits(2)
        .prints("`xfail` is the reason");
}
