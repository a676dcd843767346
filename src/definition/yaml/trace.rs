use crate::definition::node::TextMap;
use crate::definition::source::Lines;
use crate::event::Pos;
use saphyr_parser::ScalarStyle;
use std::sync::Arc;

/// Walks a decoded scalar and its source side by side.
struct Walk<'a> {
    lines: &'a Lines<'a>,
    source: &'a str,
    value: &'a str,
    style: ScalarStyle,
    /// The indentation of a block scalar, in characters.
    indent: usize,
    /// The byte of the source that comes next.
    at: usize,
    /// The byte of the value that comes next.
    offset: usize,
    /// The next character does not stand right behind the one before.
    jumped: bool,
    pairs: Vec<(u32, Pos)>,
}

/// How a scalar lies in its file.
pub(super) struct Trace {
    /// Each character's place.
    pub(super) map: TextMap,
    /// The byte behind its last character; of a quoted one, before the closing quote and blanks.
    pub(super) end: usize,
}

/// Finds the place of every character of a decoded scalar. `start` is the byte of its first character in
/// the source: behind an opening quote; of a block scalar, the first character of its first line that is
/// not empty.
pub(super) fn trace(lines: &Lines<'_>, style: ScalarStyle, start: usize, value: &str) -> Trace {
    let source = lines.text;
    // Most scalars stand in one piece on one line: nothing to walk.
    if !value.contains('\n')
        && source[start..].starts_with(value)
        && !matches!(style, ScalarStyle::Folded | ScalarStyle::Literal)
        && !value.contains('\\')
    {
        return Trace {
            map: TextMap(Arc::new([(0, lines.pos(start))])),
            end: start + value.len(),
        };
    }
    let mut walk = Walk {
        lines,
        source,
        value,
        style,
        indent: if matches!(style, ScalarStyle::Folded | ScalarStyle::Literal) {
            lines.pos(start).column as usize - 1
        } else {
            0
        },
        at: start,
        offset: 0,
        jumped: true,
        pairs: Vec::new(),
    };
    if walk.is_block() && value.trim_matches('\n').is_empty() {
        walk.empty_lines();
    } else {
        // Where value and source disagree (the parser passes over a comment behind a tab inside a text),
        // the rest is placed as if it followed.
        let _ = walk.run();
    }
    if walk.pairs.is_empty() {
        walk.pairs.push((0, lines.pos(start)));
    }
    Trace {
        map: TextMap(walk.pairs.into()),
        end: walk.at,
    }
}

impl Walk<'_> {
    fn is_block(&self) -> bool {
        matches!(self.style, ScalarStyle::Literal | ScalarStyle::Folded)
    }

    /// Walks to the end of the value; `None` as soon as source and value disagree.
    fn run(&mut self) -> Option<()> {
        if self.is_block() {
            self.leading_breaks();
        }
        while self.offset < self.value.len() {
            let wanted = self.value[self.offset..].chars().next()?;
            if let Some(blanks) = self.blanks_before_break() {
                self.fold(wanted, blanks, false)?;
                continue;
            }
            match self.source[self.at..].chars().next() {
                Some('\\') if self.style == ScalarStyle::DoubleQuoted => self.escape()?,
                Some('\'') if self.style == ScalarStyle::SingleQuoted => {
                    self.take(1);
                    self.at += 2;
                    self.jumped = true;
                }
                Some(found) if found == wanted => {
                    self.take(wanted.len_utf8());
                    self.at += wanted.len_utf8();
                }
                // A last line without a line break: the value may have one all the same.
                None if wanted == '\n' => self.take(1),
                _ => return None,
            }
        }
        Some(())
    }

    /// Puts the next characters of the value, these bytes, at the current place of the source.
    fn take(&mut self, bytes: usize) {
        if self.jumped {
            let offset = self.offset as u32;
            self.pairs.push((offset, self.lines.pos(self.at)));
            self.jumped = false;
        }
        self.offset += bytes;
    }

    /// A block scalar of empty lines alone: they stand below its header, or above what comes next.
    fn empty_lines(&mut self) {
        let at = self.lines.pos(self.at).line;
        let count = self.value.len() as u32;
        let first = if self.source[self.at..].starts_with(['|', '>']) {
            at + 1
        } else {
            at.saturating_sub(count).max(1)
        };
        for index in 0..count {
            let pos = Pos {
                line: first + index,
                column: 1,
            };
            self.pairs.push((index, pos));
        }
    }

    /// The empty lines before a block scalar's first line, where the walk starts.
    fn leading_breaks(&mut self) {
        let run = self.value.len() - self.value.trim_start_matches('\n').len();
        let line = self.lines.pos(self.at).line;
        if self.source[self.at..].starts_with(['\n', '\r']) {
            return;
        }
        for index in 0..run {
            let back = (run - index) as u32;
            let pos = Pos {
                line: line.saturating_sub(back).max(1),
                column: 1,
            };
            self.pairs.push((index as u32, pos));
        }
        self.offset = run;
    }

    /// If the line ends here, the number of blanks before its end that do not belong to the value.
    fn blanks_before_break(&self) -> Option<usize> {
        let rest = &self.source[self.at..];
        let blanks = if self.is_block() {
            0
        } else {
            rest.len() - rest.trim_start_matches([' ', '\t']).len()
        };
        (break_length(&rest[blanks..]) > 0).then_some(blanks)
    }

    /// Steps over line breaks, which are folded into a space or into fewer breaks.
    /// `escaped`: they follow an escaped break, so that none of them is folded.
    fn fold(&mut self, wanted: char, blanks: usize, escaped: bool) -> Option<()> {
        let mut places = vec![self.at];
        self.at += blanks;
        loop {
            self.at += break_length(&self.source[self.at..]);
            self.skip_indentation();
            if self.style == ScalarStyle::Literal || break_length(&self.source[self.at..]) == 0 {
                break;
            }
            places.push(self.at);
        }
        let found = self.value[self.offset..].len()
            - self.value[self.offset..].trim_start_matches('\n').len();
        let run = match self.style {
            ScalarStyle::Literal => found.min(1),
            ScalarStyle::Folded => found.min(places.len()),
            _ if escaped => places.len(),
            _ => places.len() - 1,
        };
        if run == 0 {
            if wanted != ' ' {
                return None;
            }
            self.pairs
                .push((self.offset as u32, self.lines.pos(places[0])));
            self.offset += 1;
        } else if run > found {
            return None;
        } else {
            // The first break of several is the folded one; at the end nothing is folded.
            let skipped = if self.offset + run == self.value.len() {
                0
            } else {
                places.len() - run
            };
            for place in &places[skipped..skipped + run] {
                self.pairs
                    .push((self.offset as u32, self.lines.pos(*place)));
                self.offset += 1;
            }
        }
        self.jumped = true;
        Some(())
    }

    /// Steps over what indents a line.
    fn skip_indentation(&mut self) {
        let rest = &self.source.as_bytes()[self.at..];
        let skipped = if self.is_block() {
            rest.iter()
                .take(self.indent)
                .take_while(|byte| **byte == b' ')
                .count()
        } else {
            rest.iter()
                .take_while(|byte| matches!(byte, b' ' | b'\t'))
                .count()
        };
        self.at += skipped;
    }

    /// Steps over an escape in a double-quoted scalar.
    fn escape(&mut self) -> Option<()> {
        let rest = &self.source[self.at..];
        let broken = break_length(&rest[1..]);
        if broken > 0 {
            // An escaped line break is nothing; empty lines behind it are breaks of their own.
            self.at += 1 + broken;
            self.skip_indentation();
            self.jumped = true;
            if break_length(&self.source[self.at..]) > 0 {
                self.fold('\n', 0, true)?;
            }
            return Some(());
        }
        let length = match rest[1..].chars().next()? {
            'x' => 4,
            'u' => 6,
            'U' => 10,
            other => 1 + other.len_utf8(),
        };
        let wanted = self.value[self.offset..].chars().next()?;
        self.take(wanted.len_utf8());
        self.at = (self.at + length).min(self.source.len());
        self.jumped = true;
        self.source.is_char_boundary(self.at).then_some(())
    }
}

/// The bytes of the line break with which this text begins, or 0.
fn break_length(text: &str) -> usize {
    if text.starts_with("\r\n") {
        2
    } else {
        usize::from(text.starts_with('\n'))
    }
}
