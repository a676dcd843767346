//! Whether a request is the one that was recorded, although the clock shows another time.

use crate::event::Json;
use jiff::{SignedDuration, Timestamp};

/// A machine is never that much faster or slower than it was.
const NEAR: SignedDuration = SignedDuration::from_mins(1);

/// Equal, apart from times of day that are near each other: `now()` is a little later each time.
pub(super) fn is_same_request(one: &Json, other: &Json) -> bool {
    match (one, other) {
        (Json::String(one), Json::String(other)) => one == other || are_same_texts(one, other),
        (Json::Array(one), Json::Array(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .zip(other)
                    .all(|(one, other)| is_same_request(one, other))
        }
        (Json::Object(one), Json::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, one)| {
                    other
                        .get(key)
                        .is_some_and(|other| is_same_request(one, other))
                })
        }
        _ => one == other,
    }
}

fn are_same_texts(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one, other);
    loop {
        match (next_time(one), next_time(other)) {
            (Some((before, at, rest)), Some((other_before, other_at, other_rest))) => {
                if before != other_before || at.duration_since(other_at).abs() > NEAR {
                    return false;
                }
                (one, other) = (rest, other_rest);
            }
            _ => return one == other,
        }
    }
}

/// What stands before the first time of a text, that time, and what stands behind it.
fn next_time(text: &str) -> Option<(&str, Timestamp, &str)> {
    let part = |byte: &u8| byte.is_ascii_digit() || b"-:.TZ+%".contains(byte);
    for (at, _) in text.match_indices('T') {
        let Some(from) = at.checked_sub(10) else {
            continue;
        };
        let Some(candidate) = text.get(from..) else {
            continue;
        };
        let length = candidate.bytes().take_while(|byte| part(byte)).count();
        // A `.` may end a sentence.
        let written = candidate[..length].trim_end_matches(['.', '-']);
        if let Ok(time) = written.replace("%3A", ":").parse() {
            return Some((&text[..from], time, &candidate[written.len()..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_near_times_are_alike() {
        let now =
            json!({ "at": "2026-11-24T14:00:00.5Z", "url": "/since/2026-11-24T14:00:00Z?x=1" });
        let later =
            json!({ "at": "2026-11-24T14:00:01Z", "url": "/since/2026-11-24T14:00:00.25Z?x=1" });
        assert!(is_same_request(&now, &later));
        for other in [
            json!({ "at": "2026-11-25T14:00:00.5Z", "url": "/since/2026-11-24T14:00:00Z?x=1" }),
            json!({ "at": "2026-11-24T14:00:00.5Z", "url": "/since/2026-11-24T14:00:00Z?x=2" }),
            json!({ "at": "2026-11-24T14:00:00.5Z" }),
            json!({ "at": "T", "url": "" }),
        ] {
            assert!(!is_same_request(&now, &other), "{other}");
        }
        assert!(is_same_request(
            &json!(["T", 1, null]),
            &json!(["T", 1, null])
        ));
    }
}
