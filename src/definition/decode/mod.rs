//! Nodes to [`Task`]s and [`Suite`]s. Every mistake is recorded and the rest is read on, so that one
//! look at a file finds all of them.

mod cases;
mod condition;
mod expression;
mod fields;
mod instruction;
mod misplaced;
mod names;
mod scalar;
mod state;
mod stubs;
mod suite;
mod task;
#[cfg(test)]
mod tests;
mod value;

use self::cases::CaseFormat;
use super::cases::CaseTable;
use super::diagnostic::{Diagnostic, sort};
use super::model::{SourceFile, Suite, Task};
use super::node::{Node, Text};
use super::source::Lines;
use super::stubs::StubsFile;
use super::yaml;
use crate::event::Span;
pub use misplaced::misplaced_in_instruction;
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
#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the method itself is not general over the decoder's lifetime"
)]
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

/// Reads a stubs file, which `funcy simulate --stubs` takes. Its places are still what was written.
///
/// # Errors
/// All mistakes of the file, and the warnings beside them, in the order of the file.
#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the method itself is not general over the decoder's lifetime"
)]
pub fn parse_stubs(file: &Arc<SourceFile>) -> Result<Parsed<StubsFile>, Vec<Diagnostic>> {
    parse(file, |decoder, root| decoder.stubs(root))
}

/// Reads a file of cases: csv, JSON or YAML, by the end of its name.
///
/// # Errors
/// All mistakes of the file, in its order.
#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the method itself is not general over the decoder's lifetime"
)]
pub fn parse_cases(file: &Arc<SourceFile>) -> Result<Parsed<CaseTable>, Vec<Diagnostic>> {
    if CaseFormat::of(&file.path.to_string_lossy()) != Some(CaseFormat::Csv) {
        return parse(file, |decoder, root| decoder.case_document(root));
    }
    let lines = Lines::new(&file.text);
    let mut decoder = Decoder {
        file,
        lines: &lines,
        diagnostics: Vec::new(),
        settled: yaml::Settled::default(),
        calls: Vec::new(),
    };
    let table = decoder.case_csv();
    parsed(file, table, decoder.diagnostics)
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
        calls: Vec::new(),
    };
    let value = reading.root.and_then(|root| decode(&mut decoder, &root));
    let diagnostics = decoder.diagnostics;
    parsed(file, value, diagnostics)
}

/// What a file holds, unless there are mistakes in it.
fn parsed<T>(
    file: &SourceFile,
    value: Option<T>,
    mut diagnostics: Vec<Diagnostic>,
) -> Result<Parsed<T>, Vec<Diagnostic>> {
    sort(&mut diagnostics);
    cut(file, &mut diagnostics);
    match value {
        Some(value) if !diagnostics.iter().any(Diagnostic::is_error) => Ok(Parsed {
            value,
            warnings: diagnostics,
        }),
        _ => Err(diagnostics),
    }
}

/// More diagnostics than these are counted, not kept.
const MAX_DIAGNOSTICS: usize = 200;

/// Keeps the first diagnostics and says how many more there are.
fn cut(file: &SourceFile, diagnostics: &mut Vec<Diagnostic>) {
    let more = diagnostics.len().saturating_sub(MAX_DIAGNOSTICS);
    if more == 0 {
        return;
    }
    let any_error = diagnostics.iter().any(Diagnostic::is_error);
    let next = diagnostics[MAX_DIAGNOSTICS].span;
    diagnostics.truncate(MAX_DIAGNOSTICS);
    let message = format!("{more} more mistakes follow from here on");
    diagnostics.push(if any_error {
        Diagnostic::error("more", &file.name, next, message)
    } else {
        Diagnostic::warning("more", &file.name, next, message)
    });
}

/// Reads one file. A method that returns `None` has recorded why.
struct Decoder<'a> {
    file: &'a Arc<SourceFile>,
    lines: &'a Lines<'a>,
    diagnostics: Vec<Diagnostic>,
    /// Stretches about which something was said already.
    settled: yaml::Settled,
    /// The files that `task` instructions call, so far.
    calls: Vec<Text>,
}

impl Decoder<'_> {
    /// Records a mistake, unless something was said about what stands there.
    fn report(&mut self, diagnostic: Diagnostic) {
        if !self.settled.contains(diagnostic.span.start) {
            self.diagnostics.push(diagnostic);
        }
    }

    /// As many mistakes were found as will be shown.
    fn is_full(&self) -> bool {
        self.diagnostics.len() > MAX_DIAGNOSTICS
    }

    fn error(&self, code: &'static str, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(code, &self.file.name, span, message)
    }
}
