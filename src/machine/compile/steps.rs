//! Instructions.

use super::Compiler;
use super::context::{Context, Reads};
use super::requests::Request;
use super::result::ResultShape;
use super::schema::Slot;
use super::texts::chance_place;
use crate::definition::model::{self, Instruction};
use crate::definition::{Node, NodeKind, Text};
use crate::event::{Json, Name};
use crate::machine::program::{
    Action, Assignment, Blueprint, Each, Guard, Items, Length, Pauses, Retry, Step,
};
use crate::machine::record_policy::RecordPolicy;
use std::sync::Arc;
use std::time::Duration;

/// The pause before a retry.
const RETRY_DELAY: Duration = Duration::from_millis(500);

impl<'a> Compiler<'a> {
    pub(super) fn steps(
        &mut self,
        cx: Context<'a>,
        instructions: &[Instruction],
        path: &str,
    ) -> Box<[Step]> {
        instructions
            .iter()
            .enumerate()
            .filter_map(|(index, instruction)| {
                self.step(cx, instruction, &format!("{path}[{index}]"))
            })
            .collect()
    }

    /// Compiles an instruction; every mistake in it is reported, also behind the first.
    pub(super) fn step(
        &mut self,
        cx: Context<'a>,
        instruction: &Instruction,
        path: &str,
    ) -> Option<Step> {
        let mut reads = Reads::new();
        let condition = optional(instruction.condition.as_ref(), |text| {
            self.guard(cx, &mut reads, text, &format!("{path}.if"))
        });
        let each = optional(instruction.for_each.as_ref(), |each| {
            self.each(cx, &mut reads, each, path).map(Box::new)
        });
        let is_loop = instruction.for_each.is_some();
        let inside = Context {
            has_item: cx.has_item || is_loop,
            ..cx
        };
        let action = self.action(inside, &mut reads, instruction.action.as_ref(), path);
        let timeout = optional(instruction.timeout.as_ref(), |length| {
            self.length(inside, &mut reads, length, &format!("{path}.timeout"))
        });
        // `retry.if` sees the attempt's result and error.
        let one = match &instruction.action {
            Some(_) => inside.with_res(self.result_of(instruction.action.as_ref())),
            None => inside,
        };
        let retry = optional(instruction.retry.as_ref(), |retry| {
            self.retry(one, &mut reads, retry, &format!("{path}.retry"))
                .map(Box::new)
        });
        let all = if is_loop {
            // The list of all results.
            cx.with_res(ResultShape::Any)
        } else {
            one
        };
        let (save, expect) = self.judgement(all, &mut reads, instruction, path);
        let record_policy = match &action {
            Some((action, _)) => self.record_policy(cx, action),
            None => RecordPolicy::Full,
        };
        // What it reads is its own affair, at the end of the task.
        let done = Context {
            record_policy,
            ..one
        };
        let defer = optional(instruction.defer.as_ref(), |defer| {
            self.step(done, defer, &format!("{path}.defer"))
                .map(Arc::new)
        });
        let (action, what) = action?;
        let what = instruction
            .name
            .as_ref()
            .map_or(what, |name| Name::clone(&name.value));
        Some(Step {
            place: cx.place(instruction.span, path),
            what,
            is_named: instruction.name.is_some(),
            condition: condition?,
            action,
            record_policy,
            reads: reads.into(),
            expect,
            save,
            timeout: timeout?,
            retry: retry?,
            each: each?,
            defer: defer?,
        })
    }

    /// What is recorded of the result of an action.
    fn record_policy(&self, cx: Context<'a>, action: &Action) -> RecordPolicy {
        match action {
            // `expect` and `save` alone look at the result around them.
            Action::None => cx.record_policy,
            Action::Call { client, .. } => self.clients[*client].record_policy,
            Action::Parallel(steps) => steps
                .iter()
                .fold(RecordPolicy::Full, |all, step| all.and(step.record_policy)),
            Action::Listen(_)
            | Action::Eval(_)
            | Action::Signal { .. }
            | Action::Log(_)
            | Action::Task(_) => RecordPolicy::Full,
        }
    }

    /// `save` and `expect`. Each sees what the ones before it have saved, so that this counts as no read.
    fn judgement(
        &mut self,
        cx: Context<'a>,
        reads: &mut Reads,
        instruction: &Instruction,
        path: &str,
    ) -> (Box<[Assignment]>, Box<[Guard]>) {
        let mut own: Vec<Name> = Vec::new();
        let mut save = Vec::new();
        for (name, value) in &instruction.save {
            let mut seen = Reads::new();
            let path = format!("{path}.save.{}", name.as_str());
            save.extend(self.assignment(cx, &mut seen, name, value, &path));
            add_others(reads, seen, &own);
            own.push(Name::clone(&name.value));
        }
        let mut seen = Reads::new();
        let expect = self.guards(
            cx,
            &mut seen,
            &instruction.expect,
            &format!("{path}.expect"),
        );
        add_others(reads, seen, &own);
        (save.into(), expect)
    }

    fn each(
        &mut self,
        cx: Context<'a>,
        reads: &mut Reads,
        each: &model::ForEach,
        path: &str,
    ) -> Option<Each> {
        let path = format!("{path}.for_each");
        let items = match &each.items.kind {
            NodeKind::Text(text) => Items::Expression(self.guard(cx, reads, text, &path)?),
            _ => Items::List(self.blueprint(cx, reads, &each.items, Slot::DATA, &path)?),
        };
        Some(Each {
            items,
            concurrency: each
                .concurrency
                .as_ref()
                .map_or(1, |limit| limit.value as usize),
        })
    }

    fn retry(
        &mut self,
        cx: Context<'a>,
        reads: &mut Reads,
        retry: &model::Retry,
        path: &str,
    ) -> Option<Retry> {
        let delay = match &retry.delay {
            None => Length::Literal(RETRY_DELAY),
            Some(length) => self.length(cx, reads, length, &format!("{path}.delay"))?,
        };
        Some(Retry {
            max_attempts: retry.max_attempts.value,
            pauses: Pauses {
                first: delay,
                backoff: retry.backoff.as_ref().map_or(1.0, |factor| factor.value),
                longest: optional(retry.max_delay.as_ref(), |length| {
                    self.length(cx, reads, length, &format!("{path}.max_delay"))
                })?,
                jitter: retry.jitter.as_ref().map_or(0.0, |share| share.value),
                chance: chance_place(path),
            },
            condition: optional(retry.condition.as_ref(), |text| {
                self.guard(cx, reads, text, &format!("{path}.if"))
            })?,
        })
    }

    fn action(
        &mut self,
        cx: Context<'a>,
        reads: &mut Reads,
        action: Option<&model::Action>,
        path: &str,
    ) -> Option<(Action, Name)> {
        Some(match action {
            None => (Action::None, "expect".into()),
            Some(model::Action::Call { client, request }) => {
                let path = format!("{path}.{}", client.as_str());
                let Request {
                    client,
                    request,
                    what,
                    safe,
                } = self.request(cx, reads, client, request, &path)?;
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
                self.check_branches(cx, branches);
                let steps = self.steps(cx, branches, &format!("{path}.parallel"));
                (steps.len() == branches.len()).then_some(())?;
                reads.extend(steps.iter().flat_map(|step| step.reads.iter().cloned()));
                (Action::Parallel(steps), "parallel".into())
            }
            Some(model::Action::Listen(listens)) => {
                let mut open = Vec::with_capacity(listens.len());
                for listen in listens {
                    open.push(self.listen(
                        cx,
                        reads,
                        listen,
                        &format!("{path}.listen.{}", listen.name.as_str()),
                    ));
                }
                (
                    Action::Listen(open.into_iter().collect::<Option<_>>()?),
                    "listen".into(),
                )
            }
            Some(model::Action::Eval(script)) => (
                Action::Eval(self.script(cx, reads, script, &format!("{path}.eval"))?),
                "eval".into(),
            ),
            Some(model::Action::Signal { name, data }) => {
                let data = match data {
                    None => Blueprint::Constant(Arc::new(Json::Null)),
                    Some(node) => {
                        self.blueprint(cx, reads, node, Slot::DATA, &format!("{path}.signal.data"))?
                    }
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
            Some(model::Action::Task { file, with }) => {
                self.task_call(cx, reads, file, with, path)?
            }
            Some(model::Action::Log(node)) => (self.log(cx, reads, node, path)?, "log".into()),
        })
    }

    fn log(
        &mut self,
        cx: Context<'a>,
        reads: &mut Reads,
        node: &Node,
        path: &str,
    ) -> Option<Action> {
        self.blueprint(cx, reads, node, Slot::DATA, &format!("{path}.log"))
            .map(Action::Log)
    }

    /// Two branches of a `parallel` may not save the same name: which value it has would be chance.
    fn check_branches(&mut self, cx: Context<'a>, branches: &[Instruction]) {
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
                &cx.file.name,
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

/// Adds what is read of variables that do not bear one of these names.
pub(super) fn add_others(reads: &mut Reads, seen: Reads, names: &[Name]) {
    reads.extend(seen.into_iter().filter(|read| !names.contains(&read.name)));
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
