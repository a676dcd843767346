//! Called tasks: variables, limits and subscriptions of their own, what they undo, and what their caller sees.

use super::{Ran, Scene, machine, task};
use crate::event::{ErrorKind, Outcome};
use serde_json::json;

/// A task with these instructions in its state `a`, and the file `sub` that they may call.
fn calling(instructions: &str, sub: &str) -> Scene {
    let caller = "start_state: a\nfinal_state: b\nstates:\n  a:\n    instructions:\n";
    task(&format!(
        "{caller}{instructions}    next: b\n  b:\n\n--- sub\nversion: 1\nname: sub\n{sub}"
    ))
}

const ADDS: &str = "
params: [n]
vars: { step: 1 }
start_state: x
final_state: y
states:
  x:
    instructions:
      - eval: n + step
        save: { sum: res }
        defer: { log: \"undo ${sum}\" }
    next: y
  y:
cleanup: [{ log: \"clean ${n}\" }, { log: last }]
outputs: { sum: sum, twice: sum * 2 }
";

const SLOW: &str = "
timeout: 5s
start_state: x
final_state: y
max_global_transition_timeout: 1m
states:
  x:
    instructions: [{ eval: 1, defer: { log: undone } }]
    transitions: [{ to: y, wait: 40s }]
  y:
";

fn logs(ran: &Ran) -> String {
    let logs = ran.facts.iter().filter_map(|(_, fact)| match fact {
        crate::event::Fact::Log { text, .. } => Some(&**text),
        _ => None,
    });
    logs.collect::<Vec<_>>().join(", ")
}

#[test]
fn it_yields_its_outputs_and_keeps_its_variables_to_itself() {
    let ran = calling(
        "      - { task: { file: sub, with: { n: 4 } }, save: { got: res }, expect: [res.sum == 5, res.twice == 10] }\n",
        ADDS,
    )
    .run();
    ran.passes().shows(
        "enter save open close take",
        "enter a
         sub: open
         sub: save n 4
         sub: save step 1
         sub: enter x
         sub: save sum 5
         sub: take x → y
         sub: enter y
         sub: close done
         save got {\"sum\":5,\"twice\":10}
         take a → b
         enter b",
    );
}

#[test]
fn what_it_has_to_undo_joins_the_stack_of_its_caller() {
    let ran = calling(
        "      - { eval: 1, defer: { log: first } }
      - { task: { file: sub, with: { n: 1 } } }
      - { task: { file: sub, with: { n: 10, step: 5 } } }
      - { eval: 1, defer: { log: newest } }\n",
        ADDS,
    )
    .run();
    ran.passes();
    assert_eq!(
        logs(&ran),
        "newest, undo 15, clean 10, last, undo 2, clean 1, last, first"
    );
}

#[test]
fn it_is_repeated_side_by_side_each_with_variables_of_its_own() {
    let ran = calling(
        "      - { for_each: 1..=3, concurrency: 3, task: { file: sub, with: { n: \"${item}\" } }, save: { got: res } }\n",
        ADDS,
    )
    .run();
    let sums = json!([{"sum": 2, "twice": 4}, {"sum": 3, "twice": 6}, {"sum": 4, "twice": 8}]);
    assert_eq!(ran.passes().value("got"), Some(&sums));
}

#[test]
fn its_failure_shows_the_call_and_where_it_happened() {
    let sub = "start_state: x\nfinal_state: y\nstates:\n  x: { next: no }\n  no: { fail: nothing left }\n  y:\n";
    let ran = calling(
        "      - { task: { file: sub } }\n",
        &sub.replace(
            "x: { next: no }",
            "x: { transitions: [{ to: no, when: 'true' }, y] }",
        ),
    )
    .run();
    ran.ends(Outcome::Failed, ErrorKind::Fail, "nothing left");
    let headline = ran.verdict.headline.as_ref().unwrap();
    assert_eq!(headline.state.as_deref(), Some("a"));
    assert_eq!(headline.called.as_deref(), Some("sub/no"));
    assert_eq!(&*headline.calls[0].file, "t.yaml");
    assert_eq!(&*headline.place.as_ref().unwrap().file, "sub");
}

#[test]
fn its_own_limit_is_a_timeout_that_its_caller_may_route() {
    let yaml = format!(
        "start_state: a\nfinal_state: [b, late]\nstates:\n  a:\n    instructions: [{{ task: {{ file: sub }} }}]\n    next: b\n    on_error: [{{ kind: timeout, to: late }}]\n  b:\n  late: {{ instructions: [{{ expect: error.state == 'a' }}] }}\n\n--- sub\nversion: 1\n{SLOW}"
    );
    let ran = task(&yaml).run();
    ran.passes().shows_at(
        "enter close take log",
        "0 enter a
         0 sub: enter x
         5000 sub: close failed
         5000 take a → late
         5000 enter late
         5000 sub: log undone",
    );
}

#[test]
fn the_limit_of_its_caller_is_the_one_blamed_where_it_is_smaller() {
    let yaml = format!(
        "timeout: 3s\nstart_state: a\nfinal_state: b\nstates:\n  a:\n    instructions: [{{ task: {{ file: sub }} }}]\n    next: b\n  b:\n\n--- sub\nversion: 1\n{SLOW}"
    );
    let ran = task(&yaml).run();
    ran.ends(
        Outcome::TimedOut,
        ErrorKind::Timeout,
        "the task took longer than 3s",
    );
    ran.shows_at(
        "close log",
        "3000 sub: close cancelled
         3000 sub: log undone",
    );
}

#[test]
fn an_attempt_that_takes_too_long_has_stopped_before_the_next_one_begins() {
    let ran = calling(
        "      - { task: { file: sub }, timeout: 2s, retry: { max_attempts: 2, delay: 1s } }\n",
        SLOW,
    )
    .run();
    ran.ends(Outcome::TimedOut, ErrorKind::Timeout, "within 2s")
        .shows_at(
            "enter close",
            "0 enter a
         0 sub: enter x
         2000 sub: close cancelled
         3000 sub: enter x
         5000 sub: close cancelled",
        );
}

#[test]
fn what_is_given_to_the_run_reaches_it_and_a_call_is_stronger() {
    let call = "      - { task: { file: sub, with: { n: 1 } }, save: { got: res } }\n";
    let ran = calling(call, ADDS)
        .var("step", json!(100))
        .var("n", json!(7))
        .run();
    assert_eq!(
        ran.passes().value("got"),
        Some(&json!({"sum": 101, "twice": 202}))
    );
}

#[test]
fn one_that_is_skipped_does_nothing() {
    let sub = format!("skip: not today\n{}", ADDS.trim_start());
    let ran = calling(
        "      - { task: { file: sub, with: { n: 1 } }, save: { got: res ?? 'none' } }\n",
        &sub,
    )
    .run();
    assert_eq!(ran.passes().value("got"), Some(&json!("none")));
    assert_eq!(logs(&ran), "");
}

#[test]
fn what_it_listens_to_ends_with_it() {
    let sub = "listen: { mail: { stub: inbox } }\nstart_state: x\nfinal_state: y\nstates:\n  x: { transitions: [{ to: y, subscribe: mail, when: res == 2, set: { got: res } }] }\n  y:\noutputs: { got: got }\n";
    let ran = calling(
        "      - { task: { file: sub }, save: { got: res.got } }\n      - { stub: later }\n",
        sub,
    )
    .message("sub#listen.mail", 10, json!(1))
    .message("sub#listen.mail", 20, json!(2))
    .message("sub#listen.mail", 500, json!(3))
    .later("states.a.instructions[1]", 1000, json!(null))
    .run();
    assert_eq!(ran.passes().value("got"), Some(&json!(2)));
    // The third came when nobody listened any more.
    assert_eq!(ran.verdict.metrics.messages_seen, 2);
    assert_eq!(ran.verdict.metrics.messages_unmatched, 1);
}

#[test]
fn a_condition_that_only_some_calls_could_judge_is_no_warning() {
    let sub = "params: [n]\nstart_state: x\nfinal_state: y\nstates:\n  x: { transitions: [{ to: y, when: n.ok == true }, { to: y, wait: 1s }] }\n  y:\n";
    let both = "      - { for_each: [{ a: 1 }, { ok: true }], task: { file: sub, with: { n: \"${item}\" } } }\n";
    assert_eq!(calling(both, sub).run().passes().verdict.never_known, 0);
    let one = "      - { for_each: [{ a: 1 }, { b: true }], task: { file: sub, with: { n: \"${item}\" } } }\n";
    assert_eq!(calling(one, sub).run().passes().verdict.never_known, 1);
}

#[test]
fn a_region_calls_in_its_own_name() {
    let yaml = format!(
        "start_state: a\nfinal_state: b\nstates:\n  a:\n    regions:\n      one:\n        start_state: p\n        final_state: q\n        states:\n          p: {{ instructions: [{{ task: {{ file: sub, with: {{ n: 1 }} }}, save: {{ got: res.sum }} }}], next: q }}\n          q:\n      two:\n        start_state: p\n        final_state: q\n        states:\n          p: {{ transitions: [{{ to: q, when: regions.one.got == 2 }}] }}\n          q:\n    next: b\n  b:\n\n--- sub\nversion: 1\nname: sub\n{ADDS}"
    );
    let ran = task(&yaml).run();
    ran.passes();
    assert_eq!(logs(&ran), "undo 2, clean 1, last");
}

#[test]
fn a_halt_stops_it_and_everything_is_undone() {
    let ran = calling("      - { task: { file: sub } }\n", SLOW)
        .halt(1500)
        .run();
    assert_eq!(ran.outcome(), Outcome::Cancelled);
    ran.shows_at(
        "enter close log",
        "0 enter a
         0 sub: enter x
         1500 sub: close cancelled
         1500 sub: log undone",
    );
}

#[test]
fn a_call_is_checked_against_what_it_calls() {
    let wrong = |instruction: &str| -> Vec<String> {
        let yaml = format!(
            "version: 1\nstart_state: a\nfinal_state: b\nstates:\n  a:\n    instructions: [{instruction}]\n    next: b\n  b:\n\n--- sub\nversion: 1\n{ADDS}"
        );
        let found = machine(&yaml, &[]).expect_err("a mistake");
        found
            .iter()
            .map(|one| format!("{} {}", one.code, one.message))
            .collect()
    };
    assert_eq!(
        wrong("{ task: { file: sub } }"),
        ["missing-param `sub` needs `n`"]
    );
    assert_eq!(
        wrong("{ task: { file: sub, with: { n: 1, stp: 2 } } }"),
        ["unknown-variable `stp` is no variable of `sub`"]
    );
    assert_eq!(
        wrong("{ task: { file: sub, with: { n: 1 } }, save: { s: res.summ } }"),
        ["unknown-member `res` has no member `summ`"]
    );
}
