//! A run as Markdown: for a step summary, a merge request, a chat.

use super::folded::Format;
use super::options::Options;
use super::status::Status;
use super::style::Style;
use super::summary::results;
use super::text::{append, cut_end, printable};
use super::value::length;
use super::view::{Ended, Key, Live};
use crate::event::Outcome;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Writes Markdown at the end of the run: the counts, a table of all that did not simply pass, and each
/// failure in full.
pub struct Markdown {
    writer: Box<dyn Write + Send>,
    options: Options,
    /// What did not simply pass, in the order of the run's tasks.
    tasks: BTreeMap<Key, TaskRow>,
}

struct TaskRow {
    outcome: Outcome,
    row: String,
    failure: String,
    warnings: Vec<String>,
}

/// The bytes of the whole: GitHub takes no step summary above 1 MiB.
const MAX_BYTES: usize = 900 * 1024;
/// The columns of a failure.
const WIDTH: usize = 120;

impl Markdown {
    /// Writes here.
    pub fn new(writer: Box<dyn Write + Send>, options: Options) -> Self {
        let style = Style {
            width: WIDTH,
            ..Style::plain()
        };
        Self {
            writer,
            options: Options { style, ..options },
            tasks: BTreeMap::new(),
        }
    }

    fn add(&mut self, ended: &Ended, live: &Live) {
        if ended.outcome == Outcome::Passed {
            return;
        }
        let status = Status::Ended(ended.outcome);
        let why = match ended.outcome {
            Outcome::Known => ended.known(),
            Outcome::Skipped => ended.started.skip.clone().unwrap_or_default(),
            Outcome::Flaky => {
                let started = &ended.started;
                format!(
                    "passed on attempt {} of {}",
                    started.attempt, started.attempts
                )
            }
            _ => ended.reason(),
        };
        let row = format!(
            "| {} {} | {} | {} | {} | {} |",
            status.glyph(true),
            status.word(),
            cell(&ended.name()),
            cell(ended.state.as_deref().unwrap_or_default()),
            length(ended.metrics.micros),
            cell(&why),
        );
        let task = TaskRow {
            outcome: ended.outcome,
            row,
            failure: ended.failure_text(live.run.as_ref(), &self.options),
            warnings: ended.warnings(),
        };
        self.tasks.insert(ended.key(), task);
    }

    fn text(&self, live: &Live) -> String {
        let run = live.run.as_deref().unwrap_or("unknown");
        let counts: Vec<String> = results(live)
            .into_iter()
            .map(|(status, text)| format!("{} {}", status.glyph(true), cell(&text)))
            .collect();
        let micros = live.end.map_or(0, |(_, micros)| micros);
        let mut text = format!(
            "## funcy run {}\n\n{} in {}\n",
            cell(run),
            counts.join(", "),
            length(micros)
        );
        if let Some((head, events)) = &live.sealed {
            append(
                &mut text,
                format_args!("\nJournal: {events} events, head `{head}`\n"),
            );
        }
        if self.tasks.is_empty() {
            return text;
        }
        text.push_str("\n| | task | state | time | why |\n| --- | --- | --- | --- | --- |\n");
        let mut tasks: Vec<&TaskRow> = self.tasks.values().collect();
        // The order of the run is kept among equals.
        tasks.sort_by_key(|task| urgency(task.outcome));
        // Half of the room for the table, the rest for the failures.
        let rows = tasks.iter().map(|task| format!("{}\n", task.row));
        bounded(rows, MAX_BYTES / 2, "| | … | | | +{} more |\n", &mut text);
        let failures = tasks.iter().filter(|task| !task.failure.is_empty());
        let failures = failures.map(|task| fenced(&task.failure));
        bounded(failures, MAX_BYTES, "\n+{} more failures\n", &mut text);
        let warnings = self.tasks.values().flat_map(|task| &task.warnings);
        let warnings = warnings.map(|warning| format!("\nWarning: {}\n", cell(warning)));
        bounded(warnings, MAX_BYTES, "\n+{} more warnings\n", &mut text);
        text
    }
}

/// What is looked at first.
fn urgency(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Failed | Outcome::TimedOut | Outcome::Error => 0,
        Outcome::Interrupted | Outcome::Cancelled => 1,
        Outcome::Flaky => 2,
        Outcome::Known => 3,
        Outcome::Skipped => 4,
        Outcome::Passed => 5,
    }
}

/// Appends pieces as long as the text stays below `most` bytes, then how many were left out.
fn bounded(pieces: impl Iterator<Item = String>, most: usize, rest: &str, text: &mut String) {
    let mut more = 0;
    for piece in pieces {
        if more == 0 && text.len() + piece.len() <= most {
            text.push_str(&piece);
        } else {
            more += 1;
        }
    }
    if more > 0 {
        text.push_str(&rest.replace("{}", &more.to_string()));
    }
}

/// A text in a cell of a table: in one line, with nothing that Markdown or HTML would obey.
fn cell(text: &str) -> String {
    let text = printable(text, true);
    let mut out = String::new();
    for c in cut_end(&text, 300, "…").chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '|' | '`' | '*' | '_' | '[' | ']' | '\\' | '~' | '#' | '@' => {
                append(&mut out, format_args!("&#{};", c as u32));
            }
            _ => out.push(c),
        }
    }
    out
}

/// A failure as a block of text, in a fence that is longer than any in it.
fn fenced(failure: &str) -> String {
    let longest = failure.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat((longest + 1).max(3));
    format!("\n{fence}text\n{failure}{fence}\n")
}

impl Format for Markdown {
    fn ended(&mut self, ended: Ended, live: &Live) {
        self.add(&ended, live);
    }

    fn finish(&mut self, live: &Live) -> io::Result<()> {
        self.writer.write_all(self.text(live).as_bytes())?;
        self.writer.flush()
    }
}
