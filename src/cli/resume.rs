//! Where a run begins that goes on from a recorded one: `--from STATE --context RUN@SEQ`, and `--resume RUN`.

use super::exit::Exit;
use super::journal::{self, Keep};
use super::output;
use crate::engine::{Loaded, Loader, Run};
use crate::event::{ExecutionId, Fact, Name, RunId};
use crate::journal::{History, JournalError, Query, RunRow, RunStatus};
use crate::machine::Checkpoint;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;

/// `--from`, `--context` and `--resume`.
#[derive(Debug, clap::Args)]
pub(super) struct Begin {
    /// Begin in this state; needs a single task
    #[arg(long, value_name = "STATE", help_heading = "Going on")]
    pub(super) from: Option<Name>,
    /// With the variables of a recorded run as they were at this event
    #[arg(
        long,
        value_name = "RUN@SEQ",
        requires = "from",
        help_heading = "Going on"
    )]
    pub(super) context: Option<String>,
    /// Run what an interrupted run has left undone: its due `defer`s and its `cleanup`
    #[arg(long, value_name = "RUN", conflicts_with_all = ["from", "context"], help_heading = "Going on")]
    pub(super) resume: Option<String>,
}

/// The label of a run that cleaned up after another.
const RESUMES: &str = "resumes";

/// What an interrupted run has left: its tasks as they were defined then, each where it stood.
pub(super) struct Left {
    pub(super) tasks: Vec<Loaded>,
    checkpoints: Vec<Checkpoint>,
    /// How the new run is labelled, so that nobody cleans up twice.
    pub(super) label: (Name, Name),
    /// The run that was interrupted.
    pub(super) run: RunId,
    /// The environment that it ran against.
    pub(super) env: Option<Name>,
}

impl Begin {
    /// Lets the run begin where it is to. `tasks` are the names of its tasks.
    pub(super) fn apply(&self, run: Run, tasks: &[Name], keep: &Keep) -> Result<Run, Exit> {
        let Some(from) = &self.from else {
            return Ok(run);
        };
        let [task] = tasks else {
            let message = format!("`--from` needs a single task; {} are selected", tasks.len());
            output::error(&message, Some("name its file, or use `--filter`"));
            return Err(Exit::Usage);
        };
        let mut checkpoint = Checkpoint::default();
        if let Some(context) = &self.context {
            checkpoint = recorded(context, task, keep)?;
        }
        checkpoint.state = Some(Name::clone(from));
        // They were run when the recorded execution ended.
        checkpoint.deferred.clear();
        Ok(run.begin(0, checkpoint))
    }
}

impl Left {
    pub(super) fn apply(&self, mut run: Run) -> Run {
        for (index, checkpoint) in self.checkpoints.iter().enumerate() {
            run = run.begin(index, checkpoint.clone());
        }
        run
    }
}

/// Where an execution stood at `RUN@SEQ`; without a number, where the task's last execution ended.
fn recorded(context: &str, task: &Name, keep: &Keep) -> Result<Checkpoint, Exit> {
    let wrong = |message: String, hint: &str| {
        output::error(&message, Some(hint));
        Exit::Usage
    };
    let (name, seq) = match context.rsplit_once('@') {
        None => (context, None),
        Some((name, seq)) => match seq.parse::<u64>() {
            Ok(seq) => (name, Some(seq)),
            Err(_) => {
                return Err(wrong(
                    format!("`{seq}` is no number of an event"),
                    "write `--context RUN@SEQ`; `funcy show RUN` lists the events",
                ));
            }
        },
    };
    let found = || -> Result<(RunRow, Option<Checkpoint>), JournalError> {
        let history = History::open(keep.path())?;
        let row = history.find(name)?;
        let last = seq.unwrap_or(row.events);
        let execution = if let Some(seq) = seq {
            history.execution_at(&row, seq)?
        } else {
            let executions = history.executions(&row.id)?;
            let of_task = executions.iter().rfind(|one| one.name() == **task);
            of_task.map(|one| one.number)
        };
        let Some(execution) = execution else {
            return Ok((row, None));
        };
        let checkpoint = checkpoints(&history, &row, last)?.remove(&execution);
        Ok((row, checkpoint))
    };
    match found() {
        Err(error) => Err(journal::failed(&error)),
        Ok((_, Some(checkpoint))) => Ok(checkpoint),
        Ok((row, None)) => Err(wrong(
            format!("no execution of a task stands at `{context}`"),
            &format!(
                "run {} has the events 1 to {}; `funcy show {0}` lists them",
                row.id, row.events
            ),
        )),
    }
}

/// Where each execution of a run stood after this event.
fn checkpoints(
    history: &History,
    row: &RunRow,
    last: u64,
) -> Result<HashMap<ExecutionId, Checkpoint>, JournalError> {
    let mut checkpoints: HashMap<ExecutionId, Checkpoint> = HashMap::new();
    history.events(&row.id, 1, |event| {
        if event.seq > last {
            return ControlFlow::Break(());
        }
        if let Some(execution) = event.execution {
            checkpoints
                .entry(execution)
                .or_default()
                .apply(event.frame, &event.fact);
        }
        ControlFlow::Continue(())
    })?;
    Ok(checkpoints)
}

/// What an interrupted run has left undone.
pub(super) fn left(name: &str, loader: &Loader, keep: &Keep) -> Result<Left, Exit> {
    let history = History::open(keep.path()).map_err(|error| journal::failed(&error))?;
    let found = || -> Result<_, JournalError> {
        let row = history.find(name)?;
        let mut again = Query::all();
        again.labels.push((RESUMES.into(), row.id.clone()));
        let resumed = history.runs(&again, None, 1)?.pop();
        Ok((history.status(&row), row, resumed))
    };
    let (status, row, resumed) = found().map_err(|error| journal::failed(&error))?;
    if let Some(resumed) = resumed {
        let message = format!("run {} was cleaned up by run {}", row.id, resumed.id);
        output::error(&message, None);
        return Err(Exit::Usage);
    }
    match status {
        RunStatus::Running => {
            let message = format!("run {} is still under way", row.id);
            output::error(
                &message,
                Some("stop it with Ctrl-C or SIGTERM: it cleans up then"),
            );
            return Err(Exit::Usage);
        }
        RunStatus::Ended(_) if row.outcome.is_some() => {
            let message = format!("run {} has ended by itself: nothing is left to do", row.id);
            output::error(&message, None);
            return Err(Exit::Usage);
        }
        RunStatus::Ended(_) => {}
    }
    undone(&history, &row, loader)
}

/// The executions without an end, with the definitions that were recorded.
fn undone(history: &History, row: &RunRow, loader: &Loader) -> Result<Left, Exit> {
    let read = || -> Result<_, JournalError> {
        let mut sources: HashMap<(u32, Name), Name> = HashMap::new();
        history.events(&row.id, 1, |event| {
            if let Fact::ExecutionStarted(started) = event.fact
                && let Some(source) = started.source
            {
                sources.insert((started.index, started.task), source);
            }
            ControlFlow::Continue(())
        })?;
        Ok((
            sources,
            checkpoints(history, row, u64::MAX)?,
            history.executions(&row.id)?,
        ))
    };
    let (sources, mut checkpoints, executions) = read().map_err(|error| journal::failed(&error))?;
    let mut left = Left {
        tasks: Vec::new(),
        checkpoints: Vec::new(),
        label: (RESUMES.into(), row.id.clone()),
        run: row.id.clone(),
        env: row.env.clone(),
    };
    // Against the environment that it ran against, whatever is asked for now.
    let loader = loader.clone().environment(row.env.clone());
    for one in executions.iter().filter(|one| one.outcome.is_none()) {
        let source = sources.get(&(one.index, one.task.clone()));
        let (Some(source), Some(mut checkpoint)) = (source, checkpoints.remove(&one.number)) else {
            continue;
        };
        let Ok(mut task) = loader.compile(Path::new(&*one.file), source) else {
            let message = format!("the definition of {} cannot be used any more", one.task);
            let hint = format!("is the suite file of {} still there?", one.file);
            output::error(&message, Some(&hint));
            return Err(Exit::Usage);
        };
        let mut cases = task.machine.cases.iter();
        task.case = cases
            .find(|case| Some(&case.name) == one.case.as_ref())
            .cloned();
        left.tasks.push(task);
        checkpoint.cleanup_only = true;
        checkpoint.of = Some((row.id.clone(), one.attempt));
        left.checkpoints.push(checkpoint);
    }
    Ok(left)
}
