//! Rhai's errors in the words of the language, at places of the source.

use super::functions;
use super::ops::{self, Fault};
use super::print::{
    ASSIGN, CAUGHT, DIFFERS, FUNCTION, HOLE, JOIN, KEEP, NAME, NEGATE, NOT, PATH, Printed, SAME,
    TEST,
};
use super::{EvalError, EvalKind};
use crate::syntax::{OPERATORS, SyntaxError};
use rhai::{Dynamic, EvalAltResult, ParseError, ParseErrorType, Position};
use std::ops::Range;
use std::sync::Arc;

/// An error of a closure as our function passes it on.
#[expect(clippy::boxed_local, reason = "Rhai hands its errors out in boxes")]
pub(super) fn thrown(error: Box<EvalAltResult>) -> Fault {
    Fault {
        cause: Some(Arc::new(*error)),
        ..Fault::new("a closure failed")
    }
}

/// A fault as Rhai carries it through a script. The error of a closure goes on as it came, with its place.
#[expect(
    clippy::unnecessary_box_returns,
    reason = "Rhai takes its errors in boxes"
)]
pub(super) fn raise(mut fault: Fault) -> Box<EvalAltResult> {
    if let Some(cause) = fault.cause.take().and_then(Arc::into_inner) {
        return cause.into();
    }
    EvalAltResult::ErrorRuntime(Dynamic::from(fault), Position::NONE).into()
}

/// A text that does not parse, at the place that its translation came from.
pub(super) fn syntax(error: &ParseError, printed: &Printed, whole: &Range<usize>) -> SyntaxError {
    let at = printed.place(error.position()).unwrap_or_else(|| {
        // The end of the text: its last byte.
        let end = whole.end;
        end.saturating_sub(1).max(whole.start)..end
    });
    let message = plain(&error.err_type().to_string());
    let out = SyntaxError::new(at, message);
    match error.err_type() {
        ParseErrorType::ExprExpected(_) | ParseErrorType::UnexpectedEOF => {
            out.hint("something is missing here")
        }
        ParseErrorType::AssignmentToConstant(_) => out.hint("use `let` for what changes"),
        _ => out,
    }
}

/// Our names for operators and functions taken out of a message of Rhai.
pub(super) fn plain(message: &str) -> String {
    let mut out = message
        .replace(FUNCTION, "")
        .replace(NAME, "")
        .replace(ASSIGN, "");
    // The longest first: `__not_in` holds `__not`.
    for row in &OPERATORS {
        out = out.replace(row.rhai_name, row.symbol);
    }
    for (word, name) in [
        ("text", JOIN),
        ("=", KEEP),
        ("==", SAME),
        ("!=", DIFFERS),
        ("value ", HOLE),
        ("!", NOT),
        ("-", NEGATE),
        ("a condition", TEST),
        ("an error", CAUGHT),
        ("a member", PATH),
    ] {
        out = out.replace(name, word);
    }
    let out = out.trim_end_matches('.');
    let mut chars = out.chars();
    // Our messages begin in lower case, as those of Rust do.
    match chars.next() {
        Some(first) if !chars.as_str().starts_with(char::is_uppercase) => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => out.to_owned(),
    }
}

/// The error of an evaluation, with its place.
pub(super) fn located(
    error: &EvalAltResult,
    printed: &Printed,
    whole: &Range<usize>,
    module_line: &dyn Fn(&str, Position) -> Option<String>,
) -> EvalError {
    let mut inner = error;
    let mut position = Position::NONE;
    let mut inside = None;
    while let EvalAltResult::ErrorInFunctionCall(name, source, cause, at) = inner {
        if inside.is_none() && position.is_none() {
            position = *at;
        }
        if source.is_empty() {
            position = Position::NONE;
        } else if inside.is_none() {
            position = *at;
            inside = Some((name.clone(), source.clone()));
        }
        inner = cause;
    }
    if inside.is_none() {
        position = inner.position();
    }
    let fault = fault(inner);
    let message = match &inside {
        None => fault.message,
        Some((name, source)) => {
            let line = module_line(source, inner.position()).unwrap_or_else(|| source.clone());
            format!("{} (in `{name}`, {line})", fault.message)
        }
    };
    EvalError {
        at: printed.place(position).unwrap_or_else(|| whole.clone()),
        message,
        hint: fault.hint,
        kind: if fault.limit {
            EvalKind::Limit
        } else {
            EvalKind::Script
        },
    }
}

/// What went wrong, without its place.
pub(super) fn fault(error: &EvalAltResult) -> Fault {
    use EvalAltResult as E;
    match error {
        E::ErrorInFunctionCall(_, _, cause, _) | E::ErrorInModule(_, cause, _) => fault(cause),
        E::ErrorRuntime(value, _) => match value.read_lock::<Fault>() {
            Some(fault) => fault.clone(),
            None => Fault::new(ops::cut(&ops::text(value), 500)),
        },
        E::ErrorVariableNotFound(name, _) => {
            Fault::new(format!("the variable `{name}` has no value here"))
        }
        E::ErrorModuleNotFound(name, _) => Fault::new(format!("there is no module `{name}`"))
            .hint("a module is a file `scripts/NAME.rhai`"),
        E::ErrorFunctionNotFound(signature, _) => not_found(signature),
        E::ErrorAssignmentToConstant(name, _) => {
            Fault::new(format!("`{name}` cannot be changed by a script"))
                .hint("use `set`, or a copy: `let x = …`")
        }
        E::ErrorNonPureMethodCallOnConstant(name, _) => Fault::new(format!(
            "`{name}` changes a value that a script cannot change"
        ))
        .hint("work on a copy: `let x = …`"),
        E::ErrorMismatchDataType(wanted, found, _)
        | E::ErrorMismatchOutputType(wanted, found, _) => Fault::new(format!(
            "a {} is needed, this is a {}",
            type_name(wanted),
            type_name(found)
        )),
        E::ErrorArithmetic(message, _) => Fault::new(plain(message)),
        E::ErrorTooManyOperations(_) => {
            Fault::limit("the script did more than 1,000,000 operations")
                .hint("a loop may never end")
        }
        E::ErrorStackOverflow(_) => {
            Fault::limit("functions call each other too deeply").hint("a recursion may never end")
        }
        E::ErrorTooManyVariables(_) => Fault::limit("the script declares too many variables"),
        E::ErrorTooManyModules(_) => Fault::limit("the script loads too many modules"),
        E::ErrorDataTooLarge(what, _) => Fault::limit(format!("{} is too large", plain(what))),
        E::ErrorTerminated(reason, _) => Fault::limit(ops::text(reason)),
        other => Fault::new(plain(&unplaced(other))),
    }
}

/// What a script catches where Rhai itself has failed: it gives a map, with a place that is that of the translation.
pub(super) fn caught(value: &Dynamic) -> Option<Fault> {
    let map = value.as_map_ref().ok()?;
    let is_rhai = (map.get("error")?.as_immutable_string_ref().ok()?).starts_with("Error")
        && ["line", "position"]
            .iter()
            .any(|name| map.contains_key(*name));
    let message = map.get("message").filter(|_| is_rhai)?;
    Some(Fault::new(plain(&ops::text(message))))
}

/// The message without "(line 1, position 5)", which belongs to the translation.
fn unplaced(error: &EvalAltResult) -> String {
    let message = error.to_string();
    match message.rfind(" (line ") {
        Some(end) => message[..end].to_owned(),
        None => message,
    }
}

fn not_found(signature: &str) -> Fault {
    let (name, rest) = signature.split_once(" (").unwrap_or((signature, ""));
    let name = name.trim_start_matches(FUNCTION);
    let types = rest.trim_end_matches(')');
    let types = split_types(types)
        .map(type_name)
        .collect::<Vec<_>>()
        .join(", ");
    // What Rhai calls a closure is no name that anybody wrote.
    if name.starts_with("anon$") {
        return Fault::new(format!("the closure does not take ({types})"));
    }
    if let Some(function) = functions::find(name) {
        return Fault::new(format!("`{name}` does not take ({types})"))
            .hint(format!("it takes ({})", function.params));
    }
    Fault::new(format!("there is no function `{name}` for ({types})"))
}

/// The types of a signature; Rhai writes a text as three alternatives.
fn split_types(types: &str) -> impl Iterator<Item = &str> {
    types.split(", ").filter(|name| !name.is_empty())
}

fn type_name(name: &str) -> &str {
    match name {
        "()" => "null",
        "i64" | "u64" | "int" => "integer",
        "f64" | "float" => "number",
        "array" => "list",
        "string" | "&str | ImmutableString | String" | "char" => "text",
        "Fn" => "function",
        "Json" => "list or map",
        other => other,
    }
}
