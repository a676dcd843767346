use crate::event::{Event, ExecutionId, Fact, FrameId, Mask, ROOT, RunId};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::task::{Context, Poll};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;

/// Events that may wait for the sinks; whoever makes more of them waits too.
const QUEUE: usize = 8192;
/// Events that are worth a commit of their own.
const ENOUGH: usize = 1000;

/// Where every fact of a run passes: it gets its number and its time, secrets are hidden, and the sinks
/// are told in order.
pub(super) struct EventLog {
    run: RunId,
    started: Instant,
    /// Wall-clock microseconds at `started`: times of one run never go back.
    epoch: i64,
    queue: Mutex<Queue>,
    mask: RwLock<Mask>,
    masked: AtomicBool,
    filled: Notify,
    ripe: Notify,
    drained: Notify,
    /// Whether there is a journal; what it holds already; and who waits for that.
    journaled: AtomicBool,
    held: AtomicU64,
    committed: Notify,
    /// Somebody waits for it.
    urgent: AtomicBool,
}

/// The end of a [`EventLog::record`]: small, since every step of every machine holds one.
pub(super) struct Recorded<'a>(Option<Pin<Box<dyn Future<Output = ()> + Send + 'a>>>);

impl Future for Recorded<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            None => Poll::Ready(()),
            Some(later) => later.as_mut().poll(context),
        }
    }
}

#[derive(Default)]
struct Queue {
    last: u64,
    events: Vec<Event>,
    closed: bool,
}

/// Whose fact it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    /// `None`: the run's.
    pub(super) execution: Option<ExecutionId>,
    pub(super) frame: FrameId,
}

impl Origin {
    pub(super) const RUN: Self = Self {
        execution: None,
        frame: ROOT,
    };

    /// A task itself.
    pub(super) const fn task(execution: ExecutionId) -> Self {
        Self {
            execution: Some(execution),
            frame: ROOT,
        }
    }
}

impl EventLog {
    pub(super) fn new(run: RunId) -> Arc<Self> {
        let epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_micros() as i64);
        Self::with_epoch(run, epoch)
    }

    fn with_epoch(run: RunId, epoch: i64) -> Arc<Self> {
        Arc::new(Self {
            run,
            started: Instant::now(),
            epoch,
            queue: Mutex::new(Queue::default()),
            mask: RwLock::new(Mask::default()),
            masked: AtomicBool::new(false),
            filled: Notify::new(),
            ripe: Notify::new(),
            drained: Notify::new(),
            journaled: AtomicBool::new(false),
            held: AtomicU64::new(0),
            committed: Notify::new(),
            urgent: AtomicBool::new(false),
        })
    }

    pub(super) fn run(&self) -> &RunId {
        &self.run
    }

    pub(super) fn started(&self) -> Instant {
        self.started
    }

    /// Microseconds since the run started.
    pub(super) fn micros(&self) -> u64 {
        self.started.elapsed().as_micros() as u64
    }

    /// Hides a value in everything that is recorded from now on.
    pub(super) fn conceal(&self, name: &str, value: &str) {
        self.mask
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .add(name, value);
        self.masked.store(true, Ordering::Release);
    }

    /// Writes a fact down, at once if there is room; the future is done when there was.
    pub(super) fn record(&self, origin: Origin, fact: Fact) -> Recorded<'_> {
        match self.push(origin, self.hidden(fact)) {
            None => Recorded(None),
            Some(fact) => Recorded(Some(Box::pin(self.record_later(origin, fact)))),
        }
    }

    /// Waits while the sinks are too far behind.
    async fn record_later(&self, origin: Origin, mut fact: Fact) {
        loop {
            // Made before the queue is looked at again, so that no wake-up can fall in between.
            let drained = self.drained.notified();
            match self.push(origin, fact) {
                None => return,
                Some(back) => fact = back,
            }
            drained.await;
        }
    }

    /// Queues a fact, or gives it back if the queue is full.
    fn push(&self, origin: Origin, fact: Fact) -> Option<Fact> {
        let mut queue = self.queue();
        if queue.events.len() >= QUEUE {
            return Some(fact);
        }
        queue.last += 1;
        let event = Event {
            run: RunId::clone(&self.run),
            seq: queue.last,
            at: self.epoch.saturating_add_unsigned(self.micros()),
            execution: origin.execution,
            frame: origin.frame,
            fact,
        };
        queue.events.push(event);
        match queue.events.len() {
            1 => self.filled.notify_one(),
            ENOUGH => self.ripe.notify_one(),
            _ => {}
        }
        None
    }

    /// The text without secrets, shown when it is printed: a trace that nobody asks for costs nothing.
    pub(super) fn masked<'a>(&'a self, text: &'a str) -> impl std::fmt::Display + 'a {
        std::fmt::from_fn(move |f| {
            let mask = self.mask.read().unwrap_or_else(PoisonError::into_inner);
            f.write_str(&mask.text(text))
        })
    }

    fn hidden(&self, fact: Fact) -> Fact {
        if !self.masked.load(Ordering::Acquire) {
            return fact;
        }
        self.mask
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .fact(fact)
    }

    /// Completes when the journal, if there is one, holds all that was recorded so far.
    pub(super) async fn settled(&self) {
        if !self.journaled.load(Ordering::Acquire) {
            return;
        }
        let last = self.queue().last;
        loop {
            // Made before the count is looked at, so that no wake-up can fall in between.
            let committed = self.committed.notified();
            if self.held.load(Ordering::Acquire) >= last {
                return;
            }
            self.urgent.store(true, Ordering::Release);
            self.ripe.notify_one();
            committed.await;
        }
    }

    /// Whether somebody has begun to wait for what is queued since the last call.
    pub(super) fn is_urgent(&self) -> bool {
        self.urgent.swap(false, Ordering::AcqRel)
    }

    /// The journal holds all events up to this one, or never will.
    pub(super) fn hold(&self, seq: u64) {
        self.held.store(seq, Ordering::Release);
        self.committed.notify_waiters();
    }

    /// From now on a journal is kept.
    pub(super) fn journal(&self) {
        self.journaled.store(true, Ordering::Release);
    }

    /// No more facts come.
    pub(super) fn close(&self) {
        self.queue().closed = true;
        self.filled.notify_one();
        self.ripe.notify_one();
    }

    /// Takes what is queued; true: nothing more comes.
    pub(super) fn take(&self, batch: &mut Vec<Event>) -> bool {
        let closed = {
            let mut queue = self.queue();
            std::mem::swap(batch, &mut queue.events);
            queue.closed
        };
        if !batch.is_empty() {
            self.drained.notify_waiters();
        }
        closed
    }

    /// Completes when something is queued, or nothing more comes.
    pub(super) async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Completes when what is queued should not wait for company: it is enough, somebody waits for it, or nothing
    /// more comes.
    pub(super) async fn ripe(&self) {
        self.ripe.notified().await;
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Json, ValueTypes};

    fn saved(name: &str, value: &str) -> Fact {
        Fact::VariableSaved {
            name: name.into(),
            value: Json::from(value),
            types: ValueTypes::default(),
            undone: false,
        }
    }

    /// Many threads, and a clock that was read but once: whatever it does later, no time goes back.
    #[test]
    fn times_never_go_back_and_the_order_is_the_sequence() {
        let event_log = EventLog::new("R".into());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        assert!(event_log.push(Origin::task(1), saved("a", "b")).is_none());
                    }
                });
            }
        });
        let mut events = Vec::new();
        event_log.take(&mut events);
        assert_eq!(events.len(), 2000);
        for (index, event) in events.iter().enumerate() {
            assert_eq!(event.seq, index as u64 + 1);
        }
        assert!(events.is_sorted_by_key(|event| event.at));
    }

    #[test]
    fn a_clock_that_is_wrong_changes_no_order() {
        for epoch in [i64::MIN, -1, 0, i64::MAX] {
            let event_log = EventLog::with_epoch("R".into(), epoch);
            for _ in 0..3 {
                assert!(event_log.push(Origin::RUN, saved("a", "b")).is_none());
            }
            let mut events = Vec::new();
            event_log.take(&mut events);
            assert!(events.is_sorted_by_key(|event| event.at));
            assert_eq!(events[2].seq, 3);
        }
    }

    #[test]
    fn a_secret_is_hidden_before_it_is_queued() {
        let event_log = EventLog::new("R".into());
        event_log.conceal("token", "correct-horse");
        assert!(
            event_log
                .push(
                    Origin::RUN,
                    event_log.hidden(saved("a", "x correct-horse y"))
                )
                .is_none()
        );
        let mut events = Vec::new();
        event_log.take(&mut events);
        assert_eq!(events[0].fact, saved("a", "x $token y"));
    }
}
