//! What a report is told beside the events.

use super::style::Style;

/// What a report is told beside the events. Equal options and equal events give equal bytes.
#[derive(Clone, Debug)]
pub struct Options {
    /// Colours, characters and width, where the format has such.
    pub style: Style,
    /// The run is kept in a journal, so that commands may refer to it.
    pub resumable: bool,
    /// The command that runs a task again: `run`, `simulate`.
    pub command: &'static str,
    /// What a command that runs a task again needs beside its file: ` --var id=7`, with the space before it.
    pub flags: String,
    /// Redraw a few lines at the bottom while tasks run: only for a terminal that can move its cursor.
    pub live: bool,
    /// The lines of that terminal.
    pub rows: usize,
    /// The report files that will be written, to be named at the end.
    pub reports: Vec<String>,
    /// Further lines for the end: that no journal was kept.
    pub notes: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            style: Style::plain(),
            resumable: false,
            command: "run",
            flags: String::new(),
            live: false,
            rows: 24,
            reports: Vec::new(),
            notes: Vec::new(),
        }
    }
}
