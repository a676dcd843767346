use crate::cli::check::counted;
use crate::cli::history::{CommandError, bytes, nothing};
use crate::cli::journal::Kept;
use crate::cli::{output, run};
use crate::event::RunId;
use crate::journal::{History, JournalError, Query, Removal, RunRow, RunStatus, parse_age};
use std::time::Duration;

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true))]
pub(super) struct Args {
    /// Keep runs that are younger: `30d`, `12h`
    #[arg(long, value_name = "AGE", value_parser = parse_age, group = "what")]
    keep: Option<Duration>,
    /// Keep the last N runs, whatever their age
    #[arg(long, value_name = "N", group = "what")]
    keep_last: Option<usize>,
    /// Say what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    journal: Kept,
}

/// Runs that are looked at, and removed, together.
const PAGE: usize = 500;

pub(super) fn run(args: &Args) -> Result<(), CommandError> {
    let mut history = args.journal.open_to_change()?;
    let now = run::now();
    let old = old(&history, args, now)?;
    if old.is_empty() {
        return Err(nothing(
            "no run is that old",
            "`funcy runs before:30d` lists what `--keep 30d` would remove",
        ));
    }
    let mut text = String::new();
    for row in &old {
        let at = crate::cli::when::short(row.started, now);
        text.push_str(&format!("{}  {at}  {}\n", row.id, bytes(row.bytes)));
    }
    output::data(&text);
    let runs = counted(old.len(), "run", "runs");
    let held = bytes(old.iter().map(|row| row.bytes).sum());
    if args.dry_run {
        output::note(&format!("{runs} would be removed, with {held} of events"));
        return Ok(());
    }
    let before = history.store().size()?.total;
    let ids: Vec<RunId> = old.into_iter().map(|row| row.id).collect();
    for page in ids.chunks(PAGE) {
        history.store_mut().remove(page, Removal::Prune)?;
    }
    output::note(&format!("{runs} removed, with {held} of events"));
    compact(&mut history, before);
    Ok(())
}

/// The runs that neither rule keeps, the latest first. What is under way is always kept.
fn old(history: &History, args: &Args, now: i64) -> Result<Vec<RunRow>, JournalError> {
    let query = Query {
        before: args.keep.map(|age| age.as_micros() as u64),
        now,
        ..Query::all()
    };
    let kept = match args.keep_last {
        Some(0) | None => None,
        // The last of those that are kept, if there are so many.
        Some(count) => match last_kept(history, count)? {
            Some(id) => Some(id),
            None => return Ok(Vec::new()),
        },
    };
    let mut found = Vec::new();
    let mut before = kept;
    loop {
        let page = history.runs(&query, before.as_ref(), PAGE)?;
        let Some(last) = page.last() else {
            return Ok(found);
        };
        before = Some(last.id.clone());
        let old = page.into_iter();
        found.extend(old.filter(|row| history.status(row) != RunStatus::Running));
    }
}

/// The oldest of the last so many runs. `None`: there are not so many.
fn last_kept(history: &History, count: usize) -> Result<Option<RunId>, JournalError> {
    let mut left = count;
    let mut before: Option<RunId> = None;
    while left > 0 {
        let page = history.runs(&Query::all(), before.as_ref(), left.min(PAGE))?;
        let Some(last) = page.last() else {
            return Ok(None);
        };
        before = Some(last.id.clone());
        left -= page.len();
    }
    Ok(before)
}

/// Gives the room back. That it cannot be done now, since another process writes, is no failure: the room is
/// free for what comes.
fn compact(history: &mut History, before: u64) {
    if let Err(error) = history.store_mut().compact() {
        output::note(&format!("the file was not made smaller: {error}"));
        return;
    }
    if let Ok(after) = history.store().size() {
        let path = history.path().display();
        output::note(&format!(
            "{path}: {} before, {} now",
            bytes(before),
            bytes(after.total)
        ));
    }
}
