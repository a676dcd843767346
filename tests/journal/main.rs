//! What the journal survives: every test runs the built binary, or its store, against something that goes wrong,
//! and then asks the journal what it holds.
//!
//! The long form: `FUNCY_KILLS=200 cargo test --test journal`.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a helper of a test may panic like the test itself, and prints the seed that repeats it"
)]

#[allow(dead_code, reason = "the tests of the command line need more of it")]
#[path = "../e2e/suite.rs"]
mod suite;

mod counter;
mod full;
mod gone;
mod kept;
mod kills;
mod locks;
mod log;
mod masking;
mod refused;
mod retention;
mod tamper;

use std::time::Duration;

/// How many kills at random moments the long form has; `None`: the short form.
fn long_form() -> Option<u32> {
    std::env::var("FUNCY_KILLS").ok()?.parse().ok()
}

#[allow(
    clippy::disallowed_methods,
    reason = "when a process is killed, and how long another holds a lock, is what is tested"
)]
fn pause(length: Duration) {
    std::thread::sleep(length);
}
