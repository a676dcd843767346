//! The locks of tasks: two that share one never run at the same time.

use crate::event::Name;
use std::collections::HashSet;

/// The locks that are held.
#[derive(Debug, Default)]
pub struct Locks(HashSet<Name>);

impl Locks {
    /// Takes all of these, or none.
    ///
    /// # Errors
    /// The first that is held by another.
    pub fn take<'n>(&mut self, names: &'n [Name]) -> Result<(), &'n Name> {
        if let Some(held) = names.iter().find(|name| self.0.contains(*name)) {
            return Err(held);
        }
        self.0.extend(names.iter().cloned());
        Ok(())
    }

    /// Gives these back.
    pub fn give_back(&mut self, names: &[Name]) {
        for name in names {
            self.0.remove(name);
        }
    }
}
