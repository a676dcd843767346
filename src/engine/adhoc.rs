//! An ad hoc expression: one expression by itself, over the answer of a client or over plain data. It is put as a task
//! of one state, so that names, requests, permissions and waiting mean what they mean in every task.

use super::load::{Loading, Tasks};
use super::loader::Loader;
use super::project::{Loaded, Project};
use super::script_host::{LiveHost, millis};
use crate::definition::model::{
    Action, Condition, Instruction, Length, Poll, Program, Record, SourceFile, Spanned, State,
    Strategy, Subscribe, Transition,
};
use crate::definition::{Diagnostic, Node, Suite, Task, Text};
use crate::event::{Explanation, Span};
use crate::machine::{self, CalledTasks};
use crate::script::{self, Chance, EvalError, Expression, Host, Locals, Scope, Value};
use crate::syntax;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The state in which an ad hoc expression waits for its answer.
const WAITING: &str = "waiting";
/// The state that it ends in.
const ANSWERED: &str = "answered";

/// One expression, and who is asked for the `res` that it is about.
#[derive(Clone, Debug)]
pub struct Adhoc {
    /// What was written, expression and request: places point into it.
    pub file: Arc<SourceFile>,
    /// The expression.
    pub expression: Text,
    /// Who is asked; `None`: nobody.
    pub ask: Option<AdhocRequest>,
    /// Until the expression holds, with this pause between two requests; `None`: once.
    pub until: Option<Duration>,
    /// How long an answer, or the waiting for it to be right, may take.
    pub timeout: Duration,
}

/// Who is asked.
#[derive(Clone, Debug)]
pub struct AdhocRequest {
    /// A client of the suite, or a kind.
    pub client: Text,
    /// A request, or with `subscribe` a source: a short text or a map, as in a task.
    pub request: Node,
    /// Whether messages are waited for.
    pub subscribe: bool,
}

impl Loader {
    /// The suite that tasks in this folder belong to, with its scripts.
    ///
    /// # Errors
    /// What is wrong with the suite file or a script.
    pub fn suite(&self, folder: &Path) -> Result<Arc<Project>, Tasks> {
        let mut loading = Loading::new(self);
        match loading.project(folder) {
            Some(project) => Ok(project),
            None => Err(loading.found),
        }
    }

    /// What holds in this folder without any suite file: the language, and the permissions of whoever asks.
    #[must_use]
    pub fn bare(&self, folder: &Path) -> Arc<Project> {
        let suite = Suite {
            folder: folder.to_owned(),
            ..Suite::default()
        };
        let permissions = Arc::new(self.permissions(&suite));
        let (engine, _) = script::Engine::new(&[]);
        Arc::new(Project {
            suite,
            permissions,
            engine,
        })
    }

    /// The expression of an ad hoc expression, checked as one of a task is.
    ///
    /// # Errors
    /// Its mistakes.
    pub fn expression(
        &self,
        adhoc: &Adhoc,
        project: &Project,
        has_res: bool,
    ) -> Result<Expression, Vec<Diagnostic>> {
        let called = CalledTasks::default();
        let against = self.against(project, &called, "");
        machine::expression(&against, &adhoc.task(), &adhoc.expression, has_res)
    }

    /// The ad hoc expression as a task that can be run. It starts the services of the suite only where the client is
    /// the suite's own, or where `services` is spoken of.
    ///
    /// # Errors
    /// All its mistakes.
    pub fn adhoc(&self, adhoc: &Adhoc, project: &Arc<Project>) -> Result<Loaded, Vec<Diagnostic>> {
        // The answer is for whoever asks, who has no other way to see it.
        let mut suite = project.suite.clone();
        for client in &mut suite.clients {
            client.record = Record::Full;
        }
        let called = CalledTasks::default();
        let against = machine::CompileInputs {
            suite: &suite,
            ..self.against(project, &called, "")
        };
        let (machine, _) = machine::compile(&against, &adhoc.task())?;
        let project = if machine.reads_services || adhoc.needs_services(project) {
            Arc::clone(project)
        } else {
            Arc::new(Project {
                suite: Suite {
                    services: Vec::new(),
                    ..project.suite.clone()
                },
                permissions: Arc::clone(&project.permissions),
                engine: project.engine.clone(),
            })
        };
        Ok(Loaded {
            machine: Arc::new(machine),
            project,
            case: None,
        })
    }
}

impl Project {
    /// The expressions of its tasks.
    #[must_use]
    pub fn engine(&self) -> &script::Engine {
        &self.engine
    }

    /// The value of an expression over these variables and this `res`, and why it has that value. To be
    /// called on a thread with a stack of [`STACK`](super::STACK) bytes.
    ///
    /// # Errors
    /// What went wrong, and where; the explanation shows what was seen until then.
    pub fn examine(
        &self,
        expression: &Expression,
        scope: &Scope,
        res: Option<&Value>,
    ) -> (Result<Value, EvalError>, Explanation) {
        script::set_stopwatch(millis);
        let host = LiveHost::new(
            Arc::clone(&self.permissions),
            Chance::new(fastrand::u64(..), "eval", None, 1),
        );
        let host: Arc<dyn Host> = Arc::new(host);
        let look = |name: &str| match name {
            "res" => res.cloned(),
            "attempt" => Some(Value::from(1)),
            _ => None,
        };
        self.engine
            .examine(expression, scope, &Locals::new(&look), &host)
    }
}

impl Adhoc {
    /// Whether the services of the suite must run: the expression speaks of them, or who is asked is a client of
    /// the suite's own, which they may have to answer.
    fn needs_services(&self, project: &Project) -> bool {
        let tree = syntax::script(self.expression.as_str());
        if tree.is_ok_and(|tree| syntax::uses(&tree).reads("services")) {
            return true;
        }
        let clients = &project.suite.clients;
        self.ask.as_ref().is_some_and(|ask| {
            let mut names = clients.iter().map(|client| client.name.as_str());
            names.any(|name| name == ask.client.as_str())
        })
    }

    fn task(&self) -> Task {
        let mut waiting = state(WAITING);
        let mut condition = Condition::default();
        match &self.ask {
            Some(ask) if ask.subscribe => {
                let source = Subscribe::Source {
                    client: ask.client.clone(),
                    source: ask.request.clone(),
                };
                condition.strategy = Some(Strategy::Subscribe(source, ask.request.span));
                condition.span = ask.request.span;
            }
            Some(ask) => {
                let action = Some(Action::Call {
                    client: ask.client.clone(),
                    request: ask.request.clone(),
                });
                let span = ask.request.span;
                match self.until {
                    None => {
                        let timeout = Some(length(self.timeout));
                        let instruction = instruction(action, timeout, span);
                        waiting.instructions.push(instruction);
                    }
                    Some(every) => {
                        let poll = Poll {
                            instruction: instruction(action, None, span),
                            every: Some(length(every)),
                            backoff: None,
                            max_every: None,
                            jitter: None,
                        };
                        condition.strategy = Some(Strategy::Poll(Box::new(poll), span));
                    }
                }
            }
            None => {}
        }
        if self.until.is_some() {
            condition.when.push(self.expression.clone());
            condition.span = self.expression.span;
        }
        waiting.timeout = Some(length(self.timeout));
        waiting.transitions.push(Transition {
            to: Some(word(ANSWERED)),
            stay: None,
            span: condition.span,
            condition,
        });
        Task {
            calls: Vec::new(),
            cases: None,
            file: Arc::clone(&self.file),
            name: "eval".into(),
            description: None,
            tags: Vec::new(),
            skip: None,
            xfail: None,
            requirements: Vec::new(),
            locks: Vec::new(),
            vars: Vec::new(),
            secrets: Vec::new(),
            clients: Vec::new(),
            params: Vec::new(),
            listen: Vec::new(),
            program: Program::new(
                word(WAITING),
                vec![word(ANSWERED)],
                vec![waiting, state(ANSWERED)],
            ),
            transition_timeout: None,
            // The ad hoc expression has one limit, and the services of a suite theirs.
            timeout: Some(length(self.timeout.saturating_mul(2))),
            cleanup: Vec::new(),
            cleanup_timeout: None,
            outputs: Vec::new(),
            retries: Some(Spanned {
                value: 0,
                span: Span::default(),
            }),
        }
    }
}

/// A name that nobody wrote.
fn word(name: &str) -> Text {
    Text::plain(name, Span::default())
}

fn length(value: Duration) -> Length {
    let span = Span::default();
    Length::Literal(Spanned { value, span })
}

fn state(name: &str) -> State {
    State {
        name: word(name),
        description: None,
        instructions: Vec::new(),
        transitions: Vec::new(),
        transition_condition: None,
        strategy: None,
        timeout: None,
        on_timeout: None,
        on_error: Vec::new(),
        max_visits: None,
        fail: None,
        regions: Vec::new(),
        join: None,
    }
}

fn instruction(action: Option<Action>, timeout: Option<Length>, span: Span) -> Instruction {
    Instruction {
        name: None,
        condition: None,
        action,
        expect: Vec::new(),
        save: Vec::new(),
        timeout,
        retry: None,
        for_each: None,
        defer: None,
        span,
    }
}
