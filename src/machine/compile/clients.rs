//! The clients that a task uses, of its own and of its suite.

use super::Compiler;
use super::context::{Context, Reads};
use super::schema::{Slot, Usage};
use crate::definition::model::ClientDefinition;
use crate::definition::{
    ClientKind, NodeKind, SourceFile, Text, misplaced_in_instruction, nearest,
};
use crate::event::{Json, Name};
use crate::machine::program::{Blueprint, Client};
use crate::machine::record_policy::RecordPolicy;
use std::sync::Arc;

impl<'a> Compiler<'a> {
    /// The index of a client; its config is compiled on its first use.
    pub(super) fn client(
        &mut self,
        cx: Context<'a>,
        reads: &mut Reads,
        name: &Text,
    ) -> Option<usize> {
        let index = match self.client_index.get(&name.value) {
            Some(known) => *known,
            None => self.first_use(cx, name),
        };
        if let Some(index) = index {
            reads.extend_from_slice(&self.client_reads[index]);
        }
        index
    }

    fn first_use(&mut self, cx: Context<'a>, name: &Text) -> Option<usize> {
        let index = if let Some((definition, file)) = self.definition(&name.value) {
            // Whoever happens to use it first gives it no `res` or `item`.
            self.defined_client(
                Context::new(file, &self.task.program, self.project.prefix),
                definition,
            )
        } else if let Some(kind) = self.project.catalog.kind(name.as_str()) {
            // Every kind is a ready client under its own name.
            Some(self.add_client(
                Client {
                    name: Name::clone(&name.value),
                    kind: Name::clone(&name.value),
                    config: Blueprint::Constant(Arc::new(Json::Null)),
                    record_policy: RecordPolicy::Full,
                    urls: urls(kind),
                },
                Reads::new(),
            ))
        } else {
            self.unknown_client(cx, name);
            return None;
        };
        self.client_index.insert(Name::clone(&name.value), index);
        index
    }

    /// The definition of this client, and the file in which it stands.
    pub(super) fn definition(&self, name: &str) -> Option<(&'a ClientDefinition, &'a SourceFile)> {
        let (task, suite) = (self.task, self.project.suite);
        let named = |client: &&ClientDefinition| client.name.as_str() == name;
        if let Some(own) = task.clients.iter().find(named) {
            return Some((own, &task.file));
        }
        let file = suite.file.as_ref().unwrap_or(&task.file);
        Some((suite.clients.iter().find(named)?, file))
    }

    /// What is recorded of the messages of the `listen` entries of this name.
    pub(super) fn listen_record_policy(&self, name: &str) -> RecordPolicy {
        let entries = self
            .listens
            .iter()
            .filter(|listen| listen.name.as_str() == name);
        entries.fold(RecordPolicy::Full, |record_policy, listen| {
            let Some((client, _)) = self.definition(listen.client.as_str()) else {
                return record_policy;
            };
            let kind = self.project.catalog.kind(client.kind.as_str());
            let bodies = kind.map_or(&[][..], |kind| kind.bodies);
            record_policy.and(RecordPolicy::new(client.record, bodies))
        })
    }

    fn defined_client(&mut self, cx: Context<'a>, definition: &ClientDefinition) -> Option<usize> {
        let Some(kind) = self.project.catalog.kind(definition.kind.as_str()) else {
            let kinds = self.project.catalog.kinds.iter().map(|kind| kind.name);
            let hint = nearest(definition.kind.as_str(), kinds.clone())
                .map(|known| format!("did you mean `{known}`?"));
            let hint = hint.unwrap_or_else(|| {
                format!("the kinds are {}", kinds.collect::<Vec<_>>().join(", "))
            });
            let message = format!("there is no client kind `{}`", definition.kind.as_str());
            self.error(
                "unknown-client",
                &cx.file.name,
                definition.kind.span,
                message,
                "unknown kind",
                Some(hint),
            );
            return None;
        };
        let path = format!("clients.{}", definition.name.as_str());
        let mut reads = Reads::new();
        let config = if matches!(definition.config.kind, NodeKind::Null) {
            Blueprint::Constant(Arc::new(Json::Null))
        } else {
            self.check_against(
                cx,
                &kind.config,
                &definition.config,
                kind.name,
                "config",
                definition.kind.span,
            );
            self.blueprint(
                cx,
                &mut reads,
                &definition.config,
                Slot::of(&kind.config),
                &path,
            )?
        };
        let client = Client {
            name: Name::clone(&definition.name.value),
            kind: Name::clone(&definition.kind.value),
            config,
            record_policy: RecordPolicy::new(definition.record, kind.bodies),
            urls: urls(kind),
        };
        Some(self.add_client(client, reads))
    }

    fn add_client(&mut self, client: Client, reads: Reads) -> usize {
        self.client_reads.push(reads);
        self.clients.push(client);
        self.clients.len() - 1
    }

    fn unknown_client(&mut self, cx: Context<'a>, name: &Text) {
        let names = self
            .task
            .clients
            .iter()
            .chain(&self.project.suite.clients)
            .map(|client| client.name.as_str())
            .chain(self.project.catalog.kinds.iter().map(|kind| kind.name))
            .chain(["parallel", "listen", "eval", "signal", "log"])
            .chain([
                "name", "if", "expect", "save", "timeout", "retry", "for_each", "defer",
            ]);
        let hint = nearest(name.as_str(), names).map_or_else(
            || "declare it under `clients:`, or use a kind that `funcy clients` lists".to_owned(),
            |known| format!("did you mean `{known}`?"),
        );
        if let Some(instead) = misplaced_in_instruction(name.as_str()) {
            let message = format!("an instruction has no key `{}`", name.as_str());
            self.error(
                "unknown-key",
                &cx.file.name,
                name.span,
                message,
                "unknown key",
                Some(instead),
            );
        } else {
            let message = format!("there is no client `{}`", name.as_str());
            self.error(
                "unknown-client",
                &cx.file.name,
                name.span,
                message,
                "unknown client",
                Some(hint),
            );
        }
        self.client_index.insert(Name::clone(&name.value), None);
    }
}

/// The members of requests and of the config that are URLs.
fn urls(kind: &ClientKind) -> Box<[Name]> {
    let of = |schema: &Json| {
        let members = schema.get("properties").and_then(Json::as_object);
        let names = members
            .into_iter()
            .flat_map(|members| members.keys().cloned());
        let names: Vec<String> = names
            .filter(|name| {
                let slot = Slot::of(schema).member(name);
                [slot, slot.item()]
                    .iter()
                    .any(|slot| slot.usage() == Usage::Url)
            })
            .collect();
        names
    };
    let mut names = of(&kind.request);
    names.extend(of(&kind.config));
    names.into_iter().map(Name::from).collect()
}
