//! What the operators mean, for the evaluator and for code that Rhai runs alike.

pub(super) use super::kind::{Fault, Type, as_text, as_time, cut, shown, text};
use super::lazy;
use crate::event::Json;
use jiff::SignedDuration;
use rhai::{Array, Dynamic, Map};
use std::cmp::Ordering;

/// Longest text that an expression may make, in bytes.
pub(super) const MAX_TEXT: usize = 1 << 20;
/// Most items of a list or map that an expression may make.
pub(super) const MAX_ITEMS: usize = 100_000;

/// A member of a map. Anything else has no members.
pub(super) fn member(value: &Dynamic, name: &str) -> Dynamic {
    if let Some(lazy) = lazy::lazy(value) {
        return lazy.member(name).unwrap_or_default();
    }
    value
        .as_map_ref()
        .ok()
        .and_then(|map| map.get(name).cloned())
        .unwrap_or_default()
}

/// `value[index]`.
pub(super) fn index(value: &Dynamic, by: &Dynamic) -> Result<Dynamic, Fault> {
    if value.is_unit() || by.is_unit() {
        return Ok(Dynamic::UNIT);
    }
    if let Some(name) = as_text(by) {
        return Ok(member(value, &name));
    }
    let Ok(number) = by.as_int() else {
        return match (Type::of(by), Type::of(value)) {
            (Type::Range, Type::Text | Type::List) => slice(value, by),
            _ => Err(Fault::new(format!("{} is no index", shown(by)))
                .hint("a list takes an integer, a map a text")),
        };
    };
    if let Some(lazy) = lazy::lazy(value) {
        return Ok(lazy.at(number).unwrap_or_default());
    }
    if let Ok(list) = value.as_array_ref() {
        return Ok(lazy::position(number, list.len())
            .map(|at| list[at].clone())
            .unwrap_or_default());
    }
    if let Some(text) = as_text(value) {
        let at = lazy::position(number, text.chars().count());
        return Ok(at
            .and_then(|at| text.chars().nth(at))
            .map(|c| c.to_string().into())
            .unwrap_or_default());
    }
    Ok(Dynamic::UNIT)
}

fn slice(value: &Dynamic, by: &Dynamic) -> Result<Dynamic, Fault> {
    let (start, end) = if let Some(range) = by.read_lock::<std::ops::Range<i64>>() {
        (range.start, range.end)
    } else if let Some(range) = by.read_lock::<std::ops::RangeInclusive<i64>>() {
        (*range.start(), range.end().saturating_add(1))
    } else {
        return Err(Fault::new(format!("{} is no index", shown(by))));
    };
    let start = usize::try_from(start)
        .map_err(|_| Fault::new("a range of indices begins at 0 or above"))?;
    let count = usize::try_from(end).unwrap_or(0).saturating_sub(start);
    Ok(match as_text(value) {
        Some(text) => text
            .chars()
            .skip(start)
            .take(count)
            .collect::<String>()
            .into(),
        None => Dynamic::from_array(items(value)?.into_iter().skip(start).take(count).collect()),
    })
}

/// A number of things.
pub(super) fn count(count: usize) -> Dynamic {
    i64::try_from(count).unwrap_or(i64::MAX).into()
}

/// The items of a list, or an error that shows what it is instead.
pub(super) fn items(value: &Dynamic) -> Result<Array, Fault> {
    if let Ok(list) = value.as_array_ref() {
        return Ok(list.clone());
    }
    match lazy::lazy(value) {
        Some(lazy) if lazy.json().is_array() => Ok(lazy.items().collect()),
        _ => Err(Fault::new(format!(
            "a list is needed, this is {}",
            shown(value)
        ))),
    }
}

/// The members of a map, or an error that shows what it is instead.
pub(super) fn members(value: &Dynamic) -> Result<Map, Fault> {
    let opened = match lazy::lazy(value) {
        Some(lazy) => lazy.opened(),
        None => value.clone(),
    };
    opened
        .as_map_ref()
        .map(|map| map.clone())
        .map_err(|_| Fault::new(format!("a map is needed, this is {}", shown(value))))
}

/// A comparison by order or equality.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    pub(super) fn is_equality(self) -> bool {
        matches!(self, Self::Equal | Self::NotEqual)
    }

    pub(super) fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

/// A comparison as conditions make it: with a missing value it is false.
pub(super) fn compare(how: Comparison, left: &Dynamic, right: &Dynamic) -> Result<bool, Fault> {
    if left.is_unit() || right.is_unit() {
        return Ok(false);
    }
    match how {
        Comparison::Equal => Ok(equal(left, right)),
        Comparison::NotEqual => Ok(!equal(left, right)),
        _ => {
            let order = order(left, right).ok_or_else(|| unordered(how, left, right))?;
            Ok(match how {
                Comparison::Less => order == Ordering::Less,
                Comparison::LessOrEqual => order != Ordering::Greater,
                Comparison::Greater => order == Ordering::Greater,
                _ => order != Ordering::Less,
            })
        }
    }
}

/// A comparison with a literal `null`, the only one that sees what is missing.
pub(super) fn compare_null(how: Comparison, left: &Dynamic, right: &Dynamic) -> bool {
    let same = if left.is_unit() || right.is_unit() {
        left.is_unit() && right.is_unit()
    } else {
        equal(left, right)
    };
    match how {
        Comparison::Equal => same,
        Comparison::NotEqual => !same,
        _ => false,
    }
}

fn unordered(how: Comparison, left: &Dynamic, right: &Dynamic) -> Fault {
    let fault = Fault::new(format!(
        "`{}` cannot compare {} with {}",
        how.symbol(),
        shown(left),
        shown(right)
    ));
    match (Type::of(left), Type::of(right)) {
        (Type::Text, other) | (other, Type::Text) if other.is_number() => {
            fault.hint("make both numbers: `parse_float(text)`, `parse_int(text)`")
        }
        (Type::Duration, other) | (other, Type::Duration) if other.is_number() => {
            fault.hint("write the other side as `duration('5s')`")
        }
        (Type::Bool, Type::Bool) => {
            fault.hint("combine conditions with `&&`, compare them with `==`")
        }
        _ => fault,
    }
}

/// Whether two values are the same; inside lists and maps `null` equals `null`.
pub(super) fn equal(left: &Dynamic, right: &Dynamic) -> bool {
    if let (Ok(left), Ok(right)) = (left.as_int(), right.as_int()) {
        return left == right;
    }
    if let (Ok(left), Ok(right)) = (
        left.as_immutable_string_ref(),
        right.as_immutable_string_ref(),
    ) {
        return *left == *right;
    }
    if let (Some(left), Some(right)) = (lazy::lazy(left), lazy::lazy(right)) {
        return equal_json(left.json(), right.json());
    }
    let (left_type, right_type) = (Type::of(left), Type::of(right));
    match (left_type, right_type) {
        (Type::Null, Type::Null) => true,
        (Type::Bool, Type::Bool) => left.as_bool() == right.as_bool(),
        (Type::Text, Type::Text) => as_text(left) == as_text(right),
        (Type::List, Type::List) => equal_lists(left, right),
        (Type::Map, Type::Map) => equal_maps(left, right),
        (Type::Time, Type::Time | Type::Text) | (Type::Text, Type::Time) => {
            as_time(left).is_some_and(|time| Some(time) == as_time(right))
        }
        (Type::Duration, Type::Duration) => order(left, right) == Some(Ordering::Equal),
        _ if left_type.is_number() && right_type.is_number() => {
            order(left, right) == Some(Ordering::Equal)
        }
        _ => false,
    }
}

/// The same for JSON, without making values of it.
fn equal_json(left: &Json, right: &Json) -> bool {
    match (left, right) {
        (Json::Array(left), Json::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(l, r)| equal_json(l, r))
        }
        (Json::Object(left), Json::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(key, l)| right.get(key).is_some_and(|r| equal_json(l, r)))
        }
        (Json::Number(_), Json::Number(_)) => match (lazy::scalar(left), lazy::scalar(right)) {
            (Some(left), Some(right)) => equal(&left, &right),
            _ => false,
        },
        _ => left == right,
    }
}

fn equal_lists(left: &Dynamic, right: &Dynamic) -> bool {
    match (items(left), items(right)) {
        (Ok(left), Ok(right)) => {
            left.len() == right.len() && left.iter().zip(&right).all(|(l, r)| equal(l, r))
        }
        _ => false,
    }
}

fn equal_maps(left: &Dynamic, right: &Dynamic) -> bool {
    match (members(left), members(right)) {
        (Ok(left), Ok(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(key, l)| right.get(key).is_some_and(|r| equal(l, r)))
        }
        _ => false,
    }
}

/// The order of two values, if they have one.
pub(super) fn order(left: &Dynamic, right: &Dynamic) -> Option<Ordering> {
    if let (Ok(left), Ok(right)) = (left.as_int(), right.as_int()) {
        return Some(left.cmp(&right));
    }
    let (left_type, right_type) = (Type::of(left), Type::of(right));
    match (left_type, right_type) {
        (Type::Text, Type::Text) => Some(as_text(left)?.as_str().cmp(as_text(right)?.as_str())),
        (Type::Time, Type::Time | Type::Text) | (Type::Text, Type::Time) => {
            Some(as_time(left)?.cmp(&as_time(right)?))
        }
        (Type::Duration, Type::Duration) => Some(
            left.read_lock::<SignedDuration>()?
                .cmp(&*right.read_lock::<SignedDuration>()?),
        ),
        _ if left_type.is_number() && right_type.is_number() => order_numbers(left, right),
        _ => None,
    }
}

fn order_numbers(left: &Dynamic, right: &Dynamic) -> Option<Ordering> {
    match (left.as_float(), right.as_float()) {
        // As in Rhai, floats that differ by rounding only are equal: 0.1 + 0.2 == 0.3.
        (Ok(l), Ok(r)) => {
            if (l - r).abs() <= f64::EPSILON {
                Some(Ordering::Equal)
            } else {
                l.partial_cmp(&r)
            }
        }
        (Ok(l), Err(_)) => order_mixed(integer(right)?, l).map(Ordering::reverse),
        (Err(_), Ok(r)) => order_mixed(integer(left)?, r),
        (Err(_), Err(_)) => Some(integer(left)?.cmp(&integer(right)?)),
    }
}

/// Exact where the float is an integer, so that large integers are never rounded.
fn order_mixed(integer: i128, float: f64) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    if float.fract() == 0.0 && float.abs() < 1e30 {
        return Some(integer.cmp(&(float as i128)));
    }
    let rounded = integer as f64;
    if (rounded - float).abs() <= f64::EPSILON {
        Some(Ordering::Equal)
    } else {
        rounded.partial_cmp(&float)
    }
}

fn integer(value: &Dynamic) -> Option<i128> {
    if let Ok(value) = value.as_int() {
        return Some(value.into());
    }
    value.read_lock::<u64>().map(|value| i128::from(*value))
}

/// `needle in hay`, `contains(hay, needle)`.
pub(super) fn contains(hay: &Dynamic, needle: &Dynamic) -> Result<bool, Fault> {
    match Type::of(hay) {
        Type::Null => Ok(false),
        Type::List => Ok(items(hay)?.iter().any(|item| equal(item, needle))),
        Type::Map => Ok(as_text(needle).is_some_and(|name| match lazy::lazy(hay) {
            Some(lazy) => lazy.json().get(name.as_str()).is_some(),
            None => hay
                .as_map_ref()
                .is_ok_and(|map| map.contains_key(name.as_str())),
        })),
        Type::Text if needle.is_unit() => Ok(false),
        Type::Text => match (as_text(hay), as_text(needle)) {
            (Some(hay), Some(needle)) => Ok(hay.contains(needle.as_str())),
            _ => Err(Fault::new(format!(
                "{} can only contain a text, not {}",
                shown(hay),
                shown(needle)
            ))),
        },
        Type::Range => Ok(needle.as_int().is_ok_and(|number| in_range(hay, number))),
        _ => Err(
            Fault::new(format!("{} cannot contain anything", shown(hay)))
                .hint("a list, map, text or range can"),
        ),
    }
}

fn in_range(range: &Dynamic, number: i64) -> bool {
    range
        .read_lock::<std::ops::Range<i64>>()
        .is_some_and(|range| range.contains(&number))
        || range
            .read_lock::<std::ops::RangeInclusive<i64>>()
            .is_some_and(|range| range.contains(&number))
}

/// `!value`.
pub(super) fn not(value: &Dynamic) -> Result<bool, Fault> {
    truth(value, "`!`").map(|truth| !truth)
}

/// The bool that `who` needs.
pub(super) fn truth(value: &Dynamic, who: &str) -> Result<bool, Fault> {
    value.as_bool().map_err(|_| {
        let fault = Fault::new(format!(
            "{who} needs true or false, this is {}",
            shown(value)
        ));
        match Type::of(value) {
            Type::Null => fault.hint("compare with `null`, or give a value with `?? false`"),
            Type::Int | Type::Float | Type::Big => fault.hint("compare it: `… > 0`"),
            Type::Text | Type::List | Type::Map => {
                fault.hint("compare it: `… == 'x'`, `len(…) > 0`")
            }
            _ => fault,
        }
    })
}

/// The pieces of a text with values in it. What is missing has no text.
pub(super) fn join(pieces: &[Dynamic]) -> Result<Dynamic, Fault> {
    let mut out = String::new();
    for piece in pieces {
        if piece.is_unit() {
            return Err(
                Fault::new("a value in a text is missing").hint("give one for it: `${… ?? \"\"}`")
            );
        }
        if Type::of(piece) == Type::Function {
            return Err(Fault::new("a function has no text").hint("call it"));
        }
        out.push_str(&text(piece));
    }
    sized(out.into())
}

/// Refuses a text, list or map that is too large.
pub(super) fn sized(value: Dynamic) -> Result<Dynamic, Fault> {
    if value
        .as_immutable_string_ref()
        .is_ok_and(|text| text.len() > MAX_TEXT)
    {
        return Err(Fault::limit(format!(
            "a text of more than {MAX_TEXT} bytes"
        )));
    }
    let items = value
        .as_array_ref()
        .map_or(0, |list| list.len())
        .max(value.as_map_ref().map_or(0, |map| map.len()));
    if items > MAX_ITEMS {
        return Err(Fault::limit(format!(
            "a list or map of more than {MAX_ITEMS} items"
        )));
    }
    Ok(value)
}
