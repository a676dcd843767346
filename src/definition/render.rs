use super::diagnostic::{Diagnostic, Severity};
use super::source::Lines;
use crate::event::{Name, Pos, Span};
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::ops::Range;
use unicode_width::UnicodeWidthStr;

/// A place further away than this many lines gets an excerpt of its own.
const NEAR: u32 = 12;
/// Longer lines are cut around what is marked in them before they are laid out.
const LONG_LINE: usize = 600;
/// Below this width the code of a diagnostic is left out: its sentence needs the room.
const NARROW: usize = 60;

/// Shows diagnostics to people, each with the lines of the file, what is wrong in them underlined, and how
/// to mend it. `sources` gives the text of a file by the name that a diagnostic has; without one, only
/// the place is named. `width` is that of the terminal, in columns.
#[must_use]
pub fn render(
    diagnostics: &[Diagnostic],
    sources: &dyn Fn(&str) -> Option<Name>,
    color: bool,
    width: usize,
) -> String {
    let width = width.clamp(20, 1000);
    let renderer = if color {
        Renderer::styled()
    } else {
        Renderer::plain()
    }
    .term_width(width);
    let mut files: HashMap<Name, Option<Name>> = HashMap::new();
    for diagnostic in diagnostics {
        files
            .entry(Name::clone(&diagnostic.file))
            .or_insert_with(|| sources(&diagnostic.file));
    }
    let lines: HashMap<&Name, Lines<'_>> = files
        .iter()
        .filter_map(|(file, text)| Some((file, Lines::new(text.as_ref()?))))
        .collect();
    let mut shown = String::new();
    for diagnostic in diagnostics {
        let page = Page {
            diagnostic,
            lines: lines.get(&diagnostic.file),
            width,
        };
        if !shown.is_empty() {
            shown.push('\n');
        }
        shown.push_str(&renderer.render(&[page.group()]));
        shown.push('\n');
    }
    shown
}

/// One diagnostic as it is laid out.
struct Page<'a> {
    diagnostic: &'a Diagnostic,
    lines: Option<&'a Lines<'a>>,
    width: usize,
}

/// A stretch to underline.
struct Mark<'a> {
    span: Span,
    label: &'a str,
    kind: AnnotationKind,
}

impl<'a> Page<'a> {
    fn group(&self) -> Group<'a> {
        let diagnostic = self.diagnostic;
        let (level, word) = match diagnostic.severity {
            Severity::Error => (Level::ERROR, "error"),
            Severity::Warning => (Level::WARNING, "warning"),
        };
        let is_narrow = self.width < NARROW;
        let lead = if is_narrow {
            word.len() + 2
        } else {
            word.len() + diagnostic.code.len() + 4
        };
        let mut title = level.primary_title(wrap(&diagnostic.message, self.width - lead));
        if !is_narrow {
            title = title.id(diagnostic.code);
        }
        let mut group = Group::with_title(title);
        let mut notes = Vec::new();
        if self.lines.is_some() {
            for snippet in self.snippets(&mut notes) {
                group = group.element(snippet);
            }
        } else {
            let Pos { line, column } = diagnostic.span.start;
            let place = match line {
                // It is about the file as a whole, which may not even exist.
                0 => diagnostic.file.to_string(),
                _ => format!("{}:{line}:{column}", diagnostic.file),
            };
            group = group.element(annotate_snippets::Origin::path(place));
        }
        let room = self.width.saturating_sub(self.gutter() + 8);
        for note in notes {
            group = group.element(Level::NOTE.message(wrap(&note, room)));
        }
        if let Some(hint) = &diagnostic.hint {
            group = group.element(Level::HELP.message(wrap(hint, room)));
        }
        group
    }

    /// The columns that line numbers and the bar take.
    fn gutter(&self) -> usize {
        let last = self
            .diagnostic
            .related
            .iter()
            .map(|(span, _)| span.start.line)
            .fold(self.diagnostic.span.start.line, u32::max);
        last.to_string().len() + 3
    }

    /// The excerpts of the file; labels that find no room become notes.
    fn snippets(&self, notes: &mut Vec<String>) -> Vec<Snippet<'a, Annotation<'a>>> {
        let diagnostic = self.diagnostic;
        let mut marks = vec![Mark {
            span: diagnostic.span,
            label: &diagnostic.label,
            kind: AnnotationKind::Primary,
        }];
        marks.extend(diagnostic.related.iter().map(|(span, label)| Mark {
            span: *span,
            label,
            kind: AnnotationKind::Context,
        }));
        let line = diagnostic.span.start.line;
        let (near, far): (Vec<_>, Vec<_>) = marks
            .into_iter()
            .partition(|mark| mark.span.start.line.abs_diff(line) <= NEAR);
        let mut snippets = vec![self.snippet(&near, notes)];
        for mark in far {
            snippets.push(self.snippet(&[mark], notes));
        }
        snippets
    }

    fn snippet(&self, marks: &[Mark<'a>], notes: &mut Vec<String>) -> Snippet<'a, Annotation<'a>> {
        let lines = self
            .lines
            .expect("excerpts are made of files that are there");
        let first = marks
            .iter()
            .map(|mark| mark.span.start.line)
            .min()
            .unwrap_or(1);
        let last = marks
            .iter()
            .map(|mark| mark.span.start.line)
            .max()
            .unwrap_or(1);
        let mut source = String::new();
        let mut annotations = Vec::new();
        for number in first..=last {
            let start = lines.byte(Pos {
                line: number,
                column: 1,
            });
            let text = &lines.text[start..lines.line_end(start)];
            let ranges: Vec<(Range<usize>, &Mark<'a>)> = marks
                .iter()
                .filter(|mark| mark.span.start.line == number)
                .map(|mark| (in_line(lines, mark.span, start, text), mark))
                .collect();
            let cut = ranges
                .first()
                .map_or(0..text.len().min(LONG_LINE), |(range, _)| {
                    window(text, range)
                });
            let cut = text.floor_char_boundary(cut.start)..text.floor_char_boundary(cut.end);
            let offset = source.len();
            source.push_str(&text[cut.clone()]);
            for (range, mark) in ranges {
                let from = range.start.clamp(cut.start, cut.end) - cut.start + offset;
                let to = range.end.clamp(cut.start, cut.end) - cut.start + offset;
                let end = text[cut.start..range.end.clamp(cut.start, cut.end)].width();
                // A line that is too long is moved, so that what is marked stands at its beginning.
                let is_moved = text[cut.clone()].width() + self.gutter() > self.width;
                let before = if is_moved { 0 } else { end };
                annotations.push(self.annotation(from..to, before, mark, notes));
            }
            source.push('\n');
        }
        Snippet::source(source)
            .path(self.diagnostic.file.to_string())
            .line_start(first as usize)
            .annotations(annotations)
    }

    /// What is marked in a line; `before` it and in it are this many columns.
    fn annotation(
        &self,
        range: Range<usize>,
        before: usize,
        mark: &Mark<'a>,
        notes: &mut Vec<String>,
    ) -> Annotation<'a> {
        let annotation = mark.kind.span(range.clone());
        if mark.label.is_empty() {
            return annotation;
        }
        let room = self.width.saturating_sub(self.gutter() + 14);
        let is_beyond = before + 1 + mark.label.width() + self.gutter() > self.width;
        if range.len().min(room) + mark.label.width() > room || is_beyond {
            notes.push(mark.label.to_owned());
            return annotation;
        }
        annotation.label(mark.label)
    }
}

/// The bytes of a span in its first line, which has this start and text.
fn in_line(lines: &Lines<'_>, span: Span, start: usize, text: &str) -> Range<usize> {
    let from = (lines.byte(span.start) - start).min(text.len());
    let to = if span.end.line > span.start.line {
        text.trim_end().len()
    } else {
        lines.byte(span.end).saturating_sub(start).min(text.len())
    };
    from..to.max(from)
}

/// The part of a long line around what is marked in it.
fn window(text: &str, marked: &Range<usize>) -> Range<usize> {
    if text.len() <= LONG_LINE {
        return 0..text.len();
    }
    let start = marked.start.saturating_sub(LONG_LINE / 4);
    start..(start + LONG_LINE).min(text.len())
}

/// Breaks a sentence into lines of at most this width.
fn wrap(text: &str, width: usize) -> String {
    let width = width.max(12);
    let mut wrapped = String::new();
    let mut used = 0;
    for word in text.split_whitespace() {
        let length = word.width();
        if used > 0 && used + 1 + length > width {
            wrapped.push('\n');
            used = 0;
        } else if used > 0 {
            wrapped.push(' ');
            used += 1;
        }
        if length <= width {
            wrapped.push_str(word);
            used += length;
            continue;
        }
        for c in word.chars() {
            let columns = unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
            if used + columns > width {
                wrapped.push('\n');
                used = 0;
            }
            wrapped.push(c);
            used += columns;
        }
    }
    wrapped
}

/// A diagnostic as a workflow command of GitHub Actions, which marks the line in a pull request.
#[must_use]
pub fn to_github(diagnostic: &Diagnostic) -> String {
    let command = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let Span { start, end } = diagnostic.span;
    let mut line = format!("::{command} file={}", property(&diagnostic.file));
    // Without a line it is about the file as a whole.
    if start.line > 0 {
        let _ = write!(line, ",line={},col={}", start.line, start.column);
    }
    if end.line > start.line {
        let _ = write!(line, ",endLine={}", end.line);
    } else if end.column > start.column {
        let _ = write!(line, ",endColumn={}", end.column);
    }
    let mut message = diagnostic.message.clone();
    if let Some(hint) = &diagnostic.hint {
        let _ = write!(message, "\nhelp: {hint}");
    }
    let _ = write!(
        line,
        ",title={}::{}",
        property(diagnostic.code),
        data(&message)
    );
    line
}

/// Escapes the text of a workflow command.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Escapes the value of a property of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// A diagnostic as data: `{severity, code, message, file, start, end, label, hint, related}`. Lines and
/// columns are counted from 1, `end` is the place behind the last character.
#[must_use]
pub fn to_json(diagnostic: &Diagnostic) -> crate::event::Json {
    let related: Vec<_> = diagnostic
        .related
        .iter()
        .map(|(span, label)| {
            serde_json::json!({ "start": span.start, "end": span.end, "label": label })
        })
        .collect();
    serde_json::json!({
        "severity": match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        "code": diagnostic.code,
        "message": diagnostic.message,
        "file": &*diagnostic.file,
        "start": diagnostic.span.start,
        "end": diagnostic.span.end,
        "label": diagnostic.label,
        "hint": diagnostic.hint,
        "related": related,
    })
}

#[cfg(test)]
mod tests;
