//! Deadlines: of a transition, of the task, and where they lead.

use super::task;
use crate::event::{ErrorKind, Outcome};
use serde_json::json;

#[test]
fn the_transition_timeout_ends_the_task_as_timed_out() {
    let ran = task(
        "
        start_state: a
        final_state: b
        states:
          a: { transitions: [{ to: b, subscribe: { stub: never } }] }
          b:
        ",
    )
    .run();
    ran.ends(
        Outcome::TimedOut,
        ErrorKind::Timeout,
        "no transition within 30s",
    )
    .shows_at(
        "wait timeout finish",
        "0 wait 30s\n30000 timeout transition a\n30000 finish timed out",
    );
    let headline = ran.verdict.headline.as_ref().unwrap();
    assert_eq!(headline.state.as_deref(), Some("a"));
    assert_eq!(headline.micros, 30_000_000);
}

#[test]
fn it_is_restarted_at_every_transition() {
    task(
        "
        start_state: a
        final_state: d
        max_global_transition_timeout: 1s
        states:
          a: { transitions: [{ to: b, wait: 900ms }] }
          b: { transitions: [{ to: c, wait: 900ms }] }
          c: { transitions: [{ to: d, wait: 900ms }] }
          d:
        ",
    )
    .run()
    .passes()
    .shows_at("finish", "2700 finish passed");
}

#[test]
fn a_states_own_timeout_overrides_it() {
    task(
        "
        start_state: a
        final_state: c
        max_global_transition_timeout: 1s
        states:
          a: { timeout: 5s, transitions: [{ to: b, wait: 3s }] }
          b: { timeout: 200ms, transitions: [{ to: c, subscribe: { stub: never } }] }
          c:
        ",
    )
    .run()
    .ends(
        Outcome::TimedOut,
        ErrorKind::Timeout,
        "no transition within 200ms",
    )
    .shows_at("take timeout", "3000 take a → b\n3200 timeout transition b");
}

#[test]
fn on_timeout_leads_on_and_error_tells_why() {
    let ran = task(
        "
        start_state: a
        final_state: b
        max_global_transition_timeout: 1s
        states:
          a:
            transitions: [{ to: b, subscribe: { stub: never } }]
            on_timeout: { to: late, set: { why: error.kind } }
            on_error: b
          late:
            instructions: [{ expect: [error.kind == \"timeout\", error.state == \"a\"] }]
            next: b
          b:
        ",
    )
    .run();
    ran.passes().shows_at(
        "timeout take",
        "1000 timeout transition a\n1000 take a → late\n1000 take late → b",
    );
    assert_eq!(ran.value("why"), Some(&json!("timeout")));
}

#[test]
fn on_error_does_not_catch_the_transition_timeout() {
    task(
        "
        start_state: a
        final_state: b
        max_global_transition_timeout: 1s
        states:
          a:
            transitions: [{ to: b, subscribe: { stub: never } }]
            on_error: b
          b:
        ",
    )
    .run()
    .ends(Outcome::TimedOut, ErrorKind::Timeout, "no transition");
}

#[test]
fn the_condition_of_the_target_does_not_guard_on_timeout_and_on_error() {
    task(
        "
        start_state: a
        final_state: c
        max_global_transition_timeout: 1s
        states:
          a:
            transitions: [{ to: b, subscribe: { stub: never } }]
            on_timeout: b
          b:
            transition_condition: { wait: 500ms, when: 'false' }
            instructions: [{ expect: 'false' }]
            transitions: [c]
            on_error: c
          c:
            transition_condition: { wait: 500ms }
        ",
    )
    .run()
    .passes()
    .shows_at("take", "1000 take a → b\n1000 take b → c");
}

#[test]
fn the_task_timeout_is_blamed_where_it_is_the_smaller_one() {
    let ran = task(
        "
        start_state: a
        final_state: c
        timeout: 1500ms
        max_global_transition_timeout: 1s
        states:
          a: { transitions: [{ to: b, wait: 900ms }], on_timeout: b }
          b: { transitions: [{ to: c, wait: 900ms }], on_timeout: c, on_error: c }
          c:
        ",
    )
    .run();
    ran.ends(
        Outcome::TimedOut,
        ErrorKind::Timeout,
        "the task took longer than 1.5s",
    )
    .shows_at(
        "take timeout wait",
        "
            0 wait 1s
            900 take a → b
            900 wait 600ms
            1500 timeout task b
            ",
    );
}

#[test]
fn the_task_timeout_cuts_instructions_too() {
    task(
        "
        start_state: a
        final_state: a
        timeout: 1s
        states:
          a: { instructions: [{ stub: slow }] }
        ",
    )
    .later("states.a.instructions[0]", 5000, json!(1))
    .run()
    .ends(
        Outcome::TimedOut,
        ErrorKind::Timeout,
        "the task took longer than 1s",
    )
    .shows_at("start end finish", "0 start slow\n1000 finish timed out");
}

#[test]
fn the_task_timeout_excludes_cleanup() {
    task(
        "
        start_state: a
        final_state: a
        timeout: 1s
        states:
          a: { instructions: [{ stub: quick }] }
        cleanup: [{ stub: tidy }]
        ",
    )
    .later("states.a.instructions[0]", 900, json!(1))
    .later("cleanup[0]", 5000, json!(1))
    .run()
    .passes()
    .shows_at("finish", "5900 finish passed");
}

#[test]
fn an_instructions_own_timeout_can_be_routed() {
    let yaml = |kind: &str| {
        format!(
            "
        start_state: a
        final_state: b
        states:
          a:
            instructions: [{{ stub: slow, timeout: 200ms }}]
            next: b
            on_error: [{{ kind: {kind}, to: late }}]
          late: {{ next: b }}
          b:
        "
        )
    };
    task(&yaml("timeout"))
        .later("states.a.instructions[0]", 5000, json!(1))
        .run()
        .passes()
        .shows_at(
            "end take",
            "200 end timeout\n200 take a → late\n200 take late → b",
        );
    task(&yaml("transport"))
        .later("states.a.instructions[0]", 5000, json!(1))
        .run()
        .ends(
            Outcome::TimedOut,
            ErrorKind::Timeout,
            "no answer within 200ms",
        );
}

#[test]
fn an_attempt_takes_half_a_minute_at_most() {
    task(
        "
        start_state: a
        final_state: a
        states:
          a: { instructions: [{ stub: slow }] }
        ",
    )
    .later("states.a.instructions[0]", 40_000, json!(1))
    .run()
    .ends(
        Outcome::TimedOut,
        ErrorKind::Timeout,
        "no answer within 30s",
    );
}

#[test]
fn a_timeout_may_be_computed_also_from_the_item() {
    task(
        "
        start_state: a
        final_state: a
        states:
          a:
            instructions: [{ stub: slow, for_each: [100ms, 300ms], timeout: '${item}' }]
            on_error: b
          b: { fail: 'stopped' }
        ",
    )
    .later("states.a.instructions[0]", 50, json!(1))
    .later("states.a.instructions[0]", 5000, json!(1))
    .run()
    .ends(Outcome::Failed, ErrorKind::Fail, "stopped")
    .shows_at("end", "50 end 1\n350 end timeout");
}

#[test]
fn a_parallel_may_have_a_timeout_of_its_own() {
    task(
        "
        start_state: a
        final_state: a
        states:
          a:
            instructions:
              - { parallel: [{ stub: slow }, { stub: slower }], timeout: 300ms }
        ",
    )
    .later("states.a.instructions[0].parallel[0]", 100, json!(1))
    .later("states.a.instructions[0].parallel[1]", 5000, json!(1))
    .run()
    .ends(Outcome::TimedOut, ErrorKind::Timeout, "within 300ms")
    .shows_at("end finish", "100 end 1\n300 finish timed out");
}

#[test]
fn without_one_a_parallel_has_no_limit_but_those_of_its_branches() {
    task(
        "
        start_state: a
        final_state: a
        states:
          a:
            instructions:
              - parallel: [{ stub: slow, timeout: 2m }]
        ",
    )
    .later("states.a.instructions[0].parallel[0]", 60_000, json!(1))
    .run()
    .passes();
}
