use super::bounds;
use super::check::counted;
use super::exit::Exit;
use super::history::{CommandError, exit_of};
use super::journal::Kept;
use super::output::{self, Lenient};
use crate::journal::{History, Query, RunRow, archive};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

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
    /// A head that was kept elsewhere, as the end of a run or a report shows it: without it nobody can tell whether the
    /// last runs, or the last events of a run, were removed with all that tells of them
    #[arg(long, value_name = "HEAD")]
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
            Some(file) => verify_archive(file, args.head.as_deref()),
            None => verify(args),
        },
        Command::Export(args) => export(args),
    };
    exit_of(done)
}

/// Checks every run, so that all that do not fit are named.
fn verify(args: &Verify) -> Result<(), CommandError> {
    let history = args.journal.open().map_err(CommandError::Reported)?;
    let head = args.head.as_deref();
    let audit = match &args.run {
        Some(run) => history.audit_run(&history.find(run)?.id, head)?,
        None => history.audit(head)?,
    };
    for fault in &audit.broken {
        output::error(&fault.to_string(), None);
    }
    if audit.lost > 0 {
        let lost = counted(audit.lost as usize, "run is", "runs are");
        let message = format!("{lost} missing that `funcy runs prune` has not removed");
        output::error(&message, Some("the numbers of the runs have gaps"));
        return Err(CommandError::Reported(Exit::Failed));
    }
    if audit.mismarked > 0 {
        let runs = counted(audit.mismarked as usize, "run is", "runs are");
        let message = format!("{runs} not named by those that the journal says have named it");
        output::error(
            &message,
            Some("a later run was removed, or its list was edited"),
        );
        return Err(CommandError::Reported(Exit::Failed));
    }
    if let (None, None, Some(head)) = (&args.run, &audit.kept, head) {
        return Err(no_head(head));
    }
    let scope = match (&args.run, &audit.kept, head) {
        (Some(_), _, Some(_)) => ", to its end".to_owned(),
        (None, Some(run), _) => format!(", and none that had ended before run {run} is missing"),
        _ => ", as far as the journal by itself can tell (`--head` tells more)".to_owned(),
    };
    told(audit.runs, audit.events, audit.broken.len(), &scope)?;
    if audit.removed > 0 {
        let removed = counted(audit.removed, "run was", "runs were");
        output::note(&format!("{removed} removed by `funcy runs prune`"));
    }
    if audit.retired > 0 {
        let retired = counted(audit.retired, "run was", "runs were");
        output::note(&format!(
            "{retired} removed by a suite's `journal: {{keep, max}}`"
        ));
    }
    Ok(())
}

fn verify_archive(path: &Path, head: Option<&str>) -> Result<(), CommandError> {
    let file = BufReader::new(bounds::open(path).map_err(named(path))?);
    let checked = archive::verify(file, head)?;
    for fault in &checked.broken {
        output::error(&fault.to_string(), None);
    }
    if let (Some(head), None) = (head, &checked.kept) {
        return Err(no_head(head));
    }
    let scope = match (&checked.kept, checked.is_whole) {
        (Some(run), true) => format!(", and none that had ended before run {run} is missing"),
        (Some(run), false) => format!(", and run {run} has the head"),
        (None, true) => {
            ", as far as the archive by itself can tell (`--head` tells more)".to_owned()
        }
        (None, false) => {
            ", as far as the archive by itself can tell; it is not of the whole journal".to_owned()
        }
    };
    told(checked.runs, checked.events, checked.broken.len(), &scope)?;
    if checked.removed > 0 {
        let removed = counted(checked.removed, "run was", "runs were");
        output::note(&format!("{removed} removed from the journal before"));
    }
    Ok(())
}

fn no_head(head: &str) -> CommandError {
    let message = format!("no run has the head {head}");
    let hint = "it was removed, cut off or written anew since the head was kept";
    output::error(&message, Some(hint));
    CommandError::Reported(Exit::Failed)
}

fn told(runs: usize, events: u64, broken: usize, scope: &str) -> Result<(), CommandError> {
    let runs = counted(runs, "run", "runs");
    if broken > 0 {
        output::note(&format!("{broken} of {runs} do not hold what was written"));
        return Err(CommandError::Reported(Exit::Failed));
    }
    output::data(&format!(
        "{runs} with {events} events: each is what was written{scope}\n"
    ));
    Ok(())
}

fn export(args: &Export) -> Result<(), CommandError> {
    let history = args.journal.open().map_err(CommandError::Reported)?;
    let mut out: Box<dyn Write> = match &args.output {
        None => Box::new(BufWriter::new(Lenient(io::stdout().lock()))),
        Some(path) => Box::new(BufWriter::new(bounds::create(path).map_err(named(path))?)),
    };
    let mut written = Vec::new();
    each(&history, args.run.as_deref(), |row| {
        archive::write(&history, row, &mut out)?;
        written.push((row.id.clone(), row.head.clone()));
        Ok(())
    })?;
    if args.run.is_none() {
        archive::close(&history, &written, &mut out)?;
    }
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

fn named(path: &Path) -> impl Fn(io::Error) -> io::Error {
    let path = path.display().to_string();
    move |error| io::Error::new(error.kind(), format!("{path}: {error}"))
}
