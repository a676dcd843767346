//! What the commands about past runs share: how they end, and how runs are written for people and programs.

use super::exit::Exit;
use super::{journal, output};
use crate::journal::{History, JournalError, Mark, RULES, RunRow, RunStatus};
use crate::report::{self, Hue, Ink, Style};
use serde_json::json;
use std::fmt::Write as _;
use std::io;

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    Human,
    Json,
}

/// Why a command about past runs ended early.
pub(super) enum CommandError {
    Journal(JournalError),
    /// It was printed already.
    Reported(Exit),
}

impl From<JournalError> for CommandError {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

impl From<io::Error> for CommandError {
    fn from(error: io::Error) -> Self {
        Self::Journal(error.into())
    }
}

impl From<Exit> for CommandError {
    fn from(exit: Exit) -> Self {
        Self::Reported(exit)
    }
}

/// The exit code; what the journal cannot do is said.
pub(super) fn exit_of(done: Result<(), CommandError>) -> Exit {
    match done {
        Ok(()) => Exit::Passed,
        Err(CommandError::Journal(error)) => journal::failed(&error),
        Err(CommandError::Reported(exit)) => exit,
    }
}

/// Nothing was found, which is said with how to find more.
pub(super) fn nothing(message: &str, hint: &str) -> CommandError {
    output::error(message, Some(hint));
    CommandError::Reported(Exit::Nothing)
}

/// How people see it.
pub(super) fn report_status(status: RunStatus) -> report::Status {
    match status {
        RunStatus::Running => report::Status::Running,
        RunStatus::Ended(outcome) => report::Status::Ended(outcome),
    }
}

/// How programs see it: one word.
pub(super) fn word(status: RunStatus) -> String {
    report_status(status).word().replace(' ', "_")
}

/// A run as one JSON document.
pub(super) fn to_json(history: &History, row: &RunRow) -> Result<serde_json::Value, JournalError> {
    let counts: serde_json::Map<_, _> = (history.tally(row)?.iter())
        .map(|(outcome, count)| (outcome.word().replace(' ', "_"), count.into()))
        .collect();
    let labels: serde_json::Map<_, _> = (row.labels.iter())
        .map(|(name, value)| (name.to_string(), value.to_string().into()))
        .collect();
    let ended = row.outcome.is_some();
    Ok(json!({
        "run": row.id,
        "status": word(history.status(row)),
        "started": report::utc(row.started),
        "at": row.started,
        "micros": ended.then_some(row.micros),
        "tasks": row.tasks,
        "counts": counts,
        "command": row.command,
        "env": row.env,
        "labels": labels,
        "events": row.events,
        "bytes": row.bytes,
        "head": row.head,
        "cleans_up": row.cleans_up,
    }))
}

/// The command line as a person would type it.
pub(super) fn command(words: &[String]) -> String {
    let Some((program, rest)) = words.split_first() else {
        return String::new();
    };
    let program = program.rsplit('/').next().unwrap_or(program);
    std::iter::once(program)
        .chain(rest.iter().map(String::as_str))
        .collect::<Vec<_>>()
        .join(" ")
}

/// `1.5 GB`.
pub(super) use crate::event::size_text as bytes;

/// `.funcy/journal.db: 12.3 MB`.
pub(super) fn say_size(history: &History) -> Result<(), JournalError> {
    let size = bytes(history.store().size()?.total);
    output::note(&format!("{}: {size}", history.path().display()));
    Ok(())
}

/// The rules by which tasks are marked and limits are judged.
pub(super) fn rules() -> String {
    let mut text =
        "Marks, by these rules. Of a retried task the last attempt counts, and what was skipped, \
cancelled or interrupted is passed over; each case of a task has a past of its own:\n"
            .to_owned();
    for (mark, rule) in RULES {
        let _ = writeln!(text, "  {:<12} {rule}", mark.word());
    }
    text.push_str(
        "\nA transition's time runs from the moment its state begins to wait to the moment it is taken. A limit is \
too long if it is more than 10 times the p99 of at least 20 transitions from its state, and too tight if that p99 \
is more than 0.8 of it.",
    );
    text
}

/// Marks on a line of their own, if there are any.
pub(super) fn write_marks(label: &str, marks: &[Mark], style: Style, out: &mut String) {
    if !marks.is_empty() {
        style
            .line()
            .push(Ink::Faint, label)
            .push(Ink::Hue(Hue::Waiting), &mark_words(marks).join(", "))
            .write(out);
    }
}

pub(super) fn mark_words(marks: &[Mark]) -> Vec<&'static str> {
    marks.iter().map(|mark| mark.word()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1_000), "1.0 kB");
        assert_eq!(bytes(12_345_678), "12.3 MB");
        assert_eq!(bytes(u64::MAX), "18446744.1 TB");
    }

    #[test]
    fn a_command_is_shown_without_its_folder() {
        let words = ["/usr/bin/funcy", "run", "a b"].map(str::to_owned);
        assert_eq!(command(&words), "funcy run a b");
        assert_eq!(command(&[]), "");
    }
}
