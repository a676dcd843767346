//! The formats that `--report FORMAT=FILE` and `funcy report` know.

use super::folded::Folded;
use super::html::Html;
use super::json::Document;
use super::junit::Junit;
use super::markdown::Markdown;
use super::ndjson::Ndjson;
use super::options::Options;
use crate::event::Sink;
use std::io::Write;

/// A report format.
#[derive(Debug)]
pub struct ReportFormat {
    /// The word on the command line.
    pub name: &'static str,
    /// What it is for, in one line.
    pub summary: &'static str,
    /// A sink that writes it here.
    pub make: fn(Box<dyn Write + Send>, Options) -> Box<dyn Sink>,
}

/// Every report format.
pub static REPORTS: &[ReportFormat] = &[
    ReportFormat {
        name: "junit",
        summary: "JUnit XML: a suite for each folder, a test case for each task",
        make: |writer, options| Box::new(Folded::new(Junit::new(writer, options))),
    },
    ReportFormat {
        name: "json",
        summary: "one JSON document: the run and each task with its attempts",
        make: |writer, options| Box::new(Folded::new(Document::new(writer, options))),
    },
    ReportFormat {
        name: "markdown",
        summary: "the counts, a table of what did not simply pass, each failure in full",
        make: |writer, options| Box::new(Folded::new(Markdown::new(writer, options))),
    },
    ReportFormat {
        name: "html",
        summary: "one page to read and to send: every task, each failure in full, what happened",
        make: |writer, options| Box::new(Folded::new(Html::new(writer, options))),
    },
    ReportFormat {
        name: "ndjson",
        summary: "every event as a line of JSON, as it happens",
        make: |writer, _| Box::new(Ndjson::new(writer)),
    },
];

/// The format of this name.
pub fn by_name(name: &str) -> Option<&'static ReportFormat> {
    REPORTS.iter().find(|report| report.name == name)
}
