//! Rhai's errors in the words of the language, at places of the source.

use super::functions;
use super::known_rhai::RHAI;
use super::limits::{Limit, MAX_FUNCTIONS};
use super::ops::{self, Fault};
use super::print::{
    ASSIGN, CAUGHT, DIFFERS, FUNCTION, HOLE, JOIN, KEEP, NAME, NEGATE, NOT, PATH, SAME, TEST,
};
use super::printed::Printed;
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

/// How Rhai names a closure.
const CLOSURE: &str = "anon$";

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
        ParseErrorType::TooManyFunctions => SyntaxError {
            message: format!("this has more than {MAX_FUNCTIONS} functions"),
            ..out
        }
        .hint("move some of them to another module"),
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
    let out = out.replace("'()'", "null").replace(" ()", " null");
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

/// The most calls of modules that an error names.
const MAX_CALLS: usize = 6;

/// A call that an error came through: of which function, where that is declared, and where the call stands.
struct Level<'e> {
    name: &'e str,
    /// The module's file; empty for a function of the script itself.
    file: &'e str,
    call: Position,
}

/// The error of an evaluation, with its place.
pub(super) fn located(
    error: &EvalAltResult,
    printed: &Printed,
    whole: &Range<usize>,
    module_line: &dyn Fn(&str, Position) -> Option<String>,
) -> EvalError {
    let mut inner = error;
    let mut levels = Vec::new();
    while let EvalAltResult::ErrorInFunctionCall(name, file, cause, call) = inner {
        levels.push(Level {
            name,
            file,
            call: *call,
        });
        inner = cause;
    }
    // Up to the first function of a module, everything stands in the expression.
    let first = levels.iter().position(|level| !level.file.is_empty());
    let (position, within) = match first {
        Some(first) => (levels[first].call, &levels[first..]),
        None => (inner.position(), &[][..]),
    };
    let fault = fault(inner);
    EvalError {
        at: printed.place(position).unwrap_or_else(|| whole.clone()),
        message: format!(
            "{}{}",
            fault.message,
            chain(within, inner.position(), module_line)
        ),
        hint: fault.hint,
        kind: if fault.limit {
            EvalKind::Limit
        } else {
            EvalKind::Script
        },
    }
}

/// Where in modules something went wrong, and through which functions that was called, the innermost first:
/// `` (in `inner`, scripts/a.rhai:10:3; called in `outer`, scripts/a.rhai:3:3)``.
fn chain(
    levels: &[Level<'_>],
    innermost: Position,
    module_line: &dyn Fn(&str, Position) -> Option<String>,
) -> String {
    let mut parts = Vec::new();
    let mut position = innermost;
    for level in levels.iter().rev() {
        let line = module_line(level.file, position).unwrap_or_else(|| level.file.to_owned());
        let name = if level.name.starts_with(CLOSURE) {
            "a closure".to_owned()
        } else {
            format!("`{}`", level.name)
        };
        parts.push(format!("in {name}, {line}"));
        position = level.call;
    }
    let Some(outermost) = parts.pop() else {
        return String::new();
    };
    let left_out = parts.len().saturating_sub(MAX_CALLS - 1);
    parts.truncate(MAX_CALLS - 1);
    if left_out > 0 {
        parts.push(format!("{left_out} more"));
    }
    parts.push(outermost);
    format!(" ({})", parts.join("; called "))
}

/// What went wrong, without its place.
pub(super) fn fault(error: &EvalAltResult) -> Fault {
    use EvalAltResult as E;
    match error {
        E::ErrorInFunctionCall(_, _, cause, _) | E::ErrorInModule(_, cause, _) => fault(cause),
        E::ErrorRuntime(value, _) | E::ErrorTerminated(value, _) => {
            match value.read_lock::<Fault>() {
                Some(fault) => fault.clone(),
                None if value.is_unit() => {
                    Fault::new("the script gave up with `throw`, and without a reason")
                }
                None => Fault::new(ops::cut(&ops::text(value), 500)),
            }
        }
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
            "{} is needed, this is {}",
            with_article(type_name(wanted)),
            with_article(type_name(found))
        )),
        E::ErrorArithmetic(message, _) => Fault::new(plain(message)),
        E::ErrorTooManyOperations(_) => Limit::Operations.fault(),
        E::ErrorStackOverflow(_) => Limit::Levels.fault(),
        E::ErrorTooManyVariables(_) => Limit::Variables.fault(),
        E::ErrorDataTooLarge(what, _) if what.to_lowercase().contains("string") => {
            Limit::Text.fault()
        }
        E::ErrorDataTooLarge(..) => Limit::Items.fault(),
        E::ErrorDotExpr(message, _) => not_settable(message),
        E::ErrorIndexingType(..) => Fault::new("this has no items or members that could be set"),
        E::ErrorFor(_) => {
            Fault::new("`for` goes through a list, a map, a text or a range, and this is none")
        }
        E::ErrorUnboundThis(_) => Fault::new("`this` has a value inside of a closure only"),
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

/// "No writable property 'y' - a setter is not registered for type 'i64' to handle 'i64'"
fn not_settable(message: &str) -> Fault {
    let mut quoted = message.split('\'').skip(1).step_by(2);
    let (Some(name), Some(of)) = (quoted.next(), quoted.next()) else {
        return Fault::new(plain(message));
    };
    let of = type_name(of);
    let fault = Fault::new(format!(
        "`{name}` cannot be set: {} has no members",
        with_article(of)
    ));
    match of {
        "null" => fault.hint("make it a map first: `x = #{}`"),
        _ => fault,
    }
}

fn not_found(signature: &str) -> Fault {
    let (name, rest) = signature.split_once(" (").unwrap_or((signature, ""));
    let types = rest.strip_suffix(')').unwrap_or(rest);
    let types = split_types(types)
        .map(type_name)
        .collect::<Vec<_>>()
        .join(", ");
    if name.starts_with(CLOSURE) {
        return Fault::new(format!("the closure does not take ({types})"))
            .hint("it is given as many values as it has names between `|` and `|`");
    }
    if let Some(function) = functions::find(name) {
        return Fault::new(format!("`{name}` does not take ({types})"))
            .hint(format!("it takes ({})", function.params));
    }
    if RHAI.iter().any(|(known, _)| *known == name) {
        return Fault::new(format!("`{name}` does not take ({types})"));
    }
    Fault::new(format!("there is no function `{name}` for ({types})"))
}

fn with_article(name: &str) -> String {
    match name {
        "null" => name.to_owned(),
        _ if name.starts_with(['a', 'e', 'i', 'o', 'u']) => format!("an {name}"),
        _ => format!("a {name}"),
    }
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
        "object map" | "map" => "map",
        "string" | "&str | ImmutableString | String" | "char" => "text",
        "Fn" => "function",
        "Json" => "list or map",
        other => other,
    }
}
