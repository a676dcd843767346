//! Nodes to [`Task`]s and [`Suite`]s. Every mistake is recorded and the rest is read on, so that one
//! look at a file finds all of them.

mod condition;
mod expression;
mod fields;
mod instruction;
mod names;
mod scalar;
mod state;
mod suite;
mod task;
#[cfg(test)]
mod tests;
mod value;

use super::diagnostic::{Diagnostic, sort};
use super::model::{SourceFile, Suite, Task};
use super::node::Node;
use super::source::Lines;
use super::yaml;
use crate::event::{Pos, Span};
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

/// What a file holds, and what about it is probably not what was meant.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed<T> {
    /// The task or suite.
    pub value: T,
    /// In the order of the file; none of them is an error.
    pub warnings: Vec<Diagnostic>,
}

/// Reads a task file.
///
/// # Errors
/// All mistakes of the file, and the warnings beside them, in the order of the file.
pub fn parse_task(file: &Arc<SourceFile>) -> Result<Parsed<Task>, Vec<Diagnostic>> {
    parse(file, |decoder, root| decoder.task(root))
}

/// Reads a suite file; `folder` is the folder that it lies in.
///
/// # Errors
/// All mistakes of the file, and the warnings beside them, in the order of the file.
pub fn parse_suite(
    file: &Arc<SourceFile>,
    folder: impl Into<PathBuf>,
) -> Result<Parsed<Suite>, Vec<Diagnostic>> {
    let folder = folder.into();
    parse(file, |decoder, root| decoder.suite(root, folder))
}

fn parse<T>(
    file: &Arc<SourceFile>,
    decode: impl FnOnce(&mut Decoder<'_>, &Node) -> Option<T>,
) -> Result<Parsed<T>, Vec<Diagnostic>> {
    let lines = Lines::new(&file.text);
    let reading = yaml::read(file, &lines);
    let mut decoder = Decoder {
        file,
        lines: &lines,
        diagnostics: reading.diagnostics,
        settled: reading.settled,
    };
    let value = reading.root.and_then(|root| decode(&mut decoder, &root));
    let mut diagnostics = decoder.diagnostics;
    sort(&mut diagnostics);
    match value {
        Some(value) if !diagnostics.iter().any(Diagnostic::is_error) => Ok(Parsed {
            value,
            warnings: diagnostics,
        }),
        _ => Err(diagnostics),
    }
}

/// Reads one file. A method that returns `None` has recorded why.
struct Decoder<'a> {
    file: &'a Arc<SourceFile>,
    lines: &'a Lines<'a>,
    diagnostics: Vec<Diagnostic>,
    /// Where nodes begin about which something was said already.
    settled: HashSet<Pos>,
}

impl Decoder<'_> {
    /// Records a mistake, unless something was said about the node that begins there.
    fn report(&mut self, diagnostic: Diagnostic) {
        if !self.settled.contains(&diagnostic.span.start) {
            self.diagnostics.push(diagnostic);
        }
    }

    fn error(&self, code: &'static str, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(code, &self.file.name, span, message)
    }
}
