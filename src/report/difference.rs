//! How two values differ: structures by path, texts line by line.

use super::status::Hue;
use super::style::{Ink, Line, Style};
use super::text::{cut_end, width};
use super::value::compact;
use crate::event::{Change, DiffLine, Difference, Json, Parts};

/// The bytes of a value beside a path.
const VALUE_BYTES: usize = 120;

/// The difference of two values, a line for each part of it, in at most `room` columns.
pub(crate) fn difference(difference: &Difference, room: usize, style: Style) -> Vec<Line> {
    let mut lines = match &difference.parts {
        Parts::Paths(changes) => paths(changes, room, style),
        Parts::Lines(lines) => lines.iter().map(|line| text(line, room, style)).collect(),
        Parts::Line {
            same,
            skipped,
            left,
            right,
        } => one_line((*same, *skipped), left, right, room, style),
    };
    if difference.more > 0 {
        let more = format!("+{} more", difference.more);
        lines.push(style.line().push(Ink::Faint, &more));
    }
    lines
}

fn paths(changes: &[Change], room: usize, style: Style) -> Vec<Line> {
    let symbols = style.symbols();
    let widest = changes
        .iter()
        .map(|change| width(&super::text::printable(&change.path, style.unicode)))
        .max();
    let column = widest.unwrap_or(0).min(room / 2) + 2;
    let mut lines = Vec::new();
    for change in changes {
        let show = |value: Option<&Json>| {
            value.map_or_else(
                || "missing".to_owned(),
                |value| compact(value, VALUE_BYTES, symbols.ellipsis),
            )
        };
        let path = super::text::printable(&change.path, style.unicode);
        let path = super::text::cut_middle(&path, column - 2, symbols.ellipsis);
        let mut line = style.line().push(Ink::Strong, &path);
        line.pad_to(column);
        let arrow = format!(" {} ", symbols.arrow);
        // Each side gets half of what is left; what one does not need is the other's.
        let room = room.saturating_sub(column + width(&arrow));
        let (left, right) = (show(change.left.as_ref()), show(change.right.as_ref()));
        let left = super::text::printable(&left, style.unicode);
        let right = super::text::printable(&right, style.unicode);
        let left_room = (room / 2).max(room.saturating_sub(width(&right)));
        let left = cut_end(&left, left_room, symbols.ellipsis);
        let right = cut_end(&right, room.saturating_sub(width(&left)), symbols.ellipsis);
        lines.push(
            line.push(Ink::Hue(Hue::Failed), &left)
                .push(Ink::Faint, &arrow)
                .push(Ink::Hue(Hue::Passed), &right),
        );
    }
    lines
}

fn text(line: &DiffLine, room: usize, style: Style) -> Line {
    let (sign, ink, text) = match line {
        DiffLine::Hunk(text) | DiffLine::Note(text) => {
            return style.line().push(Ink::Faint, text);
        }
        DiffLine::Removed(text) => ("-", Ink::Hue(Hue::Failed), text),
        DiffLine::Added(text) => ("+", Ink::Hue(Hue::Passed), text),
        DiffLine::Same(text) => (" ", Ink::Plain, text),
    };
    let text = visible(text, style);
    let text = cut_end(&text, room.saturating_sub(1), style.symbols().ellipsis);
    style.line().push(ink, sign).push(ink, &text)
}

/// A text in which the spaces at its end can be seen.
fn visible(text: &str, style: Style) -> String {
    let body = text.trim_end_matches(' ');
    let spaces = text.len() - body.len();
    let body = super::text::printable(body, style.unicode);
    format!("{body}{}", r"\x20".repeat(spaces))
}

/// Two long texts of one line each: from shortly before the first difference on.
fn one_line(
    (same, skipped): (u64, u64),
    left: &str,
    right: &str,
    room: usize,
    style: Style,
) -> Vec<Line> {
    let ellipsis = style.symbols().ellipsis;
    let mut lines = Vec::new();
    if skipped > 0 {
        let text = format!("{ellipsis} the same up to character {same}");
        lines.push(style.line().push(Ink::Faint, &text));
    }
    for (sign, text, hue) in [("-", left, Hue::Failed), ("+", right, Hue::Passed)] {
        let lead = if skipped > 0 { ellipsis } else { "" };
        let text = visible(text, style);
        let text = cut_end(
            &text,
            room.saturating_sub(1 + width(lead)).min(400),
            ellipsis,
        );
        lines.push(
            style
                .line()
                .push(Ink::Hue(hue), sign)
                .push(Ink::Faint, lead)
                .push(Ink::Hue(hue), &text),
        );
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn lines(left: &Json, right: &Json, room: usize) -> Vec<String> {
        difference(&Difference::of(left, right), room, Style::plain())
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
        assert_eq!(found.len(), 41);
        assert_eq!(found[40], "+60 more");
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
