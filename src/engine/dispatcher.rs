use super::event_log::EventLog;
use super::live::Stop;
use crate::event::{Event, Sink};
use crate::journal::{JournalError, Recorder, crash};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// How long an event waits for others to share its commit, and the call of each sink.
const COMPANY: Duration = Duration::from_millis(5);

/// Takes the events of a run from its event log to the journal, and from there to the sinks: nobody sees what is
/// not recorded.
pub(super) struct Dispatcher<'p> {
    event_log: &'p EventLog,
    stop: &'p Stop,
    recorder: Option<Recorder>,
    sinks: &'p mut [Box<dyn Sink>],
    failures: Vec<Option<io::Error>>,
    lost: Option<Arc<JournalError>>,
    last: Option<(u64, i64)>,
}

/// What could not be written.
pub(super) struct Dispatched {
    /// By sinks.
    pub(super) sinks: Vec<io::Error>,
    /// By the journal.
    pub(super) journal: Option<Arc<JournalError>>,
}

impl<'p> Dispatcher<'p> {
    pub(super) fn new(
        event_log: &'p EventLog,
        stop: &'p Stop,
        recorder: Option<Recorder>,
        sinks: &'p mut [Box<dyn Sink>],
    ) -> Self {
        if recorder.is_some() {
            event_log.journal();
        }
        Self {
            event_log,
            stop,
            recorder,
            failures: sinks.iter().map(|_| None).collect(),
            sinks,
            lost: None,
            last: None,
        }
    }

    /// Until the event log is closed and empty.
    pub(super) async fn run(mut self) -> Dispatched {
        let mut batch = Vec::new();
        loop {
            gather(self.event_log).await;
            let urgent = self.event_log.is_urgent();
            let closed = self.event_log.take(&mut batch);
            if urgent && !closed && self.note(&batch) {
                self.told(&batch);
                if let Some(recorder) = &mut self.recorder {
                    recorder.keep(std::mem::take(&mut batch));
                }
            } else if closed || !batch.is_empty() || self.is_due() {
                batch = self.record(batch).await;
                self.told(&batch);
                batch.clear();
            } else if !self.has_noted() {
                self.event_log.filled().await;
            }
            if closed {
                break;
            }
            // Everything else that is ready goes first, so that facts gather into batches.
            tokio::task::yield_now().await;
        }
        crash::point("run-end");
        self.seal();
        for (sink, failure) in self.sinks.iter_mut().zip(&mut self.failures) {
            if failure.is_none()
                && let Err(error) = sink.finish()
            {
                *failure = Some(error);
            }
        }
        Dispatched {
            sinks: self.failures.into_iter().flatten().collect(),
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
    fn note(&mut self, batch: &[Event]) -> bool {
        let (Some(recorder), Some(last)) = (&mut self.recorder, batch.last()) else {
            return false;
        };
        if !recorder.note(batch) {
            return false;
        }
        self.last = Some((last.seq, last.at));
        self.event_log.hold(last.seq);
        true
    }

    fn told(&mut self, batch: &[Event]) {
        if batch.is_empty() {
            return;
        }
        crash::point("before-sinks");
        self.tell(batch);
        crash::point("after-sinks");
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

    fn tell(&mut self, batch: &[Event]) {
        for (sink, failure) in self.sinks.iter_mut().zip(&mut self.failures) {
            // A sink that failed once is left alone: half a report helps nobody.
            if failure.is_none()
                && let Err(error) = sink.accept(batch)
            {
                *failure = Some(error);
            }
        }
    }

    /// Tells the sinks what the journal can be checked against.
    fn seal(&mut self) {
        let (Some(recorder), Some((events, at))) = (&self.recorder, self.last) else {
            return;
        };
        let sealed = Event::sealed(self.event_log.run(), events, at, &recorder.head());
        self.tell(&[sealed]);
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
