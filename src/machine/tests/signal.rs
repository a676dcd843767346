//! Signals: events inside the run.

use super::task;
use serde_json::json;

#[test]
fn a_signal_is_received_with_its_data() {
    let ran = task(
        "
        vars: { id: 7 }
        start_state: a
        final_state: c
        states:
          a:
            instructions: [{ signal: { name: go, data: { id: '${id}' } } }]
            next: b
          b:
            transitions: [{ to: c, subscribe: { signal: go }, when: res.body.id == id, set: { got: res.name } }]
          c:
        ",
    )
    .run();
    ran.passes().shows(
        "signal take",
        "signal go {\"id\":7}\ntake a → b\ntake b → c",
    );
    assert_eq!(ran.value("got"), Some(&json!("go")));
}

#[test]
fn a_signal_of_the_states_own_instruction_is_not_missed() {
    task(
        "
        start_state: a
        final_state: b
        states:
          a:
            instructions: [{ signal: { name: go } }]
            transitions: [{ to: b, subscribe: { signal: go } }]
          b:
        ",
    )
    .run()
    .passes()
    .shows_at("take", "0 take a → b");
}

#[test]
fn a_signal_is_taken_once() {
    task(
        "
        start_state: a
        final_state: d
        states:
          a:
            instructions: [{ signal: { name: go } }]
            transitions: [{ to: b, subscribe: { signal: go } }]
          b: { transitions: [{ to: c, subscribe: { signal: go } }], timeout: 1s, on_timeout: d }
          c:
            next: d
          d:
        ",
    )
    .run()
    .passes()
    .shows("take", "take a → b\ntake b → d");
}

#[test]
fn other_signals_do_not_count() {
    task(
        "
        start_state: a
        final_state: b
        states:
          a:
            instructions: [{ signal: { name: stop } }]
            transitions: [{ to: b, subscribe: { signal: go } }]
            timeout: 1s
            on_timeout: b
          b:
        ",
    )
    .run()
    .passes()
    .shows("timeout", "timeout transition a");
}

#[test]
fn a_branch_may_send_what_a_later_state_waits_for() {
    task(
        "
        start_state: a
        final_state: b
        states:
          a:
            instructions:
              - parallel: [{ stub: slow }, { signal: { name: go, data: 1 } }]
            transitions:
              - { to: b, subscribe: { signal: go }, when: res.body == 1 }
          b:
        ",
    )
    .later("states.a.instructions[0].parallel[0]", 100, json!(1))
    .run()
    .passes()
    .shows_at("signal take", "0 signal go 1\n100 take a → b");
}

#[test]
fn log_writes_a_line() {
    task(
        "
        vars: { id: 7 }
        start_state: a
        final_state: a
        states:
          a: { instructions: [{ log: 'order ${id}' }, { log: { id: '${id}' } }] }
        ",
    )
    .run()
    .passes()
    .shows("log", "log order 7\nlog {\"id\":7}");
}
