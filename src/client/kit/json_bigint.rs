//! JSON whose integers stay exact: one beyond 64 bits is kept as its text instead of becoming a float.

use super::json_tree::{self, JsonError, Room};
use crate::event::{Failure, Json};

/// Fewer digits always fit into 64 bits, with or without a sign.
const LONG: usize = 19;

/// Parses JSON. An integer that does not fit into 64 bits becomes a text of its digits.
///
/// # Errors
/// When it is no JSON, or its values do not fit into the room.
pub(crate) fn parse(bytes: &[u8], room: &Room) -> Result<Json, JsonError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if !has_long_digits(bytes) {
        return json_tree::parse(bytes, room);
    }
    match quote_long_integers(bytes) {
        Some(quoted) => json_tree::parse(&quoted, room),
        None => json_tree::parse(bytes, room),
    }
}

/// A message's body: parsed where it is JSON, else the text. `of`: what it is the body of.
///
/// # Errors
/// When its values do not fit into the room.
pub(in crate::client) fn parse_or_text(
    text: &str,
    room: &Room,
    of: impl FnOnce() -> String,
) -> Result<Json, Failure> {
    match parse(text.as_bytes(), room) {
        Ok(value) => Ok(value),
        Err(JsonError::Malformed(_)) => Ok(Json::String(text.to_owned())),
        Err(JsonError::TooLarge(limit)) => Err(json_tree::too_large(&of(), limit)),
    }
}

/// Whether a run of [`LONG`] digits stands anywhere. Looks at one byte in [`LONG`] as long as there are
/// none, so that it costs next to nothing.
fn has_long_digits(bytes: &[u8]) -> bool {
    let mut at = LONG - 1;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += LONG;
            continue;
        }
        let before = bytes[..at]
            .iter()
            .rev()
            .take(LONG)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let after = bytes[at..]
            .iter()
            .take(LONG)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if before + after >= LONG {
            return true;
        }
        at += after + LONG - 1;
    }
    false
}

/// The same JSON with quotes around every integer that does not fit, or `None` if all do.
fn quote_long_integers(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut copied = 0;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = after_string(bytes, at + 1),
            b'-' | b'0'..=b'9' => {
                let end = at
                    + bytes[at..]
                        .iter()
                        .take_while(|byte| {
                            matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')
                        })
                        .count();
                if !fits(&bytes[at..end]) {
                    out.extend_from_slice(&bytes[copied..at]);
                    out.push(b'"');
                    out.extend_from_slice(&bytes[at..end]);
                    out.push(b'"');
                    copied = end;
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    if copied == 0 {
        return None;
    }
    out.extend_from_slice(&bytes[copied..]);
    Some(out)
}

fn after_string(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() {
        match bytes[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    at
}

/// False for a well-formed integer beyond 64 bits. What is malformed is left to the parser.
fn fits(number: &[u8]) -> bool {
    let digits = number.strip_prefix(b"-").unwrap_or(number);
    if digits.len() < LONG || digits[0] == b'0' || !digits.iter().all(u8::is_ascii_digit) {
        return true;
    }
    let Ok(text) = std::str::from_utf8(number) else {
        return true;
    };
    text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn parse(bytes: &[u8]) -> Result<Json, JsonError> {
        super::parse(bytes, &Room::default())
    }

    #[test]
    fn integers_beyond_64_bits_keep_their_digits() {
        let parsed = parse(
            br#"{"a":18446744073709551615,"b":18446744073709551616,"c":[-9223372036854775808,-9223372036854775809],
                "d":"99999999999999999999","99999999999999999999":"\\\"99999999999999999999"}"#,
        )
        .unwrap();
        assert_eq!(parsed["a"], json!(u64::MAX));
        assert_eq!(parsed["b"], json!("18446744073709551616"));
        assert_eq!(
            parsed["c"],
            json!([i64::MIN, "-9223372036854775809".to_owned()])
        );
        assert_eq!(parsed["d"], json!("99999999999999999999"));
        assert_eq!(
            parsed["99999999999999999999"],
            json!("\\\"99999999999999999999")
        );
        assert_eq!(
            parse(b"123456789012345678901234567890").unwrap(),
            json!("123456789012345678901234567890")
        );
    }

    #[test]
    fn floats_and_mistakes_stay_what_they_are() {
        assert_eq!(parse(b"[1.00000000000000000000001]").unwrap(), json!([1.0]));
        assert_eq!(parse(b"[1e19]").unwrap(), json!([1e19]));
        assert!(parse(b"[00000000000000000000001]").is_err());
        assert!(parse(b"[99999999999999999999x]").is_err());
        assert!(parse(b"\"99999999999999999999").is_err());
        assert_eq!(parse(b"\xef\xbb\xbf{}").unwrap(), json!({}));
    }

    proptest! {
        #[test]
        fn agrees_with_serde_where_all_fits(value in any::<Vec<(String, u64, i64, f64)>>()) {
            let text = serde_json::to_vec(&value).unwrap();
            prop_assert_eq!(
                parse(&text).unwrap(),
                serde_json::from_slice::<Json>(&text).unwrap()
            );
        }

        #[test]
        fn finds_every_long_run(before in "[a-z]{0,40}", digits in "[1-9][0-9]{17,24}", after in "[a-z]{0,40}") {
            let text = format!("{before}{digits}{after}");
            prop_assert_eq!(has_long_digits(text.as_bytes()), digits.len() >= LONG);
        }
    }
}
