//! What a bad end is told by.

use super::{ConditionStrategy, Explanation, Failure, Json, Location, Name};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// How far a condition had come when its state ended without it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConditionState {
    /// Where it is written.
    pub place: Arc<Location>,
    /// The transition it guards (`shipped`), or `None` for a watch that can only fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Name>,
    /// Where its results come from.
    pub strategy: ConditionStrategy,
    /// Of a part of an `all`: whether it has been fulfilled.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_fulfilled: bool,
    /// How often it was fulfilled, and the state has stayed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub stayed: u32,
    /// Of a subscription: what it listens to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Name>,
    /// How many results it saw.
    pub attempts: u32,
    /// The last thing that came back, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Name>,
    /// A command that repeats the last request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Name>,
    /// The last transport error, which meant "not yet".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Failure>,
    /// The operand whose values these are, where `when` looks at several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operand: Option<Name>,
    /// The distinct values of the operand that decided, in the order in which they were first seen, with
    /// their counts; at most 8, the rest are in `more_values`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<(Json, u32)>,
    /// How many further distinct values there were.
    #[serde(default)]
    pub more_values: u32,
    /// Microseconds since the value last changed.
    #[serde(default)]
    pub unchanged_micros: u64,
    /// Why its `when` did not hold the last time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub explanations: Vec<Explanation>,
}

/// What decided a bad end: everything that a report needs to tell where, what and how to mend.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Headline {
    /// What kind of trouble.
    #[serde(flatten)]
    pub failure: Failure,
    /// The state it happened in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<Name>,
    /// The region that this state is one of, behind those around it: `delivery/mail`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Name>,
    /// Where the thing that failed is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Arc<Location>>,
    /// The `task:` instructions through which it was reached, outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<Arc<Location>>,
    /// Where it happened in the called task, and in those that this has called: `login/enter`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub called: Option<Name>,
    /// What the instruction does, in short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what: Option<Name>,
    /// Whether that is the name which its author gave to it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_named: bool,
    /// Which item of a `for_each` it was: its index, from 0, and its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<Box<(u32, Json)>>,
    /// The attempts it took.
    #[serde(default)]
    pub attempts: u32,
    /// The last thing that came back, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Name>,
    /// The result itself, where an expectation was not met or something to save was missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Arc<Json>>,
    /// Why each expectation or condition that decided did not hold; operands have places of the file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub explanations: Vec<(Arc<Location>, Explanation)>,
    /// After a timeout: how far each condition had come.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<ConditionState>,
    /// Microseconds spent in the state.
    #[serde(default)]
    pub micros: u64,
    /// The first failure of the execution, which `on_error` or `on_timeout` has routed: this one came later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Box<Headline>>,
}

impl Headline {
    /// The state, behind the region that it is one of: `payment/charge`.
    #[must_use]
    pub fn place_in_words(&self) -> Option<String> {
        let state = self.state.as_deref()?;
        Some(match &self.region {
            None => state.to_owned(),
            Some(region) => format!("{region}/{state}"),
        })
    }

    /// Trouble that belongs to no place of a definition.
    #[must_use]
    pub fn of(failure: Failure) -> Self {
        Self {
            failure,
            state: None,
            region: None,
            place: None,
            calls: Vec::new(),
            called: None,
            what: None,
            is_named: false,
            item: None,
            attempts: 0,
            last: None,
            result: None,
            explanations: Vec::new(),
            conditions: Vec::new(),
            micros: 0,
            before: None,
        }
    }
}
