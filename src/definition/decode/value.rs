use super::Decoder;
use super::fields::Field;
use crate::definition::keys::CLIENT;
use crate::definition::model::{ClientDefinition, Listen, Record};
use crate::definition::node::{Node, NodeKind, Text};
use crate::event::{Span, nearest};

impl Decoder<'_> {
    /// Checks a value that goes on as data: a variable, a request, a config. `at` is its key.
    pub(super) fn value(&mut self, node: &Node, at: Span) {
        match &node.kind {
            NodeKind::Null if node.span.start == node.span.end => {
                self.nothing(node, at, "write `null` if that is meant");
            }
            NodeKind::Number(number) => self.exact(node, number),
            NodeKind::List(items) => items.iter().for_each(|item| self.value(item, item.span)),
            NodeKind::Map(members) if self.is_set_of_names(node, members) => {
                let diagnostic = self
                    .error(
                        "missing-value",
                        self.first_line(node.span),
                        "YAML reads this as a map whose keys have no values",
                    )
                    .hint("write `[a, b]` for a list, or quote a text");
                self.report(diagnostic);
            }
            NodeKind::Map(members) => {
                for (key, node) in members {
                    self.value(node, key.span);
                }
            }
            NodeKind::Null | NodeKind::Bool(_) | NodeKind::Text(_) => {}
        }
    }

    /// `{a, b}`: several names in braces, none with a value or a colon.
    fn is_set_of_names(&self, node: &Node, members: &[(Text, Node)]) -> bool {
        members.len() > 1
            && self.lines.text[self.lines.byte(node.span.start)..].starts_with('{')
            && members.iter().all(|(key, node)| {
                let end = self.lines.byte(key.span.end);
                matches!(node.kind, NodeKind::Null)
                    && node.span.start == node.span.end
                    && self.lines.text[end..].trim_start().starts_with([',', '}'])
            })
    }

    /// A number whose spelling holds more than its value: `1.10`, `+49…`.
    fn exact(&mut self, node: &Node, number: &serde_json::Number) {
        let written = self.lines.slice(node.span);
        let is_lost = written.starts_with('+')
            || (number.is_f64()
                && !written.contains(['e', 'E'])
                && digits(written) != digits(&number.to_string()));
        if !is_lost {
            return;
        }
        let diagnostic = self
            .error(
                "number-spelling",
                node.span,
                format!("YAML reads this as the number {number}"),
            )
            .label(format!("read as {number}"))
            .hint(format!(
                "quote it if it is a text: '{written}'; else write {number}"
            ));
        self.report(diagnostic);
    }

    /// Name and value, in order.
    pub(super) fn values(&mut self, field: Field<'_>) -> Option<Vec<(Text, Node)>> {
        let members = self.map_of_names(field)?;
        let mut is_right = true;
        for (key, node) in members {
            is_right &= self.variable(key);
            self.value(node, key.span);
        }
        is_right.then(|| members.to_vec())
    }

    pub(super) fn map_of_names<'n>(&mut self, field: Field<'n>) -> Option<&'n [(Text, Node)]> {
        let NodeKind::Map(members) = &field.node.kind else {
            let wanted = format!("`{}` is a map of names", field.key.value);
            self.wrong_type(field.node, field.key.span, &wanted, None);
            return None;
        };
        Some(members)
    }

    /// Secrets: a map of names to templates or nothing, or a list of names.
    pub(super) fn secrets(&mut self, field: Field<'_>) -> Option<Vec<(Text, Option<Node>)>> {
        let mut secrets = Vec::new();
        let mut is_right = true;
        let mut take = |decoder: &mut Self, name: &Text, node: Option<&Node>| {
            is_right &= decoder.variable(name);
            let value = node.filter(|node| !matches!(node.kind, NodeKind::Null));
            if let Some(node) = value {
                let wanted = format!("the secret `{}` is a text", name.value);
                is_right &= decoder.text_in(node, name.span, &wanted).is_some();
            }
            secrets.push((name.clone(), value.cloned()));
        };
        match &field.node.kind {
            NodeKind::Map(members) => {
                for (name, node) in members {
                    take(self, name, Some(node));
                }
            }
            NodeKind::List(items) => {
                for item in items {
                    match &item.kind {
                        NodeKind::Text(name) => take(self, name, None),
                        NodeKind::Map(members) => {
                            for (name, node) in members {
                                take(self, name, Some(node));
                            }
                        }
                        _ => self.wrong_type(item, item.span, "a secret is a name", None),
                    }
                }
            }
            _ => {
                self.wrong_type(
                    field.node,
                    field.key.span,
                    "`secrets` is a map of names",
                    Some("write `NAME: \"${env('NAME')}\"`, or a list of names for values that are saved later"),
                );
                return None;
            }
        }
        is_right.then_some(secrets)
    }

    /// `NAME: {KIND: config, record: …}`.
    pub(super) fn clients(&mut self, field: Field<'_>) -> Option<Vec<ClientDefinition>> {
        let members = self.map_of_names(field)?;
        Some(
            members
                .iter()
                .filter_map(|(name, node)| self.client(name, node))
                .collect(),
        )
    }

    fn client(&mut self, name: &Text, node: &Node) -> Option<ClientDefinition> {
        let named = self.handle(name, "the name of a client");
        let wanted = format!("the client `{}` is `{{KIND: config}}`", name.value);
        let hint = "write `{http: {base_url: …}}`";
        let NodeKind::Map(members) = &node.kind else {
            self.wrong_type(node, name.span, &wanted, Some(hint));
            return None;
        };
        let record = Self::object_unchecked(members, &CLIENT).get("record");
        let record = record.map(|field| self.record(field));
        let is_kind = |(key, _): &&(Text, Node)| CLIENT.key(key.as_str()).is_none();
        let mut kinds: Vec<&(Text, Node)> = members.iter().filter(is_kind).collect();
        // Where there is a kind already, what is one slip away from a key is meant as that.
        while kinds.len() > 1 {
            let slip = |(key, _): &&(Text, Node)| nearest(key.as_str(), CLIENT.names()).is_some();
            let Some(at) = kinds.iter().position(slip) else {
                break;
            };
            self.unknown_key(&kinds.remove(at).0, &CLIENT);
        }
        if let ([], [(key, _), ..]) = (kinds.as_slice(), members.as_slice()) {
            let message = format!("{wanted}, and this has no kind");
            let diagnostic = self.error("missing-key", key.span, message).hint(hint);
            self.report(diagnostic);
            return None;
        }
        let (kind, config) = self.only(&kinds, name.span, &wanted, hint)?;
        // A client without a config may be written `{nats: }`.
        if !matches!(config.kind, NodeKind::Null) {
            self.value(config, kind.span);
        }
        let is_literal = self.no_template(kind, "the kind of a client");
        (named && is_literal).then(|| ClientDefinition {
            name: name.clone(),
            kind: kind.clone(),
            config: config.clone(),
            record: record.flatten().unwrap_or_default(),
        })
    }

    /// `full`, `headers` or `none`.
    fn record(&mut self, field: Field<'_>) -> Option<Record> {
        let words = Record::ALL.map(Record::word);
        let wanted = format!("`record` is one of {}", words.join(", "));
        let word = self.text_in(field.node, field.key.span, &wanted)?;
        if !self.no_template(&word, "`record`") {
            return None;
        }
        let known = |record: &Record| record.word() == word.as_str();
        if let Some(record) = Record::ALL.into_iter().find(known) {
            return Some(record);
        }
        let meant = match word.as_str() {
            "false" | "no" | "off" | "nothing" => Some("none"),
            "true" | "yes" | "on" | "all" => Some("full"),
            other => nearest(other, words.into_iter()),
        };
        let hint = meant.map_or_else(
            || "`headers` leaves the bodies out, `none` all but summaries and sizes".to_owned(),
            |word| format!("did you mean `{word}`?"),
        );
        let message = format!("{wanted}, and this is `{}`", word.value);
        let diagnostic = self.error("wrong-record", word.span, message).hint(hint);
        self.report(diagnostic);
        None
    }

    /// `NAME: {CLIENT: source}`.
    pub(super) fn listens(&mut self, field: Field<'_>) -> Option<Vec<Listen>> {
        let members = self.map_of_names(field)?;
        if members.is_empty() {
            self.empty_list(field);
        }
        let mut entries = Vec::with_capacity(members.len());
        for (name, node) in members {
            let named = self.handle(name, "the name of a `listen` entry");
            let what = format!(
                "the `listen` entry `{}` is `{{CLIENT: source}}`",
                name.value
            );
            let Some((client, source)) =
                self.single(node, name.span, &what, "write `{nats: orders.*}`")
            else {
                continue;
            };
            if self.source(client, source) && named {
                entries.push(Listen {
                    name: name.clone(),
                    client: client.clone(),
                    source: source.clone(),
                });
            }
        }
        Some(entries)
    }

    /// Checks the source of a subscription.
    pub(super) fn source(&mut self, client: &Text, source: &Node) -> bool {
        if let NodeKind::Null = source.kind {
            self.nothing(
                source,
                client.span,
                "a source; `{}` for one that takes nothing",
            );
            return false;
        }
        self.value(source, client.span);
        let is_literal = self.no_template(client, "the name of a client");
        if client.as_str() != "signal" {
            return is_literal;
        }
        let NodeKind::Text(name) = &source.kind else {
            self.wrong_type(source, client.span, "a signal is named by a text", None);
            return false;
        };
        is_literal && self.no_template(name, "the name of a signal")
    }

    /// A map with exactly one member.
    pub(super) fn single<'n>(
        &mut self,
        node: &'n Node,
        at: Span,
        wanted: &str,
        hint: &str,
    ) -> Option<(&'n Text, &'n Node)> {
        let NodeKind::Map(members) = &node.kind else {
            self.wrong_type(node, at, wanted, Some(hint));
            return None;
        };
        let members: Vec<&(Text, Node)> = members.iter().collect();
        self.only(&members, at, wanted, hint)
    }

    /// The one member that there should be.
    fn only<'n>(
        &mut self,
        members: &[&'n (Text, Node)],
        at: Span,
        wanted: &str,
        hint: &str,
    ) -> Option<(&'n Text, &'n Node)> {
        match members {
            [(key, node)] => Some((key, node)),
            [] => {
                let diagnostic = self
                    .error("missing-key", at, format!("{wanted}, and this is empty"))
                    .hint(hint);
                self.report(diagnostic);
                None
            }
            [(first, _), (second, _), ..] => {
                let diagnostic = self
                    .error(
                        "too-many-keys",
                        second.span,
                        format!("{wanted}: one key, and this is another one"),
                    )
                    .related(first.span, "the first one")
                    .hint(hint);
                self.report(diagnostic);
                None
            }
        }
    }
}

/// The significant digits of a decimal number, without sign, point and outer zeros.
fn digits(number: &str) -> String {
    let unsigned = number.trim_start_matches(['-', '+']);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    // `1.0` and `1.` are the number one and nothing more; `1.10` may be a version.
    let fraction = if matches!(fraction, "" | "0") {
        "0"
    } else {
        fraction
    };
    let whole = whole.trim_start_matches('0');
    format!("{whole}.{fraction}")
}

#[cfg(test)]
mod tests {
    use super::digits;

    #[test]
    fn spelling_is_compared_by_digits() {
        assert_ne!(digits("1.10"), digits("1.1"));
        assert_ne!(digits("1.00"), digits("1.0"));
        assert_eq!(digits(".5"), digits("0.5"));
        assert_eq!(digits("-5."), digits("-5.0"));
        assert_ne!(
            digits("0.12345678901234567890"),
            digits("0.12345678901234568")
        );
    }
}
