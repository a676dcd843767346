use super::{Value, weight};
use crate::event::{Failure, Json, Name};
use std::sync::{Arc, Mutex};

/// The names that a task's own variables cannot have, since they stand for something else.
pub const LOCALS: [&str; 13] = [
    "res", "attempt", "elapsed", "state", "task", "run", "item", "index", "regions", "error",
    "needs", "clients", "services",
];

/// The variables of one machine. Futures of one execution share it; each variable takes 32 bytes and
/// what its value holds.
#[derive(Debug, Default)]
pub struct Scope {
    variables: Mutex<Variables>,
    /// The variables around these, of the machine that this one runs in: they are read here and set there.
    outer: Option<Arc<Self>>,
    /// What counts what these hold besides: the variables of the machine that has called this one. It reads none of
    /// them.
    counted_in: Option<Arc<Self>>,
}

#[derive(Clone, Debug, Default)]
struct Variables {
    list: Vec<(Name, Value)>,
    /// About how many bytes they hold.
    held: u32,
    /// What the scopes inside this one hold.
    inside: u32,
}

impl Variables {
    fn get(&self, name: &str) -> Option<&Value> {
        let mut list = self.list.iter();
        list.find(|(known, _)| &**known == name)
            .map(|(_, value)| value)
    }

    /// What they hold besides this one.
    fn others(&self, name: &str) -> u32 {
        let own = self.get(name).map_or(0, |value| weigh(&value.0));
        self.held.saturating_sub(own)
    }
}

impl Scope {
    /// No variables.
    pub fn new() -> Self {
        Self::default()
    }

    /// No variables of its own, inside of others.
    #[must_use]
    pub fn inside(outer: &Arc<Self>) -> Self {
        Self {
            variables: Mutex::default(),
            outer: Some(Arc::clone(outer)),
            counted_in: None,
        }
    }

    /// No variables, and none of others in sight; what they hold counts with these.
    #[must_use]
    pub fn beside(other: &Arc<Self>) -> Self {
        Self {
            variables: Mutex::default(),
            outer: None,
            counted_in: Some(Arc::clone(other)),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Variables> {
        self.variables
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The scopes around this one, the nearest first.
    fn around(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(self.outer.as_deref(), |scope| scope.outer.as_deref())
    }

    /// The outermost scope around it, or itself.
    pub fn outermost(&self) -> &Self {
        self.around().last().unwrap_or(self)
    }

    /// Sets a variable of its own. A value that is a part of larger JSON is copied out of it, so that the rest is
    /// not kept.
    pub fn set(&self, name: &Name, value: Value) {
        let value = value.detached();
        let mut variables = self.lock();
        let held = variables.others(name).saturating_add(weigh(&value.0));
        let before = std::mem::replace(&mut variables.held, held);
        let mut list = variables.list.iter_mut();
        match list.find(|(known, _)| known == name) {
            Some(slot) => slot.1 = value,
            None => variables.list.push((name.clone(), value)),
        }
        drop(variables);
        self.tell_around(before, held);
    }

    /// The scopes that count what this one holds.
    fn counting(&self) -> impl Iterator<Item = &Self> {
        fn next(scope: &Scope) -> Option<&Scope> {
            scope.outer.as_deref().or(scope.counted_in.as_deref())
        }
        std::iter::successors(next(self), |scope| next(scope))
    }

    fn tell_around(&self, before: u32, now: u32) {
        for scope in self.counting() {
            let mut variables = scope.lock();
            variables.inside = variables.inside.saturating_add(now).saturating_sub(before);
        }
    }

    /// Whether the variables may hold this as well, in the place of what this one holds now. Those of an execution
    /// count together.
    ///
    /// # Errors
    /// When they would hold too much; the message names the bound.
    pub fn check_room(&self, name: &Name, value: &Value) -> Result<(), Failure> {
        let more = weigh(&value.0);
        let (own, others, inside) = {
            let variables = self.lock();
            (variables.held, variables.others(name), variables.inside)
        };
        // The outermost knows of all that is inside it, this one included.
        let all = match self.counting().last() {
            None => others.saturating_add(inside),
            Some(outermost) => {
                let variables = outermost.lock();
                let all = variables.held.saturating_add(variables.inside);
                all.saturating_sub(own).saturating_add(others)
            }
        };
        weight::check_held(all.saturating_add(more) as usize)
    }

    /// A variable's value, if it was set.
    pub fn get(&self, name: &str) -> Option<Value> {
        let own = self.lock().get(name).cloned();
        own.or_else(|| self.outer.as_ref()?.get(name))
    }

    /// The names of all variables, in the order in which they were first set, those around it first.
    pub fn names(&self) -> Vec<Name> {
        let mut names = self
            .outer
            .as_ref()
            .map_or_else(Vec::new, |outer| outer.names());
        let variables = self.lock();
        names.extend(variables.list.iter().map(|(name, _)| name.clone()));
        names
    }

    /// Its own variables.
    pub fn own(&self) -> Vec<(Name, Value)> {
        self.lock().list.clone()
    }

    /// A copy that later changes of this one do not reach.
    #[must_use]
    pub fn fork(&self) -> Self {
        let mut variables = self.lock().clone();
        variables.inside = 0;
        Self {
            variables: Mutex::new(variables),
            outer: self.outer.as_ref().map(|outer| Arc::new(outer.fork())),
            counted_in: None,
        }
    }

    /// Removes a variable of its own.
    pub fn remove(&self, name: &str) -> Option<Value> {
        let mut variables = self.lock();
        let at = (variables.list.iter()).position(|(known, _)| &**known == name)?;
        let held = variables.others(name);
        let before = std::mem::replace(&mut variables.held, held);
        let (_, value) = variables.list.remove(at);
        drop(variables);
        self.tell_around(before, held);
        Some(value)
    }

    /// All variables as one map.
    pub fn to_json(&self) -> Json {
        let names = self.names();
        let value = |name: &Name| self.get(name).map_or(Json::Null, |value| value.to_json());
        Json::Object(
            names
                .iter()
                .map(|name| (name.to_string(), value(name)))
                .collect(),
        )
    }
}

/// What it held is held no longer.
impl Drop for Scope {
    fn drop(&mut self) {
        if self.outer.is_some() || self.counted_in.is_some() {
            let held = self.lock().held;
            self.tell_around(held, 0);
        }
    }
}

/// About how many bytes a value holds: at most a little more than the bound on all of them, which is far below 4 GiB.
fn weigh(value: &rhai::Dynamic) -> u32 {
    u32::try_from(weight::of(value)).unwrap_or(u32::MAX)
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
