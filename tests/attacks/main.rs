//! What somebody hostile, or a broken network, would try: tables of cases that are combined, each with an oracle of its own.
//!
//! Every case runs the built binary. The short form takes a sample of the cases; `FUNCY_ATTACKS=all` takes all of them, and
//! prints how many there were.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a helper of a test may panic like the test itself, and prints how many cases there were"
)]

#[allow(dead_code, reason = "the tests of the command line need more of it")]
#[path = "../e2e/suite.rs"]
mod suite;

mod cancels;
mod faults;
mod permissions;
mod scripts;

use std::collections::BTreeMap;

/// All cases, or every so many of them: never the same few, so that each comes up in time.
fn sampled<T>(cases: Vec<T>, short: usize) -> Vec<T> {
    let all = cases.len();
    if std::env::var("FUNCY_ATTACKS").is_ok_and(|form| form == "all") || all <= short {
        println!("{all} cases");
        return cases;
    }
    let seed = std::env::var("FUNCY_SEED")
        .map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
    println!("FUNCY_SEED={seed}, {short} of {all} cases");
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut cases = cases;
    chance.shuffle(&mut cases);
    cases.truncate(short);
    cases
}

/// How each task of a run has ended, by its name: the outcome, and what decided it. `printed`: what `--format json` prints.
fn endings(printed: &str) -> BTreeMap<String, (String, String)> {
    let mut names = BTreeMap::new();
    let mut endings = BTreeMap::new();
    for line in printed.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        let execution = event["execution"].as_u64();
        match event["kind"].as_str().unwrap() {
            "execution_started" => {
                names.insert(execution, event["task"].as_str().unwrap().to_owned());
            }
            "execution_finished" => {
                let outcome = event["outcome"].as_str().unwrap().to_owned();
                let failure = event["headline"].clone();
                endings.insert(names[&execution].clone(), (outcome, failure.to_string()));
            }
            _ => {}
        }
    }
    endings
}
