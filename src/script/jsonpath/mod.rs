//! JSONPath, RFC 9535 and nothing else, compiled once.
//!
//! The crate `jsonpath-rust` parses, and its parsed query is what is evaluated. Two things are done here
//! instead, each for all of a kind:
//!
//! - **What is allowed** (`token`, `check`, `typing`). The crate's grammar takes blanks within names and behind dots (so
//!   `@.b in [1,2]` is the member `b in ` of something), knows functions of its own, no types, and no literal
//!   beyond ±2⁵³; its errors name the rules of its grammar. None of that can be mended on what it has parsed,
//!   where `.b in` and `['b in']` are the same. So the source is read once by the ABNF with the types of
//!   functions beside it, and what is not allowed is refused with its place and with what to write instead. To
//!   the crate goes a text without blanks, with the numbers of literals in place of the literals: their exact
//!   values stay here. What was read cannot be refused by the crate.
//! - **What is found** (`evaluate`, `functions`). The crate's evaluation compares with a tolerance, orders
//!   descendants by selector, does not know a filter on `@` itself, and has no bounds.
//!
//! Blanks within the brackets of a query that is compared, `@[ 'a' ] == 1`, are taken, although the ABNF has
//! them in all other brackets only.

mod check;
mod evaluate;
mod foreign;
mod functions;
mod regexp;
mod token;
mod typing;

#[cfg(test)]
mod tests;

use super::lazy;
use super::ops::Fault;
use crate::event::Json;
use crate::syntax::SyntaxError;
use evaluate::Evaluation;
use functions::Pattern;
use jsonpath_rust::parser::model::{JpQuery, Segment, Selector};
use jsonpath_rust::parser::parse_json_path;
use rhai::Dynamic;
use std::collections::HashMap;
use std::sync::Arc;

/// The values that one evaluation may visit, each time that it visits them. A body of some MB has that many;
/// it takes a fraction of a second.
const MAX_VISITED: usize = 5_000_000;
/// The size of all that one evaluation may find, in bytes: what is found several times is copied as often.
const MAX_FOUND: usize = 256 << 20;

/// A compiled path.
#[derive(Clone, Debug)]
pub(super) struct JsonPath {
    query: JpQuery,
    literals: Vec<Json>,
    patterns: HashMap<String, Pattern>,
}

impl JsonPath {
    /// Compiles a path.
    ///
    /// # Errors
    /// What is not RFC 9535, with its place in bytes of the source.
    pub(super) fn parse(source: &str) -> Result<Self, SyntaxError> {
        let checked = check::check(source)?;
        let query = parse_json_path(&checked.text).map_err(|error| {
            let error = error.to_string();
            let reason = error.lines().last().unwrap_or_default();
            let message = format!("the parser of JSONPath does not take it: {}", reason.trim());
            SyntaxError::new(0..source.len(), message)
        })?;
        Ok(Self {
            query,
            literals: checked.literals,
            patterns: checked.patterns,
        })
    }

    /// The value at a singular path (names and indices only), `null` if there is none; the list of all that
    /// any other path finds.
    ///
    /// # Errors
    /// A value that is no JSON, and a bound that was exceeded.
    pub(super) fn find(&self, value: &Dynamic) -> Result<Dynamic, Fault> {
        let value = if lazy::lazy(value).is_some() {
            value.clone()
        } else {
            lazy::value(Arc::new(lazy::to_json(value)?))
        };
        if let Some(found) = self.singular(&value) {
            return Ok(found);
        }
        let scalar;
        let lazy = lazy::lazy(&value);
        let root = if let Some(lazy) = &lazy {
            lazy.json()
        } else {
            scalar = lazy::to_json(&value)?;
            &scalar
        };
        let found = Evaluation::new(root, &self.literals, &self.patterns)
            .query(&self.query.segments, root)?;
        let mut bytes = MAX_FOUND;
        if !found.iter().all(|json| fits(json, &mut bytes)) {
            return Err(Fault::limit(format!(
                "the JSONPath finds more than {} MiB",
                MAX_FOUND >> 20
            ))
            .hint(NARROWER));
        }
        let list = found.into_iter().cloned().collect();
        Ok(lazy::value(Arc::new(Json::Array(list))))
    }

    /// What a singular path finds, shared with the value and not copied; nothing if the path is none.
    fn singular(&self, value: &Dynamic) -> Option<Dynamic> {
        let mut found = value.clone();
        let mut is_missing = false;
        for segment in &self.query.segments {
            let lazy = lazy::lazy(&found);
            let child = match segment {
                Segment::Selector(Selector::Name(name)) => lazy.and_then(|lazy| lazy.member(name)),
                Segment::Selector(Selector::Index(index)) => lazy.and_then(|lazy| lazy.at(*index)),
                _ => return None,
            };
            is_missing |= child.is_none();
            found = child.unwrap_or_default();
        }
        Some(if is_missing { Dynamic::UNIT } else { found })
    }
}

/// The way out of both bounds.
const NARROWER: &str = "lead the path to the list that is meant, `$.items[*].id` instead of `$..id`, or ask \
    a part: `jsonpath(res.body.items, '$[*].id')`";

fn too_many() -> Fault {
    Fault::limit(format!(
        "the JSONPath looks at more than {MAX_VISITED} values"
    ))
    .hint(NARROWER)
}

/// Takes the bytes that a copy of this value needs from `room`, if it has them.
fn fits(json: &Json, room: &mut usize) -> bool {
    let own = match json {
        Json::String(text) => text.len(),
        Json::Object(members) => members.keys().map(|key| key.len() + 40).sum(),
        _ => 0,
    };
    let Some(left) = room.checked_sub(own + size_of::<Json>()) else {
        return false;
    };
    *room = left;
    match json {
        Json::Array(items) => items.iter().all(|item| fits(item, room)),
        Json::Object(members) => members.values().all(|member| fits(member, room)),
        _ => true,
    }
}
