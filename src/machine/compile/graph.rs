//! What can be proved of the graph before anything runs.

use super::{Compiler, effort};
use crate::definition::model::{self, State as Written};
use crate::event::Location;
use crate::machine::program::{Condition, Count, Length, Program, Role, State, StrategyKind};

impl Compiler<'_> {
    pub(super) fn check_graph(
        &mut self,
        graph: &Program,
        written: &model::Program,
        transition_timeout: &Length,
    ) {
        for (state, written) in graph.states.iter().zip(&written.states) {
            self.check_dead_ways(state, written);
            self.check_waits(state, transition_timeout);
            let regions = state.regions.iter().flat_map(|regions| &regions.list);
            for (region, written) in regions.zip(&written.regions) {
                self.check_graph(&region.program, &written.program, transition_timeout);
            }
        }
        let mut reached = vec![false; graph.states.len()];
        reach(graph, graph.start, &mut reached);
        if reached.iter().all(|reached| *reached) {
            self.check_ends(graph);
        } else {
            self.check_unreached(graph, reached);
        }
    }

    /// One mistake is one diagnostic: what hangs behind an unreachable state is not said again.
    fn check_unreached(&mut self, graph: &Program, mut known: Vec<bool>) {
        let mut entered = vec![false; known.len()];
        for (from, state) in graph.states.iter().enumerate() {
            for to in successors(state).filter(|to| *to != from) {
                entered[to] = true;
            }
        }
        // First those that nothing leads to; what is left then are circles, each named by its first state.
        for alone in [true, false] {
            for (index, state) in graph.states.iter().enumerate() {
                if known[index] || (alone && entered[index]) {
                    continue;
                }
                reach(graph, index, &mut known);
                let hint = Some("name it in the `transitions` of a state, or remove it".to_owned());
                let message = format!("no path from the start leads to `{}`", state.name);
                self.error(
                    "unreachable",
                    &state.place.file,
                    state.place.span,
                    message,
                    "unreachable",
                    hint,
                );
            }
        }
    }

    /// From every state some end must be in reach, and no loop may spin without slowing down.
    fn check_ends(&mut self, graph: &Program) {
        let ends: Vec<usize> = (0..graph.states.len())
            .filter(|index| !matches!(graph.states[*index].role, Role::Way))
            .collect();
        let mut before: Vec<Vec<usize>> = vec![Vec::new(); graph.states.len()];
        for (from, state) in graph.states.iter().enumerate() {
            for to in successors(state) {
                before[to].push(from);
            }
        }
        let mut ending = vec![false; graph.states.len()];
        let mut open = ends;
        while let Some(index) = open.pop() {
            if !std::mem::replace(&mut ending[index], true) {
                open.extend(&before[index]);
            }
        }
        if let Some(lost) = (0..graph.states.len()).find(|index| !ending[*index]) {
            let state = &graph.states[lost];
            let hint = Some("add a transition to a final or `fail` state".to_owned());
            let message = format!("no path leads from `{}` to an end", state.name);
            self.error(
                "no-end",
                &state.place.file,
                state.place.span,
                message,
                "nothing can end from here",
                hint,
            );
            return;
        }
        self.check_spinning(graph);
    }

    /// A loop of states without instruction, strategy or `when` would spin until `max_visits`.
    fn check_spinning(&mut self, graph: &Program) {
        let Some(turn) = spinning(graph) else {
            return;
        };
        let state = &graph.states[turn[0]];
        let names: Vec<&str> = (turn.iter().chain(&turn[..1]))
            .map(|index| &*graph.states[*index].name)
            .collect();
        let hint = "give one of the transitions a `when` or a strategy such as `wait`";
        let message = format!(
            "nothing leaves or slows down the loop {}",
            names.join(" → ")
        );
        self.error(
            "spinning",
            &state.place.file,
            state.place.span,
            message,
            "spins for ever",
            Some(hint.to_owned()),
        );
    }

    /// What stands behind an unconditional transition is never taken.
    fn check_dead_ways(&mut self, state: &State, written: &Written) {
        for strategy in &state.strategies {
            let always = strategy.conditions.iter().position(decides_always);
            if let Some(always) = always
                && let Some(dead) = strategy.conditions.get(always + 1)
            {
                self.dead_way(&strategy.conditions[always], dead.index, written);
            }
        }
        let Some(always) = state
            .immediate
            .iter()
            .find(|condition| decides_always(condition))
        else {
            return;
        };
        let strategy = state
            .strategies
            .iter()
            .flat_map(|strategy| strategy.conditions.iter().map(|condition| condition.index));
        let later = state
            .immediate
            .iter()
            .map(|condition| condition.index)
            .filter(|index| *index > always.index);
        if let Some(dead) = strategy.chain(later).min() {
            self.dead_way(always, dead, written);
        }
    }

    fn dead_way(&mut self, always: &Condition, dead: usize, written: &Written) {
        let Some(way) = written.transitions.get(dead) else {
            return;
        };
        let to = always.label.as_deref().unwrap_or_default();
        let stays = (written.transitions.get(always.index)).is_some_and(|one| one.stay.is_some());
        let (message, hint) = if stays {
            (
                "this is never reached: what stays has no `when` and takes every result first"
                    .to_owned(),
                "give the transition with `stay` a `when` or a strategy of its own".to_owned(),
            )
        } else {
            (
                format!(
                    "this is never reached: the transition to `{to}` has no `when` and always decides first"
                ),
                format!("give the transition to `{to}` a `when` or a strategy"),
            )
        };
        let hint = Some(hint);
        self.error(
            "dead-transition",
            &always.place.file,
            way.span,
            message,
            "never taken",
            hint,
        );
    }

    fn check_waits(&mut self, state: &State, transition_timeout: &Length) {
        let Some(limit) = state.limit(transition_timeout).and_then(Self::literal) else {
            return;
        };
        let is_long = |length: &Length| Self::literal(length).is_some_and(|length| length >= limit);
        let mut long: Vec<(&'static str, &Location)> = Vec::new();
        for strategy in &state.strategies {
            strategy.each(&mut |strategy| {
                if let StrategyKind::Wait(wait) = &strategy.kind
                    && is_long(wait)
                {
                    long.push(("wait", &strategy.place));
                }
                let collects = (strategy.conditions.iter()).filter_map(|one| one.collect.as_ref());
                let collects = collects.filter(|one| one.length.as_ref().is_some_and(is_long));
                long.extend(collects.map(|one| ("`collect`", &*one.place)));
            });
        }
        for (what, place) in long {
            let limit =
                crate::event::length_text(u64::try_from(limit.as_micros()).unwrap_or(u64::MAX));
            let message = format!(
                "this {what} is not shorter than the transition timeout of {limit}: it can never end"
            );
            let hint = Some("raise the state's `timeout`, or wait for less".to_owned());
            self.error("endless-wait", &place.file, place.span, message, "", hint);
        }
    }
}

/// Where a state can lead to, `on_error` and `on_timeout` included.
fn successors(state: &State) -> impl Iterator<Item = usize> + '_ {
    effort::look();
    let taken = state
        .transitions
        .iter()
        .filter_map(|transition| transition.to);
    taken.chain(
        state
            .on_timeout
            .iter()
            .chain(&state.on_error)
            .map(|route| route.to),
    )
}

/// Adds a state, and all that can be reached from it, to what is reached. Behind what is reached already nothing is new,
/// so that all calls together look at each state once.
fn reach(graph: &Program, from: usize, reached: &mut [bool]) {
    let mut open = vec![from];
    while let Some(index) = open.pop() {
        if !std::mem::replace(&mut reached[index], true) {
            open.extend(successors(&graph.states[index]));
        }
    }
}

/// The states that can be reached, each behind those that lead to it, but for loops.
pub(super) fn in_order(graph: &Program) -> Vec<usize> {
    let mut reached = vec![false; graph.states.len()];
    let mut left = Vec::new();
    let mut open = vec![(graph.start, false)];
    while let Some((index, is_left)) = open.pop() {
        if is_left {
            left.push(index);
        } else if !std::mem::replace(&mut reached[index], true) {
            open.push((index, true));
            open.extend(successors(&graph.states[index]).map(|to| (to, false)));
        }
    }
    left.reverse();
    left
}

/// The states of a loop that spins, from its first in the file on; of several loops that which has the first.
/// Looks at each state once: a walk ends where an earlier one has been.
fn spinning(graph: &Program) -> Option<Vec<usize>> {
    let next = |index: usize| spins_to(&graph.states[index]);
    let mut walked_by: Vec<Option<usize>> = vec![None; graph.states.len()];
    let mut first: Option<usize> = None;
    for start in 0..graph.states.len() {
        let mut at = Some(start);
        while let Some(index) = at.filter(|index| walked_by[*index].is_none()) {
            walked_by[index] = Some(start);
            at = next(index);
        }
        // The walk has met itself: it goes round from there.
        if let Some(met) = at.filter(|index| walked_by[*index] == Some(start)) {
            let of_loop = turn(met, next).into_iter().min();
            first = [first, of_loop].into_iter().flatten().min();
        }
    }
    first.map(|first| turn(first, next))
}

/// Once round a loop.
fn turn(from: usize, next: impl Fn(usize) -> Option<usize>) -> Vec<usize> {
    let behind = std::iter::successors(next(from), |index| next(*index));
    let rest = behind.take_while(|index| *index != from);
    std::iter::once(from).chain(rest).collect()
}

/// Whether the first result, or the first look, decides: nothing behind it is asked.
fn decides_always(condition: &Condition) -> bool {
    let takes_one =
        condition.collect.is_none() && matches!(&condition.count, None | Some(Count::Literal(1)));
    condition.when.is_empty() && condition.label.is_some() && takes_one
}

/// Where a state goes at once and without doing anything.
fn spins_to(state: &State) -> Option<usize> {
    effort::look();
    if !state.steps.is_empty() || state.regions.is_some() {
        return None;
    }
    let first = state.immediate.first()?;
    let always = first.when.is_empty() && first.fail_when.is_empty();
    always.then(|| state.transitions[first.index].to).flatten()
}
