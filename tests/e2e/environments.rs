//! The environments of a suite, and what its tasks share that nobody may read.

use super::suite::Suite;

const SUITE: &str = "version: 1
vars: { host: localhost, url: 'http://${host}/', region: eu }
secrets: { token: local-token, later: null }
environments:
  staging: { vars: { host: staging.example, token: staging-token } }
  production: { vars: { host: example.org, region: us, zone: a } }
";

fn task(expect: &str) -> String {
    format!(
        "version: 1\nstart_state: here\nfinal_state: here\nstates:\n  here:\n    instructions:\n      - log: ${{url}} ${{token}}\n      - expect: {expect}\n"
    )
}

fn suite(expect: &str) -> Suite {
    Suite::new()
        .file("tasks/funcy.yaml", SUITE)
        .file("tasks/t.yaml", task(expect))
}

#[test]
fn an_environment_stands_between_the_suite_and_the_task() {
    suite("url == 'http://localhost/' && region == 'eu'")
        .run(["run"])
        .exits(0);
    let staging = suite("url == 'http://staging.example/' && region == 'eu'");
    staging.run(["run", "--env", "staging"]).exits(0);
    staging.run(["run", "--env", "production"]).exits(1);
    let own = "region == 'task' && host == 'flag' && zone == 'a'";
    Suite::new()
        .file("tasks/funcy.yaml", SUITE)
        .file(
            "tasks/t.yaml",
            task(own).replace("start_state", "vars: { region: task }\nstart_state"),
        )
        .run(["run", "--env", "production", "--var", "host=flag"])
        .exits(0);
}

#[test]
fn its_name_is_in_the_record_of_the_run_and_in_the_command_that_runs_it_again() {
    let suite = suite("region == 'us'");
    suite
        .run(["run", "--env", "staging"])
        .exits(1)
        .prints("again:   funcy run tasks/t.yaml --env staging");
    suite.run(["show"]).exits(0).prints("staging");
    suite
        .run(["runs", "env:staging"])
        .exits(0)
        .prints("env=staging");
    suite.run(["runs", "env:production"]).prints_nothing();
    suite
        .run(["simulate", "tasks/t.yaml", "--env", "production"])
        .exits(0);
    suite.run(["check", "--env", "production"]).exits(0);
}

#[test]
fn one_that_does_not_exist_is_told_with_the_nearest() {
    let suite = suite("true");
    for command in ["run", "check"] {
        let ran = suite.run([command, "--env", "stagign"]).exits(2);
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(
            said.contains("the suite has no environment `stagign`"),
            "{ran}"
        );
        assert!(said.contains("did you mean `--env staging`?"), "{ran}");
        assert!(said.contains("tasks/funcy.yaml:5:3"), "{ran}");
    }
    suite.run(["eval", "host", "--env", "stagign"]).exits(2);
    Suite::new()
        .file("tasks/t.yaml", super::suite::PASSES)
        .run(["run", "--env", "staging"])
        .exits(2)
        .says("there is no suite file, and so no environment `staging`");
}

#[test]
fn what_only_an_environment_declares_is_there_with_it() {
    let suite = suite("zone == 'a'");
    suite
        .run(["check"])
        .exits(2)
        .prints("there is no variable `zone`")
        .prints("an environment of the suite declares it: `--env production`");
    suite.run(["run", "--env", "production"]).exits(0);
}

#[test]
fn secrets_of_a_suite_are_masked_in_every_task() {
    let suite = suite("token == 'local-token' && region == 'nowhere'");
    let ran = suite.run(["run", "--report", "ndjson=e.ndjson"]).exits(1);
    for text in [&ran.stdout, &suite.text("e.ndjson")] {
        assert!(!text.contains("local-token"), "{text}");
        assert!(text.contains("$token"), "{text}");
    }
    // That of an environment takes its place, and is one too.
    let ran = suite
        .run(["run", "--env", "staging", "--report", "ndjson=e.ndjson"])
        .exits(1);
    for text in [&ran.stdout, &suite.text("e.ndjson")] {
        assert!(!text.contains("staging-token"), "{text}");
    }
    // And one that a task saves under a name of the suite's.
    let later = task("true").replace(
        "expect: true",
        "eval: '\"saved\" + \"-by-task\"'\n        save: { later: res }\n      - log: ${later}",
    );
    let suite = suite.file("tasks/t.yaml", later);
    suite.run(["run", "--report", "ndjson=e.ndjson"]).exits(0);
    let events = suite.text("e.ndjson");
    assert!(
        events.contains("$later") && !events.contains("saved-by-task"),
        "{events}"
    );
}

#[test]
fn eval_sees_the_variables_of_the_environment() {
    let suite = suite("true");
    suite
        .run(["eval", "host", "--env", "staging"])
        .exits(0)
        .prints("staging.example");
    suite.run(["eval", "host"]).exits(0).prints("localhost");
}
