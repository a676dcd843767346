use super::attachment::{self, Unreadable};
use super::hash_chain::split;
use super::marks::ENOUGH;
use super::{
    Broken, ExecutionRow, Fault, Hash, HashChain, JournalError, Mark, Query, RunRow, Sealed,
    Sqlite, Store, Wanted, intent_log, marks, run_lock,
};
use crate::event::{Event, ExecutionId, Fact, Outcome, RunId, Tally};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// How a run, or an execution in it, stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunStatus {
    /// Under way.
    Running,
    /// Ended so. Without an end in the journal, and not under way: interrupted.
    Ended(Outcome),
}

impl RunStatus {
    /// How an execution stands whose run stands so: without an end it ended with its run.
    #[must_use]
    pub fn of(self, row: &ExecutionRow) -> Self {
        match (row.outcome, self) {
            (Some(outcome), _) => Self::Ended(outcome),
            (None, Self::Running) => Self::Running,
            (None, Self::Ended(_)) => Self::Ended(Outcome::Interrupted),
        }
    }
}

/// What was recorded: runs, their executions and events.
pub struct History {
    store: Box<dyn Store>,
    path: PathBuf,
}

impl History {
    /// Opens the journal in this file, and stores in it what dead runs have noted.
    ///
    /// # Errors
    /// When there is none, it is no journal, or a newer funcy has written it.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let mut store = Sqlite::open(path)?;
        run_lock::sweep(path, |run, lines| intent_log::store(&mut store, run, lines))
            .map_err(JournalError::inaccessible(path))?;
        Ok(Self::with_store(Box::new(store), path))
    }

    /// Reads this store. `path` is where the signs of life of its runs lie.
    #[must_use]
    pub fn with_store(store: Box<dyn Store>, path: &Path) -> Self {
        Self {
            store,
            path: path.to_owned(),
        }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// The store, to remove runs from.
    pub fn store_mut(&mut self) -> &mut dyn Store {
        &mut *self.store
    }

    /// The runs that a query asks for, the latest first, at most `limit`, those before `before`.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn runs(
        &self,
        query: &Query,
        before: Option<&RunId>,
        limit: usize,
    ) -> Result<Vec<RunRow>, JournalError> {
        let mut query = query.clone();
        let asks = |wanted| query.status.contains(&wanted);
        if asks(Wanted::Running) || asks(Wanted::Ended(Outcome::Interrupted)) {
            query.alive = self.alive()?.into_iter().map(|row| row.id).collect();
        }
        let rows = self.store.runs(&query, before, limit)?;
        rows.into_iter().map(|row| self.told(row)).collect()
    }

    /// A run as its last event tells it. What the store keeps beside the events serves to find it, and proves nothing.
    fn told(&self, mut row: RunRow) -> Result<RunRow, JournalError> {
        let mut end = None;
        self.store.commits(&row.id, row.events, &mut |sealed| {
            // The last that the row knows of: a run that is under way has gone on since.
            let index = row.events.checked_sub(sealed.first);
            let last = index.and_then(|index| split(&sealed.lines).nth(index as usize));
            end = last.and_then(|line| attachment::read(line, |hash| self.body(hash)).ok());
            ControlFlow::Break(())
        })?;
        let end = end.map(|event| event.fact);
        match end {
            Some(Fact::RunFinished {
                outcome,
                tally,
                micros,
            }) => {
                row.outcome = Some(outcome);
                row.tally = tally;
                row.micros = micros;
            }
            Some(_) | None if row.outcome.is_some() => {
                row.outcome = None;
                row.micros = 0;
            }
            Some(_) | None => {}
        }
        Ok(row)
    }

    /// The runs that are under way.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn alive(&self) -> Result<Vec<RunRow>, JournalError> {
        let mut rows = self.store.unended()?;
        rows.retain(|row| run_lock::is_alive(&self.path, &row.id));
        Ok(rows)
    }

    /// How a run stands.
    #[must_use]
    pub fn status(&self, row: &RunRow) -> RunStatus {
        match row.outcome {
            Some(outcome) => RunStatus::Ended(outcome),
            None if run_lock::is_alive(&self.path, &row.id) => RunStatus::Running,
            None => RunStatus::Ended(Outcome::Interrupted),
        }
    }

    /// The execution that an event belongs to. `None`: it is the run's own, or there is no such event.
    ///
    /// # Errors
    /// When the event cannot be read.
    pub fn execution_at(
        &self,
        row: &RunRow,
        seq: u64,
    ) -> Result<Option<ExecutionId>, JournalError> {
        let mut execution = None;
        if (1..=row.events).contains(&seq) {
            self.events(&row.id, seq, |event| {
                execution = event.execution;
                ControlFlow::Break(())
            })?;
        }
        Ok(execution)
    }

    /// The run that is meant: by its name, the beginning or the end of it, `latest`, or `latest-failed`.
    ///
    /// # Errors
    /// When there is none, or more than one.
    pub fn find(&self, name: &str) -> Result<RunRow, JournalError> {
        let unknown = |message: String, hint: &str| JournalError::Unknown {
            message,
            hint: hint.to_owned(),
        };
        let mut query = Query::all();
        match name {
            "latest" => {}
            "latest-failed" => {
                let bad = Outcome::ALL.into_iter().filter(|one| !one.is_good());
                query.status = bad.map(Wanted::Ended).collect();
            }
            _ => return self.named(name),
        }
        let found = self.runs(&query, None, 1)?.pop();
        found.ok_or_else(|| {
            let message = format!(
                "there is no run to call `{name}` in {}",
                self.path.display()
            );
            unknown(message, "`funcy runs` lists them")
        })
    }

    fn named(&self, name: &str) -> Result<RunRow, JournalError> {
        let name = name.to_ascii_uppercase();
        if let Some(row) = self.store.run(&name)? {
            return self.told(row);
        }
        let found = self.store.named_like(&name, 4)?;
        if let [id] = &found[..]
            && let Some(row) = self.store.run(id)?
        {
            return self.told(row);
        }
        let (message, hint) = if found.is_empty() {
            (
                format!("there is no run `{name}` in {}", self.path.display()),
                "`funcy runs` lists them".to_owned(),
            )
        } else {
            (
                format!("`{name}` names more than one run"),
                format!("write more of it: {} …", found.join(", ")),
            )
        };
        Err(JournalError::Unknown { message, hint })
    }

    /// A run's executions, in the order of their numbers.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn executions(&self, run: &str) -> Result<Vec<ExecutionRow>, JournalError> {
        self.store.executions(run)
    }

    /// How many tasks of a run ended how; those that its interruption has ended are among them.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn tally(&self, row: &RunRow) -> Result<Tally, JournalError> {
        let mut tally = row.tally;
        if row.outcome.is_none() && self.status(row) != RunStatus::Running {
            let rows = self.store.executions(&row.id)?;
            for _ in rows.iter().filter(|row| row.outcome.is_none()) {
                tally.add(Outcome::Interrupted);
            }
        }
        Ok(tally)
    }

    /// An execution with those of the same task in earlier runs, the latest first, as many as tell its
    /// [`marks`].
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn past(&self, row: &ExecutionRow) -> Result<Vec<ExecutionRow>, JournalError> {
        let mut rows = vec![row.clone()];
        rows.extend(
            self.store
                .history(&row.task, row.case.as_deref(), Some(&row.run), ENOUGH)?,
        );
        Ok(rows)
    }

    /// What the past says of an execution.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn marks(&self, row: &ExecutionRow) -> Result<Vec<Mark>, JournalError> {
        Ok(marks(&self.past(row)?))
    }

    /// A run's events in order, from this number on.
    ///
    /// # Errors
    /// When they cannot be read, or are not what was written.
    pub fn events(
        &self,
        run: &str,
        from: u64,
        mut each: impl FnMut(Event) -> ControlFlow<()>,
    ) -> Result<(), JournalError> {
        self.lines(run, from, |_| true, &mut each)
    }

    /// Those of a run's events whose execution is wanted (`None`: of the run as a whole). The others are not
    /// read, which makes one task of many cheap.
    ///
    /// # Errors
    /// When they cannot be read, or are not what was written.
    pub fn events_where(
        &self,
        run: &str,
        from: u64,
        wanted: impl Fn(Option<ExecutionId>) -> bool,
        mut each: impl FnMut(Event) -> ControlFlow<()>,
    ) -> Result<(), JournalError> {
        // What is no event is read, so that it is said.
        let wanted = |line: &[u8]| attachment::execution(line).ok().is_none_or(&wanted);
        self.lines(run, from, wanted, &mut each)
    }

    fn lines(
        &self,
        run: &str,
        from: u64,
        wanted: impl Fn(&[u8]) -> bool,
        each: &mut dyn FnMut(Event) -> ControlFlow<()>,
    ) -> Result<(), JournalError> {
        let mut broken = None;
        self.store.commits(run, from, &mut |sealed| {
            for (index, line) in split(&sealed.lines).enumerate() {
                let seq = sealed.first + index as u64;
                if seq < from || !wanted(line) {
                    continue;
                }
                match attachment::read(line, |hash| self.body(hash)) {
                    Ok(event) => each(event)?,
                    Err(unreadable) => {
                        broken = Some(fault(&sealed, seq, unreadable));
                        return ControlFlow::Break(());
                    }
                }
            }
            ControlFlow::Continue(())
        })?;
        broken.map_or(Ok(()), |broken| Err(JournalError::Broken(broken)))
    }

    fn body(&self, hash: &Hash) -> Option<Vec<u8>> {
        self.store.attachment(hash).ok().flatten()
    }

    /// Proves that a run's events are those that were written, in their order, and all of them as far as
    /// the journal, or a head that was kept elsewhere, can tell. Returns the chain at its end.
    ///
    /// # Errors
    /// The first event that does not fit.
    pub fn verify(&self, row: &RunRow, kept: Option<&str>) -> Result<HashChain, JournalError> {
        let mut chain = HashChain::new(RunId::clone(&row.id));
        let mut broken = None;
        self.store.commits(&row.id, 0, &mut |sealed| {
            if chain.next() > row.events {
                // A run that is under way has gone on since its row was read.
                broken = row.outcome.map(|_| Broken {
                    run: RunId::clone(&row.id),
                    seq: chain.next(),
                    what: Fault::Surplus,
                });
                return ControlFlow::Break(());
            }
            let checked = chain
                .check(&sealed)
                .and_then(|()| self.check_bodies(&sealed));
            match checked {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    broken = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        let end = || -> Result<(), Broken> {
            if chain.next() <= row.events {
                return Err(Broken {
                    run: RunId::clone(&row.id),
                    seq: chain.next(),
                    what: Fault::Missing,
                });
            }
            chain.check_head(&row.head)?;
            kept.map_or(Ok(()), |kept| chain.check_head(kept))
        };
        match broken.map_or_else(end, Err) {
            Ok(()) => Ok(chain),
            Err(broken) => Err(JournalError::Broken(broken)),
        }
    }

    fn check_bodies(&self, sealed: &Sealed) -> Result<(), Broken> {
        for (index, line) in split(&sealed.lines).enumerate() {
            for hash in attachment::named(line) {
                let whole = self
                    .body(&hash)
                    .is_some_and(|body| *blake3::hash(&body).as_bytes() == hash);
                if !whole {
                    let lost = Unreadable::Attachment(attachment::hex(&hash));
                    return Err(fault(sealed, sealed.first + index as u64, lost));
                }
            }
        }
        Ok(())
    }
}

fn fault(sealed: &Sealed, seq: u64, unreadable: Unreadable) -> Broken {
    Broken {
        run: RunId::clone(&sealed.run),
        seq,
        what: match unreadable {
            Unreadable::Line(why) => Fault::Unreadable(why),
            Unreadable::Attachment(hash) => Fault::Attachment(hash),
        },
    }
}
