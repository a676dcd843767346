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
            desk.engine.unresolved(&expression),
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
        "capture",
        "replace_all",
        "join",
        "split",
        "range",
        "random_int",
        "md5",
        "is_missing",
        "same",
        "raw",
        "parse_csv",
        "type_of",
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

#[test]
fn what_changes_a_list_or_map_gives_it_and_a_text_never_changes() {
    let desk = Desk::new(order()).with("list", json!([3, 1]));
    for (source, expected) in [
        (
            "let l = [1]; let m = l.push(2); [l, m]",
            json!([[1, 2], [1, 2]]),
        ),
        (
            "let l = [1, 2, 3]; let out = l.remove(0); [l, out]",
            json!([[2, 3], 1]),
        ),
        (
            "let l = [1, 2, 3]; let out = l.drain(|n| n > 1); [l, out]",
            json!([[1], [2, 3]]),
        ),
        (
            "let l = [3, 1]; let m = l.sort(); [l, m, l.reverse(), l]",
            json!([[3, 1], [1, 3], [1, 3], [3, 1]]),
        ),
        (
            "let m = #{a: 1}; m.mixin(#{b: 2}); m.remove('a'); m",
            json!({"b": 2}),
        ),
        (
            "let t = 'abc'; [t.replace('b', ''), t.crop(1), t.pop(), t]",
            json!(["ac", "bc", "c", "abc"]),
        ),
        (
            "let o = #{l: [1]}; o.l.push(2); o.l[1] = 7; o",
            json!({"l": [1, 7]}),
        ),
        // What belongs to the task is changed in a copy.
        ("[list.push(2), list]", json!([[3, 1, 2], [3, 1]])),
        (
            "let x = [list.pop(), res.body.tags.push('d').len(), list]; x",
            json!([1, 4, [3, 1]]),
        ),
        (
            "let items = res.body.items; items.pop(); items.len()",
            json!(2),
        ),
        (
            "let l = []; for x in 0..3 { if x > 0 { l.push(x) } }; l",
            json!([1, 2]),
        ),
        (
            "let n = 0; do { n += 1; if n < 3 { continue } } while n < 2; n",
            json!(2),
        ),
    ] {
        assert_eq!(desk.eval(source).unwrap(), expected, "{source}");
    }
    for (source, message) in [
        (
            "let t = 'a'; t.append('b'); t",
            "`append` changes no text, it gives a changed copy",
        ),
        (
            "list.push(4); list",
            "`push` changes a value that a script cannot change",
        ),
        (
            "const L = [1]; L.push(2)",
            "`push` changes a value that a script cannot change",
        ),
        ("[1].set(5, 0)", "`set`: there is nothing at the index 5"),
    ] {
        assert_eq!(desk.eval(source).unwrap_err().message, message, "{source}");
    }
}

#[test]
fn a_list_that_grows_in_a_loop_is_not_copied() {
    use crate::script::code::Kind;
    let desk = Desk::new(order());
    let printed = |source: &str| match &desk.engine.script(source).unwrap().compiled.root.kind {
        Kind::Rhai(leaf) => leaf.printed.text.clone(),
        other => panic!("{other:?}"),
    };
    for body in [
        "for x in 0..9 { l.push(x) }",
        "for x in 0..9 { if x > 2 { l.push(x) } else { l.push(0) } }",
        "while l.len() < 3 { switch l.len() { 0 => l.push(1), _ => { l.push(2) } } }",
        "do { try { l.push(1) } catch { l.push(2) } } while l.len() < 3",
        "l.push(1)",
    ] {
        let text = printed(&format!("let l = []; {body}; l"));
        assert!(
            text.contains("__f_push_assign") && !text.contains("__f_push ("),
            "{text}"
        );
    }
    assert!(printed("let l = []; l.push(1)").contains("__f_push ("));
}

#[test]
fn names_of_headers_are_found_by_any_case() {
    let desk = Desk::new(json!({
        "headers": {"content-type": "text/html", "set-cookie": ["a", "b"]},
        "body": {"headers": {"X-Id": "7"}}
    }));
    for (source, expected) in [
        ("res.headers['Content-Type']", json!("text/html")),
        ("res.headers['CONTENT-TYPE'].len()", json!(9)),
        ("res.headers['Set-Cookie'][1]", json!("b")),
        ("res.headers['Set-Cookie'].len()", json!(2)),
        ("'Content-Type' in res.headers", json!(true)),
        (
            "[res].map(|r| r.headers['Content-Type'])",
            json!(["text/html"]),
        ),
        ("let h = res.headers; h['Content-Type']", json!("text/html")),
        ("res.headers.keys()", json!(["content-type", "set-cookie"])),
        // A body is as it is.
        ("res.body.headers['x-id']", json!(null)),
        ("res.body.headers['X-Id']", json!("7")),
        ("res.Headers", json!(null)),
    ] {
        assert_eq!(desk.eval(source).unwrap(), expected, "{source}");
        let by_rhai = format!("let by_rhai = 0; {source}");
        assert_eq!(desk.eval(&by_rhai).unwrap(), expected, "{source} in Rhai");
    }
    desk.scope.set(
        &"kept".into(),
        crate::script::Value::from_json(desk.res.clone()).member("headers"),
    );
    assert_eq!(
        desk.eval("kept['Content-Type']").unwrap(),
        json!("text/html")
    );
    let explanation = desk.explain("res.headers['Content-Typ'] == 'x'");
    assert_eq!(
        explanation.missing[0].nearest.as_deref(),
        Some("content-type")
    );
}

#[test]
fn groups_are_named_and_counted() {
    let desk = Desk::new(order());
    for (source, expected) in [
        (
            "capture('k=v', '(?<key>k)=(v)(x)?')",
            json!({"0": "k=v", "1": "k", "2": "v", "3": null, "key": "k"}),
        ),
        ("capture('a', 'b')", json!(null)),
        ("capture('k=v', '(?<key>k)', 'key')", json!("k")),
        ("capture('a', '(b)', 1)", json!(null)),
        ("capture(res.body.nope, 'b')", json!(null)),
        ("replace_all('a1b2', '[0-9]', '<$0>')", json!("a<1>b<2>")),
        ("replace_all('a1', '(?<n>[0-9])', '$$${n}x')", json!("a$1x")),
    ] {
        assert_eq!(desk.eval(source).unwrap(), expected, "{source}");
    }
    for (source, message) in [
        (
            "capture('a', '(?<word>a)', 'wort')",
            "`(?<word>a)` has no group `wort`",
        ),
        ("capture('a', 'a', 1)", "`a` has no group `1`"),
        (
            "replace_all('a1', '([0-9])', '$1x')",
            "`([0-9])` has no group `1x`",
        ),
    ] {
        assert_eq!(desk.eval(source).unwrap_err().message, message, "{source}");
    }
    for source in ["capture(x, '(')", "x.replace_all('(', '')"] {
        assert!(
            desk.refused(source)
                .message
                .starts_with("`(` is no regular expression")
        );
    }
}

#[test]
fn integers_by_chance_are_from_all_of_the_range() {
    let desk = Desk::new(order());
    let drawn = desk
        .eval("range(0, 200).map(|x| random_int(-1, 2))")
        .unwrap();
    for wanted in -1..=2 {
        assert!(
            drawn.as_array().unwrap().contains(&json!(wanted)),
            "{wanted}"
        );
    }
    assert_eq!(
        desk.eval(&format!("random_int({0}, {0})", i64::MAX))
            .unwrap(),
        json!(i64::MAX)
    );
    assert!(
        desk.eval("random_int(-9223372036854775807 - 1, 9223372036854775807)")
            .is_ok()
    );
    assert_eq!(
        desk.eval("random_int(2, 1)").unwrap_err().message,
        "no integer is from 2 to 1"
    );
    assert!(
        desk.eval("range(0, 100001)")
            .unwrap_err()
            .message
            .contains("100,000 items")
    );
    assert_eq!(desk.eval("range(5, 1)").unwrap(), json!([]));
}

#[test]
fn a_cell_is_typed_where_it_is_just_a_json_number_or_bool() {
    let desk = Desk::new(order());
    assert_eq!(
        desk.eval("parse_csv('a;b;c\\n\"x;\"\"y\";01;1.10\\n12;true;-0.5\\n', ';')")
            .unwrap(),
        json!([{"a": "x;\"y", "b": "01", "c": "1.10"}, {"a": 12, "b": true, "c": -0.5}])
    );
    assert_eq!(desk.eval("parse_csv('')").unwrap(), json!([]));
    for (source, message) in [
        (
            "parse_csv('a,b\\n1')",
            "this is no CSV: line 2 has 1 cells, the first row 2",
        ),
        ("parse_csv('a,a\\n1,2')", "the column `a` is there twice"),
    ] {
        assert_eq!(desk.eval(source).unwrap_err().message, message, "{source}");
    }
}

#[test]
fn what_our_parser_takes_is_not_too_deep_for_rhai() {
    let desk = Desk::new(order());
    let many = vec!["1"; 200].join(" + ");
    let deep = format!("{}1{}", "[".repeat(60), "][0]".repeat(60));
    super::on_big_stack(|| {
        for source in [many, deep] {
            let value = desk.eval(&source).unwrap();
            assert_eq!(
                desk.eval(&format!("let by_rhai = 0; {source}")).unwrap(),
                value
            );
            let closure = format!("[1].map(|x| {source})[0]");
            assert_eq!(desk.eval(&closure).unwrap(), value);
        }
    });
}
