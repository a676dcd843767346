use super::Decoder;
use super::fields::{Field, Fields};
use crate::definition::diagnostic::Diagnostic;
use crate::definition::keys::{SKIP, TASK};
use crate::definition::model::{Skip, Task};
use crate::definition::node::{Node, NodeKind, Text};
use crate::event::{Name, Span};
use std::collections::HashMap;
use std::sync::Arc;

impl Decoder<'_> {
    /// Reads the root of a task file.
    pub(super) fn task(&mut self, root: &Node) -> Option<Task> {
        let at = self.root_place(root);
        let fields = self.object(root, &TASK, at)?;
        self.version(&fields);
        let name = fields.get("name").and_then(|field| self.literal(field));
        let mut task = Task {
            file: Arc::clone(self.file),
            name: name.map_or_else(|| self.file_stem(), |name| name.value),
            description: fields.get("description").and_then(|field| self.text(field)),
            tags: self.distinct(fields.get("tags"), Self::texts),
            skip: fields.get("skip").and_then(|field| self.skip(field)),
            xfail: fields.get("xfail").and_then(|field| self.xfail(field)),
            locks: self.distinct(fields.get("locks"), Self::locks),
            requirements: self.distinct(fields.get("requirements"), Self::texts),
            vars: self.each(fields.get("vars"), Self::values),
            secrets: self.each(fields.get("secrets"), Self::secrets),
            clients: self.each(fields.get("clients"), Self::clients),
            cases: fields.get("cases").and_then(|field| self.cases(field)),
            params: self.each(fields.get("params"), Self::params),
            listen: self.each(fields.get("listen"), Self::listens),
            program: self.program(&fields, at),
            transition_timeout: fields
                .get("max_global_transition_timeout")
                .and_then(|field| self.length(field)),
            timeout: fields.get("timeout").and_then(|field| self.length(field)),
            cleanup: self.each(fields.get("cleanup"), Self::instructions),
            cleanup_timeout: fields
                .get("cleanup_timeout")
                .and_then(|field| self.length(field)),
            outputs: self.each(fields.get("outputs"), Self::assignments),
            retries: fields.get("retries").and_then(|field| self.count(field, 0)),
            calls: Vec::new(),
        };
        task.calls = std::mem::take(&mut self.calls);
        self.distinct_secrets(&task.vars, &task.secrets);
        Some(task)
    }

    /// What a field that may be missing holds: nothing, if it is wrong.
    pub(super) fn each<'n, T>(
        &mut self,
        field: Option<Field<'n>>,
        read: impl FnOnce(&mut Self, Field<'n>) -> Option<Vec<T>>,
    ) -> Vec<T> {
        field
            .and_then(|field| read(self, field))
            .unwrap_or_default()
    }

    /// The same for names of which none should stand there twice.
    pub(super) fn distinct<'n>(
        &mut self,
        field: Option<Field<'n>>,
        read: impl FnOnce(&mut Self, Field<'n>) -> Option<Vec<Text>>,
    ) -> Vec<Text> {
        let names = self.each(field, read);
        let mut seen: HashMap<&str, Span> = HashMap::new();
        for name in &names {
            let first = *seen.entry(name.as_str()).or_insert(name.span);
            if first != name.span {
                let diagnostic = Diagnostic::warning(
                    "listed-twice",
                    &self.file.name,
                    name.span,
                    format!("`{}` is listed twice", name.value),
                )
                .related(first, "first here")
                .hint("remove one of them");
                self.report(diagnostic);
            }
        }
        names
    }

    /// Where a file is blamed for what it does not hold: its first key.
    pub(super) fn root_place(&self, root: &Node) -> Span {
        match &root.kind {
            NodeKind::Map(members) => members.first().map_or(root.span, |(key, _)| key.span),
            _ => self.first_line(root.span),
        }
    }

    /// `version: 1`.
    pub(super) fn version(&mut self, fields: &Fields<'_>) {
        let Some(field) = fields.get("version") else {
            return;
        };
        let hint = match &field.node.kind {
            NodeKind::Number(number) if number.as_u64() == Some(1) => return,
            NodeKind::Text(text) if text.as_str() == "1" => "write `version: 1`, without quotes",
            NodeKind::Number(_) => "write `version: 1`, or use a newer funcy",
            _ => "write `version: 1`",
        };
        let span = if matches!(field.node.kind, NodeKind::Null) {
            field.key.span
        } else {
            self.first_line(field.node.span)
        };
        let diagnostic = self
            .error(
                "version",
                span,
                "this funcy reads version 1 of the language",
            )
            .hint(hint);
        self.report(diagnostic);
    }

    fn file_stem(&self) -> Name {
        self.file
            .path
            .file_stem()
            .map_or_else(
                || self.file.name.to_string(),
                |stem| stem.to_string_lossy().into_owned(),
            )
            .into()
    }

    fn skip(&mut self, field: Field<'_>) -> Option<Skip> {
        if let NodeKind::Bool(_) = field.node.kind {
            self.wrong_type(
                field.node,
                field.key.span,
                "`skip` is the reason",
                Some("write why: `skip: waits for the new API`, or `{if: EXPR, reason: TEXT}`"),
            );
            return None;
        }
        let NodeKind::Map(_) = field.node.kind else {
            let reason = self.text(field)?;
            return Some(Skip {
                condition: None,
                reason,
            });
        };
        let fields = self.object(field.node, &SKIP, field.key.span)?;
        let condition = fields.get("if").map(|field| self.expression(field));
        let reason = fields.get("reason").and_then(|field| self.text(field))?;
        match condition {
            Some(None) => None,
            Some(condition) => Some(Skip { condition, reason }),
            None => Some(Skip {
                condition: None,
                reason,
            }),
        }
    }

    fn xfail(&mut self, field: Field<'_>) -> Option<Text> {
        if let NodeKind::Bool(_) = field.node.kind {
            self.wrong_type(
                field.node,
                field.key.span,
                "`xfail` is the reason",
                Some("write why: `xfail: R-17 is not built yet`"),
            );
            return None;
        }
        self.literal(field)
    }

    fn locks(&mut self, field: Field<'_>) -> Option<Vec<Text>> {
        let locks = self.texts(field)?;
        let right: Vec<bool> = (locks.iter())
            .map(|name| self.no_template(name, "the name of a lock"))
            .collect();
        right.into_iter().all(|right| right).then_some(locks)
    }

    fn params(&mut self, field: Field<'_>) -> Option<Vec<Text>> {
        let params = self.texts(field)?;
        let right: Vec<bool> = params.iter().map(|name| self.variable(name)).collect();
        right.into_iter().all(|right| right).then_some(params)
    }

    /// A name that is a variable and a secret too would be masked or not by chance.
    pub(super) fn distinct_secrets(
        &mut self,
        vars: &[(Text, Node)],
        secrets: &[(Text, Option<Node>)],
    ) {
        let vars: HashMap<&str, Span> = vars
            .iter()
            .map(|(name, _)| (name.as_str(), name.span))
            .collect();
        for (name, _) in secrets {
            let Some(other) = vars.get(name.as_str()).copied() else {
                continue;
            };
            let diagnostic = self
                .error(
                    "duplicate-key",
                    name.span.max(other),
                    format!("`{}` is a variable and a secret", name.value),
                )
                .related(name.span.min(other), "first here")
                .hint("keep one of them");
            self.report(diagnostic);
        }
    }
}
