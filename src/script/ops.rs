//! What the operators mean, for the evaluator and for code that Rhai runs alike.

pub(super) use super::kind::{Fault, Type, as_text, as_time, brief_bytes, cut, piece, shown, text};
use super::limits::{Limit, MAX_ITEMS, MAX_TEXT};
use super::typed::Bytes;
use super::{arithmetic, lazy};
use crate::event::{Json, number};
use crate::syntax::Operator;
use jiff::SignedDuration;
use rhai::{Array, Dynamic, Map};
use std::cmp::Ordering;

/// A member of a map. Anything else has no members.
pub(super) fn member(value: &Dynamic, name: &str) -> Dynamic {
    if let Some(lazy) = lazy::lazy(value) {
        return lazy.member(name).unwrap_or_default();
    }
    if let Ok(map) = value.as_map_ref() {
        return map.get(name).cloned().unwrap_or_default();
    }
    // What a script has caught.
    match value.read_lock::<Fault>() {
        Some(fault) if name == "message" => fault.message.clone().into(),
        _ => Dynamic::UNIT,
    }
}

/// The names of a map's members; none of anything else.
pub(super) fn key_names(value: &Dynamic) -> Vec<String> {
    if let Some(lazy) = lazy::lazy(value) {
        return match lazy.json() {
            Json::Object(map) => {
                let made = lazy.made().map(str::to_owned);
                map.keys().cloned().chain(made).collect()
            }
            _ => Vec::new(),
        };
    }
    value
        .as_map_ref()
        .map(|map| map.keys().map(ToString::to_string).collect())
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

/// Where a range begins, and where it ends: that excluded.
pub(super) fn bounds(range: &Dynamic) -> Option<(i128, i128)> {
    if let Some(range) = range.read_lock::<std::ops::Range<i64>>() {
        return Some((range.start.into(), range.end.into()));
    }
    let range = range.read_lock::<std::ops::RangeInclusive<i64>>()?;
    Some(((*range.start()).into(), i128::from(*range.end()) + 1))
}

fn slice(value: &Dynamic, by: &Dynamic) -> Result<Dynamic, Fault> {
    let (start, end) =
        bounds(by).ok_or_else(|| Fault::new(format!("{} is no index", shown(by))))?;
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

/// What an operator gives for two values: the one meaning, for our evaluator and for code that Rhai runs. What is missing
/// on either side makes it unknown, `null`. The lazy ones (`&&`, `||`, `??`) are given both sides here as well.
pub(super) fn binary(
    operator: Operator,
    left: &Dynamic,
    right: &Dynamic,
) -> Result<Dynamic, Fault> {
    use Operator as O;
    match operator {
        O::And => {
            let (left, right) = (truth(left, "`&&`")?, truth(right, "`&&`")?);
            return Ok(logical(false, left, right));
        }
        O::Or => {
            let (left, right) = (truth(left, "`||`")?, truth(right, "`||`")?);
            return Ok(logical(true, left, right));
        }
        O::Coalesce => return Ok(if left.is_unit() { right } else { left }.clone()),
        _ if left.is_unit() || right.is_unit() => return Ok(Dynamic::UNIT),
        _ => {}
    }
    match operator {
        O::Equal => Ok(equal(left, right).into()),
        O::NotEqual => Ok((!equal(left, right)).into()),
        O::Less | O::LessOrEqual | O::Greater | O::GreaterOrEqual => {
            let order = order(left, right).ok_or_else(|| unordered(operator, left, right))?;
            Ok(match operator {
                O::Less => order == Ordering::Less,
                O::LessOrEqual => order != Ordering::Greater,
                O::Greater => order == Ordering::Greater,
                _ => order != Ordering::Less,
            }
            .into())
        }
        O::In => contains(right, left).map(Dynamic::from),
        O::NotIn => contains(right, left).map(|found| (!found).into()),
        O::BitAnd | O::BitOr | O::BitXor => arithmetic::bits(operator, left, right),
        O::Range => arithmetic::range(left, right, false),
        O::RangeInclusive => arithmetic::range(left, right, true),
        _ => arithmetic::calculate(operator, left, right),
    }
}

/// `&&` and `||` as in SQL; `None` is unknown. `decides`: the value that decides, whatever the other side is.
pub(super) fn logical(decides: bool, left: Option<bool>, right: Option<bool>) -> Dynamic {
    match (left, right) {
        (Some(value), _) | (_, Some(value)) if value == decides => value.into(),
        (None, _) | (_, None) => Dynamic::UNIT,
        _ => (!decides).into(),
    }
}

/// `==` with a literal `null` on one side, which alone sees what is missing; `same(a, b)`.
pub(super) fn same(left: &Dynamic, right: &Dynamic) -> bool {
    if left.is_unit() || right.is_unit() {
        left.is_unit() && right.is_unit()
    } else {
        equal(left, right)
    }
}

fn unordered(how: Operator, left: &Dynamic, right: &Dynamic) -> Fault {
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
        return number::equal_json(left.json(), right.json());
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
        (Type::Bytes, Type::Bytes) => Bytes::of(left) == Bytes::of(right),
        _ if left_type.is_number() && right_type.is_number() => {
            order(left, right) == Some(Ordering::Equal)
        }
        _ => false,
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

/// By mathematical value: an integer and a float are equal only if neither would have to be rounded.
fn order_numbers(left: &Dynamic, right: &Dynamic) -> Option<Ordering> {
    match (left.as_float(), right.as_float()) {
        (Ok(l), Ok(r)) => number::order_floats(l, r),
        (Ok(l), Err(_)) => number::order_int_float(integer(right)?, l).map(Ordering::reverse),
        (Err(_), Ok(r)) => number::order_int_float(integer(left)?, r),
        (Err(_), Err(_)) => Some(integer(left)?.cmp(&integer(right)?)),
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
        Type::List => Ok(items(hay)?.iter().any(|item| equal(item, needle))),
        Type::Map => Ok(as_text(needle).is_some_and(|name| match lazy::lazy(hay) {
            Some(lazy) => lazy.get(&name).is_some(),
            None => hay
                .as_map_ref()
                .is_ok_and(|map| map.contains_key(name.as_str())),
        })),
        Type::Text => match (as_text(hay), as_text(needle)) {
            (Some(hay), Some(needle)) => Ok(hay.contains(needle.as_str())),
            _ => Err(Fault::new(format!(
                "{} can only contain a text, not {}",
                shown(hay),
                shown(needle)
            ))),
        },
        Type::Range => Ok(needle.as_int().is_ok_and(|number| {
            bounds(hay).is_some_and(|(start, end)| (start..end).contains(&number.into()))
        })),
        _ => Err(
            Fault::new(format!("{} cannot contain anything", shown(hay)))
                .hint("a list, map, text or range can"),
        ),
    }
}

/// `!value`; of what is unknown, unknown.
pub(super) fn not(value: &Dynamic) -> Result<Dynamic, Fault> {
    Ok(truth(value, "`!`")?.map_or(Dynamic::UNIT, |truth| (!truth).into()))
}

/// The bool that `who` needs; `None` if it is unknown.
pub(super) fn truth(value: &Dynamic, who: &str) -> Result<Option<bool>, Fault> {
    if value.is_unit() {
        return Ok(None);
    }
    value.as_bool().map(Some).map_err(|_| {
        let fault = Fault::new(format!(
            "{who} needs true or false, this is {}",
            shown(value)
        ));
        match Type::of(value) {
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
    for value in pieces {
        if value.is_unit() {
            return Err(
                Fault::new("a value in a text is missing").hint("give one for it: `${… ?? \"\"}`")
            );
        }
        out.push_str(&piece(value)?);
    }
    sized(out.into())
}

/// Refuses a text, list or map that is too large.
pub(super) fn sized(value: Dynamic) -> Result<Dynamic, Fault> {
    check_size(&value).map(|()| value)
}

/// Whether a text, list or map is too large.
pub(super) fn check_size(value: &Dynamic) -> Result<(), Fault> {
    if value
        .as_immutable_string_ref()
        .is_ok_and(|text| text.len() > MAX_TEXT)
    {
        return Err(Limit::Text.fault());
    }
    let items = value
        .as_array_ref()
        .map_or(0, |list| list.len())
        .max(value.as_map_ref().map_or(0, |map| map.len()));
    if items > MAX_ITEMS {
        return Err(Limit::Items.fault());
    }
    Ok(())
}
