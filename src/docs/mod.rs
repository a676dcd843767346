//! Pages that are read in more than one place: here, and as files.

#[doc = include_str!("editors.md")]
pub mod editors {}
