//! `all`: several conditions, in any order.

use super::task;
use crate::event::{ErrorKind, Outcome};
use serde_json::json;

const BOTH: &str = "
        start_state: a
        final_state: b
        states:
          a:
            transitions:
              - to: b
                all:
                  paid: { subscribe: { stub: paid }, set: { p: res } }
                  sent: { poll: { stub: sent }, every: 100ms, when: res > 1, set: { s: res, seen: attempt } }
          b:
        ";
const PAID: &str = "states.a.transitions[0].all.paid.subscribe";
const SENT: &str = "states.a.transitions[0].all.sent.poll";

#[test]
fn it_is_fulfilled_when_each_has_been_in_any_order() {
    task(BOTH)
        .message(PAID, 500, json!("p"))
        .answer(SENT, json!(1))
        .answer(SENT, json!(2))
        .run()
        .passes()
        .shows_at(
            "save take",
            r#"
            100 save s 2
            100 save seen 2
            500 save p "p"
            500 take a → b
            "#,
        );
    task(BOTH)
        .message(PAID, 50, json!("p"))
        .answer(SENT, json!(1))
        .answer(SENT, json!(2))
        .run()
        .passes()
        .shows_at(
            "save take",
            r#"
            50 save p "p"
            100 save s 2
            100 save seen 2
            100 take a → b
            "#,
        );
}

#[test]
fn parts_ready_together_apply_their_set_in_the_order_of_the_file() {
    task(BOTH)
        .message(PAID, 100, json!("p"))
        .answer(SENT, json!(1))
        .answer(SENT, json!(2))
        .run()
        .passes()
        .shows(
            "save take",
            r#"
            save p "p"
            save s 2
            save seen 2
            take a → b
            "#,
        );
}

#[test]
fn one_that_fails_fails_it() {
    task(
        "
        start_state: a
        final_state: b
        states:
          a:
            transitions:
              - to: b
                all:
                  one: { wait: 1s }
                  two: { poll: { stub: look }, fail_when: res == 2 }
          b:
        ",
    )
    .later("states.a.transitions[0].all.two.poll", 300, json!(2))
    .run()
    .ends(Outcome::Failed, ErrorKind::Condition, "res == 2")
    .shows_at("finish", "300 finish failed");
}

#[test]
fn it_times_out_when_one_is_missing() {
    let ran = task(BOTH).answer(SENT, json!(2)).run();
    ran.ends(Outcome::TimedOut, ErrorKind::Timeout, "no transition");
    let words: Vec<_> = ran.verdict.headline.as_ref().unwrap().conditions[..]
        .iter()
        .map(|one| {
            (
                one.to.as_deref().unwrap(),
                one.strategy.word(),
                one.attempts,
            )
        })
        .collect();
    assert_eq!(
        words,
        [
            ("b", "all", 0),
            ("paid", "subscribe", 0),
            ("sent", "poll", 1)
        ]
    );
}

#[test]
fn the_transitions_own_set_is_applied_at_the_end() {
    let ran = task(
        "
        vars: { x: 0, y: 0 }
        start_state: a
        final_state: b
        states:
          a:
            transitions:
              - to: b
                all:
                  one: { wait: 2s, set: { x: x + 1 } }
                  two: { wait: 1s, set: { x: x + 10 } }
                set: { y: x }
          b:
        ",
    )
    .run();
    ran.passes().shows_at(
        "save take",
        "0 save x 0\n0 save y 0\n1000 save x 10\n2000 save x 11\n2000 save y 11\n2000 take a → b",
    );
}

#[test]
fn a_part_without_a_strategy_is_asked_again_when_another_is_fulfilled() {
    task(
        "
        vars: { x: 0 }
        start_state: a
        final_state: b
        states:
          a:
            transitions:
              - to: b
                all:
                  late: { when: x == 1 }
                  one: { wait: 1s, set: { x: 1 } }
          b:
        ",
    )
    .run()
    .passes()
    .shows_at("take", "1000 take a → b");
}

#[test]
fn a_part_that_can_never_hold_leaves_nothing_to_wait_for() {
    task(
        "
        vars: { x: 0 }
        start_state: a
        final_state: b
        states:
          a:
            transitions:
              - to: b
                all: { never: { when: x == 1 }, one: { wait: 1s } }
          b:
        ",
    )
    .run()
    .ends(Outcome::Failed, ErrorKind::Condition, "nothing leads out")
    .shows_at("finish", "1000 finish failed");
}

#[test]
fn it_races_against_other_transitions() {
    task(
        "
        start_state: a
        final_state: [b, c]
        states:
          a:
            transitions:
              - to: b
                all: { one: { wait: 1s }, two: { wait: 3s } }
              - { to: c, wait: 2s }
          b:
          c:
        ",
    )
    .run()
    .passes()
    .shows_at("take", "2000 take a → c");
}

#[test]
fn an_all_that_loses_has_taken_no_message() {
    let ran = task(
        "
        listen: { mail: { stub: inbox } }
        start_state: a
        final_state: c
        states:
          a:
            transitions:
              - to: c
                all: { mail: { subscribe: mail }, late: { wait: 20s } }
              - { to: b, wait: 1s }
          b: { transitions: [{ to: c, subscribe: mail, set: { got: res } }] }
          c:
        ",
    )
    .message("listen.mail", 100, json!(7))
    .run();
    ran.passes()
        .shows_at("take", "1000 take a → b\n1000 take b → c");
    assert_eq!(ran.value("got"), Some(&json!(7)));
}

#[test]
fn an_all_that_wins_takes_the_messages_of_its_parts() {
    let ran = task(
        "
        listen: { mail: { stub: inbox } }
        start_state: a
        final_state: c
        states:
          a:
            transitions:
              - to: b
                all: { one: { subscribe: mail, when: res == 1 }, two: { subscribe: mail, when: res == 2 } }
          b: { transitions: [{ to: c, subscribe: mail, set: { got: res } }] }
          c:
        ",
    )
    .message("listen.mail", 10, json!(3))
    .message("listen.mail", 20, json!(2))
    .message("listen.mail", 30, json!(1))
    .run();
    ran.passes()
        .shows_at("take", "30 take a → b\n30 take b → c");
    assert_eq!(ran.value("got"), Some(&json!(3)));
    assert_eq!(ran.verdict.metrics.messages_unmatched, 0);
}

#[test]
fn alls_may_be_nested() {
    task(
        "
        start_state: a
        final_state: b
        states:
          a:
            transitions:
              - to: b
                all:
                  left: { all: { one: { wait: 1s }, two: { wait: 2s, set: { x: 1 } } } }
                  right: { wait: 3s }
          b:
        ",
    )
    .run()
    .passes()
    .shows_at("save take", "2000 save x 1\n3000 take a → b");
}
