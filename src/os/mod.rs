//! What depends on the operating system: other rooms call plain functions of this one.
//!
//! Files that somebody else may have put there: a checkout can hold links, pipes and devices where a file is
//! expected. Every one is opened here, so that none is followed, waited for or read without an end.
//!
//! - [`Folder`] is for what funcy keeps in a checkout (`.funcy`): no part of the way is a link.
//! - [`read`] is for what a checkout brings (tasks, suites, modules): a regular file of at most a given size.
//!
//! Processes that funcy starts:
//!
//! - [`process`] starts them, each with all that it starts a family, which ends as a whole.
//!
//! [`open_files`] knows how many files, connections and pipes may be open at once, [`terminal`] how wide it is.

mod folder;
pub mod open_files;
pub mod process;
mod process_tree;
mod regular;
pub mod terminal;

pub use folder::{Access, Folder, Identity, set_aside};
pub use regular::read;
