//! The places of a machine that ask the world for something, and how a person may call them.

use crate::event::{Location, Name, nearest};
use crate::machine::program::{
    Action, Assignment, Blueprint, Condition, From, Machine, Part, PartCondition, State, Step,
    Strategy, StrategyKind, Subscription,
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
    pub(super) looks: Vec<Look<'m>>,
    /// Of a subscription: how often each of its messages is wanted. None, if it is only watched for what must not come.
    pub(super) counts: Vec<usize>,
}

/// An expression that looks at a result.
#[derive(Clone, Copy)]
pub(super) struct Look<'m> {
    pub(super) expression: &'m Expression,
    /// Whether it is judged by it, or only something of it is kept.
    pub(super) is_judged: bool,
    /// Whether it must hold, or must not.
    pub(super) holds: bool,
    /// The variable that it is kept in.
    pub(super) saved: Option<&'m Name>,
    /// Its `res` is a list of results.
    pub(super) is_list: bool,
    /// Which of them this one is; `None`: they are alike.
    pub(super) item: Option<usize>,
    /// Which of the messages of a subscription it looks at.
    pub(super) message: usize,
}

impl<'m> Look<'m> {
    fn judges(expression: &'m Expression, holds: bool) -> Self {
        Self {
            expression,
            is_judged: true,
            holds,
            saved: None,
            is_list: false,
            item: None,
            message: 0,
        }
    }

    fn keeps(assignment: &'m Assignment) -> Option<Self> {
        Some(Self {
            is_judged: false,
            saved: Some(&assignment.name),
            ..Self::judges(assignment.source.script()?, true)
        })
    }
}

/// All of them, in the order of the file.
pub(super) struct CallSites<'m> {
    pub(super) all: Vec<CallSite<'m>>,
    /// What is judged of variables alone.
    pub(super) beside: Vec<Look<'m>>,
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
            beside: Vec::new(),
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
        let Collector {
            mut all, beside, ..
        } = listing;
        all.sort_by_key(|call_site| call_site.place.span.start);
        for called in &machine.called {
            let name = &called.name;
            for mut call_site in Self::of(called).all {
                for known in &mut call_site.names {
                    *known = format!("{name}/{known}");
                }
                let path = &call_site.place.path;
                if all.iter().all(|known| known.place.path != *path) {
                    all.push(call_site);
                }
            }
        }
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, call_site) in all.iter().enumerate() {
            for name in &call_site.names {
                let meant = by_name.entry(name.clone()).or_default();
                if meant.last() != Some(&index) {
                    meant.push(index);
                }
            }
        }
        Self {
            all,
            beside,
            by_name,
        }
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
    beside: Vec<Look<'m>>,
}

impl<'m> Collector<'m> {
    fn state(&mut self, state: &'m State) {
        let name = &*state.name;
        let from = self.all.len();
        for (index, step) in state.steps.iter().enumerate() {
            self.step(step, name, &format!("{name}[{index}]"));
        }
        let immediate = state.immediate.iter().flat_map(|condition| &condition.when);
        self.beside
            .extend(immediate.map(|guard| Look::judges(&guard.expression, true)));
        for strategy in &state.strategies {
            let targets: Vec<String> = strategy
                .conditions
                .iter()
                .filter_map(|condition| condition.label.as_ref())
                .map(|to| format!("{name} -> {to}"))
                .collect();
            let sets = |index: usize| &*state.transitions[index].set;
            self.strategy(strategy, &targets, &looks(&strategy.conditions, sets));
        }
        // A state that asks for one thing needs no more than its name.
        for call_site in &mut self.all[from..] {
            call_site.names.push(name.to_owned());
        }
    }

    /// An instruction, those inside it and its `defer`. `owner` is the state or `cleanup`.
    fn step(&mut self, step: &'m Step, owner: &str, short: &str) {
        let before = self.all.len();
        let mut looks: Vec<Look<'m>> = step.save.iter().filter_map(Look::keeps).collect();
        let expected = step.expect.iter();
        looks.extend(expected.map(|guard| Look::judges(&guard.expression, true)));
        match &step.action {
            Action::Call { .. } => {
                let names = vec![format!("{owner}.{}", step.what), short.to_owned()];
                let retry = step.retry.iter();
                let retry = retry.filter_map(|retry| retry.condition.as_ref());
                looks.extend(retry.map(|guard| Look::judges(&guard.expression, false)));
                // A loop's `save` and `expect` look at the list of its results.
                let is_list = step.each.is_some();
                for look in &mut looks {
                    look.is_list = is_list;
                }
                // What undoes it sees its own result.
                if let Some(Action::Call { request, .. }) =
                    step.defer.as_ref().map(|defer| &defer.action)
                {
                    each_template(request, &mut |expression| {
                        looks.push(Look {
                            is_judged: false,
                            ..Look::judges(expression, true)
                        });
                    });
                }
                self.all.push(CallSite {
                    place: &step.place,
                    names,
                    what: step.what.to_string(),
                    subscription: false,
                    looks,
                    counts: Vec::new(),
                });
            }
            Action::Parallel(steps) => {
                for (index, step) in steps.iter().enumerate() {
                    let from = self.all.len();
                    self.step(step, owner, &format!("{short}.parallel[{index}]"));
                    // Those of the whole look at the list of the results.
                    let of_list = |look: &Look<'m>| Look {
                        is_list: true,
                        item: Some(index),
                        ..*look
                    };
                    if let Some(call_site) = self.all.get_mut(from) {
                        call_site.looks.extend(looks.iter().map(of_list));
                    }
                }
            }
            Action::Listen(subscriptions) => {
                for subscription in subscriptions {
                    self.listen(subscription);
                }
            }
            Action::None
            | Action::Eval(_)
            | Action::Signal { .. }
            | Action::Log(_)
            | Action::Task(_) => {
                self.beside
                    .extend(looks.iter().filter(|look| look.is_judged));
            }
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

    fn strategy(&mut self, strategy: &'m Strategy, targets: &[String], looks: &Looks<'m>) {
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
                let mut asked = |step: &'m Step, names: Vec<String>, looks: Vec<Look<'m>>| {
                    if let Action::Call { .. } = &step.action {
                        self.all.push(CallSite {
                            place: &step.place,
                            names,
                            what: step.what.to_string(),
                            subscription: false,
                            looks,
                            counts: Vec::new(),
                        });
                    }
                };
                asked(&poll.step, names("poll"), looks.of_poll());
                if let Action::Parallel(branches) = &poll.step.action {
                    for (index, branch) in branches.iter().enumerate() {
                        let of_list = looks.of_poll().into_iter().map(|look| Look {
                            is_list: true,
                            item: Some(index),
                            ..look
                        });
                        let names = vec![format!("{short}.poll.parallel[{index}]")];
                        asked(branch, names, of_list.collect());
                    }
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
                        looks: looks.all.clone(),
                        counts: looks.counts.clone(),
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
                    let set = parts_set(parts, part);
                    self.strategy(inner, &targets, &self::looks(&inner.conditions, |_| set));
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
        let mut heard = Looks::default();
        self.machine.program.each_state(&mut |state| {
            for strategy in &state.strategies {
                strategy.each(&mut |strategy| {
                    if let StrategyKind::Subscribe(Subscription {
                        from: From::Listen(of),
                        ..
                    }) = &strategy.kind
                        && of == name
                    {
                        let sets = |index: usize| -> &[Assignment] {
                            state.transitions.get(index).map_or(&[], |one| &one.set)
                        };
                        heard.append(looks(&strategy.conditions, sets));
                    }
                });
            }
        });
        self.all.push(CallSite {
            place: &subscription.place,
            names: vec![format!("listen.{name}"), name.to_string()],
            what: format!("listen to {}", self.machine.clients[*client].name),
            subscription: true,
            looks: heard.all,
            counts: heard.counts,
        });
    }
}

/// The expressions of the templates in a value.
fn each_template<'m>(blueprint: &'m Blueprint, visit: &mut dyn FnMut(&'m Expression)) {
    match blueprint {
        Blueprint::Constant(_) => {}
        Blueprint::Text(text) | Blueprint::Bind(text) | Blueprint::Url(text) => {
            let expressions = text.template.expressions();
            expressions.for_each(|(_, expression)| visit(expression));
        }
        Blueprint::List(items) => items.iter().for_each(|item| each_template(item, visit)),
        Blueprint::Map(members) => {
            for (_, value) in members {
                each_template(value, visit);
            }
        }
    }
}

/// What looks at the results of a strategy.
#[derive(Default)]
struct Looks<'m> {
    /// Each with the number of its condition among those that wait for something.
    all: Vec<Look<'m>>,
    /// How many results each of these wants.
    counts: Vec<usize>,
}

impl<'m> Looks<'m> {
    /// Each result of a poll is shown to all conditions.
    fn of_poll(&self) -> Vec<Look<'m>> {
        let looks = self.all.iter();
        looks
            .map(|look| Look {
                message: 0,
                ..*look
            })
            .collect()
    }

    fn append(&mut self, other: Self) {
        let before = self.counts.len();
        let later = other.all.into_iter().map(|look| Look {
            message: look.message + before,
            ..look
        });
        self.all.extend(later);
        self.counts.extend(other.counts);
    }
}

/// `sets`: what is set by the condition with this number.
fn looks<'m>(conditions: &'m [Condition], sets: impl Fn(usize) -> &'m [Assignment]) -> Looks<'m> {
    let mut found = Looks::default();
    for condition in conditions {
        let message = found.counts.len();
        let when = condition.when.iter();
        let fail = condition.fail_when.iter();
        let mut looks: Vec<Look<'_>> = when
            .map(|guard| Look::judges(&guard.expression, true))
            .chain(fail.map(|guard| Look::judges(&guard.expression, false)))
            .collect();
        // A watch waits for nothing, and leads nowhere.
        if condition.label.is_some() {
            let kept = sets(condition.index).iter().filter_map(Look::keeps);
            let expected = condition.collect.iter().flat_map(|collect| &collect.expect);
            let of_list = kept.chain(expected.map(|guard| Look::judges(&guard.expression, true)));
            looks.extend(of_list.map(|look| Look {
                is_list: condition.is_list(),
                ..look
            }));
            found.counts.push(condition.wanted());
        }
        found
            .all
            .extend(looks.into_iter().map(|look| Look { message, ..look }));
    }
    // What only watches looks at what the others wait for.
    let last = found.counts.len().saturating_sub(1);
    for look in &mut found.all {
        look.message = look.message.min(last);
    }
    found
}

/// What the part with this name sets.
fn parts_set<'m>(parts: &'m [Part], name: Option<&Name>) -> &'m [Assignment] {
    let named = parts.iter().find(|part| match &part.condition {
        PartCondition::Strategy(strategy) => {
            let condition = strategy.conditions.first();
            condition.is_some_and(|condition| condition.label.as_ref() == name)
        }
        PartCondition::Immediate(_) => false,
    });
    named.map_or(&[], |part| &part.set)
}
