//! Why an expression has the value that it has.

use super::eval::Seen;
use super::lazy;
use super::node::{Kind, Node, Operator};
use super::ops::Comparison;
use crate::event::{Difference, Explanation, Json, Operand, Pos, Span};
use rhai::Dynamic;
use std::ops::Range;

/// Longest text in an explanation, in characters.
const MAX_TEXT: usize = 200;
/// Most items of a list or map in an explanation.
const MAX_ITEMS: usize = 20;
/// Deepest nesting of a value in an explanation.
const MAX_DEPTH: usize = 4;
/// Most operands of an explanation.
const MAX_OPERANDS: usize = 200;

/// Puts together what an evaluation saw.
pub(super) fn explanation(
    source: &str,
    root: &Node,
    seen: Seen,
    value: Option<&Dynamic>,
) -> Explanation {
    let mut operands = Vec::new();
    collect(source, root, &seen, 0, &mut operands);
    Explanation {
        source: source.to_owned(),
        value: value.map(brief),
        operands,
        missing: seen
            .missing
            .into_iter()
            .map(|(_, missing)| missing)
            .collect(),
    }
}

fn collect(source: &str, node: &Node, seen: &Seen, depth: u16, out: &mut Vec<Operand>) {
    if out.len() >= MAX_OPERANDS {
        return;
    }
    let shown = depth == 0 || is_interesting(node);
    if shown {
        out.push(Operand {
            span: span(&node.at),
            source: source.get(node.at.clone()).unwrap_or_default().to_owned(),
            depth,
            value: seen.value(node).map(brief),
            sides: sides(node, seen),
            difference: difference(node, seen),
        });
    }
    let below = depth + u16::from(shown);
    for child in node.children() {
        // A variable at the head of a path is shown by the path.
        if matches!(node.kind, Kind::Path(..))
            && matches!(child.kind, Kind::Variable(_))
            && child.at.start == node.at.start
        {
            continue;
        }
        collect(source, child, seen, below, out);
    }
}

/// The operands of the outermost `&&`, `||` and `!` for which the whole is not as it was wanted, in the order
/// of the text.
pub(super) fn deciding(node: &Node, seen: &Seen, wanted: bool, out: &mut Vec<Range<usize>>) {
    match &node.kind {
        Kind::And(left, right) | Kind::Or(left, right) => {
            deciding(left, seen, wanted, out);
            deciding(right, seen, wanted, out);
        }
        Kind::Not(of) => deciding(of, seen, !wanted, out),
        _ => {
            let value = seen.value(node).and_then(|value| value.as_bool().ok());
            if value == Some(!wanted) {
                out.push(node.at.clone());
            }
        }
    }
}

/// Whether the value of a node tells more than its text.
fn is_interesting(node: &Node) -> bool {
    match &node.kind {
        Kind::Literal(_) => false,
        Kind::Negate(of) => is_interesting(of),
        Kind::List(_) | Kind::Map(_) | Kind::Binary(Operator::Range { .. }, ..) => {
            node.children().into_iter().any(is_interesting)
        }
        _ => true,
    }
}

fn sides(node: &Node, seen: &Seen) -> Option<(Json, Json)> {
    let Kind::Binary(
        Operator::Compare(_) | Operator::CompareNull(_) | Operator::In { .. },
        left,
        right,
    ) = &node.kind
    else {
        return None;
    };
    Some((brief(seen.value(left)?), brief(seen.value(right)?)))
}

/// How the sides of a comparison differ that has found them unequal.
fn difference(node: &Node, seen: &Seen) -> Option<Box<Difference>> {
    let Kind::Binary(Operator::Compare(how), left, right) = &node.kind else {
        return None;
    };
    let unequal = match how {
        Comparison::Equal => false,
        Comparison::NotEqual => true,
        _ => return None,
    };
    if seen.value(node)?.as_bool() != Ok(unequal) {
        return None;
    }
    let left = lazy::to_json(seen.value(left)?).ok()?;
    let right = lazy::to_json(seen.value(right)?).ok()?;
    Operand::is_long(&left, &right).then(|| Box::new(Difference::of(&left, &right)))
}

/// Byte offsets as a span, as [`Operand::span`] states.
fn span(at: &Range<usize>) -> Span {
    let pos = |byte: usize| Pos {
        line: 0,
        column: u32::try_from(byte).unwrap_or(u32::MAX),
    };
    Span {
        start: pos(at.start),
        end: pos(at.end),
    }
}

/// A value cut to what a person reads.
pub(super) fn brief(value: &Dynamic) -> Json {
    if let Some(lazy) = lazy::lazy(value) {
        return brief_json(lazy.json(), 0);
    }
    match lazy::to_json(value) {
        Ok(json) => brief_json(&json, 0),
        Err(_) => Json::String(super::ops::cut(&super::ops::text(value), MAX_TEXT)),
    }
}

fn brief_json(json: &Json, depth: usize) -> Json {
    match json {
        Json::String(text) => Json::String(super::ops::cut(text, MAX_TEXT)),
        Json::Array(list) if depth >= MAX_DEPTH && !list.is_empty() => {
            Json::String(format!("[… {} items]", list.len()))
        }
        Json::Object(map) if depth >= MAX_DEPTH && !map.is_empty() => {
            Json::String(format!("{{… {} members}}", map.len()))
        }
        Json::Array(list) => {
            let mut out: Vec<Json> = list
                .iter()
                .take(MAX_ITEMS)
                .map(|item| brief_json(item, depth + 1))
                .collect();
            if list.len() > MAX_ITEMS {
                out.push(Json::String(format!("… {} more", list.len() - MAX_ITEMS)));
            }
            Json::Array(out)
        }
        Json::Object(map) => {
            let mut out: serde_json::Map<String, Json> = map
                .iter()
                .take(MAX_ITEMS)
                .map(|(key, value)| (key.clone(), brief_json(value, depth + 1)))
                .collect();
            if map.len() > MAX_ITEMS {
                out.insert(
                    "…".to_owned(),
                    Json::String(format!("{} more", map.len() - MAX_ITEMS)),
                );
            }
            Json::Object(out)
        }
        other => other.clone(),
    }
}
