//! A world of stubs on a virtual clock: the same answers give the same facts, and an hour of waiting takes
//! no time at all.
//!
//! The clock stands still while anything can go on, and jumps to the next timer when nothing can. It is our
//! own, since a runtime's paused clock also jumps while real IO is in flight.

use super::world::{Call, Halt, Lost, Moment, ScopeId, Site, World};
use crate::event::{Fact, Failure, Feed, Inbox, Json, Mask, Message, Name, Reply};
use crate::script::Host;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// What the world answers at one place.
#[derive(Clone, Debug)]
pub struct Stub {
    /// How long the answer takes.
    pub latency: Duration,
    /// The answer.
    pub answer: Result<Json, Failure>,
}

impl Stub {
    /// An answer that takes this long.
    #[must_use]
    pub fn reply(latency: Duration, value: Json) -> Self {
        Self {
            latency,
            answer: Ok(value),
        }
    }

    /// Trouble that takes this long.
    #[must_use]
    pub fn failure(latency: Duration, failure: Failure) -> Self {
        Self {
            latency,
            answer: Err(failure),
        }
    }
}

/// Nothing is left that could wake the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlock;

/// A world of stubs on a virtual clock.
pub struct Stubbed {
    inner: Mutex<Inner>,
    /// Microseconds; the scripts' clock reads it too.
    clock: Arc<AtomicU64>,
    host: Arc<dyn Host>,
}

#[derive(Default)]
struct Inner {
    sequence: u64,
    timeline: BTreeMap<(u64, u64), Due>,
    /// By the path of the place: the answers in order; the last one repeats.
    answers: HashMap<Name, VecDeque<Stub>>,
    /// By the path of the place: messages with the time after the opening at which they arrive.
    messages: HashMap<Name, Vec<(Duration, Json)>>,
    open: Vec<(ScopeId, Arc<Feed>)>,
    in_flight: usize,
    leaks: usize,
    halt: Option<(u64, String)>,
    facts: Vec<(Moment, Fact)>,
    mask: Mask,
}

/// What happens at a point of the timeline.
enum Due {
    Wake(Waker),
    Push(Arc<Feed>, Json),
}

struct VirtualHost {
    now: Arc<AtomicU64>,
    counts: Mutex<HashMap<u64, u64>>,
}

impl Default for Stubbed {
    fn default() -> Self {
        Self::new()
    }
}

impl Stubbed {
    /// A world without stubs, at time zero.
    #[must_use]
    pub fn new() -> Self {
        let clock = Arc::new(AtomicU64::new(0));
        let host = VirtualHost {
            now: Arc::clone(&clock),
            counts: Mutex::default(),
        };
        Self {
            inner: Mutex::default(),
            clock,
            host: Arc::new(host),
        }
    }

    /// Adds an answer for requests at this path of the definition
    /// (`states.place.instructions[0]`). The last one repeats.
    #[must_use]
    pub fn answer(self, path: &str, stub: Stub) -> Self {
        self.lock()
            .answers
            .entry(path.into())
            .or_default()
            .push_back(stub);
        self
    }

    /// Adds a message for subscriptions at this path, this long after they were opened.
    #[must_use]
    pub fn message(self, path: &str, after: Duration, value: Json) -> Self {
        self.lock()
            .messages
            .entry(path.into())
            .or_default()
            .push((after, value));
        self
    }

    /// Halts the execution at this time.
    #[must_use]
    pub fn halt_at(self, at: Duration, reason: &str) -> Self {
        self.lock().halt = Some((at.as_micros() as u64, reason.to_owned()));
        self
    }

    /// Drives a future to its end.
    ///
    /// # Errors
    /// When the future waits for something that never comes.
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> Result<T, Deadlock> {
        let mut future = pin!(future);
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&flag));
        let mut context = Context::from_waker(&waker);
        loop {
            while flag.0.swap(false, Ordering::AcqRel) {
                if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
                    return Ok(value);
                }
            }
            self.advance()?;
        }
    }

    /// Everything that was recorded, with its time.
    pub fn facts(&self) -> Vec<(Moment, Fact)> {
        self.lock().facts.clone()
    }

    /// How many requests are under way.
    pub fn in_flight(&self) -> usize {
        self.lock().in_flight
    }

    /// How often a state was entered while a request of an earlier one was still under way: never, if the
    /// machine keeps its promise.
    pub fn leaks(&self) -> usize {
        self.lock().leaks
    }

    /// Subscriptions that are open.
    pub fn open_subscriptions(&self) -> usize {
        self.lock().open.len()
    }

    /// Jumps to the next point of the timeline and lets everything happen that is due there.
    fn advance(&self) -> Result<(), Deadlock> {
        let due: Vec<Due> = {
            let mut inner = self.lock();
            let (&(at, _), _) = inner.timeline.first_key_value().ok_or(Deadlock)?;
            self.clock.fetch_max(at, Ordering::AcqRel);
            let later = inner.timeline.split_off(&(at + 1, 0));
            std::mem::replace(&mut inner.timeline, later)
                .into_values()
                .collect()
        };
        for one in due {
            match one {
                Due::Wake(waker) => waker.wake(),
                // A full inbox closes itself, which its reader learns.
                Due::Push(feed, value) => drop(feed.push(Message {
                    value: Arc::new(value),
                    received: 0,
                })),
            }
        }
        Ok(())
    }

    fn micros(&self) -> u64 {
        self.clock.load(Ordering::Acquire)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

/// A timer of the virtual clock. Forgotten when it is dropped.
struct Sleep<'w> {
    world: &'w Stubbed,
    at: u64,
    key: Option<(u64, u64)>,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.world.lock();
        if self.world.micros() >= self.at {
            return Poll::Ready(());
        }
        let key = self.key.unwrap_or_else(|| {
            inner.sequence += 1;
            (self.at, inner.sequence)
        });
        inner
            .timeline
            .insert(key, Due::Wake(context.waker().clone()));
        drop(inner);
        self.key = Some(key);
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.world.lock().timeline.remove(&key);
        }
    }
}

/// Counts a request while it is under way, also when it is dropped.
struct InFlight<'w>(&'w Stubbed);

impl<'w> InFlight<'w> {
    fn new(world: &'w Stubbed) -> Self {
        world.lock().in_flight += 1;
        Self(world)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.lock().in_flight -= 1;
    }
}

impl World for Stubbed {
    fn now(&self) -> Moment {
        Moment(self.micros())
    }

    fn sleep_until(&self, at: Moment) -> impl Future<Output = ()> + Send {
        Sleep {
            world: self,
            at: at.0,
            key: None,
        }
    }

    async fn call(&self, site: Site<'_>, call: Call) -> Result<Reply, Failure> {
        let _in_flight = InFlight::new(self);
        let stub = {
            let mut inner = self.lock();
            let answers = inner.answers.get_mut(&site.place.path).ok_or_else(|| {
                Failure::protocol(format!("there is no stub for `{}`", site.place.path))
            })?;
            if answers.len() > 1 {
                answers.pop_front()
            } else {
                answers.front().cloned()
            }
        };
        let Some(Stub { latency, answer }) = stub else {
            return Err(Failure::protocol(format!(
                "there is no stub for `{}`",
                site.place.path
            )));
        };
        if !latency.is_zero() {
            self.sleep_until(self.now().after(latency)).await;
        }
        let summary = format!("{} → a stub", call.client).into();
        answer.map(|value| Reply {
            value: Arc::new(value),
            summary,
            ..Reply::default()
        })
    }

    async fn open(&self, site: Site<'_>, _source: Call) -> Result<Inbox, Failure> {
        let (feed, inbox) = Inbox::new();
        let feed = Arc::new(feed);
        let mut inner = self.lock();
        let messages = inner
            .messages
            .get(&site.place.path)
            .cloned()
            .unwrap_or_default();
        for (after, value) in messages {
            if after.is_zero() {
                // There from the beginning, not only when nothing else can go on.
                drop(feed.push(Message {
                    value: Arc::new(value),
                    received: 0,
                }));
                continue;
            }
            inner.sequence += 1;
            let key = (self.now().after(after).0, inner.sequence);
            inner
                .timeline
                .insert(key, Due::Push(Arc::clone(&feed), value));
        }
        inner.open.push((site.scope, feed));
        Ok(inbox)
    }

    async fn close(&self, scope: ScopeId) -> Result<(), Lost> {
        self.lock().open.retain(|(open, _)| *open != scope);
        Ok(())
    }

    async fn record(&self, fact: Fact) {
        let mut inner = self.lock();
        if matches!(fact, Fact::StateEntered { .. }) && inner.in_flight > 0 {
            inner.leaks += 1;
        }
        let now = self.now();
        let fact = hidden(&inner.mask, fact);
        inner.facts.push((now, fact));
    }

    async fn halted(&self) -> Halt {
        let halt = self.lock().halt.clone();
        match halt {
            Some((at, reason)) => {
                self.sleep_until(Moment(at)).await;
                Halt { reason }
            }
            None => std::future::pending().await,
        }
    }

    fn conceal(&self, name: &str, value: &str) {
        self.lock().mask.add(name, value);
    }

    fn host(&self) -> &Arc<dyn Host> {
        &self.host
    }
}

/// The fact with every secret replaced that is known by now.
fn hidden(mask: &Mask, fact: Fact) -> Fact {
    if mask.is_empty() {
        return fact;
    }
    let Ok(mut json) = serde_json::to_value(&fact) else {
        return fact;
    };
    mask.json(&mut json);
    // A mask only replaces texts, so what was a fact is still one.
    serde_json::from_value(json).unwrap_or(fact)
}

impl Host for VirtualHost {
    fn now(&self) -> jiff::Timestamp {
        let micros = i64::try_from(self.now.load(Ordering::Acquire)).unwrap_or(i64::MAX);
        jiff::Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_micros(micros)
    }

    fn chance(&self, place: u64) -> [u8; 16] {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(place).or_insert(0);
        *count += 1;
        let mut bytes = [0; 16];
        bytes.copy_from_slice(
            &blake3::hash(&[place.to_le_bytes(), count.to_le_bytes()].concat()).as_bytes()[..16],
        );
        bytes
    }

    fn env(&self, _name: &str) -> Result<Option<String>, Failure> {
        Ok(None)
    }
}
