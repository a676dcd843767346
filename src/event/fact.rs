use super::frame::{FrameEnd, FrameId, FrameOpened, ROOT, is_root};
use super::{
    BusyCause, ConditionState, ExecutionStarted, Explanation, Failure, Headline, Json, Location,
    Metrics, Missing, Name, Outcome, Reply, SubscriptionChange, Tally, ValueTypes,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The name of one run: one request to run (a command, a schedule, a call).
pub type RunId = Name;

/// One task's machine in a run, numbered from 1 in the order of starting. A case or a retry is an
/// execution of its own.
pub type ExecutionId = u32;

/// One line of the audit log: a fact, and its place in the run's one sequence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The run.
    pub run: RunId,
    /// Its place in the run, from 1, without gaps.
    pub seq: u64,
    /// Wall-clock time, microseconds since the Unix epoch. For people: the order is `seq`.
    pub at: i64,
    /// The execution it belongs to, or `None` for the run as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<ExecutionId>,
    /// The frame of the execution in which it happened.
    #[serde(default, skip_serializing_if = "is_root")]
    pub frame: FrameId,
    /// What happened.
    #[serde(flatten)]
    pub fact: Fact,
}

impl Event {
    /// What reports are told last of a run that the journal holds: how many events it has, and the head of their
    /// chain. It follows from them, so that it has the time of the last.
    #[must_use]
    pub fn sealed(run: &RunId, events: u64, at: i64, head: &str) -> Self {
        Self {
            run: RunId::clone(run),
            seq: events + 1,
            at,
            execution: None,
            frame: ROOT,
            fact: Fact::RunSealed {
                head: head.into(),
                events,
            },
        }
    }
}

/// One thing that happened. Facts name no protocol.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fact {
    /// The run begins.
    RunStarted(Box<RunStarted>),
    /// One task's machine begins.
    ExecutionStarted(Box<ExecutionStarted>),
    /// A state was entered.
    StateEntered {
        /// The state.
        state: Name,
        /// How often it has been entered now, from 1.
        visit: u32,
    },
    /// An instruction, or one attempt of it, is about to start.
    InstructionStarted {
        /// Where it is written.
        place: Arc<Location>,
        /// What it does, in short (`POST /orders`, or its `name`).
        what: Name,
        /// The attempt, from 1.
        attempt: u32,
        /// The request as it is sent, templates filled in.
        request: Arc<Json>,
    },
    /// An attempt of an instruction has ended.
    InstructionFinished {
        /// Where it is written.
        place: Arc<Location>,
        /// The attempt, from 1.
        attempt: u32,
        /// Microseconds it took.
        micros: u64,
        /// What came back.
        result: Attempted,
        /// Which `defer` it has armed, counted from 1 in the order in which they were armed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        armed: Option<u32>,
    },
    /// An instruction was left out, since its `if` did not hold.
    InstructionSkipped {
        /// Where it is written.
        place: Arc<Location>,
    },
    /// An `expect` was judged.
    ExpectationChecked {
        /// Where it is written.
        place: Arc<Location>,
        /// Whether it held.
        held: bool,
        /// Why it did not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        explanation: Option<Box<Explanation>>,
    },
    /// A variable got a value.
    VariableSaved {
        /// The variable.
        name: Name,
        /// Its value.
        value: Json,
        /// What JSON does not tell of the value.
        #[serde(default, skip_serializing_if = "ValueTypes::is_empty")]
        types: ValueTypes,
        /// An attempt that had saved it is repeated, so that this is what it was before; null where it was nothing.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        undone: bool,
    },
    /// A subscription is open: its server has confirmed it.
    SubscriptionOpened {
        /// Where it is written.
        place: Arc<Location>,
        /// What it listens to.
        source: Arc<Json>,
    },
    /// Something happened to a subscription that was open: it was lost, reopened, has ended or broke.
    SubscriptionChanged {
        /// Where it is written.
        place: Arc<Location>,
        /// How many messages had come until then.
        messages: u64,
        /// What happened.
        #[serde(flatten)]
        change: SubscriptionChange,
    },
    /// A condition looked at a message.
    MessageReceived {
        /// Where the condition is written.
        place: Arc<Location>,
        /// The message's number in its inbox, from 0.
        number: u64,
        /// The message as `res` shows it.
        value: Arc<Json>,
    },
    /// A poll's attempt, with what came back.
    PollAnswered {
        /// Where the strategy is written.
        place: Arc<Location>,
        /// The attempt, from 1.
        attempt: u32,
        /// Microseconds it took.
        micros: u64,
        /// What came back. A transport error means "not yet".
        result: Attempted,
    },
    /// A condition was evaluated.
    ConditionChecked {
        /// Where it is written.
        place: Arc<Location>,
        /// The result's number: polls, messages, or 1.
        attempt: u32,
        /// What it said.
        verdict: ConditionVerdict,
        /// Why it did not hold, where that is worth its price: the last attempt before a failure.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        explanation: Option<Box<Explanation>>,
        /// The operand that decided, and its value, so that a display can show what is waited for
        /// (`res.body.status` and `"packed"`).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seen: Option<Box<(Name, Json)>>,
    },
    /// The instructions are done and nothing has decided at once: the state waits from now on.
    WaitStarted {
        /// How long it may wait, in microseconds: what is left of the smallest limit in force.
        /// `None`: no limit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit_micros: Option<u64>,
    },
    /// A transition was chosen, its losers have stopped, and the machine moves on.
    TransitionTaken {
        /// The state that is left.
        from: Name,
        /// The state that is entered next.
        to: Name,
        /// What decided.
        place: Arc<Location>,
        /// Others that were ready in the same pass, but stand later in the file.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        also_ready: Vec<Name>,
    },
    /// A condition that stays was fulfilled: it has taken its result, its `set` was applied, and the state goes on.
    Stayed {
        /// The state.
        state: Name,
        /// What decided.
        place: Arc<Location>,
        /// The result's number: polls or messages.
        attempt: u32,
        /// How often that has happened in this visit, from 1.
        times: u32,
    },
    /// A deadline expired.
    TimedOut {
        /// The scope whose own limit expired.
        scope: TimeoutScope,
        /// The state the machine was in.
        state: Name,
        /// The limit, in microseconds.
        limit_micros: u64,
        /// How far each condition had come.
        conditions: Vec<ConditionState>,
    },
    /// A `defer` was armed.
    Deferred {
        /// Where it is written.
        place: Arc<Location>,
        /// The `item` of the `for_each` that it stands in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        item: Option<Json>,
        /// Its number, from 0.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        index: Option<u32>,
        /// What JSON does not tell of the item.
        #[serde(default, skip_serializing_if = "ValueTypes::is_empty")]
        types: ValueTypes,
    },
    /// The end has come: `defer`s and `cleanup` begin.
    CleanupStarted {
        /// How many `defer`s are armed.
        deferred: u32,
    },
    /// A `defer` or cleanup instruction was left out: it reads a variable that was never saved.
    CleanupSkipped {
        /// Where it is written.
        place: Arc<Location>,
        /// The variable.
        variable: Name,
    },
    /// `defer`s and `cleanup` are done.
    CleanupFinished {
        /// What failed, in order.
        failures: Vec<Headline>,
    },
    /// The end has come, and a condition was unknown every time it was asked: what it asks about was never there.
    NeverKnown(Box<NeverKnown>),
    /// A line that the task wrote with `log`.
    Log {
        /// Where it is written.
        place: Arc<Location>,
        /// The text.
        text: String,
    },
    /// A signal was sent inside the run.
    SignalSent {
        /// Where it is written.
        place: Arc<Location>,
        /// The signal.
        name: Name,
        /// Its data.
        data: Json,
    },
    /// The engine could not go on for a while: timers of all tasks were late. It belongs to the run as a whole.
    EngineBusy {
        /// Why.
        cause: BusyCause,
        /// For how many microseconds.
        micros: u64,
    },
    /// One task's machine has ended.
    ExecutionFinished {
        /// How.
        outcome: Outcome,
        /// What decided, if it did not pass.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        headline: Option<Box<Headline>>,
        /// The state it ended in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        state: Option<Name>,
        /// The task's `outputs`.
        #[serde(default, skip_serializing_if = "Json::is_null")]
        outputs: Json,
        /// What it cost.
        metrics: Box<Metrics>,
    },
    /// A machine inside of an execution begins. The event has its frame.
    FrameOpened(Box<FrameOpened>),
    /// A machine inside of an execution has ended, and what it has started has stopped.
    FrameClosed {
        /// How.
        end: FrameEnd,
        /// The state it ended in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        state: Option<Name>,
    },
    /// The run has ended.
    RunFinished {
        /// The worst outcome of those that were not skipped.
        outcome: Outcome,
        /// How many tasks ended how. Of a retried task the last attempt counts.
        tally: Tally,
        /// Microseconds from start to end.
        micros: u64,
    },
    /// The journal holds all of the run. Not written there itself, since it follows from what is: reports
    /// are told it last, so that each shows the head against which the journal can be checked.
    RunSealed {
        /// The head of the chain of its events, in hex.
        head: Name,
        /// How many events it holds.
        events: u64,
    },
}

impl Fact {
    /// What came back, where something did: the end of an instruction's attempt, or of a poll's.
    #[must_use]
    pub fn result(&self) -> Option<&Attempted> {
        match self {
            Self::InstructionFinished { result, .. } | Self::PollAnswered { result, .. } => {
                Some(result)
            }
            Self::RunStarted(_)
            | Self::ExecutionStarted(_)
            | Self::StateEntered { .. }
            | Self::InstructionStarted { .. }
            | Self::InstructionSkipped { .. }
            | Self::ExpectationChecked { .. }
            | Self::VariableSaved { .. }
            | Self::SubscriptionOpened { .. }
            | Self::SubscriptionChanged { .. }
            | Self::MessageReceived { .. }
            | Self::ConditionChecked { .. }
            | Self::WaitStarted { .. }
            | Self::TransitionTaken { .. }
            | Self::Stayed { .. }
            | Self::TimedOut { .. }
            | Self::Deferred { .. }
            | Self::CleanupStarted { .. }
            | Self::CleanupSkipped { .. }
            | Self::CleanupFinished { .. }
            | Self::NeverKnown(_)
            | Self::Log { .. }
            | Self::SignalSent { .. }
            | Self::EngineBusy { .. }
            | Self::ExecutionFinished { .. }
            | Self::FrameOpened(_)
            | Self::FrameClosed { .. }
            | Self::RunFinished { .. }
            | Self::RunSealed { .. } => None,
        }
    }
}

/// How a run began.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunStarted {
    /// The version of funcy.
    pub version: String,
    /// The command line, or the request.
    pub command: Vec<String>,
    /// The seed of everything that is left to chance.
    pub seed: u64,
    /// How many tasks were selected.
    pub tasks: u32,
    /// How many may run at once.
    pub jobs: u32,
    /// What a command that runs a task again needs beside its file: ` --var id=7`, with the space before it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub flags: String,
    /// The report files that it writes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reports: Vec<String>,
    /// The environment that it runs against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<Name>,
    /// What it is labelled with, to be found by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<(Name, Name)>,
    /// The run that it cleans up after. It has no results of tasks then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cleans_up: Option<RunId>,
    /// The runs of the journal that had ended before it and that no other run names, each with the head of its chain:
    /// whoever knows the head of this run can prove that they were there. The journal fills it in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<(RunId, Name)>,
}

/// A condition that was unknown every time it was asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NeverKnown {
    /// Where it is written.
    pub place: Arc<Location>,
    /// The expression.
    pub source: Name,
    /// How often it was asked.
    pub asked: u32,
    /// What was missing the first time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Missing>,
}

/// What an attempt of an instruction brought.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attempted {
    /// An answer.
    Reply(Reply),
    /// Trouble.
    Failure(Failure),
}

/// What a limit holds for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeoutScope {
    /// Leaving one state.
    Transition,
    /// The whole task.
    Task,
}

impl TimeoutScope {
    /// As it is written.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Transition => "transition",
            Self::Task => "task",
        }
    }
}

/// Where the results come from that a condition looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConditionStrategy {
    /// None: it is looked at once the instructions are done.
    Immediate,
    /// A point in time.
    Wait,
    /// Requests, again and again.
    Poll,
    /// Messages.
    Subscribe,
    /// The parts of an `all`.
    All,
}

impl ConditionStrategy {
    /// As it is written.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Immediate => "immediate",
            Self::Wait => "wait",
            Self::Poll => "poll",
            Self::Subscribe => "subscribe",
            Self::All => "all",
        }
    }
}

/// What a condition said of one result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConditionVerdict {
    /// Neither fulfilled nor failed.
    NotYet,
    /// It cannot be said: what it asks about is missing.
    Unknown,
    /// Fulfilled.
    Fulfilled,
    /// Failed.
    Failed,
}
