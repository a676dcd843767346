//! A source that ends by itself: whom that fails, who sees it, and what it does not count for.

use super::task;
use crate::event::{ErrorKind, Failure, Outcome, SubscriptionChange};
use serde_json::json;

const FIRST: &str = "states.a.transitions[0].subscribe";

fn broken() -> SubscriptionChange {
    SubscriptionChange::Broken {
        why: Failure::transport("the line is cut"),
    }
}

#[test]
fn what_waits_for_more_fails_at_once() {
    let scene = || {
        task(
            "
            start_state: a
            final_state: b
            states:
              a: { transitions: [{ to: b, subscribe: { stub: news }, count: 3 }] }
              b:
            ",
        )
        .message(FIRST, 10, json!({ "k": 1 }))
        .message(FIRST, 20, json!({ "k": 2 }))
    };
    scene()
        .change(FIRST, 30, SubscriptionChange::Ended)
        .run()
        .ends(
            Outcome::Error,
            ErrorKind::Protocol,
            "the source has ended, after 2 messages",
        )
        .shows_at(
            "message ended finish",
            "10 message 0\n20 message 1\n30 ended after 2\n30 finish error",
        );
    scene().change(FIRST, 30, broken()).run().ends(
        Outcome::Error,
        ErrorKind::Transport,
        "the line is cut, after 2 messages",
    );
}

#[test]
fn the_end_fulfils_nothing_and_counts_for_nothing() {
    // A condition without `when` is fulfilled by any message, and the end is none.
    task(
        "
        start_state: a
        final_state: b
        states:
          a: { transitions: [{ to: b, subscribe: { stub: news } }] }
          b:
        ",
    )
    .change(FIRST, 30, SubscriptionChange::Ended)
    .run()
    .ends(
        Outcome::Error,
        ErrorKind::Protocol,
        "the source has ended, before any message came",
    );
}

#[test]
fn a_condition_that_asks_for_it_sees_the_end_behind_every_message() {
    let ran = task(
        "
        start_state: a
        final_state: b
        states:
          a:
            subscribe: { stub: news }
            transitions:
              - { to: b, when: res.ended, set: { over: res.ended, nth: attempt } }
              - { to: c, when: res.k == 9 }
          b:
          c: { fail: nine }
        ",
    )
    .message("states.a.subscribe", 10, json!({ "k": 1 }))
    .change("states.a.subscribe", 10, SubscriptionChange::Ended)
    .run();
    ran.passes().shows_at(
        "message ended save take",
        "
        10 message 0
        10 ended after 1
        10 save over true
        10 save nth 2
        10 take a → b
        ",
    );
}

#[test]
fn an_end_that_is_expected_fails_nobody() {
    task(
        "
        listen: { mail: { stub: inbox } }
        start_state: a
        final_state: b
        states:
          a:
            transitions:
              - { to: c, subscribe: mail, when: res.k == 9 }
              - { subscribe: mail, fail_when: res.k == 8 }
              - { to: b, subscribe: mail, when: res.ended && attempt == 2 }
          b:
          c: { fail: nine }
        ",
    )
    .message("listen.mail", 10, json!({ "k": 1 }))
    .change("listen.mail", 20, SubscriptionChange::Ended)
    .run()
    .passes()
    .shows_at("ended take", "20 ended after 1\n20 take a → b");
}

#[test]
fn a_listen_that_nobody_waits_on_only_notes_its_end() {
    task(
        "
        listen: { mail: { stub: inbox } }
        start_state: a
        final_state: b
        states:
          a: { transitions: [{ to: b, wait: 1s }] }
          b:
        ",
    )
    .change("listen.mail", 20, SubscriptionChange::Ended)
    .run()
    .passes()
    .shows_at("ended take", "1000 ended after 0\n1000 take a → b");
}

#[test]
fn a_source_that_is_not_open_in_time_is_a_matter_of_the_states_own_limit() {
    let path = "states.a.transitions[0].subscribe";
    let yaml = |more: &str| {
        format!(
            "
            start_state: a
            final_state: b
            states:
              a:
                timeout: 1s
                {more}
                transitions: [{{ to: b, subscribe: {{ stub: silent }} }}]
              b:
            "
        )
    };
    task(&yaml(""))
        .opens_after(path, 5_000)
        .run()
        .ends(
            Outcome::TimedOut,
            ErrorKind::Timeout,
            "no transition within 1s: its subscriptions were not open by then",
        )
        .shows_at(
            "timeout finish",
            "1000 timeout transition a\n1000 finish timed out",
        );
    task(&yaml("on_timeout: b"))
        .opens_after(path, 5_000)
        .run()
        .passes();
}

#[test]
fn the_sources_of_a_state_are_opened_side_by_side() {
    task(
        "
        start_state: a
        final_state: b
        states:
          a:
            transitions:
              - { to: b, subscribe: { stub: one } }
              - { to: b, subscribe: { stub: two } }
          b:
        ",
    )
    .opens_after("states.a.transitions[0].subscribe", 300)
    .opens_after("states.a.transitions[1].subscribe", 200)
    .message("states.a.transitions[1].subscribe", 200, json!(1))
    .run()
    .passes()
    .shows_at(
        "open take",
        "
        200 open states.a.transitions[1].subscribe
        300 open states.a.transitions[0].subscribe
        400 take a → b
        ",
    );
}
