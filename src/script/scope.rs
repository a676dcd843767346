use super::{Value, weight};
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
pub struct Scope(Mutex<Variables>);

#[derive(Clone, Debug, Default)]
struct Variables {
    list: Vec<(Name, Value)>,
    /// About how many bytes they hold.
    held: usize,
}

impl Variables {
    fn get(&self, name: &str) -> Option<&Value> {
        let mut list = self.list.iter();
        list.find(|(known, _)| &**known == name)
            .map(|(_, value)| value)
    }

    /// What they hold besides this one.
    fn others(&self, name: &str) -> usize {
        let own = self.get(name).map_or(0, |value| weight::of(&value.0));
        self.held.saturating_sub(own)
    }
}

impl Scope {
    /// No variables.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Variables> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Sets a variable. A value that is a part of larger JSON is copied out of it, so that the rest is
    /// not kept.
    pub fn set(&self, name: &Name, value: Value) {
        let value = value.detached();
        let mut variables = self.lock();
        variables.held = variables.others(name) + weight::of(&value.0);
        let mut list = variables.list.iter_mut();
        match list.find(|(known, _)| known == name) {
            Some(slot) => slot.1 = value,
            None => variables.list.push((name.clone(), value)),
        }
    }

    /// Whether the variables may hold this as well, in the place of what this one holds now.
    ///
    /// # Errors
    /// When they would hold too much; the message names the bound.
    pub fn check_room(&self, name: &Name, value: &Value) -> Result<(), Failure> {
        weight::check_held(self.lock().others(name) + weight::of(&value.0))
    }

    /// A variable's value, if it was set.
    pub fn get(&self, name: &str) -> Option<Value> {
        self.lock().get(name).cloned()
    }

    /// The names of all variables, in the order in which they were first set.
    pub fn names(&self) -> Vec<Name> {
        let variables = self.lock();
        variables
            .list
            .iter()
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// A copy that later changes of this one do not reach.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self(Mutex::new(self.lock().clone()))
    }

    /// Removes a variable.
    pub fn remove(&self, name: &str) -> Option<Value> {
        let mut variables = self.lock();
        let at = (variables.list.iter()).position(|(known, _)| &**known == name)?;
        variables.held = variables.others(name);
        Some(variables.list.remove(at).1)
    }

    /// All variables as one map.
    pub fn to_json(&self) -> Json {
        Json::Object(
            self.lock()
                .list
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
