use super::check::counted;
use super::exit::Exit;
use super::history::{CommandError, exit_of};
use super::journal::Kept;
use super::output::{self, Lenient};
use crate::journal::{History, JournalError, Query, RunRow, archive};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Prove that recorded events were not altered
    Verify(Verify),
    /// Write runs, with all that proves them, as lines of JSON
    Export(Export),
}

#[derive(Debug, clap::Args)]
struct Verify {
    /// The run [default: all of them]
    #[arg(value_name = "RUN")]
    run: Option<String>,
    /// The head that a report of the run shows: without it an end that was cut off together with the journal's
    /// own count is not found
    #[arg(long, value_name = "HEAD", requires = "run")]
    head: Option<String>,
    /// An archive of `funcy audit export`, in place of the journal
    #[arg(long, value_name = "FILE", conflicts_with = "run")]
    file: Option<PathBuf>,
    #[command(flatten)]
    journal: Kept,
}

#[derive(Debug, clap::Args)]
struct Export {
    /// The run [default: all of them]
    #[arg(value_name = "RUN")]
    run: Option<String>,
    /// Where to write it [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    journal: Kept,
}

/// Runs that are looked at together.
const PAGE: usize = 500;

pub(super) fn run(args: &Args) -> Exit {
    let done = match &args.command {
        Command::Verify(args) => match &args.file {
            Some(file) => verify_archive(file),
            None => verify(args),
        },
        Command::Export(args) => export(args),
    };
    exit_of(done)
}

/// Checks every run, so that all that do not fit are named.
fn verify(args: &Verify) -> Result<(), CommandError> {
    let history = args.journal.open().map_err(CommandError::Reported)?;
    let (mut runs, mut events, mut broken) = (0, 0, 0);
    each(&history, args.run.as_deref(), |row| {
        match history.verify(row, args.head.as_deref()) {
            Ok(chain) => events += chain.next() - 1,
            Err(JournalError::Broken(fault)) => {
                broken += 1;
                output::error(&fault.to_string(), None);
            }
            Err(error) => return Err(error.into()),
        }
        runs += 1;
        Ok(())
    })?;
    told(runs, events, broken)
}

fn verify_archive(path: &PathBuf) -> Result<(), CommandError> {
    let checked = archive::verify(BufReader::new(File::open(path).map_err(named(path))?))?;
    for fault in &checked.broken {
        output::error(&fault.to_string(), None);
    }
    told(checked.runs, checked.events, checked.broken.len())
}

fn told(runs: usize, events: u64, broken: usize) -> Result<(), CommandError> {
    let runs = counted(runs, "run", "runs");
    if broken > 0 {
        output::note(&format!("{broken} of {runs} do not hold what was written"));
        return Err(CommandError::Reported(Exit::Failed));
    }
    output::data(&format!(
        "{runs} with {events} events: each is what was written\n"
    ));
    Ok(())
}

fn export(args: &Export) -> Result<(), CommandError> {
    let history = args.journal.open().map_err(CommandError::Reported)?;
    let mut out: Box<dyn Write> = match &args.output {
        None => Box::new(BufWriter::new(Lenient(io::stdout().lock()))),
        Some(path) => Box::new(BufWriter::new(File::create(path).map_err(named(path))?)),
    };
    each(&history, args.run.as_deref(), |row| {
        Ok(archive::write(&history, row, &mut out)?)
    })?;
    out.flush()?;
    Ok(())
}

/// One run, or all of them, the latest first.
fn each(
    history: &History,
    run: Option<&str>,
    mut visit: impl FnMut(&RunRow) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    if let Some(run) = run {
        return visit(&history.find(run)?);
    }
    let mut before = None;
    loop {
        let page = history.runs(&Query::all(), before.as_ref(), PAGE)?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        before = Some(last.id.clone());
        for row in &page {
            visit(row)?;
        }
    }
}

fn named(path: &std::path::Path) -> impl Fn(io::Error) -> io::Error {
    let path = path.display().to_string();
    move |error| io::Error::new(error.kind(), format!("{path}: {error}"))
}
