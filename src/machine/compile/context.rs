//! What holds where something is compiled.

use super::result::ResultShape;
use crate::definition::SourceFile;
use crate::definition::model::Program;
use crate::event::{Location, Name, Span};
use crate::machine::program::Read;
use crate::machine::record_policy::RecordPolicy;
use std::sync::Arc;

/// The variables that something reads. Who compiles a thing whose reads matter collects them in a list of its own.
pub(super) type Reads = Vec<Read>;

/// What holds where something is compiled. It is handed down by value: what is true inside of an instruction cannot
/// stay true behind it.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    /// The file that it stands in: the task's, or the suite's.
    pub(super) file: &'a SourceFile,
    /// What stands before the paths of a called file: it tells them from those of the task that calls it.
    pub(super) prefix: &'a str,
    /// The machine whose states it may name.
    pub(super) program: &'a Program,
    /// The region of that machine; none, if it is the task's.
    pub(super) region: Option<usize>,
    /// The result that expressions may look at.
    pub(super) res: ResultShape<'a>,
    /// What is recorded of that result.
    pub(super) record_policy: RecordPolicy,
    /// Whether there is an `item`.
    pub(super) has_item: bool,
}

impl<'a> Context<'a> {
    /// In this file, in no region, with no result and no item.
    pub(super) fn new(file: &'a SourceFile, program: &'a Program, prefix: &'a str) -> Self {
        Self {
            file,
            prefix,
            program,
            region: None,
            res: ResultShape::Absent,
            record_policy: RecordPolicy::Full,
            has_item: false,
        }
    }

    /// Where there is this result.
    pub(super) fn with_res(self, res: ResultShape<'a>) -> Self {
        Self { res, ..self }
    }

    /// The place of something at this path of the file.
    pub(super) fn place(self, span: Span, path: &str) -> Arc<Location> {
        Arc::new(Location {
            file: Name::clone(&self.file.name),
            path: format!("{}{path}", self.prefix).into(),
            span,
        })
    }
}
