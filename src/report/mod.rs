//! What people and programs read of a run. Every report is a [`Sink`](crate::event::Sink) that reads nothing
//! but events, so that a journal's events give the same report again.
//!
//! - [`failure()`] writes one failure: where, what, how to mend. Every display uses it.
//! - [`Live`] is how the executions of a run stand: the fold behind every display.
//! - [`Folded`] holds it for a report, and a [`Format`] says how that is written.
//! - [`Terminal`] is what `funcy run` shows; [`REPORTS`] are the formats of files.
//! - [`Status`] and [`Style`] are the glyphs, words and colours of everything.
//!
//! # How to add a report format
//!
//! Write a type that implements [`Format`], and add one line to [`REPORTS`].

mod cause;
mod command;
mod difference;
mod event_line;
mod event_list;
mod failure;
mod folded;
mod formats;
mod frames;
mod github;
mod html;
mod json;
mod junit;
mod markdown;
mod ndjson;
mod operand;
mod options;
mod snapshot;
mod snippet;
mod status;
mod status_line;
mod style;
mod summary;
mod terminal;
mod text;
mod value;
mod view;
mod visits;
mod waits;
mod warning;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

pub use cause::{Cause, cause, causes, normalized};
pub use failure::{About, Sources, explained, failure};
pub use folded::{Folded, Format};
pub use formats::{REPORTS, ReportFormat, by_name};
pub use github::Github;
pub use html::Html;
pub use json::Document;
pub use junit::Junit;
pub use markdown::Markdown;
pub use ndjson::Ndjson;
pub use options::Options;
pub use snapshot::{ExecutionSnapshot, LastResult, Snapshot};
pub use status::{Hue, Status, Theme};
pub use status_line::waiting;
pub use style::{Color, ColorChoice, Output, Style};
pub use terminal::Terminal;
pub use text::safe_lines;
pub use view::{Ended, Key, Last, Live, Logs, Phase, Running, RunningRegion, Standing, Visit};
pub use visits::{MAX_EVENTS, StateVisit, Visits};
pub use waits::{Advice, Limited, Times, Waits};
pub use warning::{Warning, missing};

// What the commands and the screen of `watch` draw their own lists with.
pub(crate) use event_list::lines as event_lines;
pub(crate) use failure::anchor;
pub(crate) use frames::Frames;
pub(crate) use status_line::{
    dump as running_facts, ended as ended_row, json as running_json, path as path_text,
    running as running_row, running_since,
};
pub(crate) use style::{Ink, Line, Look, text_of};
pub(crate) use summary::counted;
pub(crate) use text::{cut_end, cut_middle, printable, width, wrap};
pub(crate) use value::{count, length, utc};
