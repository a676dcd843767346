//! `stay: true`: what fulfils it is taken, and the state goes on.

use super::{catalog, task, whole};
use crate::definition::{SourceFile, Suite, parse_task};
use crate::event::{ErrorKind, Fact, Outcome, SubscriptionChange};
use crate::machine::{CalledTasks, CompileInputs, compile};
use crate::script::Engine;
use serde_json::json;
use std::sync::Arc;

#[test]
fn the_message_is_taken_and_the_instructions_do_not_run_again() {
    let ran = task(
        "
        vars: { seen: [] }
        listen: { mail: { stub: inbox } }
        start_state: a
        final_state: c
        states:
          a:
            max_visits: 1
            instructions: [{ stub: begin }]
            transitions:
              - { subscribe: mail, stay: true, when: res.i < 3, set: { seen: 'seen + [res.i]' } }
              - { to: b, subscribe: mail, when: res.i == 3 }
          b: { transitions: [{ to: c, subscribe: mail, when: res.i < 3 }, { to: c, wait: 1s }] }
          c:
        ",
    )
    .answer("states.a.instructions[0]", json!(1))
    .message("listen.mail", 10, json!({ "i": 1 }))
    .message("listen.mail", 20, json!({ "i": 2 }))
    .message("listen.mail", 30, json!({ "i": 3 }))
    .run();
    ran.passes().shows_at(
        "enter start stays save take",
        "
        0 save seen []
        0 enter a
        0 start begin
        10 save seen [1]
        10 stays a #1
        20 save seen [1,2]
        20 stays a #2
        30 take a → b
        30 enter b
        1030 take b → c
        1030 enter c
        ",
    );
    assert_eq!(ran.value("seen"), Some(&json!([1, 2])));
}

#[test]
fn of_one_message_that_both_want_the_first_in_the_file_has_it() {
    let scene = |first: &str, second: &str| {
        task(&format!(
            "
        vars: {{ n: 0 }}
        listen: {{ mail: {{ stub: inbox }} }}
        start_state: a
        final_state: b
        states:
          a:
            transitions:
              - {{ subscribe: mail, {first} }}
              - {{ subscribe: mail, {second} }}
          b:
        "
        ))
        .message("listen.mail", 10, json!(1))
        .message("listen.mail", 20, json!(2))
    };
    let stay = "stay: true, when: res == 1, set: { n: n + 1 }";
    // The second waits for a message that the first has not taken.
    scene(stay, "to: b")
        .run()
        .passes()
        .shows_at("stays take", "10 stays a #1\n20 take a → b");
    scene("to: b", stay)
        .run()
        .passes()
        .shows_at("stays save take", "0 save n 0\n10 take a → b, also a");
}

#[test]
fn it_goes_on_with_its_polls_and_counts_anew() {
    task(
        "
        vars: { n: 0 }
        start_state: a
        final_state: b
        states:
          a:
            poll: { stub: look }
            every: 100ms
            transitions:
              - { stay: true, when: res < 3, set: { n: n + res } }
              - { to: b, when: n == 3 }
          b:
        ",
    )
    .answer("states.a.poll", json!(1))
    .answer("states.a.poll", json!(2))
    .answer("states.a.poll", json!(3))
    .run()
    .passes()
    .shows_at(
        "poll stays take",
        "
        0 poll #1 1
        0 stays a #1
        100 poll #2 2
        100 stays a #2
        200 poll #3 3
        200 take a → b
        ",
    );
    let ran = task(
        "
        vars: { pairs: [] }
        listen: { mail: { stub: inbox } }
        start_state: a
        final_state: b
        states:
          a:
            transitions:
              - { subscribe: mail, count: 2, stay: true, set: { pairs: 'pairs + [res]' } }
              - { to: b, wait: 1s }
          b:
        ",
    );
    let ran = (1..=5).fold(ran, |ran, at| ran.message("listen.mail", at, json!(at)));
    let ran = ran.run();
    ran.passes()
        .shows_at("stays take", "2 stays a #1\n4 stays a #2\n1000 take a → b");
    assert_eq!(ran.value("pairs"), Some(&json!([[1, 2], [3, 4]])));
    assert_eq!(ran.verdict.metrics.messages_unmatched, 1);
}

#[test]
fn a_count_does_not_count_what_another_has_taken() {
    let ran = task(
        "
        listen: { mail: { stub: inbox } }
        start_state: a
        final_state: b
        states:
          a:
            transitions:
              - { to: b, subscribe: mail, count: 2, set: { pair: res } }
              - { subscribe: mail, stay: true, when: res == 1 }
          b:
        ",
    )
    .message("listen.mail", 10, json!(1))
    .message("listen.mail", 20, json!(2))
    .message("listen.mail", 30, json!(3))
    .run();
    ran.passes()
        .shows_at("stays take", "10 stays a #1\n30 take a → b");
    assert_eq!(ran.value("pair"), Some(&json!([2, 3])));
}

#[test]
fn conditions_without_a_strategy_are_asked_again() {
    task(
        "
        vars: { n: 0 }
        listen: { mail: { stub: inbox } }
        start_state: a
        final_state: b
        states:
          a:
            transitions:
              - { subscribe: mail, stay: true, set: { n: n + res } }
              - { to: c, when: n >= 5 }
              - { fail_when: n < 0 }
          b:
          c: { transitions: [{ to: b, subscribe: mail }] }
        ",
    )
    .message("listen.mail", 10, json!(2))
    .message("listen.mail", 20, json!(3))
    .message("listen.mail", 20, json!(9))
    .run()
    .passes()
    // The message behind the one that decided is left for the next state.
    .shows_at(
        "stays take",
        "10 stays a #1\n20 stays a #2\n20 take a → c\n20 take c → b",
    );
}

#[test]
fn its_own_failure_fails_the_state() {
    task(
        "
        listen: { mail: { stub: inbox } }
        start_state: a
        final_state: b
        states:
          a:
            transitions:
              - { subscribe: mail, stay: true, fail_when: res < 0 }
              - { to: b, wait: 1s }
          b:
        ",
    )
    .message("listen.mail", 10, json!(1))
    .message("listen.mail", 20, json!(-1))
    .run()
    .ends(
        Outcome::Failed,
        ErrorKind::Condition,
        "`fail_when` held: res < 0",
    )
    .shows_at("stays finish", "10 stays a #1\n20 finish failed");
}

#[test]
fn the_deadline_goes_on_and_its_report_tells_how_often_it_stayed() {
    let ran = task(
        "
        listen: { mail: { stub: inbox } }
        start_state: a
        final_state: b
        max_global_transition_timeout: 1s
        states:
          a:
            transitions:
              - { subscribe: mail, stay: true }
              - { to: b, subscribe: mail, when: res == 0 }
          b:
        ",
    )
    .message("listen.mail", 400, json!(1))
    .message("listen.mail", 800, json!(2))
    .message("listen.mail", 1200, json!(3))
    .run();
    ran.ends(
        Outcome::TimedOut,
        ErrorKind::Timeout,
        "no transition within 1s",
    )
    .shows_at(
        "stays timeout",
        "400 stays a #1\n800 stays a #2\n1000 timeout transition a",
    );
    let stayed = ran.facts.iter().find_map(|(_, fact)| match fact {
        Fact::TimedOut { conditions, .. } => {
            let stayed = conditions.iter().map(|one| one.stayed);
            Some(stayed.collect::<Vec<_>>())
        }
        _ => None,
    });
    assert_eq!(stayed, Some(vec![2, 0]));
}

#[test]
fn on_timeout_is_a_way_out() {
    task(
        "
        vars: { n: 0 }
        start_state: a
        final_state: b
        states:
          a:
            timeout: 50ms
            on_timeout: b
            transitions: [{ subscribe: { stub: news }, stay: true, set: { n: n + 1 } }]
          b:
        ",
    )
    .message("states.a.transitions[0].subscribe", 10, json!(1))
    .run()
    .passes()
    .shows_at("stays take", "10 stays a #1\n50 take a → b");
}

#[test]
fn the_end_of_a_source_is_taken_once() {
    let scene = |second: &str| {
        task(&format!(
            "
            vars: {{ ended: false }}
            start_state: a
            final_state: b
            states:
              a:
                subscribe: {{ stub: news }}
                transitions:
                  - {{ stay: true, when: res.ended, set: {{ ended: true }} }}
                  - {{ to: b, {second} }}
              b:
            "
        ))
        .change("states.a.subscribe", 10, SubscriptionChange::Ended)
    };
    scene("wait: 1s")
        .run()
        .passes()
        .shows_at("stays take", "10 stays a #1\n1000 take a → b");
    // Nothing is left that could decide.
    scene("when: res == 1").run().ends(
        Outcome::Failed,
        ErrorKind::Condition,
        "nothing leads out of `a`",
    );
}

#[test]
fn it_works_beside_and_inside_of_regions() {
    let ran = task(
        "
        vars: { n: 0 }
        listen: { mail: { stub: inbox } }
        start_state: a
        final_state: b
        states:
          a:
            regions:
              one:
                start_state: x
                final_state: y
                states:
                  x:
                    transitions:
                      - { subscribe: mail, stay: true, when: res < 3, set: { sum: '(sum ?? 0) + res' } }
                      - { to: y, subscribe: mail, when: res == 3 }
                  y:
            transitions:
              - { subscribe: mail, stay: true, when: res == 2, set: { n: n + 1 } }
              - { to: b, set: { sum_of_one: regions.one.sum } }
          b:
        ",
    )
    .message("listen.mail", 10, json!(1))
    .message("listen.mail", 20, json!(2))
    .message("listen.mail", 30, json!(3))
    .run();
    ran.passes().shows_at(
        "stays take",
        "10 one: stays x #1\n20 one: stays x #2\n20 stays a #1\n30 one: take x → y\n30 take a → b",
    );
    assert_eq!(ran.value("n"), Some(&json!(1)));
    assert_eq!(ran.value("sum_of_one"), Some(&json!(3)));
}

#[test]
fn a_watch_behind_it_is_judged_when_the_state_is_left() {
    let scene = |watch: &str| {
        task(&format!(
            "
            vars: {{ n: 0 }}
            start_state: a
            final_state: b
            states:
              a:
                subscribe: {{ stub: news }}
                transitions:
                  - {{ stay: true, when: res == 1, set: {{ n: n + 1 }} }}
                  - {{ {watch} }}
                  - {{ to: b, when: n == 2 }}
                  - {{ to: b, wait: 100ms }}
              b:
            "
        ))
        .message("states.a.subscribe", 10, json!(1))
        .message("states.a.subscribe", 20, json!(7))
    };
    scene("fail_when: res == 8").run().passes();
    scene("fail_when: res == 7").run().ends(
        Outcome::Failed,
        ErrorKind::Condition,
        "`fail_when` held: res == 7",
    );
}

/// What `check` says of a task, in the order of the file.
fn found(yaml: &str) -> Vec<(&'static str, String)> {
    let file = Arc::new(SourceFile {
        name: "t.yaml".into(),
        path: "t.yaml".into(),
        text: whole(yaml).into(),
    });
    let (engine, _) = Engine::new(&[]);
    let catalog = catalog();
    let project = CompileInputs {
        called: &CalledTasks::default(),
        prefix: "",
        suite: &Suite::default(),
        engine: &engine,
        catalog: &catalog,
        given: &[],
        module_elsewhere: |_, _| None,
    };
    let found = match parse_task(&file) {
        Err(found) => found,
        Ok(task) => match compile(&project, &task.value) {
            Ok((_, warnings)) => warnings,
            Err(found) => found,
        },
    };
    found
        .into_iter()
        .map(|one| (one.code, one.message))
        .collect()
}

#[test]
fn what_has_no_meaning_beside_it_is_a_mistake() {
    let scene = |ways: &str| {
        format!(
            "
            start_state: a
            final_state: b
            states:
              a:
                transitions: [{ways}, {{ to: b, wait: 1s }}]
              b:
            "
        )
    };
    for (way, words) in [
        ("{ to: b, subscribe: { stub: x }, stay: true }", "not both"),
        ("{ wait: 1s, stay: true }", "again and again"),
        (
            "{ all: { one: { wait: 1s } }, stay: true }",
            "again and again",
        ),
        (
            "{ when: 1 == 1, stay: true }",
            "needs a `poll` or a `subscribe`",
        ),
        (
            "{ subscribe: { stub: x }, stay: false }",
            "`stay` is `true`",
        ),
        (
            "{ subscribe: { stub: x }, collect: 1s, stay: true }",
            "gathers once",
        ),
    ] {
        let found = found(&scene(way));
        let [(code, message)] = &found[..] else {
            panic!("{way}: {found:?}");
        };
        assert_eq!(*code, "stay", "{way}");
        assert!(message.contains(words), "{message}");
    }
    assert_eq!(
        found(
            "
            start_state: a
            final_state: a
            states:
              a: { transitions: [{ subscribe: { stub: x }, stay: true }] }
            "
        )
        .len(),
        1
    );
    let dead = found(
        "
        start_state: a
        final_state: b
        states:
          a:
            poll: { stub: x }
            transitions: [{ stay: true }, { to: b, when: res == 1 }]
          b:
        ",
    );
    assert!(
        matches!(&dead[..], [("dead-transition", message)] if message.contains("what stays")),
        "{dead:?}"
    );
}
