//! Pages that are read in more than one place: here, and as files.

#[expect(clippy::doc_markdown, reason = "names of products are no code")]
#[doc = include_str!("editors.md")]
pub mod editors {}
