use super::difference::present;
use super::{Difference, Json, Span};
use serde::{Deserialize, Serialize};

/// Why an expression had the value it had: each sub-expression with its value, evaluated once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Recorded")]
pub struct Explanation {
    /// The expression as it was written.
    pub source: String,
    /// Its value, `null` if it is unknown; `None` if its evaluation failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Json>,
    /// Its operands, in the order in which they stand in the text.
    pub operands: Vec<Operand>,
    /// Members that do not exist.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Missing>,
}

/// One sub-expression and its value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Operand {
    /// Where it stands. Inside an expression: byte offsets (`line` 0, `column` = offset); the machine
    /// turns them into places of the file.
    pub span: Span,
    /// Its text.
    pub source: String,
    /// How deep it is nested: 0 is the whole expression.
    pub depth: u16,
    /// What it is.
    pub kind: OperandKind,
    /// The operand that it is a part of, as an index of [`Explanation::operands`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<u32>,
    /// Its value, `null` if it is missing or unknown; `None` if it was not evaluated, since its neighbour had
    /// decided already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Json>,
    /// For a comparison: the values of its left and right side, so that a report can say `99.5 ≠ 100.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sides: Option<(Json, Json)>,
    /// How the sides differ, where they are two structures or longer texts that are not equal: found in the
    /// whole of them, while `sides` are cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<Box<Difference>>,
}

/// What a sub-expression is, as far as a report tells kinds apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperandKind {
    /// A call, arithmetic, a list: whatever has no kind of its own here.
    #[default]
    Computed,
    /// `a && b`
    And,
    /// `a || b`
    Or,
    /// `!a`
    Not,
    /// `a == b`
    Equal,
    /// `a != b`
    NotEqual,
    /// `a < b`
    Less,
    /// `a <= b`
    LessOrEqual,
    /// `a > b`
    Greater,
    /// `a >= b`
    GreaterOrEqual,
    /// `a in b`
    In,
    /// `a !in b`
    NotIn,
    /// `a == null`
    IsNull,
    /// `a != null`
    IsNotNull,
    /// A variable, or members and indices behind one: `res.body.items[0]`
    Path,
    /// `null` itself.
    Null,
    /// Any other literal.
    Literal,
}

impl OperandKind {
    /// How a comparison is written; `None` of anything else.
    #[must_use]
    pub fn symbol(self) -> Option<&'static str> {
        Some(match self {
            Self::Equal | Self::IsNull => "==",
            Self::NotEqual | Self::IsNotNull => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::In => "in",
            Self::NotIn => "!in",
            Self::Computed
            | Self::And
            | Self::Or
            | Self::Not
            | Self::Path
            | Self::Null
            | Self::Literal => return None,
        })
    }
}

impl Operand {
    /// From this many characters on, two texts are compared by their difference.
    pub const LONG_TEXT: usize = 40;

    /// Whether two values are so large that their difference tells more than they do.
    #[must_use]
    pub fn is_long(left: &Json, right: &Json) -> bool {
        let long = |text: &str| text.contains('\n') || text.chars().nth(Self::LONG_TEXT).is_some();
        match (left, right) {
            (Json::Object(_), Json::Object(_)) | (Json::Array(_), Json::Array(_)) => true,
            (Json::String(a), Json::String(b)) => {
                long(a) && !b.is_empty() || long(b) && !a.is_empty()
            }
            _ => false,
        }
    }
}

/// A member that does not exist.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Missing {
    /// The path that was asked for: `res.body.statuss`.
    pub path: String,
    /// The nearest name that exists beside it: `status`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nearest: Option<String>,
    /// Why it is missing, where that can be told, and what to write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// An explanation as it was written down. Before operands had kinds, `null` meant that there was no value at all.
#[derive(Deserialize)]
struct Recorded {
    source: String,
    #[serde(default, deserialize_with = "present")]
    value: Option<Json>,
    operands: Vec<RecordedOperand>,
    #[serde(default)]
    missing: Vec<Missing>,
}

#[derive(Deserialize)]
struct RecordedOperand {
    span: Span,
    source: String,
    depth: u16,
    kind: Option<OperandKind>,
    parent: Option<u32>,
    #[serde(default, deserialize_with = "present")]
    value: Option<Json>,
    #[serde(default)]
    sides: Option<(Json, Json)>,
    #[serde(default)]
    difference: Option<Box<Difference>>,
}

impl From<Recorded> for Explanation {
    fn from(recorded: Recorded) -> Self {
        let has_kinds = recorded.operands.iter().any(|one| one.kind.is_some());
        let value = |value: Option<Json>| value.filter(|value| has_kinds || !value.is_null());
        Self {
            source: recorded.source,
            value: value(recorded.value),
            operands: recorded
                .operands
                .into_iter()
                .map(|one| Operand {
                    span: one.span,
                    source: one.source,
                    depth: one.depth,
                    kind: one.kind.unwrap_or_default(),
                    parent: one.parent,
                    value: value(one.value),
                    sides: one.sides,
                    difference: one.difference,
                })
                .collect(),
            missing: recorded.missing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_was_not_evaluated_is_no_null() {
        let span = json!({"start": {"line": 0, "column": 0}, "end": {"line": 0, "column": 1}});
        let written = json!({
            "source": "a || b", "value": null,
            "operands": [
                {"span": span, "source": "a", "depth": 1, "kind": "path", "value": null},
                {"span": span, "source": "b", "depth": 1, "kind": "path"},
            ],
        });
        let read: Explanation = serde_json::from_value(written.clone()).unwrap();
        assert_eq!(read.value, Some(Json::Null));
        assert_eq!(read.operands[0].value, Some(Json::Null));
        assert_eq!(read.operands[1].value, None);
        assert_eq!(serde_json::to_value(&read).unwrap(), written);
        // From before there were kinds.
        let old = json!({"source": "a", "value": null, "operands": [{"span": span, "source": "a", "depth": 0, "value": null}]});
        let read: Explanation = serde_json::from_value(old).unwrap();
        assert_eq!((read.value, &read.operands[0].value), (None, &None));
    }
}
