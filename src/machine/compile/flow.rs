//! Which variables exist, and which of them some path reads before they were saved.

use super::context::Reads;
use super::{CompileInputs, Compiler, effort, graph};
use crate::definition::model::{self, Action, Condition, Instruction, Listen, Route};
use crate::definition::{Task, Text};
use crate::event::Name;
use crate::machine::program::{
    self, Part, PartCondition, Program, Read, Role, State, Step, Strategy, StrategyKind,
};
use std::collections::{BTreeSet, HashMap, HashSet};

/// What a state reads besides its instructions.
#[derive(Default)]
pub(super) struct StateReads {
    /// When they have run: conditions, strategies, assignments.
    pub(super) after: Reads,
    /// Even if they have not: `on_error`.
    pub(super) on_error: Reads,
    /// Of each of its regions: what each state reads.
    pub(super) regions: Vec<Vec<StateReads>>,
}

/// Every name that something gives a value: declared, given, saved or set.
pub(super) fn assigned_somewhere(project: &CompileInputs<'_>, task: &Task) -> HashSet<Name> {
    let mut names: HashSet<Name> = HashSet::new();
    names.extend(project.given.iter().cloned());
    names.extend(
        project
            .suite
            .vars
            .iter()
            .chain(&task.vars)
            .map(|(name, _)| Name::clone(&name.value)),
    );
    names.extend(
        (project.suite.secrets.iter().chain(&task.secrets))
            .map(|(name, _)| Name::clone(&name.value)),
    );
    names.extend(task.params.iter().map(|name| Name::clone(&name.value)));
    if let Some(cases) = task.case_table() {
        names.extend(cases.columns.iter().map(|column| Name::clone(&column.name)));
    }
    let mut add = |name: &Text| {
        names.insert(Name::clone(&name.value));
    };
    saved(&task.cleanup, &mut add);
    saved_in(&task.program, &mut add);
    names
}

/// What the states of a machine save and set, those of their regions left out: that is their own.
pub(super) fn saved_in(program: &model::Program, add: &mut dyn FnMut(&Text)) {
    saved_by_states(program, None, add);
}

/// The same without what the ways out of this state set.
pub(super) fn saved_outside(
    program: &model::Program,
    state: &model::State,
    add: &mut dyn FnMut(&Text),
) {
    saved_by_states(program, Some(state), add);
}

fn saved_by_states(
    program: &model::Program,
    but_for: Option<&model::State>,
    add: &mut dyn FnMut(&Text),
) {
    for state in &program.states {
        saved(&state.instructions, add);
        if let Some(condition) = &state.transition_condition {
            set_by(condition, add);
        }
        if but_for.is_some_and(|but_for| std::ptr::eq(but_for, state)) {
            continue;
        }
        for transition in &state.transitions {
            set_by(&transition.condition, add);
        }
        for Route { set, .. } in state.on_timeout.iter().chain(&state.on_error) {
            for (name, _) in set {
                add(name);
            }
        }
    }
}

/// The states that something can lead to, the start included, by name.
pub(super) fn entered(program: &model::Program) -> HashSet<&str> {
    let of_states = program.states.iter().flat_map(|state| {
        effort::look();
        let ways = state.transitions.iter().filter_map(|way| way.to.as_ref());
        let routes = state.on_timeout.iter().chain(&state.on_error);
        ways.chain(routes.map(|route| &route.to))
    });
    of_states
        .chain([&program.start_state])
        .map(|name| name.value.as_ref())
        .collect()
}

/// All `listen` entries, of the task and of its instructions.
pub(super) fn listens(task: &Task) -> Vec<&Listen> {
    fn of<'t>(instructions: &'t [Instruction], found: &mut Vec<&'t Listen>) {
        for instruction in instructions {
            match &instruction.action {
                Some(Action::Listen(listens)) => found.extend(listens),
                Some(Action::Parallel(branches)) => of(branches, found),
                _ => {}
            }
        }
    }
    fn in_states<'t>(program: &'t model::Program, found: &mut Vec<&'t Listen>) {
        for state in &program.states {
            of(&state.instructions, found);
            for region in &state.regions {
                in_states(&region.program, found);
            }
        }
    }
    let mut found: Vec<&Listen> = task.listen.iter().collect();
    in_states(&task.program, &mut found);
    found
}

/// What these instructions save.
pub(super) fn saved_by(instructions: &[Instruction]) -> HashSet<Name> {
    let mut names = HashSet::new();
    saved(instructions, &mut |name| {
        names.insert(Name::clone(&name.value));
    });
    names
}

fn saved(instructions: &[Instruction], add: &mut dyn FnMut(&Text)) {
    for instruction in instructions {
        for (name, _) in &instruction.save {
            add(name);
        }
        if let Some(Action::Parallel(branches)) = &instruction.action {
            saved(branches, add);
        }
        if let Some(defer) = &instruction.defer {
            saved(std::slice::from_ref(defer), add);
        }
    }
}

fn set_by(condition: &Condition, add: &mut dyn FnMut(&Text)) {
    for (name, _) in &condition.set {
        add(name);
    }
    for (_, part) in &condition.all {
        set_by(part, add);
    }
}

impl Compiler<'_> {
    /// Warns of variables that some path reads before anything has saved them.
    pub(super) fn check_flow(
        &mut self,
        graph: &Program,
        listen: &[Read],
        states: &[StateReads],
        outputs: &[Read],
    ) {
        let variables = Undeclared::new(&self.variables, &self.declared());
        let nothing = variables.none();
        let mut warned = HashSet::new();
        for read in listen {
            let seen = Seen::new(&variables, &nothing);
            self.warn_unsaved(read, seen, "the opening of `listen`", &mut warned);
        }
        let at_the_end = self.check_states_flow(graph, states, &variables, nothing, &mut warned);
        if let Some(certain) = at_the_end {
            for read in outputs {
                let seen = Seen::new(&variables, &certain);
                self.warn_unsaved(read, seen, "the end", &mut warned);
            }
        }
    }

    /// The same for the states of a machine that begins with these. What is certainly saved when it has passed.
    pub(super) fn check_states_flow(
        &mut self,
        graph: &Program,
        states: &[StateReads],
        variables: &Undeclared,
        entry: Saved,
        warned: &mut HashSet<Name>,
    ) -> Option<Saved> {
        let mut at_the_end: Option<Saved> = None;
        let certain = certainly_saved(graph, variables, entry);
        for ((state, entry), reads) in graph.states.iter().zip(certain).zip(states) {
            let Some(entry) = entry else { continue };
            let after = self.check_state_reads(state, entry, reads, variables, warned);
            if matches!(state.role, Role::Final) {
                at_the_end = Some(match at_the_end {
                    None => after,
                    Some(known) => known.and(&after),
                });
            }
        }
        at_the_end
    }

    /// What has a value from the beginning.
    pub(super) fn declared(&self) -> HashSet<Name> {
        let mut declared = self.declared_outside_cases();
        declared.extend(self.case_columns().cloned());
        declared.extend(self.task.params.iter().map(|name| Name::clone(&name.value)));
        declared
    }

    /// The same without what cases and parameters bring.
    pub(super) fn declared_outside_cases(&self) -> HashSet<Name> {
        let task = self.task;
        let mut declared: HashSet<Name> = self.project.given.iter().cloned().collect();
        declared.extend(
            self.project
                .suite
                .vars
                .iter()
                .chain(&task.vars)
                .map(|(name, _)| Name::clone(&name.value)),
        );
        declared.extend(
            (self.project.suite.secrets.iter().chain(&task.secrets))
                .filter(|(_, value)| value.is_some())
                .map(|(name, _)| Name::clone(&name.value)),
        );
        declared
    }

    /// What is certainly saved when the state's instructions have run.
    fn check_state_reads(
        &mut self,
        state: &State,
        entry: Saved,
        reads: &StateReads,
        variables: &Undeclared,
        warned: &mut HashSet<Name>,
    ) -> Saved {
        let at = format!("`{}`", state.name);
        for read in &reads.on_error {
            self.warn_unsaved(read, Seen::new(variables, &entry), &at, warned);
        }
        let mut certain = entry;
        for step in &state.steps {
            self.check_step_reads(step, Seen::new(variables, &certain), &at, warned);
            certain_after(step, variables, &mut certain);
        }
        for read in &reads.after {
            self.warn_unsaved(read, Seen::new(variables, &certain), &at, warned);
        }
        let regions = state.regions.iter().flat_map(|regions| &regions.list);
        for (region, reads) in regions.zip(&reads.regions) {
            self.check_region_flow(region, reads, (variables, &certain), warned);
        }
        certain
    }

    fn check_step_reads(
        &mut self,
        step: &Step,
        seen: Seen<'_>,
        at: &str,
        warned: &mut HashSet<Name>,
    ) {
        for read in &step.reads {
            self.warn_unsaved(read, seen, at, warned);
        }
        self.check_deferred_reads(step, seen, at, warned);
    }

    /// A `defer` sees what its instruction has saved.
    fn check_deferred_reads(
        &mut self,
        step: &Step,
        seen: Seen<'_>,
        at: &str,
        warned: &mut HashSet<Name>,
    ) {
        let branches: &[Step] = match &step.action {
            program::Action::Parallel(branches) => branches,
            _ => &[],
        };
        if branches.is_empty() && step.defer.is_none() {
            return;
        }
        let after = seen.variables.with(seen.saved, &step.save);
        let seen = Seen::new(seen.variables, &after);
        if let Some(defer) = &step.defer {
            self.check_step_reads(defer, seen, at, warned);
        }
        for branch in branches {
            self.check_deferred_reads(branch, seen, at, warned);
        }
    }

    fn warn_unsaved(&mut self, read: &Read, seen: Seen<'_>, at: &str, warned: &mut HashSet<Name>) {
        let name = &read.name;
        if seen.has(name) || !warned.insert(Name::clone(name)) {
            return;
        }
        let message = format!("some path to {at} reads `{name}` before it was saved");
        let hint = Some(format!(
            "give `{name}` a first value under `vars:`, or save it on every path"
        ));
        self.warning(
            "unsaved-variable",
            &read.file,
            read.span,
            message,
            "may have no value yet",
            hint,
        );
    }
}

/// The variables that have no value in the beginning, each with its number.
pub(super) struct Undeclared(HashMap<Name, usize>);

/// A set of them: a bit each.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Saved(Box<[u64]>);

/// What is certainly saved at one place.
#[derive(Clone, Copy)]
struct Seen<'a> {
    variables: &'a Undeclared,
    saved: &'a Saved,
}

impl Undeclared {
    fn new(variables: &HashSet<Name>, declared: &HashSet<Name>) -> Self {
        let undeclared = variables.difference(declared).cloned();
        Self(undeclared.zip(0..).collect())
    }

    /// The same with what a region saves, and what is saved where that begins.
    pub(super) fn inside(&self, saved: &Saved, own: &[Name]) -> (Self, Saved) {
        let mut variables = self.0.clone();
        for name in own {
            let number = variables.len();
            variables.entry(Name::clone(name)).or_insert(number);
        }
        let inside = Self(variables);
        let mut entry = inside.none();
        entry.0[..saved.0.len()].copy_from_slice(&saved.0);
        (inside, entry)
    }

    fn none(&self) -> Saved {
        Saved(vec![0; self.0.len().div_ceil(64)].into())
    }

    fn add(&self, name: &Name, saved: &mut Saved) {
        if let Some(number) = self.0.get(name) {
            saved.0[number / 64] |= 1 << (number % 64);
        }
    }

    fn with(&self, saved: &Saved, set: &[program::Assignment]) -> Saved {
        let mut saved = saved.clone();
        for one in set {
            self.add(&one.name, &mut saved);
        }
        saved
    }
}

impl Saved {
    fn and(&self, other: &Self) -> Self {
        let words = self.0.iter().zip(&other.0);
        Self(words.map(|(one, other)| one & other).collect())
    }
}

impl<'a> Seen<'a> {
    fn new(variables: &'a Undeclared, saved: &'a Saved) -> Self {
        Self { variables, saved }
    }

    fn has(self, name: &Name) -> bool {
        let number = self.variables.0.get(name);
        number.is_none_or(|number| self.saved.0[number / 64] >> (number % 64) & 1 == 1)
    }
}

/// What is certainly saved when each state is entered, along every path: a forward analysis. `None`: no
/// path leads there.
fn certainly_saved(graph: &Program, variables: &Undeclared, entry: Saved) -> Vec<Option<Saved>> {
    let mut certain: Vec<Option<Saved>> = vec![None; graph.states.len()];
    certain[graph.start] = Some(entry);
    // A state comes when all that lead to it have been there, but for loops: so it mostly comes once.
    let order = graph::in_order(graph);
    let mut place = vec![0; graph.states.len()];
    for (at, index) in order.iter().enumerate() {
        place[*index] = at;
    }
    let mut open = BTreeSet::from([place[graph.start]]);
    while let Some(at) = open.pop_first() {
        effort::look();
        let index = order[at];
        let Some(entry) = certain[index].clone() else {
            continue;
        };
        for (to, then) in ways(&graph.states[index], &entry, variables) {
            let merged = match &certain[to] {
                None => then,
                Some(known) => known.and(&then),
            };
            if certain[to].as_ref() != Some(&merged) {
                certain[to] = Some(merged);
                open.insert(place[to]);
            }
        }
    }
    certain
}

/// Where a state leads to, and what is certainly saved on the way there.
fn ways(state: &State, entry: &Saved, variables: &Undeclared) -> Vec<(usize, Saved)> {
    let mut after = entry.clone();
    for step in &state.steps {
        certain_after(step, variables, &mut after);
    }
    let mut ways = Vec::new();
    for (at, transition) in state.transitions.iter().enumerate() {
        let Some(to) = transition.to else { continue };
        let mut then = variables.with(&after, &transition.set);
        for strategy in state
            .strategies
            .iter()
            .filter(|strategy| strategy.conditions.iter().any(|one| one.index == at))
        {
            for name in set_in(strategy) {
                variables.add(&name, &mut then);
            }
        }
        ways.push((to, then));
    }
    if let Some(route) = &state.on_timeout {
        ways.push((route.to, variables.with(&after, &route.set)));
    }
    for route in &state.on_error {
        ways.push((route.to, variables.with(entry, &route.set)));
    }
    ways
}

/// What is certainly saved once the instruction has run; one with an `if` may not have.
fn certain_after(step: &Step, variables: &Undeclared, certain: &mut Saved) {
    if step.condition.is_some() {
        return;
    }
    for one in &step.save {
        variables.add(&one.name, certain);
    }
    if let program::Action::Parallel(branches) = &step.action {
        for branch in branches {
            certain_after(branch, variables, certain);
        }
    }
}

fn set_in(strategy: &Strategy) -> Vec<Name> {
    match &strategy.kind {
        StrategyKind::All(parts) => set_in_parts(parts),
        _ => Vec::new(),
    }
}

/// What the parts of an `all` set.
pub(super) fn set_in_parts(parts: &[Part]) -> Vec<Name> {
    let mut names = Vec::new();
    for part in parts {
        names.extend(part.set.iter().map(|one| Name::clone(&one.name)));
        if let PartCondition::Strategy(strategy) = &part.condition {
            names.extend(set_in(strategy));
        }
    }
    names
}
