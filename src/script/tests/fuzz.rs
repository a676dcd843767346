//! Whatever is written, compiling and evaluating it ends with a value or an error.

use super::{Desk, on_big_stack, order};
use proptest::prelude::*;

const PIECES: [&str; 96] = [
    "a",
    "res",
    ".body",
    ".items",
    "[0]",
    "[",
    "]",
    "(",
    ")",
    "()",
    "{",
    "}",
    "#{",
    "a:",
    ",",
    ";",
    ".",
    "?.",
    "?[",
    "::",
    "..",
    "..=",
    "=",
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "+",
    "-",
    "*",
    "/",
    "%",
    "**",
    "<<",
    ">>",
    "&",
    "|",
    "^",
    "&&",
    "||",
    "!",
    "??",
    "in",
    "!in",
    "and",
    "or",
    "not",
    "null",
    "true",
    "false",
    "0",
    "1",
    "5s",
    "1.5",
    "9223372036854775807",
    "'x'",
    "\"y\"",
    "`z`",
    "`${",
    "${",
    "'",
    "\"",
    "`",
    "\\",
    "//",
    "/*",
    "*/",
    "\n",
    " ",
    "let ",
    "const ",
    "if ",
    "else ",
    "for ",
    "while ",
    "loop ",
    "switch ",
    "=> ",
    "fn ",
    "return ",
    "throw ",
    "try ",
    "catch ",
    "|x| ",
    "x",
    "f(",
    ".len()",
    ".map(",
    "sort(",
    "min(",
    "é",
    "$",
    "=~",
    "import ",
];

fn soup() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..24)
            .prop_map(|pieces| pieces.concat()),
        prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..24)
            .prop_map(|pieces| pieces.join(" ")),
        "\\PC{0,24}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics_and_every_place_lies_in_the_source(source in soup()) {
        let desk = Desk::new(order());
        on_big_stack(|| {
            let inside = |at: &std::ops::Range<usize>| at.start <= at.end && source.get(at.clone()).is_some();
            for compiled in [desk.engine.expression(&source), desk.engine.script(&source)] {
                match compiled {
                    Err(error) => {
                        prop_assert!(inside(&error.at), "{:?}", error);
                        prop_assert!(!error.message.contains("panicked"), "{:?}", error);
                        prop_assert!(!error.message.contains("__"), "{:?}", error);
                    }
                    Ok(expression) => {
                        let lint = expression.uses();
                        prop_assert!(lint.reads.iter().all(|read| inside(&read.at)));
                        prop_assert!(lint.calls.iter().all(|call| inside(&call.at)));
                        prop_assert!(lint.paths.iter().all(|path| inside(&path.at)));
                        prop_assert!(desk.engine.unknown_calls(&expression).iter().all(|error| inside(&error.at)));
                        if let Err(error) = desk.locals(|on| desk.engine.eval(&expression, &desk.scope, on, &desk.host)) {
                            prop_assert!(inside(&error.at), "{:?}", error);
                            prop_assert!(!error.message.contains("panicked"), "{:?}", error);
                        }
                        let _ = desk.explain_of(&expression);
                    }
                }
            }
            match desk.engine.template(&source) {
                Err(error) => prop_assert!(inside(&error.at), "{:?}", error),
                Ok(template) => {
                    let _ = desk.locals(|on| desk.engine.render(&template, &desk.scope, on, &desk.host));
                }
            }
            Ok(())
        })?;
    }
}
