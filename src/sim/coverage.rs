//! Coverage: what runs have taken of all that a machine can do. What was taken is a fold over facts, what there is comes
//! from the compiled machine. An end that nothing routes is no way, so that a suite that passes can take everything.

use crate::event::{
    ConditionVerdict, ErrorKind, Event, ExecutionId, Fact, FrameId, Location, Name, Sink,
};
use crate::machine::Machine;
use crate::machine::program::{
    Condition, Part, PartCondition, Program, State, Strategy, StrategyKind,
};
use serde_json::{Value as Json, json};
use std::collections::HashMap;
use std::io;
use std::sync::Arc;

/// What the runs have taken whose events it was told: a sink.
#[derive(Debug, Default)]
pub struct Taken {
    running: HashMap<ExecutionId, Running>,
    /// How often each was taken of a task.
    tasks: HashMap<TaskKey, HashMap<Item, u64>>,
}

/// A task: the same file may be named in another way in another run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct TaskKey {
    file: Name,
    name: Name,
}

/// Where the machines of an execution are written.
#[derive(Debug, Default)]
struct Running {
    task: TaskKey,
    /// The path of each region.
    regions: HashMap<FrameId, Name>,
}

/// What can be taken, by its path in the file: paths stay what they are when lines of the file move.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Item {
    State(Name),
    Way(Name),
    Outcome(Name, Outcome),
    Region(Name),
}

/// What a condition said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Outcome {
    NotYet,
    Fulfilled,
    Failed,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoverageKind {
    /// A state that is entered.
    State,
    /// A transition, one that stays included.
    Transition,
    /// An `on_timeout`.
    Timeout,
    /// An entry of `on_error`.
    Error,
    /// Something that a condition may say: it is fulfilled, it has failed where that leads on, or, if it can only fail,
    /// there was nothing to see.
    Outcome,
    /// A region that begins.
    Region,
}

impl CoverageKind {
    /// In the order in which they are shown.
    pub const ALL: [Self; 6] = [
        Self::State,
        Self::Transition,
        Self::Timeout,
        Self::Error,
        Self::Outcome,
        Self::Region,
    ];

    /// One of them.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Transition => "transition",
            Self::Timeout => "timeout",
            Self::Error => "error",
            Self::Outcome => "outcome",
            Self::Region => "region",
        }
    }
}

/// One thing that a machine can do.
#[derive(Clone, Debug, PartialEq)]
pub struct Covered {
    /// What it is.
    pub kind: CoverageKind,
    /// In short: `placed → shipped`.
    pub name: String,
    /// Where it is written.
    pub place: Arc<Location>,
    /// How often it was taken.
    pub times: u64,
}

/// What was taken of one machine, or of all of a suite.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Coverage {
    /// In the order of the file.
    pub items: Vec<Covered>,
}

impl Coverage {
    /// How many were taken, of how many.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let taken = self.items.iter().filter(|one| one.times > 0).count();
        (taken, self.items.len())
    }

    /// The same for one kind.
    #[must_use]
    pub fn of(&self, kind: CoverageKind) -> (usize, usize) {
        let of_kind = self.items.iter().filter(|one| one.kind == kind);
        let taken = of_kind.clone().filter(|one| one.times > 0).count();
        (taken, of_kind.count())
    }

    /// What was never taken.
    pub fn never(&self) -> impl Iterator<Item = &Covered> {
        self.items.iter().filter(|one| one.times == 0)
    }

    /// The share that was taken, in whole percent, rounded down: only all of it is 100.
    #[must_use]
    pub fn percent(&self) -> usize {
        let (taken, all) = self.counts();
        (taken * 100).checked_div(all).unwrap_or(100)
    }

    /// For programs.
    #[must_use]
    pub fn to_json(&self) -> Json {
        let (taken, all) = self.counts();
        let kinds = CoverageKind::ALL.into_iter().map(|kind| {
            let (taken, all) = self.of(kind);
            (
                kind.word().to_owned(),
                json!({ "taken": taken, "all": all }),
            )
        });
        let never = self.never().map(|one| {
            let place = &one.place;
            json!({
                "kind": one.kind.word(),
                "name": one.name,
                "file": &*place.file,
                "line": place.span.start.line,
                "column": place.span.start.column,
            })
        });
        json!({
            "percent": self.percent(),
            "taken": taken,
            "all": all,
            "of": kinds.collect::<serde_json::Map<_, _>>(),
            "never": never.collect::<Vec<_>>(),
        })
    }
}

impl Sink for Taken {
    fn accept(&mut self, events: &[Event]) -> io::Result<()> {
        for event in events {
            self.apply(event);
        }
        Ok(())
    }
}

impl Taken {
    /// Takes in the next event.
    pub fn apply(&mut self, event: &Event) {
        let Some(execution) = event.execution else {
            return;
        };
        let item = match &event.fact {
            Fact::ExecutionStarted(started) => {
                let running = Running {
                    task: TaskKey {
                        file: Name::clone(&started.file),
                        name: Name::clone(&started.task),
                    },
                    regions: HashMap::new(),
                };
                self.running.insert(execution, running);
                return;
            }
            Fact::ExecutionFinished { .. } => {
                self.running.remove(&execution);
                return;
            }
            Fact::FrameOpened(opened) => {
                let path = &opened.place.path;
                if let Some(running) = self.running.get_mut(&execution) {
                    running.regions.insert(event.frame, Name::clone(path));
                }
                Item::Region(Name::clone(path))
            }
            Fact::StateEntered { state, .. } => {
                let running = self.running.get(&execution);
                let region = running.and_then(|running| running.regions.get(&event.frame));
                Item::State(match region {
                    None => format!("states.{state}").into(),
                    Some(region) => format!("{region}.states.{state}").into(),
                })
            }
            Fact::TransitionTaken { place, .. } | Fact::Stayed { place, .. } => {
                Item::Way(Name::clone(&place.path))
            }
            Fact::ConditionChecked { place, verdict, .. } => {
                let outcome = match verdict {
                    ConditionVerdict::NotYet | ConditionVerdict::Unknown => Outcome::NotYet,
                    ConditionVerdict::Fulfilled => Outcome::Fulfilled,
                    ConditionVerdict::Failed => Outcome::Failed,
                };
                Item::Outcome(Name::clone(&place.path), outcome)
            }
            Fact::RunStarted(_)
            | Fact::InstructionStarted { .. }
            | Fact::InstructionFinished { .. }
            | Fact::InstructionSkipped { .. }
            | Fact::ExpectationChecked { .. }
            | Fact::VariableSaved { .. }
            | Fact::SubscriptionOpened { .. }
            | Fact::SubscriptionChanged { .. }
            | Fact::MessageReceived { .. }
            | Fact::PollAnswered { .. }
            | Fact::WaitStarted { .. }
            | Fact::TimedOut { .. }
            | Fact::Deferred { .. }
            | Fact::CleanupStarted { .. }
            | Fact::CleanupSkipped { .. }
            | Fact::CleanupFinished { .. }
            | Fact::NeverKnown(_)
            | Fact::Log { .. }
            | Fact::SignalSent { .. }
            | Fact::FrameClosed { .. }
            | Fact::EngineBusy { .. }
            | Fact::RunFinished { .. }
            | Fact::RunSealed { .. } => return,
        };
        if let Some(running) = self.running.get(&execution) {
            let task = self.tasks.entry(running.task.clone()).or_default();
            *task.entry(item).or_default() += 1;
        }
    }

    /// What was taken of this machine: of the task in its file, else of one of its name.
    fn of(&self, machine: &Machine) -> impl Fn(&Item) -> u64 {
        let same_file = |key: &TaskKey| key.file == machine.file.name;
        let same_name = |key: &TaskKey| key.name == machine.name;
        let keys = self.tasks.keys();
        let key = keys.clone().find(|key| same_file(key)).or_else(|| {
            // Of several the first by its file: which one is no chance.
            keys.filter(|key| same_name(key))
                .min_by(|one, other| one.file.cmp(&other.file))
        });
        let task = key.and_then(|key| self.tasks.get(key));
        move |item| task.and_then(|task| task.get(item)).copied().unwrap_or(0)
    }
}

impl Machine {
    /// What was taken of all that this machine can do.
    #[must_use]
    pub fn coverage(&self, taken: &Taken) -> Coverage {
        let mut listing = Listing {
            times: &taken.of(self),
            items: Vec::new(),
        };
        listing.program(&self.program, "");
        Coverage {
            items: listing.items,
        }
    }

    /// How often this way was taken, or this state entered: the path of its place.
    #[must_use]
    pub fn times_taken(&self, taken: &Taken, path: &Name) -> u64 {
        let times = taken.of(self);
        times(&Item::Way(Name::clone(path))) + times(&Item::State(Name::clone(path)))
    }
}

struct Listing<'m> {
    times: &'m dyn Fn(&Item) -> u64,
    items: Vec<Covered>,
}

impl<'m> Listing<'m> {
    fn add(&mut self, kind: CoverageKind, name: String, place: &Arc<Location>, item: &Item) {
        self.items.push(Covered {
            kind,
            name,
            place: Arc::clone(place),
            times: (self.times)(item),
        });
    }

    /// The states of a machine. `region`: what stands before their names.
    fn program(&mut self, program: &'m Program, region: &str) {
        for state in &program.states {
            let name = format!("{region}{}", state.name);
            let path = Name::clone(&state.place.path);
            let kind = CoverageKind::State;
            self.add(kind, name.clone(), &state.place, &Item::State(path));
            self.ways(program, state, &name);
            for inside in state.regions() {
                let name = format!("{region}{}", inside.name);
                let path = Name::clone(&inside.place.path);
                let kind = CoverageKind::Region;
                self.add(kind, name.clone(), &inside.place, &Item::Region(path));
                self.program(&inside.program, &format!("{name}/"));
            }
        }
    }

    fn ways(&mut self, program: &'m Program, state: &'m State, from: &str) {
        let to = |to: usize| format!("{from} → {}", program.states[to].name);
        let mut names = Vec::with_capacity(state.transitions.len());
        for transition in &state.transitions {
            let name = match transition.to {
                Some(target) => to(target),
                None if transition.stays => format!("{from} stays"),
                None => format!("{from}: watch"),
            };
            if transition.to.is_some() || transition.stays {
                let path = Name::clone(&transition.place.path);
                let kind = CoverageKind::Transition;
                self.add(kind, name.clone(), &transition.place, &Item::Way(path));
            }
            names.push(name);
        }
        let after_errors = state.on_error.iter();
        let is_routed = after_errors.clone().any(|route| {
            let kind = route.kind;
            kind.is_none_or(|kind| kind == ErrorKind::Condition)
        });
        for condition in &state.immediate {
            self.outcomes(condition, &names[condition.index], is_routed);
        }
        for strategy in &state.strategies {
            for condition in &strategy.conditions {
                self.outcomes(condition, &names[condition.index], is_routed);
            }
            let all = strategy.conditions.first().map(|all| &names[all.index]);
            self.parts(strategy, all.map_or(from, |name| name), is_routed);
        }
        let timeout = state.on_timeout.iter();
        let routes = timeout
            .map(|route| (CoverageKind::Timeout, route, "timeout".to_owned()))
            .chain(after_errors.map(|route| {
                let kind = route.kind.map_or("any", ErrorKind::word);
                (CoverageKind::Error, route, format!("{kind} error"))
            }));
        for (kind, route, why) in routes {
            let path = Name::clone(&route.place.path);
            let name = format!("{} ({why})", to(route.to));
            self.add(kind, name, &route.place, &Item::Way(path));
        }
    }

    fn parts(&mut self, strategy: &'m Strategy, of: &str, is_routed: bool) {
        let StrategyKind::All(parts) = &strategy.kind else {
            return;
        };
        for Part { condition, .. } in parts {
            let (conditions, inner) = match condition {
                PartCondition::Immediate(condition) => (std::slice::from_ref(condition), None),
                PartCondition::Strategy(inner) => (&inner.conditions[..], Some(inner)),
            };
            for condition in conditions {
                let name = format!("{of}.{}", condition.label.as_deref().unwrap_or("part"));
                self.outcomes(condition, &name, is_routed);
                if let Some(inner) = inner {
                    self.parts(inner, &name, is_routed);
                }
            }
        }
    }

    /// `is_routed`: its failure leads on.
    fn outcomes(&mut self, condition: &'m Condition, name: &str, is_routed: bool) {
        let leads = condition.label.is_some();
        let can_fail = !condition.fail_when.is_empty();
        let outcomes = [
            (leads, Outcome::Fulfilled, "fulfilled"),
            (can_fail && !leads, Outcome::NotYet, "nothing seen"),
            (can_fail && is_routed, Outcome::Failed, "fails"),
        ];
        for (is_possible, outcome, word) in outcomes {
            if is_possible {
                let item = Item::Outcome(Name::clone(&condition.place.path), outcome);
                let name = format!("{name}: {word}");
                self.add(CoverageKind::Outcome, name, &condition.place, &item);
            }
        }
    }
}
