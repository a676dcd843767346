//! `+ - * / % **` and shifts. Overflow, division by zero and results that are no number are errors.

use super::lazy;
use super::ops::{Fault, Type, as_time, items, members, piece, shown, sized};
use crate::syntax::Operator;
use jiff::{SignedDuration, Timestamp};
use rhai::Dynamic;

pub(super) fn calculate(how: Operator, left: &Dynamic, right: &Dynamic) -> Result<Dynamic, Fault> {
    if let (Ok(l), Ok(r)) = (left.as_int(), right.as_int()) {
        return integers(how, l, r).map(Dynamic::from);
    }
    let (left_type, right_type) = (Type::of(left), Type::of(right));
    match (left_type, right_type) {
        (Type::Int | Type::Float, Type::Int | Type::Float) => {
            let (Some(l), Some(r)) = (float(left), float(right)) else {
                return Err(refused(how, left, right));
            };
            floats(how, l, r).map(Dynamic::from)
        }
        (Type::Big, Type::Int | Type::Big | Type::Float) | (Type::Int | Type::Float, Type::Big) => {
            Err(refused(how, left, right)
                .hint("integers above 2^63-1 can only be compared and shown"))
        }
        // A text beside a duration is a time if it reads as one, and words if not: `'took ' + elapsed`.
        (Type::Text, _) | (_, Type::Text) if how == Operator::Add => {
            match times(how, left, right) {
                Ok(time) => Ok(time),
                Err(_) => add(left, right),
            }
        }
        (Type::Time | Type::Duration, _) | (_, Type::Time | Type::Duration) => {
            times(how, left, right)
        }
        (Type::Text, Type::Text) if how == Operator::Subtract && as_time(left).is_some() => {
            times(how, left, right)
        }
        _ if how == Operator::Add => add(left, right),
        _ => Err(refused(how, left, right)),
    }
}

/// `-value`; of what is missing, unknown.
pub(super) fn negate(value: &Dynamic) -> Result<Dynamic, Fault> {
    if value.is_unit() {
        return Ok(Dynamic::UNIT);
    }
    if let Ok(int) = value.as_int() {
        return int
            .checked_neg()
            .map(Dynamic::from)
            .ok_or_else(|| Fault::new("the integer is too large for `-`"));
    }
    if let Ok(float) = value.as_float() {
        return Ok((-float).into());
    }
    if let Some(duration) = value.read_lock::<SignedDuration>() {
        return Ok(Dynamic::from(-*duration));
    }
    Err(Fault::new(format!(
        "`-` needs a number, this is {}",
        shown(value)
    )))
}

fn refused(how: Operator, left: &Dynamic, right: &Dynamic) -> Fault {
    Fault::new(format!(
        "`{}` cannot be applied to {} and {}",
        how.symbol(),
        shown(left),
        shown(right)
    ))
}

fn integers(how: Operator, l: i64, r: i64) -> Result<i64, Fault> {
    let result = match how {
        Operator::Add => l.checked_add(r),
        Operator::Subtract => l.checked_sub(r),
        Operator::Multiply => l.checked_mul(r),
        Operator::Divide | Operator::Remainder if r == 0 => {
            return Err(Fault::new(format!("`{}`: division by zero", how.symbol())));
        }
        Operator::Divide => l.checked_div(r),
        Operator::Remainder => l.checked_rem(r),
        Operator::Power => {
            let exponent = u32::try_from(r).map_err(|_| {
                Fault::new(format!("`**`: {r} is no exponent of an integer"))
                    .hint("an exponent is 0 or above; make the base a float")
            })?;
            l.checked_pow(exponent)
        }
        _ => {
            let amount = u32::try_from(r)
                .ok()
                .filter(|amount| *amount < 64)
                .ok_or_else(|| {
                    Fault::new(format!(
                        "`{}`: an integer has 64 bits, it cannot be shifted by {r}",
                        how.symbol()
                    ))
                })?;
            Some(if how == Operator::ShiftLeft {
                l << amount
            } else {
                l >> amount
            })
        }
    };
    result.ok_or_else(|| {
        Fault::new(format!(
            "`{l} {} {r}` does not fit into 64 bits",
            how.symbol()
        ))
    })
}

fn float(value: &Dynamic) -> Option<f64> {
    value
        .as_float()
        .ok()
        .or_else(|| value.as_int().ok().map(|int| int as f64))
}

fn floats(how: Operator, l: f64, r: f64) -> Result<f64, Fault> {
    let result = match how {
        Operator::Add => l + r,
        Operator::Subtract => l - r,
        Operator::Multiply => l * r,
        Operator::Divide | Operator::Remainder if r == 0.0 => {
            return Err(Fault::new(format!("`{}`: division by zero", how.symbol())));
        }
        Operator::Divide => l / r,
        Operator::Remainder => l % r,
        Operator::Power => l.powf(r),
        _ => {
            return Err(Fault::new(format!("`{}` needs integers", how.symbol())));
        }
    };
    if result.is_finite() {
        Ok(result)
    } else {
        Err(Fault::new(format!(
            "`{l} {} {r}` is not a number",
            how.symbol()
        )))
    }
}

fn add(left: &Dynamic, right: &Dynamic) -> Result<Dynamic, Fault> {
    match (Type::of(left), Type::of(right)) {
        (Type::List, Type::List) => {
            let mut list = items(left)?;
            list.extend(items(right)?);
            sized(Dynamic::from_array(list))
        }
        (Type::Map, Type::Map) => {
            let mut map = members(left)?;
            map.extend(members(right)?);
            sized(Dynamic::from_map(map))
        }
        (Type::Text, other) | (other, Type::Text) if other != Type::Function => {
            let mut joined = piece(left)?;
            joined.push_str(&piece(right)?);
            sized(joined.into())
        }
        _ => Err(refused(Operator::Add, left, right)),
    }
}

fn times(how: Operator, left: &Dynamic, right: &Dynamic) -> Result<Dynamic, Fault> {
    let span = |value: &Dynamic| {
        value
            .read_lock::<SignedDuration>()
            .map(|duration| *duration)
    };
    let too_far = || Fault::new(format!("`{}`: the time is out of range", how.symbol()));
    let time =
        |result: Result<Timestamp, jiff::Error>| result.map(Dynamic::from).map_err(|_| too_far());
    let duration = |result: Option<SignedDuration>| result.map(Dynamic::from).ok_or_else(too_far);
    match (how, span(left), span(right)) {
        (Operator::Add, Some(l), Some(r)) => duration(l.checked_add(r)),
        (Operator::Subtract, Some(l), Some(r)) => duration(l.checked_sub(r)),
        (Operator::Add, None, Some(r)) if as_time(left).is_some() => {
            time(as_time(left).unwrap_or_default().checked_add(r))
        }
        (Operator::Add, Some(l), None) if as_time(right).is_some() => {
            time(as_time(right).unwrap_or_default().checked_add(l))
        }
        (Operator::Subtract, None, Some(r)) if as_time(left).is_some() => {
            time(as_time(left).unwrap_or_default().checked_sub(r))
        }
        (Operator::Subtract, None, None) => match (as_time(left), as_time(right)) {
            (Some(l), Some(r)) => Ok(Dynamic::from(l.duration_since(r))),
            _ => Err(refused(how, left, right)),
        },
        (Operator::Multiply, Some(l), None) => {
            scale(l, right).ok_or_else(|| refused(how, left, right))
        }
        (Operator::Multiply, None, Some(r)) => {
            scale(r, left).ok_or_else(|| refused(how, left, right))
        }
        (Operator::Divide, Some(l), None) => match right.as_int() {
            Ok(0) => Err(Fault::new("`/`: division by zero")),
            Ok(by) => i32::try_from(by)
                .ok()
                .and_then(|by| l.checked_div(by))
                .map(Dynamic::from)
                .ok_or_else(too_far),
            Err(_) => Err(refused(how, left, right)),
        },
        _ => Err(refused(how, left, right)
            .hint("times and durations add and subtract: `now() + duration('5s')`")),
    }
}

fn scale(duration: SignedDuration, by: &Dynamic) -> Option<Dynamic> {
    let by = i32::try_from(by.as_int().ok()?).ok()?;
    duration.checked_mul(by).map(Dynamic::from)
}

/// `&`, `|` and `^` of two integers or two bools.
pub(super) fn bits(how: Operator, left: &Dynamic, right: &Dynamic) -> Result<Dynamic, Fault> {
    if let (Ok(l), Ok(r)) = (left.as_int(), right.as_int()) {
        return Ok(match how {
            Operator::BitAnd => l & r,
            Operator::BitOr => l | r,
            _ => l ^ r,
        }
        .into());
    }
    if let (Ok(l), Ok(r)) = (left.as_bool(), right.as_bool()) {
        return Ok(match how {
            Operator::BitAnd => l & r,
            Operator::BitOr => l | r,
            _ => l ^ r,
        }
        .into());
    }
    Err(Fault::new(format!(
        "`{}` needs two integers or two bools, not {} and {}",
        how.symbol(),
        shown(left),
        shown(right)
    )))
}

/// `start..end` and `start..=end`.
pub(super) fn range(left: &Dynamic, right: &Dynamic, inclusive: bool) -> Result<Dynamic, Fault> {
    match (left.as_int(), right.as_int()) {
        (Ok(start), Ok(end)) if inclusive => Ok(Dynamic::from(start..=end)),
        (Ok(start), Ok(end)) => Ok(Dynamic::from(start..end)),
        _ => Err(Fault::new(format!(
            "a range needs two integers, not {} and {}",
            shown(left),
            shown(right)
        ))),
    }
}

/// Opens lazy JSON, so that functions of Rhai can take it.
pub(super) fn opened(value: &Dynamic) -> Dynamic {
    lazy::lazy(value).map_or_else(|| value.clone(), |lazy| lazy.opened())
}
