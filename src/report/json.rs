//! One JSON document about a run.

use super::folded::Format;
use super::options::Options;
use super::style::Style;
use super::value::utc;
use super::view::{Ended, Key, Live};
use crate::event::{Headline, Json, Metrics, Name, Outcome, Tally};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Writes one JSON document at the end of the run.
pub struct Document {
    writer: Box<dyn Write + Send>,
    options: Options,
    /// The tasks, in the order of the run.
    tasks: BTreeMap<Key, JsonTask>,
}

/// The whole document.
#[derive(Serialize)]
struct Whole<'d> {
    /// The version of this document's shape.
    version: u32,
    run: JsonRun<'d>,
    tasks: Vec<&'d JsonTask>,
}

#[derive(Serialize)]
struct JsonRun<'d> {
    id: Option<&'d Name>,
    funcy: &'d str,
    command: &'d [String],
    seed: u64,
    started: String,
    micros: Option<u64>,
    outcome: Outcome,
    selected: u32,
    /// None of a run that cleaned up after another.
    counts: BTreeMap<String, u32>,
    /// The run that it cleaned up after.
    #[serde(skip_serializing_if = "Option::is_none")]
    cleans_up: Option<&'d Name>,
    /// Against this the journal can be checked: `funcy audit verify RUN --head HEAD`.
    #[serde(skip_serializing_if = "Option::is_none")]
    journal: Option<JournalHead<'d>>,
}

#[derive(Serialize)]
struct JournalHead<'d> {
    head: &'d str,
    events: u64,
}

#[derive(Serialize)]
struct JsonTask {
    #[serde(rename = "task")]
    name: Name,
    #[serde(skip_serializing_if = "Option::is_none")]
    case: Option<Name>,
    file: Name,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Name>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    requirements: Vec<Name>,
    /// That of its last attempt.
    outcome: Outcome,
    attempts: Vec<Attempt>,
}

#[derive(Serialize)]
struct Attempt {
    execution: u32,
    #[serde(rename = "attempt")]
    number: u32,
    started: String,
    micros: u64,
    outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    skip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    xfail: Option<Name>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<Name>,
    path: Vec<JsonVisit>,
    #[serde(skip_serializing_if = "is_zero")]
    more_visits: u64,
    #[serde(skip_serializing_if = "Json::is_null")]
    outputs: Json,
    metrics: Metrics,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failed>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cleanup: Vec<Headline>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct JsonVisit {
    state: Name,
    micros: u64,
    #[serde(skip_serializing_if = "has_not_stayed")]
    stayed: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn has_not_stayed(times: &u32) -> bool {
    *times == 0
}

#[derive(Serialize)]
struct Failed {
    #[serde(flatten)]
    headline: Option<Headline>,
    /// The same in words, as a terminal shows it.
    text: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Document {
    /// Writes here.
    pub fn new(writer: Box<dyn Write + Send>, options: Options) -> Self {
        Self {
            writer,
            options: Options {
                style: Style::plain(),
                ..options
            },
            tasks: BTreeMap::new(),
        }
    }

    fn add(&mut self, ended: Ended, live: &Live) {
        let key = ended.key();
        let text = ended.failure_text(live.run.as_ref(), &self.options);
        let warnings = ended.warnings();
        let tells = !text.is_empty() || ended.outcome == Outcome::Known;
        let failed = tells.then(|| Failed {
            headline: ended.headline.map(|headline| *headline),
            text,
        });
        let ends = ended.path.iter().skip(1).map(|visit| visit.at);
        let path = ended
            .path
            .iter()
            .zip(ends.chain([ended.at]))
            .map(|(visit, end)| JsonVisit {
                state: Name::clone(&visit.state),
                micros: (end - visit.at).max(0).unsigned_abs(),
                stayed: visit.stayed,
            })
            .collect();
        let started = ended.started;
        let attempt = Attempt {
            execution: ended.id,
            number: started.attempt,
            started: utc(ended.began),
            micros: ended.metrics.micros,
            outcome: ended.outcome,
            skip: started.skip,
            xfail: started.xfail,
            state: ended.state,
            path,
            more_visits: ended.more_visits,
            outputs: ended.outputs,
            metrics: *ended.metrics,
            failure: failed,
            cleanup: ended.cleanup,
            warnings,
        };
        let task = self.tasks.entry(key).or_insert_with(|| JsonTask {
            name: started.task,
            case: started.case,
            file: started.file,
            tags: started.tags,
            requirements: started.requirements,
            outcome: Outcome::Interrupted,
            attempts: Vec::new(),
        });
        task.outcome = attempt.outcome;
        task.attempts.push(attempt);
    }
}

/// The counts of a tally under the words that `outcome` has in this document.
pub(crate) fn counts(tally: &Tally) -> BTreeMap<String, u32> {
    tally
        .iter()
        .map(|(outcome, count)| (outcome.word().replace(' ', "_"), count))
        .collect()
}

impl Format for Document {
    fn ended(&mut self, ended: Ended, live: &Live) {
        self.add(ended, live);
    }

    fn finish(&mut self, live: &Live) -> io::Result<()> {
        let started = &live.started;
        let whole = Whole {
            version: 1,
            run: JsonRun {
                id: live.run.as_ref(),
                funcy: &started.version,
                command: &started.command,
                seed: started.seed,
                started: utc(live.began),
                micros: live.end.map(|(_, micros)| micros),
                outcome: live
                    .end
                    .map_or(Outcome::Interrupted, |(outcome, _)| outcome),
                selected: started.tasks,
                counts: match live.started.cleans_up {
                    Some(_) => BTreeMap::new(),
                    None => counts(&live.tally),
                },
                cleans_up: live.started.cleans_up.as_ref(),
                journal: (live.sealed.as_ref()).map(|(head, events)| JournalHead {
                    head,
                    events: *events,
                }),
            },
            tasks: self.tasks.values().collect(),
        };
        serde_json::to_writer_pretty(&mut self.writer, &whole)?;
        self.writer.write_all(b"\n")?;
        self.writer.flush()
    }
}
