use super::Value;
use crate::event::{Failure, Json, Name};
use std::sync::Mutex;

/// The names that a task's own variables cannot have, since they stand for something else.
pub const LOCALS: [&str; 12] = [
    "res", "attempt", "elapsed", "state", "task", "run", "item", "regions", "error", "needs",
    "clients", "services",
];

/// The variables of one execution. Futures of one execution share it; each variable takes 32 bytes and
/// what its value holds.
#[derive(Debug, Default)]
pub struct Scope(Mutex<Vec<(Name, Value)>>);

impl Scope {
    /// No variables.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Name, Value)>> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Sets a variable. A value that is a part of larger JSON is copied out of it, so that the rest is
    /// not kept.
    pub fn set(&self, name: &Name, value: Value) {
        let value = value.detached();
        let mut variables = self.lock();
        match variables.iter_mut().find(|(known, _)| known == name) {
            Some(slot) => slot.1 = value,
            None => variables.push((name.clone(), value)),
        }
    }

    /// A variable's value, if it was set.
    pub fn get(&self, name: &str) -> Option<Value> {
        self.lock()
            .iter()
            .find(|(known, _)| &**known == name)
            .map(|(_, value)| value.clone())
    }

    /// The names of all variables, in the order in which they were first set.
    pub fn names(&self) -> Vec<Name> {
        self.lock().iter().map(|(name, _)| name.clone()).collect()
    }

    /// A copy that later changes of this one do not reach.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self(Mutex::new(self.lock().clone()))
    }

    /// Removes a variable.
    pub fn remove(&self, name: &str) -> Option<Value> {
        let mut variables = self.lock();
        let at = variables.iter().position(|(known, _)| &**known == name)?;
        Some(variables.remove(at).1)
    }

    /// All variables as one map.
    pub fn to_json(&self) -> Json {
        Json::Object(
            self.lock()
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_json()))
                .collect(),
        )
    }
}

/// What is in scope besides the variables (`res`, `attempt`, …), asked for only where an expression
/// reads it. A local wins over a variable of the same name.
#[derive(Clone, Copy)]
pub struct Locals<'a>(Option<&'a Lookup<'a>>);

/// Finds the value behind a name.
type Lookup<'a> = dyn Fn(&str) -> Option<Value> + 'a;

impl<'a> Locals<'a> {
    /// Asks `lookup` for each name that the expression reads.
    pub fn new(lookup: &'a dyn Fn(&str) -> Option<Value>) -> Self {
        Self(Some(lookup))
    }

    /// Nothing but variables.
    pub fn none() -> Self {
        Self(None)
    }

    pub(super) fn get(&self, name: &str) -> Option<Value> {
        self.0.and_then(|lookup| lookup(name))
    }
}

/// What functions may ask of the world: the machine answers, so that a replay sees the same.
pub trait Host: Send + Sync {
    /// The world's clock.
    fn now(&self) -> jiff::Timestamp;
    /// Sixteen bytes of chance for the expression at `place`, new ones at each call.
    fn chance(&self, place: u64) -> [u8; 16];
    /// An environment variable, or why it may not be read.
    ///
    /// # Errors
    /// Names the permission that is missing.
    fn env(&self, name: &str) -> Result<Option<String>, Failure>;
}
