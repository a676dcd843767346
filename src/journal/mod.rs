//! The journal: the audit log. Every event of every run, in order, for good; reports, lists and replays are
//! folds over it.
//!
//! - [`Journal`] is what a process writes: one thread, one store, any number of runs ([`Recorder`]).
//! - [`History`] is what it reads.
//! - A [`Store`] keeps commits; [`Sqlite`] is the one in a file.
//! - [`HashChain`] seals events: each commit's head is BLAKE3 over the head before it and the marks of its lines,
//!   so that an altered, removed, swapped or cut event is found.
//! - [`History::audit`] proves all of it: the chains, that no run is missing that a later one names, and that what lists
//!   show follows from the events.
//!
//! All files are opened through `files`, which follows no link that a checkout may hold.
//!
//! # How to add a store
//!
//! Write a type that implements [`Store`], and a test that gives it to `journal::suite::holds`, which keeps
//! every store to the same promises.

pub mod archive;
mod attachment;
mod audit;
pub(crate) mod crash;
mod error;
mod files;
mod hash_chain;
mod history;
mod intent_log;
mod marks;
mod query;
mod recorder;
mod reserve;
mod retention;
mod run_lock;
mod sqlite;
mod store;
#[cfg(test)]
mod suite;

pub use attachment::{Attachment, Hash, LIMIT};
pub use audit::Audit;
pub use error::JournalError;
pub use hash_chain::{Broken, Fault, HashChain, Sealed};
pub use history::{History, RunStatus};
pub use marks::{Mark, RULES, marks, usual_micros};
pub use query::{Query, QueryError, Wanted, parse_age};
pub use recorder::{Journal, Recorder};
pub use retention::{Removed, Retention};
pub use sqlite::{Durability, Sqlite};
pub use store::{Census, Commit, ExecutionRow, FailureCause, Removal, RunRow, Size, Store};
