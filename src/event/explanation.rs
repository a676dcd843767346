use super::{Json, Span};
use serde::{Deserialize, Serialize};

/// Why an expression had the value it had: each sub-expression with its value, evaluated once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The expression as it was written.
    pub source: String,
    /// Its value, or `None` if its evaluation failed.
    pub value: Option<Json>,
    /// Its operands, in the order in which they stand in the text.
    pub operands: Vec<Operand>,
    /// Members that do not exist.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Missing>,
}

/// One sub-expression and its value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operand {
    /// Where it stands. Inside an expression: byte offsets (`line` 0, `column` = offset); the machine
    /// turns them into places of the file.
    pub span: Span,
    /// Its text.
    pub source: String,
    /// How deep it is nested: 0 is the whole expression.
    pub depth: u16,
    /// Its value; `None` if it was not evaluated, since its neighbour had decided already.
    pub value: Option<Json>,
    /// For a comparison: the values of its left and right side, so that a report can say `99.5 ≠ 100.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sides: Option<(Json, Json)>,
}

/// A member that does not exist.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Missing {
    /// The path that was asked for: `res.body.statuss`.
    pub path: String,
    /// The nearest name that exists beside it: `status`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nearest: Option<String>,
}
