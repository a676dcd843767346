//! Texts as they appear on a screen: safe to print, measured in columns, cut and wrapped.

use std::borrow::Cow;
use std::fmt::{Arguments, Write as _};
use unicode_width::UnicodeWidthChar;

/// Appends a formatted piece to a text.
pub(crate) fn append(out: &mut String, piece: Arguments<'_>) {
    // Writing into a string does not fail.
    let _ = out.write_fmt(piece);
}

/// The columns a character takes: never less than a terminal gives it.
///
/// Characters are counted one by one, since terminals disagree on joined sequences: the sum is the
/// upper bound, and a line that is too short is better than one that overflows.
pub(crate) fn char_width(c: char) -> usize {
    match c {
        // Asks for the wide, coloured form of the character before it.
        '\u{fe0f}' => 1,
        _ => c.width().unwrap_or(0),
    }
}

/// The columns a text takes.
pub(crate) fn width(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        text.chars().map(char_width).sum()
    }
}

/// Whether a terminal might obey this character, hide it, or reorder what stands around it.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200c}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{fffe}'..='\u{ffff}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// Writes a character so that it is safe to print: what a terminal might obey or hide is escaped.
pub(crate) fn push_shown(out: &mut String, c: char, unicode: bool) {
    match c {
        ' '..='~' => out.push(c),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        _ if unicode && !is_unsafe(c) => out.push(c),
        // What our own sentences are written with.
        '→' => out.push_str("->"),
        '…' => out.push_str("..."),
        '×' => out.push('x'),
        _ if c.is_ascii() => append(out, format_args!("\\x{:02x}", c as u32)),
        _ => append(out, format_args!("\\u{{{:x}}}", c as u32)),
    }
}

/// The text, safe to print in one line. Showing a shown text changes nothing.
pub(crate) fn printable(text: &str, unicode: bool) -> Cow<'_, str> {
    let clean = if unicode {
        !text.chars().any(is_unsafe)
    } else {
        text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
    };
    if clean {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        push_shown(&mut out, c, unicode);
    }
    Cow::Owned(out)
}

/// Lines of a text that comes from elsewhere, safe to print: what a terminal might obey is escaped, and so is what a build
/// server takes for a command of its own.
pub fn safe_lines(text: &str) -> String {
    let lines: Vec<String> = text
        .split('\n')
        .map(|line| inert(&printable(&line.replace('\t', "    "), true)).into_owned())
        .collect();
    lines.join("\n")
}

/// A line that no build server takes for a command: GitHub obeys `::error::` behind any spaces and `##[` anywhere, Azure
/// and `TeamCity` `##vso[` and `##teamcity[`.
pub(crate) fn inert(line: &str) -> Cow<'_, str> {
    let start = line.len() - line.trim_start().len();
    let is_command = line[start..].starts_with("::");
    if !is_command && !line.contains("##") {
        return Cow::Borrowed(line);
    }
    let mut out = line.replace("##", r"#\x23");
    if is_command {
        out.replace_range(start..=start, r"\x3a");
    }
    Cow::Owned(out)
}

/// The longest beginning of the text that fits.
pub(crate) fn head(text: &str, max: usize) -> &str {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += char_width(c);
        if used > max {
            return &text[..at];
        }
    }
    text
}

/// The longest end of the text that fits.
fn tail(text: &str, max: usize) -> &str {
    let mut used = 0;
    for (at, c) in text.char_indices().rev() {
        used += char_width(c);
        if used > max {
            return &text[at + c.len_utf8()..];
        }
    }
    text
}

/// The text in at most `max` columns: its middle is left out, since names differ at their ends.
pub(crate) fn cut_middle<'t>(text: &'t str, max: usize, ellipsis: &str) -> Cow<'t, str> {
    if width(text) <= max {
        return Cow::Borrowed(text);
    }
    let room = max.saturating_sub(width(ellipsis));
    if room < 2 {
        return Cow::Borrowed(head(text, max));
    }
    let end = tail(text, room / 2);
    let start = head(text, room - width(end));
    Cow::Owned(format!("{start}{ellipsis}{end}"))
}

/// The text in at most `max` columns: its end is left out.
pub(crate) fn cut_end<'t>(text: &'t str, max: usize, ellipsis: &str) -> Cow<'t, str> {
    if width(text) <= max {
        return Cow::Borrowed(text);
    }
    let room = max.saturating_sub(width(ellipsis));
    if room == 0 {
        return Cow::Borrowed(head(text, max));
    }
    Cow::Owned(format!("{}{ellipsis}", head(text, room)))
}

/// Breaks a text into lines: the first of at most `first` columns, the others of at most `rest`. Breaks
/// at spaces where there are any, else inside the word.
pub(crate) fn wrap(text: &str, first: usize, rest: usize) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut left = text.trim_end();
    loop {
        // A wide character needs two columns: less room would never end.
        let room = if lines.is_empty() { first } else { rest }.max(2);
        let fits = head(left, room);
        if fits.len() == left.len() {
            lines.push(left);
            return lines;
        }
        let spaced = left[fits.len()..].starts_with(' ');
        let end = match fits.rfind(' ') {
            _ if spaced => fits.len(),
            // A break that leaves most of the line empty looks worse than a broken word.
            Some(at) if width(&fits[..at]) * 2 > room => at,
            _ => fits.len(),
        };
        lines.push(left[..end].trim_end());
        left = left[end..].trim_start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_what_a_terminal_would_obey_as_text() {
        assert_eq!(printable("a\x1b[31mb\r\n", true), "a\\x1b[31mb\\r\\n");
        assert_eq!(printable("\u{9b}2J", true), "\\u{9b}2J");
        assert_eq!(printable("abc\u{202e}cba", true), "abc\\u{202e}cba");
        assert_eq!(printable("größe", true), "größe");
        assert_eq!(printable("größe", false), "gr\\u{f6}\\u{df}e");
        let once = printable("\x07\u{fe0f}✗", false).into_owned();
        assert_eq!(printable(&once, false), once);
    }

    #[test]
    fn cuts_by_columns_and_keeps_both_ends() {
        assert_eq!(cut_middle("order-ships", 20, "…"), "order-ships");
        assert_eq!(cut_middle("order-ships", 7, "…"), "ord…ips");
        assert_eq!(cut_middle("注文が出荷される", 9, "…"), "注文…れる");
        assert_eq!(cut_end("order-ships", 6, "..."), "ord...");
        for max in 0..20 {
            for text in ["注文が出荷される", "a👩‍👩‍👧b👩‍👩‍👧c☺️", "plain ascii text"]
            {
                assert!(width(&cut_middle(text, max, "…")) <= max, "{text} in {max}");
                assert!(width(&cut_end(text, max, "…")) <= max, "{text} in {max}");
            }
        }
    }

    #[test]
    fn wraps_at_spaces_and_inside_long_words() {
        assert_eq!(wrap("one two three", 7, 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefghij", 4, 3), ["abcd", "efg", "hij"]);
        assert_eq!(wrap("注文が", 1, 1), ["注", "文", "が"]);
        assert_eq!(wrap("", 4, 4), [""]);
    }
}
