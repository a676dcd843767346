use super::{Desk, order};

fn reads(source: &str) -> Vec<String> {
    let desk = Desk::new(order());
    let script = desk
        .engine
        .script(source)
        .unwrap_or_else(|error| panic!("{source}: {error:?}"));
    for read in &script.uses().reads {
        assert_eq!(&source[read.at.clone()], &*read.name);
    }
    script.reads().iter().map(ToString::to_string).collect()
}

#[test]
fn free_variables_are_found_and_bound_ones_are_not() {
    for (source, expected) in [
        ("1 + 2", &[][..]),
        ("a + b.a - a", &["a", "b"]),
        (
            "res.body.items.filter(|i| i.price > limit && i.x == y)",
            &["res", "limit", "y"],
        ),
        ("[1].map(|x| x + 1) == x", &["x"]),
        ("f(|a, b| a + b + c, a)", &["c", "a"]),
        ("let x = y; x + z", &["y", "z"]),
        ("let x = x; x", &["x"]),
        ("for i in list { sum(i, k); } i", &["list", "k", "i"]),
        ("for (v, n) in list { v + n }", &["list"]),
        ("if a { let t = b; t } else { t }", &["a", "b", "t"]),
        ("try { a } catch (e) { e + b }", &["a", "b"]),
        ("fn f(a) { a + 1 } f(b)", &["b"]),
        ("#{a: b, 'c': d}", &["b", "d"]),
        ("`x ${a + `${b}`} y`", &["a", "b"]),
        ("switch a { 1 => b, _ => c }", &["a", "b", "c"]),
        ("M::f(a, M::K)", &["a"]),
        ("x.call(|| y)", &["x", "y"]),
        ("a in b and null == c or true", &["a", "b", "c"]),
        ("'text with a, b' + c // d", &["c"]),
    ] {
        assert_eq!(reads(source), expected, "{source}");
    }
}

#[test]
fn calls_and_paths_carry_their_bytes() {
    let desk = Desk::new(order());
    let source =
        "shop::total(res.body['items'][0].price, |a, b| a) > max(1, 2) && x.y.trim().len(3,) == []";
    let expression = desk.engine.expression(source).unwrap();
    let uses = expression.uses();
    let calls: Vec<_> = uses
        .calls
        .iter()
        .map(|call| {
            assert_eq!(&source[call.at.clone()], &*call.name);
            (call.module.as_deref(), &*call.name, call.args, call.method)
        })
        .collect();
    assert_eq!(
        calls,
        [
            (Some("shop"), "total", 2, false),
            (None, "max", 2, false),
            (None, "trim", 1, true),
            (None, "len", 2, true)
        ]
    );
    let paths: Vec<_> = uses
        .paths
        .iter()
        .map(|path| (&source[path.at.clone()], path.members.join(".")))
        .collect();
    assert_eq!(
        paths,
        [
            (
                "res.body['items'][0].price",
                "body.items.0.price".to_owned()
            ),
            ("x.y", "y".to_owned())
        ]
    );
}
