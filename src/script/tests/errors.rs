use super::{Desk, order};
use crate::script::EvalKind;
use serde_json::json;

#[test]
fn a_variable_without_a_value_is_missing() {
    let desk = Desk::new(order()).with("order_id", json!(7));
    // A variable that no taken path has saved is missing; that nobody has it is found by the compiler of tasks.
    for source in [
        "1 + orderid",
        "orderid.x",
        "ress.body",
        "[orderid].find(|x| x == orderid)",
    ] {
        assert_eq!(desk.eval(source).unwrap(), json!(null), "{source}");
    }
    let explanation = desk.explain("1 + orderid == 2");
    assert_eq!(explanation.missing[0].path, "orderid");
    assert_eq!(explanation.missing[0].nearest.as_deref(), Some("order_id"));
}

#[test]
fn an_environment_variable_that_is_not_set_is_named_where_a_value_is_due() {
    let desk = Desk::new(order());
    assert_eq!(desk.eval("env('UNSET') ?? 'x'").unwrap(), json!("x"));
    let template = desk.engine.template("at ${env('UNSET')}").unwrap();
    let error = desk
        .locals(|on| desk.engine.render(&template, &desk.scope, on, &desk.host))
        .unwrap_err();
    assert_eq!(error.at, 5..17);
    assert_eq!(
        error.message,
        "a value in a text is missing: `env('UNSET')` is missing"
    );
    let hint = error.hint.unwrap();
    assert!(
        hint.starts_with("the environment variable `UNSET` is not set; "),
        "{hint}"
    );
}

#[test]
fn calls_that_cannot_be_are_found_before_they_run() {
    let desk = Desk::new(order());
    for (source, at, message, hint) in [
        (
            "matchs('a', 'b')",
            0..6,
            "there is no function `matchs`",
            Some("did you mean `matches`?"),
        ),
        (
            "matches('a')",
            0..7,
            "`matches` takes 2 arguments, not 1",
            Some("`matches(text, pattern)`"),
        ),
        (
            "res.body.items.lenn() > 1",
            15..19,
            "there is no function `lenn`",
            Some("did you mean `len`?"),
        ),
        (
            "x.to_upper(1)",
            2..10,
            "`to_upper` takes 1 argument, not 2",
            None,
        ),
        (
            "sleep(3)",
            0..5,
            "there is no function `sleep`",
            Some("`wait` is a strategy of a state"),
        ),
        (
            "timestamp()",
            0..9,
            "there is no function `timestamp`",
            Some("the time is `now()`"),
        ),
        (
            "shop::total(1)",
            6..11,
            "there is no module `shop`",
            Some("a module is a file: `scripts/shop.rhai`"),
        ),
        (
            "[1].map(|x| nope(x))",
            12..16,
            "there is no function `nope`",
            None,
        ),
        ("`${nope(1)}`", 3..7, "there is no function `nope`", None),
    ] {
        let expression = desk.engine.expression(source).unwrap();
        let errors = desk.engine.unresolved(&expression);
        assert_eq!(errors.len(), 1, "{source}: {errors:?}");
        assert_eq!(
            (
                errors[0].at.clone(),
                &*errors[0].message,
                errors[0].hint.as_deref()
            ),
            (at, message, hint),
            "{source}"
        );
    }
    for source in [
        "res.body.items.filter(|i| i.price > 1).map(|i| i.sku).contains('a')",
        "'a,b'.split(',').len() == 2 && 'x'.to_upper().starts_with('X')",
        "now().format() == '' && [1, 2].sort(|a, b| b - a).index_of(1) == 0",
        "one_of(1, 2, 3) && parse_int('1') == 1 && [3].reduce(|a, b| a + b, 0) == 3",
        "type_of(1) == 'i64' && round(1.5) == 2.0",
    ] {
        let expression = desk.engine.expression(source).unwrap();
        assert_eq!(desk.engine.unresolved(&expression), [], "{source}");
        assert!(
            desk.eval(source).is_ok(),
            "{source}: {:?}",
            desk.eval(source)
        );
    }
}

#[test]
fn a_script_cannot_sleep_or_see_the_clock() {
    let desk = Desk::new(order());
    for source in ["sleep(3)", "sleep(0.1)", "let s = 3; sleep(s)"] {
        let error = desk.eval(source).unwrap_err();
        assert_eq!(error.message, "a script cannot sleep", "{source}");
        assert_eq!(
            error.hint.as_deref(),
            Some("`wait` is a strategy of a state")
        );
    }
    assert!(desk.eval("timestamp()").is_err());
}

#[test]
fn errors_of_functions_stand_at_the_call() {
    let desk = Desk::new(order());
    let source = "res.body.paid && matches(res.body.count, 'x')";
    let error = desk.eval(source).unwrap_err();
    assert_eq!(&source[error.at], "matches(res.body.count, 'x')");
    assert_eq!(error.kind, EvalKind::Script);
    let source = "1 + res.body.items.filter(|i| i.price + [])[0]";
    let error = desk.eval(source).unwrap_err();
    assert_eq!(&source[error.at.clone()], "i.price + []", "{error:?}");
    let error = desk.save("res.body.nope.filter(|i| true)").unwrap_err();
    assert!(
        error
            .message
            .contains("`res.body.nope` is missing, did you mean `note`?"),
        "{error:?}"
    );
}

#[test]
fn a_thrown_value_is_the_message() {
    let desk = Desk::new(order());
    assert_eq!(
        desk.eval("throw 'no stock for ' + res.body.status")
            .unwrap_err()
            .message,
        "no stock for shipped"
    );
    assert_eq!(
        desk.eval("let m = ''; try { 1 < 'a' } catch (e) { m = e.message; } m")
            .unwrap(),
        json!("`<` cannot compare the integer 1 with the text \"a\"")
    );
}

#[test]
fn functions_do_not_leave_an_expression() {
    let desk = Desk::new(order());
    for source in ["|x| x", "[|x| x]", "#{f: |x| x}"] {
        let error = desk.eval(source).unwrap_err();
        assert!(
            error.message.contains("a function is no plain value"),
            "{source}: {error:?}"
        );
    }
}

#[test]
fn no_error_speaks_the_language_of_the_engine() {
    let desk = Desk::new(order());
    for (source, message) in [
        (
            "'abc'.pop(())",
            "`pop` needs an integer, this is null (missing)",
        ),
        ("round('x')", "`round` does not take (text)"),
        ("let f = |x| x; f.call()", "the closure does not take ()"),
        (
            "[2, 1].sort(|a| a)",
            "the closure does not take (integer, integer)",
        ),
        (
            "let x = 1; x.y = 3; x",
            "`y` cannot be set: an integer has no members",
        ),
        (
            "let m = #{}; m.x.y = 1; m",
            "`y` cannot be set: null has no members",
        ),
        (
            "let x = 3; x[0] = 1; x",
            "a bool is needed, this is an integer",
        ),
        (
            "let n = 5; for i in n { }",
            "`for` goes through a list, a map, a text or a range, and this is none",
        ),
        (
            "throw ()",
            "the script gave up with `throw`, and without a reason",
        ),
    ] {
        assert_eq!(desk.eval(source).unwrap_err().message, message, "{source}");
    }
    for source in [
        "[1].reduce(|a, b| a.foo(), 0)",
        "round('x')",
        "to_int('a')",
        "[1].map(3)",
        "(1..3).step('x')",
        "let a = [1]; a.insert('x', 2); a",
        "#{a: 1}.keys(2)",
        "'a'.index_of(())",
        "let x = 5; x.foo = ()",
        "'abc'.split(())",
        "parse_float('x')",
        "let a = 1; a()",
        "[1, 2].extract('a')",
        "'x'.sub_string('y')",
    ] {
        let Err(error) = desk
            .engine
            .script(source)
            .map(|_| desk.eval(source))
            .map_or_else(
                |error| Err(error.message),
                |result| result.map_err(|error| error.message),
            )
        else {
            continue;
        };
        let words = [
            "__",
            "anon$",
            "i64",
            "f64",
            "ImmutableString",
            "'()'",
            "(()",
        ];
        assert!(
            !words.iter().any(|word| error.contains(word)),
            "{source}: {error}"
        );
        let count = |c: char| error.matches(c).count();
        assert!(
            count('(') == count(')') && count('`') % 2 == 0,
            "{source}: {error}"
        );
    }
}

#[test]
fn a_limit_is_told_with_its_value_and_a_way_out() {
    let desk = Desk::new(order());
    for (source, words) in [
        ("let s = 'ab'; loop { s += s; }", "at most 1 MiB"),
        ("'x'.pad(2000000, 'y')", "at most 1 MiB"),
        ("let l = [1]; loop { l += l; }", "at most 100,000 items"),
        ("let a = []; a.pad(1000000, 0); a", "at most 100,000 items"),
        (
            "let a = []; for i in 0..200 { a = [a]; } a",
            "at most 128 levels",
        ),
        ("loop {}", "more than 1,000,000 operations"),
        ("fn f(n) { f(n + 1) } f(1)", "at most 32 levels"),
    ] {
        let error = desk.eval(source).unwrap_err();
        assert_eq!(error.kind, EvalKind::Limit, "{source}");
        assert!(error.message.contains(words), "{source}: {}", error.message);
        assert!(error.hint.is_some(), "{source}");
    }
    let declares: String = (0..300).map(|at| format!("let v{at} = {at}; ")).collect();
    let error = desk.eval(&declares).unwrap_err();
    assert!(error.message.contains("at most 256"), "{}", error.message);
}
