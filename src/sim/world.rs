//! A world on a virtual clock. The clock stands still while anything can go on, and jumps to the next timer
//! when nothing can. It is our own, since a runtime's paused clock also jumps while real IO is in flight.

use super::clock::{Brought, Clock, Due, Flag};
use super::playback::{Arrival, LeftAt, Playback, PlayedAnswer};
use super::recording::Recording;
use super::script_host::{Environment, VirtualHost};
use crate::event::{
    Attempted, Fact, Failure, Feed, FrameId, Inbox, Json, Location, Mask, Name, ROOT, Reply,
    SubscriptionChange,
};
use crate::machine::{Call, Halt, Lost, Machine, Moment, ScopeId, Site, World};
use crate::script::{Chance, Host};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
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

/// What a subscription brings, this long after the opening.
type Later = (Duration, Brought);

/// The answers at one place.
#[derive(Default)]
struct Answers {
    /// Each with how often it comes.
    next: VecDeque<(Stub, u32)>,
    /// After the last one there is none, instead of the last one again.
    ends: bool,
}

/// Why a future was not driven to its end.
#[derive(Clone, Debug, PartialEq)]
pub enum Stuck {
    /// Nothing is left that could wake it.
    Deadlock,
    /// It asked for something that its recording does not hold.
    Left(Box<LeftAt>),
    /// It asked for something that has no stub.
    Unstubbed(Box<Unstubbed>),
}

/// A request or subscription for which there is no stub.
#[derive(Clone, Debug, PartialEq)]
pub struct Unstubbed {
    /// What asked.
    pub place: Arc<Location>,
    /// The client's name.
    pub client: Name,
    /// The request or source, templates filled in.
    pub request: Arc<Json>,
    /// It had answers, and all of them were given.
    pub used_up: bool,
}

/// A fact with its time on the virtual clock, and the frame in which it happened.
#[derive(Clone, Debug, PartialEq)]
pub struct TimedFact {
    /// When.
    pub at: Moment,
    /// In which frame.
    pub frame: FrameId,
    /// What.
    pub fact: Fact,
}

/// A world of stubs on a virtual clock.
pub struct VirtualWorld {
    inner: Mutex<Inner>,
    clock: Clock,
    /// Requests that are under way, by the frame that has sent them.
    in_flight: Mutex<BTreeMap<FrameId, usize>>,
    host: Arc<dyn Host>,
    environment: Option<Arc<Environment>>,
    /// Ends the execution at a place without a stub, instead of failing it there.
    strict: bool,
}

#[derive(Default)]
struct Inner {
    /// By the path of the place: the answers in order; the last one repeats.
    answers: HashMap<Name, Answers>,
    /// By the path of the place: what comes, with the time after the opening.
    messages: HashMap<Name, Vec<Later>>,
    /// By the path of the place: how long opening takes.
    opening: HashMap<Name, Duration>,
    playback: Option<Box<Playback>>,
    unstubbed: Option<Box<Unstubbed>>,
    open: Vec<(ScopeId, Arc<Feed>)>,
    leaks: usize,
    halt: Option<(u64, String)>,
    facts: Vec<TimedFact>,
    mask: Mask,
}

impl Default for VirtualWorld {
    fn default() -> Self {
        Self::new()
    }
}

impl VirtualWorld {
    /// A world without stubs, at time zero: 1970, and seed 0.
    #[must_use]
    pub fn new() -> Self {
        let clock = Clock::default();
        Self {
            inner: Mutex::default(),
            host: Arc::new(VirtualHost::new(
                &clock,
                0,
                Chance::new(0, "", None, 1),
                None,
            )),
            clock,
            in_flight: Mutex::default(),
            environment: None,
            strict: false,
        }
    }

    /// Chance from a seed, for a task (its file) and an attempt, as a run with this seed has it.
    #[must_use]
    pub fn chance(mut self, chance: Chance) -> Self {
        self.host = self.host_of(0, chance);
        self
    }

    /// Where scripts find environment variables; without this there are none. Comes before
    /// [`chance`](Self::chance) and [`recorded`](Self::recorded).
    #[must_use]
    pub fn environment(
        mut self,
        environment: impl Fn(&str) -> Result<Option<String>, Failure> + Send + Sync + 'static,
    ) -> Self {
        self.environment = Some(Arc::new(environment));
        self
    }

    /// What has no stub ends the execution there ([`Stuck::Unstubbed`]), instead of failing.
    #[must_use]
    pub fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    /// Answers as this recording does, and sees its time and chance. The execution ends where it asks for
    /// more ([`Stuck::Left`]).
    #[must_use]
    pub fn recorded(mut self, recording: Recording, machine: &Machine) -> Self {
        let case = recording.case.as_deref();
        let attempt = recording.attempt.max(1);
        let chance = Chance::new(recording.seed, &machine.file.name, case, attempt);
        self.host = self.host_of(recording.began, chance);
        self.lock().playback = Some(Box::new(Playback::new(recording, machine)));
        self
    }

    fn host_of(&self, began: i64, chance: Chance) -> Arc<dyn Host> {
        Arc::new(VirtualHost::new(
            &self.clock,
            began,
            chance,
            self.environment.clone(),
        ))
    }

    /// Adds an answer for requests at this path of the definition
    /// (`states.place.instructions[0]`). The last one repeats.
    #[must_use]
    pub fn answer(self, path: &str, stub: Stub) -> Self {
        self.answers(path, stub, 1)
    }

    /// Adds an answer that comes this often in a row.
    #[must_use]
    pub fn answers(self, path: &str, stub: Stub, times: u32) -> Self {
        let mut inner = self.lock();
        let answers = inner.answers.entry(path.into()).or_default();
        answers.next.push_back((stub, times));
        drop(inner);
        self
    }

    /// After its last answer this place has none, instead of the last one again.
    #[must_use]
    pub fn exhausted(self, path: &str) -> Self {
        self.lock().answers.entry(path.into()).or_default().ends = true;
        self
    }

    /// Has a stub for subscriptions at this path, though no message may ever come.
    #[must_use]
    pub fn subscription(self, path: &str) -> Self {
        self.lock().messages.entry(path.into()).or_default();
        self
    }

    /// Adds a message for subscriptions at this path, this long after they were opened.
    #[must_use]
    pub fn message(self, path: &str, after: Duration, value: Json) -> Self {
        self.arrival(path, after, Brought::Message(value))
    }

    /// Subscriptions at this path are confirmed after this time.
    #[must_use]
    pub fn opens_after(self, path: &str, after: Duration) -> Self {
        self.lock().opening.insert(path.into(), after);
        self
    }

    /// Adds something that happens to subscriptions at this path.
    #[must_use]
    pub fn change(self, path: &str, after: Duration, change: SubscriptionChange) -> Self {
        self.arrival(path, after, Brought::Change(change))
    }

    pub(super) fn arrival(self, path: &str, after: Duration, brings: Brought) -> Self {
        let mut inner = self.lock();
        let messages = inner.messages.entry(path.into()).or_default();
        messages.push((after, brings));
        drop(inner);
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
    /// When the future waits for something that never comes, or for which there is no stub.
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> Result<T, Stuck> {
        let mut future = pin!(future);
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&flag));
        let mut context = Context::from_waker(&waker);
        loop {
            while flag.0.swap(false, Ordering::AcqRel) {
                if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
                    return Ok(value);
                }
                if let Some(unstubbed) = self.lock().unstubbed.take() {
                    return Err(Stuck::Unstubbed(unstubbed));
                }
            }
            self.advance()?;
        }
    }

    /// Everything that was recorded, with its time.
    pub fn facts(&self) -> Vec<TimedFact> {
        self.lock().facts.clone()
    }

    /// Everything that was recorded, with its time.
    #[must_use]
    pub fn into_facts(self) -> Vec<TimedFact> {
        let inner = self.inner.into_inner();
        inner.unwrap_or_else(PoisonError::into_inner).facts
    }

    /// Secrets whose values a recording has brought only masked.
    pub(super) fn masked(&self) -> Vec<Name> {
        let inner = self.lock();
        (inner.playback.as_ref()).map_or_else(Vec::new, |playback| playback.masked.clone())
    }

    /// How many requests are under way.
    pub fn in_flight(&self) -> usize {
        lock(&self.in_flight).values().sum()
    }

    /// How many of them are of this frame; of the task itself all are.
    fn in_flight_of(&self, frame: FrameId) -> usize {
        match frame {
            ROOT => self.in_flight(),
            frame => lock(&self.in_flight).get(&frame).copied().unwrap_or(0),
        }
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
    fn advance(&self) -> Result<(), Stuck> {
        let next = self.clock.next();
        let left = (self.lock().playback.as_ref()).and_then(|playback| playback.left_before(next));
        if let Some(left) = left {
            return Err(Stuck::Left(Box::new(left)));
        }
        self.clock.jump(next.ok_or(Stuck::Deadlock)?);
        Ok(())
    }

    fn is_recorded(&self) -> bool {
        self.lock().playback.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }
}

/// Counts a request while it is under way, also when it is dropped.
struct InFlight<'w> {
    counts: &'w Mutex<BTreeMap<FrameId, usize>>,
    frame: FrameId,
}

impl<'w> InFlight<'w> {
    fn new(counts: &'w Mutex<BTreeMap<FrameId, usize>>, frame: FrameId) -> Self {
        *lock(counts).entry(frame).or_default() += 1;
        Self { counts, frame }
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if let Some(count) = lock(self.counts).get_mut(&self.frame) {
            *count -= 1;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A request that a recording does not answer, until it is dropped.
struct Unanswered<'w>(&'w VirtualWorld, u64);

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if let Some(playback) = &mut self.0.lock().playback {
            playback.forget(self.1);
        }
    }
}

impl VirtualWorld {
    /// The next stub at this place.
    fn stub(&self, site: Site<'_>) -> Option<Stub> {
        let mut inner = self.lock();
        let answers = inner.answers.get_mut(&site.place.path)?;
        let last = answers.next.len() <= 1 && !answers.ends;
        let (stub, times) = answers.next.front_mut()?;
        let stub = stub.clone();
        if *times > 1 {
            *times -= 1;
        } else if !last {
            answers.next.pop_front();
        }
        Some(stub)
    }

    /// Says that there is no stub: to whoever drives the execution, or to the execution itself.
    async fn no_stub(&self, site: Site<'_>, call: &Call) -> Failure {
        if self.strict {
            let unstubbed = Unstubbed {
                place: Arc::clone(site.place),
                client: Name::clone(&call.client),
                request: Arc::clone(&call.request),
                used_up: self.lock().answers.contains_key(&site.place.path),
            };
            self.lock()
                .unstubbed
                .get_or_insert_with(|| Box::new(unstubbed));
            return std::future::pending().await;
        }
        Failure::protocol(format!("there is no stub for `{}`", site.place.path))
    }

    /// What the recording answers; never, where it does not.
    async fn played(&self, site: Site<'_>, call: &Call) -> Result<Reply, Failure> {
        let said = {
            let mut inner = self.lock();
            let request = masked(&inner.mask, &call.request);
            let now = self.clock.micros();
            let playback = inner.playback.as_mut();
            playback.map(|playback| playback.ask(site, &request, now))
        };
        match said {
            Some(PlayedAnswer::Answer { at, result }) => {
                self.sleep_until(Moment(at)).await;
                match result {
                    Attempted::Reply(reply) => Ok(reply),
                    Attempted::Failure(failure) => Err(failure),
                }
            }
            Some(PlayedAnswer::Nothing(number)) => {
                let _unanswered = Unanswered(self, number);
                std::future::pending().await
            }
            None => std::future::pending().await,
        }
    }

    /// Opens what the recording opened, and lets its messages arrive.
    async fn opened(&self, site: Site<'_>, source: &Call) -> Inbox {
        let opened = {
            let mut inner = self.lock();
            let source = masked(&inner.mask, &source.request);
            let now = self.clock.micros();
            let playback = inner.playback.as_mut();
            playback.map(|playback| playback.open(site, &source, now))
        };
        match opened {
            Some(Ok((at, arrivals))) => {
                let (feed, inbox) = Inbox::new();
                self.feed(site.scope, Arc::new(feed), arrivals);
                self.sleep_until(Moment(at)).await;
                inbox
            }
            Some(Err(number)) => {
                let _unanswered = Unanswered(self, number);
                std::future::pending().await
            }
            None => std::future::pending().await,
        }
    }

    fn feed(&self, scope: ScopeId, feed: Arc<Feed>, arrivals: Vec<Arrival>) {
        let mut inner = self.lock();
        let now = self.clock.micros();
        for (at, brings) in arrivals {
            let due = Due::Arrive(Arc::clone(&feed), brings);
            if at <= now {
                // There from the beginning, not only when nothing else can go on.
                due.happen();
                continue;
            }
            self.clock.schedule(at, due);
        }
        inner.open.push((scope, feed));
    }
}

/// The value as a recording would show it.
fn masked(mask: &Mask, value: &Arc<Json>) -> Arc<Json> {
    if mask.is_empty() {
        return Arc::clone(value);
    }
    let mut value = Json::clone(value);
    mask.json(&mut value);
    Arc::new(value)
}

impl World for VirtualWorld {
    fn now(&self) -> Moment {
        Moment(self.clock.micros())
    }

    fn sleep_until(&self, at: Moment) -> impl Future<Output = ()> + Send {
        self.clock.sleep_until(at.0)
    }

    async fn call(&self, site: Site<'_>, call: Call) -> Result<Reply, Failure> {
        let _in_flight = InFlight::new(&self.in_flight, site.frame);
        if self.is_recorded() {
            return self.played(site, &call).await;
        }
        let Some(Stub { latency, answer }) = self.stub(site) else {
            return Err(self.no_stub(site, &call).await);
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

    async fn open(&self, site: Site<'_>, source: Call) -> Result<Inbox, Failure> {
        if self.is_recorded() {
            return Ok(self.opened(site, &source).await);
        }
        let messages = self.lock().messages.get(&site.place.path).cloned();
        if messages.is_none() && self.strict {
            return Err(self.no_stub(site, &source).await);
        }
        let opening = self.lock().opening.get(&site.place.path).copied();
        if let Some(opening) = opening {
            self.sleep_until(self.now().after(opening)).await;
        }
        let now = self.now();
        let arrivals = messages
            .unwrap_or_default()
            .into_iter()
            .map(|(after, brings)| (now.after(after).0, brings))
            .collect();
        let (feed, inbox) = Inbox::new();
        self.feed(site.scope, Arc::new(feed), arrivals);
        Ok(inbox)
    }

    async fn close(&self, scope: ScopeId) -> Result<(), Lost> {
        let mut inner = self.lock();
        inner.open.retain(|(open, _)| *open != scope);
        if let Some(playback) = &mut inner.playback {
            playback.close(scope);
        }
        Ok(())
    }

    async fn record(&self, frame: FrameId, fact: Fact) {
        let mut inner = self.lock();
        if matches!(fact, Fact::StateEntered { .. }) && self.in_flight_of(frame) > 0 {
            inner.leaks += 1;
        }
        let now = self.now();
        if let Some(playback) = &mut inner.playback {
            playback.observe(frame, &fact, now.0);
        }
        let fact = hidden(&inner.mask, fact);
        inner.facts.push(TimedFact {
            at: now,
            frame,
            fact,
        });
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
