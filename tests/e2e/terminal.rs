//! Colours and widths.

use super::suite::{FAILS, PASSES, Suite};

const ESCAPE: &str = "\u{1b}";

fn failing() -> Suite {
    let long = "a-name-that-is-much-longer-than-anybody-would-give-to-a-task-in-earnest-and-goes-on-and-on";
    Suite::new()
        .file("tasks/t.yaml", FAILS)
        .file(format!("tasks/{long}.yaml"), FAILS)
        .file("tasks/p.yaml", PASSES)
}

#[test]
fn no_color_means_no_escape_at_all() {
    let suite = failing().env("NO_COLOR", "1").env("FORCE_COLOR", "1");
    suite
        .run(["run"])
        .exits(1)
        .prints_no(ESCAPE)
        .says_no(ESCAPE);
    suite.run(["check"]).exits(0).prints_no(ESCAPE);
}

#[test]
fn a_pipe_gets_no_colours_unless_they_are_asked_for() {
    failing()
        .run(["run"])
        .exits(1)
        .prints_no(ESCAPE)
        .says_no(ESCAPE);
    failing()
        .run(["run", "--color", "always"])
        .exits(1)
        .prints(ESCAPE);
    failing()
        .env("FORCE_COLOR", "1")
        .run(["run"])
        .exits(1)
        .prints(ESCAPE);
    failing()
        .env("NO_COLOR", "1")
        .run(["run", "--color", "always"])
        .exits(1)
        .prints(ESCAPE);
    failing()
        .env("FORCE_COLOR", "1")
        .run(["run", "--color", "never"])
        .exits(1)
        .prints_no(ESCAPE);
}

#[test]
fn lines_fit_the_width() {
    for width in [40, 80, 120, 200] {
        let suite = failing().env("COLUMNS", &width.to_string());
        let ran = suite.run(["run"]).exits(1);
        for line in ran.stdout.lines().chain(ran.stderr.lines()) {
            // A path or command to copy is never broken.
            if line.contains("again:") || line.contains("-->") || line.contains("funcy run") {
                continue;
            }
            assert!(
                unicode_width::UnicodeWidthStr::width(line) <= width,
                "wider than {width}: {line}\n{ran}"
            );
        }
        let graph = suite.run(["graph", "tasks/t.yaml"]).exits(0);
        for line in graph.stdout.lines() {
            assert!(
                unicode_width::UnicodeWidthStr::width(line) <= width,
                "wider than {width}: {line}"
            );
        }
    }
}

#[test]
fn a_locale_without_utf8_gets_plain_letters() {
    // The task itself is plain, so that nothing else brings other letters in.
    let suite = failing().env("LC_ALL", "C");
    for ran in [
        suite.run(["run"]),
        suite.run(["graph", "tasks/t.yaml"]),
        suite.run(["check"]),
    ] {
        assert!(ran.stdout.is_ascii() && ran.stderr.is_ascii(), "{ran}");
    }
}

#[test]
fn results_are_data_and_progress_is_not() {
    failing()
        .run(["run"])
        .exits(1)
        .prints("2 failed")
        .says("(3/3)")
        .says_no("2 failed  ");
}
