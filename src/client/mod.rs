//! The clients: one file or folder a protocol, and the registry that lists them.
//!
//! # How to add a client
//!
//! Write a type that implements [`Protocol`]: its config, requests, sources and replies are plain types,
//! from which the checks, the JSON Schema, `funcy clients` and the docs follow. Then add one
//! `.with(…)` line to [`Registry::builtin`]. The contract that every client is held to:
//!
//! - `short_request`, `short_source` and `label` are pure; only `open`, `call` and `subscribe` do IO.
//! - A future that is dropped has cancelled what it was doing. What needs time to stop (a process, a pump)
//!   runs in [`Scope::spawn`], which the engine waits for.
//! - `subscribe` returns only when the server has confirmed the subscription.
//! - Buffers are bounded; a full one is an error, never a silent drop.
//! - No secret appears in an error: URLs are shown without user and password.

mod contract;
pub mod exec;
pub mod file;
pub mod http;
mod kit;
#[cfg(feature = "nats")]
pub mod nats;
mod paths;
#[cfg(feature = "nats")]
mod payload;
mod received;
mod registry;
mod scope;
mod shell;
#[cfg(feature = "sql")]
pub mod sql;
mod value;

pub use contract::{Answer, Context, Nothing, Protocol, Template, UrlText};
pub(crate) use kit::json_bigint::parse as parse_exactly;
pub(crate) use kit::json_tree::{JsonError, Room as JsonRoom};
pub use received::text_and_base64;
pub use registry::{Client, Registry, Session, ending_schema, schema};
pub use scope::Scope;
pub(crate) use shell::quoted;
