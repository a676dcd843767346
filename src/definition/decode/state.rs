use super::Decoder;
use super::fields::{Field, Fields};
use crate::definition::keys::{ERROR_ROUTE, REGION, STATE, TIMEOUT_ROUTE, TRANSITION};
use crate::definition::model::{
    Join, Program, Region, Route, Spanned, State, Strategy, Transition,
};
use crate::definition::node::{Node, NodeKind, Text};
use crate::event::{ErrorKind, Span, nearest};

/// Keys that make no sense in a state that ends the task.
const NOT_IN_FAIL: [&str; 15] = [
    "instructions",
    "transitions",
    "next",
    "wait",
    "poll",
    "every",
    "backoff",
    "max_every",
    "jitter",
    "subscribe",
    "timeout",
    "on_timeout",
    "on_error",
    "regions",
    "join",
];

impl Decoder<'_> {
    /// The machine of a task or a region. `at`: its first key.
    pub(super) fn program(&mut self, fields: &Fields<'_>, at: Span) -> Program {
        let start = fields
            .get("start_state")
            .and_then(|field| self.literal(field))
            .unwrap_or_else(|| Text::plain("", at));
        let finals = self.distinct(fields.get("final_state"), Self::names);
        let states = self.each(fields.get("states"), Self::states);
        Program::new(start, finals, states)
    }

    fn regions(&mut self, field: Field<'_>) -> Option<Vec<Region>> {
        let NodeKind::Map(members) = &field.node.kind else {
            self.wrong_type(
                field.node,
                field.key.span,
                "`regions` is a map of names to machines",
                Some("write `NAME:`, and below it `start_state`, `final_state` and `states`"),
            );
            return None;
        };
        if members.is_empty() {
            self.empty_list(field);
        }
        let regions = members.iter().filter_map(|(name, node)| {
            let named = self.identifier(name, "a region");
            let fields = self.object(node, &REGION, name.span)?;
            let program = self.program(&fields, name.span);
            let name = name.clone();
            named.then_some(Region { name, program })
        });
        Some(regions.collect())
    }

    fn join(&mut self, field: Field<'_>) -> Option<Spanned<Join>> {
        let word = self.literal(field)?;
        let known = [Join::All, Join::Any].into_iter();
        if let Some(value) = known.into_iter().find(|join| join.word() == word.as_str()) {
            let span = word.span;
            return Some(Spanned { value, span });
        }
        let near = nearest(word.as_str(), Join::WORDS.into_iter());
        let diagnostic = self
            .error(
                "join",
                word.span,
                format!("`join` is `all` or `any`, not `{}`", word.value),
            )
            .maybe_hint(near.map(|near| format!("did you mean `{near}`?")));
        self.report(diagnostic);
        None
    }

    pub(super) fn states(&mut self, field: Field<'_>) -> Option<Vec<State>> {
        let NodeKind::Map(members) = &field.node.kind else {
            self.wrong_type(
                field.node,
                field.key.span,
                "`states` is a map of names to states",
                Some("write `NAME:` and the state's keys below it"),
            );
            return None;
        };
        if members.is_empty() {
            self.empty_list(field);
        }
        Some(
            members
                .iter()
                .filter_map(|(name, node)| self.state(name, node))
                .collect(),
        )
    }

    fn state(&mut self, name: &Text, node: &Node) -> Option<State> {
        let named = self.state_name(name);
        // `done:` is a state in which nothing happens.
        let empty = Node {
            kind: NodeKind::Map(Vec::new()),
            span: name.span,
        };
        let node = if matches!(node.kind, NodeKind::Null) {
            &empty
        } else {
            node
        };
        let fields = self.object(node, &STATE, name.span)?;
        let strategy = self.strategy(&fields);
        let state = State {
            name: name.clone(),
            description: fields.get("description").and_then(|field| self.text(field)),
            instructions: self.each(fields.get("instructions"), Self::instructions),
            transitions: self.transitions(&fields, strategy.as_ref()),
            transition_condition: fields
                .get("transition_condition")
                .and_then(|field| self.condition(field.node, field.key.span)),
            strategy,
            timeout: fields.get("timeout").and_then(|field| self.length(field)),
            on_timeout: fields
                .get("on_timeout")
                .and_then(|field| self.timeout_route(field)),
            on_error: self.each(fields.get("on_error"), Self::error_routes),
            max_visits: fields
                .get("max_visits")
                .and_then(|field| self.count(field, 1)),
            fail: fields.get("fail").and_then(|field| self.text(field)),
            regions: self.each(fields.get("regions"), Self::regions),
            join: fields.get("join").and_then(|field| self.join(field)),
        };
        self.end_of_the_task(&fields);
        named.then_some(state)
    }

    /// A `fail` state ends the task: what would happen in it or after it is a mistake.
    fn end_of_the_task(&mut self, fields: &Fields<'_>) {
        let Some(fail) = fields.get("fail") else {
            return;
        };
        let keys = fields.written(&NOT_IN_FAIL);
        let Some(first) = keys.first() else {
            return;
        };
        let names: Vec<String> = keys.iter().map(|key| format!("`{}`", key.value)).collect();
        let diagnostic = self
            .error(
                "fail-state",
                first.span,
                format!(
                    "a state with `fail` ends the task, so that {} never {} anything",
                    names.join(", "),
                    if names.len() == 1 { "does" } else { "do" }
                ),
            )
            .related(fail.key.span, "ends the task")
            .hint("move it to the state before, or remove `fail`");
        self.report(diagnostic);
    }

    fn transitions(&mut self, fields: &Fields<'_>, strategy: Option<&Strategy>) -> Vec<Transition> {
        let next = fields.get("next");
        let list = fields.get("transitions");
        if let (Some(next), Some(list)) = (next, list) {
            let (first, second) = if next.key.span < list.key.span {
                (next, list)
            } else {
                (list, next)
            };
            let diagnostic = self
                .error(
                    "two-ways",
                    second.key.span,
                    "a state has `next` or `transitions`, not both",
                )
                .related(first.key.span, "the other one")
                .hint("`next: NAME` is short for `transitions: [NAME]`");
            self.report(diagnostic);
        }
        let mut transitions = Vec::new();
        if let Some(field) = next {
            if let NodeKind::List(_) = field.node.kind {
                self.wrong_type(
                    field.node,
                    field.key.span,
                    "`next` is the name of one state",
                    Some("write `transitions: […]` for several"),
                );
            } else if let Some(name) = self.literal(field) {
                transitions.push(Transition {
                    span: name.span,
                    to: Some(name),
                    stay: None,
                    condition: super::condition::none(field.node.span),
                });
            }
        }
        if let Some(field) = list {
            transitions.extend(self.each(Some(field), |decoder, field| {
                decoder.transition_list(field, strategy)
            }));
        }
        transitions
    }

    fn transition_list(
        &mut self,
        field: Field<'_>,
        strategy: Option<&Strategy>,
    ) -> Option<Vec<Transition>> {
        let NodeKind::List(items) = &field.node.kind else {
            let hint = match &field.node.kind {
                NodeKind::Text(name) => format!("write `[{0}]`, or `next: {0}`", name.value),
                _ => "write `- NAME`, or `- to: NAME` with its condition".to_owned(),
            };
            self.wrong_type(
                field.node,
                field.key.span,
                "`transitions` is a list",
                Some(&hint),
            );
            return None;
        };
        if items.is_empty() {
            self.empty_list(field);
        }
        Some(
            items
                .iter()
                .filter_map(|item| self.transition(field, item, strategy))
                .collect(),
        )
    }

    fn transition(
        &mut self,
        list: Field<'_>,
        node: &Node,
        strategy: Option<&Strategy>,
    ) -> Option<Transition> {
        let NodeKind::Map(members) = &node.kind else {
            if let NodeKind::List(_) = node.kind {
                self.wrong_type(node, node.span, "a transition is a name or a map", None);
                return None;
            }
            let to = self.literal(Field {
                key: list.key,
                node,
            })?;
            return Some(Transition {
                to: Some(to),
                stay: None,
                condition: super::condition::none(node.span),
                span: node.span,
            });
        };
        let at = members.first().map_or(node.span, |(key, _)| key.span);
        let fields = self.object(node, &TRANSITION, at)?;
        let to = fields.get("to").map(|field| self.literal(field));
        let stay = fields.get("stay").and_then(|field| self.stay(field));
        let condition = self.condition_fields(&fields, node.span, strategy);
        let is_misspelt = members
            .iter()
            .any(|(key, _)| nearest(key.as_str(), TRANSITION.names()) == Some("to"));
        let is_transition = members.is_empty()
            || members
                .iter()
                .any(|(key, _)| TRANSITION.key(key.as_str()).is_some());
        if stay.is_some() {
            self.stay_alone(&fields, strategy);
        }
        let leads = fields.first(&["stay", "fail_when"]).is_some();
        if to.is_none() && is_transition && !is_misspelt && !leads {
            let diagnostic = self
                .error("missing-key", at, "a transition needs the key `to`")
                .hint("add `to: NAME`; only a watch with `fail_when` goes nowhere");
            self.report(diagnostic);
        }
        Some(Transition {
            to: match to {
                Some(name) => Some(name?),
                None => None,
            },
            stay,
            condition,
            span: node.span,
        })
    }

    /// `stay: true`.
    fn stay(&mut self, field: Field<'_>) -> Option<Span> {
        match field.node.kind {
            NodeKind::Bool(true) => Some(field.key.span),
            NodeKind::Bool(false) => {
                let diagnostic = self
                    .error(
                        "stay",
                        field.node.span,
                        "`stay` is `true`, or it is left out",
                    )
                    .hint("remove it, and write `to: NAME` for a transition that leads on");
                self.report(diagnostic);
                None
            }
            _ => {
                self.wrong_type(field.node, field.key.span, "`stay` is `true`", None);
                None
            }
        }
    }

    /// What stays leads nowhere, and is fulfilled by a result.
    fn stay_alone(&mut self, fields: &Fields<'_>, inherited: Option<&Strategy>) {
        let Some(stay) = fields.get("stay") else {
            return;
        };
        let own = fields.first(&["poll", "subscribe"]).is_some();
        let shared = matches!(
            inherited,
            Some(Strategy::Poll(..) | Strategy::Subscribe(..))
        );
        let (other, why, hint) = if let Some(to) = fields.get("to") {
            (
                to,
                "a transition leads on, or the state stays: not both",
                "remove one of them",
            )
        } else if let Some(other) = fields.first(&["wait", "all"]) {
            let why = "what stays is fulfilled again and again, by each result of a `poll` or a `subscribe`";
            (
                other,
                why,
                "write `poll` or `subscribe`, or lead on with `to`",
            )
        } else if let Some(collect) = fields.get("collect") {
            let why = "`collect` gathers once, and what stays is fulfilled again and again";
            (collect, why, "remove `collect`, or lead on with `to`")
        } else if own || shared {
            return;
        } else {
            let diagnostic = self
                .error(
                    "stay",
                    stay.key.span,
                    "`stay` needs a `poll` or a `subscribe`, whose results fulfil it again and again",
                )
                .hint("add one, or lead on with `to: NAME`");
            self.report(diagnostic);
            return;
        };
        let diagnostic = self
            .error("stay", other.key.span, why)
            .related(stay.key.span, "stays")
            .hint(hint);
        self.report(diagnostic);
    }

    fn timeout_route(&mut self, field: Field<'_>) -> Option<Route> {
        let NodeKind::Map(_) = field.node.kind else {
            return self.plain_route(field);
        };
        let fields = self.object(field.node, &TIMEOUT_ROUTE, field.key.span)?;
        self.route(&fields, field.node, None)
    }

    /// A state's name alone.
    fn plain_route(&mut self, field: Field<'_>) -> Option<Route> {
        let to = self.literal(field)?;
        Some(Route {
            kind: None,
            to,
            set: Vec::new(),
            span: field.node.span,
        })
    }

    fn error_routes(&mut self, field: Field<'_>) -> Option<Vec<Route>> {
        match &field.node.kind {
            NodeKind::List(items) => {
                if items.is_empty() {
                    self.empty_list(field);
                }
                Some(
                    items
                        .iter()
                        .filter_map(|node| {
                            self.error_route(Field {
                                key: field.key,
                                node,
                            })
                        })
                        .collect(),
                )
            }
            _ => Some(vec![self.error_route(field)?]),
        }
    }

    fn error_route(&mut self, field: Field<'_>) -> Option<Route> {
        let NodeKind::Map(members) = &field.node.kind else {
            return self.plain_route(field);
        };
        let at = members.first().map_or(field.key.span, |(key, _)| key.span);
        let fields = self.object(field.node, &ERROR_ROUTE, at)?;
        let kind = fields.get("kind").and_then(|field| self.literal(field));
        if let Some(kind) = &kind {
            self.error_kind(kind);
        }
        self.route(&fields, field.node, kind)
    }

    fn route(&mut self, fields: &Fields<'_>, node: &Node, kind: Option<Text>) -> Option<Route> {
        let to = fields.get("to").and_then(|field| self.literal(field));
        let set = self.each(fields.get("set"), Self::assignments);
        Some(Route {
            kind,
            to: to?,
            set,
            span: node.span,
        })
    }

    fn error_kind(&mut self, kind: &Text) {
        let found = ErrorKind::ALL
            .into_iter()
            .find(|known| known.word() == kind.as_str());
        let words = || {
            ErrorKind::ALL
                .into_iter()
                .filter(|kind| kind.is_routable())
                .map(ErrorKind::word)
        };
        let diagnostic = match found {
            Some(known) if known.is_routable() => return,
            Some(_) => self
                .error(
                    "error-kind",
                    kind.span,
                    format!("an error of the kind `{}` always ends the task", kind.value),
                )
                .hint("remove this entry"),
            None => self
                .error(
                    "error-kind",
                    kind.span,
                    format!("there is no kind of error called `{}`", kind.value),
                )
                .hint(match nearest(kind.as_str(), words()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the kinds are {}", words().collect::<Vec<_>>().join(", ")),
                }),
        };
        self.report(diagnostic);
    }
}
