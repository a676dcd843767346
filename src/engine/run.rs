use super::dispatcher::Dispatcher;
use super::event_log::{EventLog, Origin};
use super::live::{LiveWorld, Stop, Surroundings};
use super::project::{Loaded, Project};
use super::schedule::Schedule;
use super::service::{Held, KeptServices, ServiceError, Services};
use super::turn::Turns;
use crate::client::Registry;
use crate::event::{
    ExecutionId, Fact, Failure, Headline, Json, Metrics, Name, Outcome, RunId, RunStarted, Sink,
    Tally,
};
use crate::journal::{JournalError, Recorder};
use crate::machine::{self, Checkpoint, Inputs, Verdict};
use crate::script::Value;
use futures_util::FutureExt;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use tokio::task::JoinSet;
use tracing::Instrument;

/// One request to run tasks.
pub struct Run {
    plan: Plan,
    sinks: Vec<Box<dyn Sink>>,
    recorder: Option<Recorder>,
}

/// What is to be run, and how.
struct Plan {
    id: RunId,
    tasks: Vec<Loaded>,
    registry: Registry,
    jobs: usize,
    retries: Option<u32>,
    fail_fast: bool,
    seed: u64,
    vars: Vec<(Name, Value)>,
    asked: RunStarted,
    stop: Stop,
    /// Where tasks begin that do not begin at their start, by their number.
    checkpoints: HashMap<usize, Checkpoint>,
    kept: Option<KeptServices>,
}

/// Stops a run from outside. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle(Stop);

impl Handle {
    /// Cancels every task: what runs is stopped, `defer`s and cleanup run, no further task starts.
    pub fn cancel(&self, reason: &str) {
        self.0.cancel(reason);
    }
}

/// How a run ended.
#[derive(Debug)]
#[must_use]
pub struct Report {
    /// The run.
    pub id: RunId,
    /// The worst outcome; of those that were not skipped, if there are any.
    pub outcome: Outcome,
    /// How many tasks ended how; of a retried task its last attempt counts.
    pub tally: Tally,
    /// Each task's last attempt, in the order of the tasks.
    pub verdicts: Vec<Verdict>,
    /// Microseconds from start to end.
    pub micros: u64,
    /// What sinks could not write.
    pub sink_failures: Vec<std::io::Error>,
    /// Why the journal could not be written; the run was stopped then.
    pub journal_failure: Option<Arc<JournalError>>,
    /// Whether it was stopped from outside.
    pub cancelled: bool,
}

impl Report {
    /// Whether some condition of a task was unknown every time it was asked.
    #[must_use]
    pub fn has_never_known(&self) -> bool {
        self.verdicts.iter().any(|verdict| verdict.never_known > 0)
    }
}

impl Run {
    /// A run of these tasks, each case of one for itself, with these clients.
    #[must_use]
    pub fn new(tasks: Vec<Loaded>, registry: Registry) -> Self {
        let mut tasks: Vec<Loaded> = tasks.into_iter().flat_map(Loaded::units).collect();
        tasks.shrink_to_fit();
        let plan = Plan {
            id: run_id(),
            tasks,
            registry,
            jobs: 8,
            retries: None,
            fail_fast: false,
            seed: 0,
            vars: Vec::new(),
            asked: RunStarted::default(),
            stop: Stop::default(),
            checkpoints: HashMap::new(),
            kept: None,
        };
        Self {
            plan,
            sinks: Vec::new(),
            recorder: None,
        }
    }

    /// The run's name.
    #[must_use]
    pub fn id(&self) -> &RunId {
        &self.plan.id
    }

    /// How many tasks run at once: at least one. [`jobs_that_fit`](super::jobs_that_fit) says for how many there are open
    /// files.
    #[must_use]
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.plan.jobs = jobs.max(1);
        self
    }

    /// Whole-task retries, instead of those that the tasks ask for.
    #[must_use]
    pub fn retries(mut self, retries: Option<u32>) -> Self {
        self.plan.retries = retries;
        self
    }

    /// Cancels the other tasks after the first that does not pass.
    #[must_use]
    pub fn fail_fast(mut self, fail_fast: bool) -> Self {
        self.plan.fail_fast = fail_fast;
        self
    }

    /// The seed of everything that is left to chance.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.plan.seed = seed;
        self
    }

    /// A variable for every task, over what the task declares.
    #[must_use]
    pub fn var(mut self, name: impl Into<Name>, value: impl Into<Value>) -> Self {
        self.plan.vars.push((name.into(), value.into()));
        self
    }

    /// What asked for the run, for the record. How many tasks and jobs there are is filled in.
    #[must_use]
    pub fn asked(mut self, asked: RunStarted) -> Self {
        self.plan.asked = asked;
        self
    }

    /// Lets a task or case, by its number among them, begin where another execution stood.
    #[must_use]
    pub fn begin(mut self, index: usize, checkpoint: Checkpoint) -> Self {
        self.plan.checkpoints.insert(index, checkpoint);
        self
    }

    /// Writes all that happens to a journal, before anybody is told. If it cannot be written the run stops.
    #[must_use]
    pub fn recorded(mut self, recorder: Recorder) -> Self {
        self.recorder = Some(recorder);
        self
    }

    /// Uses services that are kept from run to run, instead of starting its own and stopping them.
    #[must_use]
    pub fn services(mut self, kept: KeptServices) -> Self {
        self.plan.kept = Some(kept);
        self
    }

    /// Tells this sink what happens.
    #[must_use]
    pub fn sink(mut self, sink: impl Sink + 'static) -> Self {
        self.sinks.push(Box::new(sink));
        self
    }

    /// Tells this sink what happens.
    #[must_use]
    pub fn boxed_sink(mut self, sink: Box<dyn Sink>) -> Self {
        self.sinks.push(sink);
        self
    }

    /// Stops the run from outside.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle(self.plan.stop.clone())
    }

    /// Runs the tasks. Needs a tokio runtime whose threads have a stack of
    /// [`STACK`](super::STACK) bytes; [`block_on`](super::block_on) makes one.
    ///
    /// # Errors
    /// When a service does not get ready; nothing has run then.
    pub async fn start(self) -> Result<Report, ServiceError> {
        let Self {
            plan,
            sinks,
            recorder,
        } = self;
        // The scripts know no clock of their own: this one ends those that run too long.
        crate::script::set_stopwatch(super::script_host::millis);
        let event_log = EventLog::new(RunId::clone(&plan.id));
        let span = tracing::info_span!("run", id = %plan.id);
        let dispatching = Dispatcher::start(&event_log, &plan.stop, recorder, sinks);
        let result = plan.execute(&event_log).instrument(span).await;
        event_log.close();
        let delivered = dispatching.ended().await;
        result.map(|report| Report {
            // It may have been stopped while its output was waited for.
            cancelled: plan.stop.is_cancelled(),
            sink_failures: delivered.sinks,
            journal_failure: delivered.journal,
            ..report
        })
    }
}

impl Plan {
    async fn execute(&self, event_log: &Arc<EventLog>) -> Result<Report, ServiceError> {
        let surroundings = Arc::new(Surroundings {
            event_log: Arc::clone(event_log),
            registry: self.registry.clone(),
            stop: self.stop.clone(),
            seed: self.seed,
        });
        let mut services = self.start_services(&surroundings).await?;
        let started = RunStarted {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            seed: self.seed,
            tasks: u32::try_from(self.tasks.len()).unwrap_or(u32::MAX),
            jobs: u32::try_from(self.jobs).unwrap_or(u32::MAX),
            ..self.asked.clone()
        };
        event_log
            .record(Origin::RUN, Fact::RunStarted(Box::new(started)))
            .await;
        let addresses = services
            .iter()
            .map(|(folder, serving)| (folder.clone(), Arc::new(serving.addresses())))
            .collect::<HashMap<_, _>>();
        let verdicts = tokio::select! {
            biased;
            verdicts = self.run_tasks(surroundings, addresses) => verdicts,
            never = event_log.watch_lag() => match never {},
        };
        for services in services.values_mut() {
            services.stop().await;
        }
        let mut tally = Tally::default();
        for verdict in &verdicts {
            tally.add(verdict.outcome);
        }
        let worst = tally.outcome();
        let micros = event_log.micros();
        event_log
            .record(
                Origin::RUN,
                Fact::RunFinished {
                    outcome: worst,
                    tally,
                    micros,
                },
            )
            .await;
        Ok(Report {
            id: RunId::clone(event_log.run()),
            outcome: worst,
            tally,
            verdicts,
            micros,
            sink_failures: Vec::new(),
            journal_failure: None,
            cancelled: self.stop.is_cancelled(),
        })
    }

    /// The services of every suite of which a task will run; none when the run is stopped before they are ready.
    async fn start_services(
        &self,
        surroundings: &Arc<Surroundings>,
    ) -> Result<HashMap<PathBuf, Serving>, ServiceError> {
        let mut started: HashMap<PathBuf, Serving> = HashMap::new();
        for task in &self.tasks {
            let project = &task.project;
            let folder = &project.suite.folder;
            if started.contains_key(folder) || self.is_skipped(task, surroundings) {
                continue;
            }
            let starting = self.serve(project);
            let result = tokio::select! {
                biased;
                // What has started of this suite ends with the future.
                () = self.stop.halted() => break,
                result = starting => result,
            };
            match result {
                Ok(services) => {
                    started.insert(folder.clone(), services);
                }
                Err(error) => {
                    for services in started.values_mut() {
                        services.stop().await;
                    }
                    return Err(error);
                }
            }
        }
        Ok(started)
    }

    /// Whether a task is skipped whatever its services are.
    fn is_skipped(&self, task: &Loaded, surroundings: &Arc<Surroundings>) -> bool {
        let world = LiveWorld::new(Arc::clone(surroundings), task.clone(), 0, 1);
        let inputs = Inputs {
            run: RunId::clone(&self.id),
            attempt: 1,
            attempts: 1,
            vars: self.vars.clone(),
            case: task.case.clone(),
            ..Inputs::default()
        };
        machine::is_skipped(&task.machine, &inputs, &world)
    }

    async fn serve(&self, project: &Arc<Project>) -> Result<Serving, ServiceError> {
        if let Some(kept) = &self.kept {
            return Ok(Serving::Kept(kept.of(project, &self.registry).await?));
        }
        let Project {
            suite, permissions, ..
        } = &**project;
        let services = Services::start(suite, permissions, &self.registry).await?;
        Ok(Serving::Own(services))
    }

    async fn run_tasks(
        &self,
        surroundings: Arc<Surroundings>,
        addresses: HashMap<PathBuf, Arc<Json>>,
    ) -> Vec<Verdict> {
        let shared = Arc::new(Shared {
            surroundings,
            vars: self.vars.clone(),
            addresses,
            retries: self.retries,
            executions: AtomicU32::new(0),
            checkpoints: self.checkpoints.clone(),
        });
        let locks = self.tasks.iter().map(|task| &*task.machine.locks);
        let mut schedule = Schedule::new(locks, self.jobs, self.fail_fast);
        let mut running = JoinSet::new();
        let mut verdicts: Vec<Option<Box<Verdict>>> = self.tasks.iter().map(|_| None).collect();
        loop {
            if self.stop.is_halted() {
                schedule.close();
            }
            while let Some(unit) = schedule.next() {
                let task = self.tasks[unit].clone();
                running.spawn(Arc::clone(&shared).attempts(unit, task));
            }
            match running.join_next().await {
                None => break,
                Some(Ok((unit, verdict))) => {
                    if schedule.ended(unit, verdict.outcome.is_good()) {
                        self.stop
                            .halt("stopped by --fail-fast, after another task failed");
                    }
                    verdicts[unit] = Some(verdict);
                }
                // The attempt contains its own panics; a task that is gone otherwise was cancelled with
                // the runtime.
                Some(Err(_)) => schedule.lost(),
            }
        }
        verdicts
            .into_iter()
            .map(|verdict| verdict.map_or_else(never_started, |verdict| *verdict))
            .collect()
    }
}

/// The services of one suite while the run uses them.
enum Serving {
    /// Started for this run alone.
    Own(Services),
    /// Lent by whoever keeps them.
    Kept(Held),
}

impl Serving {
    fn addresses(&self) -> Json {
        match self {
            Self::Own(services) => services.addresses.clone(),
            Self::Kept(held) => held.addresses(),
        }
    }

    async fn stop(&mut self) {
        if let Self::Own(services) = self {
            services.stop().await;
        }
    }
}

/// What the tasks of one run share.
struct Shared {
    surroundings: Arc<Surroundings>,
    vars: Vec<(Name, Value)>,
    addresses: HashMap<PathBuf, Arc<Json>>,
    retries: Option<u32>,
    executions: AtomicU32,
    checkpoints: HashMap<usize, Checkpoint>,
}

impl Shared {
    /// Runs a task until it passes or its attempts are used up. The verdict is on the heap, so that a task that waits
    /// holds no room for it.
    // Written out, since an `async fn` holds its arguments twice.
    fn attempts(
        self: Arc<Self>,
        index: usize,
        task: Loaded,
    ) -> impl Future<Output = (usize, Box<Verdict>)> {
        let retries = self.retries.unwrap_or(task.machine.retries);
        // What is known to fail need not fail twice.
        let attempts = 1 + if task.machine.xfail.is_some() {
            0
        } else {
            retries
        };
        async move {
            let mut attempt = 1;
            loop {
                let verdict = self.attempt(index, &task, attempt, attempts).await;
                let again = !verdict.outcome.is_good() && verdict.outcome != Outcome::Cancelled;
                if !again || attempt >= attempts || self.surroundings.stop.is_halted() {
                    return (index, verdict);
                }
                attempt += 1;
            }
        }
    }

    async fn attempt(
        &self,
        index: usize,
        task: &Loaded,
        attempt: u32,
        attempts: u32,
    ) -> Box<Verdict> {
        let execution = self.executions.fetch_add(1, Ordering::Relaxed) + 1;
        let world = LiveWorld::new(
            Arc::clone(&self.surroundings),
            task.clone(),
            execution,
            attempt,
        );
        let inputs = Inputs {
            index: u32::try_from(index).unwrap_or(u32::MAX),
            run: RunId::clone(self.surroundings.event_log.run()),
            attempt,
            attempts,
            vars: self.vars.clone(),
            services: self
                .addresses
                .get(&task.project.suite.folder)
                .cloned()
                .unwrap_or_default(),
            case: task.case.clone(),
            checkpoint: self.checkpoints.get(&index).cloned().map(Box::new),
        };
        let span =
            tracing::info_span!("execution", id = execution, task = %task.machine.name, attempt);
        let execution_of =
            AssertUnwindSafe(machine::run(&task.machine, inputs, &world)).catch_unwind();
        let ended = Turns::new(execution_of.instrument(span))
            .await
            .map(Box::new);
        let verdict = match ended {
            Ok(mut verdict) => {
                // As the journal has it.
                if let Some(headline) = &mut verdict.headline {
                    self.surroundings.event_log.explain_lag(headline);
                }
                verdict
            }
            Err(panic) => self.panicked(execution, panic_text(&*panic)).await,
        };
        world.close_sessions().await;
        verdict
    }

    /// A panic stays inside its task: it is that task's error.
    async fn panicked(&self, execution: ExecutionId, text: String) -> Box<Verdict> {
        let failure = Failure::protocol(format!("funcy itself failed: {text}"))
            .hint("this is a mistake in funcy; please report it with the task that shows it");
        let headline = Box::new(Headline::of(failure));
        let metrics = Metrics::default();
        let fact = Fact::ExecutionFinished {
            outcome: Outcome::Error,
            headline: Some(headline.clone()),
            state: None,
            outputs: Json::Null,
            metrics: Box::new(metrics.clone()),
        };
        let verdict = Box::new(Verdict {
            outcome: Outcome::Error,
            headline: Some(headline),
            outputs: Json::Null,
            metrics,
            never_known: 0,
        });
        self.surroundings
            .event_log
            .record(Origin::task(execution), fact)
            .await;
        verdict
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default()
}

/// A task that a halt kept from starting.
fn never_started() -> Verdict {
    let failure = Failure::new(crate::event::ErrorKind::Fail, "not started");
    Verdict {
        outcome: Outcome::Cancelled,
        headline: Some(Box::new(Headline::of(failure))),
        outputs: Json::Null,
        metrics: Metrics::default(),
        never_known: 0,
    }
}

/// A name that sorts by time and is short enough to type: milliseconds since 2020 in base 32, and
/// two letters of chance for runs that processes start together. In one process no two are the same: `watch`
/// starts many runs in a millisecond, and one would wait for the other's lock for ever.
fn run_id() -> RunId {
    static LAST: AtomicU64 = AtomicU64::new(0);
    const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    const YEAR_2020: u64 = 1_577_836_800_000;
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    let drawn = ((now.as_millis() as u64).saturating_sub(YEAR_2020) << 10) | fastrand::u64(0..1024);
    let after = |last: u64| drawn.max(last + 1);
    let last = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| {
        Some(after(last))
    });
    let mut number = after(last.unwrap_or_else(|last| last));
    let mut digits = Vec::new();
    while number > 0 {
        digits.push(char::from(DIGITS[(number % 32) as usize]));
        number /= 32;
    }
    digits.iter().rev().collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Loader;
    use crate::event::Event;
    use std::path::Path;

    #[test]
    fn runs_that_start_together_have_names_of_their_own_in_order() {
        let ids: Vec<RunId> = (0..10_000).map(|_| run_id()).collect();
        assert!(ids.is_sorted_by(|one, next| one < next));
    }

    /// Many executions are alive at once, most of them waiting: what each holds must stay small.
    #[test]
    fn an_execution_is_small() {
        let text = "version: 1\nstart_state: a\nfinal_state: b\nstates:\n  a:\n    transitions:\n      - { to: b, wait: 1s }\n  b:\n";
        let task = Loader::new(Registry::builtin())
            .compile(Path::new("t.yaml"), text)
            .unwrap();
        let surroundings = Surroundings {
            event_log: EventLog::new("run".into()),
            registry: Registry::builtin(),
            stop: Stop::default(),
            seed: 0,
        };
        let shared = Arc::new(Shared {
            surroundings: Arc::new(surroundings),
            vars: Vec::new(),
            addresses: HashMap::new(),
            retries: None,
            executions: AtomicU32::new(0),
            checkpoints: HashMap::new(),
        });
        // A task of the runtime adds 104 and rounds up to 128: 1,664.
        let size = size_of_val(&shared.attempts(0, task));
        println!("SIZE {size}");
        assert!(size <= 1_536, "{size} bytes");
        assert!(size_of::<Event>() <= 160, "{} bytes", size_of::<Event>());
    }
}
