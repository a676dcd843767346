//! The audit: whether a journal holds what was written, all of it, and nothing else.
//!
//! What an event says is proved by the chain of its run; what lists show is made anew from the events and compared;
//! that no run is missing is told by the runs after it, which name it, and by the numbers that runs have.

use super::hash_chain::split;
use super::{
    Attachment, Broken, Commit, ExecutionRow, Fault, Hash, History, JournalError, Query, Removal,
    RunRow, Sealed, Sqlite, Store, attachment,
};
use crate::event::{Event, Fact, Name, RunId};
use std::collections::HashMap;
use std::ops::ControlFlow;

/// Runs that are looked at together.
const PAGE: usize = 500;
/// More tasks than a run has.
const ALL: usize = i32::MAX as usize;

/// What an audit has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// How many runs there are.
    pub runs: usize,
    /// How many events of them are what was written.
    pub events: u64,
    /// What does not fit, at most one thing a run.
    pub broken: Vec<Broken>,
    /// How many runs were removed by `funcy runs prune`.
    pub removed: usize,
    /// How many runs were removed by the rule of a suite, `journal: {keep, max}`.
    pub retired: usize,
    /// How many runs are gone that were not removed so.
    pub lost: u64,
    /// How many runs are marked as named by another, or as not, and that is wrong.
    pub mismarked: u64,
    /// The run with the head that was kept.
    pub kept: Option<RunId>,
}

/// A run that another one names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    run: RunId,
    /// The head that it had then.
    head: Name,
    by: RunId,
}

impl Named {
    /// Those that this event names, if it is the first of its run.
    pub(super) fn in_event(event: &Event) -> Vec<Self> {
        let Fact::RunStarted(started) = &event.fact else {
            return Vec::new();
        };
        let named = started.after.iter().map(|(run, head)| Self {
            run: RunId::clone(run),
            head: Name::clone(head),
            by: RunId::clone(&event.run),
        });
        named.collect()
    }
}

/// The runs that are gone, or are others now, by those that name them. `heads`: of those that are there, and of those that
/// were removed with a record of it.
pub(super) fn misfits(named: Vec<Named>, heads: &HashMap<RunId, String>) -> Vec<Broken> {
    let misfit = |Named { run, head, by }| {
        let what = match heads.get(&run) {
            Some(kept) if **kept == *head => return None,
            Some(_) => Fault::Rewritten(run),
            None => Fault::Forgotten(run),
        };
        Some(Broken {
            run: by,
            seq: 1,
            what,
        })
    };
    named.into_iter().filter_map(misfit).collect()
}

/// The state of an audit.
struct Auditor<'h> {
    history: &'h History,
    /// What lists show, made anew.
    anew: Sqlite,
    /// The head of each run that is there.
    heads: HashMap<RunId, String>,
    named: Vec<Named>,
    audit: Audit,
}

impl History {
    /// Checks the whole journal. `kept`: a head, or the beginning of one, that was kept elsewhere; the run that has it
    /// is [`Audit::kept`], and no run that had ended before it can be missing unseen.
    ///
    /// # Errors
    /// When the journal cannot be read, or the store itself is damaged.
    pub fn audit(&self, kept: Option<&str>) -> Result<Audit, JournalError> {
        let mut auditor = Auditor::new(self)?;
        let census = self.store().census()?;
        auditor.audit.lost = census.lost;
        auditor.audit.mismarked = census.mismarked;
        auditor.audit.removed = census.removed.len() - census.retired;
        auditor.audit.retired = census.retired;
        let mut before: Option<RunId> = None;
        loop {
            // As they are stored: what lists show is looked at.
            let page = self.store().runs(&Query::all(), before.as_ref(), PAGE)?;
            let Some(last) = page.last() else { break };
            before = Some(last.id.clone());
            for row in &page {
                auditor.look_at(row, None)?;
                if kept.is_some_and(|kept| is_head(kept, &row.head)) {
                    auditor.audit.kept = Some(RunId::clone(&row.id));
                }
            }
        }
        auditor.heads.extend(census.removed);
        let named = std::mem::take(&mut auditor.named);
        let missing = misfits(named, &auditor.heads);
        auditor.audit.broken.extend(missing);
        Ok(std::mem::take(&mut auditor.audit))
    }

    /// Checks one run by itself, and that it ends with this head, if one was kept.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn audit_run(&self, run: &str, kept: Option<&str>) -> Result<Audit, JournalError> {
        let mut auditor = Auditor::new(self)?;
        if let Some(row) = self.store().run(run)? {
            auditor.look_at(&row, kept)?;
        }
        Ok(std::mem::take(&mut auditor.audit))
    }
}

impl<'h> Auditor<'h> {
    fn new(history: &'h History) -> Result<Self, JournalError> {
        // Runs that are under way go on meanwhile.
        history.store().hold(true)?;
        Ok(Self {
            history,
            anew: Sqlite::in_memory()?,
            heads: HashMap::new(),
            named: Vec::new(),
            audit: Audit::default(),
        })
    }

    fn look_at(&mut self, row: &RunRow, kept: Option<&str>) -> Result<(), JournalError> {
        self.audit.runs += 1;
        self.heads.insert(RunId::clone(&row.id), row.head.clone());
        let checked = (self.history.verify(row, kept)).and_then(|chain| {
            self.audit.events += chain.next() - 1;
            self.derive(row)
        });
        match checked {
            Err(JournalError::Broken(broken)) => self.audit.broken.push(broken),
            checked => checked?,
        }
        Ok(())
    }

    /// Makes all that is stored of a run anew from its events, and compares.
    fn derive(&mut self, row: &RunRow) -> Result<(), JournalError> {
        let mut stored = Ok(());
        let store = self.history.store();
        store.commits(&row.id, 0, &mut |sealed| {
            stored = self.replay(&sealed);
            match stored {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        })?;
        stored?;
        let fault = self.difference(row)?.map(Fault::Listed);
        self.anew.remove(&[RunId::clone(&row.id)], Removal::Prune)?;
        match fault {
            None => Ok(()),
            Some(what) => Err(JournalError::Broken(Broken {
                run: RunId::clone(&row.id),
                seq: row.events,
                what,
            })),
        }
    }

    fn replay(&mut self, sealed: &Sealed) -> Result<(), JournalError> {
        let mut attachments: Vec<Attachment> = Vec::new();
        let mut events: Vec<Event> = Vec::new();
        for line in split(&sealed.lines) {
            for hash in attachment::named(line) {
                let body = self.body(&hash).unwrap_or_default();
                attachments.push(Attachment { hash, body });
            }
            let event = attachment::read(line, |hash| self.body(hash));
            // That it can be read was proved before.
            events.extend(event);
        }
        self.named
            .extend(events.first().into_iter().flat_map(Named::in_event));
        self.anew.append(&[Commit {
            sealed,
            attachments: &attachments,
            events: &events,
        }])
    }

    fn body(&self, hash: &Hash) -> Option<Vec<u8>> {
        self.history.store().attachment(hash).ok().flatten()
    }

    /// What of a run is not as its events make it.
    fn difference(&self, row: &RunRow) -> Result<Option<&'static str>, JournalError> {
        let Some(anew) = self.anew.run(&row.id)? else {
            return Ok(Some("that it began"));
        };
        let told = [
            ("its start", row.started == anew.started),
            ("its outcome", row.outcome == anew.outcome),
            ("its length", row.micros == anew.micros),
            (
                "its tasks",
                row.tasks == anew.tasks && row.tally == anew.tally,
            ),
            ("its command", row.command == anew.command),
            ("its environment", row.env == anew.env),
            ("its labels", row.labels == anew.labels),
            ("what it cleaned up", row.cleans_up == anew.cleans_up),
            ("its size", row.bytes == anew.bytes),
        ];
        if let Some((what, _)) = told.iter().find(|(_, same)| !same) {
            return Ok(Some(*what));
        }
        let tasks = |store: &dyn Store| -> Result<[Vec<ExecutionRow>; 2], JournalError> {
            Ok([store.executions(&row.id)?, store.notable(&row.id, ALL)?])
        };
        let same = tasks(self.history.store())? == tasks(&self.anew)?;
        Ok((!same).then_some("how its tasks ended"))
    }
}

impl Drop for Auditor<'_> {
    fn drop(&mut self) {
        // What has failed to begin has nothing to end.
        let _ = self.history.store().hold(false);
    }
}

/// Whether this is the head, or as much of it as reports show.
pub(super) fn is_head(kept: &str, head: &str) -> bool {
    kept.len() >= 8 && head.starts_with(&kept.to_ascii_lowercase())
}
