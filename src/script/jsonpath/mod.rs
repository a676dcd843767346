//! JSONPath (RFC 9535), compiled once.

use super::lazy;
use super::ops::Fault;
use crate::event::Json;
use jsonpath_rust::parser::model::{JpQuery, Segment, Selector};
use jsonpath_rust::parser::parse_json_path;
use jsonpath_rust::query::js_path_process;
use rhai::Dynamic;
use std::sync::Arc;

/// A compiled path.
#[derive(Clone, Debug)]
pub(super) struct JsonPath {
    query: JpQuery,
    /// Whether it names one place only: names and indices.
    singular: bool,
}

impl JsonPath {
    /// Compiles a path, or tells in one line what is wrong.
    pub(super) fn parse(source: &str) -> Result<Self, String> {
        let query = parse_json_path(source).map_err(|error| reason(&error.to_string()))?;
        let singular = query.segments.iter().all(|segment| {
            matches!(
                segment,
                Segment::Selector(Selector::Name(_) | Selector::Index(_))
            )
        });
        Ok(Self { query, singular })
    }

    /// The value at a singular path, `null` if there is none; the list of matches of any other path.
    pub(super) fn find(&self, value: &Dynamic) -> Result<Dynamic, Fault> {
        let owned;
        let lazy = lazy::lazy(value);
        let json: &Json = if let Some(lazy) = &lazy {
            lazy.json()
        } else {
            owned = lazy::to_json(value)?;
            &owned
        };
        let mut found = js_path_process(&self.query, json)
            .map_err(|error| {
                Fault::new(format!(
                    "the JSONPath failed: {}",
                    reason(&error.to_string())
                ))
            })?
            .into_iter()
            .map(jsonpath_rust::query::QueryRef::val);
        if self.singular {
            return Ok(found
                .next()
                .map(|json| lazy::value(Arc::new(json.clone())))
                .unwrap_or_default());
        }
        let list: Vec<Json> = found.cloned().collect();
        Ok(lazy::value(Arc::new(Json::Array(list))))
    }
}

/// The line of the parser's drawing that says what was expected.
fn reason(message: &str) -> String {
    let last = message
        .lines()
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or_default();
    last.trim_start_matches("= ").to_owned()
}
