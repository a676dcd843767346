//! Expressions, scripts and templates: Rhai in a sandbox, with a dialect for testers.
//!
//! - [`Engine`] compiles an [`Expression`], a [`Source`] (what `save` takes) or a [`Template`], and
//!   evaluates them over a [`Scope`] of variables and the [`Locals`] of the moment.
//! - [`Expression::uses`] tells before anything runs what an expression refers to; [`Engine::explain`] tells
//!   afterwards why it had the value that it had.
//! - [`Host`] is all that functions may ask of the world: the clock, chance, the environment. [`Chance`]
//!   is what every world answers with, so that a replay sees the same values.
//!
//! How it works: [`syntax`](crate::syntax) makes a tree of the text. `lower` makes code of the tree, which `eval`
//! computes, with `ops` and `arithmetic` for the meaning of operators. What only Rhai can do (closures, modules,
//! statements, its own functions) is written out for it by `print`, with the same operators, and runs in the `sandbox`.
//!
//! Missing is unknown, in both: a comparison, a function or `!` of what is missing is `null`, and `&&` and `||` are
//! those of SQL. `ops::binary` is the one place that says so.
//!
//! No clock, runtime or IO is named here; limits count operations, tokens and bytes.

mod absent;
mod arithmetic;
mod cache;
mod chance;
mod code;
mod engine;
mod error;
mod eval;
mod explain;
mod expression;
mod functions;
mod jsonpath;
mod kind;
mod known;
mod known_rhai;
mod lazy;
mod limits;
mod lower;
mod module;
mod ops;
mod print;
mod printed;
mod rhai_error;
mod sandbox;
mod scope;
mod template;
mod typed;
mod url;
mod value;
mod weight;

pub use crate::syntax::{MAX_SOURCE, SyntaxError, Uses};
pub use chance::Chance;
pub use engine::{Engine, Signature, Tested, brief};
pub use error::{EvalError, EvalKind};
pub use expression::{Expression, Source};
pub use module::{Module, ModuleError};
pub use sandbox::{set_meter, set_stopwatch};
pub use scope::{Host, LOCALS, Locals, Scope};
pub use template::Template;
pub use value::Value;
pub use weight::Room;

#[cfg(test)]
mod tests;
