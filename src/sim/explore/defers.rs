//! Which `defer`s some path does not run: those that read what it has not saved.

use super::ways::{Way, inside};
use super::{Choice, Undone};
use crate::event::Name;
use crate::machine::program::{Machine, Step};
use std::collections::HashSet;
use std::sync::Arc;

pub(super) fn undone(
    machine: &Machine,
    ways: &[Vec<Way<'_>>],
    paths: &[Vec<Choice>],
    names: &[String],
    given: &[Name],
) -> Vec<Undone> {
    let mut steps = machine.program.states.iter().flat_map(|state| &state.steps);
    let mut any = false;
    steps
        .by_ref()
        .for_each(|step| inside(step, &mut |step| any |= step.defer.is_some()));
    let mut found = Vec::new();
    if !any {
        return found;
    }
    let mut first: HashSet<&str> = given.iter().map(|name| &**name).collect();
    first.extend(machine.vars.iter().map(|variable| &*variable.name));
    first.extend(machine.params.iter().map(|name| &**name));
    for (path, name) in paths.iter().zip(names) {
        let mut saved = first.clone();
        let mut seen = HashSet::new();
        for (state, way) in path {
            let way = &ways[*state][*way];
            let mut walked = Walked {
                name,
                found: &mut found,
                seen: &mut seen,
            };
            for (index, step) in machine.program.states[*state].steps.iter().enumerate() {
                let failing = way.failing.filter(|(failing, _)| *failing == index);
                walked.step(step, failing, &mut saved);
                if failing.is_some() {
                    break;
                }
            }
            saved.extend(way.sets.iter().map(|name| &***name));
        }
    }
    found
}

/// One path, while it is walked.
struct Walked<'w> {
    name: &'w str,
    found: &'w mut Vec<Undone>,
    /// What was counted for this path.
    seen: &'w mut HashSet<(Name, Name)>,
}

impl Walked<'_> {
    fn step<'m>(
        &mut self,
        step: &'m Step,
        failing: Option<(usize, bool)>,
        saved: &mut HashSet<&'m str>,
    ) {
        // An `if` may not hold; what stands behind one is taken to have run, and to have saved.
        if failing.is_none_or(|(_, saved)| saved) {
            inside(step, &mut |step| {
                saved.extend(step.save.iter().map(|save| &*save.name));
            });
        }
        inside(step, &mut |step| {
            let Some(defer) = &step.defer else { return };
            let missing = defer.reads.iter().find(|read| !saved.contains(&*read.name));
            if let Some(missing) = missing {
                self.add(defer, &missing.name, failing.is_some());
            }
        });
    }

    fn add(&mut self, defer: &Step, variable: &Name, own: bool) {
        let key = (Name::clone(&defer.place.path), Name::clone(variable));
        let known = self
            .found
            .iter_mut()
            .find(|undone| undone.place.path == defer.place.path && undone.variable == *variable);
        if let Some(undone) = known {
            undone.paths += usize::from(self.seen.insert(key));
            undone.own_failure &= own;
            return;
        }
        self.seen.insert(key);
        self.found.push(Undone {
            place: Arc::clone(&defer.place),
            what: Name::clone(&defer.what),
            variable: Name::clone(variable),
            path: self.name.to_owned(),
            paths: 1,
            own_failure: own,
        });
    }
}
