//! Values and lengths of time in a few characters.

use crate::event::Json;

/// A length of time: `4ms`, `1.2s`, `2m05s`, `1h02m`.
pub(crate) fn length(micros: u64) -> String {
    let tenths = (micros + 50_000) / 100_000;
    let seconds = (micros + 500_000) / 1_000_000;
    match micros {
        0..500 => "0ms".to_owned(),
        500..999_500 => format!("{}ms", (micros + 500) / 1000),
        _ if tenths < 600 => format!("{}.{}s", tenths / 10, tenths % 10),
        _ if seconds < 3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => {
            let minutes = (seconds + 30) / 60;
            format!("{}h{:02}m", minutes / 60, minutes % 60)
        }
    }
}

/// A value as JSON in at most about `limit` bytes: what is longer ends in an ellipsis. Nothing beyond the
/// limit is even looked at, so a body of megabytes costs no more than a short one.
pub(crate) fn compact(value: &Json, limit: usize, ellipsis: &str) -> String {
    let mut writer = Limited {
        bytes: Vec::new(),
        limit,
    };
    let whole = serde_json::to_writer(&mut writer, value).is_ok();
    let mut text = match String::from_utf8(writer.bytes) {
        Ok(text) => text,
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let mut bytes = error.into_bytes();
            bytes.truncate(valid);
            String::from_utf8(bytes).unwrap_or_default()
        }
    };
    if !whole {
        text.push_str(ellipsis);
    }
    text
}

/// Like [`compact`], but a text that cannot be taken for anything else stands without quotes.
pub(crate) fn bare(value: &Json, limit: usize, ellipsis: &str) -> String {
    match value {
        Json::String(text)
            if text.starts_with(|c: char| c.is_ascii_alphabetic())
                && text.len() <= limit
                && text
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
                && !matches!(text.as_str(), "true" | "false" | "null") =>
        {
            text.clone()
        }
        _ => compact(value, limit, ellipsis),
    }
}

/// Takes bytes until it is full, and then stops whoever writes.
struct Limited {
    bytes: Vec<u8>,
    limit: usize,
}

impl std::io::Write for Limited {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        let room = self.limit.saturating_sub(self.bytes.len());
        let taken = room.min(buffer.len());
        self.bytes.extend_from_slice(&buffer[..taken]);
        if taken < buffer.len() {
            return Err(std::io::ErrorKind::WriteZero.into());
        }
        Ok(taken)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A point in time in UTC, to the second, from microseconds since the Unix epoch.
pub(crate) fn utc(at: i64) -> String {
    jiff::Timestamp::from_microsecond(at).map_or_else(
        |_| at.to_string(),
        |time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    )
}

/// `1 task`, `2 tasks`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lengths_round_without_a_seam() {
        let cases = [
            (0, "0ms"),
            (4_200, "4ms"),
            (999_499, "999ms"),
            (999_500, "1.0s"),
            (20_000_000, "20.0s"),
            (59_949_999, "59.9s"),
            (59_950_000, "1m00s"),
            (125_000_000, "2m05s"),
            (3_599_500_000, "1h00m"),
            (3_720_000_000, "1h02m"),
        ];
        for (micros, text) in cases {
            assert_eq!(length(micros), text, "{micros}");
        }
    }

    #[test]
    fn values_are_cut_inside_no_character() {
        assert_eq!(
            compact(&json!({"a": [1, 2.0, null]}), 80, "…"),
            r#"{"a":[1,2.0,null]}"#
        );
        assert_eq!(compact(&json!("ééééé"), 4, "…"), "\"é…");
        assert_eq!(bare(&json!("shipped"), 80, "…"), "shipped");
        assert_eq!(bare(&json!("true"), 80, "…"), "\"true\"");
        assert_eq!(bare(&json!("two words"), 80, "…"), "\"two words\"");
    }
}
