//! The program as a person meets it: every test runs the built binary in a folder of its own.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test may panic like the test itself"
)]

mod bad_input;
mod bounds;
mod calls;
mod cases;
mod check;
mod coverage;
mod covered;
mod docs;
mod environments;
mod eval;
mod exit;
mod files;
mod foreign_text;
mod gallery;
mod help;
mod history;
mod hostile;
mod init;
mod known;
mod locks;
mod markdown;
mod pages;
mod pty;
mod readme;
mod record;
mod recorded;
mod regions;
mod reports;
mod resume;
mod run;
mod simulate;
mod suite;
mod terminal;
mod watch;
