//! What `funcy run` shows: a line for each finished task, what runs and waits meanwhile, and at the end
//! every failure in full.

use super::options::Options;
use super::row;
use super::status::Status;
use super::style::{Ink, Style};
use super::summary::{Summary, counted};
use super::value::length;
use super::view::Live;
use crate::event::{Event, Outcome, Sink};
use std::io::{self, Write};

/// The run on a terminal, or in the log of a build.
///
/// Progress goes to one writer, the failures and the summary to another. It knows no clock: whoever holds
/// it calls [`Terminal::tick`] a few times a second.
pub struct Terminal {
    out: Box<dyn Write + Send>,
    progress: Box<dyn Write + Send>,
    options: Options,
    live: Live,
    summary: Summary,
    /// Lines that wait for the next drawing.
    pending: String,
    /// The rows that are drawn at the bottom.
    drawn: usize,
    /// When something was last written.
    written: i64,
    finished: bool,
}

/// Redrawn at most four times a second.
const FRAME_MICROS: i64 = 250_000;
/// After this much silence a heartbeat.
const HEARTBEAT_MICROS: i64 = 30_000_000;
/// Live rows.
const MAX_ROWS: usize = 8;
/// Finished lines are held back for the next drawing, but never more than this many bytes.
const MAX_PENDING: usize = 64 * 1024;

impl Terminal {
    /// A terminal that writes results to `out` and progress to `progress`.
    pub fn new(
        out: Box<dyn Write + Send>,
        progress: Box<dyn Write + Send>,
        options: Options,
    ) -> Self {
        Self {
            out,
            progress,
            options,
            live: Live::default(),
            summary: Summary::default(),
            pending: String::new(),
            drawn: 0,
            written: 0,
            finished: false,
        }
    }

    /// How the run stands.
    pub fn live(&self) -> &Live {
        &self.live
    }

    /// The terminal has another width now.
    pub fn resize(&mut self, columns: usize) {
        self.options.style.width = columns.max(20);
    }

    /// Time has passed: draws what runs, or after a longer silence says what is waited for. `now` is in
    /// microseconds since the Unix epoch, as in events.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn tick(&mut self, now: i64) -> io::Result<()> {
        if self.finished || self.live.run.is_none() {
            return Ok(());
        }
        if self.options.live {
            return self.draw(now);
        }
        if now - self.written < HEARTBEAT_MICROS {
            return Ok(());
        }
        let style = self.options.style;
        if let Some(running) = self.live.longest_wait() {
            let more = self.live.running.len() - 1;
            let mut text = String::new();
            row::running(running, now, style).write(&mut text);
            let counts = format!(
                "  {} of {} tasks done, {more} more running",
                self.live.done(),
                self.live.started.tasks
            );
            style.line().push(Ink::Faint, &counts).write(&mut text);
            self.pending.push_str(&text);
        }
        self.written = now;
        self.flush()
    }

    /// Every running machine: its state and since when, its attempt, what it saw last, its next deadline.
    pub fn snapshot_text(&self, now: i64) -> String {
        let style = self.options.style;
        let mut out = String::new();
        for running in self.live.running.values() {
            row::dump(running, now, style, &mut out);
        }
        if out.is_empty() {
            style
                .line()
                .push(Ink::Faint, "nothing is running")
                .write(&mut out);
        }
        out
    }

    /// Prints [`Self::snapshot_text`] above the live rows.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn dump(&mut self, now: i64) -> io::Result<()> {
        let text = self.snapshot_text(now);
        self.pending.push_str(&text);
        self.flush()
    }

    /// Writes what is pending above the live rows, which are gone until the next drawing.
    fn flush(&mut self) -> io::Result<()> {
        if self.pending.is_empty() && self.drawn == 0 {
            return Ok(());
        }
        let mut text = String::new();
        self.erase(&mut text);
        text.push_str(&self.pending);
        self.pending.clear();
        self.progress.write_all(text.as_bytes())?;
        self.progress.flush()
    }

    /// The moves that take the live rows away: up to the first of them, and all below cleared.
    fn erase(&mut self, text: &mut String) {
        if self.drawn > 0 {
            text.push_str(&format!("\x1b[{}A\r\x1b[J", self.drawn));
            self.drawn = 0;
        }
    }

    fn draw(&mut self, now: i64) -> io::Result<()> {
        if now - self.written < FRAME_MICROS {
            return Ok(());
        }
        self.written = now;
        // One column stays free: a terminal may wrap a line that fills its last one.
        let mut style = self.options.style;
        style.width = style.width.saturating_sub(1);
        let mut text = String::new();
        self.erase(&mut text);
        text.push_str(&self.pending);
        self.pending.clear();
        let mut rows = 0;
        self.bar(now, style).write(&mut text);
        rows += 1;
        let mut running: Vec<_> = self.live.running.values().collect();
        running.sort_by_key(|running| (running.since, running.id));
        for running in running.iter().take(MAX_ROWS) {
            row::running(running, now, style).write(&mut text);
            rows += 1;
        }
        if running.len() > MAX_ROWS {
            let more = format!("  +{} more running", running.len() - MAX_ROWS);
            style.line().push(Ink::Faint, &more).write(&mut text);
            rows += 1;
        }
        self.drawn = rows;
        self.progress.write_all(text.as_bytes())?;
        self.progress.flush()
    }

    /// `████░░░░ 41/120  ✗ 2 failed  12.3s`.
    fn bar(&self, now: i64, style: Style) -> super::style::Line {
        let symbols = style.symbols();
        let done = self.live.done() as usize;
        let tasks = (self.live.started.tasks as usize).max(done).max(1);
        let columns = (style.width / 4).clamp(5, 30);
        let full = columns * done / tasks;
        let mut line = style
            .line()
            .push(
                Ink::Hue(Status::Running.hue()),
                &symbols.bar_full.repeat(full),
            )
            .push(Ink::Faint, &symbols.bar_empty.repeat(columns - full))
            .plain(&format!(" {done}/{tasks}"));
        for piece in counted(&self.live.tally, style) {
            if line.width() + piece.width() + 12 <= style.width {
                line.add(Ink::Plain, "  ");
                line.append(&piece);
            }
        }
        let passed = (now - self.live.began).max(0).unsigned_abs();
        line.push(Ink::Faint, &format!("  {}", length(passed)))
    }
}

impl Sink for Terminal {
    fn accept(&mut self, events: &[Event]) -> io::Result<()> {
        for event in events {
            let Some(ended) = self.live.apply(event) else {
                continue;
            };
            self.summary.add(&ended, &self.live, &self.options);
            let (done, tasks) = (self.live.done(), self.live.started.tasks);
            row::ended(&ended, done, tasks, self.options.style).write(&mut self.pending);
            self.written = self
                .written
                .max(if self.options.live { 0 } else { event.at });
        }
        if self.written == 0 {
            self.written = if self.options.live { 0 } else { self.live.now };
        }
        if !self.options.live || self.pending.len() > MAX_PENDING {
            self.flush()?;
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.finished, true) {
            return Ok(());
        }
        self.flush()?;
        let mut text = String::new();
        self.summary.write(&self.live, &self.options, &mut text);
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }
}

/// The worst outcome so far, `Passed` if nothing is bad. The exit code follows from it.
impl Terminal {
    /// The worst outcome of a task so far.
    pub fn worst(&self) -> Outcome {
        let worst = self.live.tally.iter().map(|(outcome, _)| outcome).max();
        worst.unwrap_or(Outcome::Passed)
    }
}
