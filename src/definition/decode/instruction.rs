use super::Decoder;
use super::fields::{Field, Fields, MANY};
use super::misplaced::misplaced;
use crate::definition::keys::{ACTIONS, CALL, INSTRUCTION, MODIFIERS, RETRY, SIGNAL, Shape};
use crate::definition::model::{Action, ForEach, Instruction, Retry};
use crate::definition::node::{Node, NodeKind, Text};
use crate::event::{Span, nearest};

impl Decoder<'_> {
    /// A list of instructions that is not empty.
    pub(super) fn instructions(&mut self, field: Field<'_>) -> Option<Vec<Instruction>> {
        let NodeKind::List(items) = &field.node.kind else {
            let wanted = format!("`{}` is a list of instructions", field.key.value);
            self.wrong_type(
                field.node,
                field.key.span,
                &wanted,
                Some("begin each instruction with `- `"),
            );
            return None;
        };
        if items.is_empty() {
            self.empty_list(field);
        }
        Some(
            items
                .iter()
                .filter_map(|item| self.instruction(item, item.span))
                .collect(),
        )
    }

    /// One instruction. `at` is its key, or itself in a list.
    pub(super) fn instruction(&mut self, node: &Node, at: Span) -> Option<Instruction> {
        let NodeKind::Map(members) = &node.kind else {
            self.wrong_type(
                node,
                at,
                "an instruction is a map",
                Some(
                    "write `CLIENT: request`, or one of parallel, listen, eval, signal, task, log",
                ),
            );
            return None;
        };
        let action = self.action_key(members, node, at);
        let fields = Self::object_unchecked(members, &INSTRUCTION);
        let concurrency = self.concurrency(&fields);
        Some(Instruction {
            name: fields.get("name").and_then(|field| self.text(field)),
            condition: fields.get("if").and_then(|field| self.expression(field)),
            action: action.and_then(|field| self.action(field)),
            expect: self.each(fields.get("expect"), Self::expressions),
            save: self.each(fields.get("save"), Self::saves),
            timeout: fields.get("timeout").and_then(|field| self.length(field)),
            retry: fields.get("retry").and_then(|field| self.retry(field)),
            for_each: fields.get("for_each").and_then(|field| {
                self.items(field).then(|| ForEach {
                    items: field.node.clone(),
                    concurrency,
                })
            }),
            defer: fields
                .get("defer")
                .and_then(|field| self.instruction(field.node, field.key.span))
                .map(Box::new),
            span: node.span,
        })
    }

    /// The one key that says what an instruction does. Anything that is neither built in nor near it is
    /// the name of a client.
    fn action_key<'n>(
        &mut self,
        members: &'n [(Text, Node)],
        node: &Node,
        at: Span,
    ) -> Option<Field<'n>> {
        let is_modifier = |key: &Text| MODIFIERS.iter().any(|known| known.name == key.as_str());
        let is_action = |key: &Text| ACTIONS.iter().any(|known| known.name == key.as_str());
        let mut actions: Vec<Field<'n>> = members
            .iter()
            .filter(|(key, _)| !is_modifier(key))
            .map(|(key, node)| Field { key, node })
            .collect();
        // Pieces of a text that a comma split are no keys.
        actions.retain(|field| !self.settled.contains(field.key.span.start));
        if actions.len() > 1 && actions.len() <= MANY {
            // One of them is what the instruction does; the others may be slips in writing a key, or keys
            // that belong elsewhere.
            let is_misplaced = |field: &Field<'_>| {
                !is_action(field.key) && misplaced(field.key.as_str(), &INSTRUCTION).is_some()
            };
            let is_slip = |field: &Field<'_>| {
                !is_action(field.key) && nearest(field.key.as_str(), INSTRUCTION.names()).is_some()
            };
            let (misplaced, rest): (Vec<_>, Vec<_>) = actions.into_iter().partition(is_misplaced);
            // `poll` and `every` in one instruction are one mistake.
            if let Some(field) = misplaced.first() {
                self.unknown_key(field.key, &INSTRUCTION);
            }
            let (slips, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(is_slip);
            for field in &slips {
                self.unknown_key(field.key, &INSTRUCTION);
            }
            actions = others;
            if actions.is_empty() {
                return None;
            }
        }
        match actions.as_slice() {
            [] => {
                let does_something = members
                    .iter()
                    .any(|(key, _)| matches!(key.as_str(), "expect" | "save" | "defer"));
                if !does_something {
                    let span = members.first().map_or(at, |(key, _)| key.span);
                    let span = if members.is_empty() { node.span } else { span };
                    let diagnostic = self
                        .error("missing-key", span, "this instruction does nothing")
                        .hint("add `CLIENT: request`, or one of parallel, listen, eval, signal, task, log, expect, save");
                    self.report(diagnostic);
                }
                None
            }
            [field] => Some(*field),
            [first, second, ..] => {
                let diagnostic = self
                    .error(
                        "two-actions",
                        second.key.span,
                        format!(
                            "`{}` and `{}`: an instruction does one thing",
                            first.key.value, second.key.value
                        ),
                    )
                    .related(first.key.span, "the first one")
                    .hint("write two instructions, or `parallel: […]`");
                self.report(diagnostic);
                None
            }
        }
    }

    fn action(&mut self, field: Field<'_>) -> Option<Action> {
        match field.key.as_str() {
            "parallel" => Some(Action::Parallel(self.instructions(field)?)),
            "listen" => Some(Action::Listen(self.listens(field)?)),
            "eval" => Some(Action::Eval(self.expression(field)?)),
            "signal" => self.signal(field),
            "task" => self.task_call(field),
            "log" => {
                if let NodeKind::Null = field.node.kind {
                    self.nothing(field.node, field.key.span, "`log` is a text");
                    return None;
                }
                self.value(field.node, field.key.span);
                Some(Action::Log(field.node.clone()))
            }
            name => {
                if INSTRUCTION
                    .key(name)
                    .is_some_and(|key| matches!(key.shape, Shape::Unsupported))
                {
                    self.unsupported(field.key);
                    return None;
                }
                self.call(field)
            }
        }
    }

    fn call(&mut self, field: Field<'_>) -> Option<Action> {
        if !self.no_template(field.key, "the name of a client") {
            return None;
        }
        if let NodeKind::Null = field.node.kind {
            let wanted = format!("`{}` is given a request", field.key.value);
            self.nothing(field.node, field.key.span, &wanted);
            return None;
        }
        self.value(field.node, field.key.span);
        Some(Action::Call {
            client: field.key.clone(),
            request: field.node.clone(),
        })
    }

    fn signal(&mut self, field: Field<'_>) -> Option<Action> {
        let hint = match &field.node.kind {
            NodeKind::Text(name) => Some(format!("write `{{name: {}}}`", name.value)),
            _ => None,
        };
        if hint.is_some() {
            self.wrong_type(
                field.node,
                field.key.span,
                "`signal` is a map",
                hint.as_deref(),
            );
            return None;
        }
        let fields = self.object(field.node, &SIGNAL, field.key.span)?;
        let data = fields.get("data");
        if let Some(data) = data {
            self.value(data.node, data.key.span);
        }
        let name = fields.get("name").and_then(|field| self.literal(field))?;
        Some(Action::Signal {
            name,
            data: data.map(|field| field.node.clone()),
        })
    }

    fn task_call(&mut self, field: Field<'_>) -> Option<Action> {
        if let NodeKind::Text(file) = &field.node.kind {
            let hint = format!("write `{{file: {}}}`", file.value);
            self.wrong_type(field.node, field.key.span, "`task` is a map", Some(&hint));
            return None;
        }
        let fields = self.object(field.node, &CALL, field.key.span)?;
        let with = self.each(fields.get("with"), Self::values);
        let file = fields.get("file").and_then(|field| self.literal(field))?;
        self.calls.push(file.clone());
        Some(Action::Task { file, with })
    }

    fn retry(&mut self, field: Field<'_>) -> Option<Retry> {
        if let NodeKind::Number(number) = &field.node.kind {
            let hint = format!("write `{{max_attempts: {number}, delay: 1s}}`");
            self.wrong_type(field.node, field.key.span, "`retry` is a map", Some(&hint));
            return None;
        }
        let fields = self.object(field.node, &RETRY, field.key.span)?;
        let max_attempts = fields
            .get("max_attempts")
            .and_then(|field| self.count(field, 1));
        let delay = fields.get("delay").and_then(|field| self.length(field));
        let backoff = fields.get("backoff").and_then(|field| self.factor(field));
        let max_delay = fields.get("max_delay").and_then(|field| self.length(field));
        let jitter = fields.get("jitter").and_then(|field| self.share(field));
        let condition = fields.get("if").and_then(|field| self.expression(field));
        Some(Retry {
            max_attempts: max_attempts?,
            delay,
            backoff,
            max_delay,
            jitter,
            condition,
        })
    }

    fn concurrency(
        &mut self,
        fields: &Fields<'_>,
    ) -> Option<crate::definition::model::Spanned<u32>> {
        let field = fields.get("concurrency")?;
        if fields.get("for_each").is_none() {
            let diagnostic = self
                .error(
                    "without-for-each",
                    field.key.span,
                    "`concurrency` belongs to `for_each`, and there is none",
                )
                .hint("add `for_each: …`, or remove it");
            self.report(diagnostic);
        }
        self.count(field, 1)
    }

    /// Whether this can be run through: a list, or an expression.
    fn items(&mut self, field: Field<'_>) -> bool {
        match &field.node.kind {
            NodeKind::List(items) => {
                if items.is_empty() {
                    self.empty_list(field);
                    return false;
                }
                self.value(field.node, field.key.span);
                true
            }
            NodeKind::Text(text) => self.check_expression(text),
            NodeKind::Number(number) if number.as_u64().is_some() => true,
            _ => {
                self.wrong_type(
                    field.node,
                    field.key.span,
                    "`for_each` is a list, a number of times, or an expression that yields one of these",
                    Some("a range does as well: `for_each: 1..=3`"),
                );
                false
            }
        }
    }
}
