use super::super::fixture::{
    FILE, ORDER, condition, explain, headline, not_shipped, place, span_in, unmet,
};
use super::*;
use crate::event::{ConditionStrategy, Json, Operand, OperandKind, Span};
use crate::report::status::Theme;
use crate::report::style::Color;
use serde_json::json;
use std::sync::Arc;

/// A failure with all that its text depends on.
struct Case {
    name: &'static str,
    headline: Headline,
    about: About,
    sources: Sources,
    style: Style,
}

impl Case {
    fn new(name: &'static str, outcome: Outcome, headline: Headline) -> Self {
        Self {
            name,
            headline,
            about: About {
                task: "order-ships".into(),
                case: None,
                outcome,
                attempt: 1,
                attempts: 1,
                requirements: Vec::new(),
                cleanup: Vec::new(),
                logs: Vec::new(),
                again: Some("funcy run tasks/order.yaml --from placed --context 7KP@30".to_owned()),
                trace: None,
            },
            sources: Sources(vec![(FILE.into(), ORDER.into())]),
            style: Style {
                color: Color::Never,
                unicode: true,
                width: 80,
            },
        }
    }

    fn width(mut self, width: usize) -> Self {
        self.style.width = width;
        self
    }

    fn text(&self, style: Style) -> String {
        failure(&self.headline, &self.about, &self.sources, style)
    }
}

fn failed(name: &'static str, headline: Headline) -> Case {
    Case::new(name, Outcome::Failed, headline)
}

/// An `expect` that is not met, alone in a file of its own.
fn alone(name: &'static str, expect: &str, build: impl Fn(&str) -> Explanation) -> Case {
    let file =
        format!("states:\n  check:\n    instructions:\n      - expect: {expect}\n    next: done\n");
    let explanation = build(&file);
    let at = Arc::new(Location {
        file: "tasks/check.yaml".into(),
        path: "states.check.instructions[0].expect".into(),
        span: span_in(&file, expect),
    });
    let mut unmet = headline(ErrorKind::Expect, "check", "an expectation was not met");
    unmet.explanations = vec![(at, explanation)];
    let mut case = failed(name, unmet);
    case.sources = Sources(vec![("tasks/check.yaml".into(), file.into())]);
    case.about.again = None;
    case
}

fn compared(
    name: &'static str,
    expect: &str,
    left: impl Into<Json>,
    right: impl Into<Json>,
) -> Case {
    let (left, right) = (left.into(), right.into());
    alone(name, expect, |file| {
        explain(file, expect, false)
            .compared(0, expect, false, left.clone(), right.clone())
            .done()
    })
}

fn no_message() -> Headline {
    let source = "when: |";
    let mut wait = condition(
        place("states.shipped.transition_condition", source),
        ConditionStrategy::Subscribe,
        0,
    );
    wait.last = None;
    Headline {
        attempts: 0,
        micros: 30_000_000,
        conditions: vec![wait],
        ..headline(
            ErrorKind::Timeout,
            "placed",
            "max_global_transition_timeout (30s) expired",
        )
    }
}

const BLOCK: &str = "let wanted = order_id;\n        res.body.order_id == wanted\n          && res.body.carrier != null";

fn other_messages() -> Headline {
    let explanation = explain(ORDER, BLOCK, false)
        .value(
            0,
            "res.body.order_id == wanted\n          && res.body.carrier != null",
            false,
        )
        .compared(1, "res.body.order_id == wanted", true, 7, 7)
        .compared(1, "res.body.carrier != null", false, Json::Null, Json::Null)
        .missing("res.body.carrier", Some("carrier_id"))
        .done();
    let mut subscribed = condition(
        place("states.shipped.transition_condition.when", BLOCK),
        ConditionStrategy::Subscribe,
        3,
    );
    subscribed.last = Some("message on orders.7.shipped, 48 bytes".into());
    subscribed.values = vec![(6.into(), 2), (7.into(), 1)];
    subscribed.explanations = vec![explanation];
    Headline {
        attempts: 3,
        conditions: vec![subscribed],
        ..no_message()
    }
}

fn fail_when() -> Headline {
    let source = "res.status >= 500";
    let explanation = explain(ORDER, source, true)
        .compared(0, source, true, 503, 500)
        .done();
    Headline {
        attempts: 4,
        last: Some("GET http://127.0.0.1:7801/orders/7 → 503 in 2ms".into()),
        explanations: vec![(
            place("states.placed.transitions[2].fail_when", source),
            explanation,
        )],
        ..headline(
            ErrorKind::Condition,
            "placed",
            "fail_when held at attempt 4",
        )
    }
}

fn two_conditions() -> Headline {
    let source = "res.body.status in ['rejected', 'lost']";
    let mut rejected = condition(
        place("states.placed.transitions[1].when", source),
        ConditionStrategy::Poll,
        38,
    );
    rejected.to = Some("rejected".into());
    rejected.explanations = vec![
        explain(ORDER, source, false)
            .compared(0, source, false, "packed", json!(["rejected", "lost"]))
            .done(),
    ];
    let mut timer = condition(
        place("states.placed.transitions[3]", "every: 500ms"),
        ConditionStrategy::Wait,
        0,
    );
    timer.to = None;
    let mut both = not_shipped();
    both.conditions.push(rejected);
    both.conditions.push(timer);
    both
}

fn refused() -> Headline {
    let mut refused = headline(
        ErrorKind::Transport,
        "place",
        "cannot connect to 127.0.0.1:7801: connection refused",
    );
    refused.place = Some(place(
        "states.place.instructions[0]",
        "shop:\n          post",
    ));
    refused.what = Some("POST /orders".into());
    refused.failure.hint =
        Some("is the service started? `services:` in funcy.yaml can start it".to_owned());
    refused.failure.again = Some("curl -sS -X POST http://127.0.0.1:7801/orders".to_owned());
    refused
}

fn only_trouble() -> Headline {
    let mut timeout = not_shipped();
    let state = &mut timeout.conditions[0];
    state.values.clear();
    state.explanations.clear();
    state.last = None;
    state.trouble = Some(
        Failure::transport("cannot connect to 127.0.0.1:7801: connection refused")
            .hint("is the service started?"),
    );
    timeout
}

fn cleanup() -> Headline {
    Headline {
        place: Some(place("cleanup[0]", "GET /orders/${order_id}")),
        what: Some("DELETE /orders/7".into()),
        ..headline(ErrorKind::Expect, "shipped", "answered 500, expected 204")
    }
}

fn script_error() -> Headline {
    Headline {
        place: Some(place(
            "states.placed.transitions[0].when",
            "res.body.total == total",
        )),
        ..headline(
            ErrorKind::Script,
            "placed",
            "cannot compare a text with a number: \"3\" < 3\nin call to function 'total' (scripts/money.rhai:4:7)",
        )
    }
}

fn looped() -> Headline {
    let mut limit = headline(
        ErrorKind::Limit,
        "placed",
        "state placed was entered 1001 times, and max_visits is 1000: placed → rejected → placed",
    );
    limit.place = Some(place("states.placed", "placed:\n"));
    limit.failure.hint = Some("raise max_visits, or let a condition wait".to_owned());
    limit
}

fn cases() -> Vec<Case> {
    let mut cases = timeouts();
    cases.extend(expectations());
    cases.extend(comparisons());
    cases.extend(ends());
    cases.extend(looks());
    cases
}

fn timeouts() -> Vec<Case> {
    let timed_out = |name, headline| Case::new(name, Outcome::TimedOut, headline);
    let mut without_source = timed_out("timeout_without_source", not_shipped());
    without_source.sources = Sources::default();
    let mut many_values = not_shipped();
    many_values.conditions[0].values = (0..8)
        .map(|n| (json!(format!("step {n}")), n + 1))
        .collect();
    many_values.conditions[0].more_values = 12;
    vec![
        timed_out("poll_timeout", not_shipped()),
        timed_out("poll_timeout_with_many_values", many_values),
        timed_out("poll_timeout_with_transport_trouble_only", only_trouble()),
        timed_out("subscribe_timeout_without_message", no_message()),
        timed_out("subscribe_timeout_with_other_messages", other_messages()),
        timed_out("three_conditions", two_conditions()).width(120),
        without_source,
    ]
}

fn expectations() -> Vec<Case> {
    let call = "one_of(res.body.status, ['new', 'placed'])";
    let either = "res.status == 200 || res.status == 201";
    let not = "!(res.body.closed || res.body.done)";
    let skipped = "res.status == 200 && res.body.items.len() == 3";
    let sum = "res.body.total == price * qty";
    vec![
        failed("two_expectations", unmet()),
        alone("call_with_its_arguments", call, |file| {
            explain(file, call, false)
                .value(0, call, false)
                .value(1, "res.body.status", "packed")
                .value(1, "['new', 'placed']", json!(["new", "placed"]))
                .done()
        }),
        alone("either", either, |file| {
            explain(file, either, false)
                .value(0, either, false)
                .compared(1, "res.status == 200", false, 500, 200)
                .compared(1, "res.status == 201", false, 500, 201)
                .done()
        }),
        alone("negation", not, |file| {
            explain(file, not, false)
                .value(0, not, false)
                .value(1, "(res.body.closed || res.body.done)", true)
                .value(2, "res.body.closed", false)
                .value(2, "res.body.done", true)
                .done()
        }),
        alone("not_evaluated", skipped, |file| {
            explain(file, skipped, false)
                .value(0, skipped, false)
                .compared(1, "res.status == 200", false, 500, 200)
                .skipped(1, "res.body.items.len() == 3")
                .done()
        }),
        alone("values_inside_an_operand", sum, |file| {
            explain(file, sum, false)
                .compared(0, sum, false, 99.5, 100.0)
                .value(1, "res.body.total", 99.5)
                .value(1, "price * qty", 100.0)
                .value(2, "price", 20.0)
                .value(2, "qty", 5)
                .done()
        }),
        alone("missing_member", "res.body.statuss == 'shipped'", |file| {
            let source = "res.body.statuss == 'shipped'";
            explain(file, source, false)
                .compared(0, source, false, Json::Null, "shipped")
                .missing("res.body.statuss", Some("status"))
                .done()
        }),
        alone("not_a_bool", "res.body.total", |file| {
            explain(file, "res.body.total", 99.5)
                .value(0, "res.body.total", 99.5)
                .done()
        }),
    ]
}

fn comparisons() -> Vec<Case> {
    let long_text = |end: &str| {
        format!(
            "{}{end}",
            "The quick brown fox jumps over the lazy dog. ".repeat(6)
        )
    };
    let lines = |changed: &str| {
        let lines = (1..=30).map(|n| {
            if n == 17 {
                changed.to_owned()
            } else {
                format!("line {n}")
            }
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    let order = json!({"id": 7, "items": [{"sku": "A-1", "price": 10}, {"sku": "B-2", "price": 4}], "note": null});
    let other = json!({"id": 7, "items": [{"sku": "A-1", "price": 9.5}, {"sku": "B-2", "price": 4}], "open": true});
    let many: Json = (0..100).collect();
    let none: Json = (100..200).collect();
    vec![
        compared(
            "in_a_list",
            "res.body.status in ['a', 'b']",
            "c",
            json!(["a", "b"]),
        ),
        compared(
            "null_is_not_missing",
            "res.body.carrier == 'DHL'",
            Json::Null,
            "DHL",
        ),
        compared("types_differ", "res.body.qty == 3", "3", 3),
        compared("structures", "res.body == expected", order, other),
        compared(
            "structures_with_many_changes",
            "res.body == expected",
            many,
            none,
        ),
        compared(
            "texts",
            "res.text == expected",
            lines("seventeen"),
            lines("17"),
        ),
        compared(
            "long_lines",
            "res.text == expected",
            long_text("No."),
            long_text("Yes."),
        ),
        compared(
            "long_values",
            "res.body.id == order_id",
            json!("x".repeat(39)),
            json!("y".repeat(5000)),
        ),
        compared(
            "unicode",
            "res.body.名前 == '注文が出荷されました'",
            "注文を受け付けました",
            "注文が出荷されました",
        ),
        compared(
            "hostile_bytes",
            "res.body.name == 'x'",
            "\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}txet\r\n\u{9b}31m",
            "x",
        ),
    ]
}

fn ends() -> Vec<Case> {
    let error = |name, headline| Case::new(name, Outcome::Error, headline);
    let mut after_pass = error("cleanup_failed_after_a_pass", cleanup());
    after_pass.about.cleanup = vec![cleanup()];
    let mut after_failure = failed("cleanup_failed_after_a_failure", fail_when());
    after_failure.about.cleanup = vec![cleanup(), refused()];
    let mut called = fail_when();
    called.calls = vec![place(
        "states.place.instructions[0]",
        "shop:\n          post",
    )];
    let mut retried = failed("second_attempt_of_a_case", fail_when());
    retried.about.attempt = 2;
    retried.about.attempts = 3;
    retried.about.case = Some("sku=A-1, qty=2".into());
    let fail_state = headline(ErrorKind::Fail, "rejected", "order 7 was rejected");
    vec![
        failed("fail_when", fail_when()),
        failed("fail_state", fail_state),
        failed("loop_limit", looped()),
        failed("called_task", called),
        error("transport_error", refused()),
        error("script_error", script_error()),
        Case::new(
            "cancelled",
            Outcome::Cancelled,
            headline(ErrorKind::Lost, "placed", "cancelled by SIGINT"),
        ),
        after_pass,
        after_failure,
        retried,
    ]
}

fn looks() -> Vec<Case> {
    let timeout = |name| Case::new(name, Outcome::TimedOut, two_conditions());
    let mut ascii = timeout("ascii");
    ascii.style.unicode = false;
    let mut ansi = timeout("colours_of_the_terminal");
    ansi.style.color = Color::Ansi;
    let mut exact = failed("exact_colours", unmet());
    exact.style.color = Color::Exact(Theme::Dark);
    let mut names = failed("long_names", fail_when()).width(60);
    names.about.task = "a-task-with-a-name-that-somebody-wrote-in-a-very-good-mood".into();
    names.headline.state = Some("and-a-state-that-would-not-stand-back-behind-it".into());
    let long = format!(
        "res.body.a == 1 && {} && res.body.z == 2",
        "res.body.filler == 'filler' && "
            .repeat(12)
            .trim_end_matches(" && ")
    );
    let long_line = alone("line_longer_than_the_screen", &long, |file| {
        explain(file, &long, false)
            .value(0, &long, false)
            .compared(1, "res.body.a == 1", true, 1, 1)
            .compared(1, "res.body.z == 2", false, 3, 2)
            .done()
    });
    let mut curl = failed("folded_command", unmet());
    curl.headline.failure.again = Some(format!(
        "curl -sS -X POST -H 'authorization: Bearer $TOKEN' --data '{{\"note\":\"{}\"}}' http://127.0.0.1:7801/orders",
        "long ".repeat(30)
    ));
    vec![
        timeout("narrow").width(40),
        timeout("wide").width(200),
        ascii,
        ansi,
        exact,
        names,
        long_line,
        curl,
    ]
}

#[test]
fn every_failure_looks_as_it_should() {
    let cases = cases();
    assert!(cases.len() >= 30);
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for case in &cases {
            let text = case.text(case.style);
            // Escapes are written out, so that the snapshot is text.
            insta::assert_snapshot!(case.name, text.replace('\x1b', "␛"));
        }
    });
}

#[test]
fn no_line_overflows_and_no_escape_gets_through() {
    for case in cases() {
        for width in [20, 40, 80, 120, 200] {
            for unicode in [true, false] {
                let style = Style {
                    color: Color::Never,
                    unicode,
                    width,
                };
                let text = case.text(style);
                for line in text.lines() {
                    let columns = super::width(line);
                    assert!(
                        columns <= width,
                        "{}: {columns} in {width}: {line:?}",
                        case.name
                    );
                }
                let raw = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
                assert!(!text.contains(raw), "{}: {text:?}", case.name);
                assert!(unicode || text.is_ascii(), "{}: {text}", case.name);
                let colored = case.text(Style {
                    color: Color::Ansi,
                    ..style
                });
                assert_eq!(without_colours(&colored), text, "{}", case.name);
            }
        }
    }
}

fn without_colours(text: &str) -> String {
    let mut pieces = text.split("\x1b[");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| {
        text + piece.split_once('m').map_or(piece, |(_, rest)| rest)
    })
}

#[test]
fn places_that_do_not_fit_the_file_do_no_harm() {
    let mut case = failed("odd", unmet());
    let odd = [
        (0, 0, 0, 0),
        (21, 900, 21, 901),
        (21, 5, 20, 1),
        (9999, 1, 9999, 2),
        (50, 40, 99, 9),
    ];
    for (line, column, last, end) in odd {
        let span = Span {
            start: Pos { line, column },
            end: Pos {
                line: last,
                column: end,
            },
        };
        for (_, explanation) in &mut case.headline.explanations {
            for operand in &mut explanation.operands {
                operand.span = span;
            }
        }
        let text = case.text(case.style);
        assert!(text.contains("2 of 3 expectations"), "{text}");
    }
    // Offsets instead of places: the expression is shown by itself.
    for (_, explanation) in &mut case.headline.explanations {
        explanation.operands = vec![Operand {
            span: Span::default(),
            source: explanation.source.clone(),
            depth: 0,
            kind: OperandKind::Equal,
            parent: None,
            value: Some(false.into()),
            sides: Some((500.into(), 201.into())),
            difference: None,
        }];
    }
    let text = case.text(case.style);
    assert!(
        text.contains("res.status == 201\n    | ^^^^^^^^^^^^^^^^^\n    | 500 ≠ 201\n"),
        "{text}"
    );
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    /// Whatever a system sends, the report keeps its width and sends nothing raw.
    #[test]
    fn whatever_a_system_sends(
        text in "(\\PC|[\\x00-\\x1f\\x7f-\\u{9f}]|\\u{202e}|[あ-ん]|'|\"| ){0,200}",
        width in 20usize..130,
        unicode: bool,
    ) {
        let mut case = failed("any", unmet());
        case.headline.failure.message.clone_from(&text);
        case.headline.failure.again = Some(format!("curl '{text}'"));
        case.headline.failure.hint = Some(text.clone());
        case.headline.state = Some(text.as_str().into());
        case.headline.last = Some(text.as_str().into());
        case.about.task = text.as_str().into();
        case.about.cleanup = vec![unmet()];
        case.sources = Sources(vec![(FILE.into(), format!("{}{text}", ORDER.replace("sku", &text)).into())]);
        for (_, explanation) in &mut case.headline.explanations {
            for operand in &mut explanation.operands {
                operand.sides = Some((text.clone().into(), json!({"a": text.clone()})));
            }
        }
        let style = Style { color: Color::Never, unicode, width };
        let shown = case.text(style);
        for line in shown.lines() {
            proptest::prop_assert!(super::width(line) <= width, "{:?}", line);
        }
        proptest::prop_assert!(!shown.contains(|c: char| c.is_control() && c != '\n'));
        proptest::prop_assert!(unicode || shown.is_ascii());
    }
}
