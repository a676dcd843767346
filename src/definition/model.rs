//! A task as it was written. Nothing is resolved here: names are texts, expressions are source, and
//! every node keeps its span. `machine::compile` turns it into something that can run.

use super::cases::{CaseTable, Cases};
use super::node::{Node, Text};
use crate::event::{Name, Span};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A value with its place in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The name that people see: as it was given, or relative to the working folder.
    pub name: Name,
    /// Where it lies.
    pub path: PathBuf,
    /// Its text.
    pub text: Name,
}

/// A length of time: written out, or a template that yields one.
#[derive(Clone, Debug, PartialEq)]
pub enum Length {
    /// `250ms`, `1h30m`.
    Literal(Spanned<Duration>),
    /// `${…}`.
    Template(Text),
}

/// One task file.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// The file.
    pub file: Arc<SourceFile>,
    /// Its name, or the file's stem.
    pub name: Name,
    /// For people.
    pub description: Option<Text>,
    /// For filters and reports.
    pub tags: Vec<Text>,
    /// When and why it is not run.
    pub skip: Option<Skip>,
    /// Why it is known to fail.
    pub xfail: Option<Text>,
    /// It never runs together with another task that names one of these.
    pub locks: Vec<Text>,
    /// What it shows to be fulfilled.
    pub requirements: Vec<Text>,
    /// Variables, evaluated in order.
    pub vars: Vec<(Text, Node)>,
    /// Variables whose values are masked; `None`: the value is saved later.
    pub secrets: Vec<(Text, Option<Node>)>,
    /// Clients, by name.
    pub clients: Vec<ClientDefinition>,
    /// One run each.
    pub cases: Option<Cases>,
    /// Names that must be given from outside.
    pub params: Vec<Text>,
    /// Subscriptions that are open for the whole run.
    pub listen: Vec<Listen>,
    /// Its machine.
    pub program: Program,
    /// `max_global_transition_timeout`.
    pub transition_timeout: Option<Length>,
    /// The whole run's.
    pub timeout: Option<Length>,
    /// Instructions for every end.
    pub cleanup: Vec<Instruction>,
    /// The budget of `defer` and `cleanup`.
    pub cleanup_timeout: Option<Length>,
    /// Outputs: name and expression.
    pub outputs: Vec<(Text, Text)>,
    /// Whole-task retries.
    pub retries: Option<Spanned<u32>>,
    /// The files that its `task` instructions call, in the order in which they are written.
    pub calls: Vec<Text>,
}

impl Task {
    /// Its cases, where they are known: those of a file must have been read.
    #[must_use]
    pub fn case_table(&self) -> Option<&CaseTable> {
        match &self.cases {
            Some(Cases::Table(table)) => Some(table),
            Some(Cases::File(_)) | None => None,
        }
    }
}

/// When a task is skipped.
#[derive(Clone, Debug, PartialEq)]
pub struct Skip {
    /// Skipped only if this holds.
    pub condition: Option<Text>,
    /// Why.
    pub reason: Text,
}

/// `NAME: {KIND: config, record: …}`.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientDefinition {
    /// Its name.
    pub name: Text,
    /// The kind.
    pub kind: Text,
    /// Its config.
    pub config: Node,
    /// What is recorded of its traffic.
    pub record: Record,
}

/// What is recorded of the requests, answers and messages of a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Record {
    /// All of them.
    #[default]
    Full,
    /// Only what is no payload.
    Headers,
    /// That they happened, their summary and their sizes.
    Nothing,
}

impl Record {
    /// From most to least.
    pub const ALL: [Self; 3] = [Self::Full, Self::Headers, Self::Nothing];

    /// The word in a file.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Headers => "headers",
            Self::Nothing => "none",
        }
    }
}

/// `NAME: {CLIENT: source}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Listen {
    /// The name under which conditions subscribe to it.
    pub name: Text,
    /// The client.
    pub client: Text,
    /// The source.
    pub source: Node,
}

/// The states of one machine: those of the task, or of a region.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    /// Where it begins.
    pub start_state: Text,
    /// Where it passes.
    pub final_states: Vec<Text>,
    /// The states, in order.
    pub states: Vec<State>,
    index: HashMap<Name, usize>,
}

impl Program {
    /// These states. Of several with one name the last is the one that the name means.
    #[must_use]
    pub fn new(start_state: Text, final_states: Vec<Text>, states: Vec<State>) -> Self {
        let names = states.iter().map(|state| Name::clone(&state.name.value));
        Self {
            index: names.zip(0..).collect(),
            start_state,
            final_states,
            states,
        }
    }

    /// The number of the state of this name.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied()
    }
}

/// A machine that runs side by side with others while its state is active.
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    /// Its name.
    pub name: Text,
    /// Its machine.
    pub program: Program,
}

/// When the regions of a state count as done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Join {
    /// When each of them is.
    #[default]
    All,
    /// When one of them is.
    Any,
}

impl Join {
    /// The words in a file.
    pub const WORDS: [&'static str; 2] = ["all", "any"];

    /// The word in a file.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::All => Self::WORDS[0],
            Self::Any => Self::WORDS[1],
        }
    }
}

/// One state.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Its name.
    pub name: Text,
    /// For people.
    pub description: Option<Text>,
    /// Run in order on entry.
    pub instructions: Vec<Instruction>,
    /// The valid next states (`next: NAME` is one entry).
    pub transitions: Vec<Transition>,
    /// Guards the way into this state.
    pub transition_condition: Option<Condition>,
    /// One strategy for all transitions that bring none.
    pub strategy: Option<Strategy>,
    /// Overrides the task's transition timeout.
    pub timeout: Option<Length>,
    /// Where to go when it expires.
    pub on_timeout: Option<Route>,
    /// Where to go after an error.
    pub on_error: Vec<Route>,
    /// Entries allowed in one run.
    pub max_visits: Option<Spanned<u32>>,
    /// Entering it ends the task as failed, with this message.
    pub fail: Option<Text>,
    /// Machines that run side by side while it is active.
    pub regions: Vec<Region>,
    /// When these count as done, if it is written.
    pub join: Option<Spanned<Join>>,
}

/// Where to go instead of failing.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// For `on_error`: the kind of error; `None` matches any.
    pub kind: Option<Text>,
    /// The state.
    pub to: Text,
    /// Assignments.
    pub set: Vec<(Text, Text)>,
    /// The whole entry.
    pub span: Span,
}

/// One entry of `transitions`.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// The next state; `None`: it stays, or is a watch that can only fail.
    pub to: Option<Text>,
    /// `stay: true`: where it is fulfilled, the state goes on.
    pub stay: Option<Span>,
    /// Its own condition; empty if it brings none.
    pub condition: Condition,
    /// The whole entry.
    pub span: Span,
}

/// A condition. All fields empty: it brings none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Condition {
    /// What to look at.
    pub strategy: Option<Strategy>,
    /// Named conditions that must all be fulfilled.
    pub all: Vec<(Text, Condition)>,
    /// With `subscribe`: fulfilled by the Nth match.
    pub count: Option<Count>,
    /// With `subscribe`: gathers what matches.
    pub collect: Option<Collect>,
    /// All must hold to fulfil.
    pub when: Vec<Text>,
    /// Any that holds fails.
    pub fail_when: Vec<Text>,
    /// Assignments, applied if the transition is taken.
    pub set: Vec<(Text, Text)>,
    /// Where it stands.
    pub span: Span,
}

impl Condition {
    /// Whether its result is a list of what matched.
    #[must_use]
    pub fn is_list(&self) -> bool {
        self.count.is_some() || self.collect.is_some()
    }
}

/// How many matches fulfil a condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Count {
    /// So many.
    Literal(Spanned<u32>),
    /// What an expression yields when the condition is armed.
    Expression(Text),
}

/// `collect` with `expect`.
#[derive(Clone, Debug, PartialEq)]
pub struct Collect {
    /// How long it gathers. `None`: to the end of the source.
    pub length: Option<Length>,
    /// What must hold of all that was gathered.
    pub expect: Vec<Text>,
    /// The key.
    pub span: Span,
}

/// How a condition comes by its results.
#[derive(Clone, Debug, PartialEq)]
pub enum Strategy {
    /// A time has passed.
    Wait(Wait, Span),
    /// An instruction, repeated.
    Poll(Box<Poll>, Span),
    /// Messages.
    Subscribe(Subscribe, Span),
}

/// What `wait` waits for.
#[derive(Clone, Debug, PartialEq)]
pub enum Wait {
    /// A length of time.
    For(Length),
    /// `{until: EXPR}`: a timestamp.
    Until(Text),
}

/// `poll`, `every`, `backoff`, `max_every`, `jitter`.
#[derive(Clone, Debug, PartialEq)]
pub struct Poll {
    /// What is repeated.
    pub instruction: Instruction,
    /// The pause after an attempt's end.
    pub every: Option<Length>,
    /// The factor by which the pause grows.
    pub backoff: Option<Spanned<f64>>,
    /// The longest pause.
    pub max_every: Option<Length>,
    /// The share of the pause that is left to chance.
    pub jitter: Option<Spanned<f64>>,
}

/// What `subscribe` listens to.
#[derive(Clone, Debug, PartialEq)]
pub enum Subscribe {
    /// `{CLIENT: source}`. The client `signal` is the run itself.
    Source {
        /// The client.
        client: Text,
        /// The source.
        source: Node,
    },
    /// The name of a `listen` entry.
    Listen(Text),
}

/// One instruction.
#[derive(Clone, Debug, PartialEq)]
pub struct Instruction {
    /// For logs.
    pub name: Option<Text>,
    /// Skipped unless it holds.
    pub condition: Option<Text>,
    /// What it does; `None`: only `expect` and `save`.
    pub action: Option<Action>,
    /// What must hold of the result.
    pub expect: Vec<Text>,
    /// Name, and expression or JSONPath.
    pub save: Vec<(Text, Text)>,
    /// For one attempt.
    pub timeout: Option<Length>,
    /// How often to try again.
    pub retry: Option<Retry>,
    /// Runs for each item.
    pub for_each: Option<ForEach>,
    /// Runs at the end of the task.
    pub defer: Option<Box<Instruction>>,
    /// The whole instruction.
    pub span: Span,
}

/// What an instruction does.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// A request to a client (also `exec` and `file`, which are clients of every task).
    Call {
        /// The client's name.
        client: Text,
        /// The request.
        request: Node,
    },
    /// `parallel`: all at once.
    Parallel(Vec<Instruction>),
    /// `listen`: opens subscriptions to the end of the run.
    Listen(Vec<Listen>),
    /// `eval`: a script.
    Eval(Text),
    /// `signal`: an event inside the run.
    Signal {
        /// The signal's name, literal.
        name: Text,
        /// Its data.
        data: Option<Node>,
    },
    /// `log`: a line.
    Log(Node),
    /// `task`: another task as a step.
    Task {
        /// Its file, literal, as it is written.
        file: Text,
        /// The variables that it is given.
        with: Vec<(Text, Node)>,
    },
}

/// `retry`.
#[derive(Clone, Debug, PartialEq)]
pub struct Retry {
    /// Attempts in all.
    pub max_attempts: Spanned<u32>,
    /// The pause before the next attempt.
    pub delay: Option<Length>,
    /// The factor by which it grows.
    pub backoff: Option<Spanned<f64>>,
    /// The longest pause.
    pub max_delay: Option<Length>,
    /// The share of the pause that is left to chance.
    pub jitter: Option<Spanned<f64>>,
    /// Only while this holds.
    pub condition: Option<Text>,
}

/// `for_each` with `concurrency`.
#[derive(Clone, Debug, PartialEq)]
pub struct ForEach {
    /// A list, or a text: an expression that yields one.
    pub items: Node,
    /// How many at once.
    pub concurrency: Option<Spanned<u32>>,
}

/// The suite file, `funcy.yaml`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Suite {
    /// The file, if there is one.
    pub file: Option<Arc<SourceFile>>,
    /// The folder it lies in, or the task's.
    pub folder: PathBuf,
    /// The folder of the modules, relative to the suite's folder.
    pub scripts: Option<Text>,
    /// Variables.
    pub vars: Vec<(Text, Node)>,
    /// Variables whose values are masked in every task; `None`: the value is saved later.
    pub secrets: Vec<(Text, Option<Node>)>,
    /// What differs from place to place.
    pub environments: Vec<Environment>,
    /// Clients.
    pub clients: Vec<ClientDefinition>,
    /// `defaults.max_global_transition_timeout`.
    pub transition_timeout: Option<Length>,
    /// `defaults.timeout`.
    pub timeout: Option<Length>,
    /// `defaults.retries`.
    pub retries: Option<Spanned<u32>>,
    /// Tasks at once.
    pub concurrency: Option<Spanned<u32>>,
    /// Started before the first task.
    pub services: Vec<Service>,
    /// `permissions`, if written.
    pub permissions: Option<PermissionsDefinition>,
    /// `journal`, if written.
    pub journal: Option<RetentionDefinition>,
}

/// `NAME: {vars}`: what holds where tasks run against this environment.
#[derive(Clone, Debug, PartialEq)]
pub struct Environment {
    /// Its name.
    pub name: Text,
    /// Variables, over those of the suite.
    pub vars: Vec<(Text, Node)>,
}

impl Suite {
    /// The suite as it is in one of its environments: whose variables take the place of the suite's of these names, and
    /// stand behind them otherwise. `None`: it has no such environment.
    #[must_use]
    pub fn within(mut self, environment: &str) -> Option<Self> {
        let mut environments = self.environments.iter();
        let chosen = environments.find(|one| one.name.as_str() == environment)?;
        for (name, node) in chosen.vars.clone() {
            let is_same = |known: &Text| known.value == name.value;
            if let Some((_, secret)) = self.secrets.iter_mut().find(|(known, _)| is_same(known)) {
                *secret = Some(node);
            } else if let Some((_, value)) = self.vars.iter_mut().find(|(known, _)| is_same(known))
            {
                *value = node;
            } else {
                self.vars.push((name, node));
            }
        }
        Some(self)
    }
}

/// `journal: {keep, max}`: how long runs are kept. At least one of both is there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RetentionDefinition {
    /// Runs that began longer ago are removed.
    pub keep: Option<Spanned<Duration>>,
    /// So many bytes the journal may take.
    pub max: Option<Spanned<u64>>,
}

/// One service: a process that the tasks need.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// Its name: `services.NAME.url` is its address.
    pub name: Text,
    /// Program and arguments. `funcy` is the running executable; `${port}` is a free port.
    pub command: Vec<Text>,
    /// The URL that answers when it is ready.
    pub ready_http: Option<Text>,
    /// How long it may take to get ready.
    pub ready_timeout: Option<Length>,
    /// Environment variables.
    pub env: Vec<(Text, Text)>,
}

/// `permissions:`; an entry that is not written keeps its default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PermissionsDefinition {
    /// Hosts.
    pub net: Option<Vec<Text>>,
    /// Programs.
    pub exec: Option<Vec<Text>>,
    /// Environment variables.
    pub env: Option<Vec<Text>>,
    /// Folders.
    pub read: Option<Vec<Text>>,
    /// Folders.
    pub write: Option<Vec<Text>>,
}
