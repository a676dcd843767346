//! How two values differ: structures by path, texts line by line.

use super::status::Hue;
use super::style::{Ink, Line, Style};
use super::text::{cut_end, width};
use super::value::compact;
use crate::event::Json;
use similar::{ChangeTag, TextDiff};

/// The lines of one difference; what is more is counted.
pub(crate) const MAX_LINES: usize = 40;
/// The bytes of each text that are compared: a difference further down is found by other means.
const MAX_TEXT: usize = 64 * 1024;
/// The bytes of a value beside a path.
const VALUE_BYTES: usize = 120;
/// How deep structures are followed.
const MAX_DEPTH: usize = 64;

/// The difference of two values, a line for each, in at most `room` columns.
pub(crate) fn difference(left: &Json, right: &Json, room: usize, style: Style) -> Vec<Line> {
    match (left, right) {
        (Json::String(left), Json::String(right)) => texts(left, right, room, style),
        _ => structures(left, right, room, style),
    }
}

/// Where two structures differ.
#[derive(Clone, Debug, PartialEq)]
struct Change<'v> {
    path: String,
    left: Option<&'v Json>,
    right: Option<&'v Json>,
}

fn structures(left: &Json, right: &Json, room: usize, style: Style) -> Vec<Line> {
    let mut changes = Changes::default();
    changes.compare("$", Some(left), Some(right), 0);
    let symbols = style.symbols();
    let widest = changes
        .kept
        .iter()
        .map(|change| width(&super::text::shown(&change.path, style.unicode)))
        .max();
    let column = widest.unwrap_or(0).min(room / 2) + 2;
    let mut lines = Vec::new();
    for change in &changes.kept {
        let show = |value: Option<&Json>| {
            value.map_or_else(
                || "missing".to_owned(),
                |value| compact(value, VALUE_BYTES, symbols.ellipsis),
            )
        };
        let path = super::text::shown(&change.path, style.unicode);
        let path = super::text::cut_middle(&path, column - 2, symbols.ellipsis);
        let mut line = style.line().push(Ink::Strong, &path);
        line.pad_to(column);
        let arrow = format!(" {} ", symbols.arrow);
        // Each side gets half of what is left; what one does not need is the other's.
        let room = room.saturating_sub(column + width(&arrow));
        let (left, right) = (show(change.left), show(change.right));
        let left = super::text::shown(&left, style.unicode);
        let right = super::text::shown(&right, style.unicode);
        let left_room = (room / 2).max(room.saturating_sub(width(&right)));
        let left = cut_end(&left, left_room, symbols.ellipsis);
        let right = cut_end(&right, room.saturating_sub(width(&left)), symbols.ellipsis);
        lines.push(
            line.push(Ink::Hue(Hue::Failed), &left)
                .push(Ink::Faint, &arrow)
                .push(Ink::Hue(Hue::Passed), &right),
        );
    }
    if changes.more > 0 {
        lines.push(
            style
                .line()
                .push(Ink::Faint, &format!("+{} more", changes.more)),
        );
    }
    lines
}

#[derive(Default)]
struct Changes<'v> {
    kept: Vec<Change<'v>>,
    more: usize,
}

impl<'v> Changes<'v> {
    fn compare(
        &mut self,
        path: &str,
        left: Option<&'v Json>,
        right: Option<&'v Json>,
        depth: usize,
    ) {
        if left == right {
            return;
        }
        match (left, right) {
            (Some(Json::Object(a)), Some(Json::Object(b))) if depth < MAX_DEPTH => {
                for (key, value) in a {
                    self.compare(&member(path, key), Some(value), b.get(key), depth + 1);
                }
                for (key, value) in b.iter().filter(|(key, _)| !a.contains_key(*key)) {
                    self.compare(&member(path, key), None, Some(value), depth + 1);
                }
            }
            (Some(Json::Array(a)), Some(Json::Array(b))) if depth < MAX_DEPTH => {
                for at in 0..a.len().max(b.len()) {
                    self.compare(&format!("{path}[{at}]"), a.get(at), b.get(at), depth + 1);
                }
            }
            // `1` and `1.0` are equal to every expression.
            (Some(Json::Number(a)), Some(Json::Number(b)))
                if a.as_f64().is_some() && a.as_f64() == b.as_f64() && a.is_f64() != b.is_f64() => {
            }
            _ if self.kept.len() < MAX_LINES => self.kept.push(Change {
                path: path.to_owned(),
                left,
                right,
            }),
            _ => self.more += 1,
        }
    }
}

fn member(path: &str, key: &str) -> String {
    let plain = key.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && key.chars().all(|c| c.is_alphanumeric() || c == '_');
    if plain {
        format!("{path}.{key}")
    } else {
        format!(
            "{path}['{}']",
            key.replace('\\', "\\\\").replace('\'', "\\'")
        )
    }
}

fn texts(left: &str, right: &str, room: usize, style: Style) -> Vec<Line> {
    let ellipsis = style.symbols().ellipsis;
    if !left.contains('\n') && !right.contains('\n') {
        return one_line(left, right, room, style);
    }
    let (left, right) = (beginning(left), beginning(right));
    let diff = TextDiff::from_lines(left, right);
    let mut lines = Vec::new();
    let mut more = 0;
    for hunk in diff.unified_diff().context_radius(2).iter_hunks() {
        let header = hunk.header().to_string();
        let header = style.line().push(Ink::Faint, header.trim_end());
        push_bounded(&mut lines, &mut more, header);
        for change in hunk.iter_changes() {
            let (sign, ink) = match change.tag() {
                ChangeTag::Delete => ("-", Ink::Hue(Hue::Failed)),
                ChangeTag::Insert => ("+", Ink::Hue(Hue::Passed)),
                ChangeTag::Equal => (" ", Ink::Plain),
            };
            let text = visible(change.value().trim_end_matches('\n'), style);
            let text = cut_end(&text, room.saturating_sub(1), ellipsis);
            push_bounded(
                &mut lines,
                &mut more,
                style.line().push(ink, sign).push(ink, &text),
            );
        }
    }
    for (text, other, side) in [(left, right, "left"), (right, left, "right")] {
        if other.ends_with('\n') && !text.ends_with('\n') {
            let note = format!("\\ no line break at the end of the {side} one");
            push_bounded(&mut lines, &mut more, style.line().push(Ink::Faint, &note));
        }
    }
    if more > 0 {
        lines.push(style.line().push(Ink::Faint, &format!("+{more} more")));
    }
    lines
}

/// A text in which the spaces at its end can be seen.
fn visible(text: &str, style: Style) -> String {
    let body = text.trim_end_matches(' ');
    let spaces = text.len() - body.len();
    let body = super::text::shown(body, style.unicode);
    format!("{body}{}", r"\x20".repeat(spaces))
}

fn push_bounded(lines: &mut Vec<Line>, more: &mut usize, line: Line) {
    if lines.len() < MAX_LINES {
        lines.push(line);
    } else {
        *more += 1;
    }
}

/// Two long texts of one line each: from shortly before the first difference on.
fn one_line(left: &str, right: &str, room: usize, style: Style) -> Vec<Line> {
    const BEFORE: usize = 16;
    let ellipsis = style.symbols().ellipsis;
    let same = left
        .chars()
        .zip(right.chars())
        .take_while(|(a, b)| a == b)
        .count();
    let from = same.saturating_sub(BEFORE);
    let mut lines = Vec::new();
    if from > 0 {
        let text = format!("{ellipsis} the same up to character {same}");
        lines.push(style.line().push(Ink::Faint, &text));
    }
    for (sign, text, hue) in [("-", left, Hue::Failed), ("+", right, Hue::Passed)] {
        let start: String = text.chars().skip(from).take(room.min(400) + 1).collect();
        let start = visible(&start, style);
        let lead = if from > 0 { ellipsis } else { "" };
        let start = cut_end(
            &start,
            room.saturating_sub(1 + width(lead)).min(400),
            ellipsis,
        );
        lines.push(
            style
                .line()
                .push(Ink::Hue(hue), sign)
                .push(Ink::Faint, lead)
                .push(Ink::Hue(hue), &start),
        );
    }
    lines
}

fn beginning(text: &str) -> &str {
    let mut end = text.len().min(MAX_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn lines(left: &Json, right: &Json, room: usize) -> Vec<String> {
        difference(left, right, room, Style::plain())
            .iter()
            .map(|line| {
                let mut out = String::new();
                line.write_open(&mut out);
                assert!(width(&out) <= room, "{out:?}");
                out
            })
            .collect()
    }

    #[test]
    fn structures_differ_by_path() {
        let left = json!({"items": [{"price": 10}, {"price": 2}], "a b": 1, "gone": null});
        let right = json!({"items": [{"price": 9.5}, {"price": 2.0}, 7], "a b": 2});
        assert_eq!(
            lines(&left, &right, 60),
            [
                "$.items[0].price  10 → 9.5",
                "$.items[2]        missing → 7",
                "$['a b']          1 → 2",
                "$.gone            null → missing",
            ]
        );
    }

    #[test]
    fn many_changes_are_counted() {
        let left: Json = (0..100).collect();
        let right: Json = (1..101).collect();
        let found = lines(&left, &right, 80);
        assert_eq!(found.len(), MAX_LINES + 1);
        assert_eq!(found[MAX_LINES], "+60 more");
    }

    #[test]
    fn texts_differ_by_line() {
        let left = json!("one\ntwo\nthree\n");
        let right = json!("one\n2\nthree\n");
        assert_eq!(
            lines(&left, &right, 30),
            ["@@ -1,3 +1,3 @@", " one", "-two", "+2", " three"]
        );
    }

    #[test]
    fn spaces_and_line_breaks_at_the_end_are_seen() {
        assert_eq!(
            lines(&json!("one\ntwo  \n"), &json!("one\ntwo"), 60),
            [
                "@@ -1,2 +1,2 @@",
                " one",
                r"-two\x20\x20",
                "+two",
                r"\ no line break at the end of the right one"
            ]
        );
    }

    #[test]
    fn long_lines_are_shown_where_they_differ() {
        let left = json!(format!("{}b", "a".repeat(100)));
        let right = json!(format!("{}c", "a".repeat(100)));
        assert_eq!(
            lines(&left, &right, 30),
            [
                "… the same up to character 100",
                "-…aaaaaaaaaaaaaaaab",
                "+…aaaaaaaaaaaaaaaac"
            ]
        );
    }
}
