//! Diagnostics as a screen draws them. The library that lays them out (`annotate-snippets`) gives them colours
//! as escapes and in no other way: they are read back here, and nowhere else.

use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line as Drawn, Span};

/// The lines of a text with escapes.
pub(super) fn lines(text: &str) -> Vec<Drawn<'static>> {
    text.lines().map(parse).collect()
}

/// A line with escapes for colours; no others are written.
fn parse(text: &str) -> Drawn<'static> {
    let mut spans = Vec::new();
    let mut style = Style::default();
    let mut rest = text;
    while let Some(at) = rest.find("\x1b[") {
        push(&mut spans, &rest[..at], style);
        let sequence = &rest[at + 2..];
        let end = sequence
            .find(|one: char| one.is_ascii_alphabetic())
            .unwrap_or(sequence.len());
        if sequence[end..].starts_with('m') {
            style = select(style, &sequence[..end]);
        }
        rest = sequence.get(end + 1..).unwrap_or_default();
    }
    push(&mut spans, rest, style);
    Drawn::from(spans)
}

fn push(spans: &mut Vec<Span<'static>>, text: &str, style: Style) {
    if !text.is_empty() {
        spans.push(Span::styled(text.to_owned(), style));
    }
}

fn select(mut style: Style, codes: &str) -> Style {
    let mut codes = codes.split(';').map(|code| code.parse::<u8>().unwrap_or(0));
    while let Some(code) = codes.next() {
        style = match code {
            1 => style.add_modifier(Modifier::BOLD),
            2 => style.add_modifier(Modifier::DIM),
            4 => style.add_modifier(Modifier::UNDERLINED),
            30..=37 => style.fg(Color::Indexed(code - 30)),
            90..=97 => style.fg(Color::Indexed(code - 90 + 8)),
            38 => {
                let is_indexed = codes.next() == Some(5);
                let mut part = || codes.next().unwrap_or(0);
                if is_indexed {
                    style.fg(Color::Indexed(part()))
                } else {
                    style.fg(Color::Rgb(part(), part(), part()))
                }
            }
            _ => Style::default(),
        };
    }
    style
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_become_styles_and_nothing_else_is_left() {
        let drawn =
            parse("a\x1b[1mb\x1b[0m\x1b[38;2;1;2;3mc\x1b[0m\x1b[1m\x1b[91md\x1b[0m\x1b[2Je");
        let styles: Vec<(&str, Style)> = (drawn.spans.iter())
            .map(|span| (&*span.content, span.style))
            .collect();
        let plain = Style::default();
        assert_eq!(
            styles,
            [
                ("a", plain),
                ("b", plain.add_modifier(Modifier::BOLD)),
                ("c", plain.fg(Color::Rgb(1, 2, 3))),
                (
                    "d",
                    plain.add_modifier(Modifier::BOLD).fg(Color::Indexed(9))
                ),
                ("e", plain),
            ]
        );
    }
}
