//! The functions that expressions may call besides those of Rhai, each with its line of documentation.
//!
//! To add one: write its [`Function`] into the table of the file that it belongs to. Its example is an
//! expression that must be true; a test evaluates all of them.

mod change;
mod encode;
mod json;
mod list;
mod number;
mod order;
mod pattern;
mod table;
mod text;
mod time;
mod value;

use super::Host;
use super::limits::Limit;
use super::ops::Fault;
use super::typed::Bytes;
use rhai::{Array, Dynamic, FnPtr, NativeCallContext};
use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};

/// Most compiled patterns, paths and schemas that are kept.
const MAX_CACHED: usize = 256;

pub(super) struct Function {
    pub(super) name: &'static str,
    /// The parameters as they are documented.
    pub(super) params: &'static str,
    pub(super) arity: RangeInclusive<usize>,
    pub(super) doc: &'static str,
    /// An expression that is true.
    pub(super) example: &'static str,
    /// What it makes of arguments that are missing.
    pub(super) missing: Missing,
    /// Which argument is read as something of its own, so that a literal is checked before anything runs.
    pub(super) literal: Option<(usize, Literal)>,
    pub(super) run: Run,
}

/// What a function makes of arguments that are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// It is unknown where its first argument is.
    First,
    /// It answers true or false, and is unknown where any argument is.
    Any,
    /// It looks at them.
    Seen,
}

/// What the text of an argument is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Literal {
    /// A regular expression.
    Pattern,
    /// A JSONPath.
    Path,
    /// A time.
    Time,
    /// A duration.
    Duration,
}

/// How a function is run.
#[derive(Clone, Copy)]
pub(super) enum Run {
    /// It gives a value.
    Gives(fn(&Call<'_>, &[Dynamic]) -> Result<Dynamic, Fault>),
    /// It changes its first argument, a list or map, in its place, and gives it. Of a text it gives a changed copy.
    Changes(fn(&Call<'_>, &mut Dynamic, &[Dynamic]) -> Result<(), Fault>),
    /// It takes something out of its first argument, a list or map, and gives that. A text stays as it is.
    Takes(fn(&Call<'_>, &mut Dynamic, &[Dynamic]) -> Result<Dynamic, Fault>),
}

impl Function {
    /// Whether it changes its first argument.
    pub(super) fn changes(&self) -> bool {
        matches!(self.run, Run::Changes(_) | Run::Takes(_))
    }

    /// Runs it on a value that it may change, and gives what it takes out of that; `None`: it gives the value itself.
    pub(super) fn change(
        &self,
        call: &Call<'_>,
        value: &mut Dynamic,
        rest: &[Dynamic],
    ) -> Result<Option<Dynamic>, Fault> {
        match self.run {
            Run::Changes(run) => run(call, value, rest).map(|()| None),
            Run::Takes(run) => run(call, value, rest).map(Some),
            Run::Gives(run) => {
                let args: Vec<Dynamic> = std::iter::once(&*value).chain(rest).cloned().collect();
                run(call, &args).map(Some)
            }
        }
    }

    /// Whether it is not called at all with these arguments, since what it is asked about is missing.
    pub(super) fn is_unknown(&self, args: &[Dynamic]) -> bool {
        match self.missing {
            Missing::First => args.first().is_some_and(Dynamic::is_unit),
            Missing::Any => args.iter().any(Dynamic::is_unit),
            Missing::Seen => false,
        }
    }
}

/// What a function may ask for besides its arguments.
pub(super) struct Call<'a> {
    pub(super) host: &'a dyn Host,
    pub(super) place: u64,
    /// Present where Rhai calls, so that closures can be called back.
    pub(super) rhai: Option<&'a NativeCallContext<'a>>,
}

impl Call<'_> {
    /// Calls a closure that was given as an argument.
    fn closure<const N: usize>(
        &self,
        closure: &FnPtr,
        args: [Dynamic; N],
    ) -> Result<Dynamic, Fault> {
        let context = self.context()?;
        closure
            .call_raw(context, None, args)
            .map_err(super::rhai_error::thrown)
    }

    /// What a closure says of an item, and its index if it asks for that; `None`: unknown.
    fn condition(
        &self,
        closure: &FnPtr,
        item: &Dynamic,
        index: usize,
        who: &str,
    ) -> Result<Option<bool>, Fault> {
        let index = super::ops::count(index);
        let answer = closure
            .call_raw_with_extra_args(who, self.context()?, None, [item.clone()], [index], None)
            .map_err(super::rhai_error::thrown)?;
        super::ops::truth(&answer, &format!("the condition of `{who}`"))
    }

    /// Runs a closure for its effect on an item, which is its `this`; it is given the index if it asks for that.
    fn on_item(&self, closure: &FnPtr, item: &mut Dynamic, index: usize) -> Result<(), Fault> {
        let index = super::ops::count(index);
        closure
            .call_raw_with_extra_args("for_each", self.context()?, Some(item), [], [index], None)
            .map(drop)
            .map_err(super::rhai_error::thrown)
    }

    fn context(&self) -> Result<&NativeCallContext<'_>, Fault> {
        self.rhai
            .ok_or_else(|| Fault::new("a closure cannot be called here"))
    }
}

/// Every function, in the order of the documentation.
pub(super) fn all() -> impl Iterator<Item = &'static Function> {
    [
        value::FUNCTIONS,
        text::FUNCTIONS,
        pattern::FUNCTIONS,
        list::FUNCTIONS,
        order::FUNCTIONS,
        change::FUNCTIONS,
        number::FUNCTIONS,
        time::FUNCTIONS,
        encode::FUNCTIONS,
        json::FUNCTIONS,
        table::FUNCTIONS,
    ]
    .into_iter()
    .flatten()
}

/// The function of this name.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    all().find(|function| function.name == name)
}

/// What is wrong with an argument that is a literal, where that can be known.
pub(super) fn check_literal(function: &Function, index: usize, text: &str) -> Result<(), Fault> {
    let Some((at, literal)) = function.literal else {
        return Ok(());
    };
    let text = text.into();
    match literal {
        _ if at != index => Ok(()),
        Literal::Pattern => pattern::pattern(&text, function.name).map(drop),
        Literal::Path => json::path(&text).map(drop),
        Literal::Time => time::time(&text).map(drop),
        Literal::Duration => time::duration(&text).map(drop),
    }
}

/// Refuses a text that would be too long, before it is made.
fn bounded(bytes: usize) -> Result<(), Fault> {
    if bytes > super::limits::MAX_TEXT {
        return Err(Limit::Text.fault());
    }
    Ok(())
}

/// The integer that an argument must be.
fn int_arg(args: &[Dynamic], index: usize, who: &str) -> Result<i64, Fault> {
    args[index].as_int().map_err(|_| {
        Fault::new(format!(
            "`{who}` needs an integer, this is {}",
            super::ops::shown(&args[index])
        ))
    })
}

/// The closure that an argument must be.
fn closure_arg(args: &[Dynamic], index: usize, who: &str) -> Result<FnPtr, Fault> {
    args[index]
        .read_lock::<FnPtr>()
        .map(|closure| closure.clone())
        .ok_or_else(|| {
            Fault::new(format!(
                "`{who}` needs a closure, this is {}",
                super::ops::shown(&args[index])
            ))
            .hint("write `|item| item.price > 3`")
        })
}

/// The text that an argument must be.
fn text_arg<'v>(
    args: &'v [Dynamic],
    index: usize,
    who: &str,
) -> Result<rhai::ImmutableString, Fault> {
    let value: &'v Dynamic = &args[index];
    super::ops::as_text(value).ok_or_else(|| {
        Fault::new(format!(
            "`{who}` needs a text, this is {}",
            super::ops::shown(value)
        ))
    })
}

/// The bytes that an argument must be, or those of its text in UTF-8.
fn bytes_arg(args: &[Dynamic], index: usize, who: &str) -> Result<Bytes, Fault> {
    let value = &args[index];
    if let Some(bytes) = Bytes::of(value) {
        return Ok(bytes);
    }
    match super::ops::as_text(value) {
        Some(text) => Ok(Bytes(text.as_bytes().into())),
        None => Err(Fault::new(format!(
            "`{who}` needs a text or bytes, this is {}",
            super::ops::shown(value)
        ))),
    }
}

/// The number that an argument must be.
fn number_arg(args: &[Dynamic], index: usize, who: &str) -> Result<f64, Fault> {
    let value = &args[index];
    value
        .as_float()
        .ok()
        .or_else(|| value.as_int().ok().map(|int| int as f64))
        .ok_or_else(|| {
            Fault::new(format!(
                "`{who}` needs a number, this is {}",
                super::ops::shown(value)
            ))
        })
}

/// The items of the list that an argument must be.
fn list_arg(args: &[Dynamic], index: usize, who: &str) -> Result<Array, Fault> {
    super::ops::items(&args[index])
        .map_err(|fault| Fault::new(format!("`{who}`: {}", fault.message)))
}

/// Compiled things by their text: made once, dropped all at once when there are too many.
struct Cache<T>(Mutex<Option<HashMap<String, Arc<T>>>>);

impl<T> Cache<T> {
    const fn new() -> Self {
        Self(Mutex::new(None))
    }

    fn get(&self, key: &str, make: impl FnOnce() -> Result<T, Fault>) -> Result<Arc<T>, Fault> {
        let known = |map: &Option<HashMap<String, Arc<T>>>| {
            map.as_ref().and_then(|map| map.get(key).cloned())
        };
        if let Some(found) = known(&self.0.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(found);
        }
        let compiled = Arc::new(make()?);
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let map = map.get_or_insert_default();
        if map.len() >= MAX_CACHED {
            map.clear();
        }
        map.insert(key.to_owned(), compiled.clone());
        Ok(compiled)
    }
}
