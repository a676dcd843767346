//! A session without a terminal: lines.

use super::state::{Round, SessionState};
use super::text;
use super::watched_task::WatchedTask;
use crate::report::{self, Ink, Options, Style};
use std::io::{self, Write};

/// Writes what happens, a line or a failure at a time.
pub(super) struct Plain {
    out: Box<dyn Write + Send>,
    options: Options,
}

impl Plain {
    pub(super) fn new(out: Box<dyn Write + Send>, options: Options) -> Self {
        Self { out, options }
    }

    pub(super) fn options(&self) -> &Options {
        &self.options
    }

    pub(super) fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }

    fn style(&self) -> Style {
        self.options.style
    }

    /// A remark.
    pub(super) fn note(&mut self, text: &str) -> io::Result<()> {
        let mut out = String::new();
        self.style().line().push(Ink::Faint, text).write(&mut out);
        self.write(&out)
    }

    /// Why something runs.
    pub(super) fn why(&mut self, state: &SessionState) -> io::Result<()> {
        let mut out = String::new();
        self.style()
            .line()
            .push(Ink::Strong, &state.why)
            .write(&mut out);
        self.write(&out)
    }

    /// A file is broken.
    pub(super) fn broken(&mut self, task: &WatchedTask) -> io::Result<()> {
        let Some(findings) = &task.broken else {
            return Ok(());
        };
        let mut out = text::findings(findings, self.style());
        text::row(task, 0, self.style()).write(&mut out);
        self.write(&out)
    }

    /// A new definition was judged on the last results.
    pub(super) fn replayed(&mut self, task: &WatchedTask) -> io::Result<()> {
        let mut out = Vec::new();
        text::replayed(task, &self.options, &mut out);
        self.write(&report::text_of(&out))
    }

    /// A task has a result. The count is told where there is more than one.
    pub(super) fn settled(&mut self, task: &WatchedTask, count: (u32, u32)) -> io::Result<()> {
        let Some(result) = &task.result else {
            return Ok(());
        };
        let count = Some(count).filter(|(_, tasks)| *tasks > 1);
        let mut out = vec![text::settled_row(task, result, count, self.style())];
        out.extend(text::failure(result, &self.options));
        self.write(&report::text_of(&out))
    }

    /// Nothing runs any more.
    pub(super) fn round(&mut self, round: &Round, now: i64) -> io::Result<()> {
        let mut out = String::new();
        text::round(round, now, self.style()).write(&mut out);
        self.write(&out)
    }

    pub(super) fn write(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }
}
