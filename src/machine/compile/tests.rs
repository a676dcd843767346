//! Tasks with one mistake each: exactly one diagnostic, at the right place, with a hint that helps.

use super::effort;
use crate::definition::{Diagnostic, Severity};
use crate::event::{Name, Pos, Span};
use crate::machine::tests::{machine, whole, with_room};
use serde_json::json;

/// Takes the marks `«` and `»` out of a task; they stand around what the diagnostic must point at.
fn unmarked(yaml: &str) -> (String, Span) {
    let (mut text, mut span) = (String::new(), Span::default());
    let mut at = Pos { line: 1, column: 1 };
    for c in yaml.chars() {
        match c {
            '«' => span.start = at,
            '»' => span.end = at,
            '\n' => {
                at.line += 1;
                at.column = 1;
                text.push(c);
            }
            _ => {
                at.column += 1;
                text.push(c);
            }
        }
    }
    (text, span)
}

fn found(text: &str) -> Vec<Diagnostic> {
    with_room(|| match machine(text, &[(Name::from("given"), json!(1))]) {
        Ok((_, warnings)) => warnings,
        Err(diagnostics) => diagnostics,
    })
}

#[track_caller]
fn has(severity: Severity, code: &str, hint: &str, yaml: &str) {
    let (text, span) = unmarked(&whole(yaml));
    let found = found(&text);
    let [one] = &found[..] else {
        panic!("not one diagnostic, but {}:\n{found:#?}", found.len());
    };
    assert_eq!(
        (one.severity, one.code, one.span),
        (severity, code, span),
        "{one:#?}"
    );
    let given = one.hint.as_deref().unwrap_or_default();
    assert!(given.contains(hint), "{given}");
    assert!(!one.message.is_empty() && !one.message.ends_with('.'));
}

#[track_caller]
fn error(code: &str, hint: &str, yaml: &str) {
    has(Severity::Error, code, hint, yaml);
}

#[track_caller]
fn warning(code: &str, hint: &str, yaml: &str) {
    has(Severity::Warning, code, hint, yaml);
}

/// No mistake, so nothing to say.
#[track_caller]
fn right(yaml: &str) {
    let found = found(&whole(yaml));
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_right_task_has_no_diagnostics() {
    right(
        "
        vars: { n: 1 }
        params: [who]
        clients: { shop: { stub: { url: 'x${n}' } } }
        listen: { mail: { stub: '${who} ${given}' } }
        start_state: a
        final_state: done
        states:
          a:
            instructions:
              - { shop: buy, save: { id: res.id }, expect: res.id > n, defer: { shop: 'drop ${id}' } }
              - { for_each: [1, 2], stub: '${item}', retry: { max_attempts: 2, if: 'res == 1 || error.kind == \"x\"' } }
            transitions:
              - { to: done, subscribe: mail, when: res.id == id, set: { got: res.id } }
              - { to: done, poll: { shop: look }, every: 1s, fail_when: attempt > 9, set: { got: '1' } }
              - { fail_when: res == 3, subscribe: mail }
            on_error: [{ kind: transport, to: done, set: { got: '0' } }]
            on_timeout: { to: done, set: { got: n } }
          done: { instructions: [{ log: 'got ${got}' }] }
        outputs: { got: got }
        cleanup: [{ shop: 'tidy ${error.kind}' }]
        ",
    );
}

#[test]
fn an_unknown_target() {
    error(
        "unknown-state",
        "did you mean `done`?",
        "
        start_state: a
        final_state: done
        states:
          a: { transitions: [{ to: «doen», wait: 1s }, { to: done, wait: 2s }] }
          done:
        ",
    );
}

#[test]
fn an_unknown_target_beside_a_shared_strategy() {
    error(
        "unknown-state",
        "did you mean `done`?",
        "
        start_state: a
        final_state: done
        states:
          a: { poll: { stub: look }, transitions: [«doen»] }
          done:
        ",
    );
}

#[test]
fn an_unknown_start_and_an_unknown_final_state() {
    error(
        "unknown-state",
        "did you mean `a`?",
        "
        start_state: «A»
        final_state: a
        states: { a: }
        ",
    );
    error(
        "unknown-state",
        "the states are alpha, beta",
        "
        start_state: alpha
        final_state: [beta, «omega»]
        states:
          alpha: { next: beta }
          beta:
        ",
    );
}

#[test]
fn an_unknown_route() {
    error(
        "unknown-state",
        "did you mean `done`?",
        "
        start_state: a
        final_state: done
        states:
          a: { next: done, on_error: «dome» }
          done:
        ",
    );
    error(
        "unknown-state",
        "did you mean `done`?",
        "
        start_state: a
        final_state: done
        states:
          a: { transitions: [{ to: done, wait: 1s }], on_timeout: { to: «dome» } }
          done:
        ",
    );
}

#[test]
fn an_unknown_client() {
    error(
        "unknown-client",
        "did you mean `shop`?",
        "
        clients: { shop: { stub: {} } }
        start_state: a
        final_state: a
        states:
          a: { instructions: [{ «shpo»: buy }, { shpo: again }] }
        ",
    );
    error(
        "unknown-client",
        "declare it under `clients:`",
        "
        start_state: a
        final_state: a
        states:
          a: { instructions: [{ «warehouse»: buy }] }
        ",
    );
}

#[test]
fn an_unknown_kind_of_client_also_of_one_that_nobody_uses() {
    error(
        "unknown-client",
        "did you mean `stub`?",
        "
        clients: { shop: { «stubb»: {} } }
        start_state: a
        final_state: a
        states: { a: }
        ",
    );
    error(
        "unknown-client",
        "did you mean `stub`?",
        "
        clients: { shop: { «stubb»: {} } }
        start_state: a
        final_state: a
        states: { a: { instructions: [{ shop: x }, { shop: y }] } }
        ",
    );
}

#[test]
fn an_unknown_variable() {
    error(
        "unknown-variable",
        "did you mean `order_id`?",
        "
        vars: { order_id: 1 }
        start_state: a
        final_state: done
        states:
          a: { transitions: [{ to: done, poll: { stub: x }, when: res.id == «ordr_id» }] }
          done:
        ",
    );
    error(
        "unknown-variable",
        "`--var`",
        "
        start_state: a
        final_state: a
        states:
          a: { instructions: [{ stub: 'buy ${«warehouse»}' }] }
        ",
    );
}

#[test]
fn an_unknown_variable_in_the_config_of_a_client() {
    error(
        "unknown-variable",
        "did you mean `host`?",
        "
        vars: { host: h }
        clients: { shop: { stub: { url: 'http://${«hsot»}/' } } }
        start_state: a
        final_state: a
        states: { a: { instructions: [{ shop: x, expect: res == 1 }, { shop: y }] } }
        ",
    );
}

#[test]
fn an_unknown_listen_entry() {
    error(
        "unknown-listen",
        "did you mean `mail`?",
        "
        listen: { mail: { stub: inbox } }
        start_state: a
        final_state: done
        states:
          a: { transitions: [{ to: done, subscribe: «mial» }] }
          done:
        ",
    );
    error(
        "unknown-listen",
        "declare it under `listen:`",
        "
        start_state: a
        final_state: done
        states:
          a: { transitions: [{ to: done, subscribe: «news» }] }
          done:
        ",
    );
}

#[test]
fn an_unknown_kind_of_error() {
    error(
        "error-kind",
        "did you mean `transport`?",
        "
        start_state: a
        final_state: done
        states:
          a: { next: done, on_error: [{ kind: «transprot», to: done }] }
          done:
        ",
    );
    error(
        "error-kind",
        "remove this entry",
        "
        start_state: a
        final_state: done
        states:
          a: { next: done, on_error: [{ kind: «lost», to: done }] }
          done:
        ",
    );
}

#[test]
fn an_expression_that_does_not_parse() {
    let (text, _) = unmarked(&whole(
        "
        start_state: a
        final_state: done
        states:
          a: { transitions: [{ to: done, poll: { stub: x }, when: res == }] }
          done:
        ",
    ));
    let found = found(&text);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].span.start.line, 5);
}

#[test]
fn an_unknown_function() {
    error(
        "unknown-function",
        "did you mean `contains`?",
        "
        start_state: a
        final_state: done
        states:
          a: { transitions: [{ to: done, poll: { stub: x }, when: '«contians»(res, 1)' }] }
          done:
        ",
    );
}

#[test]
fn an_unknown_service() {
    error(
        "unknown-service",
        "declare it in funcy.yaml, under `services:`",
        "
        clients: { shop: { stub: { url: '${«services.shop.url»}' } } }
        start_state: a
        final_state: a
        states: { a: }
        ",
    );
}

#[test]
fn a_path_into_a_result_where_there_is_none() {
    error(
        "no-result",
        "`res` is the result",
        "
        start_state: a
        final_state: a
        states: { a: { instructions: [{ save: { x: «$.id» } }] } }
        ",
    );
}

#[test]
fn an_unreachable_state() {
    error(
        "unreachable",
        "name it in the `transitions`",
        "
        start_state: a
        final_state: done
        states:
          a: { next: done }
          «b»: { next: done }
          done:
        ",
    );
}

/// A task of many states, made of what each of them holds.
fn many(count: usize, state: impl Fn(usize) -> String) -> String {
    let states: String = (0..count).map(state).collect();
    whole(&format!(
        "start_state: s0\nfinal_state: end\nstates:\n{states}  end: {{}}\n"
    ))
}

/// How often the analyses look at a state of a task.
fn looks(text: &str) -> u64 {
    with_room(|| effort::of(|| drop(machine(text, &[]))).1)
}

/// One state of a shape: its number, and the name of the next.
type Shape = fn(usize, String) -> String;

#[test]
fn the_effort_grows_with_the_number_of_states_alone() {
    let next = |index: usize, count: usize| match index + 1 {
        last if last == count => "end".to_owned(),
        next => format!("s{next}"),
    };
    let shapes: [(&str, Shape); 6] = [
        ("ways part and meet again", |index, next| match index % 3 {
            0 => format!(
                "  s{index}: {{ instructions: [{{ log: hi }}], transitions: [{{ to: {next}, when: attempt > 1 }}, {{ to: s{} }}] }}\n",
                index + 2
            ),
            1 => format!(
                "  s{index}: {{ instructions: [{{ eval: 1, save: {{ x{}: res }} }}], next: {next} }}\n",
                index % 32
            ),
            _ => format!("  s{index}: {{ instructions: [{{ log: '${{x1}}' }}], next: {next} }}\n"),
        }),
        ("nothing is done on the way", |index, next| {
            format!("  s{index}: {{ next: {next} }}\n")
        }),
        ("each state saves what the next reads", |index, next| {
            let before = index.saturating_sub(1);
            format!(
                "  s{index}: {{ instructions: [{{ eval: x{before} ?? 1, save: {{ x{index}: res }} }}], next: {next} }}\n"
            )
        }),
        ("each has two ways", |index, next| {
            format!(
                "  s{index}: {{ instructions: [{{ log: hi }}], transitions: [{{ to: {next}, when: attempt > 1 }}, {{ to: {next} }}] }}\n"
            )
        }),
        ("guards that guard nothing", |index, next| {
            format!(
                "  s{index}: {{ transition_condition: {{ when: attempt > 1 }}, transitions: [{{ to: {next}, when: true }}] }}\n"
            )
        }),
        ("none can be reached", |index, _| {
            format!("  s{index}: {{ next: end }}\n")
        }),
    ];
    for (shape, state) in shapes {
        let [few, all] = [2_100, 21_000]
            .map(|count| looks(&many(count, |index| state(index, next(index, count)))));
        assert!(few >= 2_100, "{shape}: {few}");
        assert!(all <= 11 * few, "{shape}: {few} looks, then {all}");
    }
}

#[test]
fn what_hangs_behind_an_unreachable_state_is_not_said_again() {
    // `c` leads to `b`, which stands before it.
    error(
        "unreachable",
        "name it in the `transitions`",
        "
        start_state: a
        final_state: done
        states:
          a: { next: done }
          b: { next: done }
          «c»: { next: b }
          done:
        ",
    );
    // A circle that nothing leads into has no beginning: the first of it is named.
    error(
        "unreachable",
        "name it in the `transitions`",
        "
        start_state: a
        final_state: done
        states:
          a: { next: done }
          «b»: { next: c }
          c: { transitions: [{ to: b, wait: 1s }] }
          done:
        ",
    );
}

#[test]
fn a_state_reached_by_a_route_alone_is_reached() {
    right(
        "
        start_state: a
        final_state: done
        states:
          a: { transitions: [{ to: done, wait: 1s }], on_timeout: late, on_error: broken }
          late: { next: done }
          broken: { fail: 'broken' }
          done:
        ",
    );
}

#[test]
fn a_state_from_which_no_end_can_be_reached() {
    error(
        "no-end",
        "add a transition to a final or `fail` state",
        "
        start_state: a
        final_state: done
        states:
          a: { transitions: [{ to: b, wait: 1s }, { to: done, wait: 2s }] }
          «b»: { transitions: [{ to: c, wait: 1s }] }
          c: { transitions: [{ to: b, wait: 1s }] }
          done:
        ",
    );
}

#[test]
fn a_loop_that_nothing_leaves_or_slows_down() {
    error(
        "spinning",
        "`when` or a strategy",
        "
        start_state: a
        final_state: done
        states:
          «a»: { next: b }
          b: { next: a, on_error: done }
          done:
        ",
    );
    right(
        "
        start_state: a
        final_state: done
        states:
          a: { instructions: [{ stub: x }], next: b }
          b: { next: a, on_error: done }
          done:
        ",
    );
}

#[test]
fn what_stands_behind_an_unconditional_transition() {
    error(
        "dead-transition",
        "give the transition to `b` a `when` or a strategy",
        "
        start_state: a
        final_state: [b, c]
        states:
          a: { transitions: [b, «{ to: c, wait: 1s }»] }
          b:
          c:
        ",
    );
    // A strategy does not even start where a transition is taken at once.
    error(
        "dead-transition",
        "give the transition to `b` a `when` or a strategy",
        "
        start_state: a
        final_state: [b, c]
        states:
          a: { transitions: [«{ to: c, wait: 1s }», b] }
          b:
          c:
        ",
    );
}

#[test]
fn what_stands_behind_a_transition_that_takes_every_result() {
    error(
        "dead-transition",
        "give the transition to `b` a `when`",
        "
        start_state: a
        final_state: [b, c]
        states:
          a:
            poll: { stub: x }
            transitions: [b, «{ to: c, when: res == 1 }»]
          b:
          c:
        ",
    );
    right(
        "
        start_state: a
        final_state: [b, c]
        states:
          a:
            subscribe: { stub: x }
            transitions: [{ to: b, count: 2 }, { to: c, when: res == 1 }]
          b:
          c:
        ",
    );
}

#[test]
fn what_stands_behind_a_route_for_the_same_errors() {
    let task = |routes: &str| {
        format!(
            "
        start_state: a
        final_state: b
        states:
          a:
            instructions: [{{ stub: x }}]
            next: b
            on_error: [{routes}]
          b:
        "
        )
    };
    for routes in [
        "{ to: b }, «{ kind: expect, to: b }», { kind: script, to: b }",
        "{ kind: expect, to: b }, «{ kind: expect, to: b }»",
        "{ to: b }, «{ to: b }»",
    ] {
        error("dead-route", "without a `kind` last", &task(routes));
    }
    right(&task(
        "{ kind: expect, to: b }, { kind: script, to: b }, { to: b }",
    ));
}

#[test]
fn a_wait_that_is_not_shorter_than_the_timeout() {
    error(
        "endless-wait",
        "raise the state's `timeout`",
        "
        start_state: a
        final_state: b
        states:
          a: { timeout: 2s, transitions: [{ to: b, «wait»: 2s }] }
          b:
        ",
    );
    error(
        "endless-wait",
        "raise the state's `timeout`",
        "
        start_state: a
        final_state: b
        states:
          a: { transitions: [{ to: b, all: { one: { «wait»: 1m } } }] }
          b:
        ",
    );
}

#[test]
fn a_wait_at_a_target_is_one_mistake_however_many_use_it() {
    error(
        "endless-wait",
        "raise the state's `timeout`",
        "
        start_state: a
        final_state: b
        states:
          a: { transitions: [b, { to: c, wait: 1s }] }
          c: { transitions: [b] }
          b:
            transition_condition: { «wait»: 1m }
        ",
    );
}

#[test]
fn one_mistake_in_a_transition_condition_is_one_diagnostic() {
    error(
        "unknown-variable",
        "did you mean `total`?",
        "
        vars: { total: 1 }
        start_state: a
        final_state: b
        states:
          a: { transitions: [b, { to: c, wait: 1s }] }
          c: { transitions: [b] }
          b:
            transition_condition: { poll: { stub: x }, when: res == «totl» }
        ",
    );
}

#[test]
fn a_transition_condition_that_guards_nothing() {
    warning(
        "unused-condition",
        "does not guard the start",
        "
        start_state: a
        final_state: b
        states:
          a:
            transition_condition: «{ wait: 1s }»
            next: b
          b:
        ",
    );
    warning(
        "unused-condition",
        "brings its own",
        "
        start_state: a
        final_state: b
        states:
          a: { transitions: [{ to: b, wait: 2s }] }
          b:
            transition_condition: «{ wait: 1s }»
        ",
    );
}

#[test]
fn its_mistakes_are_found_all_the_same() {
    let (text, _) = unmarked(&whole(
        "
        start_state: a
        final_state: b
        states:
          a: { transitions: [{ to: b, wait: 2s }] }
          b:
            transition_condition: { poll: { shpo: x } }
        ",
    ));
    let codes: Vec<_> = found(&text).iter().map(|one| one.code).collect();
    assert_eq!(codes, ["unknown-client"]);
}

#[test]
fn a_when_that_leads_nowhere() {
    error(
        "no-target",
        "`to: STATE`",
        "
        start_state: a
        final_state: b
        states:
          a:
            transitions:
              - { to: b, wait: 1s }
              - { poll: { stub: x }, when: «res == 1», fail_when: res == 2 }
          b:
        ",
    );
}

#[test]
fn a_watch_that_watches_for_nothing() {
    error(
        "missing-key",
        "only a watch with `fail_when` goes nowhere",
        "
        start_state: a
        final_state: b
        states:
          a:
            transitions:
              - { to: b, wait: 1s }
              - { «poll»: { stub: x } }
          b:
        ",
    );
}

#[test]
fn a_final_state_with_transitions() {
    error(
        "final-ways",
        "a final state ends the task",
        "
        start_state: a
        final_state: [a, b]
        states:
          a: { transitions: [«b»] }
          b:
        ",
    );
}

#[test]
fn a_final_state_that_fails() {
    error(
        "final-fail",
        "a final state passes the task",
        "
        start_state: a
        final_state: [a, b]
        states:
          a: { instructions: [{ stub: x }], on_error: b }
          «b»: { fail: 'no' }
        ",
    );
}

#[test]
fn a_state_without_a_way_out() {
    error(
        "no-way-out",
        "`final_state`",
        "
        start_state: a
        final_state: done
        states:
          a: { transitions: [{ to: done, wait: 1s }, { to: b, wait: 2s }] }
          «b»: { instructions: [{ stub: x }] }
          done:
        ",
    );
}

#[test]
fn a_strategy_that_no_transition_uses() {
    error(
        "unused-strategy",
        "without a strategy of its own",
        "
        start_state: a
        final_state: b
        states:
          a:
            «poll»: { stub: x }
            transitions: [{ to: b, wait: 1s }]
          b:
        ",
    );
}

#[test]
fn res_where_there_is_none() {
    for yaml in [
        "a: { transitions: [{ to: b, when: «res».ok }] }",
        "a: { instructions: [{ expect: «res» == 1 }], next: b }",
        "a: { instructions: [{ stub: x, if: «res» == 1 }], next: b }",
        "a: { instructions: [{ stub: 'x ${«res»}' }], next: b }",
        "a: { transitions: [{ to: b, wait: 1s, when: «res» == 1 }] }",
        "a: { wait: 1s, transitions: [{ to: b, when: «res» == 1 }] }",
        "a: { transitions: [{ to: b, wait: 1s, set: { x: «res» } }] }",
        "a: { transitions: [{ to: b, all: { one: { poll: { stub: x } } }, set: { x: «res» } }] }",
        "a: { transitions: [{ to: b, all: { one: { poll: { stub: x } }, two: { when: «res» == 1 } } }] }",
        "a: { next: b, on_error: { to: b, set: { x: «res» } } }",
    ] {
        error(
            "no-result",
            "`res` is the result of an instruction or strategy",
            &format!(
                "
        start_state: a
        final_state: b
        states:
          {yaml}
          b:
        "
            ),
        );
    }
    error(
        "no-result",
        "`res` is the result",
        "
        start_state: a
        final_state: a
        states: { a: }
        outputs: { x: «res» }
        ",
    );
    error(
        "no-result",
        "`res` is the result",
        "
        clients: { shop: { stub: { url: '${«res»}' } } }
        start_state: a
        final_state: a
        states: { a: { instructions: [{ stub: x, defer: { shop: y } }] } }
        ",
    );
}

#[test]
fn res_where_there_is_one() {
    right(
        "
        start_state: a
        final_state: b
        states:
          a:
            instructions:
              - { stub: x, expect: res == 1, defer: { stub: 'undo ${res}', expect: res == 2 } }
              - { eval: 1 + 1, save: { y: res } }
            transitions:
              - { to: b, all: { one: { poll: { stub: x }, when: res == 1, set: { z: res } } } }
              - { to: b, subscribe: { signal: go }, when: res.body == 1 }
          b:
        ",
    );
}

#[test]
fn item_outside_of_for_each() {
    for yaml in [
        "{ stub: 'x ${«item»}' }",
        "{ stub: x, for_each: [1], expect: «item» == 1 }",
        "{ stub: x, if: «item» == 1, for_each: [1] }",
        "{ stub: x, for_each: '[«item»]' }",
    ] {
        error(
            "unknown-variable",
            "`item` exists inside `for_each` only",
            &format!(
                "
        start_state: a
        final_state: a
        states:
          a: {{ instructions: [{yaml}] }}
        "
            ),
        );
    }
}

#[test]
fn a_polled_loop() {
    error(
        "polled-instruction",
        "`eval`",
        "
        start_state: a
        final_state: b
        states:
          a:
            transitions:
              - to: b
                poll:
                  stub: x
                  «for_each»: [1, 2]
          b:
        ",
    );
    error(
        "polled-instruction",
        "poll a client's request, or an `eval`",
        "
        start_state: a
        final_state: b
        states:
          a:
            transitions:
              - to: b
                poll: { «log»: x }
          b:
        ",
    );
}

#[test]
fn a_variable_that_some_path_reads_before_it_was_saved() {
    let hint = "give `id` a first value under `vars:`";
    for reads in [
        "instructions: [{ stub: 'x ${«id»}' }], next: done",
        "instructions: [{ stub: x, expect: «id» == 1 }], next: done",
        "transitions: [{ to: done, when: «id» == 1 }]",
        "transitions: [{ to: done, poll: { stub: 'x ${«id»}' } }]",
        "transitions: [{ to: done, poll: { stub: x }, when: «id» == res }]",
        "transitions: [{ to: done, subscribe: { stub: 'x ${«id»}' } }]",
        "transitions: [{ to: done, all: { one: { poll: { stub: x }, when: «id» == res } } }]",
        "transitions: [{ to: done, wait: 1s, set: { other: «id» } }]",
        "transitions: [{ to: done, wait: '${«id»}' }]",
        "transitions: [{ to: done, wait: 1s }], on_timeout: { to: done, set: { other: «id» } }",
        "next: done, on_error: { to: done, set: { other: «id» } }",
        "fail: 'id ${«id»}'",
    ] {
        warning(
            "unsaved-variable",
            hint,
            &format!(
                "
        start_state: a
        final_state: done
        states:
          a:
            instructions: [{{ stub: x, save: {{ id: res }} }}]
            transitions: [{{ to: done, wait: 1s }}, {{ to: b, wait: 2s }}]
            on_error: b
          b: {{ {reads} }}
          done:
        "
            ),
        );
    }
}

#[test]
fn a_secret_that_is_hidden_as_a_word_only() {
    warning(
        "short-secret",
        "a longer value is hidden everywhere",
        "
        secrets: { pin: «ab12» }
        start_state: done
        final_state: done
        states: { done: }
        ",
    );
}

#[test]
fn an_output_that_some_path_does_not_save() {
    warning(
        "unsaved-variable",
        "give `id` a first value",
        "
        start_state: a
        final_state: done
        states:
          a:
            instructions: [{ stub: x, save: { id: res } }]
            next: done
            on_error: done
          done:
        outputs: { id: «id» }
        ",
    );
}

#[test]
fn an_instruction_that_reads_what_it_saves() {
    warning(
        "unsaved-variable",
        "give `page` a first value",
        "
        start_state: a
        final_state: a
        states:
          a: { instructions: [{ stub: 'page ${«page»}', save: { page: res.next } }] }
        ",
    );
    right(
        "
        start_state: a
        final_state: a
        states:
          a:
            instructions:
              - { stub: x, save: { one: res, two: one + 1 }, expect: two == one + 1, defer: { stub: 'drop ${one}' } }
        ",
    );
}

#[test]
fn a_variable_of_a_client_that_is_saved_too_late() {
    warning(
        "unsaved-variable",
        "give `token` a first value",
        "
        clients: { shop: { stub: { token: '${«token»}' } } }
        start_state: a
        final_state: a
        states:
          a: { instructions: [{ shop: x }, { shop: y, save: { token: res } }] }
        ",
    );
    right(
        "
        clients: { shop: { stub: { token: '${token}' } } }
        start_state: a
        final_state: a
        states:
          a: { instructions: [{ stub: login, save: { token: res } }, { shop: y }] }
        ",
    );
}

#[test]
fn a_variable_that_is_declared_later() {
    warning(
        "unsaved-variable",
        "above",
        "
        vars: { a: '${«b»}', b: 1 }
        start_state: s
        final_state: s
        states: { s: }
        ",
    );
}

#[test]
fn a_subscription_that_can_miss_messages() {
    warning(
        "late-subscription",
        "`listen`",
        "
        start_state: a
        final_state: b
        states:
          a:
            instructions: [{ stub: order, save: { id: res } }]
            transitions: [{ to: b, subscribe: { stub: 'orders.${«id»}' } }]
          b:
        ",
    );
}

#[test]
fn a_name_that_two_branches_save() {
    error(
        "saved-twice",
        "give each its own name",
        "
        start_state: a
        final_state: a
        states:
          a:
            instructions:
              - parallel:
                  - { stub: x, save: { id: res, id2: res } }
                  - { stub: y, save: { «id»: res } }
        ",
    );
    error(
        "saved-twice",
        "give each its own name",
        "
        start_state: a
        final_state: a
        states:
          a:
            instructions:
              - parallel:
                  - { stub: x, save: { id: res } }
                  - parallel: [{ stub: y, save: { «id»: res } }]
        ",
    );
}

#[test]
fn a_client_without_subscriptions() {
    error(
        "no-source",
        "use `poll`",
        "
        start_state: a
        final_state: b
        states:
          a: { transitions: [{ to: b, subscribe: { «mute»: x } }] }
          b:
        ",
    );
}

#[test]
fn a_misspelt_final_state_is_one_mistake() {
    error(
        "unknown-state",
        "did you mean `done`?",
        "
        start_state: a
        final_state: «don»
        states: { a: { next: done }, done: }
        ",
    );
}

#[test]
fn two_mistakes_are_two_diagnostics_in_the_order_of_the_file() {
    let (text, _) = unmarked(&whole(
        "
        start_state: a
        final_state: done
        states:
          a: { instructions: [{ shpo: x }], transitions: [{ to: doen, wait: 1s }, { to: done, when: nope }] }
          done:
        ",
    ));
    let codes: Vec<_> = found(&text).iter().map(|one| one.code).collect();
    assert_eq!(
        codes,
        ["unknown-client", "unknown-state", "unknown-variable"]
    );
}

#[test]
fn a_template_in_a_key_that_is_taken_as_it_is() {
    for (vars, request) in [
        ("{}", "{ env: { «${x}»: 1 } }"),
        ("{}", "{ json: 1, a«${x}»b: 1 }"),
        ("{ m: { a: [{ «${x}»: 1 }] } }", "{ json: 1 }"),
    ] {
        error(
            "template-in-key",
            "`json`, `form`",
            &format!(
                "
                vars: {vars}
                start_state: a
                final_state: a
                states:
                  a:
                    instructions:
                      - site: {request}
                "
            )
            .replace("«${x}»", "\"«${x}»\"")
            .replace("a\"«${x}»\"b", "\"a«${x}»b\""),
        );
    }
    error(
        "template-in-name",
        "write the name itself",
        "
        vars: { '«${x}»': 1 }
        start_state: a
        final_state: a
        states: { a: }
        ",
    );
    right(
        "
        vars: { k: 1 }
        start_state: a
        final_state: a
        states: { a: { instructions: [{ site: { json: { '${k}': { 'x${k}': 1 } } } }] } }
        ",
    );
}

#[test]
fn a_query_that_is_one_value() {
    warning(
        "doubtful",
        "`?${raw(q)}`",
        "
        vars: { q: a=1 }
        clients: { site2: { site: { url: 'http://h/?${raw(q)}' } } }
        start_state: a
        final_state: a
        states: { a: { instructions: [{ site: { url: '/x?${«q»}' } }] } }
        ",
    );
}
