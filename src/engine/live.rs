use super::event_log::{EventLog, Origin};
use super::project::Loaded;
use super::script_host::LiveHost;
use crate::client::{Context, Registry, Scope, Session};
use crate::event::{
    Attempted, ExecutionId, Fact, Failure, FrameId, Inbox, Json, Name, Reply, Trace,
};
use crate::journal::crash;
use crate::machine::{Call, Halt, Lost, Moment, ScopeId, Site, World};
use crate::script::{Chance, Host};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

/// Stops executions from outside, with a reason.
#[derive(Clone, Debug, Default)]
pub(super) struct Stop {
    token: CancellationToken,
    reason: Arc<OnceLock<String>>,
    /// Cancelled where that was asked for from outside.
    asked: CancellationToken,
}

impl Stop {
    /// Halts since somebody asked for it, not the run itself.
    pub(super) fn cancel(&self, reason: &str) {
        self.asked.cancel();
        self.halt(reason);
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.asked.is_cancelled()
    }

    /// Completes when the run is to stop.
    pub(super) async fn halted(&self) {
        self.token.cancelled().await;
    }

    /// Completes when somebody has asked for the end from outside.
    pub(super) async fn cancelled(&self) {
        self.asked.cancelled().await;
    }

    pub(super) fn halt(&self, reason: &str) {
        // The first reason is the one that counts.
        let _ = self.reason.set(reason.to_owned());
        self.token.cancel();
    }

    pub(super) fn is_halted(&self) -> bool {
        self.token.is_cancelled()
    }
}

type Opened = Arc<OnceCell<Arc<dyn Session>>>;

/// The live world of one execution: real clients, the real clock.
///
/// Small, since many are alive at once: what all executions share is behind one pointer, what few of them
/// need is made on first use.
pub(super) struct LiveWorld {
    shared: Arc<Surroundings>,
    task: Loaded,
    execution: ExecutionId,
    attempt: u32,
    host: OnceLock<Arc<dyn Host>>,
    open: Mutex<Option<Box<Open>>>,
}

/// What an execution that talks to anything has open.
#[derive(Default)]
struct Open {
    sessions: Vec<OpenSession>,
    scopes: Vec<(ScopeId, Scope)>,
}

/// The session of a client. A called task may have another client of the same name: its config tells them apart.
struct OpenSession {
    client: Name,
    config: Arc<Json>,
    opened: Opened,
}

impl OpenSession {
    fn is_of(&self, call: &Call) -> bool {
        self.client == call.client
            && (Arc::ptr_eq(&self.config, &call.config) || self.config == call.config)
    }
}

/// What the worlds of one run share.
pub(super) struct Surroundings {
    pub(super) event_log: Arc<EventLog>,
    pub(super) registry: Registry,
    pub(super) stop: Stop,
    pub(super) seed: u64,
}

impl LiveWorld {
    pub(super) fn new(
        shared: Arc<Surroundings>,
        task: Loaded,
        execution: ExecutionId,
        attempt: u32,
    ) -> Self {
        Self {
            shared,
            task,
            execution,
            attempt,
            host: OnceLock::new(),
            open: Mutex::default(),
        }
    }

    fn open(&self) -> MutexGuard<'_, Option<Box<Open>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session of a client; the first use opens it.
    async fn session(&self, call: &Call) -> Result<Arc<dyn Session>, Failure> {
        let opened = {
            let mut open = self.open();
            let sessions = &mut open.get_or_insert_default().sessions;
            let known = sessions.iter().position(|one| one.is_of(call));
            let at = known.unwrap_or_else(|| {
                sessions.push(OpenSession {
                    client: Name::clone(&call.client),
                    config: Arc::clone(&call.config),
                    opened: Opened::default(),
                });
                sessions.len() - 1
            });
            Arc::clone(&sessions[at].opened)
        };
        let session = opened
            .get_or_try_init(|| async {
                let client = self.shared.registry.get(&call.kind).ok_or_else(|| {
                    Failure::protocol(format!(
                        "the client kind `{}` is not part of this program",
                        call.kind
                    ))
                })?;
                let context = Context {
                    permissions: Arc::clone(&self.task.project.permissions),
                    folder: folder_of(&self.task.machine.file.path).to_owned(),
                    trace: Arc::new(Trace::of(self.shared.event_log.run(), self.execution)),
                };
                client.open((*call.config).clone(), &context).await
            })
            .await?;
        Ok(Arc::clone(session))
    }

    fn scope(&self, site: Site<'_>) -> Scope {
        let scope = self.scope_of(site.scope);
        if site.file.parent() == self.task.machine.file.path.parent() {
            return scope;
        }
        scope.in_folder(folder_of(site.file))
    }

    fn scope_of(&self, id: ScopeId) -> Scope {
        let mut open = self.open();
        let scopes = &mut open.get_or_insert_default().scopes;
        if let Some((_, scope)) = scopes.iter().find(|(known, _)| *known == id) {
            return scope.clone();
        }
        let scope = Scope::new();
        scopes.push((id, scope.clone()));
        scope
    }

    /// Ends the sessions of the execution.
    pub(super) async fn close_sessions(&self) {
        let Some(open) = self.open().take() else {
            return;
        };
        for one in open.sessions {
            let opened = Arc::into_inner(one.opened).and_then(OnceCell::into_inner);
            if let Some(session) = opened {
                session.close().await;
            }
        }
    }
}

/// The folder of a file.
fn folder_of(file: &Path) -> &Path {
    // `t.yaml` has the parent ``, in which no process can be started.
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

impl World for LiveWorld {
    fn now(&self) -> Moment {
        Moment(self.shared.event_log.micros())
    }

    async fn sleep_until(&self, at: Moment) {
        let at = self
            .shared
            .event_log
            .started()
            .checked_add(Duration::from_micros(at.0));
        match at {
            Some(at) => tokio::time::sleep_until(at.into()).await,
            None => std::future::pending().await,
        }
    }

    async fn call(&self, site: Site<'_>, call: Call) -> Result<Reply, Failure> {
        if !call.safe {
            // After a crash the journal must tell that this may have happened.
            self.shared.event_log.settled().await;
            crash::point("before-call");
        }
        let scope = self.scope(site);
        let session = self.session(&call).await?;
        let result = session.call(&call.request, &scope).await;
        if !call.safe {
            crash::point("after-call");
        }
        result
    }

    async fn open(&self, site: Site<'_>, source: Call) -> Result<Inbox, Failure> {
        let scope = self.scope(site);
        let session = self.session(&source).await?;
        let (feed, inbox) = Inbox::new();
        session.subscribe(&source.request, feed, &scope).await?;
        Ok(inbox)
    }

    async fn close(&self, scope: ScopeId) -> Result<(), Lost> {
        let found = {
            let mut open = self.open();
            open.as_mut().and_then(|open| {
                let at = open.scopes.iter().position(|(known, _)| *known == scope)?;
                Some(open.scopes.swap_remove(at).1)
            })
        };
        match found {
            Some(scope) if !scope.close().await => Err(Lost),
            _ => Ok(()),
        }
    }

    fn record(&self, frame: FrameId, mut fact: Fact) -> impl Future<Output = ()> + Send {
        if let Fact::ExecutionFinished {
            headline: Some(headline),
            ..
        } = &mut fact
        {
            self.shared.event_log.explain_lag(headline);
        }
        self.trace(&fact);
        let origin = Origin {
            execution: Some(self.execution),
            frame,
        };
        self.shared.event_log.record(origin, fact)
    }

    async fn halted(&self) -> Halt {
        self.shared.stop.token.cancelled().await;
        Halt {
            reason: self
                .shared
                .stop
                .reason
                .get()
                .cloned()
                .unwrap_or_else(|| "cancelled".to_owned()),
        }
    }

    fn conceal(&self, name: &str, value: &str) {
        self.shared.event_log.conceal(name, value);
    }

    fn host(&self) -> &Arc<dyn Host> {
        self.host.get_or_init(|| {
            let file = &self.task.machine.file.name;
            let case = self.task.case.as_ref().map(|case| &*case.name);
            Arc::new(LiveHost::new(
                Arc::clone(&self.task.project.permissions),
                Chance::new(self.shared.seed, file, case, self.attempt),
            ))
        })
    }
}

impl LiveWorld {
    /// What `-v` and `-vv` show of a fact.
    fn trace(&self, fact: &Fact) {
        match fact {
            Fact::StateEntered { visit, .. } => tracing::info!(visit, "entered"),
            Fact::TransitionTaken { to, .. } => tracing::info!(%to, "transition"),
            Fact::Stayed { times, .. } => tracing::info!(times, "stayed"),
            Fact::TimedOut { scope, .. } => tracing::info!(scope = scope.word(), "timed out"),
            Fact::ExecutionFinished { outcome, .. } => {
                tracing::info!(outcome = outcome.word(), "finished");
            }
            Fact::InstructionStarted { what, attempt, .. } => {
                tracing::debug!(what = %self.shared.event_log.masked(what), attempt, "instruction");
            }
            Fact::InstructionFinished { result, micros, .. }
            | Fact::PollAnswered { result, micros, .. } => match result {
                Attempted::Reply(reply) => {
                    let summary = self.shared.event_log.masked(&reply.summary);
                    tracing::debug!(%summary, micros, "answer");
                }
                Attempted::Failure(failure) => {
                    let failure = failure.to_string();
                    let failure = self.shared.event_log.masked(&failure);
                    tracing::debug!(%failure, "no answer");
                }
            },
            Fact::Log { text, .. } => {
                tracing::info!(text = %self.shared.event_log.masked(text), "log");
            }
            Fact::MessageReceived { number, .. } => tracing::debug!(number, "message"),
            Fact::RunStarted(_)
            | Fact::ExecutionStarted(_)
            | Fact::InstructionSkipped { .. }
            | Fact::ExpectationChecked { .. }
            | Fact::VariableSaved { .. }
            | Fact::SubscriptionOpened { .. }
            | Fact::SubscriptionChanged { .. }
            | Fact::ConditionChecked { .. }
            | Fact::WaitStarted { .. }
            | Fact::Deferred { .. }
            | Fact::CleanupStarted { .. }
            | Fact::CleanupSkipped { .. }
            | Fact::CleanupFinished { .. }
            | Fact::NeverKnown(_)
            | Fact::SignalSent { .. }
            | Fact::FrameOpened(_)
            | Fact::FrameClosed { .. }
            | Fact::EngineBusy { .. }
            | Fact::RunFinished { .. }
            | Fact::RunSealed { .. } => {}
        }
    }
}
