//! What was written: tasks and suite files as data, each node with its span.
//!
//! [`parse_task`] and [`parse_suite`] turn YAML into a [`Task`] or a [`Suite`], or into all mistakes of
//! the file at once. Nothing is resolved and nothing is run here.

mod cases;
mod catalog;
mod decode;
mod diagnostic;
mod fingerprint;
mod identity;
mod json_schema;
mod keys;
pub mod model;
mod node;
mod render;
mod schema;
mod source;
mod stubs;
mod yaml;

pub use crate::event::{nearest, parse_duration};
pub use cases::{
    CaseRow, CaseTable, Cases, Column, MAX_CASE_FILE_BYTES, MAX_CASES, NAME as CASE_NAME,
};
pub use catalog::{Catalog, ClientKind, Doubt};
pub use decode::{
    Parsed, misplaced_in_instruction, parse_cases, parse_stubs, parse_suite, parse_task,
};
pub use diagnostic::{Diagnostic, Severity, template_in_key};
pub use fingerprint::TaskChange;
pub use identity::Identity;
pub use json_schema::{ValueContext, validate};
pub use model::{SourceFile, Suite, Task};
pub use node::{Node, NodeKind, Text, TextMap};
pub use render::{render, to_github, to_json};
pub use schema::{suite_schema, task_schema};
pub use source::MAX_FILE_BYTES;
pub use stubs::{Brings, StubDefinition, StubsFile};
pub use yaml::parse_yaml;
