use serde_json::Number;

/// What a plain scalar is after YAML 1.2's core schema, with one change: a number with a leading zero
/// (`007`, a postcode) is a text.
#[derive(Debug, PartialEq)]
pub(super) enum Resolved {
    /// `null`, `~` or nothing.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// An integer that 64 bits cannot hold, or a float beyond every float.
    TooLarge,
    /// `.nan`, `.inf`.
    NotFinite,
    /// Anything else.
    Text,
}

/// Resolves a plain scalar.
pub(super) fn resolve(text: &str) -> Resolved {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Resolved::Null,
        "true" | "True" | "TRUE" => return Resolved::Bool(true),
        "false" | "False" | "FALSE" => return Resolved::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Resolved::NotFinite,
        _ => {}
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Resolved::NotFinite;
    }
    let first = unsigned.as_bytes().first();
    if !first.is_some_and(|byte| byte.is_ascii_digit() || *byte == b'.') {
        return Resolved::Text;
    }
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(hex) = text.strip_prefix("0x")
        && !hex.is_empty()
        && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
    {
        return integer(u64::from_str_radix(hex, 16).ok());
    }
    if let Some(octal) = text.strip_prefix("0o")
        && !octal.is_empty()
        && octal.bytes().all(|byte| matches!(byte, b'0'..=b'7'))
    {
        return integer(u64::from_str_radix(octal, 8).ok());
    }
    if unsigned.len() > 1 && unsigned.starts_with('0') && unsigned.as_bytes()[1].is_ascii_digit() {
        return Resolved::Text;
    }
    if digits(unsigned) {
        return if text.starts_with('-') {
            match text.parse::<i64>() {
                Ok(value) => Resolved::Number(value.into()),
                Err(_) => Resolved::TooLarge,
            }
        } else {
            integer(unsigned.parse().ok())
        };
    }
    if !is_float(unsigned) {
        return Resolved::Text;
    }
    text.parse::<f64>()
        .ok()
        .and_then(Number::from_f64)
        .map_or(Resolved::TooLarge, Resolved::Number)
}

fn integer(value: Option<u64>) -> Resolved {
    value.map_or(Resolved::TooLarge, |value| Resolved::Number(value.into()))
}

/// `(\.[0-9]+ | [0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_float(unsigned: &str) -> bool {
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent_ok = exponent.is_none_or(|text| {
        let text = text.strip_prefix(['-', '+']).unwrap_or(text);
        !text.is_empty() && digits(text)
    });
    digits(whole) && digits(fraction) && (!whole.is_empty() || !fraction.is_empty()) && exponent_ok
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_core_schema() {
        let number = |text: &str| match resolve(text) {
            Resolved::Number(number) => number.to_string(),
            other => format!("{other:?}"),
        };
        for (text, want) in [
            ("12", "12"),
            ("-7", "-7"),
            ("+3", "3"),
            ("0", "0"),
            ("0x1F", "31"),
            ("0o17", "15"),
            ("1.10", "1.1"),
            (".5", "0.5"),
            ("5.", "5.0"),
            ("1e3", "1000.0"),
            ("-1.5E-2", "-0.015"),
            ("18446744073709551615", "18446744073709551615"),
            ("-9223372036854775808", "-9223372036854775808"),
        ] {
            assert_eq!(number(text), want, "{text}");
        }
        for text in [
            "yes",
            "no",
            "on",
            "off",
            "22:22",
            "007",
            "-01",
            "1.2.3",
            "1_000",
            ".",
            "1e",
            "e5",
            "0x",
            "0xg",
            "--1",
            "+",
            "nan",
            "inf",
            "y",
            "00.5",
            "2024-01-01",
            "nUll",
        ] {
            assert_eq!(resolve(text), Resolved::Text, "{text}");
        }
        assert_eq!(resolve("18446744073709551616"), Resolved::TooLarge);
        assert_eq!(resolve("-9223372036854775809"), Resolved::TooLarge);
        assert_eq!(resolve("0xFFFFFFFFFFFFFFFFF"), Resolved::TooLarge);
        assert_eq!(resolve("1e999"), Resolved::TooLarge);
        assert_eq!(resolve("-.inf"), Resolved::NotFinite);
        assert_eq!(resolve(".NaN"), Resolved::NotFinite);
        assert_eq!(resolve("~"), Resolved::Null);
    }
}
