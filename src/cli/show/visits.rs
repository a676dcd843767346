use super::Args;
use crate::cli::exit::Exit;
use crate::cli::history::{CommandError, Format, nothing};
use crate::cli::output;
use crate::event::{Fact, Name, nearest};
use crate::journal::{History, RunRow};
use crate::report::{StateVisit, Style, Visits};
use serde_json::json;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// The visits of a state, each as it ends.
pub(super) fn run(
    history: &History,
    row: &RunRow,
    state: &str,
    args: &Args,
    style: Style,
) -> Result<(), CommandError> {
    let wanted = args.wanted(&history.executions(&row.id)?)?;
    let mut visits = Visits::of(state.into());
    let mut states: BTreeSet<Name> = BTreeSet::new();
    let mut shown = 0_u64;
    let mut show = |visit: &StateVisit| {
        output::data(&match args.format {
            Format::Json => format!("{}\n", to_json(row, visit)),
            Format::Human => {
                let mut text = String::new();
                if shown > 0 {
                    text.push('\n');
                }
                visit.write(style, &mut text);
                text
            }
        });
        shown += 1;
    };
    history.events_where(
        &row.id,
        1,
        |execution| execution.is_some_and(|id| wanted.contains(&id)),
        |event| {
            if let Fact::ExecutionStarted(started) = &event.fact {
                states.extend(started.states.iter().cloned());
            }
            if let Some(visit) = visits.apply(&event) {
                show(&visit);
            }
            ControlFlow::Continue(())
        },
    )?;
    visits.rest().iter().for_each(&mut show);
    if shown > 0 {
        return Ok(());
    }
    if states.contains(state) {
        return Err(nothing(
            &format!("run {} never came to the state `{state}`", row.id),
            &format!("`funcy show {}` shows where it went", row.id),
        ));
    }
    let known: Vec<&str> = states.iter().map(|name| &**name).collect();
    let hint = nearest(state, known.iter().copied()).map_or_else(
        || format!("the states are {}", known.join(", ")),
        |near| format!("did you mean `{near}`?"),
    );
    let message = format!("no task of run {} has a state `{state}`", row.id);
    output::error(&message, Some(&hint));
    Err(Exit::Usage.into())
}

fn to_json(row: &RunRow, visit: &StateVisit) -> serde_json::Value {
    json!({
        "run": row.id,
        "execution": visit.execution,
        "task": visit.task,
        "state": visit.state,
        "visit": visit.visit,
        "seq": visit.seq,
        "entered": visit.entered,
        "left": visit.left,
        "to": visit.to,
        "left_out": visit.left_out,
        "events": visit.events,
    })
}
