//! Environment variables that are not set, named where a value is due and what was written only passes them on.

use super::execution::Trouble;
use super::frame::Frame;
use super::program::{Blueprint, Text};
use super::world::World;
use crate::event::{Failure, Location, Name};
use crate::script::Expression;
use std::sync::Arc;

impl<W: World> Frame<'_, W> {
    /// A client's error about what it was given: where that holds a `${…}` of an environment variable that is not
    /// set, the error names it, there. `given`: the request, and the config.
    pub(super) fn blame_unset(&self, mut trouble: Trouble, given: &[&Blueprint]) -> Trouble {
        let Some((name, place)) = given.iter().find_map(|one| self.unset_in(one)) else {
            return trouble;
        };
        let failure = std::mem::replace(&mut trouble.failure, Failure::transport(""));
        trouble.failure = named(failure, &unset(&name));
        trouble.place = Some(place);
        trouble
    }

    /// The same of an error about a variable of the task that has no value since its environment variable has none.
    pub(super) fn name_unset(&self, failure: Failure, variable: Option<&str>) -> Failure {
        let mut vars = self.machine().vars.iter();
        let Some(variable) = vars.find(|one| variable == Some(&*one.name)) else {
            return failure;
        };
        match self.unset_in(&variable.value) {
            Some((name, _)) => named(
                failure,
                &format!("`{}` has no value: {}", variable.name, unset(&name)),
            ),
            None => failure,
        }
    }

    /// An environment variable that a value reads, all of whose text is one `${…}`, and that is not set.
    pub(super) fn unset_in(&self, blueprint: &Blueprint) -> Option<(Name, Arc<Location>)> {
        match blueprint {
            Blueprint::Constant(_) | Blueprint::Bind(_) => None,
            Blueprint::Text(text) | Blueprint::Url(text) => self.unset_of(text),
            Blueprint::List(items) => items.iter().find_map(|item| self.unset_in(item)),
            Blueprint::Map(members) => members.iter().find_map(|(_, member)| self.unset_in(member)),
        }
    }

    fn unset_of(&self, text: &Text) -> Option<(Name, Arc<Location>)> {
        let (at, expression) = text.template.expressions().next()?;
        if !text.template.is_single() {
            return None;
        }
        let name = self.unset_behind(expression)?;
        let place = Location {
            span: text.text.span_of(at..at + expression.source().len()),
            ..Location::clone(&text.place)
        };
        Some((name, Arc::new(place)))
    }

    /// What an expression reads and nobody has set: itself, or by a variable of the task.
    fn unset_behind(&self, expression: &Expression) -> Option<Name> {
        let is_unset = |name: &&Name| matches!(self.world().host().env(name), Ok(None));
        if let Some(name) = expression.uses().env().find(is_unset) {
            return Some(name.clone());
        }
        expression.reads().iter().find_map(|read| {
            let value = self.scope.get(read);
            let variable = (self.machine().vars.iter()).find(|one| one.name == *read)?;
            match &variable.value {
                Blueprint::Text(text) if value.is_none_or(|value| value.is_null()) => {
                    let (_, expression) = text.template.expressions().next()?;
                    expression.uses().env().find(is_unset).cloned()
                }
                _ => None,
            }
        })
    }
}

fn unset(name: &str) -> String {
    format!("the environment variable `{name}` is not set")
}

/// A failure with this at the head of its hint.
fn named(failure: Failure, why: &str) -> Failure {
    let hint = match &failure.hint {
        Some(hint) => format!("{why}; {hint}"),
        None => why.to_owned(),
    };
    failure.hint(hint)
}
