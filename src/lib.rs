//! **funcy** tests asynchronous systems: a test is a state machine in a YAML file.

pub mod alloc;
pub mod cli;
pub mod client;
pub mod definition;
pub mod demo;
pub mod engine;
pub mod event;
pub mod graph;
pub mod machine;
pub mod report;
pub mod script;
