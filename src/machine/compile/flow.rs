//! Which variables exist, and which of them some path reads before they were saved.

use super::context::Reads;
use super::{CompileInputs, Compiler};
use crate::definition::Task;
use crate::definition::model::{Action, Condition, Instruction, Listen, Route};
use crate::event::Name;
use crate::machine::program::{
    self, Part, PartCondition, Program, Read, Role, State, Step, Strategy, StrategyKind,
};
use std::collections::HashSet;

/// What a state reads besides its instructions.
#[derive(Default)]
pub(super) struct StateReads {
    /// When they have run: conditions, strategies, assignments.
    pub(super) after: Reads,
    /// Even if they have not: `on_error`.
    pub(super) on_error: Reads,
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
        task.secrets
            .iter()
            .map(|(name, _)| Name::clone(&name.value)),
    );
    names.extend(task.params.iter().map(|name| Name::clone(&name.value)));
    saved(&task.cleanup, &mut names);
    for state in &task.states {
        saved(&state.instructions, &mut names);
        for transition in &state.transitions {
            set_by(&transition.condition, &mut names);
        }
        if let Some(condition) = &state.transition_condition {
            set_by(condition, &mut names);
        }
        for Route { set, .. } in state.on_timeout.iter().chain(&state.on_error) {
            names.extend(set.iter().map(|(name, _)| Name::clone(&name.value)));
        }
    }
    names
}

/// Whether anything can lead to a state, the start included.
pub(super) fn is_entered(task: &Task, state: &crate::definition::model::State) -> bool {
    let name = &state.name.value;
    task.start_state.value == *name
        || task.states.iter().any(|other| {
            let ways = other.transitions.iter().filter_map(|way| way.to.as_ref());
            let routes = other.on_timeout.iter().chain(&other.on_error);
            ways.chain(routes.map(|route| &route.to))
                .any(|to| to.value == *name)
        })
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
    let mut found: Vec<&Listen> = task.listen.iter().collect();
    for state in &task.states {
        of(&state.instructions, &mut found);
    }
    found
}

/// What these instructions save.
pub(super) fn saved_by(instructions: &[Instruction]) -> HashSet<Name> {
    let mut names = HashSet::new();
    saved(instructions, &mut names);
    names
}

fn saved(instructions: &[Instruction], names: &mut HashSet<Name>) {
    for instruction in instructions {
        names.extend(
            instruction
                .save
                .iter()
                .map(|(name, _)| Name::clone(&name.value)),
        );
        if let Some(Action::Parallel(branches)) = &instruction.action {
            saved(branches, names);
        }
        if let Some(defer) = &instruction.defer {
            saved(std::slice::from_ref(defer), names);
        }
    }
}

fn set_by(condition: &Condition, names: &mut HashSet<Name>) {
    names.extend(
        condition
            .set
            .iter()
            .map(|(name, _)| Name::clone(&name.value)),
    );
    for (_, part) in &condition.all {
        set_by(part, names);
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
        let declared = self.declared();
        let mut warned = HashSet::new();
        for read in listen {
            self.warn_unsaved(read, &declared, "the opening of `listen`", &mut warned);
        }
        let mut at_the_end: Option<HashSet<Name>> = None;
        let certain = certainly_saved(graph, declared);
        for ((state, entry), reads) in graph.states.iter().zip(certain).zip(states) {
            let Some(entry) = entry else { continue };
            let after = self.check_state_reads(state, entry, reads, &mut warned);
            if matches!(state.role, Role::Final) {
                at_the_end = Some(match at_the_end {
                    None => after,
                    Some(known) => known.intersection(&after).cloned().collect(),
                });
            }
        }
        if let Some(certain) = at_the_end {
            for read in outputs {
                self.warn_unsaved(read, &certain, "the end", &mut warned);
            }
        }
    }

    fn declared(&self) -> HashSet<Name> {
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
            task.secrets
                .iter()
                .filter(|(_, value)| value.is_some())
                .map(|(name, _)| Name::clone(&name.value)),
        );
        declared.extend(task.params.iter().map(|name| Name::clone(&name.value)));
        declared
    }

    /// What is certainly saved when the state's instructions have run.
    fn check_state_reads(
        &mut self,
        state: &State,
        entry: HashSet<Name>,
        reads: &StateReads,
        warned: &mut HashSet<Name>,
    ) -> HashSet<Name> {
        let at = format!("`{}`", state.name);
        for read in &reads.on_error {
            self.warn_unsaved(read, &entry, &at, warned);
        }
        let mut certain = entry;
        for step in &state.steps {
            self.check_step_reads(step, &certain, &at, warned);
            certain_after(step, &mut certain);
        }
        for read in &reads.after {
            self.warn_unsaved(read, &certain, &at, warned);
        }
        certain
    }

    fn check_step_reads(
        &mut self,
        step: &Step,
        certain: &HashSet<Name>,
        at: &str,
        warned: &mut HashSet<Name>,
    ) {
        for read in &step.reads {
            self.warn_unsaved(read, certain, at, warned);
        }
        self.check_deferred_reads(step, certain, at, warned);
    }

    /// A `defer` sees what its instruction has saved.
    fn check_deferred_reads(
        &mut self,
        step: &Step,
        certain: &HashSet<Name>,
        at: &str,
        warned: &mut HashSet<Name>,
    ) {
        let after = with(certain, &step.save);
        if let Some(defer) = &step.defer {
            self.check_step_reads(defer, &after, at, warned);
        }
        if let program::Action::Parallel(branches) = &step.action {
            for branch in branches {
                self.check_deferred_reads(branch, &after, at, warned);
            }
        }
    }

    fn warn_unsaved(
        &mut self,
        read: &Read,
        certain: &HashSet<Name>,
        at: &str,
        warned: &mut HashSet<Name>,
    ) {
        let name = &read.name;
        if certain.contains(name) || !warned.insert(Name::clone(name)) {
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

/// What is certainly saved when each state is entered, along every path: a forward analysis. `None`: no
/// path leads there.
fn certainly_saved(graph: &Program, declared: HashSet<Name>) -> Vec<Option<HashSet<Name>>> {
    let mut certain: Vec<Option<HashSet<Name>>> = vec![None; graph.states.len()];
    certain[graph.start] = Some(declared);
    let mut open = vec![graph.start];
    while let Some(index) = open.pop() {
        let state = &graph.states[index];
        let Some(entry) = certain[index].clone() else {
            continue;
        };
        let mut after = entry.clone();
        for step in &state.steps {
            certain_after(step, &mut after);
        }
        let mut edges: Vec<(usize, HashSet<Name>)> = Vec::new();
        for (at, transition) in state.transitions.iter().enumerate() {
            let Some(to) = transition.to else { continue };
            let mut then = after.clone();
            then.extend(transition.set.iter().map(|one| Name::clone(&one.name)));
            for strategy in state
                .strategies
                .iter()
                .filter(|strategy| strategy.conditions.iter().any(|one| one.index == at))
            {
                then.extend(set_in(strategy));
            }
            edges.push((to, then));
        }
        if let Some(route) = &state.on_timeout {
            edges.push((route.to, with(&after, &route.set)));
        }
        for route in &state.on_error {
            edges.push((route.to, with(&entry, &route.set)));
        }
        for (to, then) in edges {
            let merged = match &certain[to] {
                None => then,
                Some(known) => known.intersection(&then).cloned().collect(),
            };
            if certain[to].as_ref() != Some(&merged) {
                certain[to] = Some(merged);
                open.push(to);
            }
        }
    }
    certain
}

/// What is certainly saved once the instruction has run; one with an `if` may not have.
fn certain_after(step: &Step, certain: &mut HashSet<Name>) {
    if step.condition.is_some() {
        return;
    }
    certain.extend(step.save.iter().map(|one| Name::clone(&one.name)));
    if let program::Action::Parallel(branches) = &step.action {
        for branch in branches {
            certain_after(branch, certain);
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

fn with(certain: &HashSet<Name>, set: &[program::Assignment]) -> HashSet<Name> {
    certain
        .iter()
        .cloned()
        .chain(set.iter().map(|one| Name::clone(&one.name)))
        .collect()
}
