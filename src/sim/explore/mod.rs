//! A static walk through a machine: every outcome of every race and every error, without running anything.
//!
//! Expressions are not evaluated: a condition may hold or not, so that some paths can never be walked. What
//! scripts break, the deadline of the whole task and what `defer` and `cleanup` meet are left out.

mod defers;
mod walk;
mod ways;

#[cfg(test)]
mod tests;

use crate::event::{Event, ExecutionId, Fact, Location, Name, Outcome};
use crate::machine::program::{Machine, Role};
use std::collections::HashSet;
use std::sync::Arc;
use ways::{To, Way};

/// How far a walk goes.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Paths that it follows to their end.
    pub paths: usize,
    /// How often one path enters a state.
    pub visits: u32,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            paths: 1000,
            visits: 2,
        }
    }
}

/// What a walk found.
#[derive(Clone, Debug)]
pub struct Exploration {
    /// In the order of the file; those behind the bound on paths come last, one for each outcome that no
    /// other path has.
    pub paths: Vec<Explored>,
    /// There are more paths than were followed.
    pub more_paths: bool,
    /// Paths that go around a loop more often than was followed.
    pub longer: usize,
    /// Outcomes of states, and how many of them some path has.
    pub outcomes: usize,
    /// See [`outcomes`](Self::outcomes).
    pub walked: usize,
    /// States that no path reaches.
    pub unreached: Vec<(Name, Arc<Location>)>,
    /// States from which no final state and no `fail` state can be reached.
    pub endless: Vec<(Name, Arc<Location>)>,
    /// `defer`s that are not run although their instruction was started.
    pub undone: Vec<Undone>,
}

/// One path from the start state to an end.
#[derive(Clone, Debug, PartialEq)]
pub struct Explored {
    /// As the name of a test: `place: shipped / shipped: passed`.
    pub name: String,
    /// How it ends.
    pub end: Outcome,
    /// The states that it enters.
    pub states: Vec<Name>,
}

/// A `defer` that some path does not run, since it reads what that path has not saved.
#[derive(Clone, Debug, PartialEq)]
pub struct Undone {
    /// The `defer`.
    pub place: Arc<Location>,
    /// What it does, in short.
    pub what: Name,
    /// The variable.
    pub variable: Name,
    /// The first such path.
    pub path: String,
    /// How many there are.
    pub paths: usize,
    /// On all of them its own instruction fails, so that there may be nothing to undo.
    pub own_failure: bool,
}

impl Machine {
    /// Walks through it. Variables that are `given` from outside have a value from the beginning.
    #[must_use]
    pub fn explore(&self, given: &[Name], bounds: Bounds) -> Exploration {
        let states = &self.program.states;
        let ways: Vec<Vec<Way<'_>>> = states.iter().map(|state| ways::ways(self, state)).collect();
        let reached = reachable(&ways, self.program.start);
        let ending = ending(self, &ways);
        let walk = walk::walk(&ways, self, &reached, bounds);
        let which = |wanted: &dyn Fn(usize) -> bool| {
            let found = states
                .iter()
                .enumerate()
                .filter(|(index, _)| wanted(*index));
            found
                .map(|(_, state)| (Name::clone(&state.name), Arc::clone(&state.place)))
                .collect()
        };
        let names: Vec<String> = walk
            .paths
            .iter()
            .map(|path| self.path_name(&ways, path))
            .collect();
        let undone = defers::undone(self, &ways, &walk.paths, &names, given);
        let walked = walk.paths.iter().zip(names).map(|(path, name)| Explored {
            name,
            end: end_of(&ways, path),
            states: path
                .iter()
                .map(|(state, _)| Name::clone(&states[*state].name))
                .collect(),
        });
        Exploration {
            undone,
            outcomes: (0..states.len())
                .filter(|index| reached[*index])
                .map(|index| ways[index].len())
                .sum(),
            walked: walk.paths.iter().flatten().collect::<HashSet<_>>().len(),
            unreached: which(&|index| !reached[index]),
            endless: which(&|index| reached[index] && !ending[index]),
            more_paths: walk.more,
            longer: walk.longer,
            paths: self.unopened().chain(walked).collect(),
        }
    }

    /// What the task listens to may not be opened: it ends before its first state.
    fn unopened(&self) -> impl Iterator<Item = Explored> {
        let names = self.listen.iter().filter_map(|listen| listen.name.as_ref());
        names.map(|name| Explored {
            name: format!("`{name}` cannot be opened"),
            end: Outcome::Error,
            states: Vec::new(),
        })
    }

    fn path_name(&self, ways: &[Vec<Way<'_>>], path: &[Choice]) -> String {
        let mut name = String::new();
        for (state, way) in path {
            if !name.is_empty() {
                name.push_str(" / ");
            }
            name.push_str(&self.program.states[*state].name);
            name.push_str(": ");
            name.push_str(&ways[*state][*way].label);
        }
        name
    }

    /// How many of the transitions that the machine has were taken in these events, and which were not,
    /// as `place → shipped`.
    #[must_use]
    pub fn transitions_taken(&self, events: &[Event]) -> (usize, Vec<String>) {
        let mine: HashSet<ExecutionId> = events
            .iter()
            .filter_map(|event| {
                let Fact::ExecutionStarted(started) = &event.fact else {
                    return None;
                };
                let is_mine = started.file == self.file.name || started.task == self.name;
                event.execution.filter(|_| is_mine)
            })
            .collect();
        let taken: HashSet<(&str, &str)> = events
            .iter()
            .filter(|event| event.execution.is_some_and(|one| mine.contains(&one)))
            .filter_map(|event| {
                // It is drawn as a way from the state to itself.
                if let Fact::Stayed { state, .. } = &event.fact {
                    return Some((&**state, &**state));
                }
                let Fact::TransitionTaken { from, to, .. } = &event.fact else {
                    return None;
                };
                Some((&**from, &**to))
            })
            .collect();
        let mut all: Vec<(&str, &str)> = Vec::new();
        for edge in &self.drawing().edges {
            let Some(to) = &edge.to else { continue };
            let find = |name: &Name| self.program.states.iter().find(|state| state.name == *name);
            if let (Some(from), Some(to)) = (find(&edge.from), find(to))
                && !all.contains(&(&*from.name, &*to.name))
            {
                all.push((&from.name, &to.name));
            }
        }
        let missed = all
            .iter()
            .filter(|pair| !taken.contains(*pair))
            .map(|(from, to)| format!("{from} → {to}"))
            .collect();
        (all.len(), missed)
    }
}

/// A state, and the way that is taken out of it.
type Choice = (usize, usize);

fn end_of(ways: &[Vec<Way<'_>>], path: &[Choice]) -> Outcome {
    match path.last().map(|(state, way)| ways[*state][*way].to) {
        Some(To::End(outcome)) => outcome,
        // Every path that is kept has an end.
        Some(To::State(_)) | None => Outcome::Error,
    }
}

fn reachable(ways: &[Vec<Way<'_>>], start: usize) -> Vec<bool> {
    let mut reached = vec![false; ways.len()];
    let mut next = vec![start];
    while let Some(state) = next.pop() {
        if std::mem::replace(&mut reached[state], true) {
            continue;
        }
        next.extend(ways[state].iter().filter_map(|way| match way.to {
            To::State(to) => Some(to),
            To::End(_) => None,
        }));
    }
    reached
}

/// From which states a final state or one with `fail` can be reached.
fn ending(machine: &Machine, ways: &[Vec<Way<'_>>]) -> Vec<bool> {
    let mut before: Vec<Vec<usize>> = vec![Vec::new(); ways.len()];
    for (from, ways) in ways.iter().enumerate() {
        for way in ways {
            if let To::State(to) = way.to {
                before[to].push(from);
            }
        }
    }
    let mut ending = vec![false; ways.len()];
    let is_end = |state: &usize| !matches!(machine.program.states[*state].role, Role::Way);
    let mut next: Vec<usize> = (0..ways.len()).filter(is_end).collect();
    while let Some(state) = next.pop() {
        if !std::mem::replace(&mut ending[state], true) {
            next.extend(&before[state]);
        }
    }
    ending
}
