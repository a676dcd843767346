//! `collect`: what matches is gathered for a while, then judged as a whole.

use super::task;
use crate::event::{ErrorKind, Fact, Failure, Outcome, SubscriptionChange};
use serde_json::json;

const FIRST: &str = "states.a.transitions[0].subscribe";

fn scene(condition: &str) -> super::Scene {
    task(&format!(
        "
        start_state: a
        final_state: b
        max_global_transition_timeout: 5s
        states:
          a: {{ transitions: [{{ to: b, subscribe: {{ stub: news }}, {condition} }}] }}
          b:
        "
    ))
}

#[test]
fn it_gathers_what_matches_until_its_time_has_passed() {
    let ran = scene("collect: 1s, when: res.k > 1, expect: len(res) == 2, set: { all: res }")
        .message(FIRST, 10, json!({ "k": 1 }))
        .message(FIRST, 20, json!({ "k": 2 }))
        .message(FIRST, 1000, json!({ "k": 3 }))
        .message(FIRST, 1001, json!({ "k": 4 }))
        .run();
    ran.passes()
        .shows_at("expect take", "1000 expect true\n1000 take a → b");
    assert_eq!(ran.value("all"), Some(&json!([{ "k": 2 }, { "k": 3 }])));
    // One was passed over; what came later was not looked at.
    assert_eq!(ran.verdict.metrics.messages_unmatched, 1);
}

#[test]
fn what_is_buffered_counts_and_the_time_begins_behind_the_instructions() {
    let ran = task(
        "
        listen: { mail: { stub: inbox } }
        start_state: a
        final_state: b
        states:
          a:
            instructions: [{ stub: slow }]
            transitions: [{ to: b, subscribe: mail, collect: 100ms, set: { all: res } }]
          b:
        ",
    )
    .later("states.a.instructions[0]", 500, json!(1))
    .message("listen.mail", 10, json!(1))
    .message("listen.mail", 550, json!(2))
    .message("listen.mail", 650, json!(3))
    .run();
    ran.passes().shows_at("take", "600 take a → b");
    assert_eq!(ran.value("all"), Some(&json!([1, 2])));
}

#[test]
fn where_what_it_expects_is_not_met_the_state_has_failed() {
    let ran = scene("collect: 1s, expect: [len(res) == 1, 'res[0] == 7']")
        .message(FIRST, 10, json!(7))
        .message(FIRST, 20, json!(7))
        .run();
    ran.ends(Outcome::Failed, ErrorKind::Expect, "expected len(res) == 1");
    let headline = ran.verdict.headline.as_deref().unwrap();
    assert_eq!(headline.result.as_deref(), Some(&json!([7, 7])));
    assert_eq!(headline.attempts, 2);
    let judged = ran.facts.iter().filter_map(|(_, fact)| match fact {
        Fact::ExpectationChecked { held, .. } => Some(*held),
        _ => None,
    });
    assert_eq!(judged.collect::<Vec<_>>(), [false, true]);
}

#[test]
fn nothing_is_a_list_too() {
    scene("collect: 1s, expect: len(res) == 0")
        .run()
        .passes()
        .shows_at("take", "1000 take a → b");
}

#[test]
fn the_end_of_the_source_ends_it() {
    for condition in ["collect: end", "collect: 1s"] {
        let ran = scene(&format!("{condition}, expect: len(res) == 2"))
            .message(FIRST, 10, json!(1))
            .message(FIRST, 20, json!(2))
            .change(FIRST, 30, SubscriptionChange::Ended)
            .run();
        ran.passes().shows_at("take", "30 take a → b");
    }
    // A source that breaks has not ended.
    let why = Failure::transport("the line is cut");
    scene("collect: end")
        .message(FIRST, 10, json!(1))
        .change(FIRST, 30, SubscriptionChange::Broken { why })
        .run()
        .ends(
            Outcome::Error,
            ErrorKind::Transport,
            "the line is cut, after 1 message",
        );
}

#[test]
fn a_message_that_fails_it_fails_it_at_once() {
    scene("collect: 1s, fail_when: res < 0")
        .message(FIRST, 10, json!(1))
        .message(FIRST, 20, json!(-1))
        .run()
        .ends(Outcome::Failed, ErrorKind::Condition, "res < 0")
        .shows_at("finish", "20 finish failed");
}

#[test]
fn other_conditions_go_on_beside_it() {
    let ran = task(
        "
        start_state: a
        final_state: [b, c]
        states:
          a:
            subscribe: { stub: news }
            transitions:
              - { to: b, collect: 1s, when: res < 5, expect: len(res) == 2 }
              - { to: c, when: res == 9 }
          b:
          c:
        ",
    )
    .message("states.a.subscribe", 10, json!(1))
    .message("states.a.subscribe", 20, json!(9))
    .run();
    ran.passes().shows_at("take", "20 take a → c");
}

#[test]
fn what_another_condition_takes_meanwhile_is_not_gathered() {
    let ran = task(
        "
        vars: { n: 0 }
        listen: { mail: { stub: inbox } }
        start_state: a
        final_state: b
        states:
          a:
            transitions:
              - { to: b, subscribe: mail, collect: 1s, set: { rest: res } }
              - { subscribe: mail, stay: true, when: res == 2, set: { n: n + 1 } }
          b:
        ",
    )
    .message("listen.mail", 10, json!(1))
    .message("listen.mail", 20, json!(2))
    .message("listen.mail", 30, json!(3))
    .run();
    ran.passes();
    assert_eq!(ran.value("rest"), Some(&json!([1, 3])));
    assert_eq!(ran.value("n"), Some(&json!(1)));
}

#[test]
fn a_part_of_an_all_may_collect() {
    let part = "states.a.transitions[0].all.mails.subscribe";
    let ran = task(
        "
        start_state: a
        final_state: b
        states:
          a:
            transitions:
              - to: b
                all:
                  mails: { subscribe: { stub: news }, collect: 100ms, expect: len(res) == 1, set: { mail: 'res[0]' } }
                  rest: { wait: 50ms }
          b:
        ",
    )
    .message(part, 10, json!(7))
    .run();
    ran.passes().shows_at("take", "100 take a → b");
    assert_eq!(ran.value("mail"), Some(&json!(7)));
}

#[test]
fn more_than_a_subscription_holds_is_an_error_that_names_the_limit() {
    let scene = scene("collect: 1s");
    let scene = (0..=10_000).fold(scene, |scene, at| scene.message(FIRST, 10, json!(at)));
    scene.run().ends(
        Outcome::Error,
        ErrorKind::Resource,
        "more than the 10000 messages",
    );
}

#[test]
fn a_secret_in_what_is_gathered_is_hidden_in_each_message() {
    let ran = task(
        "
        secrets: [token]
        start_state: a
        final_state: b
        states:
          a:
            transitions:
              - { to: b, subscribe: { stub: news }, collect: 100ms, set: { token: 'res[1].token' } }
          b:
        ",
    )
    .message(FIRST, 10, json!({ "token": "nothing special" }))
    .message(FIRST, 20, json!({ "token": "s3cr3t-and-long" }))
    .run();
    ran.passes();
    let told = serde_json::to_string(&ran.facts.iter().map(|(_, fact)| fact).collect::<Vec<_>>());
    let told = told.unwrap();
    assert!(!told.contains("s3cr3t-and-long"), "{told}");
    assert!(told.contains("nothing special"), "{told}");
}
