//! The functions of JSONPath (RFC 9535, 2.4): their types, for the check, and what they give.

use super::evaluate::{Evaluation, Found};
use super::regexp;
use crate::event::Json;
use crate::script::ops::Fault;
use jsonpath_rust::parser::model::{FnArg, Test, TestFunction};
use regex::Regex;
use std::borrow::Cow;

/// The types of arguments and results (2.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    /// A JSON value, or none.
    Value,
    /// True or false.
    Logical,
    /// What a query finds.
    Nodes,
}

/// What a function takes and gives.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) parameters: &'static [Type],
    pub(super) result: Type,
    /// The parameter that is a regular expression.
    pub(super) pattern: Option<usize>,
}

const fn function(
    name: &'static str,
    parameters: &'static [Type],
    result: Type,
    pattern: Option<usize>,
) -> Function {
    Function {
        name,
        parameters,
        result,
        pattern,
    }
}

const FUNCTIONS: [Function; 5] = [
    function("length", &[Type::Value], Type::Value, None),
    function("count", &[Type::Nodes], Type::Value, None),
    function("match", &[Type::Value, Type::Value], Type::Logical, Some(1)),
    function(
        "search",
        &[Type::Value, Type::Value],
        Type::Logical,
        Some(1),
    ),
    function("value", &[Type::Nodes], Type::Value, None),
];

pub(super) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().map(|function| function.name)
}

/// A regular expression twice: `search` looks for it anywhere, `match` takes the whole text.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    search: Regex,
    whole: Regex,
}

impl Pattern {
    /// Compiles an I-Regexp (RFC 9485).
    pub(super) fn new(source: &str) -> Result<Self, regexp::Refused> {
        let translated = regexp::translate(source)?;
        let compile = |text: &str| {
            regex::RegexBuilder::new(text)
                .size_limit(MAX_PATTERN)
                .build()
                .map_err(|_| regexp::Refused::too_large())
        };
        Ok(Self {
            search: compile(&translated)?,
            whole: compile(&format!(r"\A(?:{translated})\z"))?,
        })
    }
}

/// The bytes of memory that one compiled pattern may take.
const MAX_PATTERN: usize = 1 << 20;
/// What compiling a pattern that stands in the data costs, in visited values.
const COMPILING: usize = 10_000;
/// The bytes of a text that cost as much as one visited value.
const TEXT: usize = 32;

impl<'j> Evaluation<'_, 'j> {
    /// The value that a function gives, or none.
    pub(super) fn value_of(
        &self,
        function: &TestFunction,
        current: &'j Json,
    ) -> Result<Found<'j>, Fault> {
        let argument = match function {
            TestFunction::Length(argument) => {
                let value = self.argument(argument, current)?;
                return self.length(value.as_deref());
            }
            TestFunction::Count(argument) | TestFunction::Value(argument) => argument,
            // These give no value, and the check lets none be asked of them.
            TestFunction::Custom(..) | TestFunction::Search(..) | TestFunction::Match(..) => {
                return Ok(None);
            }
        };
        let nodes = self.nodes(argument, current)?;
        Ok(match (function, nodes.as_slice()) {
            (TestFunction::Count(_), nodes) => Some(Cow::Owned(nodes.len().into())),
            (_, [only]) => Some(Cow::Borrowed(*only)),
            _ => None,
        })
    }

    /// Whether `match` or `search` holds.
    pub(super) fn holds(&self, function: &TestFunction, current: &'j Json) -> Result<bool, Fault> {
        let (text, pattern, whole) = match function {
            TestFunction::Match(text, pattern) => (text, pattern, true),
            TestFunction::Search(text, pattern) => (text, pattern, false),
            // The others give values, which the check lets stand in comparisons only.
            _ => return Ok(false),
        };
        let text = self.argument(text, current)?;
        let pattern = self.argument(pattern, current)?;
        let (Some(Json::String(text)), Some(Json::String(pattern))) =
            (text.as_deref(), pattern.as_deref())
        else {
            return Ok(false);
        };
        self.spend(text.len() / TEXT)?;
        self.with_pattern(pattern, |pattern| {
            let regex = if whole {
                &pattern.whole
            } else {
                &pattern.search
            };
            regex.is_match(text)
        })
    }

    fn length(&self, value: Option<&Json>) -> Result<Found<'j>, Fault> {
        let length = match value {
            Some(Json::String(text)) => {
                self.spend(text.len() / TEXT)?;
                text.chars().count()
            }
            Some(Json::Array(items)) => items.len(),
            Some(Json::Object(members)) => members.len(),
            _ => return Ok(None),
        };
        Ok(Some(Cow::Owned(length.into())))
    }

    /// An argument that is a value.
    fn argument(&self, argument: &FnArg, current: &'j Json) -> Result<Found<'j>, Fault> {
        match argument {
            FnArg::Literal(literal) => Ok(self.literal(literal)),
            FnArg::Test(test) => match &**test {
                Test::Function(function) => self.value_of(function, current),
                // Singular by the check: one value or none.
                Test::RelQuery(_) | Test::AbsQuery(_) => {
                    Ok(self.nodes(argument, current)?.pop().map(Cow::Borrowed))
                }
            },
            FnArg::Filter(_) => Ok(None),
        }
    }

    /// An argument that is a query.
    fn nodes(&self, argument: &FnArg, current: &'j Json) -> Result<Vec<&'j Json>, Fault> {
        match argument {
            FnArg::Test(test) => match &**test {
                Test::RelQuery(segments) => self.query(segments, current),
                Test::AbsQuery(query) => self.query(&query.segments, self.root),
                Test::Function(_) => Ok(Vec::new()),
            },
            FnArg::Literal(_) | FnArg::Filter(_) => Ok(Vec::new()),
        }
    }

    /// Asks the pattern of this source, compiled once; what is no I-Regexp holds for nothing (2.4.6).
    fn with_pattern(&self, source: &str, ask: impl Fn(&Pattern) -> bool) -> Result<bool, Fault> {
        if let Some(pattern) = self.patterns.get(source) {
            return Ok(ask(pattern));
        }
        if let Some(pattern) = self.met.borrow().get(source) {
            return Ok(pattern.as_ref().is_some_and(ask));
        }
        self.spend(COMPILING)?;
        let pattern = Pattern::new(source).ok();
        let holds = pattern.as_ref().is_some_and(ask);
        self.met.borrow_mut().insert(source.to_owned(), pattern);
        Ok(holds)
    }
}
