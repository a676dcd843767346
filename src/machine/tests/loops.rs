//! Loops of states, and their bound.

use super::task;
use crate::event::{ErrorKind, Outcome};
use serde_json::json;

const LOOP: &str = "
        vars: { n: 0 }
        start_state: a
        final_state: done
        states:
          a:
            max_visits: 3
            instructions: [{ save: { n: n + 1 } }]
            transitions:
              - { to: done, when: n == limit }
              - { to: b, wait: 1s }
          b: { next: c }
          c: { next: a }
          done:
        ";

#[test]
fn a_loop_may_go_round_as_often_as_it_may() {
    task(LOOP).var("limit", json!(3)).run().passes().shows_at(
        "enter",
        "
            0 enter a
            1000 enter b
            1000 enter c
            1000 enter a #2
            2000 enter b #2
            2000 enter c #2
            2000 enter a #3
            2000 enter done
            ",
    );
}

#[test]
fn one_more_is_a_failure_that_names_the_loop() {
    let ran = task(LOOP).var("limit", json!(4)).run();
    ran.ends(Outcome::Failed, ErrorKind::Limit, "a → b → c → a")
        .ends(Outcome::Failed, ErrorKind::Limit, "more than 3 times");
    let headline = ran.verdict.headline.as_ref().unwrap();
    assert_eq!(headline.state.as_deref(), Some("a"));
    let visits: Vec<_> = ran
        .verdict
        .metrics
        .states
        .iter()
        .map(|state| (&*state.state, state.visits))
        .collect();
    assert_eq!(visits, [("a", 3), ("b", 3), ("c", 3)]);
}

#[test]
fn a_state_may_lead_to_itself() {
    task(
        "
        vars: { n: 0 }
        start_state: a
        final_state: b
        states:
          a:
            instructions: [{ save: { n: n + 1 } }]
            transitions: [{ to: b, when: n == 3 }, { to: a, wait: 1s }]
          b:
        ",
    )
    .run()
    .passes()
    .shows_at(
        "enter",
        "0 enter a\n1000 enter a #2\n2000 enter a #3\n2000 enter b",
    );
}

#[test]
fn a_thousand_entries_are_the_default() {
    let ran = task(
        "
        start_state: a
        final_state: b
        states:
          a:
            transitions: [{ to: a, wait: 1ms }, { to: b, wait: 2ms }]
          b:
        ",
    )
    .run();
    ran.ends(Outcome::Failed, ErrorKind::Limit, "more than 1000 times");
    assert_eq!(ran.verdict.metrics.micros, 1_000_000);
}

#[test]
fn a_loop_through_on_error_is_bounded_too() {
    task(
        "
        start_state: a
        final_state: b
        states:
          a:
            max_visits: 5
            instructions: [{ expect: 'false' }]
            next: b
            on_error: a
          b:
        ",
    )
    .run()
    .ends(Outcome::Failed, ErrorKind::Limit, "a → a");
}

#[test]
fn each_visit_begins_its_polls_anew() {
    task(
        "
        vars: { n: 0 }
        start_state: a
        final_state: b
        states:
          a:
            poll: { stub: look }
            every: 1s
            transitions:
              - { to: b, when: n == 1 && attempt == 2 }
              - { to: a, when: n == 0 && attempt == 2, set: { n: 1 } }
          b:
        ",
    )
    .answer("states.a.poll", json!(0))
    .run()
    .passes()
    .shows_at(
        "poll take",
        "
        0 poll #1 0
        1000 poll #2 0
        1000 take a → a
        1000 poll #1 0
        2000 poll #2 0
        2000 take a → b
        ",
    );
}
