//! The machine: a task, checked and compiled, and its execution.
//!
//! [`compile`] turns what was written into a [`Machine`]: names resolved, expressions compiled, every
//! mistake reported at once. [`run`] executes it. Both know no clock, no IO and no runtime: everything
//! outside is reached through one trait, [`World`].

mod address;
mod begin;
mod call;
mod checkpoint;
mod child;
mod cleanup;
mod compile;
mod condition;
mod drawing;
mod end;
mod execution;
mod frame;
mod instance;
mod instruction;
mod matches;
mod never_known;
mod poll;
pub(crate) mod program;
mod race;
mod record_policy;
mod regions;
mod run;
mod stay;
mod strategy;
mod stream_end;
mod subscription;
#[cfg(test)]
pub(crate) mod tests;
mod timer;
mod unset;
mod value;
mod visit;
mod watches;
mod world;

pub use checkpoint::{Armed, AtEnd, Checkpoint};
pub use compile::{CalledTask, CalledTasks, CompileInputs, compile, expression};
pub(crate) use end::outcome_of;
pub use program::{Case, Machine, Program};
pub use run::{Inputs, Verdict, is_skipped, run};
pub use world::{Call, Halt, Lost, Moment, ScopeId, Site, World};
