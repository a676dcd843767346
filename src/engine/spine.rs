use crate::event::{Event, ExecutionId, Fact, Mask, RunId, Sink};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::task::{Context, Poll};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;

/// Events that may wait for the sinks; whoever makes more of them waits too.
const QUEUE: usize = 8192;

/// Where every fact of a run passes: it gets its number and its time, secrets are hidden, and the sinks
/// are told in order.
pub(super) struct Spine {
    run: RunId,
    started: Instant,
    /// Wall-clock microseconds at `started`: times of one run never go back.
    epoch: i64,
    queue: Mutex<Queue>,
    mask: RwLock<Mask>,
    masked: AtomicBool,
    filled: Notify,
    drained: Notify,
}

/// The end of a [`Spine::record`]: small, since every step of every machine holds one.
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

impl Spine {
    pub(super) fn new(run: RunId) -> Arc<Self> {
        let epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_micros() as i64);
        Arc::new(Self {
            run,
            started: Instant::now(),
            epoch,
            queue: Mutex::new(Queue::default()),
            mask: RwLock::new(Mask::default()),
            masked: AtomicBool::new(false),
            filled: Notify::new(),
            drained: Notify::new(),
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
    pub(super) fn record(&self, execution: Option<ExecutionId>, fact: Fact) -> Recorded<'_> {
        match self.push(execution, self.hidden(fact)) {
            None => Recorded(None),
            Some(fact) => Recorded(Some(Box::pin(self.record_later(execution, fact)))),
        }
    }

    /// Waits while the sinks are too far behind.
    async fn record_later(&self, execution: Option<ExecutionId>, mut fact: Fact) {
        loop {
            // Made before the queue is looked at again, so that no wake-up can fall in between.
            let drained = self.drained.notified();
            match self.push(execution, fact) {
                None => return,
                Some(back) => fact = back,
            }
            drained.await;
        }
    }

    /// Queues a fact, or gives it back if the queue is full.
    fn push(&self, execution: Option<ExecutionId>, fact: Fact) -> Option<Fact> {
        let mut queue = self.queue();
        if queue.events.len() >= QUEUE {
            return Some(fact);
        }
        queue.last += 1;
        let event = Event {
            run: RunId::clone(&self.run),
            seq: queue.last,
            at: self.epoch.saturating_add_unsigned(self.micros()),
            execution,
            fact,
        };
        queue.events.push(event);
        if queue.events.len() == 1 {
            self.filled.notify_one();
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
        let mask = self.mask.read().unwrap_or_else(PoisonError::into_inner);
        let Ok(mut json) = serde_json::to_value(&fact) else {
            return fact;
        };
        mask.json(&mut json);
        // A mask only replaces texts, so what was a fact is still one.
        serde_json::from_value(json).unwrap_or(fact)
    }

    /// No more facts come.
    pub(super) fn close(&self) {
        self.queue().closed = true;
        self.filled.notify_one();
    }

    /// Hands events to the sinks until the spine is closed and empty. What a sink could not write is
    /// returned.
    pub(super) async fn pump(&self, sinks: &mut [Box<dyn Sink>]) -> Vec<std::io::Error> {
        let mut failures: Vec<Option<std::io::Error>> = sinks.iter().map(|_| None).collect();
        let mut batch = Vec::new();
        loop {
            let closed = {
                let mut queue = self.queue();
                std::mem::swap(&mut batch, &mut queue.events);
                queue.closed
            };
            if batch.is_empty() {
                if closed {
                    break;
                }
                self.filled.notified().await;
                continue;
            }
            self.drained.notify_waiters();
            for (sink, failure) in sinks.iter_mut().zip(&mut failures) {
                // A sink that failed once is left alone: half a report helps nobody.
                if failure.is_none()
                    && let Err(error) = sink.accept(&batch)
                {
                    *failure = Some(error);
                }
            }
            batch.clear();
            // Everything else that is ready goes first, so that facts gather into batches.
            tokio::task::yield_now().await;
        }
        for (sink, failure) in sinks.iter_mut().zip(&mut failures) {
            if failure.is_none()
                && let Err(error) = sink.finish()
            {
                *failure = Some(error);
            }
        }
        failures.into_iter().flatten().collect()
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
