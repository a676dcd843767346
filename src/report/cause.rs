//! Failures by their cause: a server that is down fails many tasks, and is one thing to mend.
//!
//! Two failures have the same cause if they are of the same kind and say the same, numbers and quoted values
//! aside. What was expected, or waited for, belongs to what they say.

use super::view::Ended;
use crate::event::{ErrorKind, Headline};

/// Failures that have the same cause.
#[derive(Clone, Debug)]
pub struct Cause {
    /// The kind of trouble; `None` after an end that nothing explains: cancelled, interrupted.
    pub kind: Option<ErrorKind>,
    /// What they say, with `N` for each number and `'…'` for each quoted value.
    pub text: String,
    /// The executions, in the order of the run.
    pub failed: Vec<Ended>,
}

/// Sorts what did not pass by its cause, in the order in which each came first.
#[must_use]
pub fn causes(ended: impl IntoIterator<Item = Ended>) -> Vec<Cause> {
    let mut causes: Vec<Cause> = Vec::new();
    for one in ended {
        if one.outcome.is_good() {
            continue;
        }
        let (kind, text) = cause(&one);
        let same = |cause: &&mut Cause| cause.kind == kind && cause.text == text;
        match causes.iter_mut().find(same) {
            Some(cause) => cause.failed.push(one),
            None => causes.push(Cause {
                kind,
                text,
                failed: vec![one],
            }),
        }
    }
    causes
}

/// The cause of one bad end: the kind of trouble, and what it says, as in [`Cause`].
#[must_use]
pub fn cause(ended: &Ended) -> (Option<ErrorKind>, String) {
    match &ended.headline {
        Some(headline) => (Some(headline.failure.kind), said(headline)),
        None => (None, ended.reason()),
    }
}

/// What a failure says, with what was expected where the message names it not.
fn said(headline: &Headline) -> String {
    let message = &headline.failure.message;
    let mut text = normalized(message);
    let expected = headline.explanations.iter().map(|(_, one)| &one.source);
    let waited = headline.conditions.iter().flat_map(|condition| {
        let sources = condition.explanations.iter().map(|one| &one.source);
        sources.chain(condition.trouble.as_ref().map(|trouble| &trouble.message))
    });
    for source in expected.chain(waited) {
        let source = source.trim();
        if !message.contains(source) {
            text.push_str("; ");
            text.push_str(&normalized(source));
        }
    }
    text
}

/// A message without what differs from case to case: `N` for each number, `'…'` for each quoted value. A long
/// word of hexadecimal digits, or a UUID, is a number too.
#[must_use]
pub fn normalized(message: &str) -> String {
    let mut out = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(first) = rest.chars().next() {
        if matches!(first, '"' | '\'' | '`')
            // The apostrophe in `server's` opens nothing.
            && !out.ends_with(|before: char| before.is_alphanumeric())
            && let Some(end) = rest[1..].find(first)
        {
            out.push_str("'…'");
            rest = &rest[end + 2..];
            continue;
        }
        let word = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '-')
            .unwrap_or(rest.len());
        if word == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        push_word(&mut out, &rest[..word]);
        rest = &rest[word..];
    }
    out
}

fn push_word(out: &mut String, word: &str) {
    let has_digit = word.contains(|c: char| c.is_ascii_digit());
    let hex = |c: char| c.is_ascii_hexdigit() || c == '-';
    if has_digit && word.len() >= 8 && word.chars().all(hex) {
        out.push('N');
        return;
    }
    let mut in_number = false;
    for c in word.chars() {
        let digit = c.is_ascii_digit();
        match (digit, in_number) {
            (true, false) => out.push('N'),
            (true, true) => {}
            (false, _) => out.push(c),
        }
        in_number = digit;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_quoted_values_make_no_difference() {
        let same = [
            (
                "GET http://127.0.0.1:7801/orders/7: connection refused",
                "GET http://127.0.0.1:41843/orders/81: connection refused",
            ),
            (
                "order \"A-1\" is unknown",
                "order \"a much longer one\" is unknown",
            ),
            ("`id` is no number", "`name` is no number"),
            ("it took 1.5s", "it took 20.25s"),
            (
                "no row for 3f2a9c01-77ab-4c11-9d2e-0f00aa12bb34",
                "no row for 90ee1b22-0001-4aaa-8bbb-c0ffee123456",
            ),
        ];
        for (one, other) in same {
            assert_eq!(normalized(one), normalized(other));
        }
    }

    #[test]
    fn failures_are_sorted_by_what_they_say() {
        use crate::event::{ExecutionStarted, Failure, Metrics, Outcome};
        use crate::report::Live;
        let failed = |task: &str, kind, message: &str| {
            let mut live = Live::default();
            let mut tell = |fact| {
                live.apply(&crate::event::Event {
                    run: "R".into(),
                    seq: 1,
                    at: 1,
                    execution: Some(1),
                    frame: crate::event::ROOT,
                    fact,
                })
            };
            tell(crate::event::Fact::ExecutionStarted(Box::new(
                ExecutionStarted {
                    task: task.into(),
                    ..ExecutionStarted::default()
                },
            )));
            let ended = tell(crate::event::Fact::ExecutionFinished {
                outcome: Outcome::Error,
                headline: Some(Box::new(Headline::of(Failure::new(kind, message)))),
                state: None,
                outputs: crate::event::Json::Null,
                metrics: Box::new(Metrics::default()),
            });
            ended.expect("it has ended")
        };
        let (transport, protocol) = (ErrorKind::Transport, ErrorKind::Protocol);
        let found = causes([
            failed("a", transport, "port 7801 is closed"),
            failed("b", protocol, "port 7801 is closed"),
            failed("c", transport, "port 7802 is closed"),
        ]);
        let names: Vec<Vec<String>> = (found.iter())
            .map(|cause| cause.failed.iter().map(Ended::name).collect())
            .collect();
        assert_eq!(names, [vec!["a", "c"], vec!["b"]]);
        assert_eq!(found[0].text, "port N is closed");
    }

    #[test]
    fn words_do() {
        let different = [
            ("connection refused", "connection reset"),
            ("expected a == 1", "expected b == 1"),
            ("the server's answer", "the client's answer"),
        ];
        for (one, other) in different {
            assert_ne!(normalized(one), normalized(other));
        }
        assert_eq!(normalized("it's not \"closed"), "it's not \"closed");
        assert_eq!(normalized("größer als 10"), "größer als N");
        assert_eq!(normalized(""), "");
    }
}
