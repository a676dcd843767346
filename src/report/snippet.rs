//! Lines of a definition with carets under what is told, and the values below them.

use super::status::Hue;
use super::style::{Ink, Line, Style};
use super::text::{char_width, cut_end, push_shown, width};
use crate::event::Span;

/// A stretch of a file, and what is said of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mark {
    /// The stretch.
    pub(crate) span: Span,
    /// `^` and coloured, instead of `-`.
    pub(crate) decisive: bool,
    /// What stands under it; may be empty.
    pub(crate) label: String,
}

/// The lines of one file that a report shows.
pub(crate) struct Snippet<'s> {
    /// The text of the file.
    pub(crate) text: &'s str,
    /// Lines to show beside those that are marked, from 1.
    pub(crate) also: Vec<u32>,
    /// What is marked.
    pub(crate) marks: Vec<Mark>,
    /// How wide the numbers are.
    pub(crate) digits: usize,
    /// Whether the lines have numbers: those of a lone expression have none.
    pub(crate) numbered: bool,
}

/// The lines of one mark that are shown: a longer script is cut in its middle.
const MAX_MARK_LINES: u32 = 12;
/// The rows on which one long line is shown.
const MAX_ROWS: usize = 6;

impl Snippet<'_> {
    /// Writes the lines.
    pub(crate) fn write(&self, style: Style, out: &mut Vec<Line>) {
        let source: Vec<&str> = self.text.lines().collect();
        let numbers = self.numbers(source.len());
        let mut previous = None;
        for number in numbers {
            match previous {
                Some(last) if number == last + 2 => self.line(last + 1, &source, style, out),
                Some(last) if number > last + 2 => style
                    .line()
                    .plain(&" ".repeat(self.digits + 2))
                    .push(Ink::Faint, style.symbols().gap)
                    .write(out),
                _ => {}
            }
            self.line(number, &source, style, out);
            previous = Some(number);
        }
    }

    /// The numbers of the lines to show, in order.
    fn numbers(&self, lines: usize) -> Vec<u32> {
        let mut numbers = self.also.clone();
        for mark in &self.marks {
            let (start, end) = (
                mark.span.start.line,
                mark.span.end.line.max(mark.span.start.line),
            );
            for line in start..=end.min(start.saturating_add(MAX_MARK_LINES)) {
                numbers.push(line);
            }
            numbers.push(end);
        }
        numbers.retain(|line| *line >= 1 && *line as usize <= lines);
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    /// One line of the file with the carets and labels below it.
    fn line(&self, number: u32, source: &[&str], style: Style, out: &mut Vec<Line>) {
        let Some(text) = source.get(number as usize - 1) else {
            return;
        };
        let gutter = self.digits + 4;
        let room = style.width.saturating_sub(gutter).max(8);
        let row = Row::new(text, style.unicode);
        let places = self.places(number, &row);
        let chunks = row.chunks(room);
        let skipped = skipped(&chunks, &places);
        for (at, chunk) in chunks.iter().enumerate() {
            if skipped[at] {
                if at == 0 || !skipped[at - 1] {
                    self.gutter(" ", style)
                        .push(Ink::Faint, style.symbols().gap)
                        .write(out);
                }
                continue;
            }
            let head = match at {
                0 if self.numbered => number.to_string(),
                0 => String::new(),
                _ => style.symbols().continued.to_owned(),
            };
            self.gutter(&head, style)
                .plain(&row.text_of(*chunk))
                .write(out);
            self.below(&row, *chunk, &places, room, style, out);
        }
    }

    fn gutter(&self, head: &str, style: Style) -> Line {
        let pad = (self.digits + 1).saturating_sub(width(head));
        style
            .line()
            .push(Ink::Faint, &format!("{}{head} | ", " ".repeat(pad)))
    }

    /// What is marked on this line.
    fn places(&self, number: u32, row: &Row) -> Vec<Placed<'_>> {
        let mut places: Vec<Placed<'_>> = self
            .marks
            .iter()
            .filter(|mark| {
                let last = mark.span.end.line.max(mark.span.start.line);
                (mark.span.start.line..=last).contains(&number)
            })
            .filter_map(|mark| {
                let span = mark.span;
                let first = number == span.start.line;
                let last = number >= span.end.line;
                let start = if first {
                    (span.start.column as usize).saturating_sub(1)
                } else {
                    row.first_character()
                };
                let end = if last && span.end.line >= span.start.line {
                    (span.end.column as usize).saturating_sub(1)
                } else {
                    row.last_character()
                };
                let start = start.min(row.last_character());
                let end = end.min(row.last_character());
                // An end that stands in column 1 of the next line marks nothing there.
                if !first && end <= start {
                    return None;
                }
                Some(Placed {
                    start,
                    end: end.max(start + 1),
                    mark,
                    labelled: last,
                })
            })
            .collect();
        places.sort_by_key(|place| place.start);
        places
    }

    /// The carets and labels below one row.
    fn below(
        &self,
        row: &Row,
        chunk: Chunk,
        places: &[Placed<'_>],
        room: usize,
        style: Style,
        out: &mut Vec<Line>,
    ) {
        let mut carets = self.gutter("", style);
        let offset = carets.width();
        let mut labels = Vec::new();
        for place in places {
            let start = place.start.max(chunk.start);
            let end = row.trimmed(start, place.end.min(chunk.end));
            let behind = place.start >= row.len() && chunk.end == row.len();
            if start >= end && !behind {
                continue;
            }
            let from = row.column(start) - row.column(chunk.start);
            let to = (row.column(end.max(start)) - row.column(chunk.start)).max(from + 1);
            let (sign, ink) = if place.mark.decisive {
                ("^", Ink::Hue(Hue::Failed))
            } else {
                ("-", Ink::Faint)
            };
            carets.pad_to(offset + from);
            // Marks that overlap: the first one keeps its carets.
            let from = from.max(carets.width() - offset);
            carets.add(ink, &sign.repeat(to.saturating_sub(from)));
            // The label stands under the part that begins here, or the last part of a longer one.
            let begins = place.start >= chunk.start && place.start < chunk.end.max(chunk.start + 1);
            if place.labelled && begins && !place.mark.label.is_empty() {
                labels.push(Label::new(from, place.mark, ink, room, style));
            }
        }
        if carets.width() > offset {
            carets.write(out);
        }
        for line in arrange(&labels, style) {
            let mut full = self.gutter("", style);
            full.append(&line);
            full.write(out);
        }
    }
}

/// A mark on one line: characters from 0, up to, not including, `end`.
struct Placed<'m> {
    start: usize,
    end: usize,
    mark: &'m Mark,
    labelled: bool,
}

/// A line of the file: its characters as they are shown, and the column of each.
struct Row {
    pieces: Vec<String>,
    columns: Vec<usize>,
}

/// Characters `start..end` of a row.
#[derive(Clone, Copy)]
struct Chunk {
    start: usize,
    end: usize,
}

impl Row {
    fn new(text: &str, unicode: bool) -> Self {
        let mut columns = vec![0];
        let mut column = 0;
        let pieces: Vec<String> = text
            .chars()
            .map(|c| {
                let mut piece = String::new();
                push_shown(&mut piece, c, unicode);
                column += piece.chars().map(char_width).sum::<usize>();
                columns.push(column);
                piece
            })
            .collect();
        Self { pieces, columns }
    }

    fn len(&self) -> usize {
        self.pieces.len()
    }

    fn column(&self, character: usize) -> usize {
        self.columns[character.min(self.len())]
    }

    fn first_character(&self) -> usize {
        self.pieces
            .iter()
            .position(|piece| piece != " ")
            .unwrap_or(0)
    }

    /// The end of the last character that is not a space.
    fn last_character(&self) -> usize {
        self.pieces
            .iter()
            .rposition(|piece| piece != " ")
            .map_or(0, |at| at + 1)
    }

    /// `end`, or where the spaces before it begin.
    fn trimmed(&self, start: usize, end: usize) -> usize {
        (start + 1..=end)
            .rev()
            .find(|at| self.pieces.get(at - 1).is_none_or(|piece| piece != " "))
            .unwrap_or(end)
    }

    fn text_of(&self, chunk: Chunk) -> String {
        self.pieces[chunk.start..chunk.end].concat()
    }

    /// Cuts the row into parts that fit, after a space where there is one.
    fn chunks(&self, room: usize) -> Vec<Chunk> {
        let mut chunks = Vec::new();
        let mut start = 0;
        loop {
            let base = self.column(start);
            let mut end = start;
            while end < self.len() && self.columns[end + 1] - base <= room {
                end += 1;
            }
            if end >= self.len() {
                chunks.push(Chunk {
                    start,
                    end: self.len(),
                });
                return chunks;
            }
            // A character that is wider than the room must not stop the loop.
            end = end.max(start + 1);
            let space = (start + 1..=end)
                .rev()
                .find(|at| self.pieces[at - 1] == " ")
                .filter(|at| (self.column(*at) - base) * 3 > room * 2);
            end = space.unwrap_or(end);
            chunks.push(Chunk { start, end });
            start = end;
        }
    }
}

/// Which rows of a very long line are left out: those without a mark.
fn skipped(chunks: &[Chunk], places: &[Placed<'_>]) -> Vec<bool> {
    let mut kept = 0;
    chunks
        .iter()
        .enumerate()
        .map(|(at, chunk)| {
            let marked = places
                .iter()
                .any(|place| place.start < chunk.end && place.end > chunk.start);
            let keep = chunks.len() <= MAX_ROWS || (kept < MAX_ROWS && (marked || at == 0));
            kept += usize::from(keep);
            !keep
        })
        .collect()
}

/// A text under a mark.
struct Label {
    /// The column of its mark.
    column: usize,
    /// Where it begins: further left than its mark where there is no room.
    start: usize,
    text: String,
    ink: Ink,
}

impl Label {
    fn new(column: usize, mark: &Mark, ink: Ink, room: usize, style: Style) -> Self {
        let text = super::text::printable(&mark.label, style.unicode);
        let text = cut_end(&text, room.min(160), style.symbols().ellipsis).into_owned();
        let start = column.min(room.saturating_sub(width(&text)));
        Self {
            column,
            start,
            text,
            ink,
        }
    }

    fn end(&self) -> usize {
        self.start + width(&self.text)
    }
}

/// Puts the labels on as few lines as they need: the rightmost on the first, and each that would run into
/// another on a line further down, with a stem up to its mark.
fn arrange(labels: &[Label], style: Style) -> Vec<Line> {
    const GAP: usize = 2;
    let mut rows: Vec<usize> = vec![0; labels.len()];
    for at in (0..labels.len()).rev() {
        let label = &labels[at];
        rows[at] = (0..=labels.len())
            .find(|row| {
                (at + 1..labels.len()).all(|right| {
                    let other = &labels[right];
                    match rows[right].cmp(row) {
                        std::cmp::Ordering::Less => true,
                        std::cmp::Ordering::Equal => other.start >= label.end() + GAP,
                        std::cmp::Ordering::Greater => other.column >= label.end() + GAP,
                    }
                })
            })
            .unwrap_or(labels.len());
    }
    let count = rows.iter().max().map_or(0, |last| last + 1);
    (0..count)
        .map(|row| {
            let mut pieces: Vec<(usize, &str, Ink)> = Vec::new();
            for (label, at) in labels.iter().zip(&rows) {
                if *at == row {
                    pieces.push((label.start, &label.text, label.ink));
                } else if *at > row {
                    pieces.push((label.column, style.symbols().stem, label.ink));
                }
            }
            pieces.sort_by_key(|(column, ..)| *column);
            let mut line = style.line();
            for (column, text, ink) in pieces {
                if line.width() <= column {
                    line.pad_to(column);
                    line.add(ink, text);
                }
            }
            line
        })
        .filter(|line| !line.is_empty())
        .collect()
}
