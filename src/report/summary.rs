//! The end of a run in words: failures, flaky and slow tasks, counts, and how to go on.

use super::failure::failure;
use super::options::Options;
use super::row;
use super::status::Status;
use super::style::{Ink, Line, Style};
use super::value::length;
use super::view::{Ended, Live};
use crate::event::{Headline, Name, Outcome, Tally};
use std::collections::BTreeMap;

/// What the end of a run needs of the executions before it: the text of each failure, and little else.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    /// By the task's number in the run: the last failure of each.
    failures: BTreeMap<u32, Failed>,
    /// By the task's number: those that passed on a retry.
    flaky: BTreeMap<u32, Line>,
    /// The slowest, the worst first.
    slow: Vec<(u64, Line)>,
}

#[derive(Debug)]
struct Failed {
    outcome: Outcome,
    text: String,
    file: Name,
}

/// How many slow tasks are named.
const SLOW: usize = 3;
/// What counts as slow, in microseconds.
const SLOW_MICROS: u64 = 1_000_000;
/// How many files a command names.
const MAX_FILES: usize = 5;

impl Summary {
    /// Keeps what the end will need of this execution.
    pub(crate) fn add(&mut self, ended: &Ended, live: &Live, options: &Options) {
        let style = options.style;
        let index = ended.started.index;
        match ended.outcome {
            Outcome::Passed | Outcome::Skipped => {}
            Outcome::Flaky => {
                let mut line = row::ended(ended, 0, 0, style);
                if let Some(before) = self.failures.remove(&index) {
                    let first = before.text.lines().next().unwrap_or_default();
                    let reason = first
                        .splitn(3, style.symbols().dot)
                        .last()
                        .unwrap_or_default();
                    line.add(Ink::Faint, &format!("; before: {}", strip(reason).trim()));
                }
                self.flaky.insert(index, line);
            }
            outcome => {
                let about = ended.about(live.run.as_ref(), options.resumable);
                let text = match &ended.headline {
                    Some(headline) => failure(headline, &about, &ended.sources, style),
                    None => failure(&unexplained(ended), &about, &ended.sources, style),
                };
                let failed = Failed {
                    outcome,
                    text,
                    file: Name::clone(&ended.started.file),
                };
                self.failures.insert(index, failed);
            }
        }
        self.time(ended, style);
    }

    fn time(&mut self, ended: &Ended, style: Style) {
        let micros = ended.metrics.micros;
        if micros < SLOW_MICROS || !ended.last_attempt {
            return;
        }
        let at = self.slow.partition_point(|(other, _)| *other >= micros);
        if at >= SLOW {
            return;
        }
        let longest = ended.metrics.states.iter().max_by_key(|state| state.micros);
        let mut line = style
            .line()
            .push(Ink::Faint, &format!("{:>7}  ", length(micros)))
            .plain(&ended.started.task);
        if let Some(state) = longest {
            let text = format!("  {} in {}", length(state.micros), state.state);
            line.add(Ink::Faint, &text);
        }
        self.slow.insert(at, (micros, line));
        self.slow.truncate(SLOW);
    }

    /// Writes the end of the run.
    pub(crate) fn write(&self, live: &Live, options: &Options, out: &mut String) {
        let style = options.style;
        for failed in self.failures.values() {
            out.push('\n');
            out.push_str(&failed.text);
        }
        self.section("Flaky", self.flaky.values(), style, out);
        self.section("Slow", self.slow.iter().map(|(_, line)| line), style, out);
        if !live.running.is_empty() {
            let status = Status::Ended(Outcome::Interrupted);
            let lines: Vec<Line> = live
                .running
                .values()
                .map(|running| {
                    let state = running.state.as_deref().unwrap_or("no state");
                    style
                        .line()
                        .push(Ink::Hue(status.hue()), status.glyph(style.unicode))
                        .plain(&format!(" {}  in {state}", running.started.task))
                })
                .collect();
            self.section("Not finished", lines.iter(), style, out);
        }
        out.push('\n');
        self.counts(live, style, out);
        for report in &options.reports {
            note("report", report, style, out);
        }
        for text in &options.notes {
            note("note", text, style, out);
        }
        if let Some(command) = self.again(options) {
            note("again", &command, style, out);
        }
    }

    fn section<'l>(
        &self,
        title: &str,
        lines: impl Iterator<Item = &'l Line>,
        style: Style,
        out: &mut String,
    ) {
        for (at, line) in lines.enumerate() {
            if at == 0 {
                out.push('\n');
                style.line().push(Ink::Strong, title).write(out);
            }
            let mut indented = style.line().plain("  ");
            indented.append(line);
            indented.write(out);
        }
    }

    /// `✗ 2 failed, ✓ 117 passed in 32.1s`, and which run it was.
    fn counts(&self, live: &Live, style: Style, out: &mut String) {
        let mut pieces = counted(&live.tally, style);
        let skipped = live.started.tasks.saturating_sub(live.done());
        if skipped > 0 {
            pieces.push(style.line().push(Ink::Faint, &format!("{skipped} not run")));
        }
        if pieces.is_empty() {
            pieces.push(style.line().push(Ink::Faint, "no task ran"));
        }
        let micros = match live.end {
            Some((_, micros)) => micros,
            None => (live.now - live.began).max(0).unsigned_abs(),
        };
        let mut end = format!("in {}", length(micros));
        if let Some(run) = &live.run {
            end.push_str(&format!(" {} run {run}", style.symbols().dot));
        }
        // As many lines as the width needs.
        let mut line = style.line();
        for piece in pieces {
            if !line.is_empty() && line.width() + piece.width() + 2 > style.width {
                line.write(out);
                line = style.line();
            }
            if !line.is_empty() {
                line.add(Ink::Plain, "  ");
            }
            line.append(&piece);
        }
        if line.width() + end.len() + 2 > style.width {
            line.write(out);
            line = style.line();
        } else {
            line.add(Ink::Plain, "  ");
        }
        line.push(Ink::Faint, &end).write(out);
    }

    /// The command that runs the failures again.
    fn again(&self, options: &Options) -> Option<String> {
        let mut files: Vec<&Name> = Vec::new();
        for failed in self.failures.values() {
            if !files.contains(&&failed.file) {
                files.push(&failed.file);
            }
        }
        match files.len() {
            0 => None,
            1..=MAX_FILES => {
                let files: Vec<_> = files
                    .iter()
                    .map(|file| super::command::quoted(file))
                    .collect();
                Some(format!("funcy run {}", files.join(" ")))
            }
            _ if options.resumable => Some("funcy run --failed".to_owned()),
            _ => None,
        }
    }

    /// The worst outcome of what has failed, if anything has.
    #[cfg(test)]
    pub(crate) fn worst(&self) -> Option<Outcome> {
        self.failures.values().map(|failed| failed.outcome).max()
    }
}

/// Each outcome that occurred with its count: the bad ones first, since they are looked for.
pub(crate) fn counted(tally: &Tally, style: Style) -> Vec<Line> {
    let mut found: Vec<(Outcome, u32)> = tally.iter().collect();
    found.reverse();
    found
        .into_iter()
        .map(|(outcome, count)| {
            let status = Status::Ended(outcome);
            style
                .line()
                .push(Ink::Hue(status.hue()), status.glyph(style.unicode))
                .push(
                    Ink::Hue(status.hue()),
                    &format!(" {count} {}", status.word()),
                )
        })
        .collect()
}

/// A headline for an end that brought none: a cancelled task.
pub(crate) fn unexplained(ended: &Ended) -> Headline {
    let kind = crate::event::ErrorKind::Lost;
    Headline {
        state: ended.state.clone(),
        ..Headline::of(crate::event::Failure::new(kind, ended.outcome.word()))
    }
}

fn note(label: &str, text: &str, style: Style, out: &mut String) {
    let indent = 9;
    let mut line = style.line().push(Ink::Faint, &format!("{label}:"));
    line.pad_to(indent);
    let folded = super::command::fold(
        text,
        style.width.saturating_sub(indent),
        indent,
        style.width,
        style.unicode,
    );
    for piece in folded {
        if line.is_empty() && !piece.flush {
            line.pad_to(indent);
        }
        line.plain(&piece.text).write(out);
        line = style.line();
    }
}

/// A text without its colours.
fn strip(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\x1b') {
        out.push_str(&rest[..at]);
        let after = &rest[at..];
        rest = after.find('m').map_or("", |end| &after[end + 1..]);
    }
    out.push_str(rest);
    out
}
