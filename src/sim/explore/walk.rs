//! The paths: all of them up to a bound, and one more for each outcome that none of these has.

use super::ways::{To, Way};
use super::{Bounds, Choice};
use crate::machine::Machine;
use std::collections::{HashSet, VecDeque};

pub(super) struct Walk {
    pub(super) paths: Vec<Vec<Choice>>,
    pub(super) more: bool,
    pub(super) longer: usize,
}

pub(super) fn walk(
    ways: &[Vec<Way<'_>>],
    machine: &Machine,
    reached: &[bool],
    bounds: Bounds,
) -> Walk {
    let mut walker = Walker {
        ways,
        machine,
        bounds,
        visits: vec![0; ways.len()],
        path: Vec::new(),
        found: Walk {
            paths: Vec::new(),
            more: false,
            longer: 0,
        },
    };
    walker.from(machine.program.start);
    let mut found = walker.found;
    if found.more || found.longer > 0 {
        cover(ways, machine.program.start, reached, &mut found.paths);
    }
    found
}

struct Walker<'w> {
    ways: &'w [Vec<Way<'w>>],
    machine: &'w Machine,
    bounds: Bounds,
    visits: Vec<u32>,
    path: Vec<Choice>,
    found: Walk,
}

impl Walker<'_> {
    fn from(&mut self, state: usize) {
        // A loop that is left unfinished counts too: else the walk would take longer than its result is long.
        if self.found.paths.len() + self.found.longer >= self.bounds.paths {
            self.found.more = true;
            return;
        }
        if self.visits[state]
            >= self
                .bounds
                .visits
                .min(self.machine.program.states[state].max_visits)
        {
            self.found.longer += 1;
            return;
        }
        self.visits[state] += 1;
        for (index, way) in self.ways[state].iter().enumerate() {
            self.path.push((state, index));
            match way.to {
                To::State(to) => self.from(to),
                To::End(_) if self.found.paths.len() + self.found.longer >= self.bounds.paths => {
                    self.found.more = true;
                }
                To::End(_) => self.found.paths.push(self.path.clone()),
            }
            self.path.pop();
            if self.found.more {
                break;
            }
        }
        self.visits[state] -= 1;
    }
}

/// Adds the shortest path through each outcome that no path has yet.
fn cover(ways: &[Vec<Way<'_>>], start: usize, reached: &[bool], paths: &mut Vec<Vec<Choice>>) {
    let mut walked: HashSet<Choice> = paths.iter().flatten().copied().collect();
    let to = prefixes(ways, start);
    let on = suffixes(ways);
    for state in (0..ways.len()).filter(|state| reached[*state]) {
        for (index, way) in ways[state].iter().enumerate() {
            if walked.contains(&(state, index)) {
                continue;
            }
            let mut path = Vec::new();
            let mut at = state;
            while let Some(choice @ (before, _)) = to[at] {
                path.push(choice);
                at = before;
            }
            path.reverse();
            path.push((state, index));
            let mut next = way.to;
            // A state that never comes to an end has no path to name.
            let ends = loop {
                let To::State(state) = next else { break true };
                let Some(way) = on[state] else { break false };
                path.push((state, way));
                next = ways[state][way].to;
            };
            if ends {
                walked.extend(&path);
                paths.push(path);
            }
        }
    }
}

/// For each state the choice that leads to it on the shortest way from the start.
fn prefixes(ways: &[Vec<Way<'_>>], start: usize) -> Vec<Option<Choice>> {
    let mut to = vec![None; ways.len()];
    let mut seen = vec![false; ways.len()];
    seen[start] = true;
    let mut next = VecDeque::from([start]);
    while let Some(state) = next.pop_front() {
        for (index, way) in ways[state].iter().enumerate() {
            if let To::State(target) = way.to
                && !std::mem::replace(&mut seen[target], true)
            {
                to[target] = Some((state, index));
                next.push_back(target);
            }
        }
    }
    to
}

/// For each state the way that leads to an end soonest, passed ends before others.
fn suffixes(ways: &[Vec<Way<'_>>]) -> Vec<Option<usize>> {
    let mut on: Vec<Option<usize>> = vec![None; ways.len()];
    for passed in [true, false] {
        loop {
            let settled: Vec<(usize, usize)> = ways
                .iter()
                .enumerate()
                .filter(|(state, _)| on[*state].is_none())
                .filter_map(|(state, ways)| {
                    let leads = |way: &Way<'_>| match way.to {
                        To::End(outcome) => outcome.is_good() || !passed,
                        To::State(to) => on[to].is_some(),
                    };
                    Some((state, ways.iter().position(leads)?))
                })
                .collect();
            if settled.is_empty() {
                break;
            }
            for (state, way) in settled {
                on[state] = Some(way);
            }
        }
    }
    on
}
