//! Which parts of an expression tell why it had its value, and in what words.

use super::style::{Style, Symbols};
use super::value::compact;
use crate::event::{Difference, Explanation, Json, Operand, Span};

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
    /// What to say of the types of its sides, where they differ.
    pub(crate) kinds: Option<String>,
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
        let negation = children.len() == 1 && operand.source.trim_start().starts_with('!');
        let logical = operand.sides.is_none()
            && (negation || joins(&operand.source))
            && children
                .iter()
                .all(|child| matches!(self.operands[*child].value, None | Some(Json::Bool(_))))
            && !children.is_empty();
        if logical {
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
            kinds: operand
                .sides
                .as_ref()
                .filter(|_| closely)
                .and_then(|(left, right)| kinds(left, right)),
            inside: if closely { self.inside(at) } else { Vec::new() },
        });
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
                || !self.children(next).is_empty() && !is_path(&inner.source)
                || !is_path(&inner.source)
                || names.iter().any(|(name, _)| *name == inner.source);
            if !known && names.len() < MAX_INSIDE {
                names.push((inner.source.clone(), value.clone()));
            }
        }
        // `res` and `res.body` say nothing beside `res.body.status`.
        let all: Vec<String> = self
            .below(at)
            .map(|next| self.operands[next].source.clone())
            .collect();
        names.retain(|(name, _)| {
            !all.iter().any(|other| {
                other.len() > name.len()
                    && other.starts_with(name.as_str())
                    && other[name.len()..].starts_with(['.', '['])
                    && is_path(other)
            })
        });
        names
    }
}

/// A variable, or members of one: `res.body.items[0].price`.
fn is_path(source: &str) -> bool {
    source.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && !matches!(source, "true" | "false" | "null")
        && source.chars().all(|c| {
            c.is_alphanumeric() || matches!(c, '_' | '.' | '[' | ']' | '\'' | '"' | '-' | '?')
        })
}

fn label(operand: &Operand, decisive: bool, missing: bool, symbols: &Symbols) -> String {
    let Some(value) = &operand.value else {
        return "not evaluated".to_owned();
    };
    let Some((left, right)) = operand.sides.as_ref().filter(|_| decisive) else {
        return compact(value, VALUE_BYTES, symbols.ellipsis);
    };
    let (left_text, operator, right_text) = split(&operand.source);
    let show = |value: &Json, text: &str| match value {
        Json::Null if missing && !is_null(text) => "missing".to_owned(),
        value => compact(value, VALUE_BYTES, symbols.ellipsis),
    };
    let (a, b) = (show(left, left_text), show(right, right_text));
    let held = *value == Json::Bool(true);
    if left.is_null() && right.is_null() && (is_null(left_text) || is_null(right_text)) {
        return format!("{a} = {b}");
    }
    // A comparison with what is missing is false, `!=` too; only one with `null` sees it.
    if !held && operator != "==" && left.is_null() && !is_null(right_text) {
        return format!("{a}, so not {operator} {b}");
    }
    if !held && operator != "==" && right.is_null() && !is_null(right_text) {
        return format!("{a}; the other side is {b}");
    }
    if let Some(Difference { sizes, .. }) = compared(operand) {
        let (a, b) = (size(left, sizes.0), size(right, sizes.1));
        return format!("{a} and {b}, compared below");
    }
    let between = match (operator, held) {
        ("==", false) | ("!=", true) => symbols.unequal,
        ("==", true) | ("!=", false) => "=",
        ("<", false) | (">=", true) => symbols.at_least,
        ("<=", false) | (">", true) => ">",
        (">", false) | ("<=", true) => symbols.at_most,
        (">=", false) | ("<", true) => "<",
        ("in", true) => "in",
        ("in", false) => "not in",
        _ => "and",
    };
    format!("{a} {between} {b}")
}

/// Whether this is `null` itself, in either spelling.
fn is_null(source: &str) -> bool {
    matches!(source, "null" | "()")
}

/// The two sides of a comparison as they are written, and the operator between them.
fn split(source: &str) -> (&str, &'static str, &str) {
    let Some((at, operator)) = operator(source) else {
        return (source, "", "");
    };
    let (left, right) = source.split_at(at);
    (left.trim(), operator, right[operator.len()..].trim())
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

/// How two structures or texts differ that were found unequal.
fn compared(operand: &Operand) -> Option<Difference> {
    if let Some(difference) = &operand.difference {
        return Some((**difference).clone());
    }
    let operator = split(&operand.source).1;
    let held = operand.value == Some(Json::Bool(true));
    let unequal = operator == "==" && !held || operator == "!=" && held;
    let (left, right) = operand.sides.as_ref().filter(|_| unequal)?;
    Operand::is_long(left, right).then(|| Difference::of(left, right))
}

/// An expression without the brackets around all of it.
fn inner(source: &str) -> &str {
    let source = source.trim();
    let Some(inside) = source
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'))
    else {
        return source;
    };
    // `(a) || (b)` begins and ends with brackets too, but not with one pair.
    let mut depth = 0i32;
    let one_pair = inside.chars().all(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth >= 0
    });
    if one_pair { inner(inside) } else { source }
}

/// Whether the outermost operator is `&&`, `||` or one of their words.
fn joins(source: &str) -> bool {
    outermost(inner(source), |rest, at_word| {
        ["&&", "||"]
            .into_iter()
            .find(|sign| rest.starts_with(sign))
            .or_else(|| {
                ["and", "or"]
                    .into_iter()
                    .find(|word| at_word && is_word(rest, word))
            })
    })
    .is_some()
}

/// The outermost comparison of an expression: where it stands, and what it is.
fn operator(source: &str) -> Option<(usize, &'static str)> {
    outermost(source, |rest, at_word| {
        let sign = ["==", "!=", "<=", ">=", "<", ">"]
            .into_iter()
            .find(|sign| rest.starts_with(sign));
        let sign = sign.or_else(|| (at_word && is_word(rest, "in")).then_some("in"))?;
        Some((source.len() - rest.len(), sign))
    })
}

fn is_word(rest: &str, word: &str) -> bool {
    rest.starts_with(word)
        && !rest[word.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// Looks at each place outside quotes and brackets, from the left.
fn outermost<T>(source: &str, mut look: impl FnMut(&str, bool) -> Option<T>) -> Option<T> {
    let mut depth = 0usize;
    let mut quote = None;
    let mut escaped = false;
    let mut previous = ' ';
    for (at, c) in source.char_indices() {
        let in_quotes = quote.is_some();
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if c == open => quote = None,
            (None, '\'' | '"' | '`') => quote = Some(c),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        let at_word = !(previous.is_alphanumeric() || matches!(previous, '_' | '.'));
        if depth == 0
            && !in_quotes
            && let Some(found) = look(&source[at..], at_word)
        {
            return Some(found);
        }
        previous = c;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_outermost_operator() {
        let sign = |source| split(source).1;
        assert_eq!(split("a == 'x < y'"), ("a", "==", "'x < y'"));
        assert_eq!(sign("f(a > b) != 3"), "!=");
        assert_eq!(split("inner in ['a']"), ("inner", "in", "['a']"));
        assert_eq!(sign("a.in('x')"), "");
        assert_eq!(sign("a >= b"), ">=");
        assert!(joins("a == 1 and b"));
        assert!(joins("(a) || (b)"));
        assert!(joins("((a || b))"));
        assert!(!joins("f(a || b)"));
        assert!(!joins("band.orchestra == 'x or y'"));
    }
}
