//! Why an expression has the value that it has.

use super::code::{Code, Kind};
use super::eval::Seen;
use super::lazy;
use super::ops::{self, Type};
use crate::event::{Difference, Explanation, Json, Operand, OperandKind, Pos, Span};
use crate::syntax::Operator;
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
    root: &Code,
    seen: Seen,
    value: Option<&Dynamic>,
) -> Explanation {
    let mut operands = Vec::new();
    collect(source, root, &seen, None, 0, &mut operands);
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

fn collect(
    source: &str,
    node: &Code,
    seen: &Seen,
    parent: Option<u32>,
    depth: u16,
    out: &mut Vec<Operand>,
) {
    if out.len() >= MAX_OPERANDS {
        return;
    }
    let shown = depth == 0 || is_interesting(node);
    let mut under = parent;
    if shown {
        under = u32::try_from(out.len()).ok();
        out.push(Operand {
            span: span(&node.at),
            source: source.get(node.at.clone()).unwrap_or_default().to_owned(),
            depth,
            kind: kind(node),
            parent,
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
        collect(source, child, seen, under, below, out);
    }
}

/// What a report needs to know of it.
fn kind(node: &Code) -> OperandKind {
    use Operator as O;
    match &node.kind {
        Kind::Literal(value) if value.is_unit() => OperandKind::Null,
        Kind::Literal(_) => OperandKind::Literal,
        Kind::Variable(_) | Kind::Path(..) => OperandKind::Path,
        Kind::Not(_) => OperandKind::Not,
        Kind::BesideNull(O::Equal, ..) => OperandKind::IsNull,
        Kind::BesideNull(..) => OperandKind::IsNotNull,
        Kind::Binary(operator, ..) => match operator {
            O::And => OperandKind::And,
            O::Or => OperandKind::Or,
            O::Equal => OperandKind::Equal,
            O::NotEqual => OperandKind::NotEqual,
            O::Less => OperandKind::Less,
            O::LessOrEqual => OperandKind::LessOrEqual,
            O::Greater => OperandKind::Greater,
            O::GreaterOrEqual => OperandKind::GreaterOrEqual,
            O::In => OperandKind::In,
            O::NotIn => OperandKind::NotIn,
            _ => OperandKind::Computed,
        },
        _ => OperandKind::Computed,
    }
}

/// The operands of the outermost `&&`, `||` and `!` for which the whole is not as it was wanted, in the order
/// of the text.
pub(super) fn deciding(node: &Code, seen: &Seen, wanted: bool, out: &mut Vec<Range<usize>>) {
    match &node.kind {
        Kind::Binary(Operator::And | Operator::Or, left, right) => {
            deciding(left, seen, wanted, out);
            deciding(right, seen, wanted, out);
        }
        Kind::Not(of) => deciding(of, seen, !wanted, out),
        _ => {
            // What is unknown keeps the whole from holding as well.
            let good = |value: &Dynamic| value.as_bool() == Ok(wanted);
            if seen.value(node).is_some_and(|value| !good(value)) {
                out.push(node.at.clone());
            }
        }
    }
}

/// Whether the value of a node tells more than its text.
fn is_interesting(node: &Code) -> bool {
    match &node.kind {
        Kind::Literal(_) => false,
        Kind::Negate(of) => is_interesting(of),
        Kind::List(_)
        | Kind::Map(_)
        | Kind::Binary(Operator::Range | Operator::RangeInclusive, ..) => {
            node.children().into_iter().any(is_interesting)
        }
        _ => true,
    }
}

fn sides(node: &Code, seen: &Seen) -> Option<(Json, Json)> {
    let (left, right) = match &node.kind {
        Kind::Binary(operator, left, right) if compares(*operator) => (left, right),
        Kind::BesideNull(_, left, right) => (left, right),
        _ => return None,
    };
    Some((brief(seen.value(left)?), brief(seen.value(right)?)))
}

fn compares(operator: Operator) -> bool {
    operator.is_equality()
        || operator.is_order()
        || matches!(operator, Operator::In | Operator::NotIn)
}

/// How the sides of a comparison differ that has found them unequal.
fn difference(node: &Code, seen: &Seen) -> Option<Box<Difference>> {
    let Kind::Binary(operator @ (Operator::Equal | Operator::NotEqual), left, right) = &node.kind
    else {
        return None;
    };
    if seen.value(node)?.as_bool() != Ok(*operator == Operator::NotEqual) {
        return None;
    }
    let (left, right) = (seen.value(left)?, seen.value(right)?);
    // Base64 has no lines or words to compare.
    if [left, right].map(Type::of).contains(&Type::Bytes) {
        return None;
    }
    let left = lazy::to_json(left).ok()?;
    let right = lazy::to_json(right).ok()?;
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
    if Type::of(value) == Type::Bytes {
        return Json::String(format!("bytes {}", ops::brief_bytes(value)));
    }
    match lazy::to_json(value) {
        Ok(json) => brief_json(&json, 0),
        Err(_) => Json::String(ops::cut(&ops::text(value), MAX_TEXT)),
    }
}

fn brief_json(json: &Json, depth: usize) -> Json {
    match json {
        Json::String(text) => Json::String(ops::cut(text, MAX_TEXT)),
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
