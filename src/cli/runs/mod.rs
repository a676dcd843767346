//! `funcy runs`: what has run, what runs, and what is kept of it.

mod list;
mod live;
mod prune;
mod stats;

pub(super) use list::to_json;

use super::exit::Exit;
use super::journal::{self, Kept};
use super::options::Global;
use super::output;
use crate::journal::{History, JournalError, RULES, Status};
use crate::report::{self, Advice};
use std::fmt::Write as _;

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, after_long_help = rules())]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Which runs: `status:failed,timed-out`, `task:order*`, `file:tasks/*`, `env:stage`, `label:team=pay`,
    /// `since:24h`, `before:30d`; all terms must hold. With a task, the status is that task's
    #[arg(value_name = "QUERY")]
    query: Vec<String>,
    /// How many runs
    #[arg(long, value_name = "N", default_value = "20", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Only runs before this one: the next page
    #[arg(long, value_name = "RUN")]
    before: Option<String>,
    /// What every run on this journal does right now, in any process
    #[arg(long, conflicts_with_all = ["query", "before"])]
    live: bool,
    /// `json`: one JSON document a line
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
    #[command(flatten)]
    journal: Kept,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Remove old runs from the journal
    Prune(prune::Args),
    /// How a task fared: its last results, how long its transitions take, whether its limits fit
    #[command(after_long_help = rules())]
    Stats(stats::Args),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    Human,
    Json,
}

pub(super) fn run(global: &Global, args: &Args) -> Exit {
    let done = match &args.command {
        Some(Command::Prune(args)) => prune::run(args),
        Some(Command::Stats(args)) => stats::run(global, args),
        None if args.live => live::run(global, args),
        None => list::run(global, args),
    };
    ended(done)
}

/// Why a command about past runs ended early.
pub(super) enum Trouble {
    Journal(JournalError),
    /// It was said already.
    Told(Exit),
}

impl From<JournalError> for Trouble {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

impl From<Exit> for Trouble {
    fn from(exit: Exit) -> Self {
        Self::Told(exit)
    }
}

pub(super) fn ended(done: Result<(), Trouble>) -> Exit {
    match done {
        Ok(()) => Exit::Passed,
        Err(Trouble::Journal(error)) => journal::failed(&error),
        Err(Trouble::Told(exit)) => exit,
    }
}

/// Nothing was found, which is said with how to find more.
pub(super) fn nothing(message: &str, hint: &str) -> Trouble {
    output::error(message, Some(hint));
    Trouble::Told(Exit::Nothing)
}

/// How people see it.
pub(super) fn report_status(status: Status) -> report::Status {
    match status {
        Status::Running => report::Status::Running,
        Status::Ended(outcome) => report::Status::Ended(outcome),
    }
}

/// How programs see it: one word.
pub(super) fn word(status: Status) -> String {
    report_status(status).word().replace(' ', "_")
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

/// `870 B`, `12.3 MB`.
pub(super) fn bytes(count: u64) -> String {
    let mut value = count as f64;
    let mut unit = "B";
    for next in ["kB", "MB", "GB", "TB"] {
        if value < 1000.0 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    if unit == "B" {
        format!("{count} B")
    } else {
        format!("{value:.1} {unit}")
    }
}

/// `.funcy/journal.db: 12.3 MB`.
fn say_size(history: &History) -> Result<(), JournalError> {
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

/// What to change about a limit.
fn advised(advice: Advice) -> String {
    match advice {
        Advice::TooLong(better) => format!("too long: {} would do", report::length(better)),
        Advice::TooTight(better) => {
            format!("too tight: {} would be safe", report::length(better))
        }
    }
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
