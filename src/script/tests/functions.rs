use super::{Desk, order};
use serde_json::json;
use std::collections::HashSet;

#[test]
fn every_function_has_an_example_that_is_true() {
    let desk = Desk::new(order());
    let functions = desk.engine.functions();
    let mut names = HashSet::new();
    for function in &functions {
        assert!(
            names.insert(function.name),
            "{} is there twice",
            function.name
        );
        assert!(
            function.doc.ends_with('.') && function.doc.len() < 140,
            "{}",
            function.name
        );
        assert_eq!(
            desk.test(function.example),
            Ok(true),
            "{}",
            function.example
        );
        assert_eq!(
            desk.eval_by_rhai(function.example).unwrap(),
            json!(true),
            "{} in Rhai",
            function.example
        );
        let expression = desk.engine.expression(function.example).unwrap();
        assert_eq!(
            desk.engine.unknown_calls(&expression),
            [],
            "{}",
            function.example
        );
    }
    for promised in [
        "matches",
        "contains",
        "starts_with",
        "ends_with",
        "one_of",
        "approx",
        "len",
        "sum",
        "min",
        "max",
        "find",
        "sort",
        "reverse",
        "trim",
        "keys",
        "values",
        "uuid",
        "now",
        "time",
        "duration",
        "format",
        "base64",
        "hex",
        "sha256",
        "hmac_sha256",
        "parse_json",
        "to_json",
        "url_encode",
        "jsonpath",
        "matches_schema",
        "diff",
        "env",
    ] {
        assert!(names.contains(promised), "{promised}");
    }
}

#[test]
fn wrong_arguments_are_errors_that_show_them() {
    let desk = Desk::new(order());
    for (source, message) in [
        (
            "matches(3, 'a')",
            "`matches` needs a text, this is the integer 3",
        ),
        (
            "matches('a', '(' + '')",
            "`(` is no regular expression: unclosed group",
        ),
        (
            "len(3)",
            "`len` needs a text, list, map or bytes, this is the integer 3",
        ),
        (
            "sort([1, 'a'])",
            "`sort` cannot compare the text \"a\" with the integer 1",
        ),
        (
            "find([1], 2)",
            "`find` needs a closure, this is the integer 2",
        ),
        (
            "duration('5 ' + 'parsecs')",
            "`5 parsecs` is no length of time",
        ),
        (
            "time('yester' + 'day')",
            "the text \"yesterday\" is no time",
        ),
        (
            "parse_json('{')",
            "this is no JSON: EOF while parsing an object at line 1 column 1",
        ),
        (
            "hex_decode('zz')",
            "these are no hexadecimal digits, two for each byte",
        ),
        (
            "matches_schema(1, #{type: 'nope'})",
            "this is no JSON Schema",
        ),
        ("env('FORBIDDEN')", "`FORBIDDEN` may not be read"),
        ("sum(['a', []])", "`sum` cannot add the text"),
    ] {
        let error = desk.eval(source).unwrap_err();
        assert!(
            error.message.starts_with(message),
            "{source}: {}",
            error.message
        );
    }
    assert_eq!(desk.eval("env('SET')").unwrap(), json!("value"));
    assert_eq!(desk.eval("'x' + env('FORBIDDEN')").unwrap_err().at, 6..22);
}

#[test]
fn what_is_asked_of_something_missing_is_unknown() {
    let desk = Desk::new(order());
    for source in [
        "matches(res.body.nope, 'x')",
        "starts_with(res.body.nope, 'x')",
        "res.body.nope.ends_with('x')",
        "contains(res.body.nope, 'x')",
        "one_of(res.body.nope, 'x', 'y')",
        "approx(res.body.nope, 1)",
        "'x' in res.body.nope",
        "res.body.nope in ['x', null]",
    ] {
        assert_eq!(desk.truth(source), Ok(None), "{source}");
    }
}

#[test]
fn a_pattern_cannot_take_for_ever_or_grow_without_bound() {
    let desk = Desk::new(order());
    assert_eq!(
        desk.test("matches('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!', '^(a+)+$')"),
        Ok(false)
    );
    assert!(
        desk.eval("matches('a', '(a{1000}){1000}' + '')")
            .unwrap_err()
            .message
            .contains("no regular expression")
    );
}

#[test]
fn chance_depends_on_place_and_count() {
    let desk = Desk::new(order());
    let expression = desk.engine.expression("uuid()").unwrap();
    let at = |place| {
        desk.locals(|on| {
            desk.engine
                .eval(&expression.at_place(place), &desk.scope, on, &desk.host)
        })
        .unwrap()
        .to_text()
    };
    let (first, second, other) = (at(7), at(7), at(8));
    assert_ne!(first, second);
    assert_eq!(first[..18], second[..18]);
    assert_ne!(first[..18], other[..18]);
    // Chance inside of what Rhai runs belongs to the same place.
    let script = desk.engine.script("let u = uuid(); u").unwrap().at_place(7);
    let inside = super::on_big_stack(|| {
        desk.locals(|on| desk.engine.eval(&script, &desk.scope, on, &desk.host))
    })
    .unwrap();
    assert_eq!(inside.to_text()[..18], first[..18]);
}

#[test]
fn differences_are_named_by_path() {
    let desk = Desk::new(order());
    assert_eq!(
        desk.eval(
            "diff(#{a: 1, b: [1, #{c: 'x'}], d: 0}, #{a: 1.0, b: [1, #{c: 'y'}, 3], e: null})"
        )
        .unwrap(),
        json!([
            "$.b[1].c \"x\" → \"y\"",
            "$.b[2] missing → 3",
            "$.d 0 → missing",
            "$.e missing → null"
        ])
    );
}

#[test]
fn literal_patterns_and_durations_are_checked_before_anything_runs() {
    let desk = Desk::new(order());
    for (source, at, message) in [
        (
            "matches(x, 'a(b')",
            11..16,
            "`a(b` is no regular expression: unclosed group",
        ),
        (
            "x.matches('[')",
            10..13,
            "`[` is no regular expression: unclosed character class",
        ),
        (
            "now() > time('soon')",
            13..19,
            "the text \"soon\" is no time",
        ),
        ("duration('5') > x", 9..12, "`5` has no unit"),
        ("jsonpath(x, 'a.b')", 12..17, "`a.b` is no JSONPath"),
    ] {
        let error = desk.refused(source);
        assert_eq!(error.at, at, "{source}: {error:?}");
        assert!(error.message.starts_with(message), "{source}: {error:?}");
        assert!(!error.message.contains('\n'), "{source}: {error:?}");
    }
}
