use super::{Desk, on_big_stack, order};
use crate::script::{Engine, Module};
use serde_json::json;

fn module(name: &str, source: &str) -> Module {
    Module {
        name: name.into(),
        file: format!("scripts/{name}.rhai").into(),
        source: source.into(),
    }
}

fn desk(modules: &[Module]) -> Desk {
    let mut desk = Desk::new(order());
    let (engine, errors) = Engine::new(modules);
    assert_eq!(errors, []);
    desk.engine = engine;
    desk
}

#[test]
fn any_expression_may_call_a_module() {
    let desk = desk(&[
        module(
            "shop",
            "// Totals.\nconst RATE = 2;\nfn total(items) {\n  let sum = 0;\n  for i in items { sum += i.price * i.qty; }\n  sum\n}\nfn cheap(items, limit) { items.filter(|i| i.price < limit and i.price != null) }\nfn twice(x) { x * global::RATE }",
        ),
        module(
            "other",
            "fn call_it(items) { shop::total(items) + 'x'.len() }\nprivate fn hidden() { 1 }",
        ),
    ]);
    assert!(desk.test("shop::total(res.body.items) == 99.5").unwrap());
    assert!(
        desk.test("shop::cheap(res.body.items, 20).len() == 2 && shop::twice(4) == 8")
            .unwrap()
    );
    assert!(
        desk.test("other::call_it(res.body.items) == 100.5")
            .unwrap()
    );
    assert_eq!(
        desk.eval("res.body.items.map(|i| shop::twice(i.qty))")
            .unwrap(),
        json!([4, 2, 2])
    );
    assert_eq!(desk.eval("let x = shop::twice(1); x").unwrap(), json!(2));
    let expression = desk
        .engine
        .expression("shop::totl(1) + shop::total() + shopp::total(1)")
        .unwrap();
    let messages: Vec<_> = desk
        .engine
        .unresolved(&expression)
        .into_iter()
        .map(|error| (error.message, error.hint))
        .collect();
    assert_eq!(
        messages,
        [
            (
                "the module `shop` has no function `totl`".to_owned(),
                Some("did you mean `total`?".to_owned())
            ),
            ("`shop::total` takes 1 argument, not 0".to_owned(), None),
            (
                "there is no module `shopp`".to_owned(),
                Some("did you mean `shop`?".to_owned())
            ),
        ]
    );
}

#[test]
fn a_constant_that_a_module_does_not_have_is_found() {
    let desk = desk(&[module(
        "shop",
        "const RATE = 2;\nfn twice(x) { x * global::RATE }",
    )]);
    assert!(desk.test("shop::RATE == 2 && shop::twice(2) == 4").unwrap());
    let source = "shop::RATE + shop::RATES + shop::twice + shopp::RATE";
    let expression = desk.engine.expression(source).unwrap();
    let found: Vec<_> = desk
        .engine
        .unresolved(&expression)
        .into_iter()
        .map(|error| (&source[error.at], error.message, error.hint.unwrap()))
        .collect();
    let told = |at, message: &str, hint: &str| (at, message.to_owned(), hint.to_owned());
    assert_eq!(
        found,
        [
            told(
                "shop::RATES",
                "the module `shop` has no constant `RATES`",
                "did you mean `RATE`?"
            ),
            told(
                "shop::twice",
                "the module `shop` has no constant `twice`",
                "write `const twice = …;` in it, or `twice()` for a function"
            ),
            told(
                "shopp::RATE",
                "there is no module `shopp`",
                "did you mean `shop`?"
            ),
        ]
    );

    // A function of a module sees those of its own, and those of others.
    let (_, errors) = Engine::new(&[
        module("a", "const RATE = 2;\nfn f() { global::RAT }"),
        module("b", "fn f() { a::RATE + a::RAT }"),
    ]);
    let found: Vec<_> = errors
        .iter()
        .map(|one| (&*one.module, one.error.at.clone(), &*one.error.message))
        .collect();
    assert_eq!(
        found,
        [
            ("a", 25..36, "the module `a` has no constant `RAT`"),
            ("b", 19..25, "the module `a` has no constant `RAT`"),
        ]
    );
}

#[test]
fn an_error_inside_a_module_names_its_line() {
    let desk = desk(&[module("shop", "fn bad(x) {\n  let y = 1;\n    y < x\n}")]);
    let source = "res.body.paid && shop::bad(res.body.status)";
    let error = desk.eval(source).unwrap_err();
    assert_eq!(
        error.message,
        "`<` cannot compare the integer 1 with the text \"shipped\" (in `bad`, scripts/shop.rhai:3:5)"
    );
    assert_eq!(&source[error.at], "shop::bad(res.body.status)");
}

#[test]
fn an_error_deep_in_modules_names_the_innermost_line_and_the_way_to_it() {
    let desk = desk(&[
        module(
            "a",
            "fn outer(x) {\n  let y = x;\n  inner(y) + 1\n}\nfn inner(x) {\n  1 - x\n}",
        ),
        module("b", "fn via(x) {\n  a::outer(x)\n}"),
    ]);
    let source = "1 + b::via('a')";
    let error = desk.eval(source).unwrap_err();
    assert_eq!(
        error.message,
        "`-` cannot be applied to the integer 1 and the text \"a\" (in `inner`, scripts/a.rhai:6:3; \
         called in `outer`, scripts/a.rhai:3:3; called in `via`, scripts/b.rhai:2:6)"
    );
    assert_eq!(&source[error.at], "b::via('a')");
    // Through a closure and a function of the script as well.
    let error = desk.eval("fn f(x) { a::outer(x) } f('a')").unwrap_err();
    assert!(
        error
            .message
            .contains("(in `inner`, scripts/a.rhai:6:3; called in `outer`"),
        "{}",
        error.message
    );
    let error = desk.eval("['a'].map(|x| a::outer(x))").unwrap_err();
    assert!(
        error
            .message
            .contains("(in `inner`, scripts/a.rhai:6:3; called in `outer`"),
        "{}",
        error.message
    );
}

#[test]
fn broken_modules_are_left_out_and_reported() {
    let (engine, errors) = Engine::new(&[
        module("good", "fn one() { 1 }"),
        module("broken", "fn one() {\n  let = 2\n}"),
        module("acts", "let x = 1;\nfn f() { x }"),
        module("good", "fn two() { 2 }"),
        module("if", "fn f() { 1 }"),
        module("dialect", "fn f(x) { not x }"),
        module("imports", "import 'x' as y;"),
    ]);
    let reported: Vec<_> = errors
        .iter()
        .map(|error| {
            (
                &*error.module,
                error.error.at.clone(),
                &*error.error.message,
            )
        })
        .collect();
    assert_eq!(reported.len(), 6, "{reported:?}");
    assert_eq!(reported[0].1, 17..18, "{reported:?}");
    assert_eq!(
        reported[1],
        ("acts", 0..3, "a module holds functions and constants only")
    );
    assert_eq!(reported[2].2, "there are two modules `good`");
    assert_eq!(reported[3].2, "`if` is no name of a module");
    assert_eq!(reported[4].2, "`not` is not part of the language");
    let mut desk = Desk::new(order());
    desk.engine = engine;
    assert!(desk.test("good::one() == 1").unwrap());
    assert!(
        desk.eval("broken::one()")
            .unwrap_err()
            .message
            .contains("there is no module `broken`")
    );
}

#[test]
fn functions_of_a_script_may_have_the_names_of_ours() {
    let desk = desk(&[module("m", "fn sum(list) { 7 }\nfn f() { sum([1]) }")]);
    assert!(
        desk.test("m::f() == 7 && m::sum([]) == 7 && sum([1]) == 1")
            .unwrap()
    );
}

#[test]
fn one_engine_serves_many_threads() {
    let desk = desk(&[module("shop", "fn twice(x) { x * 2 }")]);
    let expression = desk
        .engine
        .expression("shop::twice(res.body.count) == 6 && uuid() != ''")
        .unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                on_big_stack(|| {
                    for _ in 0..50 {
                        let tested = desk.locals(|on| {
                            desk.engine.test(&expression, &desk.scope, on, &desk.host)
                        });
                        assert_eq!(tested.unwrap().truth, Some(true));
                    }
                });
            });
        }
    });
}

#[test]
fn what_a_module_names_and_nobody_has_is_reported_at_its_place() {
    let (engine, errors) = Engine::new(&[
        module(
            "shop",
            "fn total(items) {\n  sum(items) + rate\n}\nfn f() { totl([]) }\nfn g() { missing::x() + broken::y() }",
        ),
        module("broken", "fn ("),
    ]);
    let messages: Vec<_> = errors
        .iter()
        .map(|error| (&*error.module, &*error.error.message))
        .collect();
    assert_eq!(messages[0].0, "broken");
    assert_eq!(
        messages[1..],
        [
            ("shop", "a function of a module does not see `rate`"),
            ("shop", "there is no function `totl`"),
            ("shop", "there is no module `missing`"),
        ]
    );
    assert_eq!(errors[1].error.at, 33..37);
    // Calls of a broken module are no mistake of the caller.
    let expression = engine.expression("broken::y()").unwrap();
    assert_eq!(engine.unresolved(&expression), []);
}
