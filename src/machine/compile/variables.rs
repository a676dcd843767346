//! The variables that a task begins with.

use super::Compiler;
use super::context::{Context, Reads};
use super::schema::Slot;
use crate::definition::{Node, Text};
use crate::event::{ANYWHERE, MIN_SECRET, Name};
use crate::machine::program::Variable;
use std::collections::HashSet;

impl<'a> Compiler<'a> {
    /// The suite's variables and secrets, then those of the task, which are stronger.
    pub(super) fn variables(&mut self) -> Vec<Variable> {
        let (task, suite) = (self.task, self.project.suite);
        let mut vars: Vec<Variable> = Vec::new();
        let here = Context::new(&task.file, &task.program, self.project.prefix);
        let there = self.suite_context();
        let own_vars = task.vars.iter().map(|(name, _)| name.as_str());
        let own_secrets = task.secrets.iter().map(|(name, _)| name.as_str());
        let shadowed: HashSet<&str> = own_vars.chain(own_secrets).collect();
        for (name, node) in &suite.vars {
            if !shadowed.contains(name.as_str()) {
                vars.extend(self.variable(there, name, node, &vars));
            }
        }
        for (name, node) in &suite.secrets {
            if let Some(node) = node.as_ref().filter(|_| !shadowed.contains(name.as_str())) {
                self.check_secret(there, name, node);
                vars.extend(self.variable(there, name, node, &vars));
            }
        }
        for (name, node) in &task.vars {
            vars.extend(self.variable(here, name, node, &vars));
        }
        for (name, node) in &task.secrets {
            if let Some(node) = node {
                self.check_secret(here, name, node);
                vars.extend(self.variable(here, name, node, &vars));
            }
        }
        vars
    }

    /// A secret that is written out and so short that it is not hidden inside other words.
    fn check_secret(&mut self, cx: Context<'a>, name: &Text, node: &Node) {
        let Some(text) = node.as_text() else { return };
        let length = text.as_str().chars().count();
        if !(MIN_SECRET..ANYWHERE).contains(&length) || text.as_str().contains("${") {
            return;
        }
        self.warning(
            "short-secret",
            &cx.file.name,
            text.span,
            format!(
                "the secret `{}` is shorter than {ANYWHERE} characters",
                name.as_str()
            ),
            "hidden as a word only",
            Some(
                "inside other words it stays visible; a longer value is hidden everywhere"
                    .to_owned(),
            ),
        );
    }

    /// A variable that may read those before it.
    fn variable(
        &mut self,
        cx: Context<'a>,
        name: &Text,
        node: &Node,
        known: &[Variable],
    ) -> Option<Variable> {
        let mut reads = Reads::new();
        let value = self.blueprint(
            cx,
            &mut reads,
            node,
            Slot::DATA,
            &format!("vars.{}", name.as_str()),
        )?;
        let params = self.task.params.iter().map(|param| &param.value);
        let outside: Vec<&Name> = params
            .chain(self.project.given)
            .chain(self.case_columns())
            .collect();
        let early = reads.iter().find(|read| {
            !outside.contains(&&read.name) && !known.iter().any(|one| one.name == read.name)
        });
        if let Some(read) = early {
            let message = format!(
                "`{}` has no value yet where `{}` is evaluated",
                read.name,
                name.as_str()
            );
            let hint = format!(
                "declare `{}` above: variables are evaluated in order",
                read.name
            );
            self.warning(
                "unsaved-variable",
                &cx.file.name,
                read.span,
                message,
                "no value yet",
                Some(hint),
            );
        }
        Some(Variable {
            name: Name::clone(&name.value),
            value,
        })
    }
}
