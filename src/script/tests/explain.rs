use super::{Desk, order};
use crate::event::Explanation;
use serde_json::json;
use std::fmt::Write;

/// An explanation as a reader would see it.
fn drawn(explanation: &Explanation) -> String {
    let mut out = String::new();
    for operand in &explanation.operands {
        let (start, end) = (
            operand.span.start.column as usize,
            operand.span.end.column as usize,
        );
        assert_eq!(explanation.source[start..end], operand.source);
        let value = operand
            .value
            .as_ref()
            .map_or("(not evaluated)".to_owned(), ToString::to_string);
        let _ = write!(
            out,
            "{}{} → {value}",
            "  ".repeat(operand.depth.into()),
            operand.source
        );
        if let Some((left, right)) = &operand.sides {
            let _ = write!(out, "   [{left} | {right}]");
        }
        out.push('\n');
    }
    for missing in &explanation.missing {
        let _ = writeln!(
            out,
            "missing {} (nearest {:?})",
            missing.path, missing.nearest
        );
    }
    out
}

#[test]
fn short_circuits_are_kept() {
    let desk = Desk::new(order()).with("attempts", json!(2));
    insta::assert_snapshot!(drawn(&desk.explain("res.body.status == 'lost' && attempts < 5")), @r#"
    res.body.status == 'lost' && attempts < 5 → false
      res.body.status == 'lost' → false   ["shipped" | "lost"]
        res.body.status → "shipped"
      attempts < 5 → (not evaluated)
        attempts → (not evaluated)
    "#);
}

#[test]
fn every_operand_shows_its_value() {
    let desk = Desk::new(order()).with("attempts", json!(2));
    let source = "attempts < 5 && (res.body.total > 100 || res.body.items.len() >= 4) && !matches(res.body.status, 'ship' + 'ped')";
    insta::assert_snapshot!(drawn(&desk.explain(source)), @r#"
    attempts < 5 && (res.body.total > 100 || res.body.items.len() >= 4) && !matches(res.body.status, 'ship' + 'ped') → false
      attempts < 5 && (res.body.total > 100 || res.body.items.len() >= 4) → false
        attempts < 5 → true   [2 | 5]
          attempts → 2
        res.body.total > 100 || res.body.items.len() >= 4 → false
          res.body.total > 100 → false   [99.5 | 100]
            res.body.total → 99.5
          res.body.items.len() >= 4 → false   [3 | 4]
            res.body.items.len() → 3
              res.body.items → [{"sku":"A-1","price":10,"qty":2},{"sku":"B-2","price":9.5,"qty":1},{"sku":"C-3","price":70,"qty":1}]
      !matches(res.body.status, 'ship' + 'ped') → (not evaluated)
        matches(res.body.status, 'ship' + 'ped') → (not evaluated)
          res.body.status → (not evaluated)
          'ship' + 'ped' → (not evaluated)
    "#);
}

#[test]
fn what_is_missing_is_named_with_what_is_near() {
    let desk = Desk::new(order());
    insta::assert_snapshot!(drawn(&desk.explain("res.body.statuss == 'x' || res.body.items[7].price > 3 || res.bdy.a.b == 1 || res.body.note == 'a'")), @r#"
    res.body.statuss == 'x' || res.body.items[7].price > 3 || res.bdy.a.b == 1 || res.body.note == 'a' → null
      res.body.statuss == 'x' || res.body.items[7].price > 3 || res.bdy.a.b == 1 → null
        res.body.statuss == 'x' || res.body.items[7].price > 3 → null
          res.body.statuss == 'x' → null   [null | "x"]
            res.body.statuss → null
          res.body.items[7].price > 3 → null   [null | 3]
            res.body.items[7].price → null
        res.bdy.a.b == 1 → null   [null | 1]
          res.bdy.a.b → null
      res.body.note == 'a' → null   [null | "a"]
        res.body.note → null
    missing res.body.statuss (nearest Some("status"))
    missing res.body.items[7] (nearest None)
    missing res.bdy (nearest Some("body"))
    missing res.body.note (nearest None)
    "#);
}

#[test]
fn what_rhai_computes_is_one_operand_with_its_operands() {
    let desk = Desk::new(order()).with("limit", json!(9.6));
    insta::assert_snapshot!(drawn(&desk.explain("res.body.items.filter(|i| i.price > limit).len() == 1 and 'x' in res.body.tags")), @r#"
    res.body.items.filter(|i| i.price > limit).len() == 1 and 'x' in res.body.tags → false
      res.body.items.filter(|i| i.price > limit).len() == 1 → false   [2 | 1]
        res.body.items.filter(|i| i.price > limit).len() → 2
          res.body.items.filter(|i| i.price > limit) → [{"sku":"A-1","price":10,"qty":2},{"sku":"C-3","price":70,"qty":1}]
            res.body.items → [{"sku":"A-1","price":10,"qty":2},{"sku":"B-2","price":9.5,"qty":1},{"sku":"C-3","price":70,"qty":1}]
      'x' in res.body.tags → (not evaluated)
        res.body.tags → (not evaluated)
    "#);
}

#[test]
fn an_evaluation_that_fails_shows_what_it_saw() {
    let desk = Desk::new(order());
    let explanation = desk.explain("res.body.total > 3 && res.body.status > 3");
    assert_eq!(explanation.value, None);
    assert_eq!(explanation.operands[1].value, Some(json!(true)));
    assert_eq!(explanation.operands[3].value, None);
    assert_eq!(explanation.operands[4].value, Some(json!("shipped")));
}

#[test]
fn values_are_bounded() {
    let long: Vec<i32> = (0..1000).collect();
    let desk = Desk::new(
        json!({"long": long, "text": "x".repeat(5000), "deep": {"a": {"b": {"c": {"d": {"e": 1}}}}}}),
    );
    let size = desk.explain("res.long == res.text || res == 1 || res.deep == 2");
    assert!(serde_json::to_string(&size).unwrap().len() < 4000);
    assert!(
        desk.explain("res.long")
            .value
            .unwrap()
            .to_string()
            .contains("980 more")
    );
}

#[test]
fn each_operand_is_evaluated_once() {
    let desk = Desk::new(order());
    let explanation = desk.explain("uuid() != uuid()");
    assert_eq!(explanation.value, Some(json!(true)));
    assert_eq!(explanation.operands.len(), 3);
    let next = desk.eval("uuid()").unwrap();
    // Two calls were made before: the third gets count 2.
    assert!(next.as_str().unwrap().ends_with("0002"), "{next}");
}

#[test]
fn a_verdict_and_its_reason_come_from_one_evaluation() {
    let desk = Desk::new(order());
    let judge = |source: &str| {
        let expression = desk.engine.expression(source).unwrap();
        desk.locals(|on| desk.engine.judge(&expression, &desk.scope, on, &desk.host))
    };
    let (verdict, explanation) = judge("res.body.statuss == uuid()");
    assert_eq!(verdict, Ok(None));
    assert_eq!(explanation.missing[0].nearest.as_deref(), Some("status"));
    let (verdict, explanation) = judge("res.body.totall");
    assert_eq!(verdict, Ok(None));
    assert_eq!(explanation.missing[0].nearest.as_deref(), Some("total"));
    assert_eq!(explanation.value, Some(json!(null)));
    assert!(
        desk.eval("uuid()")
            .unwrap()
            .as_str()
            .unwrap()
            .ends_with("0001")
    );
}

#[test]
fn what_has_no_members_says_what_finds_what_was_wanted() {
    let desk = Desk::new(json!({
        "body": "{\"ok\": true}", "headers": { "content-type": "text/plain" }, "rows": [[1], "a b"],
    }))
    .with("page", json!("<h1>502</h1>"));
    let why = |source: &str| {
        let explanation = desk.explain(source);
        assert_eq!(explanation.value, Some(json!(null)), "{source}");
        explanation.missing[0].hint.clone().unwrap_or_default()
    };
    assert_eq!(
        why("res.body.ok"),
        "`res.body` is a text (text/plain) that holds JSON: write `parse_json(res.body).ok`"
    );
    assert_eq!(
        why("page.status == 'lost'"),
        "`page` is a text, which has no members"
    );
    assert_eq!(
        why("res.rows.id == 1"),
        "`res.rows` is a list: `res.rows[0].id` is of its first item"
    );
    for member in ["length", "size", "count"] {
        assert_eq!(
            why(&format!("res.rows.{member} == 2")),
            "write `len(res.rows)`"
        );
        assert_eq!(
            why(&format!("res.rows[1].{member} == 3")),
            "write `len(res.rows[1])`"
        );
        assert_eq!(why(&format!("page.{member} > 3")), "write `len(page)`");
    }
    // In code that Rhai runs as well.
    assert_eq!(why("[page].find(|x| x.length == 3)"), "write `len(x)`");
    assert_eq!(
        why("env('UNSET')"),
        "the environment variable `UNSET` is not set"
    );
}
