//! Instructions.

use super::Compiler;
use super::requests::Request;
use super::result::ResultShape;
use crate::definition::model::{self, Instruction};
use crate::definition::{Node, NodeKind, Text};
use crate::event::{Json, Name};
use crate::machine::program::{
    Action, Assignment, Blueprint, Each, Guard, Items, Length, Read, Retry, Step,
};
use crate::machine::record_policy::RecordPolicy;
use std::sync::Arc;
use std::time::Duration;

/// The pause before a retry.
const RETRY_DELAY: Duration = Duration::from_millis(500);

impl Compiler<'_> {
    pub(super) fn steps(&mut self, instructions: &[Instruction], path: &str) -> Box<[Step]> {
        instructions
            .iter()
            .enumerate()
            .filter_map(|(index, instruction)| self.step(instruction, &format!("{path}[{index}]")))
            .collect()
    }

    /// Compiles an instruction; every mistake in it is reported, also behind the first.
    pub(super) fn step(&mut self, instruction: &Instruction, path: &str) -> Option<Step> {
        let before = self.reads.len();
        let outside = (self.res, self.has_item);
        let condition = optional(instruction.condition.as_ref(), |text| {
            self.guard(text, &format!("{path}.if"))
        });
        let each = optional(instruction.for_each.as_ref(), |each| {
            self.each(each, path).map(Box::new)
        });
        self.has_item |= instruction.for_each.is_some();
        let action = self.action(instruction.action.as_ref(), path);
        let timeout = optional(instruction.timeout.as_ref(), |length| {
            self.length(length, &format!("{path}.timeout"))
        });
        // `retry.if` sees the attempt's result and error.
        if instruction.action.is_some() {
            self.res = self.result_of(instruction.action.as_ref());
        }
        let retry = optional(instruction.retry.as_ref(), |retry| {
            self.retry(retry, &format!("{path}.retry")).map(Box::new)
        });
        let one = self.res;
        if instruction.for_each.is_some() {
            // The list of all results.
            self.res = ResultShape::Any;
        }
        let looped = std::mem::replace(&mut self.has_item, outside.1);
        let (save, expect) = self.judgement(instruction, path);
        self.has_item = looped;
        self.res = one;
        // What it needs is its own affair, at the end of the task.
        let own = self.reads.len();
        let around = self.res_record_policy;
        let record_policy = match &action {
            Some((action, _)) => self.record_policy(action),
            None => RecordPolicy::Full,
        };
        self.res_record_policy = record_policy;
        let defer = optional(instruction.defer.as_ref(), |defer| {
            self.step(defer, &format!("{path}.defer")).map(Arc::new)
        });
        self.res_record_policy = around;
        self.reads.truncate(own);
        (self.res, self.has_item) = outside;
        let (action, what) = action?;
        let what = instruction
            .name
            .as_ref()
            .map_or(what, |name| Name::clone(&name.value));
        Some(Step {
            place: self.place(instruction.span, path),
            what,
            is_named: instruction.name.is_some(),
            condition: condition?,
            action,
            record_policy,
            reads: self.reads[before..].into(),
            expect,
            save,
            timeout: timeout?,
            retry: retry?,
            each: each?,
            defer: defer?,
        })
    }

    /// What is recorded of the result of an action.
    fn record_policy(&self, action: &Action) -> RecordPolicy {
        match action {
            // `expect` and `save` alone look at the result around them.
            Action::None => self.res_record_policy,
            Action::Call { client, .. } => self.clients[*client].record_policy,
            Action::Parallel(steps) => steps
                .iter()
                .fold(RecordPolicy::Full, |all, step| all.and(step.record_policy)),
            Action::Listen(_) | Action::Eval(_) | Action::Signal { .. } | Action::Log(_) => {
                RecordPolicy::Full
            }
        }
    }

    /// `save` and `expect`. Each sees what the ones before it have saved, so that this counts as no read.
    fn judgement(
        &mut self,
        instruction: &Instruction,
        path: &str,
    ) -> (Box<[Assignment]>, Box<[Guard]>) {
        let mut own: Vec<&Name> = Vec::new();
        let mut save = Vec::new();
        for (name, value) in &instruction.save {
            let before = self.reads.len();
            save.extend(self.assignment(name, value, &format!("{path}.save.{}", name.as_str())));
            self.forget_reads(before, |read| own.contains(&&read.name));
            own.push(&name.value);
        }
        let before = self.reads.len();
        let expect = self.guards(&instruction.expect, &format!("{path}.expect"));
        self.forget_reads(before, |read| own.contains(&&read.name));
        (save.into(), expect)
    }

    /// Takes back some of the reads that were noted since there were this many.
    pub(super) fn forget_reads(&mut self, before: usize, which: impl Fn(&Read) -> bool) {
        let new = self.reads.split_off(before);
        self.reads
            .extend(new.into_iter().filter(|read| !which(read)));
    }

    fn each(&mut self, each: &model::ForEach, path: &str) -> Option<Each> {
        let path = format!("{path}.for_each");
        let items = match &each.items.kind {
            NodeKind::Text(text) => Items::Expression(self.guard(text, &path)?),
            _ => Items::List(self.blueprint(&each.items, None, &path)?),
        };
        Some(Each {
            items,
            concurrency: each
                .concurrency
                .as_ref()
                .map_or(1, |limit| limit.value as usize),
        })
    }

    fn retry(&mut self, retry: &model::Retry, path: &str) -> Option<Retry> {
        let delay = match &retry.delay {
            None => Length::Literal(RETRY_DELAY),
            Some(length) => self.length(length, &format!("{path}.delay"))?,
        };
        Some(Retry {
            max_attempts: retry.max_attempts.value,
            delay,
            backoff: retry.backoff.as_ref().map_or(1.0, |factor| factor.value),
            max_delay: optional(retry.max_delay.as_ref(), |length| {
                self.length(length, &format!("{path}.max_delay"))
            })?,
            condition: optional(retry.condition.as_ref(), |text| {
                self.guard(text, &format!("{path}.if"))
            })?,
        })
    }

    fn action(&mut self, action: Option<&model::Action>, path: &str) -> Option<(Action, Name)> {
        Some(match action {
            None => (Action::None, "expect".into()),
            Some(model::Action::Call { client, request }) => {
                let path = format!("{path}.{}", client.as_str());
                let Request {
                    client,
                    request,
                    what,
                    safe,
                } = self.request(client, request, &path)?;
                (
                    Action::Call {
                        client,
                        request,
                        safe,
                    },
                    what,
                )
            }
            Some(model::Action::Parallel(branches)) => {
                self.check_branches(branches);
                let steps = self.steps(branches, &format!("{path}.parallel"));
                (steps.len() == branches.len()).then_some(())?;
                (Action::Parallel(steps), "parallel".into())
            }
            Some(model::Action::Listen(listens)) => {
                let mut open = Vec::with_capacity(listens.len());
                for listen in listens {
                    open.push(
                        self.listen(listen, &format!("{path}.listen.{}", listen.name.as_str())),
                    );
                }
                (
                    Action::Listen(open.into_iter().collect::<Option<_>>()?),
                    "listen".into(),
                )
            }
            Some(model::Action::Eval(script)) => (
                Action::Eval(self.script(script, &format!("{path}.eval"))?),
                "eval".into(),
            ),
            Some(model::Action::Signal { name, data }) => {
                let data = match data {
                    None => Blueprint::Constant(Arc::new(Json::Null)),
                    Some(node) => self.blueprint(node, None, &format!("{path}.signal.data"))?,
                };
                let what = format!("signal {}", name.as_str()).into();
                (
                    Action::Signal {
                        name: Name::clone(&name.value),
                        data,
                    },
                    what,
                )
            }
            Some(model::Action::Log(node)) => (self.log(node, path)?, "log".into()),
        })
    }

    fn log(&mut self, node: &Node, path: &str) -> Option<Action> {
        self.blueprint(node, None, &format!("{path}.log"))
            .map(Action::Log)
    }

    /// Two branches of a `parallel` may not save the same name: which value it has would be chance.
    fn check_branches(&mut self, branches: &[Instruction]) {
        let mut saved: Vec<(&Name, crate::event::Span)> = Vec::new();
        let mut twice = Vec::new();
        for branch in branches {
            let before = saved.len();
            for name in saved_in(branch) {
                match saved[..before]
                    .iter()
                    .find(|(known, _)| **known == name.value)
                {
                    Some(_) => twice.push(name),
                    None => saved.push((&name.value, name.span)),
                }
            }
        }
        for name in twice {
            let message = format!("two branches of a `parallel` save `{}`", name.as_str());
            let hint = Some("give each its own name".to_owned());
            self.error(
                "saved-twice",
                name.span,
                message,
                "saved by another branch too",
                hint,
            );
        }
    }
}

/// What a branch saves, those of a `parallel` in it included.
fn saved_in(branch: &Instruction) -> Vec<&Text> {
    let mut names: Vec<&Text> = branch.save.iter().map(|(name, _)| name).collect();
    if let Some(model::Action::Parallel(branches)) = &branch.action {
        names.extend(branches.iter().flat_map(saved_in));
    }
    names
}

/// Compiles what may be absent: absent is fine, broken is not.
#[allow(
    clippy::option_option,
    reason = "absent, broken and there are three different things"
)]
pub(super) fn optional<T, U>(
    value: Option<&T>,
    compile: impl FnOnce(&T) -> Option<U>,
) -> Option<Option<U>> {
    match value {
        None => Some(None),
        Some(value) => compile(value).map(Some),
    }
}
