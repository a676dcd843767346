//! `+ - * / % **` and shifts. Overflow, division by zero and results that are no number are errors.

use super::lazy;
use super::ops::{Fault, Type, as_time, items, members, shown, sized, text};
use jiff::{SignedDuration, Timestamp};
use rhai::Dynamic;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
    ShiftLeft,
    ShiftRight,
}

impl Arithmetic {
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
            Self::Power => "**",
            Self::ShiftLeft => "<<",
            Self::ShiftRight => ">>",
        }
    }
}

pub(super) fn calculate(
    how: Arithmetic,
    left: &Dynamic,
    right: &Dynamic,
) -> Result<Dynamic, Fault> {
    if let (Ok(l), Ok(r)) = (left.as_int(), right.as_int()) {
        return integers(how, l, r).map(Dynamic::from);
    }
    let (left_type, right_type) = (Type::of(left), Type::of(right));
    match (left_type, right_type) {
        (Type::Null, _) | (_, Type::Null) => Err(missing(how, left, right)),
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
        (Type::Text, _) | (_, Type::Text) if how == Arithmetic::Add => {
            match times(how, left, right) {
                Ok(time) => Ok(time),
                Err(_) => add(left, right),
            }
        }
        (Type::Time | Type::Duration, _) | (_, Type::Time | Type::Duration) => {
            times(how, left, right)
        }
        (Type::Text, Type::Text) if how == Arithmetic::Subtract && as_time(left).is_some() => {
            times(how, left, right)
        }
        _ if how == Arithmetic::Add => add(left, right),
        _ => Err(refused(how, left, right)),
    }
}

pub(super) fn negate(value: &Dynamic) -> Result<Dynamic, Fault> {
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

fn missing(how: Arithmetic, left: &Dynamic, right: &Dynamic) -> Fault {
    let side = match (left.is_unit(), right.is_unit()) {
        (true, true) => "both are",
        (true, false) => "the left one is",
        _ => "the right one is",
    };
    Fault::new(format!(
        "`{}` needs a value on both sides, {side} missing",
        how.symbol()
    ))
    .hint("give one with `??`")
}

fn refused(how: Arithmetic, left: &Dynamic, right: &Dynamic) -> Fault {
    Fault::new(format!(
        "`{}` cannot be applied to {} and {}",
        how.symbol(),
        shown(left),
        shown(right)
    ))
}

fn integers(how: Arithmetic, l: i64, r: i64) -> Result<i64, Fault> {
    let result = match how {
        Arithmetic::Add => l.checked_add(r),
        Arithmetic::Subtract => l.checked_sub(r),
        Arithmetic::Multiply => l.checked_mul(r),
        Arithmetic::Divide | Arithmetic::Remainder if r == 0 => {
            return Err(Fault::new(format!("`{}`: division by zero", how.symbol())));
        }
        Arithmetic::Divide => l.checked_div(r),
        Arithmetic::Remainder => l.checked_rem(r),
        Arithmetic::Power => {
            let exponent = u32::try_from(r).map_err(|_| {
                Fault::new(format!("`**`: {r} is no exponent of an integer"))
                    .hint("an exponent is 0 or above; make the base a float")
            })?;
            l.checked_pow(exponent)
        }
        Arithmetic::ShiftLeft | Arithmetic::ShiftRight => {
            let amount = u32::try_from(r)
                .ok()
                .filter(|amount| *amount < 64)
                .ok_or_else(|| {
                    Fault::new(format!(
                        "`{}`: an integer has 64 bits, it cannot be shifted by {r}",
                        how.symbol()
                    ))
                })?;
            Some(if how == Arithmetic::ShiftLeft {
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

fn floats(how: Arithmetic, l: f64, r: f64) -> Result<f64, Fault> {
    let result = match how {
        Arithmetic::Add => l + r,
        Arithmetic::Subtract => l - r,
        Arithmetic::Multiply => l * r,
        Arithmetic::Divide | Arithmetic::Remainder if r == 0.0 => {
            return Err(Fault::new(format!("`{}`: division by zero", how.symbol())));
        }
        Arithmetic::Divide => l / r,
        Arithmetic::Remainder => l % r,
        Arithmetic::Power => l.powf(r),
        Arithmetic::ShiftLeft | Arithmetic::ShiftRight => {
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
            let mut joined = text(left);
            joined.push_str(&text(right));
            sized(joined.into())
        }
        _ => Err(refused(Arithmetic::Add, left, right)),
    }
}

fn times(how: Arithmetic, left: &Dynamic, right: &Dynamic) -> Result<Dynamic, Fault> {
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
        (Arithmetic::Add, Some(l), Some(r)) => duration(l.checked_add(r)),
        (Arithmetic::Subtract, Some(l), Some(r)) => duration(l.checked_sub(r)),
        (Arithmetic::Add, None, Some(r)) if as_time(left).is_some() => {
            time(as_time(left).unwrap_or_default().checked_add(r))
        }
        (Arithmetic::Add, Some(l), None) if as_time(right).is_some() => {
            time(as_time(right).unwrap_or_default().checked_add(l))
        }
        (Arithmetic::Subtract, None, Some(r)) if as_time(left).is_some() => {
            time(as_time(left).unwrap_or_default().checked_sub(r))
        }
        (Arithmetic::Subtract, None, None) => match (as_time(left), as_time(right)) {
            (Some(l), Some(r)) => Ok(Dynamic::from(l.duration_since(r))),
            _ => Err(refused(how, left, right)),
        },
        (Arithmetic::Multiply, Some(l), None) => {
            scale(l, right).ok_or_else(|| refused(how, left, right))
        }
        (Arithmetic::Multiply, None, Some(r)) => {
            scale(r, left).ok_or_else(|| refused(how, left, right))
        }
        (Arithmetic::Divide, Some(l), None) => match right.as_int() {
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
pub(super) fn bits(symbol: &str, left: &Dynamic, right: &Dynamic) -> Result<Dynamic, Fault> {
    if let (Ok(l), Ok(r)) = (left.as_int(), right.as_int()) {
        return Ok(match symbol {
            "&" => l & r,
            "|" => l | r,
            _ => l ^ r,
        }
        .into());
    }
    if let (Ok(l), Ok(r)) = (left.as_bool(), right.as_bool()) {
        return Ok(match symbol {
            "&" => l & r,
            "|" => l | r,
            _ => l ^ r,
        }
        .into());
    }
    Err(Fault::new(format!(
        "`{symbol}` needs two integers or two bools, not {} and {}",
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
