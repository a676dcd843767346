use super::{Desk, order};
use proptest::prelude::*;
use serde_json::json;

#[test]
fn both_quotes_make_the_same_text() {
    let desk = Desk::new(order());
    for (source, expected) in [
        ("''", ""),
        ("\"\"", ""),
        ("'a'", "a"),
        ("'it''s'", "it's"),
        ("'it\\'s'", "it's"),
        ("\"it's\"", "it's"),
        ("'say \"x\"'", "say \"x\""),
        ("\"a\"\"b\"", "a\"b"),
        ("'// no comment'", "// no comment"),
        ("'/* nor */ this'", "/* nor */ this"),
        ("'a' /* 'b' */ + 'c' // 'd'", "ac"),
        ("'\\t\\n\\u00e9\\\\'", "\t\né\\"),
        ("#\"raw \\ 'text'\"#", "raw \\ 'text'"),
        ("'äöü'", "äöü"),
        ("`a ${'b' + \"}\"} c`", "a b} c"),
        ("`back ``tick`` and \\${x}`", "back `tick` and ${x}"),
        ("'${not} here'", "${not} here"),
    ] {
        assert_eq!(desk.eval(source).unwrap(), json!(expected), "{source}");
        assert_eq!(
            desk.eval_by_rhai(source).unwrap(),
            json!(expected),
            "{source} in Rhai"
        );
    }
}

#[test]
fn words_stand_for_operators() {
    let desk = Desk::new(order());
    assert!(desk.test("true and true or not_taken").is_ok());
    assert!(desk.test("false or true and true").unwrap());
    assert!(
        desk.test("null == res.body.nope and res.body.and == null and res.body.or == null")
            .unwrap()
    );
    assert_eq!(
        desk.eval("#{and: 1, null: 2, default: 3}").unwrap(),
        json!({"and": 1, "null": 2, "default": 3})
    );
    assert_eq!(
        desk.eval_by_rhai("#{and: 1, null: 2, default: 3}.default")
            .unwrap(),
        json!(3)
    );
}

#[test]
fn any_word_may_follow_a_dot() {
    let words = [
        "default",
        "case",
        "new",
        "type",
        "match",
        "async",
        "await",
        "static",
        "public",
        "use",
        "with",
        "shared",
        "super",
        "is",
        "goto",
        "exit",
        "package",
        "spawn",
        "thread",
        "go",
        "sync",
        "yield",
        "var",
        "void",
        "nil",
        "null",
        "if",
        "else",
        "for",
        "in",
        "let",
        "const",
        "fn",
        "private",
        "import",
        "export",
        "as",
        "switch",
        "while",
        "loop",
        "do",
        "until",
        "break",
        "continue",
        "return",
        "throw",
        "try",
        "catch",
        "this",
        "true",
        "false",
        "call",
        "curry",
        "print",
        "debug",
        "eval",
        "Fn",
        "type_of",
        "is_shared",
        "is_def_var",
        "global",
        "module",
        "and",
        "or",
        "not",
        "undefined",
        "len",
        "sort",
        "timestamp",
    ];
    let map: serde_json::Map<String, serde_json::Value> = words
        .iter()
        .map(|word| ((*word).to_owned(), json!(*word)))
        .collect();
    let desk = Desk::new(json!({"body": map}));
    for word in words {
        let source = format!("res.body.{word} == '{word}'");
        assert_eq!(desk.test(&source), Ok(true), "{source}");
        assert_eq!(
            desk.eval_by_rhai(&source).unwrap(),
            json!(true),
            "{source} in Rhai"
        );
        let source = format!("[res.body].map(|b| b.{word})[0] == '{word}'");
        assert_eq!(desk.test(&source), Ok(true), "{source}");
    }
}

#[test]
fn what_other_languages_write_is_refused_with_what_to_write() {
    let desk = Desk::new(order());
    for (source, at, hint) in [
        ("not res.ok", 0..3, "write `!`"),
        ("a && not b", 5..8, "write `!`"),
        ("a ? b : c", 2..3, "write `if a { b } else { c }`"),
        ("res.status = 200", 11..12, "write `==`"),
        ("a === b", 2..5, "write `==`"),
        ("a !== b", 2..5, "write `!=`"),
        ("x =~ 'a.*'", 2..4, "write `matches(text, 'pattern')`"),
        (
            "elapsed > 5s",
            10..12,
            "a duration is written `duration('5s')`",
        ),
        (
            "elapsed > 250ms",
            10..15,
            "a duration is written `duration('250ms')`",
        ),
        ("x == undefined", 5..14, "a missing value is written `null`"),
        ("1 < 2 < 3", 6..7, "write `a < b && b < c`"),
        ("a == b == c", 7..9, "write `a < b && b < c`"),
        ("x++", 1..3, "write `+= 1`"),
        (
            "a; b",
            1..2,
            "statements may stand in `save`, `set`, `outputs` and `eval`",
        ),
        (
            "let x = 1",
            0..3,
            "statements may stand in `save`, `set`, `outputs` and `eval`",
        ),
        (
            "items.map(i => i.x)",
            12..14,
            "a closure is written `|x| x > 1`",
        ),
        ("eval('1')", 0..4, "write the expression itself"),
        ("x == “a”", 5..8, "use `\"` or `'`"),
        (
            "$.a == 1",
            0..1,
            "an expression names a variable as `name`; `jsonpath(value, '$.a')` takes a JSONPath",
        ),
        ("x = 5 && y", 2..3, "write `==`"),
        (
            "x == 'a' || 'b'",
            12..15,
            "write the whole comparison again, or `x in ['a', 'b']`",
        ),
    ] {
        let error = desk.refused(source);
        assert_eq!(error.hint.as_deref(), Some(hint), "{source}: {error:?}");
        assert_eq!(error.at, at, "{source}: {error:?}");
    }
    assert!(desk.test("(1 < 2) == true").unwrap());
    assert!(desk.test("(1 < 2) == (2 < 3)").unwrap());
}

#[test]
fn a_text_that_does_not_parse_names_the_place() {
    let desk = Desk::new(order());
    for (source, at) in [
        ("", 0..0),
        ("a &&", 2..4),
        ("(a", 0..1),
        ("a)", 1..2),
        ("[1, 2", 0..1),
        ("a b", 2..3),
        ("'open", 0..1),
        ("f(1,", 1..2),
        ("a.", 1..2),
        ("#{a 1}", 4..5),
        ("#{a: 1, a: 2}", 8..9),
        ("x.y == @", 7..8),
        ("99999999999999999999 == x", 0..20),
        ("a == /* open", 5..7),
        ("'\\q'", 1..3),
        ("1..", 1..3),
    ] {
        let error = desk.refused(source);
        assert_eq!(error.at, at, "{source}: {error:?}");
    }
}

#[test]
fn places_of_scripts_are_places_of_the_source() {
    let desk = Desk::new(order());
    let source = "let a = 'é';\n\nlet b = a + ;\nb";
    let error = desk.engine.script(source).unwrap_err();
    assert_eq!(&source[error.at.clone()], ";", "{error:?}");
    let source = "let a = 'é';\nlet b = 1;\n  b.nope(a)";
    let error = desk.eval(source).unwrap_err();
    assert_eq!(&source[error.at.clone()], "nope", "{error:?}");
    let source = "res.body.items.filter(|i|\n   i.sku > 3)";
    let error = desk.eval(source).unwrap_err();
    assert_eq!(&source[error.at.clone()], "i.sku > 3", "{error:?}");
    assert!(error.message.contains("\"A-1\""), "{error:?}");
}

fn operand() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,8}".prop_map(|text| text.replace(['\\', '`', '$'], "")),
        Just("shipped".to_owned()),
        Just(String::new()),
        Just("it's".to_owned()),
        Just("/*".to_owned()),
        Just("//".to_owned()),
        Just("ä\u{1f600}".to_owned()),
    ]
}

fn quote(text: &str, quote: char) -> String {
    format!(
        "{quote}{}{quote}",
        text.replace(quote, &format!("{quote}{quote}"))
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn single_and_double_quotes_agree(
        left in operand(),
        right in operand(),
        operator in prop::sample::select(vec!["==", "!=", "<", ">=", "in", "+"]),
        spaces in prop::sample::select(vec!["", " ", "\n"]),
    ) {
        let desk = Desk::new(order());
        let make = |q| format!("{}{spaces} {operator} {spaces}{}", quote(&left, q), quote(&right, q));
        let single = desk.eval(&make('\''));
        let double = desk.eval(&make('"'));
        prop_assert_eq!(&single, &double);
        let rhai = desk.eval_by_rhai(&make('\''));
        prop_assert_eq!(single.ok(), rhai.ok());
    }
}
