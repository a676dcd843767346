//! What people and programs read of a run. Every reporter is a [`Sink`](crate::event::Sink): a fold over
//! events that reads nothing else, so that a journal's events give the same report again.
//!
//! - [`failure()`] writes one failure: where, what, how to mend. Every display uses it.
//! - [`Live`] is how the executions of a run stand: the fold behind every display.
//! - [`Terminal`] is what `funcy run` shows; [`REPORTS`] are the formats of files.
//! - [`Status`] and [`Style`] are the glyphs, words and colours of everything.
//!
//! # How to add a report format
//!
//! Write a type that implements `Sink`, and add one line to [`REPORTS`].

mod command;
mod difference;
mod failure;
mod formats;
mod github;
mod json;
mod junit;
mod markdown;
mod ndjson;
mod operand;
mod options;
mod row;
mod snippet;
mod status;
mod style;
mod summary;
mod terminal;
mod text;
mod value;
mod view;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

pub(crate) use failure::anchor;
pub use failure::{About, Sources, failure};
pub use formats::{REPORTS, Report, by_name};
pub use github::Github;
pub use json::Document;
pub use junit::Junit;
pub use markdown::Markdown;
pub use ndjson::Ndjson;
pub use options::Options;
pub(crate) use row::{dump as running_facts, ended as ended_row, running as running_row};
pub use status::{Hue, Status, Theme};
pub use style::{Color, ColorChoice, Output, Style};
pub(crate) use style::{Ink, Line};
pub(crate) use summary::counted;
pub use terminal::Terminal;
pub(crate) use text::{cut_middle, shown, wrap};
pub(crate) use value::{compact, length};
pub use view::{Ended, Key, Last, Live, Phase, Running, Visit};
