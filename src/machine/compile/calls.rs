//! `task`: another task as a step.

use super::Compiler;
use super::context::{Context, Reads};
use super::schema::Slot;
use crate::definition::{Node, Text, nearest};
use crate::event::{Json, Name};
use crate::machine::program::{Action, Machine, TaskCall, Variable};
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A task that another one may call.
#[derive(Debug)]
pub struct CalledTask {
    machine: Arc<Machine>,
    /// The schema of what a call yields.
    result: Json,
}

impl CalledTask {
    /// This one.
    #[must_use]
    pub fn new(machine: Arc<Machine>) -> Self {
        let outputs = machine.outputs.iter();
        let members: serde_json::Map<String, Json> = outputs
            .map(|output| (output.name.to_string(), json!({})))
            .collect();
        let result = json!({ "type": "object", "properties": members });
        Self { machine, result }
    }

    pub(super) fn result(&self) -> &Json {
        &self.result
    }
}

/// The tasks that a task calls, by their files as they are written there.
#[derive(Debug, Default)]
pub struct CalledTasks(HashMap<Name, Option<CalledTask>>);

impl CalledTasks {
    /// Adds one; `None`: it has mistakes, which were told.
    pub fn insert(&mut self, file: Name, task: Option<CalledTask>) {
        self.0.insert(file, task);
    }

    /// Whether one of them has mistakes: who calls it cannot run.
    pub(super) fn is_any_broken(&self) -> bool {
        self.0.values().any(Option::is_none)
    }

    pub(super) fn get(&self, file: &str) -> Option<&CalledTask> {
        self.0.get(file)?.as_ref()
    }
}

impl<'a> Compiler<'a> {
    pub(super) fn task_call(
        &mut self,
        cx: Context<'a>,
        reads: &mut Reads,
        file: &Text,
        with: &[(Text, Node)],
        path: &str,
    ) -> Option<(Action, Name)> {
        let mut given = Vec::with_capacity(with.len());
        for (name, node) in with {
            let path = format!("{path}.task.with.{}", name.as_str());
            let value = self.blueprint(cx, reads, node, Slot::DATA, &path);
            given.push(value.map(|value| Variable {
                name: Name::clone(&name.value),
                value,
            }));
        }
        let Some(called) = self.project.called.get(file.as_str()) else {
            // What is wrong with it is told where it is written.
            return None;
        };
        let machine = Arc::clone(&called.machine);
        self.check_with(cx, &machine, file, with);
        if !self.called.iter().any(|known| Arc::ptr_eq(known, &machine)) {
            self.called.push(Arc::clone(&machine));
        }
        let what = format!("task {}", machine.name).into();
        let with = given.into_iter().collect::<Option<_>>()?;
        Some((Action::Task(Box::new(TaskCall { machine, with })), what))
    }

    /// Whether the call brings what the task needs, and nothing that it does not know.
    fn check_with(
        &mut self,
        cx: Context<'a>,
        machine: &Machine,
        file: &Text,
        with: &[(Text, Node)],
    ) {
        let known: HashSet<&str> = machine.declared().map(|name| &**name).collect();
        for (name, _) in with {
            if known.contains(name.as_str()) {
                continue;
            }
            let hint = match nearest(name.as_str(), known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "declare it there, in `params` or `vars`".to_owned(),
            };
            self.error(
                "unknown-variable",
                &cx.file.name,
                name.span,
                format!("`{}` is no variable of `{}`", name.as_str(), file.as_str()),
                "",
                Some(hint),
            );
        }
        let lacks = |param: &&Name| {
            !with.iter().any(|(name, _)| name.value == **param)
                && !self.project.given.contains(param)
        };
        let lacking: Vec<String> = (machine.params.iter().filter(lacks))
            .map(|name| format!("`{name}`"))
            .collect();
        if !lacking.is_empty() {
            self.error(
                "missing-param",
                &cx.file.name,
                file.span,
                format!("`{}` needs {}", file.as_str(), lacking.join(", ")),
                "its `params` are not all given",
                Some("give it by `with: {…}`".to_owned()),
            );
        }
    }
}
