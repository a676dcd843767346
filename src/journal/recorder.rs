use super::alive::{self, Alive};
use super::reserve::Reserve;
use super::{Attachment, Chain, Commit, Durability, JournalError, Sealed, Sqlite, Store, crash};
use crate::event::{Event, RunId};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot};

/// Commits that may wait for the thread; each recorder has one at most.
const QUEUE: usize = 64;
/// Commits of several runs that share one transaction.
const TOGETHER: usize = 16;

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
    chain: Chain,
    events: Vec<Event>,
    done: oneshot::Sender<Done>,
}

/// What comes back: the events, and the chain as it stands now.
struct Done {
    chain: Chain,
    events: Vec<Event>,
    result: Result<(), Arc<JournalError>>,
}

impl Journal {
    /// Opens the journal in this file to write; makes it where there is none.
    ///
    /// # Errors
    /// When the file is no journal, a newer funcy has written it, or it cannot be written.
    pub fn open(path: &Path, durability: Durability) -> Result<Self, JournalError> {
        let store = Sqlite::create(path, durability)?;
        crash::point("opened");
        alive::sweep(path);
        Self::with_store(Box::new(store), path)
    }

    /// Writes to this store. `path` is where the signs of life of its runs lie.
    ///
    /// # Errors
    /// When the operating system refuses a thread.
    pub fn with_store(store: Box<dyn Store>, path: &Path) -> Result<Self, JournalError> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("funcy-journal".into())
            .spawn(move || write(store, queue))?;
        Ok(Self {
            shared: Arc::new(Shared {
                path: path.to_owned(),
                jobs: Some(jobs),
                thread: Some(thread),
                reserve: Mutex::new(Reserve::keep(path)),
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
    /// When its sign of life cannot be written.
    pub fn recorder(&self, run: &RunId) -> Result<Recorder, JournalError> {
        let alive = Alive::show(&self.shared.path, run)
            .map_err(JournalError::inaccessible(&self.shared.path))?;
        crash::point("shown");
        Ok(Recorder {
            _alive: alive,
            shared: Arc::clone(&self.shared),
            chain: Chain::new(RunId::clone(run)),
        })
    }
}

/// Writes one run down.
#[derive(Debug)]
pub struct Recorder {
    // Before the journal, whose last holder waits for the thread.
    _alive: Alive,
    shared: Arc<Shared>,
    chain: Chain,
}

impl Recorder {
    /// Writes events, which must follow those before, and gives them back when they are stored.
    ///
    /// # Errors
    /// When they could not be stored; they may be given again.
    pub async fn write(
        &mut self,
        events: Vec<Event>,
    ) -> (Vec<Event>, Result<(), Arc<JournalError>>) {
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
            done,
        };
        if let Err(mpsc::error::SendError(job)) = jobs.send(job).await {
            return (job.events, Err(gone()));
        }
        match answer.await {
            Ok(done) => {
                self.chain = done.chain;
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
fn write(mut store: Box<dyn Store>, mut queue: mpsc::Receiver<Job>) {
    let mut jobs = Vec::with_capacity(TOGETHER);
    while let Some(job) = queue.blocking_recv() {
        jobs.push(job);
        while jobs.len() < TOGETHER
            && let Ok(job) = queue.try_recv()
        {
            jobs.push(job);
        }
        store_jobs(&mut *store, &mut jobs);
    }
}

fn store_jobs(store: &mut dyn Store, jobs: &mut Vec<Job>) {
    let mut after = Vec::with_capacity(jobs.len());
    let mut sealed: Vec<(Sealed, Vec<Attachment>)> = Vec::with_capacity(jobs.len());
    let mut result = Ok(());
    crash::point("before-seal");
    for job in &*jobs {
        let mut chain = job.chain.clone();
        let mut attachments = Vec::new();
        match chain.seal(&job.events, &mut attachments) {
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
        let done = Done {
            chain: if result.is_ok() { after } else { job.chain },
            events: job.events,
            result: result.clone(),
        };
        // Whoever asked may have been dropped; what was written stays written.
        let _ = job.done.send(done);
    }
}
