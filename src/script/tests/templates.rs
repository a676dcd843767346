use super::{Desk, order};
use serde_json::json;

#[test]
fn a_single_hole_keeps_its_type_and_a_longer_text_is_text() {
    let desk = Desk::new(order())
        .with("qty", json!(2))
        .with("id", json!("o 7"));
    for (source, expected) in [
        ("${qty}", json!(2)),
        ("${ qty }", json!(2)),
        (
            "${res.body.items[0]}",
            json!({"sku": "A-1", "price": 10, "qty": 2}),
        ),
        ("${res.body.note}", json!(null)),
        ("n${qty}", json!("n2")),
        ("${qty}${qty}", json!("22")),
        (
            "GET /orders/${url_encode(id)}?n=${qty}",
            json!("GET /orders/o%207?n=2"),
        ),
        ("", json!("")),
        ("plain", json!("plain")),
        ("100 $ and {braces}", json!("100 $ and {braces}")),
        ("$${qty}", json!("${qty}")),
        ("a $${x} ${qty}", json!("a ${x} 2")),
        ("${'}'}", json!("}")),
        ("${\"}\" + '{'}", json!("}{")),
        ("${#{a: 1}.a}", json!(1)),
        ("${`x${qty}`}", json!("x2")),
        (
            "${res.body.total} ${1.0} ${true} ${res.body.tags}",
            json!("99.5 1.0 true [\"b\",\"a\",\"c\"]"),
        ),
        ("${qty /* } */}", json!(2)),
        ("x${res.body.note ?? ''}y", json!("xy")),
        ("multi\nline ${\n  qty\n}", json!("multi\nline 2")),
        ("{\"json\": ${qty}}", json!("{\"json\": 2}")),
    ] {
        assert_eq!(desk.render(source).unwrap(), expected, "{source}");
    }
}

#[test]
fn a_missing_value_in_a_longer_text_is_an_error_at_its_place() {
    let desk = Desk::new(order());
    let source = "DELETE /orders/${res.body.idd}";
    let error = desk.render(source).unwrap_err();
    assert_eq!(&source[error.at.clone()], "res.body.idd");
    assert_eq!(
        error.message,
        "a value in a text is missing: `res.body.idd` is missing"
    );
    assert!(error.hint.unwrap().contains("?? \"\""));
    let error = desk.render("é ${1 + 'a' - 1}").unwrap_err();
    assert_eq!(error.at, 5..16);
}

#[test]
fn a_hole_that_does_not_parse_is_an_error_at_its_place() {
    let desk = Desk::new(order());
    for (source, at) in [
        ("a ${b", 2..4),
        ("a ${}", 2..5),
        ("a ${ } b", 2..6),
        ("a ${b +} c", 6..7),
        ("a ${not b}", 4..7),
        ("a ${'x}", 4..5),
        ("${a = 1}", 4..5),
    ] {
        let error = desk.engine.template(source).unwrap_err();
        assert_eq!(error.at, at, "{source}: {error:?}");
    }
}

#[test]
fn parts_are_for_binding() {
    let desk = Desk::new(order()).with("id", json!("a'; drop table x"));
    let template = desk
        .engine
        .template("select * from t where id = ${id} and n > ${res.body.count}")
        .unwrap();
    let (texts, values) = desk
        .locals(|on| {
            desk.engine
                .render_parts(&template, &desk.scope, on, &desk.host)
        })
        .unwrap();
    assert_eq!(texts, ["select * from t where id = ", " and n > ", ""]);
    let expected = [json!("a'; drop table x"), json!(3)];
    assert_eq!(values, expected.map(crate::script::Value::from));
    assert_eq!(
        template
            .reads()
            .iter()
            .map(|name| &**name)
            .collect::<Vec<_>>(),
        ["id", "res"]
    );
}
