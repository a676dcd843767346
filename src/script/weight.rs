//! About how many bytes values take as plain data. Nothing is made for it, so that what would be too large is told
//! before it is.

use super::lazy;
use super::limits::{Limit, MAX_HELD};
use super::ops::Fault;
use crate::event::{Failure, Json};
use rhai::Dynamic;

/// What each value takes beside its texts.
const EACH: usize = size_of::<Json>();

/// How many bytes of plain data may still be made.
#[derive(Debug)]
pub struct Room(usize);

impl Default for Room {
    fn default() -> Self {
        Self(MAX_HELD)
    }
}

impl Room {
    /// Takes the room that this needs.
    ///
    /// # Errors
    /// When there is too little; the message names the bound.
    pub fn take(&mut self, json: &Json) -> Result<(), Failure> {
        self.json(json).ok_or_else(|| failure(Limit::Plain))
    }

    fn bytes(&mut self, bytes: usize) -> Option<()> {
        self.0 = self.0.checked_sub(bytes)?;
        Some(())
    }

    fn json(&mut self, json: &Json) -> Option<()> {
        self.bytes(EACH)?;
        match json {
            Json::Null | Json::Bool(_) | Json::Number(_) => Some(()),
            Json::String(text) => self.bytes(text.len()),
            Json::Array(list) => list.iter().try_for_each(|item| self.json(item)),
            Json::Object(map) => map.iter().try_for_each(|(key, member)| {
                self.bytes(EACH + key.len())?;
                self.json(member)
            }),
        }
    }

    fn value(&mut self, value: &Dynamic) -> Option<()> {
        if value.is_shared() {
            return self.value(&value.flatten_clone());
        }
        if let Some(lazy) = lazy::lazy(value) {
            return self.json(lazy.json());
        }
        self.bytes(EACH)?;
        if let Ok(text) = value.as_immutable_string_ref() {
            return self.bytes(text.len());
        }
        if let Ok(list) = value.as_array_ref() {
            return list.iter().try_for_each(|item| self.value(item));
        }
        if let Ok(map) = value.as_map_ref() {
            return map.iter().try_for_each(|(key, member)| {
                self.bytes(EACH + key.len())?;
                self.value(member)
            });
        }
        Some(())
    }
}

/// Refuses a list or map that is too large as plain data: parts that it shares count each time.
pub(super) fn check(value: &Dynamic) -> Result<(), Fault> {
    let fits = Room::default().value(value);
    fits.ok_or_else(|| Limit::Plain.fault())
}

/// About how many bytes a value takes, at most a little more than `MAX_HELD`.
pub(super) fn of(value: &Dynamic) -> usize {
    let mut room = Room::default();
    match room.value(value) {
        Some(()) => MAX_HELD - room.0,
        None => MAX_HELD + 1,
    }
}

/// Refuses variables that hold too much.
pub(super) fn check_held(bytes: usize) -> Result<(), Failure> {
    if bytes <= MAX_HELD {
        return Ok(());
    }
    Err(failure(Limit::Held))
}

fn failure(limit: Limit) -> Failure {
    let fault = limit.fault();
    Failure::resource(fault.message).hint(fault.hint.unwrap_or_default())
}
