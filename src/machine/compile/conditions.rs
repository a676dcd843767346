//! Transitions and their conditions: which strategy guards which way out of a state.

use super::Compiler;
use super::result::ResultShape;
use super::steps::optional;
use crate::definition::model::{
    self, Condition as Written, Strategy as WrittenStrategy, Subscribe, Transition, Wait,
};
use crate::definition::{Text, nearest};
use crate::event::{Name, Span};
use crate::machine::program::{
    self, Condition, Guard, Length, Part, PartCondition, Poll, Read, Strategy, StrategyKind,
    Subscription, Watched,
};
use std::collections::HashSet;
use std::time::Duration;

/// The pause between two polls.
const EVERY: Duration = Duration::from_millis(500);
/// The parts of a result whose values one condition follows.
const WATCHED: usize = 8;

/// The ways out of one state, compiled.
#[derive(Default)]
pub(super) struct Ways {
    pub(super) transitions: Vec<program::Transition>,
    pub(super) immediate: Vec<Condition>,
    pub(super) strategies: Vec<Strategy>,
    pub(super) slots: usize,
}

/// What is known of the state whose ways are being compiled.
struct Leaving<'a> {
    state: &'a model::State,
    /// What its own instructions save: a source that reads one of these cannot be opened before them.
    saved: HashSet<Name>,
    slots: usize,
}

impl Compiler<'_> {
    pub(super) fn ways(&mut self, state: &model::State, path: &str) -> Ways {
        let mut leaving = Leaving {
            state,
            saved: super::flow::saved_by(&state.instructions),
            slots: 0,
        };
        let mut ways = Ways::default();
        let mut shared: Vec<Condition> = Vec::new();
        let mut shared_at = None;
        let mut broken = false;
        for (index, transition) in state.transitions.iter().enumerate() {
            let path = format!("{path}.transitions[{index}]");
            let Some(one) = self.transition(transition, index, &mut leaving, &path) else {
                broken = true;
                continue;
            };
            ways.transitions.push(one.transition);
            match (one.strategy, &state.strategy) {
                (Some((strategy, slot, place)), _) => {
                    ways.strategies.push(Strategy {
                        slot,
                        kind: strategy,
                        conditions: Box::new([one.condition]),
                        place,
                    });
                }
                (None, Some(_)) => {
                    shared_at.get_or_insert(ways.strategies.len());
                    shared.push(one.condition);
                }
                (None, None) => ways.immediate.push(one.condition),
            }
        }
        // With a broken transition nobody knows whether the strategy is used.
        if let Some(strategy) = &state.strategy
            && (shared_at.is_some() || !broken)
        {
            self.shared_strategy(strategy, shared, shared_at, &mut leaving, &mut ways, path);
        }
        ways.slots = leaving.slots;
        ways
    }

    /// The state's own strategy, for all transitions that bring none.
    fn shared_strategy(
        &mut self,
        strategy: &WrittenStrategy,
        conditions: Vec<Condition>,
        at: Option<usize>,
        leaving: &mut Leaving<'_>,
        ways: &mut Ways,
        path: &str,
    ) {
        let span = strategy_span(strategy);
        let Some(at) = at else {
            let hint =
                Some("remove it, or add a transition without a strategy of its own".to_owned());
            let message = "no transition uses this strategy: each brings its own";
            self.error(
                "unused-strategy",
                span,
                message,
                "used by no transition",
                hint,
            );
            return;
        };
        let slot = leaving.slots;
        leaving.slots += 1;
        if let Some(compiled) = self.strategy(strategy, leaving, path) {
            ways.strategies.insert(
                at,
                Strategy {
                    slot,
                    kind: compiled,
                    conditions: conditions.into(),
                    place: self.place(span, path),
                },
            );
        }
    }

    fn transition(
        &mut self,
        transition: &Transition,
        index: usize,
        leaving: &mut Leaving<'_>,
        path: &str,
    ) -> Option<Compiled> {
        let to = match &transition.to {
            Some(name) => Some(self.target(name)?),
            None => None,
        };
        let target = to.map(|to| &self.task.states[to]);
        let own = &transition.condition;
        // A condition of its own replaces the target's; without one, the target's applies, and the
        // `set` of both.
        let guard = match target.and_then(|target| target.transition_condition.as_ref()) {
            Some(guard) if !brings_condition(own) => {
                self.guarding.extend(to);
                guard
            }
            _ => own,
        };
        let before = self.reads.len();
        if to.is_none() {
            self.check_watch(transition);
        }
        let slot = leaving.slots;
        let strategy = self.own_strategy(guard, leaving, path)?;
        self.res = match (&strategy, &leaving.state.strategy) {
            (Some((strategy, _)), _) if yields_result(strategy) => self.result_of_condition(guard),
            (None, Some(shared)) if guard.count.is_none() => self.result_of_strategy(shared),
            (None, Some(WrittenStrategy::Poll(..) | WrittenStrategy::Subscribe(..))) => {
                ResultShape::Any
            }
            _ => ResultShape::Absent,
        };
        let label = transition.to.as_ref().map(|name| Name::clone(&name.value));
        let condition = self.condition(guard, index, label, path);
        let mut set = self.assignments(&guard.set, &format!("{path}.set"));
        if !std::ptr::eq(guard, own) {
            set.extend(self.assignments(&own.set, &format!("{path}.set")));
        }
        self.res = ResultShape::Absent;
        if let Some((StrategyKind::All(parts), _)) = &strategy {
            let set_there = super::flow::set_in_parts(parts);
            self.forget_reads(before, |read| set_there.contains(&read.name));
        }
        let place = self.place(transition.span, path);
        let strategy = strategy.map(|(strategy, span)| (strategy, slot, self.place(span, path)));
        Some(Compiled {
            transition: program::Transition {
                to,
                place,
                set: set.into(),
            },
            condition,
            strategy,
        })
    }

    /// Checks each `transition_condition` that guards nothing: a mistake in it is one all the same, and so
    /// is a guard that never guards.
    pub(super) fn check_unused_conditions(&mut self) {
        let task = self.task;
        for (index, state) in task.states.iter().enumerate() {
            let Some(guard) = &state.transition_condition else {
                continue;
            };
            if self.guarding.contains(&index) {
                continue;
            }
            let before = self.diagnostics.len();
            let path = format!("states.{}.transition_condition", state.name.as_str());
            let mut leaving = Leaving {
                state,
                saved: HashSet::new(),
                slots: 0,
            };
            let strategy = self.own_strategy(guard, &mut leaving, &path);
            self.res = match &strategy {
                Some(Some((one, _))) if yields_result(one) => self.result_of_condition(guard),
                Some(Some(_)) => ResultShape::Absent,
                _ => ResultShape::Any,
            };
            self.condition(guard, 0, None, &path);
            self.assignments(&guard.set, &format!("{path}.set"));
            self.res = ResultShape::Absent;
            // Nothing leads to a state of that name: this is said elsewhere.
            if self.diagnostics.len() > before || !super::flow::is_entered(task, state) {
                continue;
            }
            let message = format!(
                "this condition guards nothing: no transition to `{}` uses it",
                state.name.as_str()
            );
            let hint = "remove it: it does not guard the start, `on_error` or `on_timeout`, and a transition that brings its own condition does not ask it";
            self.warning(
                "unused-condition",
                guard.span,
                message,
                "used by no transition",
                Some(hint.to_owned()),
            );
        }
    }

    /// A transition without `to` can only fail.
    fn check_watch(&mut self, transition: &Transition) {
        let condition = &transition.condition;
        if let Some(when) = condition.when.first() {
            let hint = Some("write `to: STATE` beside it, or `fail_when:` for a watch".to_owned());
            let message = "`when` leads nowhere: this transition has no `to`";
            self.error("no-target", when.span, message, "fulfils nothing", hint);
        } else if condition.fail_when.is_empty() && condition.all.is_empty() {
            let hint = Some(
                "write `to: STATE`, or `fail_when:` for a watch that can only fail".to_owned(),
            );
            self.error(
                "no-target",
                transition.span,
                "this transition has no `to`",
                "leads nowhere",
                hint,
            );
        }
    }

    /// `Some(None)`: it brings no strategy.
    #[allow(
        clippy::option_option,
        reason = "absent, broken and there are three different things"
    )]
    fn own_strategy(
        &mut self,
        condition: &Written,
        leaving: &mut Leaving<'_>,
        path: &str,
    ) -> Option<Option<(StrategyKind, Span)>> {
        if !condition.all.is_empty() {
            leaving.slots += 1;
            let parts = self.parts(&condition.all, leaving, path);
            return (parts.len() == condition.all.len())
                .then_some(Some((StrategyKind::All(parts.into()), condition.span)));
        }
        match &condition.strategy {
            None => Some(None),
            Some(strategy) => {
                leaving.slots += 1;
                let compiled = self.strategy(strategy, leaving, path)?;
                Some(Some((compiled, strategy_span(strategy))))
            }
        }
    }

    fn parts(
        &mut self,
        all: &[(Text, Written)],
        leaving: &mut Leaving<'_>,
        path: &str,
    ) -> Vec<Part> {
        let mut parts = Vec::with_capacity(all.len());
        for (index, (name, written)) in all.iter().enumerate() {
            let path = format!("{path}.all.{}", name.as_str());
            let slot = leaving.slots;
            let Some(strategy) = self.own_strategy(written, leaving, &path) else {
                continue;
            };
            self.res = match &strategy {
                Some((one, _)) if yields_result(one) => self.result_of_condition(written),
                _ => ResultShape::Absent,
            };
            let label = Some(Name::clone(&name.value));
            let condition = self.condition(written, index, label, &path);
            let set = self.assignments(&written.set, &format!("{path}.set"));
            self.res = ResultShape::Absent;
            let condition = match strategy {
                None => PartCondition::Immediate(condition),
                Some((strategy, span)) => {
                    let place = self.place(span, &path);
                    PartCondition::Strategy(Box::new(Strategy {
                        slot,
                        kind: strategy,
                        conditions: Box::new([condition]),
                        place,
                    }))
                }
            };
            parts.push(Part {
                condition,
                set: set.into(),
            });
        }
        parts
    }

    fn condition(
        &mut self,
        written: &Written,
        index: usize,
        label: Option<Name>,
        path: &str,
    ) -> Condition {
        let when = self.guards(&written.when, &format!("{path}.when"));
        let fail_when = self.guards(&written.fail_when, &format!("{path}.fail_when"));
        let watched = self.watched(&when);
        let span = written
            .when
            .first()
            .or(written.fail_when.first())
            .map_or(written.span, |text| text.span);
        Condition {
            index,
            label,
            place: self.place(span, path),
            when,
            fail_when,
            count: written
                .count
                .as_ref()
                .map_or(1, |count| count.value as usize),
            watched,
        }
    }

    /// The parts of the result that these look at, each once.
    fn watched(&self, when: &[Guard]) -> Vec<Watched> {
        let engine = &self.project.engine;
        let mut watched: Vec<Watched> = Vec::new();
        for (number, guard) in when.iter().enumerate() {
            let paths = guard.expression.uses().paths.iter();
            for path in paths.filter(|path| &*path.root == "res") {
                let Some(source) = guard.text.as_str().get(path.at.clone()) else {
                    continue;
                };
                let at = (number, path.at.clone());
                if let Some(known) = watched.iter_mut().find(|known| &*known.name == source) {
                    known.at.push(at);
                } else if watched.len() < WATCHED
                    && let Ok(expression) = engine.expression(source)
                {
                    watched.push(Watched {
                        name: source.into(),
                        expression,
                        at: vec![at],
                    });
                }
            }
        }
        watched
    }

    fn strategy(
        &mut self,
        strategy: &WrittenStrategy,
        leaving: &Leaving<'_>,
        path: &str,
    ) -> Option<StrategyKind> {
        match strategy {
            WrittenStrategy::Wait(Wait::For(length), _) => {
                let length = self.length(length, &format!("{path}.wait"))?;
                Some(StrategyKind::Wait(length))
            }
            WrittenStrategy::Wait(Wait::Until(text), _) => Some(StrategyKind::Until(
                self.guard(text, &format!("{path}.wait.until"))?,
            )),
            WrittenStrategy::Poll(poll, _) => self
                .poll(poll, &format!("{path}.poll"))
                .map(Box::new)
                .map(StrategyKind::Poll),
            WrittenStrategy::Subscribe(subscribe, span) => self
                .subscribe(subscribe, *span, leaving, &format!("{path}.subscribe"))
                .map(StrategyKind::Subscribe),
        }
    }

    fn poll(&mut self, poll: &model::Poll, path: &str) -> Option<Poll> {
        let every = match &poll.every {
            None => Some(Length::Literal(EVERY)),
            Some(length) => self.length(length, &format!("{path}.every")),
        };
        let max_every = optional(poll.max_every.as_ref(), |length| {
            self.length(length, &format!("{path}.max_every"))
        });
        if let Some(
            model::Action::Parallel(_)
            | model::Action::Listen(_)
            | model::Action::Signal { .. }
            | model::Action::Log(_),
        ) = &poll.instruction.action
        {
            let hint = Some("poll a client's request, or an `eval`".to_owned());
            self.error(
                "wrong-poll",
                poll.instruction.span,
                "this instruction yields no result to poll",
                "",
                hint,
            );
            return None;
        }
        if let Some(each) = &poll.instruction.for_each {
            let hint =
                Some("poll one request, or an `eval`, or give each its own transition".to_owned());
            let message = "a polled instruction takes no `for_each`";
            self.error("wrong-poll", each.items.span, message, "", hint);
            return None;
        }
        let step = self.step(&poll.instruction, path);
        Some(Poll {
            step: step?,
            every: every?,
            backoff: poll.backoff.as_ref().map_or(1.0, |factor| factor.value),
            max_every: max_every?,
        })
    }

    fn subscribe(
        &mut self,
        subscribe: &Subscribe,
        span: Span,
        leaving: &Leaving<'_>,
        path: &str,
    ) -> Option<Subscription> {
        match subscribe {
            Subscribe::Listen(name) => {
                let mut names = self.listens.iter().map(|listen| listen.name.as_str());
                if !names.clone().any(|known| known == name.as_str()) {
                    let hint = nearest(name.as_str(), &mut names).map_or_else(
                        || "declare it under `listen:`, or write `{ CLIENT: source }`".to_owned(),
                        |known| format!("did you mean `{known}`?"),
                    );
                    let message = format!("there is no `listen` entry `{}`", name.as_str());
                    self.error(
                        "unknown-listen",
                        name.span,
                        message,
                        "unknown name",
                        Some(hint),
                    );
                    return None;
                }
                let place = self.place(span, path);
                Some(Subscription {
                    name: None,
                    from: program::From::Listen(Name::clone(&name.value)),
                    place,
                    // An entry may be opened by an instruction of this very state.
                    early: false,
                    record_policy: self.listen_record_policy(name.as_str()),
                })
            }
            Subscribe::Source { client, source } => {
                let before = self.reads.len();
                let mut subscription = self.source(None, client, source, path)?;
                let late = self.reads[before..]
                    .iter()
                    .find(|read| leaving.saved.contains(&read.name))
                    .cloned();
                if let Some(Read { name, span: at, .. }) = late {
                    subscription.early = false;
                    let message = format!(
                        "this subscription opens after the instructions, since `{name}` is saved by them: it can miss messages"
                    );
                    let hint = Some(
                        "open it with a `listen` instruction as soon as the value is known"
                            .to_owned(),
                    );
                    self.warning(
                        "late-subscription",
                        at,
                        message,
                        "saved by this state's instructions",
                        hint,
                    );
                }
                Some(subscription)
            }
        }
    }
}

struct Compiled {
    transition: program::Transition,
    condition: Condition,
    strategy: Option<(StrategyKind, usize, std::sync::Arc<crate::event::Location>)>,
}

/// A condition of its own is any of the strategies, `when`, `fail_when`, `all`; `set` alone is none.
fn brings_condition(condition: &Written) -> bool {
    condition.strategy.is_some()
        || !condition.all.is_empty()
        || !condition.when.is_empty()
        || !condition.fail_when.is_empty()
}

/// A time that has passed yields no `res`, nor do several conditions together.
fn yields_result(strategy: &StrategyKind) -> bool {
    matches!(strategy, StrategyKind::Poll(_) | StrategyKind::Subscribe(_))
}

fn strategy_span(strategy: &WrittenStrategy) -> Span {
    match strategy {
        WrittenStrategy::Wait(_, span)
        | WrittenStrategy::Poll(_, span)
        | WrittenStrategy::Subscribe(_, span) => *span,
    }
}
