//! `--var`: nothing starts when a task lacks what it must be given, or nobody reads what is given.

use super::exit::Exit;
use super::options::Load;
use super::output;
use crate::engine::Loaded;
use crate::event::nearest;

/// Refuses tasks with a parameter that is not given.
pub(super) fn params_missing(tasks: &[Loaded], load: &Load) -> Result<(), Exit> {
    let given = |name: &str| load.flags.vars.iter().any(|var| &*var.name == name);
    let missing = tasks.iter().find_map(|task| {
        let missing = task.machine.params_of_run().find(|name| !given(name))?;
        Some((task, missing))
    });
    let Some((task, name)) = missing else {
        return Ok(());
    };
    let message = format!(
        "the task `{}` needs the parameter `{name}`",
        task.machine.name
    );
    output::error(&message, Some(&format!("give it with `--var {name}=…`")));
    Err(Exit::Usage)
}

/// Refuses a variable that none of the tasks declares or reads: mostly its name is misspelt, and the tasks would run with
/// another value than was meant.
pub(super) fn unread(tasks: &[Loaded], load: &Load) -> Result<(), Exit> {
    let is_taken = |name: &str| tasks.iter().any(|task| task.machine.takes(name));
    let Some(var) = load.flags.vars.iter().find(|var| !is_taken(&var.name)) else {
        return Ok(());
    };
    let known = tasks.iter().flat_map(|task| task.machine.declared());
    let hint = match nearest(&var.name, known.map(|name| &**name)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "a task takes what it declares under `vars:`, `params:` or `secrets:`, or reads in an expression".to_owned(),
    };
    let tasks = if tasks.len() == 1 {
        "the task does"
    } else {
        "the tasks do"
    };
    let message = format!(
        "`--var {}`: {tasks} not declare or read such a variable",
        var.name
    );
    output::error(&message, Some(&hint));
    Err(Exit::Usage)
}
