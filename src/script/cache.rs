//! Expressions by their text: a suite writes the same few over and over, and each is compiled once.

use super::{Expression, SyntaxError};
use crate::event::Name;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Texts that are kept.
const MOST: usize = 4096;
/// Bytes of the longest text that is kept: long ones are hardly written twice.
const LONGEST: usize = 256;

#[derive(Default)]
pub(super) struct Cache(Mutex<HashMap<Name, Expression>>);

impl Cache {
    /// What this text was compiled to, or is now. What does not compile is not kept.
    pub(super) fn get_or(
        &self,
        source: &str,
        compile: impl FnOnce() -> Result<Expression, SyntaxError>,
    ) -> Result<Expression, SyntaxError> {
        if let Some(known) = self.known().get(source) {
            return Ok(known.clone());
        }
        let expression = compile()?;
        let mut known = self.known();
        if source.len() <= LONGEST && known.len() < MOST {
            known.insert(source.into(), expression.clone());
        }
        Ok(expression)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Name, Expression>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use crate::script::Engine;
    use std::sync::Arc;

    #[test]
    fn what_is_written_twice_is_compiled_once() {
        let (engine, _) = Engine::new(&[]);
        let one = engine.expression("res.status == 200").unwrap();
        let two = engine.expression("res.status == 200").unwrap();
        assert!(Arc::ptr_eq(&one.compiled, &two.compiled));
        // A script may hold statements, so it is another thing under the same text.
        let script = engine.script("res.status == 200").unwrap();
        assert!(!Arc::ptr_eq(&one.compiled, &script.compiled));
        assert!(engine.script("let a = 1; a").is_ok());
        assert!(engine.expression("let a = 1; a").is_err());
        assert!(engine.expression("let a = 1; a").is_err());
    }

    #[test]
    fn it_keeps_no_more_than_so_many() {
        let (engine, _) = Engine::new(&[]);
        for number in 0..super::MOST + 10 {
            engine.expression(&format!("res == {number}")).unwrap();
        }
        let last = format!("res == {}", super::MOST + 9);
        let (one, two) = (engine.expression(&last), engine.expression(&last));
        assert!(!Arc::ptr_eq(&one.unwrap().compiled, &two.unwrap().compiled));
        let long = format!("'{}'", "a".repeat(super::LONGEST));
        let (engine, _) = Engine::new(&[]);
        let (one, two) = (engine.expression(&long), engine.expression(&long));
        assert!(!Arc::ptr_eq(&one.unwrap().compiled, &two.unwrap().compiled));
    }
}
