use super::{Cache, Call, Function, Literal, Missing, Run, text_arg};
use crate::event::{Json, number};
use crate::script::jsonpath::JsonPath;
use crate::script::lazy;
use crate::script::ops::{self, Fault, Type, shown};
use rhai::Dynamic;
use std::sync::Arc;

/// Most differences that `diff` lists.
const MAX_DIFFERENCES: usize = 100;
/// Longest value in a difference, in characters.
const MAX_SHOWN: usize = 80;

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "parse_json",
        params: "text",
        arity: 1..=1,
        doc: "The value that a JSON text means.",
        example: "parse_json('{\"a\": [1]}').a[0] == 1",
        missing: Missing::First,
        literal: None,
        run: Run::Gives(parse_json),
    },
    Function {
        name: "to_json",
        params: "value",
        arity: 1..=1,
        doc: "The value as JSON text.",
        example: "to_json(#{a: [1, null]}) == '{\"a\":[1,null]}'",
        missing: Missing::Seen,
        literal: None,
        run: Run::Gives(|_, args| {
            let json = lazy::to_json(&args[0])?;
            ops::sized(json.to_string().into())
        }),
    },
    Function {
        name: "jsonpath",
        params: "value, path",
        arity: 2..=2,
        doc: "What a JSONPath (RFC 9535) finds: a list, or the value itself if the path names one place only.",
        example: "jsonpath(#{lines: [#{sku: 'A'}, #{sku: 'B'}]}, '$.lines[*].sku') == ['A', 'B']",
        missing: Missing::First,
        literal: Some((1, Literal::Path)),
        run: Run::Gives(jsonpath),
    },
    Function {
        name: "matches_schema",
        params: "value, schema",
        arity: 2..=2,
        doc: "Whether a value is valid by a JSON Schema, given as a map or JSON text.",
        example: "matches_schema(#{id: 7}, #{type: 'object', required: ['id']})",
        missing: Missing::Any,
        literal: None,
        run: Run::Gives(matches_schema),
    },
    Function {
        name: "diff",
        params: "expected, actual",
        arity: 2..=2,
        doc: "The differences of two values, a text each: `$.items[2].price 10 → 9.5`; empty if they are equal.",
        example: "diff(#{a: 1, b: [2]}, #{a: 1, b: [3]}) == ['$.b[0] 2 → 3']",
        missing: Missing::First,
        literal: None,
        run: Run::Gives(|_, args| {
            let mut out = Vec::new();
            differences(
                "$",
                &lazy::to_json(&args[0])?,
                &lazy::to_json(&args[1])?,
                &mut out,
            );
            Ok(Dynamic::from_array(
                out.into_iter().map(Dynamic::from).collect(),
            ))
        }),
    },
];

fn parse_json(_: &Call<'_>, args: &[Dynamic]) -> Result<Dynamic, Fault> {
    let text = text_arg(args, 0, "parse_json")?;
    if let Some(digits) = rounded_integer(&text) {
        return Err(Fault::new(format!(
            "the integer {} does not fit into 64 bits",
            ops::cut(digits, MAX_SHOWN)
        ))
        .hint("it would be rounded; compare the text itself"));
    }
    serde_json::from_str::<Json>(&text)
        .map(|json| lazy::value(Arc::new(json)))
        .map_err(|error| Fault::new(format!("this is no JSON: {error}")))
}

/// The first integer of a JSON text that a parser would round.
fn rounded_integer(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                at += 1;
                while at < bytes.len() && bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                at += 1;
            }
            b'0'..=b'9' => {
                let start = at;
                while at < bytes.len() && bytes[at].is_ascii_digit() {
                    at += 1;
                }
                let float = bytes
                    .get(at)
                    .is_some_and(|byte| matches!(byte, b'.' | b'e' | b'E'));
                let negative = start > 0 && bytes[start - 1] == b'-';
                let digits = &text[start..at];
                let fits = if negative {
                    text[start - 1..at].parse::<i64>().is_ok()
                } else {
                    digits.parse::<u64>().is_ok()
                };
                if !float && !fits {
                    return Some(digits);
                }
            }
            _ => at += 1,
        }
    }
    None
}

static PATHS: Cache<JsonPath> = Cache::new();

pub(super) fn path(source: &Dynamic) -> Result<Arc<JsonPath>, Fault> {
    let source = text_arg(std::slice::from_ref(source), 0, "jsonpath")?;
    PATHS.get(&source, || {
        JsonPath::parse(&source).map_err(|error| Fault {
            hint: error.hint,
            ..Fault::new(format!("`{source}` is no JSONPath: {}", error.message))
        })
    })
}

fn jsonpath(_: &Call<'_>, args: &[Dynamic]) -> Result<Dynamic, Fault> {
    path(&args[1])?.find(&args[0])
}

static SCHEMAS: Cache<jsonschema::Validator> = Cache::new();

fn matches_schema(_: &Call<'_>, args: &[Dynamic]) -> Result<Dynamic, Fault> {
    let schema = match Type::of(&args[1]) {
        Type::Text => text_arg(args, 1, "matches_schema")?.to_string(),
        Type::Map | Type::Bool => lazy::to_json(&args[1])?.to_string(),
        _ => {
            return Err(Fault::new(format!(
                "a schema is a map, this is {}",
                shown(&args[1])
            )));
        }
    };
    let validator = SCHEMAS.get(&schema, || {
        let json: Json = serde_json::from_str(&schema)
            .map_err(|error| Fault::new(format!("the schema is no JSON: {error}")))?;
        jsonschema::options()
            .with_pattern_options(jsonschema::PatternOptions::regex())
            .build(&json)
            .map_err(|error| Fault::new(format!("this is no JSON Schema: {error}")))
    })?;
    Ok(validator.is_valid(&lazy::to_json(&args[0])?).into())
}

fn differences(path: &str, expected: &Json, actual: &Json, out: &mut Vec<String>) {
    if out.len() >= MAX_DIFFERENCES {
        return;
    }
    match (expected, actual) {
        (Json::Object(left), Json::Object(right)) => {
            for (key, value) in left {
                match right.get(key) {
                    Some(other) => differences(&format!("{path}.{key}"), value, other, out),
                    None => out.push(format!("{path}.{key} {} → missing", brief(value))),
                }
            }
            for (key, value) in right.iter().filter(|(key, _)| !left.contains_key(*key)) {
                out.push(format!("{path}.{key} missing → {}", brief(value)));
            }
        }
        (Json::Array(left), Json::Array(right)) => {
            for index in 0..left.len().max(right.len()) {
                let path = format!("{path}[{index}]");
                match (left.get(index), right.get(index)) {
                    (Some(value), Some(other)) => differences(&path, value, other, out),
                    (Some(value), None) => out.push(format!("{path} {} → missing", brief(value))),
                    (None, Some(other)) => out.push(format!("{path} missing → {}", brief(other))),
                    (None, None) => {}
                }
                if out.len() >= MAX_DIFFERENCES {
                    return;
                }
            }
        }
        _ if number::equal_json(expected, actual) => {}
        _ => out.push(format!("{path} {} → {}", brief(expected), brief(actual))),
    }
}

fn brief(json: &Json) -> String {
    ops::cut(&json.to_string(), MAX_SHOWN)
}
