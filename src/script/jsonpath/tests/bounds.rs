//! What no path may do to time and memory, and what holds for all paths.

use super::*;
use crate::script::jsonpath::check::MAX_NESTING;
use crate::script::tests::on_big_stack;
use proptest::prelude::*;

fn find(path: &str, value: &Dynamic) -> Result<Dynamic, Fault> {
    JsonPath::parse(path).unwrap().find(value)
}

#[test]
fn a_path_that_looks_at_too_much_ends() {
    let tree = (0..14).fold(json!(0), |below, _| json!([below, below]));
    let root = lazy::value(Arc::new(tree));
    for path in [
        "$..[*]..[*]..[*]".to_owned(),
        format!("${}", "[*,*]".repeat(14)),
        "$..[?count($..*) > 0]".to_owned(),
        // Comparing counts, too: each value with all of them.
        "$..[?$ == $]".to_owned(),
        "$..[?value($..x) == 1]".to_owned(),
    ] {
        let fault = find(&path, &root).unwrap_err();
        assert!(fault.limit, "{path}: {fault:?}");
        assert!(
            fault.message.contains("5000000 values"),
            "{path}: {fault:?}"
        );
        assert!(fault.hint.unwrap().contains("instead of"), "{path}");
    }
}

#[test]
fn a_path_that_finds_too_much_ends_before_it_is_copied() {
    let root = lazy::value(Arc::new(json!(["x".repeat(1 << 20), [1]])));
    let same = vec!["0"; 300].join(",");
    let fault = find(&format!("$[{same}]"), &root).unwrap_err();
    assert!(fault.limit, "{fault:?}");
    assert_eq!(fault.message, "the JSONPath finds more than 256 MiB");
}

#[test]
fn a_long_text_is_not_free() {
    let text = "x".repeat(1 << 20);
    let root = json!({ "text": text, "list": (0..2000).collect::<Json>() });
    let root = lazy::value(Arc::new(root));
    for condition in ["length($.text) == 1", "search($.text, 'y')"] {
        let fault = find(&format!("$.list[?{condition}]"), &root).unwrap_err();
        assert!(fault.limit, "{condition}: {fault:?}");
    }
    // So is a pattern that has to be compiled, if each item brings its own.
    let patterns: Json = (0..1000).map(|at| json!(format!("a{{{at}}}"))).collect();
    let root = lazy::value(Arc::new(patterns));
    assert!(find("$[?match('b', @)]", &root).unwrap_err().limit);
}

#[test]
fn nesting_ends_where_it_is_said_to() {
    for (open, close) in [
        ("[?@", "]"),
        ("[?(@.a && @", ")]"),
        ("[?match(value(@", "), 'a')]"),
    ] {
        let levels = open.matches(['[', '(']).count();
        let deep = |count: usize| format!("${}.a{}", open.repeat(count), close.repeat(count));
        let most = MAX_NESTING / levels;
        JsonPath::parse(&deep(most)).unwrap_or_else(|error| panic!("{open}: {error:?}"));
        let error = JsonPath::parse(&deep(most + 1)).unwrap_err();
        assert_eq!(error.message, "brackets are nested more than 32 deep");
        assert!(JsonPath::parse(&format!("${}", open.repeat(10_000))).is_err());
    }
}

#[test]
fn a_singular_path_gives_the_value_itself_and_shares_it() {
    let json = Arc::new(json!({ "a": [{ "b": 1 }, { "b": null }], "text": "x" }));
    let root = lazy::value(json.clone());
    let before = Arc::strong_count(&json);
    let found = find("$.a[-2]", &root).unwrap();
    assert_eq!(lazy::to_json(&found).unwrap(), json!({ "b": 1 }));
    assert_eq!(Arc::strong_count(&json), before + 1, "a copy was made");
    for (path, wanted) in [
        ("$", (*json).clone()),
        ("$['a'][0]['b']", json!(1)),
        ("$.text", json!("x")),
        // Missing and null are both null here.
        ("$.a[1].b", json!(null)),
        ("$.a[2].b", json!(null)),
        ("$.text[0]", json!(null)),
        ("$.text.length", json!(null)),
        // Any other path gives a list.
        ("$.a[*].b", json!([1, null])),
        ("$.a[0:1].b", json!([1])),
        ("$..nothing", json!([])),
        ("$.a[0,0].b", json!([1, 1])),
        ("$.nothing[*]", json!([])),
    ] {
        let found = find(path, &root).unwrap();
        assert_eq!(lazy::to_json(&found).unwrap(), wanted, "{path}");
    }
    // Of values that expressions made, the same.
    let mut map = rhai::Map::new();
    map.insert(
        "a".into(),
        Dynamic::from_array(vec![1_i64.into(), "x".into()]),
    );
    let made = Dynamic::from_map(map);
    assert_eq!(
        lazy::to_json(&find("$.a[1]", &made).unwrap()).unwrap(),
        json!("x")
    );
    assert_eq!(
        lazy::to_json(&find("$..[?@ == 1]", &made).unwrap()).unwrap(),
        json!([1])
    );
    assert!(find("$.a", &Dynamic::from(7_i64)).unwrap().is_unit());
    assert_eq!(find("$", &Dynamic::from(7_i64)).unwrap().as_int(), Ok(7));
}

/// Paths made by the grammar, with blanks wherever they may stand.
fn paths() -> impl Strategy<Value = String> {
    let blank = || prop_oneof![6 => Just(""), 1 => Just(" "), 1 => Just("\n\t\r ")];
    let name = prop_oneof![
        Just("'a b'"),
        Just("\"\\u00e9\\\"\""),
        Just("''"),
        Just("'\\\\\\''")
    ];
    let index = prop_oneof![Just("0"), Just("-1"), Just("9007199254740991")];
    let literal = prop_oneof![
        Just("1"),
        Just("-0"),
        Just("1.5e+3"),
        Just("18446744073709551615"),
        Just("true"),
        Just("null"),
        Just("'a]'"),
        Just("\"(\""),
        Just("'$.a'")
    ];
    let single = prop_oneof![
        Just(String::new()),
        Just(".é1".to_owned()),
        (blank(), name.clone(), blank()).prop_map(|(a, n, b)| format!("{a}[{n}]{b}.b")),
        (blank(), index.clone()).prop_map(|(a, i)| format!(" [{a}{i}]")),
    ];
    let singular =
        (prop_oneof![Just("@"), Just("$")], single).prop_map(|(of, rest)| format!("{of}{rest}"));
    let leaf = prop_oneof![
        Just(".*".to_owned()),
        Just("..a".to_owned()),
        Just("..*".to_owned()),
        (blank(), name, blank(), index, blank())
            .prop_map(|(a, n, b, i, c)| format!("..[{a}{n}{b},{c}{i}{a}:{b}{c}:{a}-2{b}, * ]")),
    ];
    leaf.prop_recursive(3, 24, 3, move |inner| {
        let query = (prop_oneof![Just("@"), Just("$")], inner.clone(), blank())
            .prop_map(|(of, rest, a)| format!("{of}{a}{rest}"));
        let function = prop_oneof![
            (query.clone(), blank()).prop_map(|(q, a)| format!("count({a}{q}{a})")),
            (query.clone(), blank()).prop_map(|(q, a)| format!("length(value({q}{a}))")),
            singular.clone().prop_map(|s| format!("length({s})")),
        ];
        let value = prop_oneof![
            literal.clone().prop_map(str::to_owned),
            singular.clone(),
            function
        ];
        let sign = prop_oneof![Just("=="), Just("!="), Just("<="), Just(">")];
        let condition = prop_oneof![
            (value.clone(), sign, value.clone(), blank())
                .prop_map(|(l, sign, r, a)| format!("{l}{a}{sign}{a}{r}")),
            (query.clone(), blank()).prop_map(|(q, a)| format!("!{a}{q}")),
            (value.clone(), blank()).prop_map(|(v, a)| format!("search({v}{a},{a}'[a-z]\\\\.')")),
            query,
        ];
        let joined = (condition.clone(), condition, blank())
            .prop_map(|(l, r, a)| format!("{l}{a}&&{a}!({r}{a}||{a}{l})"));
        (inner, joined, blank()).prop_map(|(rest, c, a)| format!("{rest}{a}[{a}?{a}{c}{a},0]"))
    })
    .prop_map(|rest| format!("${rest}"))
}

/// As many cases as that, on a stack that holds a strategy of this depth in a debug build.
fn always<S: Strategy>(strategy: impl Fn() -> S + Sync, holds: impl Fn(S::Value) + Sync) {
    on_big_stack(|| {
        let config = ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::with_cases(512)
        };
        proptest::test_runner::TestRunner::new(config)
            .run(&strategy(), |value| {
                holds(value);
                Ok(())
            })
            .unwrap_or_else(|failed| panic!("{failed}"));
    });
}

/// The check and the crate's parser read the same language.
#[test]
fn what_the_grammar_makes_is_read() {
    always(paths, |path| {
        JsonPath::parse(&path).unwrap_or_else(|error| panic!("{path:?}: {error:?}"));
    });
}

/// What is left of a path, or has too much, is refused by the check or read by both.
#[test]
fn what_is_broken_is_refused_with_a_place() {
    const PIECES: [&str; 18] = [
        "", ".", " ", "[", "]", "(", ")", "'", "==", "!", "1", "a", "@", "*", ",", ":", "?", "é",
    ];
    let broken = || {
        (
            paths(),
            any::<prop::sample::Index>(),
            prop::sample::select(&PIECES[..]),
        )
    };
    always(broken, |(path, at, piece)| {
        let mut characters: Vec<char> = path.chars().collect();
        let at = at.index(characters.len());
        characters.splice(at..at + usize::from(piece.is_empty()), piece.chars());
        let broken: String = characters.into_iter().collect();
        if let Err(error) = JsonPath::parse(&broken) {
            assert!(
                broken.get(error.at.clone()).is_some(),
                "{broken:?}: {error:?}"
            );
            assert!(
                !error.message.contains("the parser of JSONPath"),
                "{broken:?}: {error:?}"
            );
        }
    });
}
