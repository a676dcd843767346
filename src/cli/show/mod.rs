//! `funcy show`: one run, one of its states, or one of its moments.

mod overview;
mod snapshot;
mod visits;

use super::exit::Exit;
use super::history::{CommandError, Format, exit_of, nothing, rules};
use super::journal::Kept;
use super::options::Global;
use crate::engine::Pattern;
use crate::event::ExecutionId;
use crate::journal::ExecutionRow;
use std::collections::HashSet;

#[derive(Debug, clap::Args)]
#[command(after_long_help = rules())]
pub(super) struct Args {
    /// The run: the beginning or the end of its name, `latest`, or `latest-failed`
    #[arg(value_name = "RUN", default_value = "latest")]
    run: String,
    /// What happened in this state: instructions, attempts, results, conditions
    #[arg(long, value_name = "STATE", conflicts_with = "at")]
    state: Option<String>,
    /// Everything as it stood after the event with this number, with the variables as they were
    #[arg(long, value_name = "SEQ")]
    at: Option<u64>,
    /// Only tasks whose name or file matches, with * and ?
    #[arg(long, value_name = "GLOB", conflicts_with = "at")]
    task: Option<Pattern>,
    /// `json`: one JSON document a line
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
    #[command(flatten)]
    journal: Kept,
}

pub(super) fn run(global: &Global, args: &Args) -> Exit {
    exit_of(show(global, args))
}

fn show(global: &Global, args: &Args) -> Result<(), CommandError> {
    let history = args.journal.open()?;
    let row = history.find(&args.run)?;
    let style = global.out_style();
    match (&args.state, args.at) {
        (_, Some(seq)) => snapshot::run(&history, &row, seq, args.format, style),
        (Some(state), None) => visits::run(&history, &row, state, args, style),
        (None, None) => overview::run(&history, &row, args, style),
    }
}

impl Args {
    /// The executions that are asked for.
    fn wanted(&self, rows: &[ExecutionRow]) -> Result<HashSet<ExecutionId>, CommandError> {
        let wants = |row: &&ExecutionRow| {
            self.task.as_ref().is_none_or(|pattern| {
                [&row.task, &row.file, &*row.name()]
                    .iter()
                    .any(|name| pattern.matches(name))
            })
        };
        let wanted: HashSet<_> = rows.iter().filter(wants).map(|row| row.number).collect();
        if wanted.is_empty() && self.task.is_some() {
            return Err(nothing(
                "no task of this run has such a name",
                "`funcy show` without `--task` lists all",
            ));
        }
        Ok(wanted)
    }
}
