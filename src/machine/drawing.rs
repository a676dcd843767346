//! The machine as a drawing.

use super::program::{
    Condition, Count, From, Length, Machine, Program, Role, Route, State, Strategy, StrategyKind,
};
use crate::definition::model::Join;
use crate::event::{Name, length_text};
use crate::graph::{Edge, EdgeKind, Graph, Node, NodeKind};

/// How often what has this path was taken, where that is to be told.
type Times<'t> = dyn Fn(&Name) -> Option<u64> + 't;

impl Machine {
    /// The machine as plain data to draw.
    #[must_use]
    pub fn drawing(&self) -> Graph {
        self.drawn(&self.name, &self.program, &|_| None)
    }

    /// The same with how often each state was entered and each way taken: by the path of its place.
    #[must_use]
    pub fn drawing_with(&self, times: &dyn Fn(&Name) -> u64) -> Graph {
        self.drawn(&self.name, &self.program, &|path| Some(times(path)))
    }

    fn drawn(&self, name: &Name, program: &Program, times: &Times<'_>) -> Graph {
        let states = &program.states;
        let nodes = states.iter().map(|state| self.node(state, times));
        Graph {
            name: Name::clone(name),
            start: Name::clone(&states[program.start].name),
            nodes: nodes.collect(),
            edges: (states.iter())
                .flat_map(|state| self.edges(program, state, times))
                .collect(),
        }
    }

    fn node(&self, state: &State, times: &Times<'_>) -> Node {
        let regions = state.regions();
        Node {
            regions: regions
                .map(|region| self.drawn(&region.name, &region.program, times))
                .collect(),
            entered: times(&state.place.path),
            ..node(state)
        }
    }

    fn edges(&self, program: &Program, state: &State, times: &Times<'_>) -> Vec<Edge> {
        let name = |to: usize| Name::clone(&program.states[to].name);
        let mut edges: Vec<(usize, Edge)> = Vec::new();
        let immediate = state.immediate.iter().map(|condition| (condition, None));
        let strategies = state.strategies.iter().flat_map(|strategy| {
            strategy
                .conditions
                .iter()
                .map(move |one| (one, Some(strategy)))
        });
        for (condition, strategy) in immediate.chain(strategies) {
            let transition = &state.transitions[condition.index];
            let stays = transition.stays.then(|| Name::clone(&state.name));
            let to = transition.to.map(name).or(stays);
            let mut label = self.guard_label(condition, strategy);
            if transition.stays {
                label.insert_str(0, "stays: ");
            }
            edges.push((
                condition.index,
                Edge {
                    from: Name::clone(&state.name),
                    to,
                    label,
                    kind: EdgeKind::Normal,
                    // What a watch proves is no way.
                    taken: (condition.label.as_ref()).and_then(|_| times(&transition.place.path)),
                },
            ));
        }
        if let Some(joined) = state.joined {
            let joined_to = Edge {
                from: Name::clone(&state.name),
                to: state.transitions[joined].to.map(name),
                label: joined_label(state),
                kind: EdgeKind::Normal,
                taken: times(&state.transitions[joined].place.path),
            };
            edges.push((joined, joined_to));
        }
        edges.sort_by_key(|(index, _)| *index);
        let mut edges: Vec<Edge> = edges.into_iter().map(|(_, edge)| edge).collect();
        let way = |route: &Route, label: String, kind| Edge {
            from: Name::clone(&state.name),
            to: Some(name(route.to)),
            label,
            kind,
            taken: times(&route.place.path),
        };
        if let Some(timeout) = &state.on_timeout {
            let limit = state.timeout.as_ref().unwrap_or(&self.transition_timeout);
            edges.push(way(
                timeout,
                format!("after {}", length(limit)),
                EdgeKind::Timeout,
            ));
        }
        for error in &state.on_error {
            let kind = error.kind.map_or("any", crate::event::ErrorKind::word);
            edges.push(way(error, format!("{kind} error"), EdgeKind::Error));
        }
        edges
    }

    fn guard_label(&self, condition: &Condition, strategy: Option<&Strategy>) -> String {
        let mut parts = Vec::new();
        if let Some(strategy) = strategy {
            parts.push(self.strategy_label(strategy));
        }
        let joined = |guards: &[super::program::Guard]| {
            guards
                .iter()
                .map(|guard| guard.expression.source().trim().to_owned())
                .collect::<Vec<_>>()
                .join(" and ")
        };
        match &condition.count {
            None => {}
            Some(Count::Literal(count)) => parts.push(format!("{count} times")),
            Some(Count::Expression(guard)) => {
                parts.push(format!("{} times", guard.expression.source().trim()));
            }
        }
        if let Some(collect) = &condition.collect {
            let until = collect
                .length
                .as_ref()
                .map(|time| format!("for {}", length(time)));
            parts.push(format!(
                "collects {}",
                until.as_deref().unwrap_or("to the end")
            ));
        }
        if !condition.when.is_empty() {
            parts.push(format!("when {}", joined(&condition.when)));
        }
        if !condition.fail_when.is_empty() {
            parts.push(format!("fails when {}", joined(&condition.fail_when)));
        }
        if let Some(collect) = &condition.collect
            && !collect.expect.is_empty()
        {
            parts.push(format!("expects {}", joined(&collect.expect)));
        }
        parts.join(", ")
    }

    fn strategy_label(&self, strategy: &Strategy) -> String {
        match &strategy.kind {
            StrategyKind::Wait(wait) => format!("wait {}", length(wait)),
            StrategyKind::Until(guard) => {
                format!("wait until {}", guard.expression.source().trim())
            }
            StrategyKind::Poll(poll) => {
                format!(
                    "poll {} every {}",
                    poll.step.what,
                    length(&poll.pauses.first)
                )
            }
            StrategyKind::Subscribe(subscription) => match &subscription.from {
                From::Client { client, .. } => format!("subscribe {}", self.clients[*client].name),
                From::Listen(name) => format!("subscribe {name}"),
                From::Signal(name) => format!("signal {name}"),
            },
            StrategyKind::All(parts) => format!("all of {}", parts.len()),
        }
    }
}

/// When the transition is taken that waits for the regions.
fn joined_label(state: &State) -> String {
    let join = state.regions.as_ref().map(|regions| regions.join);
    match join.unwrap_or_default() {
        Join::All => "when all regions are done".to_owned(),
        Join::Any => "when one region is done".to_owned(),
    }
}

fn node(state: &State) -> Node {
    let (kind, message) = match &state.role {
        Role::Way => (NodeKind::Normal, None),
        Role::Final => (NodeKind::Final, None),
        Role::Fail(text) => (NodeKind::Fail, Some(text.text.as_str().to_owned())),
    };
    let steps = match state.steps.len() {
        0 => None,
        1 => Some(state.steps[0].what.to_string()),
        many => Some(format!("{many} instructions")),
    };
    Node {
        id: Name::clone(&state.name),
        kind,
        details: steps.into_iter().chain(message).collect(),
        regions: Vec::new(),
        entered: None,
    }
}

fn length(length: &Length) -> String {
    match length {
        Length::Literal(length) => {
            length_text(u64::try_from(length.as_micros()).unwrap_or(u64::MAX))
        }
        Length::Template(text) => text.text.as_str().to_owned(),
    }
}
