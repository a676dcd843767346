use super::super::command::quoted;
use super::super::failure::{self, About, Sources, what};
use super::super::options::Options;
use super::super::style::{Line, text_of};
use super::super::warning::Warning;
use super::logs::Logs;
use super::{Key, Visit, key};
use crate::event::{
    ErrorKind, ExecutionId, ExecutionStarted, Failure, Headline, Json, Metrics, Name, Outcome,
    RunId, Trace,
};

/// An execution that has ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Its number.
    pub id: ExecutionId,
    /// How it began; its texts are in `sources`.
    pub started: ExecutionStarted,
    /// When it began.
    pub began: i64,
    /// When it ended.
    pub at: i64,
    /// How.
    pub outcome: Outcome,
    /// What decided, if it did not pass.
    pub headline: Option<Box<Headline>>,
    /// What failed in its cleanup.
    pub cleanup: Vec<Headline>,
    /// What is no failure, but ought to be looked at.
    pub warnings: Vec<Warning>,
    /// The last lines that it logged.
    pub logs: Logs,
    /// The state it ended in.
    pub state: Option<Name>,
    /// What it cost.
    pub metrics: Box<Metrics>,
    /// Its `outputs`.
    pub outputs: Json,
    /// The states it was in, in order.
    pub path: Vec<Visit>,
    /// How many further visits there were.
    pub more_visits: u64,
    /// The texts of its definition; empty after a good end.
    pub sources: Sources,
    /// Whether the task is done: no further attempt follows.
    pub last_attempt: bool,
    /// The last point from which a new run could go on: the `seq` of its last transition.
    pub(super) resume: Option<u64>,
}

impl Ended {
    /// What a failure needs to know of it. Where the run is in a journal, a new one can begin at the state
    /// that failed.
    pub fn about(&self, run: Option<&RunId>, options: &Options) -> About {
        let Options {
            resumable,
            command,
            flags,
            ..
        } = options;
        let file = quoted(&self.started.file);
        let file = match &self.started.case {
            Some(_) => format!("{file} {}", self.selected_by(options)),
            None => file.into_owned(),
        };
        let again = match (&self.state, self.resume, run) {
            (Some(state), Some(seq), Some(run)) if *resumable && !self.in_cleanup() => format!(
                "funcy run {file} --from {} --context {run}@{seq}{flags}",
                quoted(state)
            ),
            _ => format!("funcy {command} {file}{flags}"),
        };
        About {
            task: Name::clone(&self.started.task),
            case: self.started.case.clone(),
            outcome: self.outcome,
            attempt: self.started.attempt,
            attempts: self.started.attempts,
            requirements: self.started.requirements.clone(),
            cleanup: self.cleanup.clone(),
            logs: self.logs.lines(),
            again: Some(again),
            trace: self.trace(run),
        }
    }

    /// The flag with which a command takes nothing else of its file.
    pub(crate) fn selected_by(&self, options: &Options) -> String {
        match &self.started.case {
            Some(case) if options.command == "simulate" => format!("--case {}", quoted(case)),
            _ => format!("--filter {}", quoted(&self.name())),
        }
    }

    /// The id of the trace that its requests were part of.
    pub fn trace(&self, run: Option<&RunId>) -> Option<String> {
        let run = run.filter(|_| self.metrics.attempts > 0)?;
        Some(Trace::of(run, self.id).id().to_owned())
    }

    /// Whether nothing but its cleanup failed.
    fn in_cleanup(&self) -> bool {
        let headline = self.headline.as_deref();
        headline.is_some_and(|headline| self.cleanup.contains(headline))
    }

    /// What the attempts of its task have in common.
    pub fn key(&self) -> Key {
        key(&self.started)
    }

    /// The whole failure as text; empty after a good end.
    pub fn failure_text(&self, run: Option<&RunId>, options: &Options) -> String {
        text_of(&self.failure_lines(run, options))
    }

    /// The same, line by line.
    pub(crate) fn failure_lines(&self, run: Option<&RunId>, options: &Options) -> Vec<Line> {
        if self.outcome.is_good() {
            return Vec::new();
        }
        let about = self.about(run, options);
        match &self.headline {
            Some(headline) => failure::lines(headline, &about, &self.sources, options.style),
            None => failure::lines(&self.unexplained(), &about, &self.sources, options.style),
        }
    }

    /// A headline for an end that brought none: a cancelled task.
    fn unexplained(&self) -> Headline {
        Headline {
            state: self.state.clone(),
            ..Headline::of(Failure::new(ErrorKind::Lost, self.outcome.word()))
        }
    }

    /// The name of its task, with its case.
    pub fn name(&self) -> String {
        self.started.name()
    }

    /// Its warnings, a line each.
    pub fn warnings(&self) -> Vec<String> {
        self.warnings.iter().map(Warning::to_string).collect()
    }

    /// Why it is known to fail, and what it came to.
    pub(crate) fn known(&self) -> String {
        let reason = self.started.xfail.as_deref().unwrap_or("no reason given");
        format!("{reason}; {}", self.reason())
    }

    /// What decided, also where no headline says it.
    pub fn reason(&self) -> String {
        match &self.headline {
            Some(headline) => what(headline),
            None => self.outcome.word().to_owned(),
        }
    }
}
