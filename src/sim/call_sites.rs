//! The places of a machine that ask the world for something, and how a person may call them.

use crate::event::{Location, nearest};
use crate::machine::program::{
    Action, Condition, From, Machine, PartCondition, State, Step, Strategy, StrategyKind,
    Subscription,
};
use crate::script::Expression;
use std::collections::HashMap;
use std::sync::Arc;

/// A request or subscription of a machine.
pub(super) struct CallSite<'m> {
    pub(super) place: &'m Arc<Location>,
    /// What it may be called, apart from its path; the first that means nothing else is the best.
    names: Vec<String>,
    /// What it does, in short.
    pub(super) what: String,
    pub(super) subscription: bool,
    /// What looks at its `res`, in the order of the file.
    pub(super) looks: Vec<&'m Expression>,
}

/// All of them, in the order of the file.
pub(super) struct CallSites<'m> {
    pub(super) all: Vec<CallSite<'m>>,
    by_name: HashMap<String, Vec<usize>>,
}

/// What a name means.
pub(super) enum NameMatch {
    One(usize),
    /// Several places have this name.
    Several(Vec<usize>),
    /// None; the name that was probably meant.
    None(Option<String>),
}

impl<'m> CallSites<'m> {
    pub(super) fn of(machine: &'m Machine) -> Self {
        let mut listing = Collector {
            machine,
            all: Vec::new(),
        };
        for subscription in &machine.listen {
            listing.listen(subscription);
        }
        machine
            .program
            .each_state(&mut |state| listing.state(state));
        for (index, step) in machine.cleanup.iter().enumerate() {
            listing.step(step, "cleanup", &format!("cleanup[{index}]"));
        }
        let mut all = listing.all;
        all.sort_by_key(|call_site| call_site.place.span.start);
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, call_site) in all.iter().enumerate() {
            for name in &call_site.names {
                let meant = by_name.entry(name.clone()).or_default();
                if meant.last() != Some(&index) {
                    meant.push(index);
                }
            }
        }
        Self { all, by_name }
    }

    /// The place with this path or name.
    pub(super) fn find(&self, written: &str) -> NameMatch {
        if let Some(index) = self.all.iter().position(|one| *one.place.path == *written) {
            return NameMatch::One(index);
        }
        let name = spaced(written);
        match self.by_name.get(&name).map(Vec::as_slice) {
            Some([one]) => NameMatch::One(*one),
            Some(several) => NameMatch::Several(several.to_vec()),
            None => {
                let names = self.all.iter().flat_map(|call_site| &call_site.names);
                let paths = self.all.iter().map(|call_site| &*call_site.place.path);
                let known = names.map(String::as_str).chain(paths);
                NameMatch::None(nearest(&name, known).map(str::to_owned))
            }
        }
    }

    /// What a person should call it: the first name that means nothing else, else its path.
    pub(super) fn name(&self, index: usize) -> &str {
        let call_site = &self.all[index];
        call_site
            .names
            .iter()
            .find(|name| self.by_name[*name].len() == 1 && is_plain_key(name))
            .map_or(&call_site.place.path, |name| name)
    }
}

/// One way to write an arrow.
fn spaced(name: &str) -> String {
    let name = name.replace('→', "->");
    match name.split_once("->") {
        Some((from, to)) => format!("{} -> {}", from.trim(), to.trim()),
        None => name,
    }
}

/// Whether YAML reads it as a key without quotes.
fn is_plain_key(name: &str) -> bool {
    name.starts_with(|first: char| first.is_alphanumeric() || first == '_')
        && !name.contains(": ")
        && !name.contains(" #")
        && !name.contains('\n')
        && name.chars().count() <= 60
}

struct Collector<'m> {
    machine: &'m Machine,
    all: Vec<CallSite<'m>>,
}

impl<'m> Collector<'m> {
    fn state(&mut self, state: &'m State) {
        let name = &*state.name;
        let from = self.all.len();
        for (index, step) in state.steps.iter().enumerate() {
            self.step(step, name, &format!("{name}[{index}]"));
        }
        for strategy in &state.strategies {
            let targets: Vec<String> = strategy
                .conditions
                .iter()
                .filter_map(|condition| condition.label.as_ref())
                .map(|to| format!("{name} -> {to}"))
                .collect();
            self.strategy(strategy, &targets, &strategy.conditions);
        }
        // A state that asks for one thing needs no more than its name.
        for call_site in &mut self.all[from..] {
            call_site.names.push(name.to_owned());
        }
    }

    /// An instruction, those inside it and its `defer`. `owner` is the state or `cleanup`.
    fn step(&mut self, step: &'m Step, owner: &str, short: &str) {
        let before = self.all.len();
        match &step.action {
            Action::Call { .. } => {
                let names = vec![format!("{owner}.{}", step.what), short.to_owned()];
                let mut looks: Vec<&Expression> = step
                    .save
                    .iter()
                    .filter_map(|save| save.source.script())
                    .collect();
                looks.extend(step.expect.iter().map(|guard| &guard.expression));
                let retry = step
                    .retry
                    .iter()
                    .filter_map(|retry| retry.condition.as_ref());
                looks.extend(retry.map(|guard| &guard.expression));
                // A loop's `save` and `expect` look at the list of its results.
                if step.each.is_some() {
                    looks.clear();
                }
                self.all.push(CallSite {
                    place: &step.place,
                    names,
                    what: step.what.to_string(),
                    subscription: false,
                    looks,
                });
            }
            Action::Parallel(steps) => {
                for (index, step) in steps.iter().enumerate() {
                    self.step(step, owner, &format!("{short}.parallel[{index}]"));
                }
            }
            Action::Listen(subscriptions) => {
                for subscription in subscriptions {
                    self.listen(subscription);
                }
            }
            Action::None | Action::Eval(_) | Action::Signal { .. } | Action::Log(_) => {}
        }
        if let Some(defer) = &step.defer {
            self.step(defer, owner, &format!("{short}.defer"));
            if self.all.len() > before + 1
                && let Some(call_site) = self.all.last_mut()
            {
                let name = format!("{owner}.{}.defer", step.what);
                // The shorter one reads better: `place.create.defer`, or `place.undo`.
                let at = usize::from(name.len() > call_site.names[0].len());
                call_site.names.insert(at, name);
            }
        }
    }

    fn strategy(
        &mut self,
        strategy: &'m Strategy,
        targets: &[String],
        conditions: &'m [Condition],
    ) {
        let short = strategy
            .place
            .path
            .strip_prefix("states.")
            .unwrap_or(&strategy.place.path);
        let names = |end: &str| {
            let mut names = Vec::new();
            // A name for one of several ways would hide that it serves all of them.
            if targets.len() == 1 {
                names.extend_from_slice(targets);
                names.push(format!("{short}.{end}"));
            } else {
                names.push(format!("{short}.{end}"));
                names.extend_from_slice(targets);
            }
            names.push(short.to_owned());
            names
        };
        match &strategy.kind {
            StrategyKind::Poll(poll) => {
                if let Action::Call { .. } = &poll.step.action {
                    self.all.push(CallSite {
                        place: &poll.step.place,
                        names: names("poll"),
                        what: poll.step.what.to_string(),
                        subscription: false,
                        looks: looks(conditions),
                    });
                }
            }
            StrategyKind::Subscribe(subscription) => {
                if let From::Client { client, .. } = &subscription.from {
                    let names = names("subscribe");
                    self.all.push(CallSite {
                        place: &subscription.place,
                        names,
                        what: format!("subscribe {}", self.machine.clients[*client].name),
                        subscription: true,
                        looks: looks(conditions),
                    });
                }
            }
            StrategyKind::All(parts) => {
                for part in parts {
                    let PartCondition::Strategy(inner) = &part.condition else {
                        continue;
                    };
                    let part = inner.conditions.first().and_then(|one| one.label.as_ref());
                    let targets: Vec<String> = targets
                        .iter()
                        .filter_map(|to| Some(format!("{to}.{}", part?)))
                        .collect();
                    self.strategy(inner, &targets, &inner.conditions);
                }
            }
            StrategyKind::Wait(_) | StrategyKind::Until(_) => {}
        }
    }

    fn listen(&mut self, subscription: &'m Subscription) {
        let (From::Client { client, .. }, Some(name)) = (&subscription.from, &subscription.name)
        else {
            return;
        };
        let mut heard = Vec::new();
        self.machine.program.each_state(&mut |state| {
            for strategy in &state.strategies {
                strategy.each(&mut |strategy| {
                    if let StrategyKind::Subscribe(Subscription {
                        from: From::Listen(of),
                        ..
                    }) = &strategy.kind
                        && of == name
                    {
                        heard.extend(looks(&strategy.conditions));
                    }
                });
            }
        });
        self.all.push(CallSite {
            place: &subscription.place,
            names: vec![format!("listen.{name}"), name.to_string()],
            what: format!("listen to {}", self.machine.clients[*client].name),
            subscription: true,
            looks: heard,
        });
    }
}

fn looks(conditions: &[Condition]) -> Vec<&Expression> {
    let when = conditions
        .iter()
        .flat_map(|condition| condition.when.iter());
    let fail = conditions
        .iter()
        .flat_map(|condition| condition.fail_when.iter());
    when.chain(fail).map(|guard| &guard.expression).collect()
}
