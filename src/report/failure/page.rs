//! The lines of a failure: notes with their labels, wrapped texts, folded commands.

use super::Sources;
use crate::report::command;
use crate::report::style::{Ink, Line, Style};
use crate::report::text::{printable, wrap};

/// What is written so far, and how.
pub(super) struct Page<'s> {
    pub(super) style: Style,
    pub(super) sources: &'s Sources,
    /// How wide line numbers are.
    pub(super) digits: usize,
    pub(super) out: Vec<Line>,
}

/// The columns of a note's label: `values:` and two spaces.
pub(super) const LABEL: usize = 9;
/// The lines of a message.
const MESSAGE_LINES: usize = 20;

impl Page<'_> {
    /// Writes a longer text behind what a line holds already, further lines indented. Line breaks of the
    /// text are kept.
    pub(super) fn wrapped(&mut self, mut line: Line, indent: usize, ink: Ink, text: &str) {
        let style = self.style;
        let rest = style.width.saturating_sub(indent).max(8);
        let mut lines = 0;
        let mut more = 0;
        for paragraph in text.trim_end().split('\n') {
            let paragraph = printable(paragraph.trim_end_matches('\r'), style.unicode);
            let first = if line.is_empty() {
                rest
            } else {
                style.width.saturating_sub(line.width())
            };
            for piece in wrap(&paragraph, first, rest) {
                if lines == MESSAGE_LINES {
                    more += 1;
                    continue;
                }
                if line.is_empty() {
                    line = style.line().plain(&" ".repeat(indent));
                }
                line.push(ink, piece).write(&mut self.out);
                line = style.line();
                lines += 1;
            }
        }
        if more > 0 {
            let text = format!("{}+{more} more", " ".repeat(indent));
            style.line().push(Ink::Faint, &text).write(&mut self.out);
        }
    }

    /// `    = label:   `, or as many spaces.
    pub(super) fn label(&self, label: &str) -> Line {
        let lead = " ".repeat(self.digits + 2);
        let mut line = self.style.line();
        if !label.is_empty() {
            line = line
                .push(Ink::Faint, &format!("{lead}= "))
                .plain(&format!("{label}:"));
        }
        line.pad_to(self.digits + 4 + LABEL);
        line
    }

    pub(super) fn note(&mut self, label: &str, text: &str) {
        let line = self.label(label);
        let indent = line.width();
        self.wrapped(line, indent, Ink::Plain, text);
    }

    pub(super) fn maybe_note(&mut self, label: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.note(label, text);
        }
    }

    /// A command that repeats a request, under its own name: `= curl:    curl -sS …`.
    pub(super) fn command(&mut self, command: &str) {
        let name = command.split(' ').next().unwrap_or_default();
        let plain = name.len() < LABEL - 1 && name.chars().all(|c| c.is_ascii_alphanumeric());
        self.folded(
            if plain && !name.is_empty() {
                name
            } else {
                "repeat"
            },
            command,
        );
    }

    pub(super) fn folded(&mut self, label: &str, text: &str) {
        let style = self.style;
        let mut line = self.label(label);
        let indent = line.width();
        let first = style.width.saturating_sub(indent);
        let folded = command::fold(text, first, indent, style.width, style.unicode);
        for piece in &folded {
            if line.is_empty() && !piece.flush {
                line = style.line().plain(&" ".repeat(indent));
            }
            line.plain(&piece.text).write(&mut self.out);
            line = style.line();
        }
    }
}
