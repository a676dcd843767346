//! Which variables exist, and which of them some path reads before they were saved.

use super::{Compiler, Project};
use crate::definition::Task;
use crate::definition::model::{Action, Condition, Instruction, Route};
use crate::event::Name;
use crate::machine::chart::{self, Chart, Lane, PartCondition, State, Step, Strategy};
use std::collections::HashSet;

/// Every name that something gives a value: declared, given, saved or set.
pub(super) fn assigned_somewhere(project: &Project<'_>, task: &Task) -> HashSet<Name> {
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
        for condition in &state.transition_condition {
            set_by(condition, &mut names);
        }
        for Route { set, .. } in state.on_timeout.iter().chain(&state.on_error) {
            names.extend(set.iter().map(|(name, _)| Name::clone(&name.value)));
        }
    }
    names
}

/// The names of all `listen` entries, of the task and of its instructions.
pub(super) fn listen_names(task: &Task) -> HashSet<Name> {
    fn of(instructions: &[Instruction], names: &mut HashSet<Name>) {
        for instruction in instructions {
            match &instruction.action {
                Some(Action::Listen(listens)) => {
                    names.extend(listens.iter().map(|listen| Name::clone(&listen.name.value)));
                }
                Some(Action::Parallel(branches)) => of(branches, names),
                _ => {}
            }
        }
    }
    let mut names: HashSet<Name> = task
        .listen
        .iter()
        .map(|listen| Name::clone(&listen.name.value))
        .collect();
    for state in &task.states {
        of(&state.instructions, &mut names);
    }
    names
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
    /// Warns of variables that some path reads before anything has saved them: a forward analysis of what is
    /// certainly saved when a state is entered.
    pub(super) fn check_flow(&mut self, graph: &Chart) {
        let declared = self.declared();
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
                for lane in state
                    .lanes
                    .iter()
                    .filter(|lane| lane.conditions.iter().any(|one| one.index == at))
                {
                    then.extend(set_in(lane));
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
        let mut warned = HashSet::new();
        for (state, entry) in graph.states.iter().zip(certain) {
            if let Some(entry) = entry {
                self.check_state_reads(state, entry, &mut warned);
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

    fn check_state_reads(
        &mut self,
        state: &State,
        entry: HashSet<Name>,
        warned: &mut HashSet<Name>,
    ) {
        let mut certain = entry;
        for step in &state.steps {
            for name in &step.reads {
                self.warn_unsaved(name, &certain, step.place.span, &state.name, warned);
            }
            certain_after(step, &mut certain);
        }
        let conditions = state
            .immediate
            .iter()
            .chain(state.lanes.iter().flat_map(|lane| &lane.conditions));
        for condition in conditions {
            for guard in condition.when.iter().chain(&condition.fail_when) {
                for read in &self.project.engine.lint(&guard.expression).reads {
                    let span = guard.span_of(read.at.clone());
                    self.warn_unsaved(&read.name, &certain, span, &state.name, warned);
                }
            }
        }
    }

    fn warn_unsaved(
        &mut self,
        name: &Name,
        certain: &HashSet<Name>,
        span: crate::event::Span,
        state: &Name,
        warned: &mut HashSet<Name>,
    ) {
        let known = certain.contains(name)
            || crate::script::LOCALS.contains(&&**name)
            || !self.variables.contains(name);
        if known || !warned.insert(Name::clone(name)) {
            return;
        }
        let message = format!("some path to `{state}` reads `{name}` before it was saved");
        let hint = Some(format!(
            "give `{name}` a first value under `vars:`, or save it on every path"
        ));
        self.warning(
            "unsaved-variable",
            span,
            message,
            "may have no value yet",
            hint,
        );
    }
}

/// What is certainly saved once the instruction has run; one with an `if` may not have.
fn certain_after(step: &Step, certain: &mut HashSet<Name>) {
    if step.condition.is_some() {
        return;
    }
    certain.extend(step.save.iter().map(|one| Name::clone(&one.name)));
    if let chart::Action::Parallel(branches) = &step.action {
        for branch in branches {
            certain_after(branch, certain);
        }
    }
}

fn set_in(lane: &Lane) -> Vec<Name> {
    let Strategy::All(parts) = &lane.strategy else {
        return Vec::new();
    };
    let mut names = Vec::new();
    for part in parts {
        names.extend(part.set.iter().map(|one| Name::clone(&one.name)));
        if let PartCondition::Lane(lane) = &part.condition {
            names.extend(set_in(lane));
        }
    }
    names
}

fn with(certain: &HashSet<Name>, set: &[chart::Assignment]) -> HashSet<Name> {
    certain
        .iter()
        .cloned()
        .chain(set.iter().map(|one| Name::clone(&one.name)))
        .collect()
}
