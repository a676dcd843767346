use crate::definition::diagnostic::Diagnostic;
use crate::definition::model::SourceFile;
use crate::definition::node::{Node, Text};
use crate::definition::source::Lines;
use crate::event::{Pos, Span};

/// Finds what a comma inside `[ ]` or `{ }` has split: `[f(a, b)]` is the two texts `f(a` and `b)`.
pub(super) fn check(
    file: &SourceFile,
    lines: &Lines<'_>,
    items: &[Node],
    members: &[(Text, Node)],
) -> Vec<Diagnostic> {
    // The pieces in the order of the file: of a map, a value and then the key behind its comma.
    let pieces = items.iter().filter_map(Node::as_text).chain(
        members
            .iter()
            .flat_map(|(key, node)| [Some(key), node.as_text()].into_iter().flatten()),
    );
    let mut findings = Vec::new();
    let mut open: Option<(Pos, i32)> = None;
    for text in pieces {
        if is_quoted(lines, text) {
            continue;
        }
        let (opened, closed) = parentheses(&text.value);
        match &mut open {
            None if opened > 0 => open = Some((text.span.start, opened)),
            Some((start, depth)) if closed > 0 => {
                *depth += opened - closed;
                if *depth <= 0 {
                    let whole = Span {
                        start: *start,
                        end: text.span.end,
                    };
                    findings.push(split(file, whole));
                    open = None;
                }
            }
            Some((_, depth)) => *depth += opened,
            None => {}
        }
    }
    findings
}

fn split(file: &SourceFile, span: Span) -> Diagnostic {
    Diagnostic::error(
        "split-text",
        &file.name,
        span,
        "YAML splits this text at its comma",
    )
    .label("inside `[ ]` and `{ }` a comma ends the value")
    .hint("quote the whole text")
}

fn is_quoted(lines: &Lines<'_>, text: &Text) -> bool {
    lines.text[lines.byte(text.span.start)..].starts_with(['\'', '"'])
}

/// Parentheses that are opened and not closed, and closed and not opened.
fn parentheses(text: &str) -> (i32, i32) {
    let (mut opened, mut closed) = (0, 0);
    for c in text.chars() {
        match c {
            '(' => opened += 1,
            ')' if opened > 0 => opened -= 1,
            ')' => closed += 1,
            _ => {}
        }
    }
    (opened, closed)
}
