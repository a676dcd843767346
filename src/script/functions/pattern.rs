//! Regular expressions.

use super::{Cache, Call, Function, Literal, Missing, Run, text_arg};
use crate::event::nearest;
use crate::script::limits::MAX_TEXT;
use crate::script::ops::{self, Fault, shown};
use regex::{Captures, Regex};
use rhai::{Dynamic, Map};
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
        literal: Some((1, Literal::Pattern)),
        run: Run::Gives(|_, args| {
            let pattern = pattern(&args[1], "matches")?;
            Ok(pattern.is_match(&text_arg(args, 0, "matches")?).into())
        }),
    },
    Function {
        name: "capture",
        params: "text, pattern, group = all",
        arity: 2..=3,
        doc: "The groups of a pattern's first match, by number (`'0'`: all of it) and name; `null` if nothing matches.",
        example: "capture('order 17', 'order (?<id>[0-9]+)').id == '17' && capture('a1', '[0-9]', 0) == '1'",
        missing: Missing::First,
        literal: Some((1, Literal::Pattern)),
        run: Run::Gives(capture),
    },
    Function {
        name: "replace_all",
        params: "text, pattern, by",
        arity: 3..=3,
        doc: "The text with every match of a pattern replaced; `$1` and `${name}` stand for groups.",
        example: "replace_all('2026-11-24', '([0-9]+)-([0-9]+)-([0-9]+)', '$3.$2.$1') == '24.11.2026'",
        missing: Missing::First,
        literal: Some((1, Literal::Pattern)),
        run: Run::Gives(replace_all),
    },
];

static PATTERNS: Cache<Regex> = Cache::new();

pub(super) fn pattern(source: &Dynamic, who: &str) -> Result<Arc<Regex>, Fault> {
    let source = text_arg(std::slice::from_ref(source), 0, who)?;
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

/// The last line of the long message, which tells what is wrong.
fn reason(error: &regex::Error) -> String {
    let message = error.to_string();
    let last = message.lines().last().unwrap_or_default().trim();
    last.trim_start_matches("error: ").to_owned()
}

fn capture(_: &Call<'_>, args: &[Dynamic]) -> Result<Dynamic, Fault> {
    let (text, pattern) = (text_arg(args, 0, "capture")?, pattern(&args[1], "capture")?);
    if let Some(group) = args.get(2) {
        let index = group_index(&pattern, group)?;
        return Ok(pattern
            .captures(&text)
            .map_or(Dynamic::UNIT, |found| group_of(&found, index)));
    }
    let Some(found) = pattern.captures(&text) else {
        return Ok(Dynamic::UNIT);
    };
    let mut map = Map::new();
    for (index, name) in pattern.capture_names().enumerate() {
        let value = group_of(&found, index);
        if let Some(name) = name {
            map.insert(name.into(), value.clone());
        }
        map.insert(index.to_string().into(), value);
    }
    Ok(Dynamic::from_map(map))
}

/// What a group has matched; one that took no part is missing.
fn group_of(found: &Captures<'_>, index: usize) -> Dynamic {
    found
        .get(index)
        .map_or(Dynamic::UNIT, |group| group.as_str().into())
}

fn group_index(pattern: &Regex, group: &Dynamic) -> Result<usize, Fault> {
    if let Ok(number) = group.as_int() {
        let known = usize::try_from(number)
            .ok()
            .filter(|index| *index < pattern.captures_len());
        return known.ok_or_else(|| no_group(pattern, &number.to_string()));
    }
    let name = ops::as_text(group).ok_or_else(|| {
        Fault::new(format!(
            "a group is a number or a name, this is {}",
            shown(group)
        ))
    })?;
    find_group(pattern, &name).ok_or_else(|| no_group(pattern, &name))
}

/// The index of a group by its name, or by its number as a text.
fn find_group(pattern: &Regex, name: &str) -> Option<usize> {
    let by_name = pattern
        .capture_names()
        .position(|known| known == Some(name));
    by_name.or_else(|| {
        name.parse()
            .ok()
            .filter(|index| *index < pattern.captures_len())
    })
}

fn no_group(pattern: &Regex, name: &str) -> Fault {
    let fault = Fault::new(format!("`{pattern}` has no group `{name}`"));
    match nearest(name, pattern.capture_names().flatten()) {
        Some(near) => fault.hint(format!("did you mean `{near}`?")),
        None => fault,
    }
}

fn replace_all(_: &Call<'_>, args: &[Dynamic]) -> Result<Dynamic, Fault> {
    let (text, by) = (
        text_arg(args, 0, "replace_all")?,
        text_arg(args, 2, "replace_all")?,
    );
    let pattern = pattern(&args[1], "replace_all")?;
    if let Some(name) = groups_in(&by).find(|name| find_group(&pattern, name).is_none()) {
        return Err(no_group(&pattern, name)
            .hint("a group is written `$1`, or `${1}` before a letter or digit; `$$` is a `$`"));
    }
    let mut out = String::new();
    let mut end = 0;
    for found in pattern.captures_iter(&text) {
        let whole = found.get_match();
        out.push_str(&text[end..whole.start()]);
        found.expand(&by, &mut out);
        end = whole.end();
        if out.len() > MAX_TEXT {
            break;
        }
    }
    super::bounded(out.len() + text.len() - end)?;
    out.push_str(&text[end..]);
    Ok(out.into())
}

/// The groups that a replacement names.
fn groups_in(by: &str) -> impl Iterator<Item = &str> {
    let mut rest = by;
    std::iter::from_fn(move || {
        loop {
            let from = rest.find('$')? + 1;
            rest = &rest[from..];
            if let Some(after) = rest.strip_prefix('$') {
                rest = after;
            } else if let Some(braced) = rest.strip_prefix('{') {
                let end = braced.find('}')?;
                rest = &braced[end..];
                return Some(&braced[..end]);
            } else {
                let end = rest.find(|c: char| c != '_' && !c.is_ascii_alphanumeric());
                let (name, after) = rest.split_at(end.unwrap_or(rest.len()));
                rest = after;
                if !name.is_empty() {
                    return Some(name);
                }
            }
        }
    })
}
