//! What other dialects of JSONPath have and RFC 9535 has not, with what to write instead.

use super::check::Due;
use super::functions;
use crate::event::nearest;

/// Signs that would otherwise be read as a shorter one.
const SIGNS: [&str; 6] = ["===", "!==", "=~", "!~", "<>", "&&&"];

/// Words and signs that stand where none may, with what to write instead.
const WORDS: &[(&[&str], &str)] = &[
    (&["in", "anyof"], "write it out: `@.b == 1 || @.b == 2`"),
    (&["nin", "noneof"], "write it out: `@.b != 1 && @.b != 2`"),
    (
        &["subsetof"],
        "compare outside of the path, with `all` and `in`",
    ),
    (&["eq", "is", "=", "===", "equals"], "write `==`"),
    (&["ne", "!==", "<>"], "write `!=`"),
    (&["lt"], "write `<`"),
    (&["le", "lte"], "write `<=`"),
    (&["gt"], "write `>`"),
    (&["ge", "gte"], "write `>=`"),
    (&["and", "&"], "write `&&`"),
    (&["or", "|"], "write `||`"),
    (&["not"], "write `!(…)`, or `!=`"),
    (
        &["=~", "!~", "like", "matches", "regex", "like_regex"],
        "write `match(@.b, 'a.*')` for the whole text, `search(@.b, 'a')` for a part of it",
    ),
    (
        &["contains", "startswith", "starts", "ends"],
        "write `search(@.b, 'part')` for a text, `@.b[?@ == 1]` for a list",
    ),
    (&["size", "length"], "write `length(@.b) == 2`"),
    (&["empty"], "write `length(@.b) == 0`"),
    (
        &["exists"],
        "a query alone asks whether it finds anything: `[?@.b]`",
    ),
    (&["True", "TRUE"], "write `true`"),
    (&["False", "FALSE"], "write `false`"),
    (
        &["None", "nil", "undefined", "NULL", "Null"],
        "write `null`; what is missing is `!@.b`",
    ),
    (
        &["+", "-", "/", "%"],
        "a JSONPath does not calculate: do that in the expression around it",
    ),
    (
        &["^"],
        "no path leads up: filter the parent, `$.list[?@.b == 1]`",
    ),
    (&["~"], "a JSONPath finds no names: `keys(value)` does"),
    (
        &["{"],
        "a literal is a text, a number, `true`, `false` or `null`",
    ),
];

/// Functions of other dialects.
const FUNCTIONS: &[(&[&str], &str)] = &[
    (&["size", "len", "strlen"], "write `length(@.b)`"),
    (
        &["matches", "regex", "test", "like"],
        "write `match(@.b, 'a.*')` for the whole text, `search(@.b, 'a')` for a part of it",
    ),
    (
        &[
            "starts_with",
            "startswith",
            "startsWith",
            "ends_with",
            "endsWith",
            "contains",
        ],
        "write `search(@.b, 'part')` for a text, `@.b[?@ == 1]` for a list",
    ),
    (
        &[
            "min", "max", "avg", "sum", "stddev", "concat", "first", "last", "keys", "append",
            "index", "floor", "ceil", "abs", "distinct", "sort",
        ],
        "do that in the expression around it: `max(jsonpath(res.body, '$.b[*]'))`",
    ),
    (
        &["exists", "empty"],
        "a query alone asks whether it finds anything: `[?@.b]`",
    ),
    (
        &[
            "any_of",
            "none_of",
            "subset_of",
            "anyOf",
            "noneOf",
            "subsetOf",
        ],
        "write it out: `@.b == 1 || @.b == 2`",
    ),
];

fn entry(table: &[(&[&str], &'static str)], name: &str) -> Option<&'static str> {
    table
        .iter()
        .find(|(names, _)| names.contains(&name))
        .map(|(_, hint)| *hint)
}

/// The foreign sign that a text begins with, if it is one that looks like ours.
pub(super) fn sign(text: &str) -> Option<&'static str> {
    SIGNS.into_iter().find(|sign| text.starts_with(sign))
}

/// What to write instead of a function that there is not.
pub(super) fn function(name: &str) -> String {
    if let Some(hint) = entry(FUNCTIONS, name).or_else(|| entry(WORDS, name)) {
        return hint.to_owned();
    }
    if let Some(near) = nearest(name, functions::names()) {
        return format!("there is `{near}`");
    }
    let names: Vec<String> = functions::names().map(|name| format!("`{name}`")).collect();
    format!("there are {}", names.join(", "))
}

/// What to write instead of a piece that may not stand where `due` is.
pub(super) fn hint(piece: &str, due: Due, in_filter: bool) -> Option<String> {
    let is_word = !super::token::word(piece).is_empty();
    let number = piece.starts_with(|c: char| c.is_ascii_digit());
    let quoted = piece.starts_with(['"', '\'']);
    let own = match due {
        Due::Root => return Some("a JSONPath begins with `$`: `$.a.b`, `$[0]`".to_owned()),
        Due::Member | Due::Descendant if quoted => "behind a dot a name has no quotes: `['a b']`",
        Due::Member | Due::Descendant if number => {
            "an index stands in brackets, `[0]`, and so does a name that begins with a digit: `['0a']`"
        }
        Due::Selector if is_word => {
            return Some(format!("a name in brackets has quotes: `['{piece}']`"));
        }
        Due::Selector if piece == "(" => "the last of a list is `[-1]`, a filter is `[?@.b == 1]`",
        Due::Selector if piece == "]" => "all of a list or map is `[*]`",
        Due::Selector if piece == "@" => "a filter begins with `?`: `[?@.b == 1]`",
        Due::Operand | Due::Value | Due::Argument | Due::Negated if piece == "[" => {
            "JSONPath has no lists: write it out, `@.b == 1 || @.b == 2`"
        }
        Due::Argument if matches!(piece, "!" | "(") => {
            "a function takes a value or a query, no condition"
        }
        Due::Segment if piece == "(" => {
            "functions stand in filters only: `[?length(@.b) == 2]`; outside, `len(jsonpath(…))`"
        }
        Due::Segment if piece == "-" => "a name with `-` stands in brackets: `['a-b']`",
        Due::Segment
            if !in_filter
                && matches!(piece, "==" | "!=" | "<" | ">" | "<=" | ">=" | "&&" | "||") =>
        {
            "a condition stands in a filter: `$[?@.b == 1]`"
        }
        Due::Bound | Due::NextSelector if piece == ":" => "a slice is `[start:end:step]`",
        _ => match entry(WORDS, piece) {
            Some(hint) => hint,
            None if is_word && due.is_operand() => {
                return Some(format!(
                    "a member of the item is `@.{piece}`, a text has quotes: `'{piece}'`"
                ));
            }
            None if is_word && due == Due::Segment => {
                "a member is `.b`; a name with a blank stands in brackets: `['a b']`"
            }
            None => return None,
        },
    };
    Some(own.to_owned())
}
