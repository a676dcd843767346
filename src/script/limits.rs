//! What one evaluation may use, and what is said where it uses more: each limit by its name, its value and the way out.

use super::kind::Fault;

/// Longest text that an expression may make, in bytes.
pub(super) const MAX_TEXT: usize = 1 << 20;
/// Most items of a list or map that an expression may make.
pub(super) const MAX_ITEMS: usize = 100_000;
/// Deepest nesting of lists and maps.
pub(super) const MAX_DEPTH: usize = 128;
/// Most operations of one evaluation.
pub(super) const MAX_OPERATIONS: u64 = 1_000_000;
/// Deepest nesting of calls of functions that scripts declare.
pub(super) const MAX_LEVELS: usize = 32;
/// Most variables that are declared at one time.
pub(super) const MAX_VARIABLES: usize = 256;
/// Most functions of one module or script.
pub(super) const MAX_FUNCTIONS: usize = 128;
/// Bytes that one evaluation may allocate, if a meter is installed.
pub(super) const MAX_ALLOCATED: u64 = 64 << 20;
/// Bytes that the variables of one execution may hold, and one value as plain data.
pub(super) const MAX_HELD: usize = 64 << 20;
/// Milliseconds that one evaluation may take, if a stopwatch is installed.
pub(super) const MAX_MILLIS: u64 = 2_000;
/// Bytes that the functions of one evaluation may go through.
pub(super) const MAX_WORK: u64 = 256 << 20;

/// What was used too much of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Limit {
    Text,
    Items,
    Depth,
    Operations,
    Levels,
    Variables,
    Memory,
    Plain,
    Held,
    Time,
    Work,
}

impl Limit {
    pub(super) fn fault(self) -> Fault {
        let (message, way_out) = match self {
            Self::Text => (
                format!(
                    "a text is too large: an expression makes at most {} MiB",
                    MAX_TEXT >> 20
                ),
                "use a part of it: `x.sub_string(0, 1000)`; a program can do more: `exec`",
            ),
            Self::Items => (
                format!(
                    "a list or map is too large: an expression makes at most {} items",
                    grouped(MAX_ITEMS as u64)
                ),
                "use a part of it: `x.filter(…)`, `x[0..1000]`; several variables hold more than one",
            ),
            Self::Depth => (
                format!(
                    "a value is nested too deeply: at most {MAX_DEPTH} levels of lists and maps"
                ),
                "keep the inner part alone",
            ),
            Self::Operations => (
                format!(
                    "the script did more than {} operations",
                    grouped(MAX_OPERATIONS)
                ),
                "a loop may never end; `filter`, `map` and `sum` take fewer than a loop, and a program can do more: `exec`",
            ),
            Self::Levels => (
                format!("functions call each other too deeply: at most {MAX_LEVELS} levels"),
                "a recursion may never end; a loop needs no levels",
            ),
            Self::Variables => (
                format!(
                    "the script declares too many variables: at most {MAX_VARIABLES} at one time"
                ),
                "keep them in a list or map, or declare them in functions and blocks, which drop theirs",
            ),
            Self::Memory => (
                format!(
                    "the evaluation used more than {} MiB of memory",
                    MAX_ALLOCATED >> 20
                ),
                "a loop may never end, or copies a large value each time; keep the parts that are needed",
            ),
            Self::Plain => (
                format!(
                    "a value is too large: with all that it holds it has at most {} MiB",
                    MAX_HELD >> 20
                ),
                "what it holds several times counts each time; keep the parts that are needed",
            ),
            Self::Held => (
                format!(
                    "the variables hold too much: those of an execution have at most {} MiB",
                    MAX_HELD >> 20
                ),
                "save the parts that are needed (`res.body.id`), or put what is large into a file: `file`",
            ),
            Self::Time => (
                format!(
                    "the evaluation took more than {} seconds",
                    MAX_MILLIS / 1000
                ),
                "a loop may never end, or copies a large value each time: `x.push(y)` copies none where it is a statement; \
                 a program can do more: `exec`",
            ),
            Self::Work => (
                format!(
                    "the evaluation went through more than {} MiB of data",
                    MAX_WORK >> 20
                ),
                "a loop may never end, or searches a large value each time; keep the parts that are needed",
            ),
        };
        Fault::limit(message).hint(way_out)
    }
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
