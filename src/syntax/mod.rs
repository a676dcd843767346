//! The expression language as it is written: tokens, one tree, one table of operators, and what a source refers to.
//!
//! - [`expression`], [`script`] and [`module`] read a source into the tree of [`tree`];
//! - [`uses`] tells what a tree refers to: variables, members, calls, modules, the environment;
//! - [`doubts`] tells what parses and is probably not meant;
//! - [`OPERATORS`] is the one table of operators; [`Shape`] is what strikes the eye in a text that may not even parse.
//!
//! Nothing here knows how a tree is evaluated: that is the business of [`script`](crate::script).

mod doubts;
mod error;
mod lexer;
mod operator;
mod parser;
mod shape;
mod token;
pub mod tree;
mod uses;

pub use doubts::doubts;
pub use error::SyntaxError;
pub(crate) use lexer::end_of_hole;
pub use lexer::{MAX_SOURCE, MAX_TOKENS};
pub use operator::{Associativity, OPERATORS, Operator, Row};
pub(crate) use parser::is_keyword;
pub use parser::{expression, module, script};
pub use shape::Shape;
pub use uses::{Call, Constant, Dashed, Path, Read, Uses, uses, uses_of_module};
