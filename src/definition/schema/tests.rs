use super::*;
use crate::definition::{ClientKind, Node, SourceFile, parse_task, parse_yaml};
use schemars::JsonSchema;
use std::sync::Arc;

#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Config {
    /// What relative URLs start with.
    base_url: Option<String>,
    retries: Option<u8>,
}

#[derive(JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
struct Request {
    /// A URL.
    get: Option<String>,
    post: Option<String>,
    json: Option<serde_json::Value>,
    mode: Option<Mode>,
    auth: Option<Auth>,
    size: Option<u16>,
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
    Basic(Vec<String>),
    Bearer(String),
}

#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum Source {
    Topic { topic: String, qos: Option<u8> },
    Queue { queue: String },
}

fn catalog() -> Catalog {
    let kind = |name: &'static str, source: bool| ClientKind {
        name,
        summary: "Talks.",
        config: schemars::schema_for!(Config).to_value(),
        request: schemars::schema_for!(Request).to_value(),
        source: source.then(|| schemars::schema_for!(Source).to_value()),
        reply: json!({}),
        message: None,
        short_request: |_| Err(String::new()),
        short_source: |_| Err(String::new()),
        label: |_| String::new(),
        example: "http: GET /x",
        bodies: &["body"],
        is_safe: |_| true,
        doubt: |_| None,
    };
    Catalog {
        kinds: vec![kind("http", false), kind("nats", true)],
    }
}

fn node(text: &str) -> Node {
    let file = Arc::new(SourceFile::from_bytes("a.yaml", "a.yaml", text.as_bytes()).unwrap());
    parse_yaml(&file).unwrap()
}

fn errors(schema: &Json, text: &str) -> Vec<String> {
    let validator = jsonschema::draft7::new(schema).expect("a schema of draft 7");
    validator
        .iter_errors(&node(text).to_json())
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

const TASK: &str = r#"
version: 1
name: order
skip: {if: x, reason: y}
vars: {a: [1, {b: c}], n: null}
secrets: {k: "${env('K')}", t: }
clients:
  shop: {http: {base_url: "${x}", retries: "${n}"}}
  bus: {nats: , record: headers}
listen: {mail: {bus: mail.*}, more: {nats: {topic: a, qos: 1}}}
start_state: a
final_state: [b]
max_global_transition_timeout: ${limit}
timeout: 1h30m
outputs: {o: a.b}
retries: 1
states:
  a:
    instructions:
      - shop: GET /x
        expect: [res.ok, true]
        save: {x: $.a, n: 1}
        retry: {max_attempts: 2, delay: 1s}
        for_each: [1]
        concurrency: 2
        defer: {http: {get: /x}}
      - http: {post: /x, json: {any: 1}, mode: latest, auth: {bearer: t}, size: "${n}"}
      - http: {post: /x, mode: "${m}", auth: "${a}"}
      - parallel: [{log: x}, {eval: 1 + 1}]
      - signal: {name: s, data: 5}
    poll: {http: GET /}
    every: 1s
    transitions:
      - b
      - {to: b, when: x, set: {y: 1}}
      - {fail_when: [x, y]}
      - {to: b, all: {q: {subscribe: mail}, r: {subscribe: {nats: {queue: q}}, count: 2}}}
      - {to: b, wait: {until: x}}
      - {to: b, wait: 5s}
    on_timeout: {to: b, set: {z: 1}}
    on_error: [{kind: transport, to: b}, b]
  b:
"#;

#[test]
fn what_the_decoder_reads_fits_the_schema() {
    let schema = task_schema(&catalog());
    assert_eq!(errors(&schema, TASK), Vec::<String>::new());
    let file = Arc::new(SourceFile::from_bytes("a.yaml", "a.yaml", TASK.as_bytes()).unwrap());
    assert!(parse_task(&file).is_ok());
}

#[test]
fn what_is_wrong_does_not_fit() {
    let schema = task_schema(&catalog());
    for (right, wrong) in [
        ("version: 1", "version: 2"),
        ("timeout: 1h30m", "timeout: 30"),
        ("timeout: 1h30m", "tiemout: 1h"),
        ("start_state: a\n", ""),
        ("final_state: [b]", "final_state: []"),
        ("max_attempts: 2", "max_attempts: 0"),
        ("every: 1s", "evry: 1s"),
        ("fail_when: [x, y]", "fail_when: []"),
        ("kind: transport", "kind: limit"),
        ("mode: latest", "mode: newest"),
        ("size: \"${n}\"", "size: n"),
        ("auth: {bearer: t}", "auth: {bearr: t}"),
        ("bus: {nats: ,", "bus: {natz: ,"),
        ("record: headers", "record: header"),
        ("record: headers", "recrod: headers"),
        ("nats: , record: headers", "record: headers"),
        ("nats: , record: headers", "nats: , http: "),
        ("nats: , record: headers", "nats: , http: , record: none"),
        ("{nats: {queue: q}}", "{nats: {queu: q}}"),
        ("poll: {http: GET /}", "poll: {http: GET /, save: {x: y}}"),
        ("set: {y: 1}", "set: {y-z: 1}"),
        ("name: s,", ""),
        ("start_state: a", "start_state: a${x}"),
    ] {
        assert!(TASK.contains(right), "{right}");
        let text = TASK.replacen(right, wrong, 1);
        assert_ne!(errors(&schema, &text), Vec::<String>::new(), "{wrong}");
    }
}

#[test]
fn a_suite_has_its_schema_too() {
    let schema = suite_schema(&catalog());
    let text = "version: 1\nscripts: s\nvars: {a: 1}\nclients: {x: {http: {}}}\ndefaults: {timeout: 5s}\nconcurrency: 2\nservices: {s: {command: [a, 1], ready: {http: x}, env: {A: 1}}}\npermissions: {net: [a]}\njournal: {keep: 30d, max: 1.5 gib}\n";
    assert_eq!(errors(&schema, text), Vec::<String>::new());
    assert_ne!(
        errors(&schema, "version: 1\nservices: {s: {}}"),
        Vec::<String>::new()
    );
    assert_ne!(
        errors(&schema, "version: 1\nplugins: {}"),
        Vec::<String>::new()
    );
    for wrong in [
        "{keep: 30}",
        "{keep: '${x}'}",
        "{max: 1}",
        "{max: 1XB}",
        "{kep: 30d}",
    ] {
        let text = format!("version: 1\njournal: {wrong}");
        assert_ne!(errors(&schema, &text), Vec::<String>::new(), "{wrong}");
    }
    let names = schema["definitions"].as_object().unwrap();
    assert!(
        !names.contains_key("state"),
        "nothing in a suite is a state"
    );
}

#[test]
fn every_key_is_described_and_none_is_missing() {
    let schema = task_schema(&catalog());
    let check = |object: &Object, properties: &Json| {
        for key in object.keys() {
            let property = &properties[key.name];
            if matches!(key.shape, Shape::Unsupported) {
                assert!(property.is_null(), "{} is not supported", key.name);
            } else {
                assert_eq!(
                    property["description"], key.doc,
                    "{} of {}",
                    key.name, object.name
                );
            }
            assert!(key.doc.ends_with('.'), "{}", key.doc);
        }
    };
    check(&keys::TASK, &schema["properties"]);
    for (name, object) in [
        ("state", &keys::STATE),
        ("condition", &keys::CONDITION),
        ("transition", &keys::TRANSITION),
        ("instruction", &keys::INSTRUCTION),
    ] {
        check(object, &schema["definitions"][name]["properties"]);
    }
    let client = &schema["definitions"]["clients"]["additionalProperties"];
    check(&keys::CLIENT, &client["properties"]);
    check(&keys::SUITE, &suite_schema(&catalog())["properties"]);
}

#[test]
fn editors_meet_no_alternatives() {
    let text = task_schema(&catalog()).to_string();
    for word in ["\"oneOf\"", "\"anyOf\"", "\"$defs\"", "#/$defs"] {
        assert!(!text.contains(word), "{word}");
    }
}

/// Calls this with the name and the schema of every key that the schema describes.
fn each_key(schema: &Json, call: &mut impl FnMut(&str, &Json)) {
    match schema {
        Json::Object(members) => {
            let properties = members.get("properties").and_then(Json::as_object);
            for (name, property) in properties.into_iter().flatten() {
                call(name, property);
            }
            members.values().for_each(|value| each_key(value, call));
        }
        Json::Array(items) => items.iter().for_each(|item| each_key(item, call)),
        _ => {}
    }
}

#[test]
fn completion_knows_what_follows_a_key() {
    let catalog = crate::client::Registry::builtin().catalog();
    let mut seen = 0;
    for schema in [task_schema(&catalog), suite_schema(&catalog)] {
        each_key(&schema, &mut |name, property| {
            seen += 1;
            let says = |key| property.get(key).is_some();
            // `false` is a key that is refused: it is not completed.
            assert!(
                property == false || ["type", "$ref", "const", "enum"].into_iter().any(says),
                "{name}: {property}"
            );
        });
    }
    assert!(seen > 200, "{seen}");
}

#[test]
fn a_text_comes_before_its_other_forms() {
    let schema = task_schema(&catalog());
    let state = &schema["definitions"]["state"]["properties"];
    for (key, other) in [("wait", "properties"), ("on_error", "items")] {
        let property = &state[key];
        assert_eq!(property["type"][0], "string", "{property}");
        assert!(property.get(other).is_none(), "{property}");
        assert!(property["allOf"][0].get(other).is_some(), "{property}");
    }
}

#[test]
fn an_empty_catalog_gives_a_schema_too() {
    let schema = task_schema(&Catalog::default());
    assert_eq!(errors(&schema, TASK), Vec::<String>::new());
}

/// Each key of an instruction is allowed under `poll` by both or by neither.
#[test]
fn schema_and_check_agree_about_what_is_polled() {
    let values = [
        ("name", "x"),
        ("if", "'true'"),
        ("expect", "'true'"),
        ("save", "{ a: res }"),
        ("timeout", "1s"),
        ("retry", "{ max_attempts: 2 }"),
        ("for_each", "[1]"),
        ("concurrency", "2"),
        ("defer", "{ log: x }"),
        ("parallel", "[{ http: GET /x }]"),
        ("listen", "{ a: { nats: x } }"),
        ("eval", "'1'"),
        ("signal", "{ name: x }"),
        ("log", "x"),
        ("task", "{ file: x.yaml }"),
    ];
    let schema = task_schema(&catalog());
    let mut allowed = Vec::new();
    for key in keys::MODIFIERS.iter().chain(keys::ACTIONS) {
        if matches!(key.shape, Shape::Unsupported) {
            continue;
        }
        let (_, value) = values.iter().find(|(name, _)| *name == key.name).unwrap();
        let is_action = keys::ACTIONS.iter().any(|action| action.name == key.name);
        let action = if is_action { "" } else { "http: GET /x, " };
        let text = format!(
            "version: 1\nstart_state: a\nfinal_state: b\nstates:\n  a:\n    transitions:\n      - to: b\n        poll: {{ {action}{}: {value} }}\n  b:\n",
            key.name
        );
        let file = Arc::new(SourceFile::from_bytes("a.yaml", "a.yaml", text.as_bytes()).unwrap());
        let is_right = parse_task(&file).is_ok();
        assert_eq!(errors(&schema, &text).is_empty(), is_right, "{text}");
        if is_right {
            allowed.push(key.name);
        }
    }
    assert_eq!(allowed, ["name", "if", "timeout", "parallel", "eval"]);
}
