//! Variables: where they come from, and what is in scope.

use super::task;
use crate::event::{ErrorKind, Fact, Outcome};
use crate::machine::Checkpoint;
use serde_json::json;

#[test]
fn vars_are_evaluated_in_order() {
    let ran = task(
        "
        vars: { a: 2, b: '${a * 3}', c: { list: ['${b}', 'x${b}'] } }
        start_state: s
        final_state: s
        states: { s: }
        ",
    )
    .run();
    ran.passes().shows(
        "save",
        r#"
        save a 2
        save b 6
        save c {"list":[6,"x6"]}
        "#,
    );
}

#[test]
fn lists_that_double_each_other_have_a_bound() {
    let doubling: String = (1..40)
        .map(|index| {
            let before = index - 1;
            format!("a{index}: ['${{a{before}}}', '${{a{before}}}'], ")
        })
        .collect();
    let ran = task(&format!(
        "
        vars: {{ a0: 1234567890, {doubling} }}
        start_state: s
        final_state: s
        states: {{ s: }}
        "
    ))
    .run();
    ran.ends(Outcome::Error, ErrorKind::Resource, "at most 64 MiB");
}

#[test]
fn a_value_from_outside_is_stronger() {
    let ran = task(
        "
        vars: { a: 2, b: '${a}' }
        start_state: s
        final_state: s
        states: { s: { instructions: [{ expect: [a == 5, b == 5, extra == \"x\"] }] } }
        ",
    )
    .var("a", json!(5))
    .var("extra", json!("x"))
    .run();
    ran.passes();
}

#[test]
fn a_param_must_be_given() {
    let yaml = "
        params: [who]
        start_state: s
        final_state: s
        states: { s: { instructions: [{ expect: who == \"me\" }] } }
        ";
    task(yaml)
        .run()
        .ends(Outcome::Error, ErrorKind::Script, "`who` was not given");
    task(yaml).var("who", json!("me")).run().passes();
}

#[test]
fn a_short_secret_is_refused() {
    for yaml in [
        "secrets: { key: abc }\nstart_state: s\nfinal_state: s\nstates: { s: }\n",
        "secrets: [key]\nstart_state: s\nfinal_state: s\nstates: { s: { instructions: [{ save: { key: '\"abc\"' } }] } }\n",
        "secrets: [key]\nstart_state: s\nfinal_state: t\nstates: { s: { transitions: [{ to: t, when: 'true', set: { key: '\"abc\"' } }] }, t: }\n",
    ] {
        task(yaml).run().ends(
            Outcome::Error,
            ErrorKind::Script,
            "the secret `key` is shorter than 4 characters",
        );
    }
    task("secrets: [key]\nstart_state: s\nfinal_state: s\nstates: { s: }\n")
        .var("key", json!("abc"))
        .run()
        .ends(Outcome::Error, ErrorKind::Script, "shorter than 4");
    task("secrets: { key: long enough }\nstart_state: s\nfinal_state: s\nstates: { s: { instructions: [{ expect: key == \"long enough\" }] } }\n")
        .run()
        .passes();
}

#[test]
fn outputs_are_evaluated_at_a_passed_end() {
    let yaml = "
        vars: { x: 2 }
        start_state: a
        final_state: b
        states:
          a: { transitions: [{ to: b, when: x == 2, set: { y: x * 2 } }, { to: no, when: x != 2 }] }
          b:
          no: { fail: 'no' }
        outputs: { double: y, plain: x }
        ";
    let ran = task(yaml).run();
    assert_eq!(ran.verdict.outputs, json!({ "double": 4, "plain": 2 }));
    assert!(ran.facts.iter().any(|(_, fact)| matches!(
        fact,
        Fact::ExecutionFinished { outputs, .. } if outputs == &ran.verdict.outputs
    )));
    let ran = task(yaml).var("x", json!(3)).run();
    assert_eq!(ran.outcome(), Outcome::Failed);
    assert_eq!(ran.verdict.outputs, json!(null));
}

#[test]
fn an_output_that_breaks_is_an_error() {
    task(
        "
        start_state: a
        final_state: a
        states: { a: }
        outputs: { x: 1 / 0 }
        cleanup: [{ stub: tidy }]
        ",
    )
    .answer("cleanup[0]", json!(1))
    .run()
    .ends(Outcome::Error, ErrorKind::Script, "")
    .shows("start", "start tidy");
}

#[test]
fn skip_leaves_the_whole_task_out() {
    let ran = task(
        "
        skip: waits for ${x}
        vars: { x: better days }
        start_state: a
        final_state: a
        states: { a: }
        cleanup: [{ stub: tidy }]
        ",
    )
    .run();
    assert_eq!(ran.outcome(), Outcome::Skipped);
    ran.shows("enter start finish", "finish skipped");
    assert!(ran.facts.iter().any(|(_, fact)| matches!(
        fact,
        Fact::ExecutionStarted(started) if started.skip.as_deref() == Some("waits for better days")
    )));
}

#[test]
fn skip_may_depend_on_variables() {
    let yaml = "
        skip: { if: x > 1, reason: too much }
        vars: { x: 1 }
        start_state: a
        final_state: a
        states: { a: }
        ";
    task(yaml).run().passes();
    assert_eq!(
        task(yaml).var("x", json!(2)).run().outcome(),
        Outcome::Skipped
    );
}

#[test]
fn task_run_and_state_are_in_scope() {
    task(
        "
        name: mine
        start_state: a
        final_state: a
        states:
          a:
            instructions:
              - expect: [task.name == \"mine\", run.attempt == 1, run.id == \"R\", state == \"a\", attempt == 1]
        ",
    )
    .run()
    .passes();
}

#[test]
fn a_template_that_is_one_expression_keeps_its_type() {
    let ran = task(
        "
        vars: { n: 3, list: [1, 2] }
        start_state: a
        final_state: a
        states:
          a:
            instructions:
              - stub: { do: x, n: '${n}', list: '${list}', text: 'n=${n}', plain: '$${n}' }
        ",
    )
    .answer("states.a.instructions[0]", json!(1))
    .run();
    ran.passes();
    let request = ran.facts.iter().find_map(|(_, fact)| match fact {
        Fact::InstructionStarted { request, .. } => Some(request),
        _ => None,
    });
    assert_eq!(
        **request.unwrap(),
        json!({ "do": "x", "n": 3, "list": [1, 2], "text": "n=3", "plain": "${n}" })
    );
}

#[test]
fn what_is_missing_cannot_be_kept() {
    for yaml in [
        "instructions: [{ stub: x, save: { y: res.nope } }], next: b",
        "transitions: [{ to: b, poll: { stub: x }, set: { y: res.nope } }]",
        "instructions: [{ stub: x, save: { z: res } }, { stub: 'y ${z.nope}' }], next: b",
    ] {
        task(&format!(
            "
        start_state: a
        final_state: b
        states:
          a: {{ {yaml} }}
          b:
        "
        ))
        .answer("states.a.instructions[0]", json!({ "id": 1 }))
        .answer("states.a.transitions[0].poll", json!({ "id": 1 }))
        .run()
        .ends(Outcome::Error, ErrorKind::Script, "nope");
    }
    let ran = task(
        "
        start_state: a
        final_state: a
        states:
          a: { instructions: [{ stub: x, save: { y: res.nope ?? 5 } }] }
        ",
    )
    .answer("states.a.instructions[0]", json!({ "id": 1 }))
    .run();
    ran.passes();
    assert_eq!(ran.value("y"), Some(&json!(5)));
}

#[test]
fn a_path_looks_into_the_body() {
    let ran = task(
        "
        start_state: a
        final_state: a
        states:
          a: { instructions: [{ stub: x, save: { skus: '$.lines[*].sku', first: '$.lines[0].sku' } }] }
        ",
    )
    .answer(
        "states.a.instructions[0]",
        json!({ "body": { "lines": [{ "sku": "A" }, { "sku": "B" }] } }),
    )
    .run();
    ran.passes();
    assert_eq!(ran.value("skus"), Some(&json!(["A", "B"])));
    assert_eq!(ran.value("first"), Some(&json!("A")));
}

#[test]
fn chance_is_the_same_in_every_run_and_another_one_at_every_call() {
    let run = || {
        task(
            "
        vars: { id: '${uuid()}' }
        start_state: a
        final_state: b
        states:
          a:
            instructions: [{ save: { one: uuid() } }, { eval: uuid(), for_each: [1, 2], save: { more: res } }]
            next: b
          b:
        ",
        )
        .run()
    };
    let (first, second) = (run(), run());
    let values: Vec<_> = ["id", "one", "more"].map(|name| first.value(name)).into();
    assert!(values.iter().all(Option::is_some));
    assert_eq!(values, ["id", "one", "more"].map(|name| second.value(name)));
    let more = values[2].unwrap();
    assert_ne!(more[0], more[1]);
    assert_ne!(values[0], values[1]);
}

#[test]
fn times_and_durations_keep_their_type_wherever_a_value_goes() {
    let ran = task(
        "
        vars: { began: '${now()}', limits: { short: [\"${duration('1s')}\"], text: 1s }, later: \"${began + duration('1h')}\" }
        start_state: s
        final_state: s
        states:
          s:
            instructions:
              - expect:
                  - now() - began < duration('1s')
                  - limits.short[0] < duration('1m')
                  - limits.text == '1s'
                  - later - began == duration('1h')
              - for_each: '[began, later]'
                eval: item - began
                save: { waits: res, longest: max(res) }
                expect: res == [duration('0s'), duration('1h')]
              - for_each: ['${later}']
                eval: type_of(item)
                expect: res == ['time']
              - parallel:
                  - eval: duration('2s')
                  - eval: now()
                save: { both: res }
                expect: [\"res[0] > duration('1s')\", 'res[1] >= began']
        ",
    )
    .run();
    ran.passes();
    let types = |wanted: &str| {
        ran.facts.iter().rev().find_map(|(_, fact)| match fact {
            Fact::VariableSaved { name, types, .. } if &**name == wanted => {
                Some(serde_json::to_value(types).unwrap())
            }
            _ => None,
        })
    };
    assert_eq!(types("began"), Some(json!({ "": "time" })));
    assert_eq!(types("limits"), Some(json!({ "/short/0": "duration" })));
    assert_eq!(
        types("waits"),
        Some(json!({ "/0": "duration", "/1": "duration" }))
    );
    assert_eq!(types("longest"), Some(json!({ "": "duration" })));
    assert_eq!(
        types("both"),
        Some(json!({ "/0": "duration", "/1": "time" }))
    );
}

#[test]
fn a_checkpoint_gives_back_what_was_saved() {
    let mut checkpoint = Checkpoint::default();
    for line in [
        r#"{"kind":"variable_saved","name":"old","value":"2026-11-24T10:00:00Z"}"#,
        r#"{"kind":"variable_saved","name":"at","value":"2026-11-24T10:00:00Z","types":{"":"time"}}"#,
        r#"{"kind":"variable_saved","name":"raw","value":{"x":["/w=="]},"types":{"/x/0":"bytes"}}"#,
        r#"{"kind":"deferred","place":{"file":"t","path":"p","start":{"line":1,"column":1},"end":{"line":1,"column":2}},"item":"5s","types":{"":"duration"}}"#,
    ] {
        let fact: Fact = serde_json::from_str(line).unwrap();
        assert_eq!(
            serde_json::to_string(&fact).unwrap().contains("types"),
            line.contains("types")
        );
        checkpoint.apply(crate::event::ROOT, &fact);
    }
    let types: Vec<_> = (checkpoint.vars.iter())
        .map(|(name, value)| (&**name, value.type_name()))
        .collect();
    assert_eq!(types, [("old", "text"), ("at", "time"), ("raw", "map")]);
    let raw = checkpoint.vars[2].1.member("x").as_list().unwrap();
    assert_eq!(raw[0].as_bytes().as_deref(), Some(&[0xff][..]));
    let item = checkpoint.deferred[0].item.as_ref().unwrap();
    assert_eq!(item.type_name(), "duration");
}
