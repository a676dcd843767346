//! Stubs as a file gives them: which place each of them is for, and a file to start from.

use super::call_sites::{CallSites, NameMatch};
use super::clock::Brought;
use super::sample::samples;
use super::world::{Stub, Unstubbed, VirtualWorld};
use crate::definition::{
    Brings, Diagnostic, Node, NodeKind, SourceFile, StubDefinition, StubsFile, Text,
};
use crate::event::{Failure, Json, Span, SubscriptionChange};
use crate::machine::Machine;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Duration;

/// The member of a result that expressions see as bytes.
const BYTES: &str = "bytes";

/// An answer, and how often it comes, where that is said.
type Given = (Stub, Option<u32>);
/// What a subscription brings, each with its time, and how often.
type Sent = (Vec<(Duration, Brought)>, u32);

/// Stubs whose places were found in a machine.
#[derive(Clone, Debug, Default)]
pub struct Stubs {
    answers: Vec<(String, Vec<Given>)>,
    messages: Vec<(String, Vec<Sent>)>,
}

impl Stubs {
    /// Finds the places of a stubs file in a machine.
    ///
    /// # Errors
    /// Every name that means no place, or more than one, and every stub that does not fit its place.
    pub fn of(
        machine: &Machine,
        file: &SourceFile,
        written: &StubsFile,
    ) -> Result<Self, Vec<Diagnostic>> {
        let call_sites = CallSites::of(machine);
        let mut stubs = Self::default();
        let mut wrong = Vec::new();
        let mut first: HashMap<usize, Span> = HashMap::new();
        for (name, list) in &written.places {
            let index = match found(&call_sites, file, name) {
                Ok(index) => index,
                Err(diagnostic) => {
                    wrong.push(*diagnostic);
                    continue;
                }
            };
            if let Some(before) = first.insert(index, name.span) {
                let message = format!("`{}` has stubs already", call_sites.all[index].place.path);
                let diagnostic = Diagnostic::error("stubbed-twice", &file.name, name.span, message)
                    .label("the same place")
                    .related(before, "first here")
                    .hint("put all of them into one list, in the order in which they come");
                wrong.push(diagnostic);
                continue;
            }
            let call_site = &call_sites.all[index];
            let path = call_site.place.path.to_string();
            wrong.extend(list.iter().filter_map(|stub| {
                misfit(file, name, stub, call_site.subscription).or_else(|| no_bytes(file, stub))
            }));
            if call_site.subscription {
                stubs
                    .messages
                    .push((path, list.iter().map(message).collect()));
            } else {
                if list.is_empty() {
                    let diagnostic = Diagnostic::error(
                        "empty-list",
                        &file.name,
                        name.span,
                        "a request needs an answer: this list is empty",
                    );
                    wrong.push(diagnostic.hint("write at least one `{ result: … }`"));
                }
                stubs
                    .answers
                    .push((path, list.iter().map(answer).collect()));
            }
        }
        if wrong.is_empty() {
            Ok(stubs)
        } else {
            Err(wrong)
        }
    }
}

impl VirtualWorld {
    /// A world with these stubs, which ends an execution where there is none.
    #[must_use]
    pub fn with(mut self, stubs: &Stubs) -> Self {
        for (path, list) in &stubs.answers {
            let last = list.len().saturating_sub(1);
            for (index, (stub, times)) in list.iter().enumerate() {
                let world = self.answers(path, stub.clone(), times.unwrap_or(1));
                // A number on the last one says that there is an end.
                self = if index == last && times.is_some() {
                    world.exhausted(path)
                } else {
                    world
                };
            }
        }
        for (path, list) in &stubs.messages {
            self = self.subscription(path);
            for (brought, times) in list {
                for _ in 0..*times {
                    for (after, brings) in brought {
                        self = self.arrival(path, *after, brings.clone());
                    }
                }
            }
        }
        self.strict()
    }
}

fn found(
    call_sites: &CallSites<'_>,
    file: &SourceFile,
    name: &Text,
) -> Result<usize, Box<Diagnostic>> {
    let (code, message, label, hint) = match call_sites.find(name.as_str()) {
        NameMatch::One(index) => return Ok(index),
        NameMatch::Several(indices) => {
            let names: Vec<String> = indices
                .iter()
                .map(|index| format!("`{}`", call_sites.name(*index)))
                .collect();
            let message = format!("`{}` means {} places", name.value, indices.len());
            (
                "ambiguous-place",
                message,
                "ambiguous",
                format!("write one of {}", names.join(", ")),
            )
        }
        NameMatch::None(near) => {
            let hint = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None if call_sites.all.is_empty() => {
                    "this task asks for nothing that could be stubbed".to_owned()
                }
                None => {
                    let names: Vec<String> = (0..call_sites.all.len().min(8))
                        .map(|index| format!("`{}`", call_sites.name(index)))
                        .collect();
                    format!("its places are {}", names.join(", "))
                }
            };
            let message = format!(
                "the task has no request and no subscription `{}`",
                name.value
            );
            ("unknown-place", message, "unknown place", hint)
        }
    };
    let diagnostic = Diagnostic::error(code, &file.name, name.span, message);
    Err(Box::new(diagnostic.label(label).hint(hint)))
}

/// A message for a request, or a result for a subscription.
fn misfit(
    file: &SourceFile,
    name: &Text,
    stub: &StubDefinition,
    subscription: bool,
) -> Option<Diagnostic> {
    let (message, hint) = match (&stub.brings, subscription) {
        (Brings::Message(_) | Brings::Ended | Brings::Lost(_), false) => (
            "is a request, and no message answers it",
            "write `result`, with `latency` for its time",
        ),
        (Brings::Result(_), true) => (
            "is a subscription, and gets messages",
            "write `message`, with `after` for its time",
        ),
        (Brings::Error(_), false) if timed(stub, "after") => {
            ("is a request", "write `latency` for the time of its answer")
        }
        (Brings::Error(_), true) if timed(stub, "latency") => (
            "is a subscription",
            "write `after` for the time at which it ends with this error",
        ),
        _ => return None,
    };
    let message = format!("`{}` {message}", name.value);
    Some(Diagnostic::error("wrong-stub", &file.name, first_line(stub.span), message).hint(hint))
}

/// Bytes that are written as something else than base64.
fn no_bytes(file: &SourceFile, stub: &StubDefinition) -> Option<Diagnostic> {
    let (Brings::Result(node) | Brings::Message(node)) = &stub.brings else {
        return None;
    };
    let NodeKind::Map(members) = &node.kind else {
        return None;
    };
    let (key, bytes) = members.iter().find(|(key, _)| key.as_str() == BYTES)?;
    let text = bytes.as_text();
    if text.is_some_and(|text| STANDARD.decode(text.as_str()).is_ok()) {
        return None;
    }
    let message = "`bytes` of a result are written in base64";
    let diagnostic = Diagnostic::error("wrong-stub", &file.name, key.span, message);
    Some(diagnostic.hint("`base64 -w0 FILE` writes it; a text by itself is written as `text`"))
}

/// What a stub brings, in the way of clients, which keep bytes that are no text in `base64`.
fn brought(node: &Node) -> Json {
    let mut json = node.to_json();
    if let Json::Object(members) = &mut json
        && let Some(bytes) = members.shift_remove(BYTES)
    {
        members.insert("base64".to_owned(), bytes);
    }
    json
}

fn timed(stub: &StubDefinition, key: &str) -> bool {
    stub.timed
        .as_ref()
        .is_some_and(|timed| timed.as_str() == key)
}

/// The beginning of a span that may be many lines long.
fn first_line(span: Span) -> Span {
    if span.start.line == span.end.line {
        return span;
    }
    let mut end = span.start;
    end.column += 1;
    Span { end, ..span }
}

fn answer(stub: &StubDefinition) -> Given {
    let answer = match &stub.brings {
        Brings::Result(node) | Brings::Message(node) => Stub::reply(stub.after, brought(node)),
        Brings::Error(failure) => Stub::failure(stub.after, failure.clone()),
        // It was refused: it is for a subscription.
        Brings::Ended | Brings::Lost(_) => Stub::reply(stub.after, Json::Null),
    };
    (answer, stub.times)
}

fn message(stub: &StubDefinition) -> Sent {
    let after = stub.after;
    let change = |change| vec![(after, Brought::Change(change))];
    let brings = match &stub.brings {
        Brings::Result(node) | Brings::Message(node) => {
            vec![(after, Brought::Message(brought(node)))]
        }
        Brings::Error(why) => change(SubscriptionChange::Broken { why: why.clone() }),
        Brings::Ended => change(SubscriptionChange::Ended),
        Brings::Lost(gap) => {
            let why = Failure::transport("a stubbed loss");
            let mut both = change(SubscriptionChange::Lost { why });
            both.push((
                after.saturating_add(*gap),
                Brought::Change(SubscriptionChange::Reopened),
            ));
            both
        }
    };
    (brings, stub.times.unwrap_or(1))
}

impl Machine {
    /// A stubs file to start from: every place, with a result that has what the task looks at.
    #[must_use]
    pub fn stubs_template(&self) -> String {
        let call_sites = CallSites::of(self);
        let samples = samples(self, &call_sites);
        let mut text = format!(
            "# What stands in for the world when `{}` is simulated. Each place answers in the order of its list; the last\n\
             # answer repeats, unless it says `times: N`. `error: transport` brings trouble instead of a result.\n",
            self.file.name
        );
        if call_sites.all.is_empty() {
            text.push_str("# This task asks for nothing.\n{}\n");
        }
        for index in 0..call_sites.all.len() {
            let _ = write!(
                text,
                "\n# {}\n{}",
                call_sites.all[index].what,
                lines(&call_sites, &samples, index)
            );
        }
        text
    }

    /// The lines that a stubs file lacks for this.
    #[must_use]
    pub fn stub_lines(&self, unstubbed: &Unstubbed) -> String {
        let call_sites = CallSites::of(self);
        let index = call_sites
            .all
            .iter()
            .position(|call_site| call_site.place.path == unstubbed.place.path);
        index.map_or_else(
            || format!("{}:\n  - {{ result: {{}} }}\n", unstubbed.place.path),
            |index| lines(&call_sites, &samples(self, &call_sites), index),
        )
    }
}

fn lines(call_sites: &CallSites<'_>, samples: &[Vec<Json>], index: usize) -> String {
    let call_site = &call_sites.all[index];
    let name = call_sites.name(index);
    if !call_site.subscription {
        let sample = flow(&samples[index][0]);
        return format!("{name}:\n  - {{ latency: 10ms, result: {sample} }}\n");
    }
    if call_site.counts.is_empty() {
        // It is watched for what must not come.
        return format!("{name}: []\n");
    }
    let mut text = format!("{name}:\n");
    for (sample, count) in samples[index].iter().zip(&call_site.counts) {
        let times = if *count > 1 {
            format!(", times: {count}")
        } else {
            String::new()
        };
        let _ = writeln!(
            text,
            "  - {{ after: 10ms, message: {}{times} }}",
            flow(sample)
        );
    }
    text
}

/// A value as YAML in one line.
fn flow(value: &Json) -> String {
    match value {
        Json::Object(members) if members.is_empty() => "{}".to_owned(),
        Json::Object(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|(key, value)| format!("{}: {}", scalar(key), flow(value)))
                .collect();
            format!("{{ {} }}", members.join(", "))
        }
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        Json::String(text) => scalar(text),
        other => other.to_string(),
    }
}

/// A text without quotes where YAML reads it as one.
fn scalar(text: &str) -> String {
    let plain = text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
        && !["true", "false", "null"].contains(&text.to_ascii_lowercase().as_str());
    if plain {
        text.to_owned()
    } else {
        Json::from(text).to_string()
    }
}
