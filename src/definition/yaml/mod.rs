//! YAML to [`Node`]s with spans: one scan of the parser's events, with bounds, duplicate keys, merge
//! keys, and funcy's own words for what YAML would do silently.

mod build;
mod flow;
mod resolve;
mod scalar;
mod syntax;
#[cfg(test)]
mod tests;
mod trace;

use super::diagnostic::{Diagnostic, sort};
use super::model::SourceFile;
use super::node::Node;
use super::source::Lines;
use crate::event::{Pos, Span};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A file as far as it could be read.
#[derive(Debug)]
pub(super) struct Reading {
    /// The root; `None` if nothing could be made of the file.
    pub(super) root: Option<Node>,
    /// What is wrong with the YAML.
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Stretches about which something was said already: a later check keeps quiet about them.
    pub(super) settled: Settled,
}

/// Stretches of a file about which nothing more need be said.
#[derive(Debug, Default)]
pub(super) struct Settled(BTreeMap<Pos, Pos>);

impl Settled {
    /// Nothing more need be said about this.
    fn add(&mut self, span: Span) {
        let end = self.0.entry(span.start).or_insert(span.end);
        *end = span.end.max(*end);
    }

    /// Whether something was said about what stands here.
    pub(super) fn contains(&self, pos: Pos) -> bool {
        self.0
            .range(..=pos)
            .next_back()
            .is_some_and(|(start, end)| *start == pos || pos < *end)
    }
}

/// The number that an unquoted text is to YAML.
pub(super) fn number(text: &str) -> Option<serde_json::Number> {
    match resolve::resolve(text) {
        resolve::Resolved::Number(number) => Some(number),
        _ => None,
    }
}

/// Reads a YAML file.
///
/// # Errors
/// All that is wrong with it as YAML, in the order of the file.
pub fn parse_yaml(file: &Arc<SourceFile>) -> Result<Node, Vec<Diagnostic>> {
    let lines = Lines::new(&file.text);
    let mut reading = read(file, &lines);
    let is_wrong = reading.diagnostics.iter().any(Diagnostic::is_error);
    match reading.root {
        Some(root) if !is_wrong => Ok(root),
        _ => {
            sort(&mut reading.diagnostics);
            Err(reading.diagnostics)
        }
    }
}

/// Reads a YAML file and keeps what could be read.
pub(super) fn read(file: &SourceFile, lines: &Lines<'_>) -> Reading {
    if let Some(diagnostic) = file.control_character() {
        return Reading {
            root: None,
            diagnostics: vec![diagnostic],
            settled: Settled::default(),
        };
    }
    build::Builder::new(file, lines).run()
}
