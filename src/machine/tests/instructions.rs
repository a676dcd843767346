//! Instructions: `if`, `for_each`, `parallel`, `eval`.

use super::task;
use crate::event::{ErrorKind, Outcome};
use serde_json::json;

const PATH: &str = "states.a.instructions[0]";

#[test]
fn it_is_left_out_unless_its_if_holds() {
    task(
        "
        vars: { n: 1 }
        start_state: a
        final_state: a
        states:
          a:
            instructions:
              - { stub: no, if: n == 2, save: { x: res }, defer: { stub: undo } }
              - { stub: yes, if: n == 1 }
        ",
    )
    .answer("states.a.instructions[1]", json!(1))
    .run()
    .passes()
    .shows(
        "skip start save defer",
        "save n 1\nskip states.a.instructions[0]\nstart yes",
    );
}

#[test]
fn without_a_client_expect_and_save_look_at_the_variables() {
    let ran = task(
        "
        vars: { n: 1 }
        start_state: a
        final_state: a
        states:
          a: { instructions: [{ save: { m: n + 1 }, expect: m == 2 }] }
        ",
    )
    .run();
    ran.passes();
    assert_eq!(ran.value("m"), Some(&json!(2)));
}

#[test]
fn eval_yields_the_value_of_a_script() {
    let ran = task(
        "
        vars: { n: 2 }
        start_state: a
        final_state: a
        states:
          a: { instructions: [{ eval: 'if n > 1 { n * 2 + 1 } else { 0 }', save: { got: res }, expect: res == 5 }] }
        ",
    )
    .run();
    ran.passes();
    assert_eq!(ran.value("got"), Some(&json!(5)));
}

#[test]
fn for_each_runs_one_after_the_other_and_keeps_the_order() {
    let ran = task(
        "
        start_state: a
        final_state: a
        states:
          a:
            instructions:
              - { stub: '${item}', for_each: [x, y, z], save: { got: res }, expect: res.len() == 3 }
        ",
    )
    .later(PATH, 30, json!("X"))
    .later(PATH, 20, json!("Y"))
    .later(PATH, 10, json!("Z"))
    .run();
    ran.passes().shows_at(
        "end expect save",
        r#"
        30 end "X"
        50 end "Y"
        60 end "Z"
        60 save got ["X","Y","Z"]
        60 expect true
        "#,
    );
}

#[test]
fn for_each_runs_as_many_at_once_as_it_may() {
    let ran = task(
        "
        vars: { list: [1, 2, 3, 4, 5] }
        start_state: a
        final_state: a
        states:
          a:
            instructions:
              - { stub: '${item}', for_each: list, concurrency: 2, save: { got: res } }
        ",
    )
    .later(PATH, 100, json!("1"))
    .later(PATH, 30, json!("2"))
    .later(PATH, 30, json!("3"))
    .later(PATH, 30, json!("4"))
    .later(PATH, 30, json!("5"))
    .run();
    ran.passes().shows_at(
        "end",
        r#"
            30 end "2"
            60 end "3"
            90 end "4"
            100 end "1"
            120 end "5"
            "#,
    );
    assert_eq!(ran.value("got"), Some(&json!(["1", "2", "3", "4", "5"])));
}

#[test]
fn timeout_and_retry_hold_for_each_item() {
    task(
        "
        start_state: a
        final_state: a
        states:
          a:
            instructions:
              - { stub: '${item}', for_each: [x, y], timeout: 100ms, retry: { max_attempts: 2, delay: 50ms } }
        ",
    )
    .later(PATH, 500, json!(1))
    .later(PATH, 80, json!(1))
    .later(PATH, 500, json!(1))
    .later(PATH, 80, json!(1))
    .run()
    .passes()
    .shows_at(
        "end",
        "100 end timeout\n230 end 1\n330 end timeout\n460 end 1",
    );
}

#[test]
fn the_first_item_that_fails_ends_the_loop() {
    task(
        "
        start_state: a
        final_state: a
        states:
          a: { instructions: [{ stub: '${item}', for_each: [x, y, z], save: { got: res } }] }
        ",
    )
    .answer(PATH, json!(1))
    .fails(PATH, 0, ErrorKind::Transport)
    .run()
    .ends(Outcome::Error, ErrorKind::Transport, "broken")
    .shows("end save", "end 1\nend transport");
}

#[test]
fn for_each_over_nothing_does_nothing() {
    let ran = task(
        "
        vars: { list: [] }
        start_state: a
        final_state: a
        states:
          a: { instructions: [{ stub: x, for_each: list, save: { got: res } }] }
        ",
    )
    .run();
    ran.passes().shows("start", "");
    assert_eq!(ran.value("got"), Some(&json!([])));
}

#[test]
fn for_each_needs_a_list() {
    task(
        "
        vars: { list: five }
        start_state: a
        final_state: a
        states:
          a: { instructions: [{ stub: x, for_each: list }] }
        ",
    )
    .run()
    .ends(
        Outcome::Error,
        ErrorKind::Script,
        "`for_each` needs a list, this is \"five\"",
    );
}

#[test]
fn a_parallel_starts_all_at_once_and_keeps_the_order_of_results() {
    let ran = task(
        "
        start_state: a
        final_state: a
        states:
          a:
            instructions:
              - parallel:
                  - { stub: one, save: { x: res } }
                  - { stub: two, save: { y: res } }
                  - eval: 40 + 2
                save: { all: res }
        ",
    )
    .later("states.a.instructions[0].parallel[0]", 50, json!(1))
    .later("states.a.instructions[0].parallel[1]", 20, json!(2))
    .run();
    ran.passes().shows_at(
        "start end save",
        "
        0 start one
        0 start two
        20 end 2
        20 save y 2
        50 end 1
        50 save x 1
        50 save all [1,2,42]
        ",
    );
}

#[test]
fn the_first_failure_of_a_parallel_cancels_the_rest() {
    task(
        "
        start_state: a
        final_state: b
        states:
          a:
            instructions:
              - parallel: [{ stub: slow }, { stub: bad }, { stub: slower }]
            next: b
            on_error: c
          c: { transitions: [{ to: b, wait: 1s }] }
          b:
        ",
    )
    .later("states.a.instructions[0].parallel[0]", 500, json!(1))
    .fails(
        "states.a.instructions[0].parallel[1]",
        100,
        ErrorKind::Protocol,
    )
    .later("states.a.instructions[0].parallel[2]", 900, json!(1))
    .run()
    .passes()
    .shows_at(
        "end take",
        "100 end protocol\n100 take a → c\n1100 take c → b",
    );
}

#[test]
fn of_failures_at_the_same_time_the_one_written_first_counts() {
    task(
        "
        start_state: a
        final_state: a
        states:
          a: { instructions: [{ parallel: [{ stub: one }, { stub: two }] }] }
        ",
    )
    .fails(
        "states.a.instructions[0].parallel[0]",
        100,
        ErrorKind::Transport,
    )
    .fails(
        "states.a.instructions[0].parallel[1]",
        100,
        ErrorKind::Protocol,
    )
    .run()
    .ends(Outcome::Error, ErrorKind::Transport, "broken");
}

#[test]
fn a_parallel_in_a_loop_sees_its_item() {
    let ran = task(
        "
        start_state: a
        final_state: a
        states:
          a:
            instructions:
              - for_each: [1, 2]
                parallel: [{ eval: item * 10 }, { eval: item * 100 }]
                save: { got: res }
        ",
    )
    .run();
    ran.passes();
    assert_eq!(ran.value("got"), Some(&json!([[10, 100], [20, 200]])));
}

#[test]
fn the_config_of_a_client_may_hold_templates() {
    task(
        "
        vars: { host: h }
        clients: { shop: { stub: { url: 'http://${host}' } } }
        start_state: a
        final_state: a
        states:
          a: { instructions: [{ shop: buy }] }
        ",
    )
    .answer(PATH, json!(1))
    .run()
    .passes()
    .shows("start", "start buy");
}

#[test]
fn a_failure_tells_the_name_of_its_instruction() {
    let named = |what: &str| {
        let ran = task(&format!(
            "
            start_state: a
            final_state: b
            states:
              a: {{ instructions: [{{ name: look at the stock, stub: look, {what} }}], next: b }}
              b:
            "
        ))
        .answer("states.a.instructions[0]", json!({ "k": 1 }))
        .run();
        let headline = ran.verdict.headline.expect("a headline");
        (
            headline.what.as_deref().map(str::to_owned),
            headline.is_named,
        )
    };
    let name = (Some("look at the stock".to_owned()), true);
    assert_eq!(named("expect: res.k == 2"), name);
    assert_eq!(named("save: { id: res.id }"), name);
}

#[test]
fn a_loop_goes_through_ranges_and_numbers_with_an_index() {
    let looping = |items: &str| {
        task(&format!(
            "
            vars: {{ many: 2 }}
            start_state: a
            final_state: b
            states:
              a:
                instructions:
                  - {{ for_each: {items}, eval: item * 10 + index, save: {{ seen: res }} }}
                next: b
              b:
            "
        ))
        .run()
    };
    for (items, seen) in [
        ("1..=3", json!([10, 21, 32])),
        ("5..7", json!([50, 61])),
        ("3", json!([0, 11, 22])),
        ("many", json!([0, 11])),
        ("'[4, 5]'", json!([40, 51])),
        ("[4, 5]", json!([40, 51])),
        ("3..1", json!([])),
        ("0", json!([])),
    ] {
        let ran = looping(items);
        ran.passes();
        assert_eq!(ran.value("seen"), Some(&seen), "{items}");
    }
    looping("0..200_000").ends(
        Outcome::Error,
        ErrorKind::Resource,
        "a loop goes through at most 100000 items, this has 200000",
    );
    looping("'-1'").ends(
        Outcome::Error,
        ErrorKind::Script,
        "needs a list, this is -1",
    );
}

#[test]
fn a_defer_in_a_loop_keeps_its_index() {
    task(
        "
        start_state: a
        final_state: b
        states:
          a:
            instructions:
              - for_each: [x, y]
                stub: make
                defer: { log: '${item} ${index}' }
            next: b
          b:
        ",
    )
    .answer("states.a.instructions[0]", json!(1))
    .run()
    .passes()
    .shows("log", "log y 1\nlog x 0");
}
