//! The ways out of each state: every outcome of its instructions and of its race.

use crate::event::{ErrorKind, Name, Outcome};
use crate::machine::outcome_of;
use crate::machine::program::{
    Action, Condition, From, Length, Machine, Part, PartCondition, Role, Route, State, Step,
    Strategy, StrategyKind,
};

/// One thing that can happen in a state.
#[derive(Clone, Debug)]
pub(super) struct Way<'m> {
    /// What happens, in short: `shipped`, `POST /orders fails`.
    pub(super) label: String,
    pub(super) to: To,
    /// The instruction that fails, of those of the state, and whether it has saved what it saves.
    pub(super) failing: Option<(usize, bool)>,
    /// What is set on the way, or by the instructions of an end.
    pub(super) sets: Vec<&'m Name>,
    /// Of an end by trouble: its kinds.
    pub(super) kinds: Vec<ErrorKind>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum To {
    State(usize),
    End(Outcome),
}

/// The ways out of a state, in the order of the file: instructions, transitions, timeout.
pub(super) fn ways<'m>(machine: &'m Machine, state: &'m State) -> Vec<Way<'m>> {
    ways_of(machine, state, false)
}

fn ways_of<'m>(machine: &'m Machine, state: &'m State, in_region: bool) -> Vec<Way<'m>> {
    let mut listing = Collector {
        machine,
        state,
        in_region,
        ways: Vec::new(),
    };
    match state.role {
        Role::Fail(_) => {
            listing.end("failed", Outcome::Failed, &[ErrorKind::Fail]);
        }
        Role::Final => {
            listing.instructions();
            listing.end("passed", Outcome::Passed, &[]);
        }
        Role::Way => {
            listing.instructions();
            listing.subscriptions();
            listing.regions();
            listing.transitions();
        }
    }
    listing.ways
}

struct Collector<'m> {
    machine: &'m Machine,
    state: &'m State,
    /// Other regions may fulfil what looks at them.
    in_region: bool,
    ways: Vec<Way<'m>>,
}

/// What a client may bring instead of an answer.
const BROKEN: [ErrorKind; 2] = [ErrorKind::Transport, ErrorKind::Protocol];

impl<'m> Collector<'m> {
    /// `kinds`: of the trouble that it is.
    fn end(&mut self, label: &str, outcome: Outcome, kinds: &[ErrorKind]) {
        self.ways.push(Way {
            label: label.to_owned(),
            to: To::End(outcome),
            failing: None,
            sets: Vec::new(),
            kinds: kinds.to_vec(),
        });
    }

    fn instructions(&mut self) {
        for (index, step) in self.state.steps.iter().enumerate() {
            let mut asks = false;
            let mut expects = false;
            inside(step, &mut |step| {
                asks |= matches!(step.action, Action::Call { .. } | Action::Listen(_));
                expects |= !step.expect.is_empty();
            });
            let what = &step.what;
            let tries = step.retry.as_ref().map_or_else(String::new, |retry| {
                format!(" {} times", retry.max_attempts)
            });
            if asks {
                self.trouble(
                    &BROKEN,
                    Some((index, false)),
                    &format!("{what} fails{tries}"),
                );
                let label = format!("{what} gets no answer{tries}");
                self.trouble(&[ErrorKind::Timeout], Some((index, false)), &label);
            }
            if expects {
                let label = if matches!(step.action, Action::None) {
                    format!("expectation unmet{tries}")
                } else {
                    format!("{what} unexpected{tries}")
                };
                self.trouble(&[ErrorKind::Expect], Some((index, true)), &label);
            }
        }
    }

    /// What fails in a region fails the state.
    fn regions(&mut self) {
        for region in self.state.regions() {
            let states = &region.program.states;
            let of_region: Vec<Vec<Way<'m>>> = states
                .iter()
                .map(|state| ways_of(self.machine, state, true))
                .collect();
            for (state, ways) in states.iter().zip(of_region) {
                for way in ways.into_iter().filter(|way| !way.kinds.is_empty()) {
                    let label = format!("{}/{}: {}", region.name, state.name, way.label);
                    self.trouble(&way.kinds, None, &label);
                }
            }
        }
    }

    /// Subscriptions that are not opened, or lost.
    fn subscriptions(&mut self) {
        let mut own = false;
        let mut listened: Vec<&Name> = Vec::new();
        for strategy in &self.state.strategies {
            strategy.each(&mut |strategy| {
                let StrategyKind::Subscribe(subscription) = &strategy.kind else {
                    return;
                };
                match &subscription.from {
                    From::Client { .. } => own = true,
                    From::Listen(name) if !listened.contains(&name) => listened.push(name),
                    From::Listen(_) | From::Signal(_) => {}
                }
            });
        }
        if own {
            self.trouble(&BROKEN, None, "subscription breaks");
        }
        for name in listened {
            self.trouble(&BROKEN, None, &format!("`{name}` breaks"));
        }
    }

    fn transitions(&mut self) {
        let state = self.state;
        for condition in &state.immediate {
            self.condition(condition);
            if condition.when.is_empty()
                && condition.fail_when.is_empty()
                && condition.label.is_some()
            {
                // It always holds: nothing behind it is asked.
                return;
            }
        }
        let mut strategies: Vec<(usize, &Condition, &Strategy)> = state
            .strategies
            .iter()
            .flat_map(|strategy| {
                strategy
                    .conditions
                    .iter()
                    .map(move |one| (one.index, one, strategy))
            })
            .collect();
        strategies.sort_by_key(|(index, ..)| *index);
        for (_, condition, strategy) in &strategies {
            self.condition(condition);
            if let StrategyKind::All(parts) = &strategy.kind {
                self.parts(condition, parts);
            }
        }
        for strategy in &state.strategies {
            strategy.each(&mut |strategy| {
                let StrategyKind::Poll(poll) = &strategy.kind else {
                    return;
                };
                let mut asks = false;
                inside(&poll.step, &mut |step| {
                    asks |= matches!(step.action, Action::Call { .. });
                });
                if asks {
                    let label = format!("{} breaks", poll.step.what);
                    // What cannot be reached is asked again.
                    self.trouble(&[ErrorKind::Protocol], None, &label);
                }
            });
        }
        if let Some(joined) = state.joined {
            let transition = &state.transitions[joined];
            if let Some(to) = transition.to {
                self.ways.push(Way {
                    label: "joined".to_owned(),
                    to: To::State(to),
                    failing: None,
                    sets: transition.set.iter().map(|set| &set.name).collect(),
                    kinds: Vec::new(),
                });
            }
        } else if state.strategies.is_empty() && !(state.watches_regions && self.in_region) {
            self.trouble(&[ErrorKind::Condition], None, "nothing leads on");
        }
        let waits = !state.strategies.is_empty()
            || state.regions.is_some()
            || (state.watches_regions && self.in_region);
        if waits && self.can_expire() {
            match &state.on_timeout {
                Some(route) => self.follow("timeout".to_owned(), route, None),
                None => self.end("timeout", Outcome::TimedOut, &[ErrorKind::Timeout]),
            }
        }
    }

    fn condition(&mut self, condition: &'m Condition) {
        let transition = &self.state.transitions[condition.index];
        let name = match &condition.label {
            Some(_) if transition.stays => "stay",
            Some(label) => label,
            None => "watch",
        };
        if let Some(to) = transition.to {
            let mut sets: Vec<&Name> = transition.set.iter().map(|set| &set.name).collect();
            for strategy in &self.state.strategies {
                let mine = strategy
                    .conditions
                    .iter()
                    .any(|one| one.index == condition.index);
                if let (true, StrategyKind::All(parts)) = (mine, &strategy.kind) {
                    sets.extend(parts.iter().flat_map(|part| &part.set).map(|set| &set.name));
                }
            }
            self.ways.push(Way {
                label: name.to_owned(),
                to: To::State(to),
                failing: None,
                sets,
                kinds: Vec::new(),
            });
        }
        if !condition.fail_when.is_empty() {
            self.trouble(&[ErrorKind::Condition], None, &format!("{name} fails"));
        }
        if condition
            .collect
            .as_ref()
            .is_some_and(|collect| !collect.expect.is_empty())
        {
            self.trouble(&[ErrorKind::Expect], None, &format!("{name} unexpected"));
        }
    }

    fn parts(&mut self, all: &Condition, parts: &'m [Part]) {
        let name = all.label.as_deref().unwrap_or("watch");
        for part in parts {
            let conditions = match &part.condition {
                PartCondition::Immediate(condition) => std::slice::from_ref(condition),
                PartCondition::Strategy(strategy) => &strategy.conditions[..],
            };
            for condition in conditions.iter().filter(|one| !one.fail_when.is_empty()) {
                let part = condition.label.as_deref().unwrap_or("part");
                self.trouble(
                    &[ErrorKind::Condition],
                    None,
                    &format!("{name}.{part} fails"),
                );
            }
            let expects = |one: &&Condition| {
                (one.collect.as_ref()).is_some_and(|collect| !collect.expect.is_empty())
            };
            for condition in conditions.iter().filter(expects) {
                let part = condition.label.as_deref().unwrap_or("part");
                let label = format!("{name}.{part} unexpected");
                self.trouble(&[ErrorKind::Expect], None, &label);
            }
        }
    }

    /// Whether a deadline can come before everything else: not where a shorter `wait` always leads on.
    fn can_expire(&self) -> bool {
        let Some(limit) = self.state.limit(&self.machine.transition_timeout) else {
            return false;
        };
        !self.state.strategies.iter().any(|strategy| {
            let always = |condition: &Condition| condition.label.is_some() && condition.when.is_empty();
            matches!((&strategy.kind, limit), (StrategyKind::Wait(Length::Literal(wait)), Length::Literal(limit)) if wait < limit)
                && strategy.conditions.iter().any(always)
        })
    }

    /// Trouble of some kinds: a way for each place that it leads to.
    fn trouble(&mut self, kinds: &[ErrorKind], failing: Option<(usize, bool)>, label: &str) {
        let state = self.state;
        let route_of = |kind: ErrorKind| {
            let fits = |route: &&Route| route.kind.is_none_or(|wanted| wanted == kind);
            state.on_error.iter().find(fits)
        };
        let mut groups: Vec<(Option<&'m Route>, Outcome, Vec<ErrorKind>)> = Vec::new();
        for kind in kinds {
            let route = route_of(*kind);
            let outcome = outcome_of(*kind);
            let same = groups
                .iter_mut()
                .find(|(known, ends, _)| match (known, route) {
                    (Some(known), Some(route)) => std::ptr::eq(*known, route),
                    (None, None) => *ends == outcome,
                    _ => false,
                });
            match same {
                Some((.., group)) => group.push(*kind),
                None => groups.push((route, outcome, vec![*kind])),
            }
        }
        for (route, outcome, group) in groups {
            let label = if group.len() == kinds.len() {
                label.to_owned()
            } else {
                let words: Vec<&str> = group.iter().map(|kind| kind.word()).collect();
                format!("{label} ({})", words.join(", "))
            };
            match route {
                Some(route) => self.follow(label, route, failing),
                None => self.ways.push(Way {
                    label,
                    to: To::End(outcome),
                    failing,
                    sets: Vec::new(),
                    kinds: group,
                }),
            }
        }
    }

    fn follow(&mut self, label: String, route: &'m Route, failing: Option<(usize, bool)>) {
        self.ways.push(Way {
            label,
            to: To::State(route.to),
            failing,
            sets: route.set.iter().map(|set| &set.name).collect(),
            kinds: Vec::new(),
        });
    }
}

/// An instruction and those inside it, without what undoes them.
pub(super) fn inside<'m>(step: &'m Step, visit: &mut dyn FnMut(&'m Step)) {
    visit(step);
    if let Action::Parallel(steps) = &step.action {
        for step in steps {
            inside(step, visit);
        }
    }
}
