use super::{Desk, on_big_stack, order};
use crate::script::{EvalKind, Scope};
use crate::syntax::{MAX_SOURCE, MAX_TOKENS};
use serde_json::json;

/// Scripts that would never end, or take memory without end, on an engine without limits.
const ATTACKS: [&str; 23] = [
    "loop {}",
    "loop { try { loop {} } catch { } }",
    "let n = 0; while true { n += 1; }",
    "fn f() { f() } f()",
    "let f = |g| g.call(g); f.call(f)",
    "let s = 'x'; loop { s += s; }",
    "let s = 'x'; loop { s = `${s}${s}`; }",
    "let s = 'x'; s.pad(100000000000, 'y')",
    "let a = []; a.pad(1000000000, 0); a",
    "let a = [1]; loop { a += a; }",
    "let a = [1]; loop { a = [a, a, a, a]; }",
    "let m = #{}; loop { m = #{a: m, b: m}; }",
    "let m = #{}; let i = 0; loop { m[`k${i}`] = i; i += 1; }",
    "let a = []; loop { a.push(a); }",
    "let a = || 1; loop { let b = a; a = || b; }",
    "[1, 2].map(|x| { loop {} })",
    "[2, 1].sort(|a, b| { loop {} })",
    "find([1], |x| { loop {} })",
    "let s = 'ab'; loop { s = s + s; }",
    "let l = [1, 2]; loop { l = l + l; }",
    "for i in 0..100000000000 { }",
    "let x = 1; loop { x = sha256('a'); }",
    "loop { print('x'); debug('y'); }",
];

#[test]
fn attacks_end_as_errors() {
    let desk = Desk::new(order());
    for source in ATTACKS {
        let error = desk.eval(source).expect_err(source);
        assert!(!error.message.is_empty(), "{source}");
        assert_eq!(error.kind, EvalKind::Limit, "{source}: {error:?}");
    }
    // The engine is as good as before.
    assert_eq!(desk.eval("40 + 2").unwrap(), json!(42));
}

#[test]
fn expressions_cannot_build_large_values_either() {
    let long = "x".repeat(300_000);
    let desk = Desk::new(order()).with("long", json!(long));
    for source in [
        "long + long + long + long",
        "`${long}${long}${long}${long}`",
        "base64(base64(base64(long + long)))",
    ] {
        assert_eq!(
            desk.eval(source).unwrap_err().kind,
            EvalKind::Limit,
            "{source}"
        );
    }
    assert_eq!(
        desk.render("${long}${long}${long}${long}")
            .unwrap_err()
            .kind,
        EvalKind::Limit
    );
}

#[test]
fn no_code_and_no_file_can_be_loaded() {
    let desk = Desk::new(order());
    for source in [
        "eval('1 + 1')",
        "import '/etc/passwd' as x; x",
        "import 'x'",
        "export let x = 1;",
        "Fn('eval').call('1')",
        "let e = 'eval'; e.call('1')",
        "let f = |x| x; loop { f = f.curry('x'); }",
        "curry(|x| x, 1)",
        "blob(100000000000)",
    ] {
        let refused = match desk.engine.script(source) {
            Err(_) => true,
            Ok(_) => desk.eval(source).is_err(),
        };
        assert!(refused, "{source}");
    }
}

fn many(count: usize, part: impl Fn(usize) -> String) -> String {
    (0..count).map(part).collect::<Vec<_>>().concat()
}

#[test]
fn large_and_deep_sources_are_refused_at_once() {
    let desk = Desk::new(order());
    let nested = |open: &str, close: &str, count: usize| {
        format!("{}1{}", open.repeat(count), close.repeat(count))
    };
    let sources = [
        "1".repeat(MAX_SOURCE + 1),
        format!("[{}]", "1,".repeat(MAX_TOKENS)),
        format!("#{{{}}}", many(9_000, |i| format!("a{i}:1,"))),
        format!("switch x {{ {} }}", many(6_000, |i| format!("{i}=>1,"))),
        nested("(", ")", 1000),
        nested("[", "]", 1000),
        nested("-", "", 1000),
        nested("!", "", 1000),
        nested("f(", ")", 1000),
        nested("if true { ", " }", 500),
        nested("|x| ", "", 1000),
        nested("`${", "}`", 100),
        nested("#{a: ", "}", 1000),
        nested("x[", "]", 1000),
    ];
    on_big_stack(|| {
        for source in &sources {
            let start: String = source.chars().take(40).collect();
            assert!(desk.engine.expression(source).is_err(), "{start}");
            assert!(desk.engine.script(source).is_err(), "{start}");
            assert!(
                desk.engine.script(&format!("let y = 1; {source}")).is_err(),
                "{start} after a statement"
            );
            assert!(
                desk.engine.template(&format!("${{{source}}}")).is_err(),
                "{start} in a template"
            );
        }
    });
    // Long but flat is fine.
    let flat = format!("1{}", " + 1".repeat(2_000));
    let _ = desk.engine.expression(&flat);
}

#[test]
fn a_value_nested_too_deeply_does_not_leave() {
    let desk = Desk::new(order());
    let error = desk
        .eval("let a = []; for i in 0..200 { a = [a]; } a")
        .unwrap_err();
    assert_eq!(error.kind, EvalKind::Limit);
    assert!(
        desk.eval("let a = []; for i in 0..100 { a = [a]; } a")
            .is_ok()
    );
}

#[test]
fn a_panic_inside_is_an_error() {
    // No function of ours panics; the guard is tested with a local that does.
    let desk = Desk::new(order());
    let expression = desk.engine.expression("boom").unwrap();
    let lookup = |name: &str| -> Option<crate::script::Value> { panic!("asked for {name}") };
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let result = desk.engine.eval(
        &expression,
        &Scope::new(),
        &crate::script::Locals::new(&lookup),
        &desk.host,
    );
    std::panic::set_hook(hook);
    assert!(result.unwrap_err().message.contains("panicked"));
    assert_eq!(desk.eval("1").unwrap(), json!(1));
}

#[test]
fn locals_are_asked_for_only_what_is_read() {
    let desk = Desk::new(order());
    let asked = std::sync::Mutex::new(Vec::new());
    let lookup = |name: &str| {
        asked.lock().unwrap().push(name.to_owned());
        Some(crate::script::Value::from(true))
    };
    let expression = desk.engine.expression("a || res.body.x").unwrap();
    let on = crate::script::Locals::new(&lookup);
    let tested = desk
        .engine
        .test(&expression, &Scope::new(), &on, &desk.host);
    assert_eq!(tested.unwrap().truth, Some(true));
    assert_eq!(*asked.lock().unwrap(), ["a"]);
}

#[test]
fn an_engine_and_its_parts_can_be_shared() {
    fn shared<T: Send + Sync>() {}
    shared::<crate::script::Engine>();
    shared::<crate::script::Expression>();
    shared::<crate::script::Template>();
    shared::<crate::script::Source>();
    shared::<Scope>();
    shared::<crate::script::Value>();
    assert!(size_of::<Scope>() <= 56);
    assert!(size_of::<(crate::event::Name, crate::script::Value)>() <= 32);
}
