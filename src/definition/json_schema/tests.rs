use super::*;
use crate::definition::{SourceFile, parse_yaml};
use crate::event::Pos;
use schemars::JsonSchema;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A request as clients have them: common fields, a verb, a payload.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Request {
    get: Option<String>,
    headers: Option<BTreeMap<String, String>>,
    timeout_ms: Option<u16>,
    json: Option<serde_json::Value>,
    mode: Option<Mode>,
    auth: Option<Auth>,
    follow: Option<bool>,
    codes: Option<Vec<u8>>,
    pair: Option<(String, String)>,
    rate: Option<f64>,
}

#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
enum Mode {
    /// The newest.
    Latest,
    /// The oldest.
    Earliest,
}

#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
enum Auth {
    Basic { user: String, password: String },
    Bearer(String),
}

/// A map whose keys say which kind it is.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum Verb {
    Publish(Publish),
    Call(Call),
    Short(String),
}

#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Publish {
    publish: String,
    json: Option<serde_json::Value>,
}

#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Call {
    request: String,
    timeout: Option<u32>,
}

/// A list of itself.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Tree {
    name: String,
    inner: Option<Vec<Tree>>,
}

fn schema<T: JsonSchema>() -> Json {
    schemars::schema_for!(T).to_value()
}

fn mistakes(schema: &Json, text: &str) -> Vec<(u32, u32, &'static str, String)> {
    let file = Arc::new(SourceFile::from_bytes("a", "a", text.as_bytes()).unwrap());
    let node = parse_yaml(&file).unwrap();
    let at = Span {
        start: Pos { line: 9, column: 9 },
        end: Pos {
            line: 9,
            column: 10,
        },
    };
    let context = ValueContext {
        source: text,
        file: &file.name,
        what: "the request",
        at,
        help: "see the docs",
    };
    validate(schema, &node, context)
        .into_iter()
        .map(|d| {
            let words = format!("{} | {}", d.message, d.hint.unwrap_or_default());
            (d.span.start.line, d.span.start.column, d.code, words)
        })
        .collect()
}

#[track_caller]
fn one<T: JsonSchema>(text: &str, line: u32, column: u32, code: &str, words: &[&str]) {
    let found = mistakes(&schema::<T>(), text);
    assert_eq!(found.len(), 1, "{found:#?}");
    let (at_line, at_column, at_code, said) = &found[0];
    assert_eq!(
        (*at_line, *at_column, *at_code),
        (line, column, code),
        "{said}"
    );
    for word in words {
        assert!(said.contains(word), "{word:?} is missing: {said}");
    }
}

#[track_caller]
fn right<T: JsonSchema>(text: &str) {
    assert_eq!(mistakes(&schema::<T>(), text), []);
}

#[test]
fn what_is_right_is_accepted() {
    right::<Request>(
        "get: /x\nheaders: {a: b}\ntimeout_ms: 5\njson: {any: [1, null]}\nmode: latest\nauth: {bearer: t}\nfollow: true\ncodes: [200]\npair: [a, b]\nrate: 1",
    );
    right::<Request>("{auth: {basic: {user: u, password: p}}, mode: ~, headers: null}");
    right::<Verb>("{publish: a, json: 1}");
    right::<Verb>("{request: a, timeout: 5}");
    right::<Verb>("a text");
    right::<Tree>("{name: a, inner: [{name: b, inner: []}]}");
}

#[test]
fn a_template_fits_everywhere() {
    right::<Request>(
        "get: /${x}\ntimeout_ms: ${t}\nmode: ${m}\nauth: ${a}\nfollow: ${f}\ncodes: [\"${c}\"]\nheaders: ${h}\nrate: a ${b}",
    );
    right::<Request>("${whole}");
}

#[test]
fn each_mistake_is_said_once_where_it_stands() {
    one::<Request>(
        "get: /x\nheadrs: {}",
        2,
        1,
        "unknown-key",
        &["did you mean `headers`?", "the request"],
    );
    one::<Request>(
        "timeout_ms: soon",
        1,
        13,
        "wrong-type",
        &["`timeout_ms` is a whole number, and this is a text"],
    );
    one::<Request>(
        "timeout_ms: '5'",
        1,
        13,
        "wrong-type",
        &["without quotes: 5"],
    );
    one::<Request>("timeout_ms: 1.5", 1, 13, "wrong-type", &["a whole number"]);
    one::<Request>(
        "timeout_ms: 70000",
        1,
        13,
        "number-range",
        &["at most 65535"],
    );
    one::<Request>("timeout_ms: -1", 1, 13, "number-range", &["at least 0"]);
    one::<Request>(
        "headers: {a: 5}",
        1,
        14,
        "wrong-type",
        &["`a` is a text", "quote it: '5'"],
    );
    one::<Request>("headers: [a]", 1, 10, "wrong-type", &["a map"]);
    one::<Request>("follow: 'true'", 1, 9, "wrong-type", &["without quotes"]);
    one::<Request>("follow: yes", 1, 9, "wrong-type", &["a bool"]);
    one::<Request>(
        "codes: [1, x, 3]",
        1,
        12,
        "wrong-type",
        &["each entry of `codes`"],
    );
    one::<Request>("codes: [1, 300]", 1, 12, "number-range", &["255"]);
    one::<Request>("pair: [a]", 1, 7, "list-length", &["exactly 2"]);
    one::<Request>(
        "mode: lastest",
        1,
        7,
        "not-one-of",
        &["did you mean `latest`?"],
    );
    one::<Request>("mode: [latest]", 1, 7, "not-one-of", &["latest, earliest"]);
    one::<Request>(
        "[a]",
        1,
        1,
        "wrong-type",
        &["the request is a map, and this is a list"],
    );
    one::<Tree>(
        "{name: a, inner: [{name: b}, {nme: c}]}",
        1,
        31,
        "unknown-key",
        &["did you mean `name`?"],
    );
    one::<Tree>(
        "{inner: []}",
        9,
        9,
        "missing-key",
        &["`name`", "see the docs"],
    );
    one::<Tree>("{name: a, inner: [{}]}", 1, 19, "missing-key", &["`name`"]);
}

#[test]
fn alternatives_are_told_apart_by_their_keys() {
    one::<Request>(
        "auth: {basc: {user: u, password: p}}",
        1,
        8,
        "unknown-key",
        &["did you mean `basic`?"],
    );
    one::<Request>(
        "auth: {basic: {user: u}}",
        1,
        8,
        "missing-key",
        &["`password`"],
    );
    one::<Request>(
        "auth: {basic: {user: u, pasword: p}}",
        1,
        25,
        "unknown-key",
        &["`password`"],
    );
    one::<Request>("auth: {bearer: 5}", 1, 16, "wrong-type", &["a text"]);
    one::<Request>(
        "auth: {bearer: t, basic: {user: u, password: p}}",
        1,
        19,
        "keys-exclude",
        &["`basic`", "`bearer`"],
    );
    one::<Request>(
        "auth: {}",
        1,
        7,
        "missing-key",
        &["one of the keys `basic`, `bearer`"],
    );
    one::<Request>("auth: x", 1, 7, "wrong-type", &["a map"]);
    one::<Verb>(
        "{publsh: a}",
        1,
        2,
        "unknown-key",
        &["did you mean `publish`?"],
    );
    one::<Verb>(
        "{publish: a, timeout: 5}",
        1,
        14,
        "keys-exclude",
        &["`timeout` does not go together with `publish`"],
    );
    one::<Verb>(
        "{request: a, timeot: 5}",
        1,
        14,
        "unknown-key",
        &["did you mean `timeout`?"],
    );
    one::<Verb>(
        "{request: a, timeout: x}",
        1,
        23,
        "wrong-type",
        &["whole number"],
    );
    one::<Verb>("{json: 1}", 9, 9, "missing-key", &["`publish`"]);
    one::<Verb>("5", 1, 1, "wrong-type", &["a map or a text"]);
}

#[test]
fn several_mistakes_are_several_diagnostics() {
    let found = mistakes(&schema::<Request>(), "gett: /x\nfollow: 1\nmode: new");
    let codes: Vec<_> = found
        .iter()
        .map(|(line, _, code, _)| (*line, *code))
        .collect();
    assert_eq!(
        codes,
        [(1, "unknown-key"), (2, "wrong-type"), (3, "not-one-of")]
    );
}

#[test]
fn a_schema_that_refers_to_itself_ends() {
    let endless = serde_json::json!({ "$ref": "#" });
    assert_eq!(mistakes(&endless, "a: 1"), []);
    let broken = serde_json::json!({ "$ref": "#/$defs/none" });
    assert_eq!(mistakes(&broken, "a: 1"), []);
    let alternatives = serde_json::json!({ "anyOf": [{ "$ref": "#" }, { "$ref": "#" }] });
    mistakes(&alternatives, "a: 1");
}

#[test]
fn a_flattened_enumeration_keeps_its_common_keys() {
    // What a derive makes of a struct with a flattened enum.
    let schema = serde_json::json!({
        "type": "object",
        "properties": { "headers": { "type": "object" } },
        "unevaluatedProperties": false,
        "oneOf": [
            { "type": "object", "properties": { "get": { "type": "string" } }, "required": ["get"] },
            { "type": "object", "properties": { "post": { "type": "string" } }, "required": ["post"] },
        ],
    });
    assert_eq!(mistakes(&schema, "{get: /x, headers: {}}"), []);
    let codes = |text| -> Vec<&'static str> {
        mistakes(&schema, text)
            .into_iter()
            .map(|(_, _, code, _)| code)
            .collect()
    };
    assert_eq!(codes("{get: /x, hedaers: {}}"), ["unknown-key"]);
    assert_eq!(codes("{headers: {}}"), ["missing-key"]);
    assert_eq!(codes("{get: /x, post: /y}"), ["keys-exclude"]);
    assert_eq!(codes("{get: /x, headers: 1}"), ["wrong-type"]);
}

#[test]
fn alternatives_that_only_require_keys_belong_to_the_properties_beside_them() {
    let schema = serde_json::json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "get": { "type": "string" },
            "post": { "type": "string" },
            "query": { "type": "object" },
        },
        "oneOf": [{ "required": ["get"] }, { "required": ["post"] }],
    });
    assert_eq!(mistakes(&schema, "get: /x\nquery: {a: 1}"), []);
    for (text, line, code, word) in [
        ("get: /x\nqurey: {a: 1}", 2, "unknown-key", "qurey"),
        ("gte: /x", 1, "unknown-key", "gte"),
        ("get: /x\nquery: 1", 2, "wrong-type", "query"),
        ("query: {a: 1}", 9, "missing-key", "`get`, `post`"),
    ] {
        let found = mistakes(&schema, text);
        let [(at, _, kind, message)] = &found[..] else {
            panic!("{text}: {found:?}");
        };
        assert_eq!((*at, *kind), (line, code), "{text}: {message}");
        assert!(message.contains(word), "{text}: {message}");
    }
}

#[test]
fn ranges_are_exact_where_floats_have_gaps() {
    let range = |schema: Json, number: u64| out_of_range(&schema, &number.into());
    let most = serde_json::json!({ "maximum": 9_007_199_254_740_992_u64 });
    assert_eq!(range(most.clone(), 9_007_199_254_740_992), None);
    assert!(range(most, 9_007_199_254_740_993).is_some());
    let more = serde_json::json!({ "exclusiveMinimum": 9_007_199_254_740_992.0 });
    assert!(range(more.clone(), 9_007_199_254_740_992).is_some());
    assert_eq!(range(more, 9_007_199_254_740_993), None);
    assert_eq!(
        range(serde_json::json!({ "format": "uint64" }), u64::MAX),
        None
    );
}
