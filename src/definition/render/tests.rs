use super::*;

fn at(line: u32, from: u32, to: u32) -> Span {
    Span {
        start: Pos { line, column: from },
        end: Pos { line, column: to },
    }
}

const TEXT: &str = "version: 1\nstates:\n  done:\n    tiemout: 5s\n";

fn sample() -> Diagnostic {
    let file = Name::from("tasks/a.yaml");
    Diagnostic::error(
        "unknown-key",
        &file,
        at(4, 5, 12),
        "a state has no key `tiemout`",
    )
    .label("unknown key")
    .hint("did you mean `timeout`?")
    .related(at(3, 3, 7), "in this state")
}

fn show(diagnostic: Diagnostic, text: &str, width: usize) -> String {
    let text = Name::from(text);
    render(&[diagnostic], &|_| Some(Name::clone(&text)), false, width)
}

#[test]
fn a_mistake_is_shown_in_its_lines() {
    insta::assert_snapshot!(show(sample(), TEXT, 80), @r"
error[unknown-key]: a state has no key `tiemout`
 --> tasks/a.yaml:4:5
  |
3 |   done:
  |   ---- in this state
4 |     tiemout: 5s
  |     ^^^^^^^ unknown key
  |
  = help: did you mean `timeout`?
");
}

#[test]
fn a_narrow_terminal_is_not_overrun() {
    let shown = show(
        sample().label("a label that is too long to stand behind the carets"),
        TEXT,
        40,
    );
    assert!(shown.lines().all(|line| line.width() <= 40), "{shown}");
    insta::assert_snapshot!(shown, @r"
error: a state has no key `tiemout`
 --> tasks/a.yaml:4:5
  |
3 |   done:
  |   ---- in this state
4 |     tiemout: 5s
  |     ^^^^^^^
  |
  = note: a label that is too long to
          stand behind the carets
  = help: did you mean `timeout`?
");
}

#[test]
fn a_long_line_is_cut_around_what_is_wrong() {
    let text = format!("a: {}here{}\n", "x".repeat(200_000), "y".repeat(200_000));
    let file = Name::from("a.yaml");
    for width in [40, 80, 120, 200] {
        let diagnostic =
            Diagnostic::error("x", &file, at(1, 200_004, 200_008), "wrong").label("this");
        let shown = show(diagnostic, &text, width);
        assert!(
            shown.lines().all(|line| line.width() <= width),
            "{width}\n{shown}"
        );
        assert!(shown.contains("here"), "{shown}");
        assert!(shown.contains("^^^^ this"), "{shown}");
    }
}

#[test]
fn a_label_far_to_the_right_stays_on_the_screen() {
    let text = format!("{}here\n", "x".repeat(60));
    let file = Name::from("a.yaml");
    for width in 40..=120 {
        let label = "saved by the instructions";
        let diagnostic = Diagnostic::error("x", &file, at(1, 61, 65), "wrong").label(label);
        let shown = show(diagnostic, &text, width);
        assert!(
            shown.lines().all(|line| line.width() <= width),
            "{width}\n{shown}"
        );
        assert!(shown.contains("^^^^"), "{shown}");
    }
}

#[test]
fn far_places_get_excerpts_of_their_own() {
    let text = "k: 1\n".repeat(100);
    let file = Name::from("a.yaml");
    let diagnostic = Diagnostic::warning("duplicate-key", &file, at(90, 1, 2), "twice")
        .related(at(2, 1, 2), "first here");
    insta::assert_snapshot!(show(diagnostic, &text, 80), @r"
warning[duplicate-key]: twice
  --> a.yaml:90:1
   |
90 | k: 1
   | ^
   |
  ::: a.yaml:2:1
   |
 2 | k: 1
   | - first here
");
}

#[test]
fn color_is_a_choice_and_texts_bring_none() {
    let file = Name::from("a.yaml");
    let diagnostic = Diagnostic::error("x", &file, at(1, 1, 2), "bad \u{1b}[31mred");
    let text = Name::from("a: 1");
    let source = |_: &str| Some(Name::clone(&text));
    let plain = render(std::slice::from_ref(&diagnostic), &source, false, 80);
    assert!(!plain.contains('\u{1b}'), "{plain:?}");
    assert!(render(&[diagnostic], &source, true, 80).contains('\u{1b}'));
}

#[test]
fn a_file_that_is_gone_is_still_named() {
    let shown = render(&[sample()], &|_| None, false, 80);
    assert!(shown.contains("tasks/a.yaml:4:5"), "{shown}");
    assert!(shown.contains("did you mean `timeout`?"), "{shown}");
}

#[test]
fn places_outside_of_the_file_do_no_harm() {
    for span in [at(0, 0, 0), at(99, 5, 9), at(1, 99, 200), at(2, 4, 1)] {
        let diagnostic = Diagnostic::error("x", &Name::from("a"), span, "m").label("l");
        show(diagnostic.clone(), TEXT, 80);
        show(diagnostic.clone(), "", 80);
        show(diagnostic, "→\r\n→→", 80);
    }
}

#[test]
fn github_escapes() {
    let mut diagnostic = sample();
    diagnostic.message = "100%: a, b\nc".to_owned();
    diagnostic.file = "a,b:c.yaml".into();
    assert_eq!(
        to_github(&diagnostic),
        "::error file=a%2Cb%3Ac.yaml,line=4,col=5,endColumn=12,title=unknown-key::100%25: a, b%0Ac%0Ahelp: did you mean `timeout`?"
    );
}

#[test]
fn json_holds_everything() {
    assert_eq!(
        to_json(&sample()),
        serde_json::json!({
            "severity": "error",
            "code": "unknown-key",
            "message": "a state has no key `tiemout`",
            "file": "tasks/a.yaml",
            "start": {"line": 4, "column": 5},
            "end": {"line": 4, "column": 12},
            "label": "unknown key",
            "hint": "did you mean `timeout`?",
            "related": [{"start": {"line": 3, "column": 3}, "end": {"line": 3, "column": 7}, "label": "in this state"}],
        })
    );
}
