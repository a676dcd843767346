use super::Decoder;
use super::fields::{Field, Fields};
use crate::definition::keys::{DEFAULTS, ENVIRONMENT, JOURNAL, PERMISSIONS, READY, SERVICE, SUITE};
use crate::definition::model::{
    Environment, Length, PermissionsDefinition, RetentionDefinition, Service, Spanned, Suite,
};
use crate::definition::node::{Node, NodeKind, Text};
use crate::event::parse_size;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

impl Decoder<'_> {
    /// Reads the root of a suite file.
    pub(super) fn suite(&mut self, root: &Node, folder: PathBuf) -> Option<Suite> {
        let at = self.root_place(root);
        let fields = self.object(root, &SUITE, at)?;
        self.version(&fields);
        let mut suite = Suite {
            file: Some(Arc::clone(self.file)),
            folder,
            scripts: fields.get("scripts").and_then(|field| self.literal(field)),
            vars: self.each(fields.get("vars"), Self::values),
            secrets: self.each(fields.get("secrets"), Self::secrets),
            environments: self.each(fields.get("environments"), Self::environments),
            clients: self.each(fields.get("clients"), Self::clients),
            concurrency: fields
                .get("concurrency")
                .and_then(|field| self.count(field, 1)),
            services: self.each(fields.get("services"), Self::services),
            permissions: fields
                .get("permissions")
                .and_then(|field| self.permissions(field)),
            journal: fields
                .get("journal")
                .and_then(|field| self.retention(field)),
            ..Suite::default()
        };
        if let Some(field) = fields.get("defaults")
            && let Some(defaults) = self.object(field.node, &DEFAULTS, field.key.span)
        {
            suite.transition_timeout = defaults
                .get("max_global_transition_timeout")
                .and_then(|field| self.length(field));
            suite.timeout = defaults.get("timeout").and_then(|field| self.length(field));
            suite.retries = defaults
                .get("retries")
                .and_then(|field| self.count(field, 0));
        }
        self.distinct_secrets(&suite.vars, &suite.secrets);
        Some(suite)
    }

    fn environments(&mut self, field: Field<'_>) -> Option<Vec<Environment>> {
        let members = self.map_of_names(field)?;
        let environments = members.iter().filter_map(|(name, node)| {
            let is_literal = self.no_template(name, "the name of an environment");
            let fields = self.object(node, &ENVIRONMENT, name.span)?;
            let vars = fields.get("vars").and_then(|field| self.values(field))?;
            is_literal.then(|| Environment {
                name: name.clone(),
                vars,
            })
        });
        Some(environments.collect())
    }

    fn services(&mut self, field: Field<'_>) -> Option<Vec<Service>> {
        let members = self.map_of_names(field)?;
        Some(
            members
                .iter()
                .filter_map(|(name, node)| self.service(name, node))
                .collect(),
        )
    }

    fn service(&mut self, name: &Text, node: &Node) -> Option<Service> {
        let named = self.handle(name, "the name of a service");
        let fields = self.object(node, &SERVICE, name.span)?;
        let command = fields.get("command").and_then(|field| {
            let words = self.texts(field)?;
            if words.is_empty() {
                self.empty_list(field);
                return None;
            }
            Some(words)
        });
        let ready = fields.get("ready").and_then(|field| {
            if let NodeKind::Text(url) = &field.node.kind {
                let hint = format!("write `{{http: {}}}`", url.value);
                self.wrong_type(field.node, field.key.span, "`ready` is a map", Some(&hint));
                return None;
            }
            self.object(field.node, &READY, field.key.span)
        });
        let of_ready = |name: &str| {
            ready
                .as_ref()
                .and_then(|fields: &Fields<'_>| fields.get(name))
        };
        let ready_http = of_ready("http").and_then(|field| self.text(field));
        let ready_timeout = of_ready("timeout").and_then(|field| self.length(field));
        let env = self.each(fields.get("env"), |decoder, field| {
            decoder.named(field, false, Self::text_in)
        });
        Some(Service {
            name: named.then(|| name.clone())?,
            command: command?,
            ready_http,
            ready_timeout,
            env,
        })
    }

    fn retention(&mut self, field: Field<'_>) -> Option<RetentionDefinition> {
        let fields = self.object(field.node, &JOURNAL, field.key.span)?;
        let [keep, max] = ["keep", "max"].map(|name| fields.get(name));
        if fields.is_empty() {
            let diagnostic = self
                .error(
                    "missing-key",
                    field.key.span,
                    "`journal` says neither how long nor how much is kept",
                )
                .hint("write `journal: { keep: 30d, max: 1GB }`, or one of both");
            self.report(diagnostic);
        }
        Some(RetentionDefinition {
            keep: keep.and_then(|field| self.age(field)),
            max: max.and_then(|field| self.size(field)),
        })
    }

    /// A length of time that is written out: it holds before there is anything to fill in a template with.
    fn age(&mut self, field: Field<'_>) -> Option<Spanned<Duration>> {
        match self.length(field)? {
            Length::Literal(age) => Some(age),
            Length::Template(text) => {
                let message = format!("`{}` holds no template here", field.key.value);
                let diagnostic = self
                    .error("duration", text.span, message)
                    .hint("write `30d` or `12h`");
                self.report(diagnostic);
                None
            }
        }
    }

    fn size(&mut self, field: Field<'_>) -> Option<Spanned<u64>> {
        let key = &field.key.value;
        let span = field.node.span;
        let text = match &field.node.kind {
            NodeKind::Text(text) => text.value.to_string(),
            NodeKind::Number(_) => self.lines.slice(span).to_owned(),
            _ => {
                let wanted = format!("`{key}` is an amount of bytes");
                self.wrong_type(
                    field.node,
                    field.key.span,
                    &wanted,
                    Some("write `1GB` or `500MB`"),
                );
                return None;
            }
        };
        let message = match parse_size(&text) {
            Ok(value) if value > 0 => return Some(Spanned { value, span }),
            Ok(_) => format!("`{key}` must be more than nothing: write `1GB` or `500MB`"),
            Err(message) => message,
        };
        let (message, hint) = match message.split_once(": ") {
            Some((message, hint)) => (message.to_owned(), Some(hint.to_owned())),
            None => (message, None),
        };
        let diagnostic = self.error("size", span, message).maybe_hint(hint);
        self.report(diagnostic);
        None
    }

    fn permissions(&mut self, field: Field<'_>) -> Option<PermissionsDefinition> {
        let fields = self.object(field.node, &PERMISSIONS, field.key.span)?;
        let mut list = |name: &str| fields.get(name).and_then(|field| self.texts(field));
        Some(PermissionsDefinition {
            net: list("net"),
            exec: list("exec"),
            env: list("env"),
            read: list("read"),
            write: list("write"),
        })
    }
}
