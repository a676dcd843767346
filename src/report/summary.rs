//! The end of a run in words: failures, flaky and slow tasks, counts, and how to go on.

use super::command::quoted;
use super::options::Options;
use super::status::Status;
use super::status_line;
use super::style::{Ink, Line, Style};
use super::text::append;
use super::value::length;
use super::view::{Ended, Key, Live};
use crate::event::{Name, Outcome, Tally};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What the end of a run needs of the executions before it: the text of each failure, and little else.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    /// The last failure of each task, in the order of the run's tasks.
    failures: BTreeMap<Key, Failed>,
    /// The tasks that passed on a retry.
    flaky: BTreeMap<Key, Line>,
    /// The slowest, the worst first.
    slow: Vec<(u64, Line)>,
    /// What ought to be looked at in each task that has it, in the order of the run's tasks.
    warnings: BTreeMap<Key, Vec<Line>>,
}

#[derive(Debug)]
struct Failed {
    text: String,
    /// The same in one sentence.
    reason: String,
    file: Name,
    /// The flag that takes nothing else of the file.
    selected_by: String,
    is_case: bool,
}

/// How many warnings of one task are shown.
const MAX_WARNINGS: usize = 5;
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
        match ended.outcome {
            Outcome::Passed | Outcome::Known | Outcome::Skipped => {}
            Outcome::Flaky => {
                let mut row = status_line::ended(ended, None, style);
                if let Some(before) = self.failures.remove(&ended.key()) {
                    let first = before.reason.lines().next().unwrap_or_default();
                    row.add(Ink::Faint, &format!("; before: {first}"));
                }
                self.flaky.insert(ended.key(), row);
            }
            _ => {
                let failed = Failed {
                    text: ended.failure_text(live.run.as_ref(), options),
                    reason: ended.reason(),
                    file: Name::clone(&ended.started.file),
                    selected_by: ended.selected_by(options),
                    is_case: ended.started.case.is_some(),
                };
                self.failures.insert(ended.key(), failed);
            }
        }
        self.warn(ended, style);
        self.time(ended, style);
    }

    fn warn(&mut self, ended: &Ended, style: Style) {
        let mut lines: Vec<Line> = Vec::new();
        for one in ended.warnings.iter().take(MAX_WARNINGS) {
            let place = one.at().map(|at| format!("  {at}")).unwrap_or_default();
            let place = format!("{}{place}", ended.name());
            lines.push(style.line().plain(&place));
            let why = format!("    {}", one.text());
            lines.push(style.line().push(Ink::Faint, &why));
        }
        let more = ended.warnings.len().saturating_sub(MAX_WARNINGS);
        if more > 0 {
            let text = format!("{}  +{more} more", ended.name());
            lines.push(style.line().push(Ink::Faint, &text));
        }
        if lines.is_empty() {
            self.warnings.remove(&ended.key());
        } else {
            self.warnings.insert(ended.key(), lines);
        }
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
            .plain(&ended.name());
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
        section("Flaky", self.flaky.values(), style, out);
        section("Warnings", self.warnings.values().flatten(), style, out);
        section("Slow", self.slow.iter().map(|(_, line)| line), style, out);
        out.push('\n');
        counts(live, style, out);
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

    /// The command that runs the failures again.
    fn again(&self, options: &Options) -> Option<String> {
        let mut files: Vec<&Name> = Vec::new();
        // A case is named by a filter, which leaves out every task that none names.
        let has_cases = self.failures.values().any(|failed| failed.is_case);
        let mut names: Vec<&str> = Vec::new();
        for failed in self.failures.values() {
            if !files.contains(&&failed.file) {
                files.push(&failed.file);
            }
            if has_cases && names.len() <= MAX_FILES {
                names.push(&failed.selected_by);
            }
        }
        match files.len().max(names.len()) {
            0 => None,
            1..=MAX_FILES => {
                let files = files.iter().map(|file| quoted(file));
                let names = names.into_iter().map(Cow::from);
                let words: Vec<_> = files.chain(names).collect();
                let Options { command, flags, .. } = options;
                Some(format!("funcy {command} {}{flags}", words.join(" ")))
            }
            _ if options.resumable => Some(format!("funcy run --failed{}", options.flags)),
            _ => None,
        }
    }
}

/// Lines under a title, if there are any.
fn section<'l>(title: &str, lines: impl Iterator<Item = &'l Line>, style: Style, out: &mut String) {
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

/// What a run came to: `2 failed`, `117 passed`, the bad ones first, since they are looked for. One that cleaned up after
/// another has no results of tasks: what they did stands in the run before.
pub(super) fn results(live: &Live) -> Vec<(Status, String)> {
    if let Some(run) = &live.started.cleans_up {
        let outcome = live.tally.outcome();
        let text = if outcome == Outcome::Passed {
            format!("cleaned up after run {run}")
        } else {
            format!("not all is cleaned up after run {run}")
        };
        return vec![(Status::Ended(outcome), text)];
    }
    let mut found: Vec<_> = (live.tally.iter())
        .map(|(outcome, count)| {
            let status = Status::Ended(outcome);
            (status, format!("{count} {}", status.word()))
        })
        .collect();
    found.reverse();
    found
}

/// `✗ 2 failed  ✓ 117 passed  in 32.1s · run 7KP`, on as many lines as the width needs.
fn counts(live: &Live, style: Style, out: &mut String) {
    let results = results(live).into_iter().map(|(status, text)| {
        let text = format!("{} {text}", status.glyph(style.unicode));
        style.line().push(Ink::Hue(status.hue()), &text)
    });
    let mut pieces: Vec<Line> = results.collect();
    let left = live.started.tasks.saturating_sub(live.done());
    if left > 0 {
        pieces.push(style.line().push(Ink::Faint, &format!("{left} not run")));
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
        append(&mut end, format_args!(" {} run {run}", style.symbols().dot));
    }
    if let Some((head, _)) = &live.sealed {
        // As much of it as `funcy audit verify --head` needs to be sure.
        let head = head.get(..16).unwrap_or(head);
        append(
            &mut end,
            format_args!(" {} head {head}", style.symbols().dot),
        );
    }
    pieces.push(style.line().push(Ink::Faint, &end));
    let mut row = style.line();
    for piece in pieces {
        if !row.is_empty() && row.width() + piece.width() + 2 > style.width {
            row.write(out);
            row = style.line();
        }
        if !row.is_empty() {
            row.add(Ink::Plain, "  ");
        }
        row.append(&piece);
    }
    row.write(out);
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
