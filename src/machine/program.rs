use super::recording::Recording;
use crate::definition::SourceFile;
use crate::event::{Json, Location, Name, Pos, Span};
use crate::script::{Engine, Expression, Source, Template};
use std::sync::Arc;
use std::time::Duration;

/// A task that is ready to run: names are indices, expressions are compiled, nothing is left to look up.
pub struct Machine {
    /// The task's name.
    pub name: Name,
    /// Its file, as people see it.
    pub file: Arc<SourceFile>,
    /// BLAKE3 of its text, in hex.
    pub hash: Name,
    /// For filters.
    pub tags: Box<[Name]>,
    /// Whole-task retries.
    pub retries: u32,
    pub(super) engine: Engine,
    pub(super) skip: Option<Skip>,
    pub(super) vars: Box<[Variable]>,
    pub(super) secrets: Box<[Name]>,
    pub(super) params: Box<[Name]>,
    pub(super) clients: Box<[Client]>,
    pub(super) listen: Box<[Subscription]>,
    pub(super) program: Program,
    pub(super) transition_timeout: Length,
    pub(super) timeout: Length,
    pub(super) cleanup: Box<[Step]>,
    pub(super) cleanup_timeout: Length,
    pub(super) outputs: Box<[Assignment]>,
}

/// The states of one machine. A region will be another one inside a state.
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
    pub(super) steps: Box<[Step]>,
    pub(super) transitions: Box<[Transition]>,
    /// Conditions without a strategy, in the order of the file.
    pub(super) immediate: Box<[Condition]>,
    pub(super) strategies: Box<[Strategy]>,
    /// How many strategies there are, parts of an `all` included.
    pub(super) slots: usize,
    pub(super) timeout: Option<Length>,
    pub(super) on_timeout: Option<Route>,
    pub(super) on_error: Box<[Route]>,
    pub(super) max_visits: u32,
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
pub(super) struct Route {
    /// The kind of error, or any.
    pub(super) kind: Option<crate::event::ErrorKind>,
    pub(super) to: usize,
    pub(super) set: Box<[Assignment]>,
    pub(super) place: Arc<Location>,
}

/// One transition. Its condition stands in a strategy, or among the immediate ones.
#[derive(Debug)]
pub(super) struct Transition {
    /// The next state, or a watch that can only fail.
    pub(super) to: Option<usize>,
    pub(super) place: Arc<Location>,
    pub(super) set: Box<[Assignment]>,
}

/// When a result fulfils or fails something.
#[derive(Debug)]
pub(super) struct Condition {
    /// The transition that it guards, or the part of an `all`.
    pub(super) index: usize,
    /// For reports: the name of the next state or of the part; `None`: a watch that can only fail.
    pub(super) label: Option<Name>,
    pub(super) place: Arc<Location>,
    pub(super) when: Box<[Guard]>,
    pub(super) fail_when: Box<[Guard]>,
    /// With `subscribe`: fulfilled by this match, from 1.
    pub(super) count: usize,
    /// The parts of the result that `when` looks at: the values over time of the one that decides explain a
    /// timeout.
    pub(super) watched: Vec<Watched>,
}

/// A part of a result that a condition looks at.
#[derive(Debug)]
pub(super) struct Watched {
    /// As it is written: `res.body.status`.
    pub(super) name: Name,
    pub(super) expression: Expression,
    /// Where it is read: the number of the `when`, and the bytes of its text.
    pub(super) at: Vec<(usize, std::ops::Range<usize>)>,
}

/// A strategy, and the conditions that look at its results.
#[derive(Debug)]
pub(super) struct Strategy {
    /// Its number among all strategies of the state, parts of an `all` included.
    pub(super) slot: usize,
    pub(super) kind: StrategyKind,
    /// In the order of the file.
    pub(super) conditions: Box<[Condition]>,
    pub(super) place: Arc<Location>,
}

#[derive(Debug)]
pub(super) enum StrategyKind {
    Wait(Length),
    Until(Guard),
    Poll(Box<Poll>),
    Subscribe(Subscription),
    All(Box<[Part]>),
}

impl StrategyKind {
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Wait(_) | Self::Until(_) => "wait",
            Self::Poll(_) => "poll",
            Self::Subscribe(_) => "subscribe",
            Self::All(_) => "all",
        }
    }
}

/// A named part of an `all`.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) condition: PartCondition,
    pub(super) set: Box<[Assignment]>,
}

/// How a part is decided.
#[derive(Debug)]
pub(super) enum PartCondition {
    /// By a strategy of its own.
    Strategy(Box<Strategy>),
    /// At once, and again whenever another part is fulfilled.
    Immediate(Condition),
}

#[derive(Debug)]
pub(super) struct Poll {
    pub(super) step: Step,
    pub(super) every: Length,
    pub(super) backoff: f64,
    pub(super) max_every: Option<Length>,
}

#[derive(Debug)]
pub(super) struct Subscription {
    /// Of a `listen` entry: the name under which conditions subscribe to it.
    pub(super) name: Option<Name>,
    pub(super) from: From,
    pub(super) place: Arc<Location>,
    /// Opened before the state's instructions; false if its source reads what they save.
    pub(super) early: bool,
    /// What is recorded of its source and its messages.
    pub(super) recording: Recording,
}

#[derive(Debug)]
pub(super) enum From {
    /// A client's source.
    Client { client: usize, source: Blueprint },
    /// A `listen` entry that is open already, by name.
    Listen(Name),
    /// A signal of this execution.
    Signal(Name),
}

/// A client of the task.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) name: Name,
    pub(super) kind: Name,
    pub(super) config: Blueprint,
    pub(super) recording: Recording,
}

/// An instruction, compiled.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) place: Arc<Location>,
    /// What it does, in short.
    pub(super) what: Name,
    pub(super) condition: Option<Guard>,
    pub(super) action: Action,
    /// What is recorded of its result: where it has none of its own, of the one around it.
    pub(super) recording: Recording,
    pub(super) expect: Box<[Guard]>,
    pub(super) save: Box<[Assignment]>,
    /// For one attempt, if it is written.
    pub(super) timeout: Option<Length>,
    pub(super) retry: Option<Box<Retry>>,
    pub(super) each: Option<Box<Each>>,
    pub(super) defer: Option<Arc<Step>>,
    /// Every variable that it needs: what it saves itself and its `defer` left out.
    pub(super) reads: Box<[Read]>,
}

/// A variable that something reads, and where.
#[derive(Clone, Debug)]
pub(super) struct Read {
    pub(super) name: Name,
    pub(super) file: Name,
    pub(super) span: Span,
}

#[derive(Debug)]
pub(super) enum Action {
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
}

#[derive(Debug)]
pub(super) struct Retry {
    pub(super) max_attempts: u32,
    pub(super) delay: Length,
    pub(super) backoff: f64,
    pub(super) max_delay: Option<Length>,
    pub(super) condition: Option<Guard>,
}

#[derive(Debug)]
pub(super) struct Each {
    pub(super) items: Items,
    pub(super) concurrency: usize,
}

#[derive(Debug)]
pub(super) enum Items {
    Expression(Guard),
    List(Blueprint),
}

/// An expression with its place.
#[derive(Debug)]
pub(super) struct Guard {
    pub(super) expression: Expression,
    pub(super) text: crate::definition::Text,
    pub(super) place: Arc<Location>,
}

/// `name: expression`.
#[derive(Debug)]
pub(super) struct Assignment {
    pub(super) name: Name,
    pub(super) source: Source,
    pub(super) text: crate::definition::Text,
    pub(super) place: Arc<Location>,
}

/// A variable with its first value.
#[derive(Debug)]
pub(super) struct Variable {
    pub(super) name: Name,
    pub(super) value: Blueprint,
}

#[derive(Debug)]
pub(super) struct Skip {
    pub(super) condition: Option<Guard>,
    pub(super) reason: Text,
}

/// A template with its place.
#[derive(Debug)]
#[allow(
    clippy::struct_field_names,
    reason = "what was written is a text, compiled or not"
)]
pub struct Text {
    pub(super) template: Template,
    pub(super) text: crate::definition::Text,
    pub(super) place: Arc<Location>,
}

/// A value whose texts may be templates.
#[derive(Debug)]
pub(super) enum Blueprint {
    /// No template in it: shared, never copied.
    Constant(Arc<Json>),
    Text(Text),
    /// A template whose values are handed over beside its texts.
    Bind(Text),
    List(Box<[Blueprint]>),
    Map(Box<[(String, Blueprint)]>),
}

/// A length of time, written out or computed.
#[derive(Debug)]
pub(super) enum Length {
    Literal(Duration),
    Template(Box<Text>),
}

impl Strategy {
    /// What is recorded of its results.
    pub(super) fn recording(&self) -> Recording {
        match &self.kind {
            StrategyKind::Poll(poll) => poll.step.recording,
            StrategyKind::Subscribe(subscription) => subscription.recording,
            StrategyKind::Wait(_) | StrategyKind::Until(_) | StrategyKind::All(_) => {
                Recording::Full
            }
        }
    }

    /// This strategy and the strategies of its parts, in the order of the file.
    pub(super) fn each<'a>(&'a self, visit: &mut dyn FnMut(&'a Strategy)) {
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
    /// This instruction, those inside it, and its `defer`.
    pub(super) fn each<'a>(&'a self, visit: &mut dyn FnMut(&'a Step)) {
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
    /// Names that must be given from outside.
    #[must_use]
    pub fn params(&self) -> &[Name] {
        &self.params
    }

    /// Its states.
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Every instruction, in the order of the file: those inside a `parallel` and `defer`s behind what holds
    /// them, what a condition polls behind the instructions of its state, `cleanup` last.
    pub(super) fn each_step<'a>(&'a self, visit: &mut dyn FnMut(&'a Step)) {
        for state in &self.program.states {
            state.steps.iter().for_each(|step| step.each(visit));
            for strategy in &state.strategies {
                strategy.each(&mut |strategy| {
                    if let StrategyKind::Poll(poll) = &strategy.kind {
                        poll.step.each(visit);
                    }
                });
            }
        }
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
    pub(super) fn locate(
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
