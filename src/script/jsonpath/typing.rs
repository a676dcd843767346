//! The types of operands and arguments (RFC 9535, 2.3.5.1 and 2.4.3): what may be compared, what is a condition,
//! and what a function takes.

use super::check::{Check, Operand};
use super::functions::{Function, Pattern, Type};
use super::token::shown;
use crate::event::Json;
use crate::syntax::SyntaxError;
use std::ops::Range;

impl Check<'_> {
    /// Whether what was read may be compared (2.3.5.1).
    pub(super) fn comparable(&self, end: usize) -> Result<(), SyntaxError> {
        let at = self.operand_at(end);
        let piece = shown(&self.source[at.clone()]);
        match self.frame.operand {
            Operand::Literal | Operand::Singular | Operand::Result(Type::Value) => Ok(()),
            Operand::Nodes => Err(SyntaxError::new(
                at,
                format!("`{piece}` may find several values, and only one can be compared"),
            )
            .hint("compare within it, `@.list[?@ == 1]`, or take the only one: `value(…)`")),
            Operand::Group => Err(SyntaxError::new(
                at,
                "what stands in `( )` is no value to compare",
            )
            .hint("a value is compared without parentheses: `@.b == 1`")),
            Operand::Result(_) => Err(SyntaxError::new(
                at,
                format!("`{piece}` is true or false, which is not compared"),
            )
            .hint("write it alone, or `!` before it")),
        }
    }

    /// Whether what was read is a condition.
    pub(super) fn condition(&self, end: usize) -> Result<(), SyntaxError> {
        if self.frame.compared {
            return self.comparable(end);
        }
        let at = self.operand_at(end);
        let piece = shown(&self.source[at.clone()]);
        match self.frame.operand {
            Operand::Literal => Err(SyntaxError::new(
                at,
                format!("the literal `{piece}` is no condition"),
            )
            .hint(format!("compare it: `@.b == {piece}`"))),
            Operand::Result(Type::Value) => Err(SyntaxError::new(
                at,
                format!("`{piece}` is a value, no condition"),
            )
            .hint(format!("compare it: `{piece} == 1`"))),
            _ => Ok(()),
        }
    }

    /// Whether what was read is the argument that is due (2.4.3).
    pub(super) fn argument(
        &mut self,
        function: &'static Function,
        end: usize,
    ) -> Result<(), SyntaxError> {
        let index = self.frame.count;
        self.frame.count += 1;
        let at = self.operand_at(end);
        let name = function.name;
        let piece = shown(&self.source[at.clone()]);
        let Some(parameter) = function.parameters.get(index) else {
            return Err(self.arity(function, at));
        };
        let fault =
            |message: String, hint: &str| Err(SyntaxError::new(at.clone(), message).hint(hint));
        match (parameter, self.frame.operand) {
            (Type::Nodes, Operand::Singular | Operand::Nodes)
            | (Type::Value, Operand::Singular | Operand::Result(Type::Value)) => Ok(()),
            (Type::Value, Operand::Literal) => {
                if function.pattern == Some(index) {
                    self.pattern(at)?;
                }
                Ok(())
            }
            (Type::Nodes, _) => fault(
                format!("`{name}` takes a query, and `{piece}` is none"),
                "write `@.list[*]` or `$.list[*]`; the items of one list are `length(@.list)`",
            ),
            (_, Operand::Nodes) => fault(
                format!("`{name}` takes one value, and `{piece}` may find several"),
                "how many there are is `count(…)`, the only one `value(…)`; what holds for each stands in a filter within: `@.list[?length(@) == 2]`",
            ),
            _ => fault(
                format!("`{name}` takes a value, and `{piece}` is true or false"),
                "combine conditions with `&&` and `||`",
            ),
        }
    }

    pub(super) fn arity(&self, function: &Function, at: Range<usize>) -> SyntaxError {
        let name = function.name;
        let (count, example) = match function.parameters {
            [Type::Value] => ("one argument", "(@.b)"),
            [_] => ("one argument", "(@.list[*])"),
            _ => ("two arguments", "(@.b, 'a.*')"),
        };
        SyntaxError::new(
            self.frame.opened.start..at.end,
            format!("`{name}` takes {count}"),
        )
        .hint(format!("write `{name}{example}`"))
    }

    /// A pattern that is written down is checked here; one from the data that is none matches nothing.
    fn pattern(&mut self, at: Range<usize>) -> Result<(), SyntaxError> {
        if let Some(Json::String(source)) = self.checked.literals.last() {
            let pattern = Pattern::new(source).map_err(|refused| {
                let error = SyntaxError::new(at, refused.message);
                match refused.hint {
                    Some(hint) => error.hint(hint),
                    None => error,
                }
            })?;
            self.checked.patterns.insert(source.clone(), pattern);
        }
        Ok(())
    }

    /// Where the operand stands that ends before this byte.
    fn operand_at(&self, end: usize) -> Range<usize> {
        let from = self.frame.from.min(end);
        let piece = &self.source[from..end];
        from..from + piece.trim_end().len()
    }
}
