use super::lag::{Lag, TICK};
use super::turn;
use super::weight::weight;
use crate::event::{Event, ExecutionId, Fact, FrameId, Headline, Mask, ROOT, RunId};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::task::{Context, Poll};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;

/// Bytes of memory that large events may take which the journal and the sinks have not dealt with; whoever makes more
/// of them waits too.
const ROOM: u64 = 56 << 20;
/// The same for those that are not large. They have room of their own, so that a task which makes few bytes waits for
/// none that makes many.
const SMALL_ROOM: u64 = 8 << 20;
/// An event of more than this is large.
const LARGE: u64 = 64 << 10;
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
    mask: RwLock<Arc<Mask>>,
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
    lag: Lag,
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
    events: Vec<Queued>,
    /// What these weigh, and what the journal and the sinks hold of those before.
    waiting: Waiting,
    closed: bool,
    dropped: bool,
}

/// The weight of events that are not dealt with, the large ones by themselves.
#[derive(Clone, Copy, Debug, Default)]
struct Waiting {
    large: u64,
    small: u64,
}

impl Waiting {
    /// Whether there is room for one more. One that is larger than all the room there is goes alone.
    fn has_room(self, weight: u64) -> bool {
        let (taken, room) = if weight > LARGE {
            (self.large, ROOM)
        } else {
            (self.small, SMALL_ROOM)
        };
        taken == 0 || taken + weight <= room
    }

    fn add(&mut self, weight: u64) {
        if weight > LARGE {
            self.large += weight;
        } else {
            self.small += weight;
        }
    }

    fn remove(&mut self, other: Self) {
        self.large -= other.large;
        self.small -= other.small;
    }

    fn all(self) -> u64 {
        self.large + self.small
    }
}

/// An event as it was recorded.
struct Queued {
    event: Event,
    weight: u64,
    /// What is hidden of it: the secrets that were known then. Looking for them takes long in a large event, so that
    /// it is not done where tasks run.
    mask: Option<Arc<Mask>>,
}

/// The next events, for the journal and the sinks. They count as what waits until this is dropped.
pub(super) struct Batch {
    pub(super) events: Vec<Event>,
    waiting: Waiting,
    event_log: Option<Arc<EventLog>>,
}

impl Batch {
    /// An event that was never queued.
    pub(super) fn of(event: Event) -> Self {
        Self {
            events: vec![event],
            waiting: Waiting::default(),
            event_log: None,
        }
    }

    /// The memory that they take, about, in bytes.
    pub(super) fn weight(&self) -> u64 {
        self.waiting.all()
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        // What they take is free before others are let in.
        self.events = Vec::new();
        if let Some(event_log) = &self.event_log {
            event_log.release(self.waiting);
        }
    }
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
            mask: RwLock::default(),
            masked: AtomicBool::new(false),
            filled: Notify::new(),
            ripe: Notify::new(),
            drained: Notify::new(),
            journaled: AtomicBool::new(false),
            held: AtomicU64::new(0),
            committed: Notify::new(),
            urgent: AtomicBool::new(false),
            lag: Lag::default(),
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
        let mut mask = self.mask.write().unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(&mut mask).add(name, value);
        drop(mask);
        self.masked.store(true, Ordering::Release);
    }

    /// Writes a fact down, at once if there is room; the future is done when there was.
    pub(super) fn record(&self, origin: Origin, fact: Fact) -> Recorded<'_> {
        match self.push(origin, fact, false) {
            Ok(now) if turn::is_long(now) => Recorded(Some(Box::pin(tokio::task::yield_now()))),
            Ok(_) => Recorded(None),
            Err(fact) => Recorded(Some(Box::pin(self.record_later(origin, *fact)))),
        }
    }

    /// Gives signs of life of the engine's thread, for ever.
    pub(super) async fn watch_lag(&self) -> Infallible {
        loop {
            self.lag.alive(self.micros());
            self.record_lag();
            tokio::time::sleep(TICK).await;
        }
    }

    /// Says so at a verdict that may depend on it that the engine was held up.
    pub(super) fn explain_lag(&self, headline: &mut Headline) {
        let now = self.micros();
        self.lag.look(now);
        self.record_lag();
        self.lag.explain(headline, now);
    }

    /// Notes waits for the journal or the sinks that were too long.
    fn waited(&self, from: u64) {
        self.lag.waited(from, self.micros());
    }

    fn record_lag(&self) {
        while let Some(fact) = self.lag.unrecorded() {
            let _ = self.push(Origin::RUN, fact, true);
        }
    }

    /// Waits while the sinks are too far behind.
    async fn record_later(&self, origin: Origin, mut fact: Fact) {
        let from = self.micros();
        loop {
            // Made before the queue is looked at again, so that no wake-up can fall in between.
            let drained = self.drained.notified();
            match self.push(origin, fact, false) {
                Ok(_) => break,
                Err(back) => fact = *back,
            }
            drained.await;
        }
        self.waited(from);
    }

    /// Queues a fact and tells when, or gives it back if the queue is full. `always`: it is small and must not wait.
    fn push(&self, origin: Origin, fact: Fact, always: bool) -> Result<Instant, Box<Fact>> {
        let mut event = Event {
            run: RunId::clone(&self.run),
            seq: 0,
            at: 0,
            execution: origin.execution,
            frame: origin.frame,
            fact,
        };
        let weight = weight(&event);
        let mut queue = self.queue();
        // Read once the queue is held, so that times are in order; and once, since this is what a fact costs most.
        let now = Instant::now();
        if queue.dropped {
            return Ok(now);
        }
        if !always && !queue.waiting.has_room(weight) {
            return Err(Box::new(event.fact));
        }
        queue.last += 1;
        event.seq = queue.last;
        let micros = now.saturating_duration_since(self.started).as_micros() as u64;
        event.at = self.epoch.saturating_add_unsigned(micros);
        let mask = self.mask();
        queue.waiting.add(weight);
        queue.events.push(Queued {
            event,
            weight,
            mask,
        });
        match queue.events.len() {
            1 => self.filled.notify_one(),
            ENOUGH => self.ripe.notify_one(),
            _ => {}
        }
        Ok(now)
    }

    /// The text without secrets, shown when it is printed: a trace that nobody asks for costs nothing.
    pub(super) fn masked<'a>(&'a self, text: &'a str) -> impl std::fmt::Display + 'a {
        std::fmt::from_fn(move |f| {
            let mask = self.mask.read().unwrap_or_else(PoisonError::into_inner);
            f.write_str(&mask.text(text))
        })
    }

    /// What is hidden by now, if anything is.
    fn mask(&self) -> Option<Arc<Mask>> {
        let is_any = self.masked.load(Ordering::Acquire);
        is_any.then(|| Arc::clone(&self.mask.read().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Completes when the journal, if there is one, holds all that was recorded so far.
    pub(super) async fn settled(&self) {
        if !self.journaled.load(Ordering::Acquire) {
            return;
        }
        let from = self.micros();
        let last = self.queue().last;
        loop {
            // Made before the count is looked at, so that no wake-up can fall in between.
            let committed = self.committed.notified();
            if self.held.load(Ordering::Acquire) >= last {
                return self.waited(from);
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

    /// No more facts come, and nobody waits for what is queued.
    pub(super) fn drop_all(&self) {
        self.queue().dropped = true;
        self.close();
    }

    /// Whether that has happened.
    pub(super) fn is_dropped(&self) -> bool {
        self.queue().dropped
    }

    /// Takes what is queued, with all secrets hidden; true: nothing more comes.
    pub(super) fn take(self: &Arc<Self>) -> (Batch, bool) {
        let (queued, closed) = {
            let mut queue = self.queue();
            (std::mem::take(&mut queue.events), queue.closed)
        };
        let mut waiting = Waiting::default();
        for one in &queued {
            waiting.add(one.weight);
        }
        let hidden = |Queued { event, mask, .. }| match mask {
            None => event,
            Some(mask) => Event {
                fact: mask.fact(event.fact),
                ..event
            },
        };
        let events = queued.into_iter().map(hidden).collect();
        let batch = Batch {
            events,
            waiting,
            event_log: Some(Arc::clone(self)),
        };
        (batch, closed)
    }

    /// Events of this weight are dealt with.
    fn release(&self, dealt_with: Waiting) {
        if dealt_with.all() > 0 {
            self.queue().waiting.remove(dealt_with);
            self.drained.notify_waiters();
        }
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
                        assert!(
                            event_log
                                .push(Origin::task(1), saved("a", "b"), false)
                                .is_ok()
                        );
                    }
                });
            }
        });
        let events = &event_log.take().0.events;
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
                assert!(event_log.push(Origin::RUN, saved("a", "b"), false).is_ok());
            }
            let events = &event_log.take().0.events;
            assert!(events.is_sorted_by_key(|event| event.at));
            assert_eq!(events[2].seq, 3);
        }
    }

    #[test]
    fn a_secret_is_hidden_from_then_on() {
        let event_log = EventLog::new("R".into());
        let text = "x correct-horse y";
        assert!(event_log.push(Origin::RUN, saved("a", text), false).is_ok());
        event_log.conceal("token", "correct-horse");
        assert!(event_log.push(Origin::RUN, saved("a", text), false).is_ok());
        let events = &event_log.take().0.events;
        assert_eq!(events[0].fact, saved("a", text));
        assert_eq!(events[1].fact, saved("a", "x $token y"));
    }

    /// What was taken counts until it is dealt with: one slow disk, and memory would grow without end.
    #[tokio::test]
    async fn what_waits_has_a_bound_and_nothing_is_lost() {
        let event_log = EventLog::new("R".into());
        let text = "x".repeat(1 << 20);
        let mut written = 0;
        while event_log
            .push(Origin::RUN, saved("a", &text), false)
            .is_ok()
        {
            written += 1;
        }
        assert!((52..=56).contains(&written), "{written} MiB");
        let (batch, _) = event_log.take();
        assert_eq!(batch.events.len(), written);
        let mut waiting = std::pin::pin!(event_log.record(Origin::RUN, saved("b", &text)));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        drop(batch);
        waiting.await;
        assert_eq!(event_log.take().0.events[0].seq, written as u64 + 1);
        // One that is larger than all the room there is goes alone.
        let huge = "x".repeat(ROOM as usize + 1);
        assert!(
            event_log
                .push(Origin::RUN, saved("c", &huge), false)
                .is_ok()
        );
        let large = saved("d", &text);
        assert!(event_log.push(Origin::RUN, large, false).is_err());
    }

    /// A poll beside readers of large bodies waited for the journal to write these.
    #[test]
    fn what_is_small_waits_for_nothing_that_is_large() {
        let event_log = EventLog::new("R".into());
        let huge = "x".repeat(2 * ROOM as usize);
        let push = |text: &str| event_log.push(Origin::RUN, saved("a", text), false);
        assert!(push(&huge).is_ok());
        assert!(push(&huge).is_err(), "there is no room for another");
        let mut small = 0;
        while push("").is_ok() {
            small += 1;
        }
        let bound = SMALL_ROOM / 512;
        assert!(small > 1000 && small <= bound, "{small} of {bound}");
    }
}
