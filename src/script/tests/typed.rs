//! Times, durations and bytes: what JSON does not tell of a value.

use super::{Desk, Value};
use crate::event::{Name, ValueType, ValueTypes};
use serde_json::{Value as Json, json};

/// The beginning of a PNG, which is no UTF-8.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\xff\xfe";

fn image() -> Desk {
    let base64 = Value::bytes(PNG).to_json();
    let text = String::from_utf8_lossy(PNG);
    let desk = Desk::new(json!({ "status": 200, "body": text, "text": text, "base64": base64 }));
    desk.scope.set(&Name::from("png"), Value::bytes(PNG));
    desk.scope
        .set(&Name::from("other"), Value::bytes(&PNG[1..]));
    desk
}

#[test]
fn both_evaluators_know_the_bytes_of_a_result() {
    let desk = image();
    for source in [
        "res.bytes == png",
        "res['bytes'] == png",
        "res.bytes != other",
        "png in [other, res.bytes]",
        "res.bytes != res.text",
        "type_of(res.bytes) == 'bytes'",
        "len(res.bytes) == 18 && res.bytes.len() == 18",
        "base64(res.bytes) == res.base64",
        "hex(res.bytes).starts_with('89504e47')",
        "sha256(res.bytes) == sha256(png) && sha256(res.bytes) != sha256(res.text)",
        "hmac_sha256('key', res.bytes) != hmac_sha256('key', res.text)",
        "hmac_sha256(png, 'text') != hmac_sha256(other, 'text')",
        "(res.bytes ?? 1) == png",
    ] {
        assert_eq!(desk.eval(source), Ok(json!(true)), "{source}");
        assert_eq!(
            desk.eval_by_rhai(source),
            Ok(json!(true)),
            "{source} in Rhai"
        );
    }
}

#[test]
fn bytes_of_a_text_are_those_of_its_utf8() {
    let desk = Desk::new(json!({ "text": "äb" }));
    for source in [
        "len(res.bytes) == 3",
        "hex(res.bytes) == 'c3a462'",
        "sha256(res.bytes) == sha256(res.text)",
    ] {
        assert_eq!(desk.eval(source), Ok(json!(true)), "{source}");
    }
}

#[test]
fn only_a_result_with_a_text_has_bytes() {
    let missing = |desk: &Desk, source: &str| {
        assert_eq!(desk.eval(source), Ok(json!(null)), "{source}");
        assert_eq!(
            desk.eval_by_rhai(source),
            Ok(json!(null)),
            "{source} in Rhai"
        );
    };
    let desk = Desk::new(json!({ "body": { "text": "t" }, "text": "x" }));
    desk.scope
        .set(&Name::from("data"), json!({ "text": "t" }).into());
    // What is saved is plain data, as it is when it is read from a journal again.
    desk.scope
        .set(&Name::from("saved"), Value::result(desk.res.clone()));
    for source in [
        "res.body.bytes",
        "data.bytes",
        "saved.bytes",
        "res.bytes.text",
    ] {
        missing(&desk, source);
    }
    missing(&Desk::new(json!({ "body": 1 })), "res.bytes");
    missing(
        &Desk::new(json!({ "text": "x", "base64": "?" })),
        "res.bytes",
    );
    let own = Desk::new(json!({ "text": "x", "bytes": 7 }));
    assert_eq!(own.eval("res.bytes"), Ok(json!(7)));
}

#[test]
fn the_bytes_are_near_a_misspelt_member() {
    let explanation = image().explain("res.byts == png");
    assert_eq!(explanation.missing[0].nearest.as_deref(), Some("bytes"));
    let desk = Desk::new(json!({ "status": 200, "body": 1 }));
    let explanation = desk.explain("res.byts == 1");
    assert_eq!(explanation.missing[0].nearest, None);
}

#[test]
fn bytes_are_base64_where_json_is_due_and_refused_in_a_longer_text() {
    let desk = image();
    let base64 = desk.eval("base64(png)").unwrap();
    assert_eq!(desk.eval("png"), Ok(base64.clone()));
    assert_eq!(desk.render("${res.bytes}"), Ok(base64.clone()));
    assert_eq!(desk.eval("#{a: [png]}"), Ok(json!({ "a": [base64] })));
    assert_eq!(desk.eval("parse_json(to_json([png]))[0]"), Ok(base64));
    let error = desk.render("image: ${res.bytes}").unwrap_err();
    assert_eq!(
        error.message,
        "bytes have no text; these are the bytes (18) iVBORw0KGgoAAAANSUhEUv/+"
    );
    assert!(error.hint.unwrap().contains("base64(x)"));
    for source in ["'image: ' + png", "`image: ${png}`", "png.to_string()"] {
        let error = desk.eval(source).unwrap_err();
        assert!(
            error.message.contains("bytes have no text"),
            "{source}: {error:?}"
        );
    }
    let error = desk.eval("res.bytes < png").unwrap_err();
    assert!(
        error.message.contains("the bytes (18) iVBORw0K"),
        "{error:?}"
    );
    let error = desk.eval("starts_with(png, 'a')").unwrap_err();
    assert!(error.message.contains("the bytes (18)"), "{error:?}");
}

#[test]
fn an_explanation_shows_how_bytes_begin() {
    let desk = image();
    desk.scope
        .set(&Name::from("long"), Value::bytes(vec![0; 100_000]));
    let explanation = desk.explain("res.bytes == long");
    let (left, right) = explanation.operands[0].sides.clone().unwrap();
    assert_eq!(left, "bytes (18) iVBORw0KGgoAAAANSUhEUv/+");
    assert_eq!(
        right,
        "bytes (100000) AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA…, SHA-256 9192c25b…"
    );
    assert!(explanation.operands[0].difference.is_none());
}

/// A value as a journal keeps it and gives it back.
fn kept(value: &Value) -> Value {
    let types: ValueTypes =
        serde_json::from_str(&serde_json::to_string(&value.types()).unwrap()).unwrap();
    Value::from_typed(value.to_json(), &types)
}

#[test]
fn a_value_comes_back_as_it_was() {
    let desk = image();
    let script = "#{
        plain: [1, 'text', #{ at: '2026-11-24T10:00:00Z', long: '5s' }],
        at: now(),
        'a/b~c': [duration('-1h30m0.000001s'), #{ bytes: png }],
        rest: res.body,
    }";
    let compiled = desk.engine.script(script).unwrap();
    let value = super::on_big_stack(|| {
        desk.locals(|on| desk.engine.eval(&compiled, &desk.scope, on, &desk.host))
    })
    .unwrap();
    let wanted = [
        ("/a~1b~0c/0", ValueType::Duration),
        ("/a~1b~0c/1/bytes", ValueType::Bytes),
        ("/at", ValueType::Time),
    ];
    let wanted: ValueTypes = (wanted.into_iter())
        .map(|(at, kind)| (at.to_owned(), kind))
        .collect();
    assert_eq!(value.types(), wanted);
    let back = kept(&value);
    assert_eq!(back.to_json(), value.to_json());
    assert_eq!(back.types(), wanted);
    assert_eq!(back, value);
    for (value, kind) in [
        (Value::bytes(PNG), "bytes"),
        (
            Value::duration(jiff::SignedDuration::from_secs(5)),
            "duration",
        ),
        (Value::time(jiff::Timestamp::UNIX_EPOCH), "time"),
        (Value::from("5s"), "text"),
        (Value::from(json!({ "at": "2026-11-24T10:00:00Z" })), "map"),
    ] {
        assert_eq!(kept(&value).type_name(), kind);
    }
}

#[test]
fn what_is_not_as_its_type_says_stays_plain() {
    let types: ValueTypes = ["", "/a", "/b/0", "/c/x", "/d"]
        .into_iter()
        .map(|at| (at.to_owned(), ValueType::Time))
        .collect();
    let json = json!({ "a": "$masked", "b": [], "c": 1, "d": 7 });
    let value = Value::from_typed(json.clone(), &types);
    assert_eq!(value.to_json(), json);
    assert_eq!(value.types(), ValueTypes::default());
    let plain: Json = json!([1]);
    assert_eq!(
        Value::from_typed(plain.clone(), &ValueTypes::default()).to_json(),
        plain
    );
}
