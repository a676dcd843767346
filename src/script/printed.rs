//! A text for Rhai that remembers where each of its tokens came from.

use std::ops::Range;

/// Longest line that is written: Rhai counts columns in 16 bits.
const MAX_COLUMN: usize = 1_000;

/// A text for Rhai, and where its tokens came from.
#[derive(Clone, Debug, Default)]
pub(super) struct Printed {
    pub(super) text: String,
    line: usize,
    column: usize,
    places: Vec<(usize, usize, Range<usize>)>,
    /// Of each call of a path: which token it is, and where each of its steps ends.
    paths: Vec<(usize, Vec<usize>)>,
}

impl Printed {
    /// The stretch of a path up to one of its steps (from 1), for the call of a path at a position of Rhai.
    pub(super) fn path(&self, position: rhai::Position, steps: usize) -> Option<Range<usize>> {
        let token = self.token(position)?;
        let (_, ends) = self.paths.iter().find(|(call, _)| *call == token)?;
        let (.., at) = &self.places[token];
        Some(at.start..*ends.get(steps.checked_sub(1)?)?)
    }

    fn token(&self, position: rhai::Position) -> Option<usize> {
        let key = (position.line()?, position.position().unwrap_or(1));
        self.places
            .partition_point(|(line, column, _)| (*line, *column) <= key)
            .checked_sub(1)
    }

    /// Where the token at a position of Rhai came from.
    pub(super) fn place(&self, position: rhai::Position) -> Option<Range<usize>> {
        self.token(position)
            .map(|token| self.places[token].2.clone())
    }

    /// Notes that the next token is the call of a path whose steps end there.
    pub(super) fn begin_path(&mut self, ends: Vec<usize>) {
        self.paths.push((self.places.len(), ends));
    }

    pub(super) fn push(&mut self, token: &str, at: &Range<usize>) {
        if self.text.is_empty() {
            self.line = 1;
            self.column = 1;
        } else if self.column > MAX_COLUMN {
            self.text.push('\n');
            self.line += 1;
            self.column = 1;
        } else {
            self.text.push(' ');
            self.column += 1;
        }
        self.places.push((self.line, self.column, at.clone()));
        self.text.push_str(token);
        self.column += token.chars().count();
    }
}
