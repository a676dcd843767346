//! Requests and sources of clients: the short string becomes the map form, the schema checks it.

use super::Compiler;
use super::context::{Context, Reads};
use super::schema::Slot;
use crate::definition::model::Listen;
use crate::definition::{ClientKind, Node, NodeKind, Text, ValueContext, validate};
use crate::event::{Json, Name, Span};
use crate::machine::program::{Blueprint, From, Subscription};
use crate::machine::record_policy::RecordPolicy;

/// A request, ready to be sent.
#[allow(
    clippy::struct_field_names,
    reason = "it becomes the `request` of an action"
)]
pub(super) struct Request {
    pub(super) client: usize,
    pub(super) request: Blueprint,
    /// What it does, in short.
    pub(super) what: Name,
    pub(super) safe: bool,
}

impl<'a> Compiler<'a> {
    pub(super) fn request(
        &mut self,
        cx: Context<'a>,
        reads: &mut Reads,
        client: &Text,
        request: &Node,
        path: &str,
    ) -> Option<Request> {
        let index = self.client(cx, reads, client)?;
        let catalog = self.project.catalog;
        let kind = catalog.kind(&self.clients[index].kind)?;
        let node = self.map_form(cx, request, kind, "request", kind.short_request)?;
        // What the client itself has made of a text fits: that is the contract of `short_request`.
        if request.as_text().is_none()
            && !self.check_against(cx, &kind.request, &node, kind.name, "request", client.span)
        {
            return None;
        }
        let json = node.to_json();
        let blueprint = self.blueprint(cx, reads, &node, Slot::of(&kind.request), path)?;
        let what = (kind.label)(&json).into();
        if let Some(doubt) = (kind.doubt)(&json) {
            self.warning(
                "doubtful",
                &cx.file.name,
                request.span,
                doubt.message,
                "",
                Some(doubt.hint),
            );
        }
        Some(Request {
            client: index,
            request: blueprint,
            what,
            safe: (kind.is_safe)(&json),
        })
    }

    /// A `subscribe` or `listen` source. The client `signal` is the execution itself.
    pub(super) fn source(
        &mut self,
        cx: Context<'a>,
        reads: &mut Reads,
        name: Option<&Text>,
        client: &Text,
        source: &Node,
        path: &str,
    ) -> Option<Subscription> {
        let place = cx.place(source.span, path);
        let name = name.map(|name| Name::clone(&name.value));
        if client.as_str() == "signal" {
            let Some(signal) = source.as_text() else {
                let hint = Some("write `subscribe: { signal: NAME }`".to_owned());
                self.error(
                    "wrong-type",
                    &cx.file.name,
                    source.span,
                    "a signal is named by a text",
                    "",
                    hint,
                );
                return None;
            };
            return Some(Subscription {
                name,
                from: From::Signal(Name::clone(&signal.value)),
                place,
                early: true,
                record_policy: RecordPolicy::Full,
            });
        }
        let index = self.client(cx, reads, client)?;
        let catalog = self.project.catalog;
        let kind = catalog.kind(&self.clients[index].kind)?;
        let Some(schema) = &kind.source else {
            let message = format!("`{}` has no subscriptions", kind.name);
            self.error(
                "no-source",
                &cx.file.name,
                client.span,
                message,
                "cannot be subscribed to",
                Some("use `poll`".to_owned()),
            );
            return None;
        };
        let node = self.map_form(cx, source, kind, "source", kind.short_source)?;
        if !self.check_against(cx, schema, &node, kind.name, "source", client.span) {
            return None;
        }
        let source = self.blueprint(cx, reads, &node, Slot::of(schema), path)?;
        Some(Subscription {
            name,
            from: From::Client {
                client: index,
                source,
            },
            place,
            early: true,
            record_policy: self.clients[index].record_policy,
        })
    }

    pub(super) fn listen(
        &mut self,
        cx: Context<'a>,
        reads: &mut Reads,
        listen: &Listen,
        path: &str,
    ) -> Option<Subscription> {
        self.source(
            cx,
            reads,
            Some(&listen.name),
            &listen.client,
            &listen.source,
            path,
        )
    }

    /// The map form of a request or source; the parts of a short string keep their places.
    fn map_form(
        &mut self,
        cx: Context<'a>,
        node: &Node,
        kind: &ClientKind,
        what: &str,
        short: fn(&str) -> Result<Json, String>,
    ) -> Option<Node> {
        let Some(text) = node.as_text() else {
            if matches!(node.kind, NodeKind::Map(_)) {
                return Some(node.clone());
            }
            let message = format!("a {what} of `{}` is a text or a map", kind.name);
            let hint = Some(format!(
                "`funcy clients {}` shows what it takes, with an example",
                kind.name
            ));
            self.error(
                "wrong-type",
                &cx.file.name,
                node.span,
                message,
                "neither a text nor a map",
                hint,
            );
            return None;
        };
        match short(text.as_str()) {
            Ok(json) => Some(placed(&json, text)),
            Err(message) => {
                let hint = Some(format!(
                    "`funcy clients {}` shows what it takes, with an example",
                    kind.name
                ));
                self.error("wrong-request", &cx.file.name, text.span, message, "", hint);
                None
            }
        }
    }

    /// Checks a value against a client's schema; true if it fits.
    pub(super) fn check_against(
        &mut self,
        cx: Context<'a>,
        schema: &Json,
        node: &Node,
        kind: &str,
        what: &str,
        at: Span,
    ) -> bool {
        let context = ValueContext {
            file: &cx.file.name,
            what: &format!("a {what} of `{kind}`"),
            at,
            source: &cx.file.text,
            help: &format!("`funcy clients {kind}` shows what it takes"),
        };
        let found = validate(schema, node, context);
        let fits = found.is_empty();
        self.diagnostics.extend(found);
        fits
    }
}

/// A value made from a short string, as a node whose texts point into that string.
fn placed(json: &Json, text: &Text) -> Node {
    let span = text.span;
    let kind = match json {
        Json::Null => NodeKind::Null,
        Json::Bool(value) => NodeKind::Bool(*value),
        Json::Number(number) => NodeKind::Number(number.clone()),
        Json::String(part) => {
            let found = text.as_str().find(part.as_str());
            let part = found.map_or_else(
                || Text::plain(part.as_str(), span),
                |at| text.slice(at..at + part.len()),
            );
            return Node {
                span: part.span,
                kind: NodeKind::Text(part),
            };
        }
        Json::Array(items) => NodeKind::List(items.iter().map(|item| placed(item, text)).collect()),
        Json::Object(members) => NodeKind::Map(
            members
                .iter()
                .map(|(key, member)| (Text::plain(key.as_str(), span), placed(member, text)))
                .collect(),
        ),
    };
    Node { kind, span }
}

impl Text {
    /// A part of the text, with its places.
    fn slice(&self, range: std::ops::Range<usize>) -> Self {
        let span: Span = self.span_of(range.clone());
        let first = (0, self.location_of(range.start));
        let rest = self
            .map
            .0
            .iter()
            .filter(|(from, _)| (*from as usize) > range.start && (*from as usize) < range.end)
            .map(|(from, pos)| (from - range.start as u32, *pos));
        let pairs = std::iter::once(first).chain(rest).collect();
        Self {
            value: self.value[range].into(),
            span,
            map: crate::definition::TextMap(pairs),
        }
    }
}
