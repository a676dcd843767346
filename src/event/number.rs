//! Numbers by their mathematical value.
//!
//! Nothing is rounded and nothing is "near enough": `1` equals `1.0`, and 3e-17 is not 0. An integer and a
//! float are compared without making one kind of the other: a float of 2⁵³ and more has neighbours that an
//! integer can tell apart, and a fraction is lost in an integer.

use super::Json;
use serde_json::Number;
use std::cmp::Ordering;

/// 2¹²⁷: the least float above all `i128`.
const ABOVE_INTEGERS: f64 = 170_141_183_460_469_231_731_687_303_715_884_105_728.0;

/// The order of two JSON numbers. There always is one, as JSON has no NaN.
#[must_use]
pub fn order(left: &Number, right: &Number) -> Option<Ordering> {
    match (integer(left), integer(right)) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        (Some(left), None) => order_int_float(left, right.as_f64()?),
        (None, Some(right)) => order_int_float(right, left.as_f64()?).map(Ordering::reverse),
        (None, None) => order_floats(left.as_f64()?, right.as_f64()?),
    }
}

/// Whether two JSON numbers are the same number, however they are written.
#[must_use]
pub fn equal(left: &Number, right: &Number) -> bool {
    order(left, right) == Some(Ordering::Equal)
}

/// How an integer stands to a float; `None` for NaN.
#[must_use]
pub fn order_int_float(integer: i128, float: f64) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    if float >= ABOVE_INTEGERS {
        return Some(Ordering::Less);
    }
    if float < -ABOVE_INTEGERS {
        return Some(Ordering::Greater);
    }
    // Both parts are exact: what is in range fits, and a float that has a fraction is below 2⁵³.
    let whole = integer.cmp(&(float.trunc() as i128));
    Some(whole.then_with(|| order_floats(0.0, float.fract()).unwrap_or(Ordering::Equal)))
}

/// The order of two floats; `None` if one is NaN. No tolerance, and `-0.0` is `0.0`.
#[must_use]
pub fn order_floats(left: f64, right: f64) -> Option<Ordering> {
    left.partial_cmp(&right)
}

/// A cell of a table: typed only where it is exactly a bool, or a number as JSON writes it. `01`, `1.10` and `1e3` stay
/// the texts that they are.
#[must_use]
pub fn typed(cell: &str) -> Json {
    let typed = serde_json::from_str::<Json>(cell).ok();
    typed
        .filter(|typed| typed.is_boolean() || typed.is_number())
        .filter(|typed| serde_json::to_string(typed).is_ok_and(|text| text == cell))
        .unwrap_or_else(|| Json::String(cell.to_owned()))
}

fn integer(number: &Number) -> Option<i128> {
    number
        .as_i64()
        .map(i128::from)
        .or_else(|| number.as_u64().map(i128::from))
}

/// Whether two JSON values are the same: numbers by value, maps in whatever order.
#[must_use]
pub fn equal_json(left: &Json, right: &Json) -> bool {
    equal_json_within(left, right, &mut usize::MAX.clone()) == Some(true)
}

/// [`equal_json`] that takes from `room` one for each pair of values that it looks at, and one for each
/// KiB of text; `None`: there was not enough.
#[must_use]
pub fn equal_json_within(left: &Json, right: &Json, room: &mut usize) -> Option<bool> {
    let texts = match (left, right) {
        (Json::String(left), Json::String(right)) => left.len().min(right.len()) / 1024,
        _ => 0,
    };
    *room = room.checked_sub(1 + texts)?;
    match (left, right) {
        (Json::Number(left), Json::Number(right)) => Some(equal(left, right)),
        (Json::Array(left), Json::Array(right)) if left.len() == right.len() => {
            for (left, right) in left.iter().zip(right) {
                if !equal_json_within(left, right, room)? {
                    return Some(false);
                }
            }
            Some(true)
        }
        (Json::Object(left), Json::Object(right)) if left.len() == right.len() => {
            for (key, left) in left {
                let Some(right) = right.get(key) else {
                    return Some(false);
                };
                if !equal_json_within(left, right, room)? {
                    return Some(false);
                }
            }
            Some(true)
        }
        // Lists and maps of other lengths, and different types.
        (Json::Array(_) | Json::Object(_), _) => Some(false),
        _ => Some(left == right),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn number(text: &str) -> Number {
        serde_json::from_str(text).unwrap()
    }

    /// A number as sign, digits before the point and digits behind it, all of them: a float of Rust prints
    /// its exact value when asked for as many digits as it can have.
    fn exact(number: &Number) -> (bool, String, String) {
        let text = if number.is_f64() {
            format!("{:.1100}", number.as_f64().unwrap())
        } else {
            format!("{number}.0")
        };
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest.to_owned()),
            None => (false, text),
        };
        let (whole, fraction) = text.split_once('.').unwrap();
        let whole = whole.trim_start_matches('0').to_owned();
        let fraction = fraction.trim_end_matches('0').to_owned();
        (
            negative && !(whole.is_empty() && fraction.is_empty()),
            whole,
            fraction,
        )
    }

    /// The order by pen and paper.
    fn reference(left: &Number, right: &Number) -> Ordering {
        let (left, right) = (exact(left), exact(right));
        let size = (left.1.len(), &left.1, &left.2).cmp(&(right.1.len(), &right.1, &right.2));
        match (left.0, right.0) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (true, true) => size.reverse(),
            (false, false) => size,
        }
    }

    #[test]
    fn what_differs_is_different_however_little() {
        for (left, right) in [
            ("0", "3e-17"),
            ("0.30000000000000004", "0.3"),
            ("9007199254740993", "9007199254740992.0"),
            ("18446744073709551615", "18446744073709551616.0"),
            ("18446744073709551614", "18446744073709551615"),
            ("-9223372036854775808", "-9223372036854777856.0"),
            ("1", "1e300"),
            ("-1e300", "-9223372036854775808"),
            ("5e-324", "0"),
            ("2", "2.5"),
            ("-2", "-2.5"),
        ] {
            let (left, right) = (number(left), number(right));
            assert!(!equal(&left, &right), "{left} {right}");
            assert_eq!(
                order(&left, &right),
                Some(reference(&left, &right)),
                "{left} {right}"
            );
        }
    }

    #[test]
    fn how_a_number_is_written_does_not_matter() {
        for (left, right) in [
            ("1", "1.0"),
            ("100", "1e2"),
            ("0", "-0.0"),
            ("9007199254740992", "9007199254740992.0"),
            ("-9223372036854775808", "-9223372036854775808.0"),
            ("9223372036854775808", "9223372036854775808.0"),
        ] {
            assert!(equal(&number(left), &number(right)), "{left} {right}");
        }
        assert!(equal_json(
            &json!({ "a": [1, { "b": 2.0 }], "c": null }),
            &json!({ "c": null, "a": [1.0, { "b": 2 }] })
        ));
        for (left, right) in [
            (json!([1, 2]), json!([1])),
            (json!({ "a": 1 }), json!({ "b": 1 })),
            (json!({ "a": null }), json!({})),
            (json!([]), json!({})),
            (json!(1), json!("1")),
            (json!(0), json!(false)),
            (json!([[3e-17]]), json!([[0]])),
        ] {
            assert!(!equal_json(&left, &right), "{left} {right}");
        }
    }

    #[test]
    fn primitive_numbers_have_limits_too() {
        assert_eq!(order_int_float(0, f64::NAN), None);
        assert_eq!(order_floats(f64::NAN, 0.0), None);
        assert_eq!(
            order_int_float(i128::MAX, f64::INFINITY),
            Some(Ordering::Less)
        );
        assert_eq!(
            order_int_float(i128::MIN, f64::NEG_INFINITY),
            Some(Ordering::Greater)
        );
        assert_eq!(
            order_int_float(i128::MAX, ABOVE_INTEGERS),
            Some(Ordering::Less)
        );
        assert_eq!(
            order_int_float(i128::MIN, -ABOVE_INTEGERS),
            Some(Ordering::Equal)
        );
    }

    #[test]
    fn a_comparison_stops_where_its_room_ends() {
        let long = json!([1, [2, 3], "x".repeat(5000)]);
        assert_eq!(equal_json_within(&long, &long, &mut 10), Some(true));
        assert_eq!(equal_json_within(&long, &long, &mut 9), None);
        assert_eq!(equal_json_within(&long, &json!([]), &mut 1), Some(false));
    }

    fn numbers() -> impl Strategy<Value = Number> {
        let float = |value: f64| Number::from_f64(value).unwrap_or_else(|| 0.into());
        prop_oneof![
            any::<i64>().prop_map(Number::from),
            any::<u64>().prop_map(Number::from),
            any::<f64>().prop_map(float),
            // Neighbours of each other, as integers and as floats.
            (any::<u64>(), -3_i64..=3)
                .prop_map(|(at, off)| at.saturating_add_signed(off >> 1).into()),
            (-3_i64..=3).prop_map(Number::from),
            (-12_i32..=12).prop_map(move |quarters| float(f64::from(quarters) / 4.0)),
            (0_u32..64, -2_i64..=2)
                .prop_map(|(bits, off)| (1_u64 << bits).saturating_add_signed(off).into()),
            (0_u32..130, -2_i64..=2).prop_map(move |(bits, ulps)| {
                let power = f64::from(2).powi(bits as i32).to_bits();
                float(f64::from_bits(power.saturating_add_signed(ulps)))
            }),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn the_order_is_that_of_all_their_digits(left in numbers(), right in numbers()) {
            prop_assert_eq!(order(&left, &right), Some(reference(&left, &right)));
            prop_assert_eq!(order(&right, &left), Some(reference(&right, &left)));
            // The same number as the other kind, where it has one.
            if let Some(whole) = integer(&left) {
                let float = whole as f64;
                let same = whole == float as i128;
                prop_assert_eq!(order_int_float(whole, float) == Some(Ordering::Equal), same);
            }
        }
    }
}
