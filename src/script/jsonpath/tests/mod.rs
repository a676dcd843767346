//! By the sections of RFC 9535: its own tables, what stands beside them, and what it does not allow.

mod bounds;
mod filters;
mod functions;
mod invalid;
mod selectors;

use super::*;
use serde_json::json;

/// All that a path finds.
fn nodes(path: &str, root: &Json) -> Vec<Json> {
    let path = JsonPath::parse(path).unwrap_or_else(|error| panic!("{path}: {error:?}"));
    Evaluation::new(root, &path.literals, &path.patterns)
        .query(&path.query.segments, root)
        .unwrap()
        .into_iter()
        .cloned()
        .collect()
}

/// Holds paths to what they must find in one value, in this order.
fn table(root: &Json, rows: &[(&str, Json)]) {
    for (path, wanted) in rows {
        assert_eq!(Json::Array(nodes(path, root)), *wanted, "{path}");
    }
}

/// Whether a condition holds of a value.
fn holds(condition: &str, value: &Json) -> bool {
    !nodes(&format!("$[?{condition}]"), &json!([value])).is_empty()
}
