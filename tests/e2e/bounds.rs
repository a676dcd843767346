//! A funcy that a suite starts reads and writes no more than the suite may, whatever its command line names.

use super::suite::{PASSES, Suite};

/// A suite with these grants, whose task starts a command and shows what became of it.
fn starts(permissions: &str, command: &[&str], env: &str) -> Suite {
    let command = serde_json::to_string(command).unwrap();
    Suite::new()
        .file("funcy.yaml", format!("version: 1\npermissions: {permissions}\n"))
        .file(
            "t.yaml",
            format!(
                "version: 1\nstart_state: a\nfinal_state: a\nstates:\n  a:\n    instructions:\n      - exec: {{ command: {command}, env: {{ {env} }} }}\n        save: {{ code: res.code, said: res.stderr, printed: res.stdout }}\n      - log: \"CODE ${{code}} SAID ${{said}} PRINTED ${{printed}}\"\n"
            ),
        )
        .file("inner/t.yaml", PASSES)
        .file("inner/funcy.yaml", "version: 1\n")
}

/// What the command came to: its exit code, and all that it said.
fn ran(suite: &Suite) -> (String, String) {
    let ran = suite.run(["run", "t.yaml", "-v"]).exits(0);
    let shown = ran.stdout.clone() + &ran.stderr;
    let (_, behind) = shown.split_once("CODE ").expect("the log is shown");
    let (code, said) = behind.split_once(" SAID ").unwrap();
    (code.to_owned(), said.to_owned())
}

const WRITES: &str = "{ exec: [funcy], write: [out] }";

#[test]
fn no_file_is_written_that_the_suite_may_not_write() {
    let run = ["funcy", "run", "inner/t.yaml"];
    for (more, file) in [
        (&["--report", "junit=elsewhere.xml"][..], "elsewhere.xml"),
        (&["--report", "json=new/deep/elsewhere.json"], "new"),
        (
            &["--report", "html=out/../elsewhere.html"],
            "elsewhere.html",
        ),
        (&["--journal", "elsewhere.db"], "elsewhere.db"),
        (&["--journal", "out/../elsewhere.db"], "elsewhere.db"),
    ] {
        let command: Vec<&str> = run.iter().chain(more).copied().collect();
        let suite = starts(WRITES, &command, "");
        let (code, said) = ran(&suite);
        assert_eq!(code, "3", "{more:?}: {said}");
        assert!(said.contains("it may not write"), "{more:?}: {said}");
        assert!(said.contains("started by another"), "{more:?}: {said}");
        assert!(!suite.path(file).exists(), "{more:?}");
    }
    let command: Vec<&str> = run
        .iter()
        .chain(&["--report", "junit=out/r.xml"])
        .copied()
        .collect();
    let suite = starts(WRITES, &command, "");
    std::fs::create_dir(suite.path("out")).unwrap();
    let (code, said) = ran(&suite);
    assert_eq!(code, "0", "{said}");
    assert!(suite.path("out/r.xml").exists());
    // A link leads where it leads.
    let suite = starts(WRITES, &command, "");
    std::os::unix::fs::symlink(suite.path("."), suite.path("out")).unwrap();
    // The grant is of the folder that it leads to, and that is the suite's own.
    let suite = suite.file(
        "funcy.yaml",
        "version: 1\npermissions: { exec: [funcy], write: [inner] }\n",
    );
    let (code, said) = ran(&suite);
    assert_eq!(code, "3", "{said}");
    assert!(!suite.path("r.xml").exists());
}

#[test]
fn what_the_suite_has_recorded_is_not_touched() {
    let kept = |suite: &Suite| {
        suite
            .run(["runs", "--format", "json"])
            .exits(0)
            .json_lines()
            .len()
    };
    for (command, code, says) in [
        (
            &["funcy", "runs", "prune", "--keep", "0s"][..],
            "3",
            "decides what tasks are and may do",
        ),
        (
            &["funcy", "run", "inner/t.yaml"],
            "0",
            "no journal was kept: this funcy was started by another",
        ),
        (&["funcy", "run", "inner/t.yaml", "--failed"], "", ""),
        (
            &["funcy", "audit", "export", "-o", "elsewhere"],
            "3",
            "it may not write",
        ),
        (
            &[
                "funcy",
                "report",
                "latest",
                "--format",
                "json",
                "--output",
                "elsewhere",
            ],
            "3",
            "it may not write",
        ),
        (&["funcy", "init", "elsewhere"], "3", "it may not write"),
        (
            &["funcy", "watch", "inner", "--emit-locations", "elsewhere"],
            "3",
            "it may not write",
        ),
    ] {
        let suite = starts(WRITES, command, "");
        suite.run(["run", "inner/t.yaml"]).exits(0);
        let (found, said) = ran(&suite);
        assert!(
            code.is_empty() || found == code,
            "{command:?}: {found} {said}"
        );
        assert!(said.contains(says), "{command:?}: {said}");
        assert_eq!(kept(&suite), 2, "its own two runs: {command:?}");
        assert!(!suite.path("elsewhere").exists(), "{command:?}");
    }
    // Where the suite names it, both write it.
    let grants = "{ exec: [funcy], write: [.funcy] }";
    let suite = starts(grants, &["funcy", "run", "inner/t.yaml"], "");
    assert_eq!(ran(&suite).0, "0");
    assert_eq!(kept(&suite), 2);
    suite.run(["audit", "verify"]).exits(0);
}

#[test]
fn no_file_is_read_that_the_suite_may_not_read() {
    let outside = Suite::new().file("secret.yaml", "a: hunter22hunter22\n");
    let secret = outside.path("secret.yaml").display().to_string();
    for command in [
        &["funcy", "eval", "res.text", "--input", &secret][..],
        &["funcy", "check", &secret],
        &["funcy", "run", &secret],
        &["funcy", "simulate", "inner/t.yaml", "--stubs", &secret],
        &["funcy", "simulate", "inner/t.yaml", "--recorded", &secret],
        &["funcy", "audit", "verify", "--file", &secret],
    ] {
        let (code, said) = ran(&starts("{ exec: [funcy] }", command, ""));
        assert_ne!(code, "0", "{command:?}");
        assert!(said.contains("it may not read"), "{command:?}: {said}");
        assert!(!said.contains("hunter22"), "{command:?}: {said}");
    }
}

/// What names a file from the environment is no way out either.
#[test]
fn a_step_summary_is_written_where_the_suite_may_write() {
    for (file, written) in [("elsewhere.md", false), ("out/summary.md", true)] {
        let env = format!("GITHUB_ACTIONS: 'true', GITHUB_STEP_SUMMARY: {file}");
        let suite = starts(WRITES, &["funcy", "run", "inner/t.yaml"], &env);
        std::fs::create_dir(suite.path("out")).unwrap();
        assert_eq!(ran(&suite).0, "0");
        assert_eq!(suite.path(file).exists(), written, "{file}");
    }
}

/// A shell that is granted may do what its user may. But a funcy that it starts is bound, also where the environment was
/// cleared on the way.
#[test]
fn a_shell_between_the_two_does_not_lose_the_bound() {
    for script in [
        "funcy run inner/t.yaml --allow-all --report junit=elsewhere.xml",
        "env -i PATH=\"$PATH\" funcy run inner/t.yaml --allow-all --report junit=elsewhere.xml; exit $?",
        "sh -c 'env -i PATH=\"$PATH\" funcy run inner/t.yaml --report junit=elsewhere.xml; exit $?'; exit $?",
        "unset FUNCY_CEILING FUNCY_DEPTH FUNCY_EXEC_ID; funcy run inner/t.yaml --report junit=elsewhere.xml; exit $?",
    ] {
        let suite = starts("{ exec: [sh] }", &["sh", "-c", script], "");
        let (code, said) = ran(&suite);
        assert_eq!(code, "3", "{script}: {said}");
        assert!(said.contains("it may not write"), "{script}: {said}");
        assert!(!suite.path("elsewhere.xml").exists(), "{script}");
    }
}
