//! `subscribe` and `listen`: buffers, who takes which message, `count`.

use super::task;
use crate::event::{ErrorKind, Outcome};
use serde_json::json;

#[test]
fn res_is_each_message_in_turn() {
    task(
        "
        start_state: a
        final_state: b
        states:
          a:
            transitions:
              - { to: b, subscribe: { stub: news }, when: res.k == 2, set: { got: res.k, nth: attempt } }
          b:
        ",
    )
    .message("states.a.transitions[0].subscribe", 10, json!({ "k": 1 }))
    .message("states.a.transitions[0].subscribe", 20, json!({ "k": 2 }))
    .run()
    .passes()
    .shows_at(
        "message save take",
        "
        10 message 0
        20 message 1
        20 save got 2
        20 save nth 2
        20 take a → b
        ",
    );
}

#[test]
fn a_visits_subscription_begins_anew_with_each_visit() {
    let path = "states.a.transitions[0].subscribe";
    let ran = task(
        "
        start_state: a
        final_state: b
        states:
          a:
            transitions:
              - { to: a2, subscribe: { stub: news } }
          a2:
            transitions:
              - { to: a, wait: 1s, when: elapsed < 5 }
              - { to: b, wait: 100ms }
          b:
        ",
    )
    .message(path, 10, json!(1))
    .run();
    ran.passes()
        .shows_at("take", "10 take a → a2\n110 take a2 → b");
    assert_eq!(ran.verdict.metrics.messages_seen, 1);
    assert_eq!(ran.verdict.metrics.messages_unmatched, 0);
}

#[test]
fn a_listen_entry_is_open_before_the_start_state_is_entered() {
    task(
        "
        listen: { mail: { stub: inbox } }
        start_state: a
        final_state: b
        states:
          a: { instructions: [{ stub: slow }], transitions: [{ to: b, subscribe: mail }] }
          b:
        ",
    )
    .later("states.a.instructions[0]", 500, json!(1))
    .message("listen.mail", 100, json!(1))
    .run()
    .passes()
    .shows_at(
        "open enter message take",
        "
        0 open listen.mail
        0 enter a
        500 message 0
        500 take a → b
        500 enter b
        ",
    );
}

#[test]
fn only_the_winner_takes_its_message_and_passed_over_ones_stay() {
    let ran = task(
        "
        listen: { mail: { stub: inbox } }
        start_state: a
        final_state: d
        states:
          a: { transitions: [{ to: b, subscribe: mail, when: res == 3, set: { first: res } }] }
          b: { transitions: [{ to: c, subscribe: mail, set: { second: res } }] }
          c: { transitions: [{ to: d, subscribe: mail, set: { third: res } }] }
          d:
        ",
    )
    .message("listen.mail", 10, json!(1))
    .message("listen.mail", 20, json!(2))
    .message("listen.mail", 30, json!(3))
    .message("listen.mail", 30, json!(4))
    .run();
    ran.passes()
        .shows_at("take", "30 take a → b\n30 take b → c\n30 take c → d");
    assert_eq!(ran.value("first"), Some(&json!(3)));
    assert_eq!(ran.value("second"), Some(&json!(1)));
    assert_eq!(ran.value("third"), Some(&json!(2)));
    let metrics = &ran.verdict.metrics;
    assert_eq!((metrics.messages_seen, metrics.messages_unmatched), (4, 1));
}

#[test]
fn what_a_loser_would_have_taken_stays() {
    let ran = task(
        "
        listen: { mail: { stub: inbox } }
        start_state: a
        final_state: d
        states:
          a:
            transitions:
              - { to: b, wait: 1s }
              - { to: d, subscribe: mail }
          b: { transitions: [{ to: d, subscribe: mail, set: { got: res } }] }
          d:
        ",
    )
    .message("listen.mail", 1000, json!(7))
    .run();
    ran.passes()
        .shows_at("take", "1000 take a → b, also d\n1000 take b → d");
    assert_eq!(ran.value("got"), Some(&json!(7)));
}

#[test]
fn a_failed_condition_takes_no_message() {
    let ran = task(
        "
        listen: { mail: { stub: inbox } }
        start_state: a
        final_state: d
        states:
          a:
            transitions: [{ to: d, subscribe: mail, fail_when: res == 7 }]
            on_error: b
          b: { transitions: [{ to: d, subscribe: mail, set: { got: res } }] }
          d:
        ",
    )
    .message("listen.mail", 10, json!(7))
    .run();
    ran.passes();
    assert_eq!(ran.value("got"), Some(&json!(7)));
}

#[test]
fn two_conditions_may_read_the_same_buffer() {
    task(
        "
        listen: { mail: { stub: inbox } }
        start_state: a
        final_state: [b, c]
        states:
          a:
            transitions:
              - { to: b, subscribe: mail, when: res == \"b\" }
              - { to: c, subscribe: mail, when: res == \"c\" }
          b:
          c:
        ",
    )
    .message("listen.mail", 10, json!("x"))
    .message("listen.mail", 20, json!("c"))
    .run()
    .passes()
    .shows_at("take", "20 take a → c");
}

#[test]
fn count_is_fulfilled_by_the_nth_match_and_res_is_the_list() {
    let ran = task(
        "
        listen: { mail: { stub: inbox } }
        start_state: a
        final_state: c
        states:
          a:
            transitions:
              - { to: b, subscribe: mail, count: 2, when: res.ok, set: { got: res } }
          b: { transitions: [{ to: c, subscribe: mail, set: { left: res.n } }] }
          c:
        ",
    )
    .message("listen.mail", 10, json!({ "ok": true, "n": 1 }))
    .message("listen.mail", 20, json!({ "ok": false, "n": 2 }))
    .message("listen.mail", 30, json!({ "ok": true, "n": 3 }))
    .run();
    ran.passes()
        .shows_at("take", "30 take a → b\n30 take b → c");
    assert_eq!(
        ran.value("got"),
        Some(&json!([{ "ok": true, "n": 1 }, { "ok": true, "n": 3 }]))
    );
    assert_eq!(ran.value("left"), Some(&json!(2)));
    assert_eq!(ran.verdict.metrics.messages_unmatched, 0);
}

#[test]
fn a_count_that_is_not_reached_times_out() {
    let ran = task(
        "
        start_state: a
        final_state: b
        max_global_transition_timeout: 1s
        states:
          a: { transitions: [{ to: b, subscribe: { stub: news }, count: 2 }] }
          b:
        ",
    )
    .message("states.a.transitions[0].subscribe", 10, json!(1))
    .run();
    ran.ends(Outcome::TimedOut, ErrorKind::Timeout, "no transition");
    assert_eq!(ran.verdict.metrics.messages_unmatched, 1);
}

#[test]
fn a_listen_instruction_opens_where_it_stands() {
    task(
        "
        start_state: a
        final_state: c
        states:
          a:
            instructions:
              - { stub: order, save: { id: res } }
              - listen: { mine: { stub: '${id}' } }
              - { stub: pay }
            next: b
          b: { transitions: [{ to: c, subscribe: mine }] }
          c:
        ",
    )
    .later("states.a.instructions[0]", 10, json!(5))
    .message("states.a.instructions[1].listen.mine", 20, json!(1))
    .later("states.a.instructions[2]", 100, json!(6))
    .run()
    .passes()
    .shows_at(
        "open start take",
        "
        0 start order
        10 open states.a.instructions[1].listen.mine
        10 start pay
        110 take a → b
        110 take b → c
        ",
    );
}

#[test]
fn a_listen_entry_that_is_not_open_yet_is_an_error() {
    task(
        "
        start_state: a
        final_state: c
        states:
          a: { transitions: [{ to: c, subscribe: mine }, { to: b, wait: 1s }] }
          b: { instructions: [{ listen: { mine: { stub: x } } }], next: c }
          c:
        ",
    )
    .run()
    .ends(Outcome::Error, ErrorKind::Script, "`mine` is not open yet");
}

#[test]
fn a_strategy_of_the_state_shows_each_message_to_all_transitions() {
    task(
        "
        start_state: a
        final_state: [b, c]
        states:
          a:
            subscribe: { stub: news }
            transitions:
              - { to: b, when: res == \"b\", count: 2 }
              - { to: c, when: res == \"c\" }
              - { fail_when: res == \"bad\" }
          b:
          c:
        ",
    )
    .message("states.a.subscribe", 10, json!("b"))
    .message("states.a.subscribe", 20, json!("x"))
    .message("states.a.subscribe", 30, json!("c"))
    .run()
    .passes()
    .shows_at("take", "30 take a → c");
}

#[test]
fn count_may_be_an_expression_which_is_asked_when_the_waiting_begins() {
    let scene = |count: &str| {
        let scene = task(&format!(
            "
            start_state: a
            final_state: b
            states:
              a:
                instructions: [{{ stub: buy, save: {{ lines: res }} }}]
                transitions: [{{ to: b, subscribe: {{ stub: news }}, count: {count}, set: {{ got: res }} }}]
              b:
            "
        ))
        .answer("states.a.instructions[0]", json!(["x", "y"]));
        (1..=3).fold(scene, |scene, at| {
            scene.message("states.a.transitions[0].subscribe", at, json!(at))
        })
    };
    let ran = scene("len(lines)").run();
    ran.passes().shows_at("take", "2 take a → b");
    assert_eq!(ran.value("got"), Some(&json!([1, 2])));
    // The result is a list whatever the number is.
    for count in ["1", "len(lines) - 1", "1.0 * 1"] {
        let ran = scene(count).run();
        ran.passes();
        assert_eq!(ran.value("got"), Some(&json!([1])), "{count}");
    }
    for (count, value) in [
        ("len(lines) - 2", "0"),
        ("-1 * 1", "-1"),
        ("1.5 * 1", "1.5"),
        ("lines", r#"["x","y"]"#),
        ("'lines[7]'", "null"),
    ] {
        scene(count).run().ends(
            Outcome::Error,
            ErrorKind::Script,
            &format!("`count` needs a whole number that is more than 0, this is {value}"),
        );
    }
}
