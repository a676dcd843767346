use super::Decoder;
use super::fields::{Field, Fields};
use crate::definition::keys::{ACTIONS, CONDITION, NOT_POLLED, WAIT};
use crate::definition::model::{Collect, Condition, Poll, Strategy, Subscribe, Wait};
use crate::definition::node::{Node, NodeKind, Text};
use crate::event::{Span, parse_duration};

/// A condition that brings nothing.
pub(super) fn none(span: Span) -> Condition {
    Condition {
        span,
        ..Condition::default()
    }
}

impl Decoder<'_> {
    /// A condition that stands alone: `transition_condition`, a member of `all`. `at` is its key.
    pub(super) fn condition(&mut self, node: &Node, at: Span) -> Option<Condition> {
        let fields = self.object(node, &CONDITION, at)?;
        let span = if matches!(&node.kind, NodeKind::Map(members) if members.is_empty()) {
            let diagnostic = self
                .error("missing-value", at, "this condition is empty")
                .hint("write one of `wait`, `poll`, `subscribe`, `when`, `fail_when`, `all`");
            self.report(diagnostic);
            at
        } else {
            node.span
        };
        Some(self.condition_fields(&fields, span, None))
    }

    /// A condition's keys, in a condition or in a transition. `inherited` is the strategy of the state
    /// around it.
    pub(super) fn condition_fields(
        &mut self,
        fields: &Fields<'_>,
        span: Span,
        inherited: Option<&Strategy>,
    ) -> Condition {
        let strategy = self.strategy(fields);
        self.of_messages(fields, inherited);
        let all = self.each(fields.get("all"), Self::all);
        self.all_alone(fields);
        let collect = self.collect(fields);
        Condition {
            strategy,
            all,
            count: fields.get("count").and_then(|field| self.counted(field)),
            collect,
            when: self.each(fields.get("when"), Self::expressions),
            fail_when: self.each(fields.get("fail_when"), Self::expressions),
            set: self.each(fields.get("set"), Self::assignments),
            span,
        }
    }

    /// At most one strategy, and nothing that belongs to another one.
    pub(super) fn strategy(&mut self, fields: &Fields<'_>) -> Option<Strategy> {
        let strategies = fields.written(&["wait", "poll", "subscribe"]);
        if let [first, second, ..] = strategies.as_slice() {
            let diagnostic = self
                .error(
                    "two-strategies",
                    second.span,
                    format!(
                        "`{}` and `{}`: a condition has one strategy",
                        first.value, second.value
                    ),
                )
                .related(first.span, "the first one")
                .hint("write two transitions, or `all: {NAME: …, NAME: …}` if both are needed");
            self.report(diagnostic);
        }
        let poll = fields.get("poll");
        if poll.is_none()
            && let Some(field) = fields.first(&["every", "backoff", "max_every", "jitter"])
        {
            let diagnostic = self
                .error(
                    "without-poll",
                    field.key.span,
                    format!("`{}` belongs to `poll`, and there is none", field.key.value),
                )
                .hint("add `poll: …`, or remove it");
            self.report(diagnostic);
        }
        let every = fields.get("every").and_then(|field| self.length(field));
        let max_every = fields.get("max_every").and_then(|field| self.length(field));
        let backoff = fields.get("backoff").and_then(|field| self.factor(field));
        let jitter = fields.get("jitter").and_then(|field| self.share(field));
        let wait = fields.get("wait").and_then(|field| self.wait(field));
        let subscribe = fields
            .get("subscribe")
            .and_then(|field| self.subscribe(field));
        let poll = poll.and_then(|field| {
            let instruction = self.instruction(field.node, field.key.span)?;
            self.polled(field.node);
            Some(Strategy::Poll(
                Box::new(Poll {
                    instruction,
                    every,
                    backoff,
                    max_every,
                    jitter,
                }),
                field.key.span,
            ))
        });
        poll.or(wait).or(subscribe)
    }

    /// A polled instruction looks and does nothing else: what it finds is judged by the condition.
    fn polled(&mut self, node: &Node) {
        let NodeKind::Map(members) = &node.kind else {
            return;
        };
        let parallel = members.iter().find(|(key, _)| key.as_str() == "parallel");
        if let Some((
            _,
            Node {
                kind: NodeKind::List(branches),
                ..
            },
        )) = parallel
        {
            for branch in branches {
                self.polled_branch(branch);
            }
        }
        let refused = members.iter().find_map(|(key, _)| {
            let mut known = NOT_POLLED.iter();
            let (_, instead) = known.find(|(name, _)| *name == key.as_str())?;
            Some((key, *instead))
        });
        let Some((key, instead)) = refused else {
            return;
        };
        let is_action = ACTIONS.iter().any(|action| action.name == key.as_str());
        let message = if is_action {
            format!("`{}` yields no result to poll", key.value)
        } else {
            format!(
                "a polled instruction takes no `{}`: `when`, `fail_when` and `set` beside `poll` judge its results",
                key.value
            )
        };
        let diagnostic = self
            .error("polled-instruction", key.span, message)
            .hint(instead);
        self.report(diagnostic);
    }

    /// A branch of a polled `parallel` is a polled instruction. One level is enough: all are asked at once anyway.
    fn polled_branch(&mut self, branch: &Node) {
        let NodeKind::Map(members) = &branch.kind else {
            return;
        };
        if let Some((key, _)) = members.iter().find(|(key, _)| key.as_str() == "parallel") {
            let message = "a polled `parallel` holds no other `parallel`";
            let diagnostic = self
                .error("polled-instruction", key.span, message)
                .hint("write its branches beside the others");
            self.report(diagnostic);
            return;
        }
        self.polled(branch);
    }

    fn wait(&mut self, field: Field<'_>) -> Option<Strategy> {
        let wait = if let NodeKind::Map(_) = field.node.kind {
            let fields = self.object(field.node, &WAIT, field.key.span)?;
            Wait::Until(
                fields
                    .get("until")
                    .and_then(|field| self.expression(field))?,
            )
        } else {
            Wait::For(self.length(field)?)
        };
        Some(Strategy::Wait(wait, field.key.span))
    }

    fn subscribe(&mut self, field: Field<'_>) -> Option<Strategy> {
        let subscribe = if let NodeKind::Map(_) = field.node.kind {
            let (client, source) = self.single(
                field.node,
                field.key.span,
                "`subscribe` is `{CLIENT: source}`",
                "write `{nats: orders.*}`",
            )?;
            if !self.source(client, source) {
                return None;
            }
            Subscribe::Source {
                client: client.clone(),
                source: source.clone(),
            }
        } else if let NodeKind::List(_) = field.node.kind {
            self.wrong_type(
                field.node,
                field.key.span,
                "`subscribe` is `{CLIENT: source}` or the name of a `listen` entry",
                None,
            );
            return None;
        } else {
            Subscribe::Listen(self.literal(field)?)
        };
        Some(Strategy::Subscribe(subscribe, field.key.span))
    }

    /// `collect` with its `expect`.
    fn collect(&mut self, fields: &Fields<'_>) -> Option<Collect> {
        let expect = fields.get("expect");
        let Some(collect) = fields.get("collect") else {
            if let Some(expect) = expect {
                let diagnostic = self
                    .error(
                        "expect-without-collect",
                        expect.key.span,
                        "`expect` judges what `collect` has gathered, and there is none",
                    )
                    .hint("a condition is judged by `when` and `fail_when`; or add `collect: 5s` beside `subscribe`");
                self.report(diagnostic);
            }
            return None;
        };
        if let Some(count) = fields.get("count") {
            let diagnostic = self
                .error(
                    "collect-and-count",
                    count.key.span,
                    "`collect` gathers all that matches, so that `count` has no meaning beside it",
                )
                .related(collect.key.span, "gathers all")
                .hint("remove `count`, and say how many there must be: `expect: len(res) == 3`");
            self.report(diagnostic);
        }
        let length = match &collect.node.kind {
            NodeKind::Text(text) if text.as_str() == "end" => None,
            NodeKind::Text(text)
                if !text.value.contains("${") && parse_duration(&text.value).is_err() =>
            {
                let message = format!(
                    "`collect` is a length of time or `end`, not `{}`",
                    text.value
                );
                let diagnostic = self
                    .error("duration", text.span, message)
                    .hint("write `5s`, or `end` to gather until the source has ended");
                self.report(diagnostic);
                return None;
            }
            _ => Some(self.length(collect)?),
        };
        Some(Collect {
            length,
            expect: self.each(expect, Self::expressions),
            span: collect.key.span,
        })
    }

    /// `count` and `collect` are about messages.
    fn of_messages(&mut self, fields: &Fields<'_>, inherited: Option<&Strategy>) {
        let Some(key) = fields.first(&["count", "collect"]) else {
            return;
        };
        if fields.get("subscribe").is_some() {
            return;
        }
        let own = fields.first(&["wait", "poll", "all"]);
        let other = own.map(|field| field.key.span).or(match inherited {
            Some(Strategy::Poll(_, span) | Strategy::Wait(_, span)) => Some(*span),
            _ => None,
        });
        let (code, does, hint) = match key.key.as_str() {
            "count" => (
                "count-without-subscribe",
                "counts",
                "remove it; `attempt` counts polls",
            ),
            _ => (
                "collect-without-subscribe",
                "gathers",
                "add `subscribe: …`, or judge each result by `when`",
            ),
        };
        let Some(other) = other else {
            return;
        };
        let message = format!(
            "`{}` {does} the messages of a `subscribe`, and there is none",
            key.key.value
        );
        let diagnostic = self
            .error(code, key.key.span, message)
            .related(other, "the strategy")
            .hint(hint);
        self.report(diagnostic);
    }

    fn all(&mut self, field: Field<'_>) -> Option<Vec<(Text, Condition)>> {
        let members = self.map_of_names(field)?;
        if members.is_empty() {
            self.empty_list(field);
        }
        Some(
            members
                .iter()
                .filter_map(|(name, node)| {
                    let literal = self.no_template(name, "the name of a condition");
                    let condition = self.condition(node, name.span)?;
                    literal.then(|| (name.clone(), condition))
                })
                .collect(),
        )
    }

    /// `all` yields no result of its own: strategies and expressions stand in its members.
    fn all_alone(&mut self, fields: &Fields<'_>) {
        let Some(all) = fields.get("all") else {
            return;
        };
        let Some(other) = fields.first(&["wait", "poll", "subscribe", "when", "fail_when"]) else {
            return;
        };
        let (first, second) = if all.key.span < other.key.span {
            (all, other)
        } else {
            (other, all)
        };
        let diagnostic = self
            .error(
                "two-strategies",
                second.key.span,
                format!("`all` and `{}` do not go together", other.key.value),
            )
            .related(first.key.span, "the other one")
            .hint(format!("move `{}` into a member of `all`", other.key.value));
        self.report(diagnostic);
    }
}
