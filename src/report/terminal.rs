//! What `funcy run` shows: a line for each finished task, what runs and waits meanwhile, and at the end
//! every failure in full.

use super::folded::{Folded, Format};
use super::options::Options;
use super::status::Status;
use super::status_line;
use super::style::{Ink, Line, Style};
use super::summary::{Summary, counted};
use super::text::append;
use super::value::length;
use super::view::{Ended, Live};
use std::io::{self, Write};

/// The run on a terminal, or in the log of a build.
///
/// Progress goes to one writer, the failures and the summary to another. It knows no clock: whoever holds
/// it calls [`Folded::tick`](super::Folded::tick) a few times a second.
pub struct Terminal {
    out: Box<dyn Write + Send>,
    progress: Box<dyn Write + Send>,
    options: Options,
    /// How progress looks, if not like the results.
    progress_style: Option<Style>,
    summary: Summary,
    /// Lines that wait for the next drawing.
    pending: String,
    /// The columns of each row that is drawn at the bottom.
    drawn: Vec<usize>,
    /// When the rows were last drawn.
    framed: i64,
    /// When a line was last written, or the run began.
    spoke: i64,
}

/// Redrawn at most four times a second, also by a timer of 250 ms that is sometimes a little early.
const FRAME_MICROS: i64 = 240_000;
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
            progress_style: None,
            options,
            summary: Summary::default(),
            pending: String::new(),
            drawn: Vec::new(),
            framed: 0,
            spoke: 0,
        }
    }

    /// Writes progress in another style than the results: one of the two may be a file.
    #[must_use]
    pub fn progress_style(mut self, style: Style) -> Self {
        self.progress_style = Some(style);
        self
    }

    fn resize(&mut self, columns: usize, rows: usize) {
        let style = self.progress_style.as_mut();
        style.unwrap_or(&mut self.options.style).width = columns.max(20);
        self.options.rows = rows;
    }

    fn tick(&mut self, live: &Live, now: i64) -> io::Result<()> {
        if !self.options.live {
            return self.heartbeat(live, now);
        }
        if now - self.framed < FRAME_MICROS {
            return Ok(());
        }
        self.framed = now;
        self.draw(live, now)
    }

    fn heartbeat(&mut self, live: &Live, now: i64) -> io::Result<()> {
        if now - self.spoke < HEARTBEAT_MICROS {
            return Ok(());
        }
        self.spoke = now;
        let Some(running) = live.longest_wait() else {
            return Ok(());
        };
        let style = self.style();
        status_line::running(running, now, style).write(&mut self.pending);
        let counts = format!(
            "  {} of {} tasks done, {} more running",
            live.done(),
            live.started.tasks,
            live.running.len() - 1
        );
        let counts = style.line().push(Ink::Faint, &counts);
        counts.write(&mut self.pending);
        self.flush()
    }

    /// Writes what is pending. The live rows are gone until the next drawing.
    fn flush(&mut self) -> io::Result<()> {
        let mut text = self.take_pending();
        if text.is_empty() {
            return Ok(());
        }
        self.progress.write_all(text.as_bytes())?;
        text.clear();
        self.progress.flush()
    }

    /// The moves that take the live rows away, and the lines that come in their place.
    fn take_pending(&mut self) -> String {
        let columns = self.progress_style.unwrap_or(self.options.style).width;
        // A terminal that has become narrower has wrapped them.
        let lines: usize = self
            .drawn
            .drain(..)
            .map(|width| width.div_ceil(columns).max(1))
            .sum();
        let mut text = String::new();
        if lines > 0 {
            append(&mut text, format_args!("\x1b[{lines}A\r\x1b[J"));
        }
        text.push_str(&self.pending);
        self.pending.clear();
        text
    }

    /// The style of what stands on a screen. One column stays free: a terminal may wrap a line that fills
    /// its last one.
    fn style(&self) -> Style {
        let mut style = self.progress_style.unwrap_or(self.options.style);
        style.width -= usize::from(self.options.live);
        style
    }

    fn draw(&mut self, live: &Live, now: i64) -> io::Result<()> {
        let mut text = self.take_pending();
        let style = self.style();
        let mut running: Vec<_> = live.running.values().collect();
        running.sort_by_key(|running| (running.at.since, running.id));
        // The bar, the line about the rest, and the line of the cursor need room too: what has left the
        // screen cannot be redrawn.
        let shown = MAX_ROWS.min(self.options.rows.saturating_sub(3));
        let more = running.len().saturating_sub(shown);
        // Those that have waited longest, each in a row that it keeps.
        running.truncate(shown);
        running.sort_by_key(|running| running.id);
        let mut rows = vec![bar(live, now, style)];
        let running = running.into_iter();
        rows.extend(running.map(|running| status_line::running(running, now, style)));
        if more > 0 {
            let more = format!("  +{more} more running");
            rows.push(style.line().push(Ink::Faint, &more));
        }
        for row in &rows {
            row.write(&mut text);
            self.drawn.push(row.width().min(style.width));
        }
        self.progress.write_all(text.as_bytes())?;
        self.progress.flush()
    }
}

/// `████░░░░ 41/120  ✗ 2 failed  12.3s`.
fn bar(live: &Live, now: i64, style: Style) -> Line {
    let symbols = style.symbols();
    let done = live.done() as usize;
    let tasks = (live.started.tasks as usize).max(done).max(1);
    let columns = (style.width / 4).clamp(5, 30);
    let full = columns * done / tasks;
    let hue = Ink::Hue(Status::Running.hue());
    let mut bar = style
        .line()
        .push(hue, &symbols.bar_full.repeat(full))
        .push(Ink::Faint, &symbols.bar_empty.repeat(columns - full))
        .plain(&format!(" {done}/{tasks}"));
    for piece in counted(&live.tally, style) {
        if bar.width() + piece.width() + 12 <= style.width {
            bar.add(Ink::Plain, "  ");
            bar.append(&piece);
        }
    }
    let passed = (now - live.began).max(0).unsigned_abs();
    bar.push(Ink::Faint, &format!("  {}", length(passed)))
}

impl Folded<Terminal> {
    /// The terminal has another size now.
    pub fn resize(&mut self, columns: usize, rows: usize) {
        self.format.resize(columns, rows);
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
        self.format.tick(&self.live, now)
    }

    /// Every running machine: its state and since when, its attempt, what it saw last, its next deadline.
    pub fn snapshot_text(&self, now: i64) -> String {
        let style = self.format.style();
        let mut out = String::new();
        for running in self.live.running.values() {
            status_line::dump(running, now, style, &mut out);
        }
        if out.is_empty() {
            let nothing = style.line().push(Ink::Faint, "nothing is running");
            nothing.write(&mut out);
        }
        out
    }

    /// Prints [`Self::snapshot_text`] above the live rows.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn dump(&mut self, now: i64) -> io::Result<()> {
        let text = self.snapshot_text(now);
        self.format.pending.push_str(&text);
        self.format.flush()
    }
}

impl Format for Terminal {
    fn ended(&mut self, ended: Ended, live: &Live) {
        self.summary.add(&ended, live, &self.options);
        let count = (live.done(), live.started.tasks);
        let row = status_line::ended(&ended, Some(count), self.style());
        row.write(&mut self.pending);
        self.spoke = live.now;
    }

    /// It has no row of its own: nobody waits for it any more.
    fn interrupted(&mut self, ended: Ended, live: &Live) {
        self.summary.add(&ended, live, &self.options);
    }

    fn progress(&mut self, live: &Live) -> io::Result<()> {
        if self.spoke == 0 {
            self.spoke = live.now;
        }
        if !self.options.live || self.pending.len() > MAX_PENDING {
            self.flush()?;
        }
        Ok(())
    }

    fn finish(&mut self, live: &Live) -> io::Result<()> {
        self.flush()?;
        let mut text = String::new();
        self.summary.write(live, &self.options, &mut text);
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests;
