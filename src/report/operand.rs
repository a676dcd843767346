//! Which parts of an expression tell why it had its value, and in what words.

use super::style::{Style, Symbols};
use super::value::compact;
use crate::event::{Difference, Explanation, Json, Operand, OperandKind, Span};

/// A part of an expression with what a report says under it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Told {
    /// Where it stands.
    pub(crate) span: Span,
    /// Its text.
    pub(crate) source: String,
    /// Whether it is why the whole did not come out as wanted.
    pub(crate) decisive: bool,
    /// What to say.
    pub(crate) label: String,
    /// For a comparison of two structures or two longer texts: how they differ, for a note.
    pub(crate) difference: Option<Difference>,
    /// Which side of the difference is which: what was tested is what reads `res`.
    pub(crate) legend: Option<(&'static str, &'static str)>,
    /// Why its sides look alike and are not equal: the word of a note, and the note.
    pub(crate) aside: Option<(&'static str, String)>,
    /// Names inside it and their values, where the label does not show them.
    pub(crate) inside: Vec<(String, Json)>,
}

/// How many names inside one operand are told.
const MAX_INSIDE: usize = 6;
/// The bytes of one value in a label.
const VALUE_BYTES: usize = 240;

/// The parts of an expression that are worth telling, in the order of the text: the operands of its
/// outermost `&&`, `||` and `!`.
pub(crate) fn told(explanation: &Explanation, style: Style) -> Vec<Told> {
    told_as(explanation, style, false)
}

/// The same for somebody who wants to know it all: of each part the sides and what lies inside it, also of
/// those that are as they should be.
pub(crate) fn told_in_full(explanation: &Explanation, style: Style) -> Vec<Told> {
    let mut told = told_as(explanation, style, true);
    // Nothing is to blame where it holds.
    if explanation.value != Some(Json::Bool(false)) {
        for one in &mut told {
            one.decisive = false;
        }
    }
    told
}

fn told_as(explanation: &Explanation, style: Style, full: bool) -> Vec<Told> {
    let mut operands: Vec<&Operand> = explanation.operands.iter().collect();
    operands.sort_by_key(|operand| (operand.span.start, operand.depth));
    let tree = Tree { operands, full };
    let mut found = Vec::new();
    // What would have been good news: the opposite of what came.
    let wanted = explanation.value != Some(Json::Bool(true));
    for root in tree.roots() {
        tree.collect(root, wanted, style, explanation, &mut found);
    }
    found
}

struct Tree<'e> {
    operands: Vec<&'e Operand>,
    /// Whether all is told of each, not only of those that decide.
    full: bool,
}

impl Tree<'_> {
    fn roots(&self) -> Vec<usize> {
        let top = self.operands.iter().map(|operand| operand.depth).min();
        (0..self.operands.len())
            .filter(|at| Some(self.operands[*at].depth) == top)
            .collect()
    }

    /// All that lies inside this operand.
    fn below(&self, at: usize) -> impl Iterator<Item = usize> {
        let depth = self.operands[at].depth;
        (at + 1..self.operands.len()).take_while(move |next| self.operands[*next].depth > depth)
    }

    fn children(&self, at: usize) -> Vec<usize> {
        let depth = self.below(at).map(|next| self.operands[next].depth).min();
        self.below(at)
            .filter(|next| Some(self.operands[*next].depth) == depth)
            .collect()
    }

    fn collect(
        &self,
        at: usize,
        wanted: bool,
        style: Style,
        whole: &Explanation,
        found: &mut Vec<Told>,
    ) {
        let operand = self.operands[at];
        let children = self.children(at);
        let negation = operand.kind == OperandKind::Not;
        let logical = negation || matches!(operand.kind, OperandKind::And | OperandKind::Or);
        let judged = |child: &usize| {
            let value = &self.operands[*child].value;
            matches!(value, None | Some(Json::Bool(_) | Json::Null))
        };
        if logical && !children.is_empty() && children.iter().all(judged) {
            for child in children {
                self.collect(child, wanted != negation, style, whole, found);
            }
            return;
        }
        let decisive = match operand.value {
            Some(Json::Bool(value)) => value != wanted,
            Some(_) => true,
            None => whole.value.is_none(),
        };
        let closely = decisive || self.full;
        found.push(Told {
            span: operand.span,
            source: operand.source.clone(),
            decisive,
            label: label(operand, closely, !whole.missing.is_empty(), style.symbols()),
            difference: compared(operand).filter(|_| closely),
            legend: self.legend(at),
            aside: operand
                .sides
                .as_ref()
                .filter(|_| closely)
                .and_then(|(left, right)| {
                    let kinds = kinds(left, right).map(|note| ("types", note));
                    kinds.or_else(|| Some(("numbers", rounding(left, right)?)))
                }),
            inside: if closely { self.inside(at) } else { Vec::new() },
        });
    }

    fn legend(&self, at: usize) -> Option<(&'static str, &'static str)> {
        let operand = self.operands[at];
        let reads_result = |side: usize| {
            let is_result = |at: usize| {
                let operand = self.operands[at];
                let rest = operand.source.trim().strip_prefix("res");
                operand.kind == OperandKind::Path
                    && rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
            };
            is_result(side) || self.below(side).any(is_result)
        };
        operand.sides.as_ref()?;
        // A literal is no operand of its own: what stands first is the left side.
        let is_left = |side: &usize| self.operands[*side].span.start == operand.span.start;
        let (left, right): (Vec<usize>, Vec<usize>) =
            self.children(at).into_iter().partition(is_left);
        let reads = |sides: Vec<usize>| sides.into_iter().any(reads_result);
        Some(match (reads(left), reads(right)) {
            (true, false) => ("actual", "expected"),
            (false, true) => ("expected", "actual"),
            _ => ("left side", "right side"),
        })
    }

    /// The names inside an operand that its label does not show.
    fn inside(&self, at: usize) -> Vec<(String, Json)> {
        let operand = self.operands[at];
        // The label of a comparison shows its two sides.
        let shown = if operand.sides.is_some() {
            self.children(at)
        } else {
            Vec::new()
        };
        let mut names: Vec<(String, Json)> = Vec::new();
        for next in self.below(at) {
            let inner = self.operands[next];
            let Some(value) = &inner.value else { continue };
            let known = shown.contains(&next)
                || inner.kind != OperandKind::Path
                || names.iter().any(|(name, _)| *name == inner.source);
            if !known && names.len() < MAX_INSIDE {
                names.push((inner.source.clone(), value.clone()));
            }
        }
        // `res` and `res.body` say nothing beside `res.body.status`.
        let begins = |name: &str, longer: &str| {
            longer
                .strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(['.', '[', '?']))
        };
        let paths = self
            .below(at)
            .map(|next| self.operands[next])
            .filter(|inner| inner.kind == OperandKind::Path);
        let all: Vec<&str> = paths.map(|inner| inner.source.as_str()).collect();
        names.retain(|(name, _)| !all.iter().any(|other| begins(name, other)));
        names
    }
}

fn label(operand: &Operand, decisive: bool, missing: bool, symbols: &Symbols) -> String {
    use OperandKind as K;
    let Some(value) = &operand.value else {
        return "not evaluated".to_owned();
    };
    let Some((left, right)) = operand.sides.as_ref().filter(|_| decisive) else {
        return match (value, operand.kind) {
            (Json::Null, K::Path | K::Null | K::Literal) if !missing => {
                compact(value, VALUE_BYTES, symbols.ellipsis)
            }
            (Json::Null, K::Path) => "missing".to_owned(),
            (Json::Null, _) if missing => "unknown".to_owned(),
            _ => compact(value, VALUE_BYTES, symbols.ellipsis),
        };
    };
    let show = |value: &Json| match value {
        Json::Null if missing && !matches!(operand.kind, K::IsNull | K::IsNotNull) => {
            "missing".to_owned()
        }
        value => compact(value, VALUE_BYTES, symbols.ellipsis),
    };
    let (a, b) = (show(left), show(right));
    if matches!(operand.kind, K::IsNull | K::IsNotNull) && left.is_null() && right.is_null() {
        return format!("{} = null", if missing { "missing" } else { "null" });
    }
    // What was recorded before there was an unknown says false.
    let is_ordered = matches!(
        operand.kind,
        K::Less | K::LessOrEqual | K::Greater | K::GreaterOrEqual
    );
    if value.is_null() || is_ordered && (left.is_null() || right.is_null()) {
        let operator = operand.kind.symbol().unwrap_or("and");
        return format!("unknown: {a} {operator} {b}");
    }
    if let Some(Difference { sizes, .. }) = compared(operand) {
        let (a, b) = (size(left, sizes.0), size(right, sizes.1));
        return format!("{a} and {b}, compared below");
    }
    let held = *value == Json::Bool(true);
    let between = match (operand.kind, held) {
        (K::Equal | K::IsNull, false) | (K::NotEqual | K::IsNotNull, true) => symbols.unequal,
        (K::Equal | K::IsNull, true) | (K::NotEqual | K::IsNotNull, false) => "=",
        (K::Less, false) | (K::GreaterOrEqual, true) => symbols.at_least,
        (K::LessOrEqual, false) | (K::Greater, true) => ">",
        (K::Greater, false) | (K::LessOrEqual, true) => symbols.at_most,
        (K::GreaterOrEqual, false) | (K::Less, true) => "<",
        (K::In, true) | (K::NotIn, false) => "is in",
        (K::In, false) | (K::NotIn, true) => "is not in",
        (K::Computed | K::And | K::Or | K::Not | K::Path | K::Null | K::Literal, _) => "and",
    };
    format!("{a} {between} {b}")
}

fn size(value: &Json, size: u64) -> String {
    match value {
        Json::Object(_) => super::value::count(size, "member"),
        Json::Array(_) => super::value::count(size, "item"),
        _ => super::value::count(size, "character"),
    }
}

/// Why two values that look alike are not equal: `"3"` and `3`.
fn kinds(left: &Json, right: &Json) -> Option<String> {
    let kind = |value: &Json| match value {
        Json::Null => None,
        Json::Bool(_) => Some("a bool"),
        Json::Number(_) => Some("a number"),
        Json::String(_) => Some("a text"),
        Json::Array(_) => Some("a list"),
        Json::Object(_) => Some("a map"),
    };
    let (a, b) = (kind(left)?, kind(right)?);
    (a != b && !matches!(b, "a list" | "a map"))
        .then(|| format!("the left side is {a}, the right side {b}"))
}

/// Two numbers that differ by what arithmetic on floats loses: they are compared exactly.
fn rounding(left: &Json, right: &Json) -> Option<String> {
    /// Of the larger one: some hundred roundings.
    const NEAR: f64 = 1e-13;
    let (a, b) = (left.as_f64()?, right.as_f64()?);
    let distance = (a - b).abs();
    let is_near = distance > 0.0 && distance <= NEAR * a.abs().max(b.abs());
    is_near.then(|| format!("they differ by {distance:e}: `approx(a, b)` allows for rounding"))
}

/// How two structures or texts differ that were found unequal.
fn compared(operand: &Operand) -> Option<Difference> {
    if let Some(difference) = &operand.difference {
        return Some((**difference).clone());
    }
    let unequal = match operand.kind {
        OperandKind::Equal => operand.value == Some(Json::Bool(false)),
        OperandKind::NotEqual => operand.value == Some(Json::Bool(true)),
        _ => false,
    };
    let (left, right) = operand.sides.as_ref().filter(|_| unequal)?;
    Operand::is_long(left, right).then(|| Difference::of(left, right))
}
