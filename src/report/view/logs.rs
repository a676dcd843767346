//! The lines that an execution has written with `log`: the last ones are told at its failure.

use std::collections::VecDeque;

/// The last lines.
#[derive(Clone, Debug, Default)]
pub struct Logs {
    lines: VecDeque<String>,
    /// How many there were before them.
    more: u64,
}

/// The lines that are kept.
const MAX_LINES: usize = 8;
/// The bytes of one that are kept.
const MAX_BYTES: usize = 400;

impl Logs {
    pub(super) fn add(&mut self, text: &str) {
        if self.lines.len() == MAX_LINES {
            self.lines.pop_front();
            self.more += 1;
        }
        let mut text = text.to_owned();
        if text.len() > MAX_BYTES {
            text.truncate(text.floor_char_boundary(MAX_BYTES));
            text.push('…');
        }
        self.lines.push_back(text);
    }

    /// The lines, the oldest first; where some were left out, that is the first of them.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let more = (self.more > 0).then(|| format!("+{} earlier", self.more));
        more.into_iter().chain(self.lines.iter().cloned()).collect()
    }
}
