//! GitHub Actions: a mark at the line of each failure, and a table in the step's summary.

use super::failure::anchor;
use super::folded::Format;
use super::markdown::Markdown;
use super::options::Options;
use super::text::printable;
use super::view::{Ended, Key, Live};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Writes workflow commands at the end of the run, and Markdown for the step's summary.
///
/// GitHub shows ten annotations of a step and drops the rest: nine failures are marked, and the tenth
/// annotation says how many more there are.
pub struct Github {
    commands: Box<dyn Write + Send>,
    summary: Option<Markdown>,
    failures: BTreeMap<Key, Annotation>,
}

struct Annotation {
    /// The properties of the command: file, line, column, title.
    properties: String,
    message: String,
}

/// The failures that are marked.
const MAX_ANNOTATIONS: usize = 9;

impl Github {
    /// Writes workflow commands here: to standard output, where GitHub looks for them. `summary` is what
    /// `GITHUB_STEP_SUMMARY` names.
    pub fn new(
        commands: Box<dyn Write + Send>,
        summary: Option<Box<dyn Write + Send>>,
        options: Options,
    ) -> Self {
        Self {
            commands,
            summary: summary.map(|writer| Markdown::new(writer, options)),
            failures: BTreeMap::new(),
        }
    }

    fn add(&mut self, ended: &Ended, live: &Live) {
        if ended.outcome.is_good() {
            self.failures.remove(&ended.key());
            return;
        }
        let mut properties = format!("file={}", property(&ended.started.file));
        if let Some((file, at)) = ended.headline.as_deref().and_then(anchor) {
            properties = format!("file={},line={},col={}", property(file), at.line, at.column);
        }
        // The task itself has its result in the run before.
        let cleanup = match live.started.cleans_up {
            Some(_) => "cleanup ",
            None => "",
        };
        let title = format!("{} {cleanup}{}", ended.name(), ended.outcome.word());
        let state = ended.state.as_ref().map(|state| format!("state {state}: "));
        let annotation = Annotation {
            properties: format!("{properties},title={}", property(&title)),
            message: format!("{}{}", state.unwrap_or_default(), ended.reason()),
        };
        self.failures.insert(ended.key(), annotation);
    }
}

/// A text that ends at its line, and that no second command can hide in.
fn message(text: &str) -> String {
    // A line break is the one control character that GitHub shows.
    let lines: Vec<_> = text.split('\n').map(|line| printable(line, true)).collect();
    let text = lines.join("\n");
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// A text inside the properties of a command.
fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}

impl Format for Github {
    fn ended(&mut self, ended: Ended, live: &Live) {
        self.add(&ended, live);
        if let Some(summary) = &mut self.summary {
            summary.ended(ended, live);
        }
    }

    fn finish(&mut self, live: &Live) -> io::Result<()> {
        for one in self.failures.values().take(MAX_ANNOTATIONS) {
            let text = message(&one.message);
            writeln!(self.commands, "::error {}::{text}", one.properties)?;
        }
        let more = self.failures.len().saturating_sub(MAX_ANNOTATIONS);
        if more > 0 {
            writeln!(self.commands, "::error::and {more} more")?;
        }
        self.commands.flush()?;
        match &mut self.summary {
            Some(summary) => summary.finish(live),
            None => Ok(()),
        }
    }
}
