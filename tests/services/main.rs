//! The clients against real servers.
//!
//! `FUNCY_TEST_SERVICES=required` makes a server that is not there a failure; otherwise the tests that
//! need it say `SKIPPED` and pass. Servers: NATS with JetStream on 127.0.0.1:4222 (`FUNCY_TEST_NATS`),
//! PostgreSQL on 127.0.0.1:5432 (`FUNCY_TEST_POSTGRES`).

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests and their helpers fail by panics, and say what they leave out"
)]

#[cfg(any(feature = "nats", feature = "sql"))]
mod harness;
#[cfg(feature = "nats")]
mod nats;
#[cfg(any(feature = "nats", feature = "sql"))]
mod rounds;
#[cfg(feature = "sql")]
mod sql;
#[cfg(feature = "sql")]
mod sqlite;
#[cfg(any(feature = "nats", feature = "sql"))]
mod tls;
