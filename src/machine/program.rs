use super::record_policy::RecordPolicy;
use crate::definition::SourceFile;
use crate::definition::model::Join;
use crate::event::{ConditionStrategy, Json, Location, Name, Pos, Span};
use crate::script::{Engine, Expression, Source, Template, Value};
use std::sync::Arc;
use std::time::Duration;

/// A task that is ready to run: names are indices, expressions are compiled, nothing is left to look up.
pub struct Machine {
    /// The task's name.
    pub name: Name,
    /// Its file, as people see it.
    pub file: Arc<SourceFile>,
    /// BLAKE3 of its text, and of its file of cases, in hex.
    pub hash: Name,
    /// For filters.
    pub tags: Box<[Name]>,
    /// What it shows to be fulfilled.
    pub requirements: Box<[Name]>,
    /// It never runs together with another task that has one of these.
    pub locks: Box<[Name]>,
    /// Why it is known to fail.
    pub xfail: Option<KnownFailure>,
    /// Whole-task retries.
    pub retries: u32,
    pub(crate) engine: Engine,
    /// The script modules that its expressions call, those of the suite that are in force included.
    pub modules: Box<[Name]>,
    /// Whether an expression reads `services`.
    pub reads_services: bool,
    pub(crate) skip: Option<Skip>,
    pub(crate) vars: Box<[Variable]>,
    pub(crate) secrets: Box<[Name]>,
    pub(crate) params: Box<[Name]>,
    /// Of the variables that were given when it was compiled, or that its cases bring, those that it reads.
    pub(crate) outside_reads: Box<[Name]>,
    /// Its cases, in their order: one run each. Without any it is run once.
    pub cases: Box<[Arc<Case>]>,
    /// What some case brings.
    pub(crate) case_columns: Box<[Name]>,
    pub(crate) clients: Box<[Client]>,
    pub(crate) listen: Box<[Subscription]>,
    pub(crate) program: Arc<Program>,
    pub(crate) transition_timeout: Length,
    pub(crate) timeout: Length,
    pub(crate) cleanup: Box<[Step]>,
    pub(crate) cleanup_timeout: Length,
    pub(crate) outputs: Box<[Assignment]>,
    /// The tasks that it calls, each once.
    pub(crate) called: Box<[Arc<Self>]>,
}

/// `xfail`.
#[derive(Debug)]
pub struct KnownFailure {
    /// Why the task is known to fail.
    pub reason: Name,
    /// Where that is written.
    pub place: Arc<Location>,
}

/// One of a task's cases.
#[derive(Debug)]
pub struct Case {
    /// Its name, which no other case of the task has.
    pub name: Name,
    /// The variables that it brings.
    pub(crate) vars: Box<[(Name, Value)]>,
}

/// The states of one machine: those of the task, or of a region.
#[derive(Debug)]
pub struct Program {
    /// In the order of the file.
    pub states: Box<[State]>,
    /// Where it begins.
    pub start: usize,
}

/// One state, compiled.
#[derive(Debug)]
pub struct State {
    /// Its name.
    pub name: Name,
    /// Where its name is written.
    pub place: Arc<Location>,
    /// What it is.
    pub role: Role,
    pub(crate) steps: Box<[Step]>,
    pub(crate) transitions: Box<[Transition]>,
    /// Conditions without a strategy, in the order of the file.
    pub(crate) immediate: Box<[Condition]>,
    pub(crate) strategies: Box<[Strategy]>,
    /// How many strategies there are, parts of an `all` included.
    pub(crate) slots: usize,
    pub(crate) timeout: Option<Length>,
    pub(crate) on_timeout: Option<Route>,
    pub(crate) on_error: Box<[Route]>,
    pub(crate) max_visits: u32,
    /// Machines that run side by side while it is active.
    pub(crate) regions: Option<Box<Regions>>,
    /// The transition that is taken when these are done.
    pub(crate) joined: Option<usize>,
    /// Whether a condition without a strategy looks at what regions save: it is asked again whenever that changes.
    pub(crate) watches_regions: bool,
}

/// The regions of a state.
#[derive(Debug)]
pub(crate) struct Regions {
    /// In the order of the file.
    pub(crate) list: Box<[Region]>,
    pub(crate) join: Join,
}

/// A machine that runs while its state is active.
#[derive(Debug)]
pub(crate) struct Region {
    pub(crate) name: Name,
    /// Where its name is written.
    pub(crate) place: Arc<Location>,
    pub(crate) program: Arc<Program>,
    /// The variables that it saves: its own.
    pub(crate) saves: Box<[Name]>,
}

impl State {
    /// How long it may wait for its next transition. `None`: as long as it takes; its regions have limits of their own.
    pub(crate) fn limit<'a>(&'a self, transition_timeout: &'a Length) -> Option<&'a Length> {
        match (&self.timeout, &self.regions) {
            (Some(own), _) => Some(own),
            (None, None) => Some(transition_timeout),
            (None, Some(_)) => None,
        }
    }

    /// Whether one of its conditions stays: results are taken while it goes on.
    pub(crate) fn has_stays(&self) -> bool {
        self.transitions.iter().any(|one| one.stays)
    }

    /// Its regions.
    pub(crate) fn regions(&self) -> impl Iterator<Item = &Region> {
        self.regions.iter().flat_map(|regions| &regions.list)
    }
}

impl Condition {
    /// Whether its result is a list of what matched.
    pub(crate) fn is_list(&self) -> bool {
        self.count.is_some() || self.collect.is_some()
    }

    /// How many matches it wants, as far as that is written.
    pub(crate) fn wanted(&self) -> usize {
        match &self.count {
            Some(Count::Literal(count)) => *count,
            Some(Count::Expression(_)) | None => 1,
        }
    }

    /// Whether it looks at what regions save.
    pub(crate) fn reads_regions(&self) -> bool {
        let mut guards = self.when.iter().chain(&self.fail_when);
        guards.any(|guard| guard.expression.uses().reads("regions"))
    }
}

impl Program {
    /// Its states and those of their regions, each state before its regions.
    pub(crate) fn each_state<'a>(&'a self, visit: &mut dyn FnMut(&'a State)) {
        for state in &self.states {
            visit(state);
            for region in state.regions() {
                region.program.each_state(visit);
            }
        }
    }
}

/// What entering a state means.
#[derive(Debug)]
pub enum Role {
    /// The machine goes on from here.
    Way,
    /// The task has passed.
    Final,
    /// The task has failed, with this message.
    Fail(Text),
}

/// A place to go to instead of failing.
#[derive(Debug)]
pub(crate) struct Route {
    /// The kind of error, or any.
    pub(crate) kind: Option<crate::event::ErrorKind>,
    pub(crate) to: usize,
    pub(crate) set: Box<[Assignment]>,
    pub(crate) place: Arc<Location>,
}

/// One transition. Its condition stands in a strategy, or among the immediate ones.
#[derive(Debug)]
pub(crate) struct Transition {
    /// The next state. `None`: it stays, or is a watch that can only fail.
    pub(crate) to: Option<usize>,
    /// Where its condition is fulfilled, the state goes on.
    pub(crate) stays: bool,
    pub(crate) place: Arc<Location>,
    pub(crate) set: Box<[Assignment]>,
}

/// When a result fulfils or fails something.
#[derive(Debug)]
pub(crate) struct Condition {
    /// The transition that it guards, or the part of an `all`.
    pub(crate) index: usize,
    /// For reports: the name of the next state (of its own, if it stays) or of the part; `None`: a watch that can
    /// only fail.
    pub(crate) label: Option<Name>,
    pub(crate) place: Arc<Location>,
    pub(crate) when: Box<[Guard]>,
    pub(crate) fail_when: Box<[Guard]>,
    /// With `subscribe`: how many matches fulfil it, and are its result. `None`: the first, which is its result.
    pub(crate) count: Option<Count>,
    /// With `subscribe`: gathers what matches, which is its result.
    pub(crate) collect: Option<Box<Collect>>,
    /// The parts of the result that `when` looks at: the values over time of the one that decides explain a
    /// timeout.
    pub(crate) watched: Vec<Watched>,
}

/// How many matches fulfil a condition.
#[derive(Debug)]
pub(crate) enum Count {
    Literal(usize),
    Expression(Guard),
}

/// `collect` with `expect`.
#[derive(Debug)]
pub(crate) struct Collect {
    /// How long it gathers. `None`: to the end of the source.
    pub(crate) length: Option<Length>,
    /// What must hold of all that was gathered.
    pub(crate) expect: Box<[Guard]>,
    /// Where it is written.
    pub(crate) place: Arc<Location>,
}

/// A part of a result that a condition looks at.
#[derive(Debug)]
pub(crate) struct Watched {
    /// As it is written: `res.body.status`.
    pub(crate) name: Name,
    pub(crate) expression: Expression,
    /// Where it is read: the number of the `when`, and the bytes of its text.
    pub(crate) at: Vec<(usize, std::ops::Range<usize>)>,
}

/// A strategy, and the conditions that look at its results.
#[derive(Debug)]
pub(crate) struct Strategy {
    /// Its number among all strategies of the state, parts of an `all` included.
    pub(crate) slot: usize,
    pub(crate) kind: StrategyKind,
    /// In the order of the file.
    pub(crate) conditions: Box<[Condition]>,
    pub(crate) place: Arc<Location>,
}

#[derive(Debug)]
pub(crate) enum StrategyKind {
    Wait(Length),
    Until(Guard),
    Poll(Box<Poll>),
    Subscribe(Subscription),
    All(Box<[Part]>),
}

impl StrategyKind {
    /// How a condition with this strategy is reported.
    pub(super) fn of_condition(&self) -> ConditionStrategy {
        match self {
            Self::Wait(_) | Self::Until(_) => ConditionStrategy::Wait,
            Self::Poll(_) => ConditionStrategy::Poll,
            Self::Subscribe(_) => ConditionStrategy::Subscribe,
            Self::All(_) => ConditionStrategy::All,
        }
    }
}

/// A named part of an `all`.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) condition: PartCondition,
    pub(crate) set: Box<[Assignment]>,
}

/// How a part is decided.
#[derive(Debug)]
pub(crate) enum PartCondition {
    /// By a strategy of its own.
    Strategy(Box<Strategy>),
    /// At once, and again whenever another part is fulfilled.
    Immediate(Condition),
}

#[derive(Debug)]
pub(crate) struct Poll {
    pub(crate) step: Step,
    pub(crate) pauses: Pauses,
}

/// The pauses between attempts.
#[derive(Debug)]
pub(crate) struct Pauses {
    /// The first.
    pub(crate) first: Length,
    /// The factor by which they grow.
    pub(crate) backoff: f64,
    pub(crate) longest: Option<Length>,
    /// The share of each that is left to chance.
    pub(crate) jitter: f64,
    /// What that chance depends on beside the seed.
    pub(crate) chance: u64,
}

#[derive(Debug)]
pub(crate) struct Subscription {
    /// Of a `listen` entry: the name under which conditions subscribe to it.
    pub(crate) name: Option<Name>,
    pub(crate) from: From,
    pub(crate) place: Arc<Location>,
    /// Opened before the state's instructions; false if its source reads what they save.
    pub(crate) early: bool,
    /// What is recorded of its source and its messages.
    pub(super) record_policy: RecordPolicy,
}

#[derive(Debug)]
pub(crate) enum From {
    /// A client's source.
    Client { client: usize, source: Blueprint },
    /// A `listen` entry that is open already, by name.
    Listen(Name),
    /// A signal of this execution.
    Signal(Name),
}

/// A client of the task.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) name: Name,
    pub(crate) kind: Name,
    pub(crate) config: Blueprint,
    pub(super) record_policy: RecordPolicy,
    /// The members of its requests and of its config that are URLs.
    pub(super) urls: Box<[Name]>,
}

/// An instruction, compiled.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) place: Arc<Location>,
    /// What it does, in short: its name, if its author gave it one.
    pub(crate) what: Name,
    pub(crate) is_named: bool,
    pub(crate) condition: Option<Guard>,
    pub(crate) action: Action,
    /// What is recorded of its result: where it has none of its own, of the one around it.
    pub(super) record_policy: RecordPolicy,
    pub(crate) expect: Box<[Guard]>,
    pub(crate) save: Box<[Assignment]>,
    /// For one attempt, if it is written.
    pub(crate) timeout: Option<Length>,
    pub(crate) retry: Option<Box<Retry>>,
    pub(crate) each: Option<Box<Each>>,
    pub(crate) defer: Option<Arc<Step>>,
    /// Every variable that it needs: what it saves itself and its `defer` left out.
    pub(crate) reads: Box<[Read]>,
}

/// A variable that something reads, and where.
#[derive(Clone, Debug)]
pub(crate) struct Read {
    pub(crate) name: Name,
    pub(crate) file: Name,
    pub(crate) span: Span,
}

#[derive(Debug)]
pub(crate) enum Action {
    /// Only `expect` and `save`.
    None,
    Call {
        client: usize,
        request: Blueprint,
        safe: bool,
    },
    Parallel(Box<[Step]>),
    Listen(Box<[Subscription]>),
    Eval(Guard),
    Signal {
        name: Name,
        data: Blueprint,
    },
    Log(Blueprint),
    Task(Box<TaskCall>),
}

/// Another task as a step.
#[derive(Debug)]
pub(crate) struct TaskCall {
    pub(crate) machine: Arc<Machine>,
    /// What its variables are given.
    pub(crate) with: Box<[Variable]>,
}

#[derive(Debug)]
pub(crate) struct Retry {
    pub(crate) max_attempts: u32,
    pub(crate) pauses: Pauses,
    pub(crate) condition: Option<Guard>,
}

#[derive(Debug)]
pub(crate) struct Each {
    pub(crate) items: Items,
    pub(crate) concurrency: usize,
}

#[derive(Debug)]
pub(crate) enum Items {
    Expression(Guard),
    List(Blueprint),
}

/// An expression with its place.
#[derive(Debug)]
pub(crate) struct Guard {
    pub(crate) expression: Expression,
    /// Its number among the conditions of the machine.
    pub(crate) number: u32,
    pub(crate) text: crate::definition::Text,
    pub(crate) place: Arc<Location>,
}

/// `name: expression`.
#[derive(Debug)]
pub(crate) struct Assignment {
    pub(crate) name: Name,
    pub(crate) source: Source,
    pub(crate) text: crate::definition::Text,
    pub(crate) place: Arc<Location>,
}

/// A variable with its first value.
#[derive(Debug)]
pub(crate) struct Variable {
    pub(crate) name: Name,
    pub(crate) value: Blueprint,
}

#[derive(Debug)]
pub(crate) struct Skip {
    pub(crate) condition: Option<Guard>,
    pub(crate) reason: Text,
}

/// A template with its place.
#[derive(Debug)]
#[allow(
    clippy::struct_field_names,
    reason = "what was written is a text, compiled or not"
)]
pub struct Text {
    pub(crate) template: Template,
    pub(crate) text: crate::definition::Text,
    pub(crate) place: Arc<Location>,
}

/// A value whose texts may be templates.
#[derive(Debug)]
pub(crate) enum Blueprint {
    /// No template in it: shared, never copied.
    Constant(Arc<Json>),
    Text(Text),
    /// A template whose values are handed over beside its texts.
    Bind(Text),
    /// A template whose values are encoded for where they stand in a URL.
    Url(Text),
    List(Box<[Blueprint]>),
    Map(Box<[(Key, Blueprint)]>),
}

/// A key of a map.
#[derive(Debug)]
pub(crate) enum Key {
    Literal(String),
    Text(Text),
}

/// A length of time, written out or computed.
#[derive(Debug)]
pub(crate) enum Length {
    Literal(Duration),
    Template(Box<Text>),
}

impl Strategy {
    /// What is recorded of its results.
    pub(super) fn record_policy(&self) -> RecordPolicy {
        match &self.kind {
            StrategyKind::Poll(poll) => poll.step.record_policy,
            StrategyKind::Subscribe(subscription) => subscription.record_policy,
            StrategyKind::Wait(_) | StrategyKind::Until(_) | StrategyKind::All(_) => {
                RecordPolicy::Full
            }
        }
    }

    /// This strategy and the strategies of its parts, in the order of the file.
    pub(crate) fn each<'a>(&'a self, visit: &mut dyn FnMut(&'a Strategy)) {
        visit(self);
        if let StrategyKind::All(parts) = &self.kind {
            for part in parts {
                if let PartCondition::Strategy(strategy) = &part.condition {
                    strategy.each(visit);
                }
            }
        }
    }
}

impl Step {
    /// This instruction and those inside it, without what they defer.
    pub(crate) fn each_inside<'a>(&'a self, visit: &mut dyn FnMut(&'a Step)) {
        visit(self);
        if let Action::Parallel(steps) = &self.action {
            for step in steps {
                step.each_inside(visit);
            }
        }
    }

    /// This instruction, those inside it, and its `defer`.
    pub(crate) fn each<'a>(&'a self, visit: &mut dyn FnMut(&'a Step)) {
        visit(self);
        if let Action::Parallel(steps) = &self.action {
            for step in steps {
                step.each(visit);
            }
        }
        if let Some(defer) = &self.defer {
            defer.each(visit);
        }
    }
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Machine")
            .field("name", &self.name)
            .field("file", &self.file.name)
            .finish_non_exhaustive()
    }
}

impl Machine {
    /// The variables that it declares: what is given from outside has the name of one of them, mostly.
    pub fn declared(&self) -> impl Iterator<Item = &Name> {
        let vars = self.vars.iter().map(|variable| &variable.name);
        vars.chain(&self.params)
            .chain(&self.secrets)
            .chain(&self.case_columns)
    }

    /// Whether it does anything with a variable of this name that is given from outside: declares or reads it.
    #[must_use]
    pub fn takes(&self, name: &str) -> bool {
        let mut known = self.declared().chain(&self.outside_reads);
        known.any(|known| **known == *name) || self.called.iter().any(|one| one.takes(name))
    }

    /// The files that it calls, also through others, with their texts: each once, nearer ones first.
    #[must_use]
    pub fn called_files(&self) -> Vec<(Name, Name)> {
        let all = self.called_machines();
        let files = all.iter().map(|machine| &machine.file);
        files
            .map(|file| (Name::clone(&file.name), Name::clone(&file.text)))
            .collect()
    }

    /// The tasks that it calls, also through others: each once, nearer ones first.
    #[must_use]
    pub fn called_machines(&self) -> Vec<Arc<Self>> {
        let mut found: Vec<Arc<Self>> = self.called.to_vec();
        let mut next = 0;
        while let Some(machine) = found.get(next).map(Arc::clone) {
            for one in &machine.called {
                if !found.iter().any(|known| known.file.path == one.file.path) {
                    found.push(Arc::clone(one));
                }
            }
            next += 1;
        }
        found
    }

    /// Names that must be given from outside.
    #[must_use]
    pub fn params(&self) -> &[Name] {
        &self.params
    }

    /// What its cases bring.
    #[must_use]
    pub fn case_columns(&self) -> &[Name] {
        &self.case_columns
    }

    /// Of the names that must be given, those that its cases do not bring.
    pub fn params_of_run(&self) -> impl Iterator<Item = &Name> {
        let params = self.params.iter();
        params.filter(|name| !self.case_columns.contains(name))
    }

    /// Its states.
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Every instruction, in the order of the file: those of regions behind those of their state, those inside a
    /// `parallel` and `defer`s behind what holds them, what a condition polls behind the instructions of its state, `cleanup` last.
    pub(crate) fn each_step<'a>(&'a self, visit: &mut dyn FnMut(&'a Step)) {
        self.program.each_state(&mut |state| {
            state.steps.iter().for_each(|step| step.each(visit));
            for strategy in &state.strategies {
                strategy.each(&mut |strategy| {
                    if let StrategyKind::Poll(poll) = &strategy.kind {
                        poll.step.each(visit);
                    }
                });
            }
        });
        self.cleanup.iter().for_each(|step| step.each(visit));
    }

    /// The variables that nobody may read.
    #[must_use]
    pub fn secrets(&self) -> &[Name] {
        &self.secrets
    }
}

impl Guard {
    /// The explanation with the places of its operands in the file instead of offsets.
    pub(crate) fn locate(
        &self,
        mut explanation: crate::event::Explanation,
    ) -> crate::event::Explanation {
        for operand in &mut explanation.operands {
            let Span {
                start: Pos { column: start, .. },
                end: Pos { column: end, .. },
            } = operand.span;
            operand.span = self.text.span_of(start as usize..end as usize);
        }
        explanation
    }
}
