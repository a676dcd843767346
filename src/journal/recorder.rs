use super::reserve::Reserve;
use super::run_lock::{self, RunLock};
use super::{
    Attachment, Commit, Durability, HashChain, JournalError, RunRow, Sealed, Sqlite, Store, crash,
    intent_log,
};
use crate::event::{Event, Fact, RunId};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// Commits that may wait for the thread; each recorder has one at most.
const QUEUE: usize = 64;
/// Commits of several runs that share one transaction.
const TOGETHER: usize = 16;

/// Runs that one run names at most; the next names the others.
const NAMED: usize = 100;

/// Events that are noted at most before they are stored.
const NOTED: usize = 1000;
/// How long those who read the journal may not see what is noted.
const UNSEEN: Duration = Duration::from_millis(50);

/// A journal that this process writes. Cheap to clone; its thread ends with the last of it and its recorders.
#[derive(Clone, Debug)]
pub struct Journal {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    reserve: Mutex<Reserve>,
    /// Whether what is in a file and not yet on the disk is safe enough.
    notes: bool,
}

impl Drop for Shared {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // A panic there was told to whoever waited for it.
            let _ = thread.join();
        }
    }
}

/// One commit on its way to the thread.
struct Job {
    chain: HashChain,
    events: Vec<Event>,
    /// The lines of the first of them, which are written already.
    written: Vec<u8>,
    done: oneshot::Sender<Done>,
}

/// What comes back: the events, and the chain as it stands now.
struct Done {
    chain: HashChain,
    events: Vec<Event>,
    written: Vec<u8>,
    result: Result<(), Arc<JournalError>>,
}

impl Journal {
    /// Opens the journal in this file to write; makes it where there is none.
    ///
    /// # Errors
    /// When the file is no journal, a newer funcy has written it, or it cannot be written.
    pub fn open(path: &Path, durability: Durability) -> Result<Self, JournalError> {
        let mut store = Sqlite::create(path, durability)?;
        crash::point("opened");
        run_lock::sweep(path, |run, lines| intent_log::store(&mut store, run, lines))
            .map_err(JournalError::inaccessible(path))?;
        let mut journal = Self::with_store(Box::new(store), path)?;
        if let Some(shared) = Arc::get_mut(&mut journal.shared) {
            shared.notes = durability == Durability::Normal;
        }
        Ok(journal)
    }

    /// Writes to this store. `path` is where the signs of life of its runs lie.
    ///
    /// # Errors
    /// When the operating system refuses a thread.
    pub fn with_store(store: Box<dyn Store>, path: &Path) -> Result<Self, JournalError> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("funcy-journal".into())
            .spawn({
                let path = path.to_owned();
                move || write(store, &path, queue)
            })?;
        Ok(Self {
            shared: Arc::new(Shared {
                path: path.to_owned(),
                jobs: Some(jobs),
                thread: Some(thread),
                reserve: Mutex::new(Reserve::keep(path)),
                notes: true,
            }),
        })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Records a new run, which is shown as under way from now until the recorder is dropped.
    ///
    /// # Errors
    /// When its lock cannot be written.
    pub fn recorder(&self, run: &RunId) -> Result<Recorder, JournalError> {
        let lock = RunLock::show(&self.shared.path, run)
            .map_err(JournalError::inaccessible(&self.shared.path))?;
        crash::point("shown");
        Ok(Recorder {
            lock,
            shared: Arc::clone(&self.shared),
            chain: HashChain::new(RunId::clone(run)),
            noted: Vec::new(),
            lines: Vec::new(),
            since: Instant::now(),
        })
    }
}

/// Writes one run down.
///
/// What somebody waits for is noted at once in the file that is the lock of the run, which is a hundredth of
/// the price of a commit, and stored with what follows; whoever opens the journal finds it there after a crash.
#[derive(Debug)]
pub struct Recorder {
    // Before the journal, whose last holder waits for the thread.
    lock: RunLock,
    shared: Arc<Shared>,
    chain: HashChain,
    /// What is noted and not yet stored, and its lines.
    noted: Vec<Event>,
    lines: Vec<u8>,
    /// Since when.
    since: Instant,
}

impl Recorder {
    /// Notes events, which must follow those before: from now on only the loss of the disk takes them. They must
    /// then be given to [`Self::keep`]. False: they are to be written instead, since the journal is to survive a
    /// loss of power, or enough is noted, or it cannot be.
    #[must_use]
    pub fn note(&mut self, events: &[Event]) -> bool {
        let is_enough = self.noted.len() + events.len() > NOTED;
        // The journal says in the first which runs stand before it.
        let is_first = self.chain.next() == 1 && self.noted.is_empty();
        if is_first || is_enough || self.is_due() || !self.shared.notes {
            return false;
        }
        let Ok(lines) = intent_log::lines(events) else {
            return false;
        };
        crash::point("before-note");
        let noted = self.lock.note(&lines).is_ok();
        crash::point("noted");
        if noted {
            self.lines.extend(lines);
        }
        noted
    }

    /// Keeps noted events until they are stored.
    pub fn keep(&mut self, events: Vec<Event>) {
        if self.noted.is_empty() {
            self.since = Instant::now();
        }
        self.noted.extend(events);
    }

    /// Whether something is noted that is not stored.
    #[must_use]
    pub fn has_noted(&self) -> bool {
        !self.noted.is_empty()
    }

    /// Whether those who read the journal have not seen what is noted for long enough.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.has_noted() && self.since.elapsed() > UNSEEN
    }

    /// Writes events, which must follow those before, and gives them back when they are stored, with all that was
    /// noted.
    ///
    /// # Errors
    /// When they could not be stored; they may be given again.
    pub async fn write(
        &mut self,
        events: Vec<Event>,
    ) -> (Vec<Event>, Result<(), Arc<JournalError>>) {
        let noted = self.noted.len();
        let mut all = std::mem::take(&mut self.noted);
        all.extend(events);
        let (mut all, result) = self.store(all).await;
        // They are lost where the thread is.
        let events = all.split_off(noted.min(all.len()));
        if result.is_ok() {
            self.lock.clear();
        } else {
            self.noted = all;
        }
        (events, result)
    }

    async fn store(&mut self, events: Vec<Event>) -> (Vec<Event>, Result<(), Arc<JournalError>>) {
        let gone = || {
            Arc::new(JournalError::Store(
                "the journal's thread has ended".to_owned(),
            ))
        };
        let Some(jobs) = &self.shared.jobs else {
            return (events, Err(gone()));
        };
        let (done, answer) = oneshot::channel();
        let job = Job {
            chain: self.chain.clone(),
            events,
            written: std::mem::take(&mut self.lines),
            done,
        };
        if let Err(mpsc::error::SendError(job)) = jobs.send(job).await {
            self.lines = job.written;
            return (job.events, Err(gone()));
        }
        match answer.await {
            Ok(done) => {
                self.chain = done.chain;
                self.lines = done.written;
                (done.events, done.result)
            }
            Err(_) => (Vec::new(), Err(gone())),
        }
    }

    /// The head of the chain as it is written in reports.
    #[must_use]
    pub fn head(&self) -> String {
        self.chain.head()
    }

    /// Frees the room on the disk that was kept for the end of a run. False: there was none.
    pub fn make_room(&self) -> bool {
        let mut reserve = self
            .shared
            .reserve
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        reserve.spend()
    }
}

/// The thread: takes what waits, and stores it in one transaction.
fn write(mut store: Box<dyn Store>, path: &Path, mut queue: mpsc::Receiver<Job>) {
    let mut jobs = Vec::with_capacity(TOGETHER);
    while let Some(job) = queue.blocking_recv() {
        jobs.push(job);
        while jobs.len() < TOGETHER
            && let Ok(job) = queue.try_recv()
        {
            jobs.push(job);
        }
        name_runs_before(&*store, path, &mut jobs);
        store_jobs(&mut *store, &mut jobs);
    }
}

/// Lets each run that begins name those that have ended and that none has named: its head proves that they were
/// there.
fn name_runs_before(store: &dyn Store, path: &Path, jobs: &mut [Job]) {
    let mut beginning = (jobs.iter_mut()).filter_map(|job| {
        if let Fact::RunStarted(started) = &mut job.events.first_mut()?.fact
            && job.written.is_empty()
        {
            return Some(&mut started.after);
        }
        None
    });
    let Some(first) = beginning.next() else {
        return;
    };
    // That they cannot be read is said when the commit fails for the same reason.
    let unnamed = store.unnamed(NAMED).unwrap_or_default();
    let ended = |row: &RunRow| row.outcome.is_some() || run_lock::is_gone(path, &row.id);
    *first = unnamed
        .into_iter()
        .filter(ended)
        .map(|row| (row.id, row.head.into()))
        .collect();
    beginning.for_each(|after| after.clone_from(first));
}

fn store_jobs(store: &mut dyn Store, jobs: &mut Vec<Job>) {
    let mut after = Vec::with_capacity(jobs.len());
    let mut sealed: Vec<(Sealed, Vec<Attachment>)> = Vec::with_capacity(jobs.len());
    let mut result = Ok(());
    crash::point("before-seal");
    for job in &*jobs {
        let mut chain = job.chain.clone();
        let mut attachments = Vec::new();
        match chain.seal_written(&job.written, &job.events, &mut attachments) {
            Ok(lines) => sealed.push((lines, attachments)),
            Err(error) => result = Err(JournalError::Store(error.to_string())),
        }
        after.push(chain);
    }
    crash::point("sealed");
    if result.is_ok() {
        let commits: Vec<Commit<'_>> = (sealed.iter())
            .zip(&*jobs)
            .map(|((sealed, attachments), job)| Commit {
                sealed,
                attachments,
                events: &job.events,
            })
            .collect();
        result = store.append(&commits);
    }
    let result = result.map_err(Arc::new);
    crash::point("before-reply");
    for (job, after) in jobs.drain(..).zip(after) {
        let (chain, written) = match result {
            Ok(()) => (after, Vec::new()),
            Err(_) => (job.chain, job.written),
        };
        let done = Done {
            chain,
            events: job.events,
            written,
            result: result.clone(),
        };
        // Whoever asked may have been dropped; what was written stays written.
        let _ = job.done.send(done);
    }
}
