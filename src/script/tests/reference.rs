//! The seven rules of what is missing, against a reference of a few lines: three values, as SQL has them.

use super::{Desk, on_big_stack};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

/// A condition over variables that are true, false or missing.
#[derive(Clone, Debug)]
enum Condition {
    Value(Option<bool>),
    Not(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Equal(Box<Self>, Box<Self>),
    Coalesce(Box<Self>, Box<Self>),
    IsNull(Box<Self>),
    If(Box<Self>, Box<Self>, Box<Self>),
    All(Vec<Self>),
    Some(Vec<Self>),
    /// Whether `filter` keeps all of them.
    Filtered(Vec<Self>),
}

impl Condition {
    fn truth(&self) -> Option<bool> {
        match self {
            Self::Value(value) => *value,
            Self::Not(of) => of.truth().map(|value| !value),
            Self::And(left, right) => and(left.truth(), right.truth()),
            Self::Or(left, right) => or(left.truth(), right.truth()),
            Self::Equal(left, right) => Some(left.truth()? == right.truth()?),
            Self::Coalesce(left, right) => left.truth().or_else(|| right.truth()),
            Self::IsNull(of) => Some(of.truth().is_none()),
            Self::If(condition, then, otherwise) if condition.truth() == Some(true) => {
                let _ = otherwise;
                then.truth()
            }
            Self::If(_, _, otherwise) => otherwise.truth(),
            Self::All(items) => items.iter().map(Self::truth).fold(Some(true), and),
            Self::Some(items) => items.iter().map(Self::truth).fold(Some(false), or),
            Self::Filtered(items) => Some(items.iter().all(|item| item.truth() == Some(true))),
        }
    }

    fn source(&self) -> String {
        let list = |items: &[Self]| {
            let items: Vec<String> = items.iter().map(Self::source).collect();
            format!("[{}]", items.join(", "))
        };
        match self {
            Self::Value(Some(true)) => "res.yes".to_owned(),
            Self::Value(Some(false)) => "res.no".to_owned(),
            Self::Value(None) => "res.gone.deeper".to_owned(),
            Self::Not(of) => format!("!({})", of.source()),
            Self::And(left, right) => format!("({}) && ({})", left.source(), right.source()),
            Self::Or(left, right) => format!("({}) or ({})", left.source(), right.source()),
            Self::Equal(left, right) => format!("({}) == ({})", left.source(), right.source()),
            Self::Coalesce(left, right) => format!("({}) ?? ({})", left.source(), right.source()),
            Self::IsNull(of) => format!("({}) == null", of.source()),
            Self::If(condition, then, otherwise) => format!(
                "(if {} {{ {} }} else {{ {} }})",
                condition.source(),
                then.source(),
                otherwise.source()
            ),
            Self::All(items) => format!("all({}, |item| item)", list(items)),
            Self::Some(items) => format!("{}.some(|item| item)", list(items)),
            Self::Filtered(items) => {
                format!(
                    "len(filter({}, |item| item)) == {}",
                    list(items),
                    items.len()
                )
            }
        }
    }
}

fn and(left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (left, right) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn or(left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (left, right) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    }
}

fn condition() -> impl Strategy<Value = Condition> {
    let leaf = prop::sample::select(vec![Some(true), Some(false), None]).prop_map(Condition::Value);
    leaf.prop_recursive(5, 32, 3, |inner| {
        let boxed = inner.clone().prop_map(Box::new);
        let list = prop::collection::vec(inner, 0..4);
        let two = (boxed.clone(), boxed.clone());
        prop_oneof![
            boxed.clone().prop_map(Condition::Not),
            two.clone()
                .prop_map(|(left, right)| Condition::And(left, right)),
            two.clone()
                .prop_map(|(left, right)| Condition::Or(left, right)),
            two.clone()
                .prop_map(|(left, right)| Condition::Equal(left, right)),
            two.prop_map(|(left, right)| Condition::Coalesce(left, right)),
            boxed.clone().prop_map(Condition::IsNull),
            (boxed.clone(), boxed.clone(), boxed).prop_map(|(a, b, c)| Condition::If(a, b, c)),
            list.clone().prop_map(Condition::All),
            list.clone().prop_map(Condition::Some),
            list.prop_map(Condition::Filtered),
        ]
    })
}

fn as_json(truth: Option<bool>) -> Json {
    truth.map_or(Json::Null, Json::Bool)
}

proptest! {
    #![proptest_config(super::cases(400))]

    #[test]
    fn missing_is_unknown(condition in condition()) {
        let desk = Desk::new(json!({"yes": true, "no": false}));
        let source = condition.source();
        let expected = as_json(condition.truth());
        on_big_stack(|| {
            prop_assert_eq!(desk.eval(&source), Ok(expected.clone()), "{}", source);
            prop_assert_eq!(desk.eval_by_rhai(&source), Ok(expected), "{} in Rhai", source);
            Ok(())
        })?;
    }
}
