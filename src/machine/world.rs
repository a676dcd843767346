use crate::event::{Fact, Failure, FrameId, Inbox, Json, Location, Name, Reply};
use crate::script::Host;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A point on the world's clock: microseconds since it started. Never goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub u64);

impl Moment {
    /// Later by this much; an end that the clock cannot express is its last moment.
    #[must_use]
    pub fn after(self, length: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(length.as_micros()).unwrap_or(u64::MAX)),
        )
    }

    /// Microseconds from `earlier` to here.
    #[must_use]
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The life of effects: 0 is the whole execution, every visit of a state has a number of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScopeId(pub u32);

impl ScopeId {
    /// The whole execution: `listen`, sessions.
    pub const EXECUTION: Self = Self(0);
}

/// Who asks: the key under which a replay finds the answer.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// The life of what is asked for.
    pub scope: ScopeId,
    /// The frame that asks.
    pub frame: FrameId,
    /// Where it is written.
    pub place: &'a Arc<Location>,
    /// The file of the task that asks.
    pub file: &'a Path,
    /// The state's visit, from 1.
    pub visit: u32,
    /// The attempt, from 1.
    pub attempt: u32,
}

/// A request to a client, or a source to open, in the map form that the client's schema describes.
#[derive(Clone, Debug)]
pub struct Call {
    /// The client's name in the task.
    pub client: Name,
    /// Its kind.
    pub kind: Name,
    /// Its config; the session is opened with it on first use.
    pub config: Arc<Json>,
    /// The request or source.
    pub request: Arc<Json>,
    /// Whether the request may be repeated without doing its work twice.
    pub safe: bool,
}

/// Why an execution must stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Halt {
    /// In words: `interrupted by SIGINT`, `--fail-fast`.
    pub reason: String,
}

/// Effects that have not stopped in time after they were cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost;

/// All that the machine may ask of the world: the only source of time and IO.
pub trait World: Sync {
    /// The time.
    fn now(&self) -> Moment;

    /// Completes when the clock has reached this moment.
    fn sleep_until(&self, at: Moment) -> impl Future<Output = ()> + Send;

    /// Sends a request. A dropped future is a cancelled request.
    fn call(
        &self,
        site: Site<'_>,
        call: Call,
    ) -> impl Future<Output = Result<Reply, Failure>> + Send;

    /// Opens a subscription; completes when its server has confirmed it. It lives as long as the site's
    /// scope.
    fn open(
        &self,
        site: Site<'_>,
        source: Call,
    ) -> impl Future<Output = Result<Inbox, Failure>> + Send;

    /// Ends all effects of a scope; completes when they have stopped.
    fn close(&self, scope: ScopeId) -> impl Future<Output = Result<(), Lost>> + Send;

    /// Writes down a fact of a frame. May wait: for a full queue, for a fact that must be durable first.
    fn record(&self, frame: FrameId, fact: Fact) -> impl Future<Output = ()> + Send;

    /// Completes when the execution must stop: a signal, a cancel.
    fn halted(&self) -> impl Future<Output = Halt> + Send;

    /// Hides this value in everything that is recorded from now on.
    fn conceal(&self, name: &str, value: &str);

    /// What scripts may ask: wall clock, chance, environment.
    fn host(&self) -> &Arc<dyn Host>;
}
