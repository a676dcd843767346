use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a value of an expression can be besides what JSON knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueType {
    /// A point in time; in JSON a text in RFC 3339.
    Time,
    /// A stretch of time; in JSON a text such as `1h30m`.
    Duration,
    /// Bytes; in JSON a text in base64.
    Bytes,
}

/// The places inside a value of which JSON alone does not tell what they are, each as a JSON Pointer (RFC 6901),
/// with their type. The pointer of the value itself is empty.
pub type ValueTypes = BTreeMap<String, ValueType>;
