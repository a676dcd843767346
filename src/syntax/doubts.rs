//! What parses and is probably not what was meant.

use super::SyntaxError;
use super::tree::{Block, Child, Kind, Node};

/// What is doubtful in a tree, in the order of its text.
pub fn doubts(node: &Node, source: &str) -> Vec<SyntaxError> {
    let mut found = Vec::new();
    look(node, source, &mut found);
    found
}

fn look(node: &Node, source: &str, found: &mut Vec<SyntaxError>) {
    found.extend(default_of_one_side(node, source));
    node.kind
        .each_child(&mut |child| each(child, source, found));
}

fn each(child: Child<'_>, source: &str, found: &mut Vec<SyntaxError>) {
    match child {
        Child::Node(node) => look(node, source, found),
        Child::Block(Block { statements, .. }) => {
            for statement in statements {
                (statement.kind).each_child(&mut |child| each(child, source, found));
            }
        }
    }
}

/// `a == b ?? false`: the default was meant for the whole comparison, and is one of `b`.
fn default_of_one_side(node: &Node, source: &str) -> Option<SyntaxError> {
    use super::Operator as O;
    let Kind::Binary(operator, _, right) = &node.kind else {
        return None;
    };
    let compares = operator.is_equality() || operator.is_order();
    if !compares && !matches!(operator, O::In | O::NotIn) || right.bracketed {
        return None;
    }
    let Kind::Binary(O::Coalesce, of, default) = &right.kind else {
        return None;
    };
    if !matches!(default.kind, Kind::Bool(_)) {
        return None;
    }
    let written = |from: usize, to: usize| source.get(from..to).unwrap_or_default().trim();
    let whole = written(node.at.start, node.at.end);
    let (comparison, rest) =
        whole.split_at(of.at.end.saturating_sub(node.at.start).min(whole.len()));
    let operand = written(of.at.start, right.at.end);
    let error = SyntaxError::new(
        right.at.clone(),
        format!(
            "`??` binds tighter than `{}`: this compares with `{operand}`",
            operator.symbol()
        ),
    );
    Some(error.hint(format!(
        "write `({comparison}){rest}` for a default of the comparison; `({operand})` if this is meant"
    )))
}
