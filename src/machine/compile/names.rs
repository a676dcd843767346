//! The names in an expression: variables, functions, modules, services. What nobody knows is a mistake, and mostly
//! its author wanted something that is written in another way.

use super::Compiler;
use super::context::{Context, Reads};
use super::schema::Usage;
use crate::definition::{Text, nearest};
use crate::event::{Name, Span};
use crate::machine::program;
use crate::script::{Expression, LOCALS};
use crate::syntax::{Path, Read};

impl<'a> Compiler<'a> {
    /// Names and calls of an expression that stands at this byte offset of the text, and what is doubtful in it.
    /// `usage`: that of the text around it.
    pub(super) fn check_names(
        &mut self,
        cx: Context<'a>,
        reads: &mut Reads,
        text: &Text,
        offset: usize,
        expression: &Expression,
        usage: Usage,
    ) {
        let span = |at: &std::ops::Range<usize>| text.span_of(at.start + offset..at.end + offset);
        let uses = expression.uses();
        self.modules.extend(uses.modules().cloned());
        self.reads_services |= uses.reads("services");
        for error in self.project.engine.unresolved(expression) {
            let call = uses.calls.iter().find(|call| call.at == error.at);
            let constant = uses.constants.iter().find(|one| one.at == error.at);
            let module = call
                .and_then(|call| call.module.as_ref())
                .or(constant.map(|constant| &constant.module));
            let elsewhere = module
                .filter(|name| !self.project.engine.has_module(name))
                .and_then(|name| (self.project.module_elsewhere)(self.project.suite, name));
            let hint = elsewhere.or(error.hint);
            self.error(
                "unknown-function",
                &cx.file.name,
                span(&error.at),
                error.message,
                "",
                hint,
            );
        }
        for doubt in expression.doubts() {
            let (message, hint) = (doubt.message.clone(), doubt.hint.clone());
            self.warning(
                "doubtful",
                &cx.file.name,
                span(&doubt.at),
                message,
                "",
                hint,
            );
        }
        for read in &uses.reads {
            if self.is_known(cx, &read.name) {
                self.read(cx, reads, &read.name, span(&read.at));
                continue;
            }
            let inside = |at: &std::ops::Range<usize>| at.contains(&read.at.start);
            let dashed = uses.dashed.iter().find(|dashed| inside(&dashed.at));
            if let Some(dashed) = dashed {
                let of = expression.source().get(dashed.of.clone());
                let hint = format!(
                    "`-` subtracts; a name that holds one is written `{}['{}']`",
                    of.unwrap_or_default(),
                    dashed.name
                );
                self.unknown_variable(cx, &read.name, span(&dashed.at), Some(hint));
            } else {
                let hint = self.instead_of(cx, read, usage == Usage::Shell);
                self.unknown_variable(cx, &read.name, span(&read.at), Some(hint));
            }
        }
        for path in &uses.paths {
            if &*path.root == "res" {
                self.check_members(cx, text, offset, path);
            }
            self.check_service(cx, path, span(&path.at));
            self.check_region_path(cx, path, span(&path.at));
        }
    }

    fn check_service(&mut self, cx: Context<'a>, path: &Path, span: Span) {
        let services = &self.project.suite.services;
        let Some(service) = path.members.first() else {
            return;
        };
        let is_known = services.iter().any(|known| known.name.value == *service);
        if &*path.root != "services" || is_known {
            return;
        }
        let hint = nearest(service, services.iter().map(|known| known.name.as_str()))
            .map(|known| format!("did you mean `{known}`?"))
            .or_else(|| Some("declare it in funcy.yaml, under `services:`".to_owned()));
        let message = format!("there is no service `{service}`");
        self.error("unknown-service", &cx.file.name, span, message, "", hint);
    }

    fn is_known(&self, cx: Context<'a>, name: &Name) -> bool {
        LOCALS.contains(&&**name)
            || self.variables.contains(name)
            || self.is_saved_by_region(cx, name)
    }

    /// A name that is known; `res` and `item` are not everywhere.
    fn read(&mut self, cx: Context<'a>, reads: &mut Reads, name: &Name, span: Span) {
        match &**name {
            "res" if cx.res.is_absent() => self.no_result(cx, span),
            name @ ("item" | "index") if !cx.has_item => {
                let hint = Some(format!("`{name}` exists inside `for_each` only"));
                let message = format!("there is no `{name}` here");
                self.error("unknown-variable", &cx.file.name, span, message, "", hint);
            }
            local if LOCALS.contains(&local) => {}
            _ => {
                if self.project.given.contains(name)
                    || self.case_columns().any(|column| column == name)
                {
                    self.outside_reads.insert(Name::clone(name));
                }
                reads.push(program::Read {
                    name: Name::clone(name),
                    file: Name::clone(&cx.file.name),
                    span,
                });
            }
        }
    }

    fn unknown_variable(&mut self, cx: Context<'a>, name: &str, span: Span, hint: Option<String>) {
        let message = format!("there is no variable `{name}`");
        self.error(
            "unknown-variable",
            &cx.file.name,
            span,
            message,
            "unknown variable",
            hint,
        );
    }

    /// What to write instead of a variable that nobody knows.
    fn instead_of(&self, cx: Context<'a>, read: &Read, shell: bool) -> String {
        let name = &*read.name;
        let known = self.variables.iter().chain(self.saved_by_regions(cx));
        let known = known.map(|known| &**known).chain(LOCALS);
        let near = nearest(name, known).map(|known| format!("did you mean `{known}`?"));
        let of_shell = format!("`$${{{name}}}` leaves it to the shell");
        let from_env = format!("`${{env('{name}')}}` reads the environment variable");
        // What only environments declare is there with one of them.
        let mut environments = self.project.suite.environments.iter();
        let declares =
            environments.find(|one| one.vars.iter().any(|(known, _)| known.as_str() == name));
        if let Some(environment) = declares {
            let environment = &environment.name.value;
            return format!("an environment of the suite declares it: `--env {environment}`");
        }
        match (near, is_of_environment(name), shell) {
            (Some(near), _, true) => format!("{near} {of_shell}"),
            (Some(near), _, false) => near,
            (None, _, true) => format!("{of_shell}, {from_env}"),
            (None, true, false) => format!("an environment variable is read by `env('{name}')`"),
            (None, false, false) => {
                "declare it under `vars:`, save it in an instruction, or give it with `--var`"
                    .to_owned()
            }
        }
    }

    pub(super) fn no_result(&mut self, cx: Context<'a>, span: Span) {
        let hint = "`res` is the result of an instruction or strategy: add `poll`, `subscribe` or a request".to_owned();
        self.error(
            "no-result",
            &cx.file.name,
            span,
            "there is no `res` here",
            "nothing yields a result here",
            Some(hint),
        );
    }
}

/// Whether this is how environment variables are named: `HOME`, `CI_JOB_ID`.
fn is_of_environment(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
        && name
            .bytes()
            .all(|byte| byte == b'_' || byte.is_ascii_uppercase() || byte.is_ascii_digit())
}
