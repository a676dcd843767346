//! A `poll` of several requests at once, and pauses that are left to chance.

use super::{Scene, task};
use crate::event::{ErrorKind, Fact, Outcome};
use serde_json::json;

const PATH: &str = "states.a.transitions[0].poll.parallel";

fn scene(every: &str) -> Scene {
    task(&format!(
        "
        start_state: a
        final_state: b
        states:
          a:
            transitions:
              - to: b
                poll: {{ parallel: [{{ stub: one }}, {{ stub: two }}] }}
                {every}
                when: res == [1, 2]
                set: {{ both: res }}
          b:
        "
    ))
}

#[test]
fn res_is_the_list_of_the_results() {
    let ran = scene("every: 100ms")
        .later(&format!("{PATH}[0]"), 10, json!(1))
        .later(&format!("{PATH}[1]"), 30, json!(0))
        .later(&format!("{PATH}[1]"), 20, json!(2))
        .run();
    ran.passes().shows_at(
        "poll take",
        "
        30 poll #1 1
        30 poll #1 0
        150 poll #2 1
        150 poll #2 2
        150 take a → b
        ",
    );
    assert_eq!(ran.value("both"), Some(&json!([1, 2])));
}

#[test]
fn one_that_cannot_be_reached_means_not_yet() {
    scene("every: 100ms")
        .answer(&format!("{PATH}[0]"), json!(1))
        .fails(&format!("{PATH}[1]"), 50, ErrorKind::Transport)
        .answer(&format!("{PATH}[1]"), json!(2))
        .run()
        .passes()
        .shows_at("take", "150 take a → b");
}

#[test]
fn other_trouble_of_one_fails_the_state() {
    scene("every: 100ms")
        .fails(&format!("{PATH}[0]"), 10, ErrorKind::Transport)
        .fails(&format!("{PATH}[1]"), 50, ErrorKind::Protocol)
        .run()
        .ends(Outcome::Error, ErrorKind::Protocol, "broken")
        .shows_at("finish", "50 finish error");
}

#[test]
fn its_limit_holds_for_each_of_them() {
    task(
        "
        start_state: a
        final_state: b
        states:
          a:
            transitions:
              - to: b
                poll: { parallel: [{ stub: one }, { stub: two, if: attempt > 1, timeout: 5s }], timeout: 200ms }
                every: 100ms
                when: res == [1, 2]
          b:
        ",
    )
    .answer(&format!("{PATH}[0]"), json!(1))
    .later(&format!("{PATH}[1]"), 300, json!(2))
    .later(&format!("{PATH}[1]"), 10, json!(2))
    .run()
    .passes()
    // The first attempt leaves the second out, the next one gives up on it.
    .shows_at("take", "410 take a → b");
}

#[test]
fn a_secret_in_the_list_is_hidden_in_each_answer() {
    let ran = task(
        "
        secrets: [token]
        start_state: a
        final_state: b
        states:
          a:
            transitions:
              - to: b
                poll: { parallel: [{ stub: one }, { stub: two }] }
                set: { token: 'res[0].token' }
          b:
        ",
    )
    .answer(&format!("{PATH}[0]"), json!({ "token": "s3cr3t-and-long" }))
    .answer(&format!("{PATH}[1]"), json!(2))
    .run();
    ran.passes();
    let told = serde_json::to_string(&ran.facts.iter().map(|(_, fact)| fact).collect::<Vec<_>>());
    assert!(!told.unwrap().contains("s3cr3t-and-long"));
}

/// When each attempt was answered.
fn attempts(every: &str) -> Vec<u64> {
    let ran = task(&format!(
        "
        start_state: a
        final_state: b
        states:
          a: {{ transitions: [{{ to: b, poll: {{ stub: look }}, {every}, when: attempt == 30 }}] }}
          b:
        "
    ))
    .answer("states.a.transitions[0].poll", json!(0))
    .run();
    ran.passes();
    let polls = ran.facts.iter().filter_map(|(at, fact)| match fact {
        Fact::PollAnswered { .. } => Some(*at),
        _ => None,
    });
    polls.collect()
}

#[test]
fn jitter_makes_pauses_longer_and_shorter_the_same_for_the_same_seed() {
    let at = attempts("every: 100ms, jitter: 0.5");
    let pauses: Vec<u64> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(
        pauses.iter().all(|pause| (49..=151).contains(pause)),
        "{pauses:?}"
    );
    assert!(pauses.iter().any(|pause| *pause < 80), "{pauses:?}");
    assert!(pauses.iter().any(|pause| *pause > 120), "{pauses:?}");
    assert_eq!(at, attempts("every: 100ms, jitter: 0.5"));
    let bounded = attempts("every: 100ms, max_every: 110ms, jitter: 1");
    assert!(
        bounded.windows(2).all(|pair| pair[1] - pair[0] <= 111),
        "{bounded:?}"
    );
    assert_eq!(attempts("every: 100ms, jitter: 0")[2], 200);
}

#[test]
fn a_retry_has_the_same_jitter() {
    let ran = task(
        "
        start_state: a
        final_state: b
        states:
          a:
            instructions: [{ stub: buy, retry: { max_attempts: 20, delay: 100ms, jitter: 0.2 }, expect: attempt == 20 }]
            next: b
          b:
        ",
    )
    .answer("states.a.instructions[0]", json!(0))
    .run();
    ran.passes();
    let started = ran.facts.iter().filter_map(|(at, fact)| match fact {
        Fact::InstructionStarted { .. } => Some(*at),
        _ => None,
    });
    let at: Vec<u64> = started.collect();
    let pauses: Vec<u64> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(
        pauses.iter().all(|pause| (79..=121).contains(pause)),
        "{pauses:?}"
    );
    assert!(pauses.iter().any(|pause| *pause != 100), "{pauses:?}");
}
