//! Expressions, scripts and templates.

mod engine;
mod error;
mod lint;
mod scope;
mod value;

pub use engine::{Engine, Expression, Module, Signature, Source, Template, set_meter};
pub use error::{EvalError, EvalKind, ModuleError, SyntaxError};
pub use lint::{Call, Lint, Path, Read};
pub use scope::{Host, Locals, Scope};
pub use value::Value;

/// The longest source of a module or expression, in bytes.
pub const MAX_SOURCE: usize = 64 << 10;
