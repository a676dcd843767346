//! Transitions and their conditions: which strategy guards which way out of a state.

use super::Compiler;
use super::context::{Context, Reads};
use super::result::ResultShape;
use super::steps::{add_others, optional};
use super::strategies::{strategy_span, yields_result};
use crate::definition::Text;
use crate::definition::model::{
    self, Condition as Written, Count, Strategy as WrittenStrategy, Transition,
};
use crate::event::{Location, Name, Span};
use crate::machine::program::{
    self, Condition, Guard, Part, PartCondition, Strategy, StrategyKind, Watched,
};
use std::collections::HashSet;
use std::sync::Arc;

/// The parts of a result whose values one condition follows.
const WATCHED: usize = 8;

/// The ways out of one state, compiled.
#[derive(Default)]
pub(super) struct Ways {
    pub(super) transitions: Vec<program::Transition>,
    pub(super) immediate: Vec<Condition>,
    pub(super) strategies: Vec<Strategy>,
    pub(super) slots: usize,
    /// The transition that is taken when the state's regions are done.
    pub(super) joined: Option<usize>,
}

/// What is known of the state whose ways are being compiled.
pub(super) struct Leaving<'a> {
    state: &'a model::State,
    /// What its own instructions save: a source that reads one of these cannot be opened before them.
    pub(super) saved: HashSet<Name>,
    slots: usize,
}

impl<'a> Compiler<'a> {
    pub(super) fn ways(
        &mut self,
        cx: Context<'a>,
        reads: &mut Reads,
        state: &model::State,
        path: &str,
    ) -> Ways {
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
            let Some(one) = self.transition(cx, reads, transition, index, &mut leaving, &path)
            else {
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
                (None, None) if !state.regions.is_empty() && is_bare(&one.condition) => {
                    self.joined(cx, &mut ways, state, transition, index);
                }
                (None, None) => ways.immediate.push(one.condition),
            }
        }
        match (&state.strategy, shared_at) {
            (Some(strategy), Some(at)) => {
                let slot = leaving.slots;
                leaving.slots += 1;
                if let Some(kind) = self.strategy(cx, reads, strategy, &leaving, path) {
                    let place = cx.place(strategy_span(strategy), path);
                    let conditions = shared.into();
                    ways.strategies.insert(
                        at,
                        Strategy {
                            slot,
                            kind,
                            conditions,
                            place,
                        },
                    );
                }
            }
            // With a broken transition nobody knows whether the strategy is used.
            (Some(strategy), None) if !broken => self.unused_strategy(cx, strategy),
            _ => {}
        }
        ways.slots = leaving.slots;
        ways
    }

    /// A transition without a condition out of a state with regions: it waits until these are done.
    fn joined(
        &mut self,
        cx: Context<'a>,
        ways: &mut Ways,
        state: &model::State,
        transition: &Transition,
        index: usize,
    ) {
        let Some(first) = ways.joined else {
            ways.joined = Some(index);
            return;
        };
        let to = state.transitions[first].to.as_ref();
        let message = format!(
            "this is never reached: when the regions are done, the transition to `{}` is taken",
            to.map_or("", Text::as_str)
        );
        self.error(
            "dead-transition",
            &cx.file.name,
            transition.span,
            message,
            "never taken",
            Some("give one of them a `when`".to_owned()),
        );
    }

    fn unused_strategy(&mut self, cx: Context<'a>, strategy: &WrittenStrategy) {
        let hint = Some("remove it, or add a transition without a strategy of its own".to_owned());
        let message = "no transition uses this strategy: each brings its own";
        self.error(
            "unused-strategy",
            &cx.file.name,
            strategy_span(strategy),
            message,
            "used by no transition",
            hint,
        );
    }

    fn transition(
        &mut self,
        cx: Context<'a>,
        reads: &mut Reads,
        transition: &Transition,
        index: usize,
        leaving: &mut Leaving<'_>,
        path: &str,
    ) -> Option<Compiled> {
        let to = match &transition.to {
            Some(name) => Some(self.target(cx, name)?),
            None => None,
        };
        let target = to.map(|to| &cx.program.states[to]);
        let own = &transition.condition;
        // A condition of its own replaces the target's; without one, the target's applies, and the
        // `set` of both.
        let guard = match target.and_then(|target| target.transition_condition.as_ref()) {
            Some(guard) if !brings_condition(own) => {
                self.guarding.insert(std::ptr::from_ref(guard));
                guard
            }
            _ => own,
        };
        if to.is_none() && transition.stay.is_none() {
            self.check_watch(cx, transition);
        }
        let slot = leaving.slots;
        let mut seen = Reads::new();
        let strategy = self.own_strategy(cx, &mut seen, guard, leaving, path)?;
        let each = cx.with_res(match (&strategy, &leaving.state.strategy) {
            (Some((strategy, _)), _) if yields_result(strategy) => self.result_of_condition(guard),
            (None, Some(shared)) => self.result_of_strategy(shared),
            _ => ResultShape::Absent,
        });
        let stays = transition.stay.map(|_| &leaving.state.name);
        let label = transition.to.as_ref().or(stays);
        let label = label.map(|name| Name::clone(&name.value));
        let condition = self.condition(cx, each, &mut seen, guard, (index, label), path);
        let whole = whole(each, guard);
        let mut set = self.assignments(whole, &mut seen, &guard.set, &format!("{path}.set"));
        if !std::ptr::eq(guard, own) {
            set.extend(self.assignments(whole, &mut seen, &own.set, &format!("{path}.set")));
        }
        let set_before = match &strategy {
            Some((StrategyKind::All(parts), _)) => super::flow::set_in_parts(parts),
            _ => Vec::new(),
        };
        add_others(reads, seen, &set_before);
        let place = cx.place(transition.span, path);
        let strategy = strategy.map(|(strategy, span)| (strategy, slot, cx.place(span, path)));
        Some(Compiled {
            transition: program::Transition {
                to,
                stays: transition.stay.is_some(),
                place,
                set: set.into(),
            },
            condition,
            strategy,
        })
    }

    /// Checks each `transition_condition` that guards nothing: a mistake in it is one all the same, and so
    /// is a guard that never guards.
    pub(super) fn check_unused_conditions(&mut self, cx: Context<'a>, path: &str) {
        let entered = super::flow::entered(cx.program);
        for state in &cx.program.states {
            let Some(guard) = &state.transition_condition else {
                continue;
            };
            if self.guarding.contains(&std::ptr::from_ref(guard)) {
                continue;
            }
            let before = self.diagnostics.len();
            let path = format!("{path}states.{}.transition_condition", state.name.as_str());
            let mut leaving = Leaving {
                state,
                saved: HashSet::new(),
                slots: 0,
            };
            let reads = &mut Reads::new();
            let strategy = self.own_strategy(cx, reads, guard, &mut leaving, &path);
            let each = cx.with_res(match &strategy {
                Some(Some((one, _))) if yields_result(one) => self.result_of_condition(guard),
                Some(Some(_)) => ResultShape::Absent,
                _ => ResultShape::Any,
            });
            self.condition(cx, each, reads, guard, (0, None), &path);
            self.assignments(
                whole(each, guard),
                reads,
                &guard.set,
                &format!("{path}.set"),
            );
            // Nothing leads to a state of that name: this is said elsewhere.
            if self.diagnostics.len() > before || !entered.contains(state.name.as_str()) {
                continue;
            }
            let message = format!(
                "this condition guards nothing: no transition to `{}` uses it",
                state.name.as_str()
            );
            let hint = "remove it: it does not guard the start, `on_error` or `on_timeout`, and a transition that brings its own condition does not ask it";
            self.warning(
                "unused-condition",
                &cx.file.name,
                guard.span,
                message,
                "used by no transition",
                Some(hint.to_owned()),
            );
        }
    }

    /// A transition without `to` can only fail.
    fn check_watch(&mut self, cx: Context<'a>, transition: &Transition) {
        let condition = &transition.condition;
        if let Some(when) = condition.when.first() {
            let hint = Some("write `to: STATE` beside it, or `fail_when:` for a watch".to_owned());
            let message = "`when` leads nowhere: this transition has no `to`";
            self.error(
                "no-target",
                &cx.file.name,
                when.span,
                message,
                "fulfils nothing",
                hint,
            );
        } else if condition.fail_when.is_empty() && condition.all.is_empty() {
            let hint = Some(
                "write `to: STATE`, or `fail_when:` for a watch that can only fail".to_owned(),
            );
            self.error(
                "no-target",
                &cx.file.name,
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
        cx: Context<'a>,
        reads: &mut Reads,
        condition: &Written,
        leaving: &mut Leaving<'_>,
        path: &str,
    ) -> Option<Option<(StrategyKind, Span)>> {
        if !condition.all.is_empty() {
            leaving.slots += 1;
            let parts = self.parts(cx, reads, &condition.all, leaving, path);
            return (parts.len() == condition.all.len())
                .then_some(Some((StrategyKind::All(parts.into()), condition.span)));
        }
        match &condition.strategy {
            None => Some(None),
            Some(strategy) => {
                leaving.slots += 1;
                let compiled = self.strategy(cx, reads, strategy, leaving, path)?;
                Some(Some((compiled, strategy_span(strategy))))
            }
        }
    }

    fn parts(
        &mut self,
        cx: Context<'a>,
        reads: &mut Reads,
        all: &[(Text, Written)],
        leaving: &mut Leaving<'_>,
        path: &str,
    ) -> Vec<Part> {
        let mut parts = Vec::with_capacity(all.len());
        for (index, (name, written)) in all.iter().enumerate() {
            let path = format!("{path}.all.{}", name.as_str());
            let slot = leaving.slots;
            let Some(strategy) = self.own_strategy(cx, reads, written, leaving, &path) else {
                continue;
            };
            let each = cx.with_res(match &strategy {
                Some((one, _)) if yields_result(one) => self.result_of_condition(written),
                _ => ResultShape::Absent,
            });
            let label = Some(Name::clone(&name.value));
            let condition = self.condition(cx, each, reads, written, (index, label), &path);
            let set = whole(each, written);
            let set = self.assignments(set, reads, &written.set, &format!("{path}.set"));
            let condition = match strategy {
                None => PartCondition::Immediate(condition),
                Some((strategy, span)) => {
                    let place = cx.place(span, &path);
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

    /// `each` sees each result, `cx` none.
    fn condition(
        &mut self,
        cx: Context<'a>,
        each: Context<'a>,
        reads: &mut Reads,
        written: &Written,
        (index, label): (usize, Option<Name>),
        path: &str,
    ) -> Condition {
        let when = self.guards(each, reads, &written.when, &format!("{path}.when"));
        let fail_when = self.guards(
            each,
            reads,
            &written.fail_when,
            &format!("{path}.fail_when"),
        );
        let count = match &written.count {
            None => None,
            Some(Count::Literal(count)) => Some(program::Count::Literal(count.value as usize)),
            Some(Count::Expression(text)) => self
                .guard(cx, reads, text, &format!("{path}.count"))
                .map(program::Count::Expression),
        };
        let collect = (written.collect.as_ref())
            .and_then(|collect| self.collect(cx, whole(each, written), reads, collect, path));
        let watched = self.watched(&when);
        let span = written
            .when
            .first()
            .or(written.fail_when.first())
            .map_or(written.span, |text| text.span);
        Condition {
            index,
            label,
            place: cx.place(span, path),
            when,
            fail_when,
            count,
            collect: collect.map(Box::new),
            watched,
        }
    }

    /// `whole` sees the list.
    fn collect(
        &mut self,
        cx: Context<'a>,
        whole: Context<'a>,
        reads: &mut Reads,
        collect: &model::Collect,
        path: &str,
    ) -> Option<program::Collect> {
        let path = format!("{path}.collect");
        let length = optional(collect.length.as_ref(), |length| {
            self.length(cx, reads, length, &path)
        });
        let expect = self.guards(whole, reads, &collect.expect, &format!("{path}.expect"));
        Some(program::Collect {
            length: length?,
            expect,
            place: cx.place(collect.span, &path),
        })
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
}

/// What sees the whole result of a condition, where each result is seen by this.
fn whole<'a>(each: Context<'a>, condition: &Written) -> Context<'a> {
    if condition.is_list() {
        each.with_res(ResultShape::Any)
    } else {
        each
    }
}

/// Whether it asks for nothing.
fn is_bare(condition: &Condition) -> bool {
    condition.when.is_empty() && condition.fail_when.is_empty()
}

struct Compiled {
    transition: program::Transition,
    condition: Condition,
    strategy: Option<(StrategyKind, usize, Arc<Location>)>,
}

/// A condition of its own is any of the strategies, `when`, `fail_when`, `all`; `set` alone is none.
fn brings_condition(condition: &Written) -> bool {
    condition.strategy.is_some()
        || !condition.all.is_empty()
        || !condition.when.is_empty()
        || !condition.fail_when.is_empty()
}
