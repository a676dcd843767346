//! `poll`: when its attempts start, and what they mean.

use super::task;
use crate::event::{ErrorKind, Fact, Outcome};
use serde_json::json;

#[test]
fn the_first_attempt_is_at_once_and_every_counts_from_an_attempts_end() {
    let path = "states.a.transitions[0].poll";
    task(
        "
        start_state: a
        final_state: b
        states:
          a: { transitions: [{ to: b, poll: { stub: look }, every: 100ms, when: res == 3 }] }
          b:
        ",
    )
    .later(path, 30, json!(1))
    .later(path, 50, json!(2))
    .later(path, 0, json!(3))
    .run()
    .passes()
    .shows_at(
        "poll take",
        "
        30 poll #1 1
        180 poll #2 2
        280 poll #3 3
        280 take a → b
        ",
    );
}

#[test]
fn without_every_it_is_half_a_second() {
    task(
        "
        start_state: a
        final_state: b
        states:
          a: { transitions: [{ to: b, poll: { stub: look }, when: attempt == 3 }] }
          b:
        ",
    )
    .answer("states.a.transitions[0].poll", json!(1))
    .run()
    .passes()
    .shows_at("take", "1000 take a → b");
}

#[test]
fn without_when_the_first_result_fulfils() {
    task(
        "
        start_state: a
        final_state: b
        states:
          a: { transitions: [{ to: b, poll: { stub: look } }] }
          b:
        ",
    )
    .later("states.a.transitions[0].poll", 40, json!(null))
    .run()
    .passes()
    .shows_at("take", "40 take a → b");
}

#[test]
fn backoff_lengthens_the_pause_up_to_its_bound() {
    task(
        "
        start_state: a
        final_state: b
        states:
          a:
            transitions:
              - { to: b, poll: { stub: look }, every: 100ms, backoff: 2, max_every: 350ms, when: attempt == 6 }
          b:
        ",
    )
    .answer("states.a.transitions[0].poll", json!(0))
    .run()
    .passes()
    .shows_at(
        "poll",
        "
        0 poll #1 0
        100 poll #2 0
        300 poll #3 0
        650 poll #4 0
        1000 poll #5 0
        1350 poll #6 0
        ",
    );
}

#[test]
fn none_is_started_at_the_deadline() {
    let ran = task(
        "
        start_state: a
        final_state: b
        max_global_transition_timeout: 1s
        states:
          a: { transitions: [{ to: b, poll: { stub: look }, every: 500ms, when: attempt == 3 }] }
          b:
        ",
    )
    .answer("states.a.transitions[0].poll", json!(0))
    .run();
    ran.ends(
        Outcome::TimedOut,
        ErrorKind::Timeout,
        "no transition within 1s",
    )
    .shows_at(
        "poll timeout",
        "0 poll #1 0\n500 poll #2 0\n1000 timeout transition a",
    );
}

#[test]
fn none_is_started_at_the_deadline_of_the_task() {
    task(
        "
        start_state: a
        final_state: b
        timeout: 1s
        states:
          a: { transitions: [{ to: b, poll: { stub: look }, every: 500ms, when: attempt == 3 }] }
          b:
        ",
    )
    .answer("states.a.transitions[0].poll", json!(0))
    .run()
    .ends(
        Outcome::TimedOut,
        ErrorKind::Timeout,
        "the task took longer",
    )
    .shows_at(
        "poll timeout",
        "0 poll #1 0\n500 poll #2 0\n1000 timeout task a",
    );
}

#[test]
fn an_attempt_under_way_at_the_deadline_is_cancelled() {
    task(
        "
        start_state: a
        final_state: b
        states:
          a:
            timeout: 1s
            transitions: [{ to: b, poll: { stub: look } }]
          b:
        ",
    )
    .later("states.a.transitions[0].poll", 1500, json!(0))
    .run()
    .ends(
        Outcome::TimedOut,
        ErrorKind::Timeout,
        "no transition within 1s",
    )
    .shows_at("poll finish", "1000 finish timed out");
}

#[test]
fn an_answer_at_the_very_deadline_still_counts() {
    task(
        "
        start_state: a
        final_state: b
        states:
          a:
            timeout: 1s
            transitions: [{ to: b, poll: { stub: look } }]
          b:
        ",
    )
    .later("states.a.transitions[0].poll", 1000, json!(0))
    .run()
    .passes();
}

#[test]
fn a_transport_error_means_not_yet_and_is_kept() {
    let path = "states.a.transitions[0].poll";
    let yaml = "
        start_state: a
        final_state: b
        max_global_transition_timeout: 1s
        states:
          a: { transitions: [{ to: b, poll: { stub: look }, every: 400ms }] }
          b:
        ";
    task(yaml)
        .fails(path, 100, ErrorKind::Transport)
        .answer(path, json!(1))
        .run()
        .passes()
        .shows_at(
            "poll take",
            "100 poll #1 transport\n500 poll #2 1\n500 take a → b",
        );
    let ran = task(yaml).fails(path, 0, ErrorKind::Transport).run();
    ran.ends(Outcome::TimedOut, ErrorKind::Timeout, "no transition");
    let condition = &ran.verdict.headline.as_ref().unwrap().conditions[0];
    assert_eq!(condition.attempts, 3);
    assert_eq!(
        condition.trouble.as_ref().map(|trouble| trouble.kind),
        Some(ErrorKind::Transport)
    );
}

#[test]
fn an_attempt_without_an_answer_in_its_own_time_means_not_yet() {
    let path = "states.a.transitions[0].poll";
    task(
        "
        start_state: a
        final_state: b
        states:
          a: { transitions: [{ to: b, poll: { stub: look, timeout: 200ms }, every: 100ms }] }
          b:
        ",
    )
    .later(path, 5000, json!(1))
    .later(path, 50, json!(2))
    .run()
    .passes()
    .shows_at(
        "poll take",
        "200 poll #1 timeout\n350 poll #2 2\n350 take a → b",
    );
}

#[test]
fn a_protocol_error_fails_the_state() {
    let ran = task(
        "
        start_state: a
        final_state: b
        states:
          a: { transitions: [{ to: b, poll: { stub: look } }] }
          b:
        ",
    )
    .fails("states.a.transitions[0].poll", 10, ErrorKind::Protocol)
    .run();
    ran.ends(Outcome::Error, ErrorKind::Protocol, "broken");
    let headline = ran.verdict.headline.as_ref().unwrap();
    assert_eq!(headline.what.as_deref(), Some("look"));
    assert_eq!(headline.attempts, 1);
}

#[test]
fn a_poll_may_be_a_script() {
    task(
        "
        start_state: a
        final_state: b
        states:
          a: { transitions: [{ to: b, poll: { eval: attempt * 10 }, every: 1s, when: res == 30 }] }
          b:
        ",
    )
    .run()
    .passes()
    .shows_at("take", "2000 take a → b");
}

#[test]
fn a_polled_instruction_with_an_if_that_does_not_hold_is_left_out() {
    task(
        "
        start_state: a
        final_state: b
        states:
          a:
            transitions:
              - { to: b, poll: { stub: look, if: attempt > 2 }, every: 1s }
          b:
        ",
    )
    .answer("states.a.transitions[0].poll", json!(1))
    .run()
    .passes()
    .shows_at("poll take", "2000 poll #3 1\n2000 take a → b");
}

#[test]
fn elapsed_counts_seconds_since_the_state_was_entered() {
    task(
        "
        start_state: z
        final_state: b
        states:
          z: { transitions: [{ to: a, wait: 3s }] }
          a:
            transitions:
              - { to: b, poll: { stub: look }, every: 250ms, when: elapsed >= 0.75 && state == \"a\" }
          b:
        ",
    )
    .answer("states.a.transitions[0].poll", json!(1))
    .run()
    .passes()
    .shows_at("take", "3000 take z → a\n3750 take a → b");
}

#[test]
fn the_timeout_tells_how_far_each_condition_had_come() {
    let ran = task(
        "
        vars: { n: 1 }
        start_state: a
        final_state: [b, c, d]
        max_global_transition_timeout: 1s
        states:
          a:
            transitions:
              - { to: b, poll: { stub: look }, every: 300ms, when: res.s == \"x\" }
              - { to: c, when: n == 2 }
              - { to: d, subscribe: { stub: news } }
          b:
          c:
          d:
        ",
    )
    .answer("states.a.transitions[0].poll", json!({ "s": "p" }))
    .answer("states.a.transitions[0].poll", json!({ "s": "q" }))
    .run();
    ran.ends(Outcome::TimedOut, ErrorKind::Timeout, "no transition");
    let headline = ran.verdict.headline.as_ref().unwrap();
    let seen: Vec<_> = headline
        .conditions
        .iter()
        .map(|one| {
            (
                one.to.as_deref().unwrap(),
                one.strategy.word(),
                one.attempts,
                one.explanations.len(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("b", "poll", 4, 1),
            ("c", "immediate", 1, 1),
            ("d", "subscribe", 0, 0)
        ]
    );
    assert_eq!(headline.attempts, 4);
    assert!(ran.facts.iter().any(|(_, fact)| matches!(
        fact,
        Fact::TimedOut { conditions, .. } if conditions == &headline.conditions
    )));
}

#[test]
fn the_timeout_tells_the_distinct_values_and_since_when_nothing_changed() {
    let path = "states.a.transitions[0].poll";
    let ran = task(
        "
        start_state: a
        final_state: b
        max_global_transition_timeout: 1s
        states:
          a:
            transitions:
              - { to: b, poll: { stub: look }, every: 200ms, when: res.s == 'shipped' && res.n > 1 }
          b:
        ",
    )
    .answer(path, json!({ "s": "new" }))
    .answer(path, json!({ "s": "packed" }))
    .answer(path, json!({ "s": "new" }))
    .answer(path, json!({ "s": "packed" }))
    .run();
    ran.ends(Outcome::TimedOut, ErrorKind::Timeout, "no transition");
    let condition = &ran.verdict.headline.as_ref().unwrap().conditions[0];
    assert_eq!(condition.values, [(json!("new"), 2), (json!("packed"), 3)]);
    assert_eq!(condition.more_values, 0);
    // The last change came with the fourth attempt, at 600 ms.
    assert_eq!(condition.unchanged_micros, 400_000);
    assert_eq!(condition.last.as_deref(), Some("stub → a stub"));
}

#[test]
fn the_values_are_those_of_the_operand_that_is_false_in_the_end() {
    let path = "states.a.transitions[0].poll";
    let answer = |status: &str, total: f64| json!({ "status": status, "total": total });
    let ran = task(
        "
        start_state: a
        final_state: b
        max_global_transition_timeout: 500ms
        states:
          a: { transitions: [{ to: b, poll: { stub: look }, every: 100ms, when: WHEN }] }
          b:
        "
        .replace(
            "WHEN",
            "[res.status != 'new', \"res.status == 'shipped' && !(res.total != 100)\"]",
        )
        .as_str(),
    )
    .answer(path, answer("new", 1.0))
    .answer(path, answer("packed", 99.5))
    .answer(path, answer("shipped", 99.5))
    .run();
    let condition = &ran.verdict.headline.as_ref().unwrap().conditions[0];
    assert_eq!(condition.operand.as_deref(), Some("res.total"));
    assert_eq!(condition.values, [(json!(1.0), 1), (json!(99.5), 4)]);
    assert_eq!(condition.unchanged_micros, 400_000);
    // While it waits, each attempt tells of the operand that was false then.
    let seen: Vec<_> = ran
        .facts
        .iter()
        .filter_map(|(_, fact)| match fact {
            Fact::ConditionChecked { seen, .. } => seen.as_deref(),
            _ => None,
        })
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    assert_eq!(
        seen,
        [
            "res.status=\"new\"",
            "res.status=\"packed\"",
            "res.total=99.5",
            "res.total=99.5",
            "res.total=99.5"
        ]
    );
}

#[test]
fn an_operand_without_a_result_has_no_values() {
    let ran = task(
        "
        start_state: a
        final_state: b
        max_global_transition_timeout: 500ms
        states:
          a: { transitions: [{ to: b, poll: { stub: look }, every: 100ms, when: WHEN }] }
          b:
        "
        .replace("WHEN", "\"attempt > 9 && res.one == res.two\"")
        .as_str(),
    )
    .answer("states.a.transitions[0].poll", json!({}))
    .run();
    let condition = &ran.verdict.headline.as_ref().unwrap().conditions[0];
    assert_eq!((&condition.operand, condition.values.len()), (&None, 0));
}

#[test]
fn more_distinct_values_than_a_report_can_hold_are_counted() {
    let path = "states.a.transitions[0].poll";
    let mut scene = task(
        "
        start_state: a
        final_state: b
        max_global_transition_timeout: 2s
        states:
          a: { transitions: [{ to: b, poll: { stub: look }, every: 100ms, when: res.n < 0 }] }
          b:
        ",
    );
    for n in 0..20 {
        scene = scene.answer(path, json!({ "n": n }));
    }
    let ran = scene.run();
    let condition = &ran.verdict.headline.as_ref().unwrap().conditions[0];
    assert_eq!((condition.values.len(), condition.more_values), (8, 12));
}
