use super::{Cache, Call, Function, Missing, Run, text_arg};
use crate::script::ops::{self, Fault, Type};
use crate::script::typed::Bytes;
use regex::Regex;
use rhai::Dynamic;
use std::sync::Arc;

/// Largest compiled pattern, in bytes.
const MAX_PATTERN: usize = 1 << 20;

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "matches",
        params: "text, pattern",
        arity: 2..=2,
        doc: "Whether a regular expression matches anywhere in the text.",
        example: "matches('A-17', '^A-[0-9]+$')",
        missing: Missing::Any,
        run: Run::Gives(matches),
    },
    Function {
        name: "contains",
        params: "text | list | map | range, what",
        arity: 2..=2,
        doc: "Whether a text holds a text, a list an item, a map a key or a range a number.",
        example: "contains('parcel', 'arc') && contains([1, 2], 2) && contains(#{a: 1}, 'a')",
        missing: Missing::Any,
        run: Run::Gives(|_, args| ops::contains(&args[0], &args[1]).map(Dynamic::from)),
    },
    Function {
        name: "starts_with",
        params: "text, beginning",
        arity: 2..=2,
        doc: "Whether the text begins with another.",
        example: "starts_with('order-7', 'order-')",
        missing: Missing::Any,
        run: Run::Gives(|_, args| affix(args, "starts_with", |text, part| text.starts_with(part))),
    },
    Function {
        name: "ends_with",
        params: "text, end",
        arity: 2..=2,
        doc: "Whether the text ends with another.",
        example: "ends_with('label.pdf', '.pdf')",
        missing: Missing::Any,
        run: Run::Gives(|_, args| affix(args, "ends_with", |text, part| text.ends_with(part))),
    },
    Function {
        name: "len",
        params: "text | list | map | bytes",
        arity: 1..=1,
        doc: "How many characters, items, members or bytes there are.",
        example: "len('abc') == 3 && len([1, 2]) == 2",
        missing: Missing::First,
        run: Run::Gives(len),
    },
    Function {
        name: "trim",
        params: "text",
        arity: 1..=1,
        doc: "The text without white space at both ends.",
        example: "trim('  a b ') == 'a b'",
        missing: Missing::First,
        run: Run::Gives(|_, args| text_arg(args, 0, "trim").map(|text| text.trim().into())),
    },
];

static PATTERNS: Cache<Regex> = Cache::new();

pub(super) fn pattern(source: &Dynamic) -> Result<Arc<Regex>, Fault> {
    let source = text_arg(std::slice::from_ref(source), 0, "matches")?;
    PATTERNS.get(&source, || {
        regex::RegexBuilder::new(&source)
            .size_limit(MAX_PATTERN)
            .build()
            .map_err(|error| {
                Fault::new(format!(
                    "`{source}` is no regular expression: {}",
                    reason(&error)
                ))
            })
    })
}

fn matches(_: &Call<'_>, args: &[Dynamic]) -> Result<Dynamic, Fault> {
    let pattern = pattern(&args[1])?;
    Ok(pattern.is_match(&text_arg(args, 0, "matches")?).into())
}

/// The last line of the long message, which tells what is wrong.
fn reason(error: &regex::Error) -> String {
    let message = error.to_string();
    let last = message.lines().last().unwrap_or_default().trim();
    last.trim_start_matches("error: ").to_owned()
}

fn affix(args: &[Dynamic], who: &str, holds: fn(&str, &str) -> bool) -> Result<Dynamic, Fault> {
    let part = text_arg(args, 1, who)?;
    Ok(holds(&text_arg(args, 0, who)?, &part).into())
}

fn len(_: &Call<'_>, args: &[Dynamic]) -> Result<Dynamic, Fault> {
    let value = &args[0];
    if let Some(text) = ops::as_text(value) {
        return Ok(ops::count(text.chars().count()));
    }
    if let Some(lazy) = crate::script::lazy::lazy(value) {
        return Ok(ops::count(lazy.len()));
    }
    if let Some(bytes) = Bytes::of(value) {
        return Ok(ops::count(bytes.0.len()));
    }
    match Type::of(value) {
        Type::List => Ok(ops::count(ops::items(value)?.len())),
        Type::Map => Ok(ops::count(ops::members(value)?.len())),
        _ => Err(Fault::new(format!(
            "`len` needs a text, list, map or bytes, this is {}",
            ops::shown(value)
        ))
        .hint("give a value for a missing one: `len(x ?? [])`")),
    }
}
