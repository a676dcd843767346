//! `funcy runs`: what has run, what runs, and what is kept of it.

mod list;
mod live;
mod prune;
mod stats;

use super::exit::Exit;
use super::history::{Format, exit_of, rules};
use super::journal::Kept;
use super::options::Global;

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

pub(super) fn run(global: &Global, args: &Args) -> Exit {
    let done = match &args.command {
        Some(Command::Prune(args)) => prune::run(args),
        Some(Command::Stats(args)) => stats::run(global, args),
        None if args.live => live::run(global, args),
        None => list::run(global, args),
    };
    exit_of(done)
}
