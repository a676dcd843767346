//! The one grammar of amounts of bytes: `500MB`, `1.5GB`, `2GiB`. A unit is a row of [`UNITS`].

/// The units, in bytes. Those of a thousand are what reports show, those of 1024 may be written.
const UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Reads an amount of bytes: `500MB`, `1.5GB`, `2GiB`, in any case.
///
/// # Errors
/// What is wrong and what to write instead, one sentence without a full stop.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let trimmed = text.trim();
    let end = trimmed
        .find(|one: char| !(one.is_ascii_digit() || one == '.'))
        .unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(end);
    let unit = unit.trim_start();
    let Some(number) = number.parse::<f64>().ok() else {
        return Err(format!(
            "`{text}` is no amount of bytes: write `500MB` or `1GB`"
        ));
    };
    if unit.is_empty() {
        return Err(format!(
            "`{text}` has no unit: write `{number}MB` or `{number}GB`"
        ));
    }
    let known = UNITS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit));
    let Some((_, bytes)) = known else {
        return Err(format!(
            "there is no unit `{unit}`: write kB, MB, GB or TB, or KiB, MiB, GiB or TiB"
        ));
    };
    let size = number * *bytes as f64;
    if size < 1e18 {
        Ok(size as u64)
    } else {
        Err(format!("`{text}` is more than any disk has: write `1GB`"))
    }
}

/// What an amount of bytes looks like, as a regular expression without anchors.
#[must_use]
pub fn size_pattern() -> String {
    let units: Vec<String> = (UNITS.iter())
        .map(|(unit, _)| {
            unit.chars()
                .map(|one| format!("[{}{}]", one.to_ascii_uppercase(), one.to_ascii_lowercase()))
                .collect()
        })
        .collect();
    format!(r"[0-9]+(\.[0-9]+)? *({})", units.join("|"))
}

/// An amount of bytes for people: `1.5 GB`.
#[must_use]
pub fn size_text(bytes: u64) -> String {
    let mut shown = (bytes as f64, "B");
    for (unit, size) in &UNITS[..5] {
        if bytes >= *size {
            shown = (bytes as f64 / *size as f64, unit);
        }
    }
    match shown {
        (_, "B") => format!("{bytes} B"),
        (value, unit) => format!("{value:.1} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_shown() {
        for (text, bytes) in [
            ("1GB", 1_000_000_000),
            ("1.5 mb", 1_500_000),
            ("2GiB", 2 << 30),
            ("10B", 10),
            ("0kB", 0),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
            let pattern = regex::Regex::new(&format!("^{}$", size_pattern())).unwrap();
            assert!(pattern.is_match(text), "{text}");
        }
        for (text, says) in [
            ("", "is no amount of bytes"),
            ("GB", "is no amount of bytes"),
            ("1.2.3GB", "is no amount of bytes"),
            ("500", "write `500MB`"),
            ("1XB", "no unit `XB`"),
            ("-1GB", "is no amount of bytes"),
            ("99999999999TB", "more than any disk has"),
        ] {
            let error = parse_size(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
        let shown = [0, 999, 1_000, 1_550_000, 2_000_000_000, 3 << 40].map(size_text);
        assert_eq!(
            shown,
            ["0 B", "999 B", "1.0 kB", "1.6 MB", "2.0 GB", "3.3 TB"]
        );
    }
}
