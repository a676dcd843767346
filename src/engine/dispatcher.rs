use super::event_log::{Batch, EventLog};
use super::live::Stop;
use super::output::Output;
use crate::event::{Event, Sink};
use crate::journal::{JournalError, Recorder, crash};
use std::io;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;
use tokio::task::{JoinError, JoinHandle};

/// How long an event waits for others to share its commit, and the call of each sink.
const COMPANY: Duration = Duration::from_millis(5);
/// How long a run that is dropped waits for its journal.
const LETTING_GO: Duration = Duration::from_secs(1);

/// What may be noted at once, in bytes of memory: what is large is written where it takes less.
const NOTED: u64 = 1 << 20;

/// Takes the events of a run from its event log to the journal, and from there to the sinks: nobody sees what is
/// not recorded. It runs on a thread of its own, so that hiding secrets, writing and waiting for a disk delays no task.
pub(super) struct Dispatcher {
    event_log: Arc<EventLog>,
    stop: Stop,
    recorder: Option<Recorder>,
    /// After the recorder, since it says that there is none any more.
    at_work: Option<AtWork>,
    output: Output,
    lost: Option<Arc<JournalError>>,
    last: Option<(u64, i64)>,
}

/// Kept as long as the dispatcher writes to the journal. After a panic nobody may wait for it any more.
struct AtWork {
    event_log: Arc<EventLog>,
    stop: Stop,
    _holds: SyncSender<()>,
}

impl Drop for AtWork {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.stop
                .halt("funcy itself failed, so that nothing is recorded any more");
            self.event_log.drop_all();
            self.event_log.hold(u64::MAX);
        }
    }
}

/// What could not be written.
#[derive(Default)]
pub(super) struct Dispatched {
    /// By sinks.
    pub(super) sinks: Vec<io::Error>,
    /// By the journal.
    pub(super) journal: Option<Arc<JournalError>>,
}

/// A dispatcher at work.
pub(super) struct Dispatching {
    event_log: Arc<EventLog>,
    ended: Option<JoinHandle<Dispatched>>,
    /// Closed when it has let go of the journal.
    released: Receiver<()>,
}

impl Dispatching {
    /// Waits for the end, which [`EventLog::close`] brings about.
    pub(super) async fn ended(mut self) -> Dispatched {
        let Some(ended) = self.ended.take() else {
            return Dispatched::default();
        };
        match ended.await.map_err(JoinError::try_into_panic) {
            Ok(dispatched) => dispatched,
            Err(Ok(panic)) => resume_unwind(panic),
            Err(Err(_)) => Dispatched::default(),
        }
    }
}

/// Whoever drops a run waits for no reader and no report, but the lock of the run is given back.
impl Drop for Dispatching {
    fn drop(&mut self) {
        self.event_log.drop_all();
        let _ = self.released.recv_timeout(LETTING_GO);
    }
}

impl Dispatcher {
    /// Starts one that ends when the event log is closed and empty.
    pub(super) fn start(
        event_log: &Arc<EventLog>,
        stop: &Stop,
        recorder: Option<Recorder>,
        sinks: Vec<Box<dyn Sink>>,
    ) -> Dispatching {
        if recorder.is_some() {
            event_log.journal();
        }
        let (holds, released) = sync_channel(1);
        let dispatcher = Self {
            event_log: Arc::clone(event_log),
            stop: stop.clone(),
            recorder,
            at_work: Some(AtWork {
                event_log: Arc::clone(event_log),
                stop: stop.clone(),
                _holds: holds,
            }),
            output: Output::start(sinks),
            lost: None,
            last: None,
        };
        let ended =
            tokio::task::spawn_blocking(
                move || match tokio::runtime::Builder::new_current_thread()
                    .enable_time()
                    .build()
                {
                    Ok(runtime) => runtime.block_on(dispatcher.run()),
                    Err(error) => dispatcher.unable(error),
                },
            );
        Dispatching {
            event_log: Arc::clone(event_log),
            ended: Some(ended),
            released,
        }
    }

    /// Nothing can be recorded, so that nothing may run.
    fn unable(self, error: io::Error) -> Dispatched {
        self.stop.halt(&format!("nothing can be recorded: {error}"));
        self.event_log.drop_all();
        self.event_log.hold(u64::MAX);
        Dispatched {
            sinks: vec![error],
            journal: None,
        }
    }

    /// Until the event log is closed and empty.
    async fn run(mut self) -> Dispatched {
        loop {
            gather(&self.event_log).await;
            let urgent = self.event_log.is_urgent();
            let (mut batch, closed) = self.event_log.take();
            if self.event_log.is_dropped() {
                return Dispatched::default();
            }
            if urgent && !closed && self.note(&batch) {
                if let Some(recorder) = &mut self.recorder {
                    recorder.keep(batch.events.clone());
                }
                self.tell(batch);
            } else if closed || !batch.events.is_empty() || self.is_due() {
                batch.events = self.record(std::mem::take(&mut batch.events)).await;
                self.tell(batch);
            } else if !self.has_noted() {
                self.event_log.filled().await;
            }
            if closed {
                break;
            }
        }
        crash::point("run-end");
        self.seal();
        // The lock of the run is given back before the sinks are waited for: they may take long.
        drop(self.recorder.take());
        drop(self.at_work.take());
        Dispatched {
            sinks: self.output.finish(&self.stop).await,
            journal: self.lost,
        }
    }

    /// Whether the journal has still to store something.
    fn has_noted(&self) -> bool {
        self.recorder.as_ref().is_some_and(Recorder::has_noted)
    }

    /// Whether that has waited long enough.
    fn is_due(&self) -> bool {
        self.recorder.as_ref().is_some_and(Recorder::is_due)
    }

    /// Notes events that somebody waits for, so that they need no commit of their own.
    fn note(&mut self, batch: &Batch) -> bool {
        let (Some(recorder), Some(last)) = (&mut self.recorder, batch.events.last()) else {
            return false;
        };
        if batch.weight() > NOTED || !recorder.note(&batch.events) {
            return false;
        }
        self.last = Some((last.seq, last.at));
        self.event_log.hold(last.seq);
        true
    }

    /// Writes events to the journal. If that cannot be done the run stops, since what it does could not be
    /// audited; its end still goes to the sinks, and to the journal if the room that was kept is enough.
    async fn record(&mut self, mut batch: Vec<Event>) -> Vec<Event> {
        // Without one, all that was noted is to be stored.
        if let Some(event) = batch.last() {
            self.last = Some((event.seq, event.at));
        }
        let Some((last, _)) = self.last else {
            return batch;
        };
        if let Some(recorder) = &mut self.recorder
            && (recorder.has_noted() || !batch.is_empty())
        {
            let mut result;
            (batch, result) = recorder.write(batch).await;
            if let Err(error) = &result {
                self.stop
                    .halt(&format!("the journal cannot be written: {error}"));
                self.lost.get_or_insert_with(|| Arc::clone(error));
                if recorder.make_room() {
                    (batch, result) = recorder.write(batch).await;
                }
            }
            if result.is_err() {
                self.recorder = None;
            }
        }
        self.event_log.hold(if self.recorder.is_some() {
            last
        } else {
            u64::MAX
        });
        batch
    }

    /// Tells the sinks what the journal can be checked against.
    fn seal(&mut self) {
        let (Some(recorder), Some((events, at))) = (&self.recorder, self.last) else {
            return;
        };
        let sealed = Event::sealed(self.event_log.run(), events, at, &recorder.head());
        self.output.tell(Batch::of(sealed));
    }

    fn tell(&self, batch: Batch) {
        if !batch.events.is_empty() {
            self.output.tell(batch);
        }
    }
}

/// Lets events gather into one batch.
async fn gather(event_log: &EventLog) {
    tokio::select! {
        biased;
        () = event_log.ripe() => {}
        () = tokio::time::sleep(COMPANY) => {}
    }
}
