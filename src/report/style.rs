//! How a report looks: colours, characters and width, decided once and passed to everything that writes.

use super::status::{Hue, Theme};
use super::text;
use std::cmp::Ordering;

/// How to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Which colours, if any.
    pub color: Color,
    /// Whether the other end understands UTF-8. If not, everything is ASCII.
    pub unicode: bool,
    /// The columns of a line. No line is longer.
    pub width: usize,
}

/// Which colours to write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Color {
    /// None: not one escape sequence.
    #[default]
    Never,
    /// The terminal's own sixteen, which its owner has chosen.
    Ansi,
    /// Exact colours for this background.
    Exact(Theme),
}

/// What was asked for on the command line: `--color auto|always|never`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColorChoice {
    /// On a terminal, unless the environment says otherwise.
    #[default]
    Auto,
    /// Yes.
    Always,
    /// No.
    Never,
}

/// What a style is chosen from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Output {
    /// What the command line says.
    pub choice: ColorChoice,
    /// Whether the output is a terminal.
    pub terminal: bool,
    /// Its columns, if they are known.
    pub columns: Option<usize>,
}

impl Output {
    /// Whether rows can be redrawn in place: on a terminal that moves its cursor.
    pub fn redraws(self, env: impl Fn(&str) -> Option<String>) -> bool {
        self.terminal && env("TERM").is_some_and(|term| !term.is_empty() && term != "dumb")
    }
}

/// The narrowest line that can hold a report.
const MIN_WIDTH: usize = 20;
/// The width where nobody tells it.
const USUAL_WIDTH: usize = 120;

impl Style {
    /// No colour, no limit: for files.
    #[must_use]
    pub const fn plain() -> Self {
        Self {
            color: Color::Never,
            unicode: true,
            width: usize::MAX,
        }
    }

    /// Chooses a style. `--color` is stronger than `NO_COLOR`, and that is stronger than `FORCE_COLOR`; an
    /// empty variable counts as absent.
    pub fn choose(output: Output, env: impl Fn(&str) -> Option<String>) -> Self {
        let env = |name: &str| env(name).filter(|value| !value.is_empty());
        let colored = match output.choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto if env("NO_COLOR").is_some() => false,
            ColorChoice::Auto => match env("FORCE_COLOR").as_deref() {
                Some("0" | "false") => false,
                Some(_) => true,
                None => output.terminal && env("TERM").is_none_or(|term| term != "dumb"),
            },
        };
        let exact = env("COLORTERM").is_some_and(|value| value == "truecolor" || value == "24bit");
        // The last part of COLORFGBG is the background: 7 and 15 are the light ones.
        let theme = env("COLORFGBG").and_then(|value| {
            let background: u8 = value.rsplit(';').next()?.parse().ok()?;
            Some(if matches!(background, 7 | 15) {
                Theme::Light
            } else {
                Theme::Dark
            })
        });
        let color = match theme {
            _ if !colored => Color::Never,
            Some(theme) if exact => Color::Exact(theme),
            _ => Color::Ansi,
        };
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(env);
        let unicode = locale.is_some_and(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        });
        let width = output
            .columns
            .or_else(|| env("COLUMNS")?.parse().ok())
            .unwrap_or(USUAL_WIDTH);
        Self {
            color,
            unicode,
            width: width.max(MIN_WIDTH),
        }
    }

    /// The characters that this style draws with.
    pub(crate) fn symbols(self) -> &'static Symbols {
        if self.unicode { &UNICODE } else { &ASCII }
    }

    /// How a piece is drawn.
    fn look(self, ink: Ink) -> Look {
        match (self.color, ink) {
            (Color::Never, _) | (_, Ink::Plain) => Look::Plain,
            (_, Ink::Strong) => Look::Bold,
            (_, Ink::Faint) => Look::Dim,
            (Color::Ansi, Ink::Hue(hue)) => Look::Ansi(hue.ansi()),
            (Color::Exact(theme), Ink::Hue(hue)) => Look::Rgb(hue.rgb(theme)),
        }
    }

    /// An empty line in this style.
    pub(crate) fn line(self) -> Line {
        Line {
            style: self,
            spans: Vec::new(),
        }
    }
}

/// The characters that reports draw with, beside the status glyphs.
#[derive(Debug)]
pub(crate) struct Symbols {
    pub(crate) ellipsis: &'static str,
    pub(crate) dot: &'static str,
    pub(crate) gap: &'static str,
    pub(crate) continued: &'static str,
    pub(crate) stem: &'static str,
    pub(crate) times: &'static str,
    pub(crate) arrow: &'static str,
    pub(crate) unequal: &'static str,
    pub(crate) at_least: &'static str,
    pub(crate) at_most: &'static str,
    pub(crate) bar_full: &'static str,
    pub(crate) bar_empty: &'static str,
}

const UNICODE: Symbols = Symbols {
    ellipsis: "…",
    dot: "·",
    gap: "⋮",
    continued: "…",
    stem: "│",
    times: "×",
    arrow: "→",
    unequal: "≠",
    at_least: "≥",
    at_most: "≤",
    bar_full: "█",
    bar_empty: "░",
};

const ASCII: Symbols = Symbols {
    ellipsis: "...",
    dot: "-",
    gap: ":",
    continued: "~",
    stem: "|",
    times: "x",
    arrow: "->",
    unequal: "!=",
    at_least: ">=",
    at_most: "<=",
    bar_full: "#",
    bar_empty: ".",
};

/// What a piece of text is, and so how it is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ink {
    /// As it comes.
    Plain,
    /// The name that a line is about.
    Strong,
    /// What stands around it.
    Faint,
    /// In the colour of a status.
    Hue(Hue),
}

/// A line of text with its colours. What is pushed is made safe to print, so that nothing from the tested
/// system reaches a terminal raw.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    style: Style,
    spans: Vec<(Ink, String)>,
}

impl Line {
    /// Adds a piece.
    #[must_use]
    pub(crate) fn push(mut self, ink: Ink, piece: &str) -> Self {
        self.add(ink, piece);
        self
    }

    /// Adds a piece.
    pub(crate) fn add(&mut self, ink: Ink, piece: &str) {
        if piece.is_empty() {
            return;
        }
        let piece = text::printable(piece, self.style.unicode);
        match self.spans.last_mut() {
            Some((last, text)) if *last == ink => text.push_str(&piece),
            _ => self.spans.push((ink, piece.into_owned())),
        }
    }

    /// Adds a piece as it is: our own escapes for column 1 and the like are not needed, but symbols are.
    #[must_use]
    pub(crate) fn plain(self, piece: &str) -> Self {
        self.push(Ink::Plain, piece)
    }

    /// Adds spaces up to this column, counted from 0.
    pub(crate) fn pad_to(&mut self, column: usize) {
        let width = self.width();
        if column > width {
            self.add(Ink::Plain, &" ".repeat(column - width));
        }
    }

    /// Its columns.
    pub(crate) fn width(&self) -> usize {
        self.spans.iter().map(|(_, text)| text::width(text)).sum()
    }

    /// Whether nothing was added.
    pub(crate) fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Appends another line.
    pub(crate) fn append(&mut self, other: &Self) {
        for (ink, text) in &other.spans {
            self.add(*ink, text);
        }
    }

    /// Writes it as a line of its own.
    pub(crate) fn write(&self, out: &mut impl Lines) {
        out.add(self);
    }

    /// Writes it without a line break.
    pub(crate) fn write_open(&self, out: &mut String) {
        for (ink, piece) in self.shown() {
            paint(out, self.style.look(ink), piece);
        }
    }

    /// The pieces as they are seen, each with its look.
    pub(crate) fn spans(&self) -> impl Iterator<Item = (Look, &str)> {
        let shown = self.shown().into_iter();
        shown.map(|(ink, piece)| (self.style.look(ink), piece))
    }

    /// The pieces as far as they are seen: cut at the style's width, without spaces at the end.
    fn shown(&self) -> Vec<(Ink, &str)> {
        let mut shown: Vec<(Ink, &str)> = Vec::with_capacity(self.spans.len() + 1);
        if self.width() <= self.style.width {
            let seen = |(_, text): &(Ink, String)| !text.trim_end().is_empty();
            let last = self.spans.iter().rposition(seen);
            for (at, (ink, text)) in self.spans.iter().enumerate() {
                match Some(at).cmp(&last) {
                    Ordering::Less => shown.push((*ink, text)),
                    Ordering::Equal => shown.push((*ink, text.trim_end())),
                    Ordering::Greater => {}
                }
            }
            return shown;
        }
        let ellipsis = self.style.symbols().ellipsis;
        let mut room = self.style.width.saturating_sub(text::width(ellipsis));
        for (ink, piece) in &self.spans {
            let piece = text::head(piece, room);
            room = room.saturating_sub(text::width(piece));
            shown.push((*ink, piece));
        }
        shown.push((Ink::Faint, ellipsis));
        shown
    }
}

/// What lines are written to: a text, with escapes for their colours, or the lines themselves, for a screen
/// that draws them.
pub(crate) trait Lines {
    /// Adds a line.
    fn add(&mut self, line: &Line);
}

impl Lines for String {
    fn add(&mut self, line: &Line) {
        let mut text = String::new();
        line.write_open(&mut text);
        self.push_str(&text::inert(&text));
        self.push('\n');
    }
}

impl Lines for Vec<Line> {
    fn add(&mut self, line: &Line) {
        self.push(line.clone());
    }
}

/// The lines as a text.
pub(crate) fn text_of(lines: &[Line]) -> String {
    let mut out = String::new();
    for line in lines {
        line.write(&mut out);
    }
    out
}

/// How a piece of text is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// As any text.
    Plain,
    /// Bold.
    Bold,
    /// Dim.
    Dim,
    /// In one of the terminal's own colours, as an SGR code.
    Ansi(u8),
    /// Red, green, blue.
    Rgb([u8; 3]),
}

fn paint(out: &mut String, look: Look, piece: &str) {
    if piece.is_empty() {
        return;
    }
    let code = match look {
        Look::Plain => {
            out.push_str(piece);
            return;
        }
        Look::Bold => "1".to_owned(),
        Look::Dim => "2".to_owned(),
        Look::Ansi(code) => code.to_string(),
        Look::Rgb([red, green, blue]) => format!("38;2;{red};{green};{blue}"),
    };
    text::append(out, format_args!("\x1b[{code}m{piece}\x1b[0m"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(output: Output, env: &[(&str, &str)]) -> Style {
        Style::choose(output, |name| {
            let found = env.iter().find(|(key, _)| *key == name)?;
            Some(found.1.to_owned())
        })
    }

    const TERMINAL: Output = Output {
        choice: ColorChoice::Auto,
        terminal: true,
        columns: Some(80),
    };

    #[test]
    fn the_flag_is_over_no_color_and_that_over_force_color() {
        let both = [("NO_COLOR", "1"), ("FORCE_COLOR", "1")];
        assert_eq!(chosen(TERMINAL, &both).color, Color::Never);
        let always = Output {
            choice: ColorChoice::Always,
            ..TERMINAL
        };
        assert_eq!(chosen(always, &both).color, Color::Ansi);
        let file = Output {
            terminal: false,
            ..TERMINAL
        };
        assert_eq!(chosen(file, &[("FORCE_COLOR", "1")]).color, Color::Ansi);
        assert_eq!(chosen(file, &[]).color, Color::Never);
        assert_eq!(chosen(TERMINAL, &[("TERM", "dumb")]).color, Color::Never);
        assert_eq!(chosen(TERMINAL, &[("NO_COLOR", "")]).color, Color::Ansi);
    }

    #[test]
    fn exact_colours_need_a_known_background() {
        let env = [("COLORTERM", "truecolor"), ("COLORFGBG", "0;15")];
        assert_eq!(chosen(TERMINAL, &env).color, Color::Exact(Theme::Light));
        assert_eq!(chosen(TERMINAL, &env[..1]).color, Color::Ansi);
    }

    #[test]
    fn the_locale_decides_on_characters() {
        assert!(chosen(TERMINAL, &[("LANG", "en_GB.UTF-8")]).unicode);
        assert!(!chosen(TERMINAL, &[("LC_ALL", "C"), ("LANG", "en_GB.UTF-8")]).unicode);
        assert!(!chosen(TERMINAL, &[]).unicode);
    }

    #[test]
    fn without_colour_there_is_no_escape_and_with_it_the_text_is_the_same() {
        let line = |color| {
            let style = Style {
                color,
                unicode: true,
                width: 20,
            };
            let mut out = String::new();
            style
                .line()
                .push(Ink::Hue(Hue::Failed), "✗ ")
                .push(Ink::Strong, "a\x1b[2Jb")
                .push(Ink::Faint, " and much more text")
                .write(&mut out);
            out
        };
        assert_eq!(line(Color::Never), "✗ a\\x1b[2Jb and muc…\n");
        let colored = line(Color::Exact(Theme::Dark));
        assert!(colored.contains("\x1b[38;2;244;92;69m✗"), "{colored:?}");
        assert_eq!(console_strip(&colored), line(Color::Never));
    }

    fn console_strip(text: &str) -> String {
        let mut out = String::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if c == '\x1b' {
                chars.by_ref().find(|c| *c == 'm');
            } else {
                out.push(c);
            }
        }
        out
    }
}
