//! What becomes of old runs when one has ended: the rule of the suites, or a word about a journal that has grown large.

use super::check::counted;
use super::journal::Keep;
use super::output;
use super::run;
use crate::engine::Loaded;
use crate::event::{RunId, length_text, size_text};
use crate::journal::{JournalError, Removed, Retention};
use std::time::Duration;

/// A journal that takes more is told of, where no suite says how much it may take.
const LARGE: u64 = 1_000_000_000;

/// The rule of the suites that these tasks are of. Where they are of several, all must have one, and what keeps more holds.
pub(super) fn rule<'t>(tasks: impl IntoIterator<Item = &'t Loaded>) -> Option<Retention> {
    let rules = tasks.into_iter().map(|task| {
        let written = task.project.suite.journal.as_ref()?;
        Some(Retention {
            keep: written.keep.as_ref().map(|keep| keep.value),
            max: written.max.as_ref().map(|max| max.value),
        })
    });
    Retention::of_all(rules)
}

/// A run has ended. That old ones could not be removed changes nothing of how it ended.
pub(super) fn after_run(journal: &Keep, rule: Option<&Retention>, run: &RunId) {
    let note = match rule {
        Some(rule) => match retain(journal, rule, run) {
            Ok(removed) => told(journal, rule, &removed),
            Err(error) => Some(format!("old runs were not removed: {error}")),
        },
        None => grown(journal),
    };
    if let Some(note) = note {
        output::note(&format!("journal: {note}"));
    }
}

fn retain(journal: &Keep, rule: &Retention, run: &RunId) -> Result<Removed, JournalError> {
    let Some(history) = journal.history() else {
        return Ok(Removed::default());
    };
    history?.retain(rule, run::now(), run)
}

fn told(journal: &Keep, rule: &Retention, removed: &Removed) -> Option<String> {
    let runs = |count: usize| counted(count, "run", "runs");
    let mut said = Vec::new();
    if let (1.., Some(keep)) = (removed.old, rule.keep) {
        said.push(format!(
            "{} older than {} removed",
            runs(removed.old),
            age(keep)
        ));
    }
    let max = rule.max.map(size_text).unwrap_or_default();
    if removed.crowded > 0 {
        let runs = runs(removed.crowded);
        said.push(format!("{runs} removed to stay below {max}"));
    }
    if !said.is_empty() {
        let (before, now) = (size_text(removed.before), size_text(removed.now));
        said.push(format!("{before} before, {now} now"));
    }
    if removed.is_over {
        let path = journal.path().display();
        let now = size_text(removed.now);
        said.push(format!(
            "{path} takes {now}, more than `max: {max}` of the suite: what is left is under way or the last run; raise `max`"
        ));
    }
    (!said.is_empty()).then(|| said.join(", "))
}

/// `30 days`, `12h`.
fn age(keep: Duration) -> String {
    const DAY: u64 = 86_400;
    match keep.as_secs() {
        seconds if seconds >= DAY && seconds % DAY == 0 => {
            counted((seconds / DAY) as usize, "day", "days")
        }
        _ => length_text(keep.as_micros() as u64),
    }
}

/// A journal that grows without a bound is said to, once it is large.
fn grown(journal: &Keep) -> Option<String> {
    let size = std::fs::metadata(journal.path()).ok()?.len();
    let path = journal.path().display();
    (size > LARGE).then(|| {
        format!(
            "{path} takes {}: `journal: {{ keep: 30d }}` in funcy.yaml bounds it, `funcy runs prune --keep 30d` removes old runs",
            size_text(size)
        )
    })
}
