//! Colours and widths.

use super::suite::{FAILS, PASSES, Suite, WAITS};
use regex::Regex;
use unicode_width::UnicodeWidthStr;

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
            assert!(line.width() <= width, "wider than {width}: {line}\n{ran}");
        }
        let graph = suite.run(["graph", "tasks/t.yaml"]).exits(0);
        for line in graph.stdout.lines() {
            assert!(line.width() <= width, "wider than {width}: {line}");
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

/// Runs a command on a terminal of this width; what the terminal was sent.
fn on_a_terminal(suite: &Suite, columns: u16, command: &str) -> String {
    // `script` is part of every Debian: it gives the command a terminal, and prints what comes out of it.
    let inner = format!("stty cols {columns} rows 24; {command}");
    suite
        .shell(&format!(
            "TERM=xterm script --quiet --return --command '{inner}' /dev/null"
        ))
        .exits(1)
        .stdout
}

/// What a screen of this width shows in the end, row by row. Knows what the progress uses: line breaks, moves
/// up, and erasing downwards.
fn screen(sent: &str, columns: usize) -> Vec<String> {
    let plain = Regex::new("\u{1b}\\[[0-9;]*m")
        .unwrap()
        .replace_all(sent, "")
        .into_owned();
    let mut rows: Vec<String> = vec![String::new()];
    let mut at = 0_usize;
    let mut rest = plain.as_str();
    while let Some(first) = rest.chars().next() {
        if let Some(sequence) = rest.strip_prefix("\u{1b}[") {
            let end = sequence
                .find(|one: char| one.is_ascii_alphabetic())
                .expect("a whole sequence");
            let number: usize = sequence[..end].parse().unwrap_or(1);
            match &sequence[end..=end] {
                "A" => {
                    at = at
                        .checked_sub(number)
                        .expect("the cursor never leaves the screen");
                }
                "J" => rows.truncate(at + 1),
                other => panic!("an escape that no screen needs here: {other}"),
            }
            if &sequence[end..=end] == "J" {
                rows[at].clear();
            }
            rest = &sequence[end + 1..];
            continue;
        }
        match first {
            '\n' => {
                at += 1;
                if rows.len() <= at {
                    rows.push(String::new());
                }
            }
            '\r' => {}
            one => {
                assert!(
                    !one.is_control(),
                    "a control character reaches the screen: {one:?}"
                );
                rows[at].push(one);
            }
        }
        assert!(
            rows[at].width() <= columns,
            "wider than {columns}: {}",
            rows[at]
        );
        rest = &rest[first.len_utf8()..];
    }
    rows
}

#[test]
fn live_rows_fit_the_screen_and_leave_it() {
    for columns in [40, 80, 120, 200] {
        let suite = failing().file("tasks/w.yaml", WAITS.replace("60s", "1s"));
        let sent = on_a_terminal(&suite, columns, "funcy run");
        assert!(sent.contains("\u{1b}["), "it was live: {sent:?}");
        let rows = screen(&sent, usize::from(columns)).join("\n");
        assert!(
            rows.contains("2 failed") && rows.contains("2 passed"),
            "{rows}"
        );
        assert!(
            !rows.contains("running") && !rows.contains('▶') && !rows.contains('◷'),
            "{rows}"
        );
    }
}

#[test]
fn a_dumb_terminal_gets_lines() {
    let suite = failing();
    let script = "TERM=dumb script --quiet --return --command 'TERM=dumb funcy run' /dev/null";
    suite
        .shell(script)
        .exits(1)
        .prints_no(ESCAPE)
        .prints("2 failed");
}
