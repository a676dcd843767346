//! Whatever is written, compiling and evaluating it ends with a value or an error.

use super::{Desk, on_big_stack, order};
use crate::syntax::{self, Shape};
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
        any::<String>(),
    ]
}

/// Whether a stretch lies in the text and cuts no character.
fn inside(source: &str, at: &std::ops::Range<usize>) -> bool {
    at.start <= at.end && source.get(at.clone()).is_some()
}

proptest! {
    #![proptest_config(super::cases(1_500))]

    #[test]
    fn nothing_panics_and_every_place_lies_in_the_source(source in soup()) {
        let desk = Desk::new(order());
        on_big_stack(|| {
            let inside = |at: &std::ops::Range<usize>| inside(&source, at);
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
                        prop_assert!(desk.engine.unresolved(&expression).iter().all(|error| inside(&error.at)));
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

    #[test]
    fn any_text_is_a_tree_or_an_error_at_its_place(source in soup()) {
        on_big_stack(|| {
            for read in [syntax::expression(&source), syntax::script(&source)] {
                match read {
                    Ok(tree) => prop_assert!(inside(&source, &tree.at), "{:?}", tree),
                    Err(error) => prop_assert!(inside(&source, &error.at), "{:?}", error),
                }
            }
            match syntax::module(&source) {
                Ok(block) => prop_assert!(inside(&source, &block.at), "{:?}", block),
                Err(error) => prop_assert!(inside(&source, &error.at), "{:?}", error),
            }
            let shape = Shape::of(&source);
            let unbalanced = shape.unbalanced.map(|(at, bracket)| {
                (at, source[at..].starts_with(bracket))
            });
            prop_assert!(unbalanced.is_none_or(|(_, found)| found), "{:?}", unbalanced);
            for (at, sign) in [(shape.template, "${"), (shape.comment, "//")] {
                prop_assert!(at.is_none_or(|at| source[at..].starts_with(sign)), "{:?}", at);
            }
            Ok(())
        })?;
    }
}
