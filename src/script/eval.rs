//! Evaluates [`Code`]: what a condition says is computed here, what only Rhai can do is left to it.

use super::absent::{self, Asked};
use super::arithmetic;
use super::code::{Code, Kind, Leaf, Step};
use super::functions::{Call, Function};
use super::lazy::{self, Lazy, Place, Step as Way};
use super::ops::{self, Fault, truth};
use super::print::HOLE;
use super::sandbox::{self, Entered};
use super::scope::{Host, LOCALS, Locals, Scope};
use super::{EvalError, EvalKind, rhai_error};
use crate::event::nearest;
use crate::event::{Json, Missing};
use crate::syntax::Operator;
use rhai::{Dynamic, Map, Position};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// The line of a module that a position of its translation means: `scripts/x.rhai:3:5`.
pub(super) type ModuleLine<'a> = &'a (dyn Fn(&str, Position) -> Option<String> + 'a);

/// One evaluation.
pub(super) struct Run<'a> {
    pub(super) rhai: &'a rhai::Engine,
    pub(super) module_line: ModuleLine<'a>,
    pub(super) scope: &'a Scope,
    pub(super) on: &'a Locals<'a>,
    pub(super) host: &'a Arc<dyn Host>,
    pub(super) place: u64,
    pub(super) source: &'a str,
    /// Where the values of all sub-expressions are kept, if they are asked for.
    pub(super) seen: Option<RefCell<Seen>>,
}

/// What an evaluation saw.
#[derive(Default)]
pub(super) struct Seen {
    /// Values by the address of their node.
    values: HashMap<usize, Dynamic>,
    /// Members that do not exist, with the stretch of the text that asks for them.
    pub(super) missing: Vec<(Range<usize>, Missing)>,
}

impl Seen {
    pub(super) fn value(&self, node: &Code) -> Option<&Dynamic> {
        self.values.get(&address(node))
    }
}

fn address(node: &Code) -> usize {
    std::ptr::from_ref(node) as usize
}

type Outcome<T = Dynamic> = Result<T, EvalError>;

/// A fault at its place.
pub(super) fn placed(fault: Fault, at: &Range<usize>) -> EvalError {
    EvalError {
        at: at.clone(),
        message: fault.message,
        hint: fault.hint,
        kind: if fault.limit {
            EvalKind::Limit
        } else {
            EvalKind::Script
        },
    }
}

impl Run<'_> {
    /// The value of a node.
    pub(super) fn node(&self, node: &Code) -> Outcome {
        let value = self.compute(node)?;
        if let Some(seen) = &self.seen {
            seen.borrow_mut()
                .values
                .insert(address(node), value.clone());
        }
        Ok(value)
    }

    fn compute(&self, node: &Code) -> Outcome {
        let place = |fault| placed(fault, &node.at);
        match &node.kind {
            Kind::Literal(value) => Ok(value.clone()),
            Kind::Variable(name) => Ok(self.variable_at(name, &node.at)),
            Kind::Path(of, steps) => self.path(node, of, steps),
            Kind::Not(of) => ops::not(&self.node(of)?).map_err(|fault| placed(fault, &of.at)),
            Kind::Negate(of) => arithmetic::negate(&self.node(of)?).map_err(place),
            Kind::Binary(operator @ (Operator::And | Operator::Or), left, right) => {
                self.logical(*operator, left, right)
            }
            Kind::Binary(Operator::Coalesce, left, right) => {
                let value = self.node(left)?;
                if value.is_unit() {
                    self.node(right)
                } else {
                    Ok(value)
                }
            }
            Kind::Binary(operator, left, right) => {
                let (left, right) = (self.node(left)?, self.node(right)?);
                let result = ops::binary(*operator, &left, &right);
                if operator.is_arithmetic() {
                    metered(node, result)
                } else {
                    result.map_err(place)
                }
            }
            Kind::BesideNull(operator, left, right) => {
                let same = ops::same(&self.node(left)?, &self.node(right)?);
                Ok((same == (*operator == Operator::Equal)).into())
            }
            Kind::List(items) => Ok(Dynamic::from_array(self.nodes(items)?)),
            Kind::Map(members) => {
                let mut map = Map::new();
                for (name, member) in members {
                    map.insert(name.as_str().into(), self.node(member)?);
                }
                Ok(Dynamic::from_map(map))
            }
            Kind::Join(pieces) => metered(node, ops::join(&self.nodes(pieces)?)),
            Kind::If {
                condition,
                then,
                otherwise,
            } => {
                if self.truth(condition, "a condition")? == Some(true) {
                    self.node(then)
                } else {
                    otherwise
                        .as_deref()
                        .map_or(Ok(Dynamic::UNIT), |node| self.node(node))
                }
            }
            Kind::Call(function, args) => {
                let args = self.nodes(args)?;
                let value = self.call(function, &args).map_err(place)?;
                if value.is_unit() && function.name == "env" {
                    let name = args.first().and_then(ops::as_text);
                    let hint = name.map(|name| absent::unset(&name));
                    self.note_missing(&node.at, None, hint);
                }
                Ok(value)
            }
            Kind::Rhai(leaf) => self.leaf(node, leaf),
        }
    }

    fn call(&self, function: &Function, args: &[Dynamic]) -> Result<Dynamic, Fault> {
        let call = Call {
            host: &**self.host,
            place: self.place,
            rhai: None,
        };
        sandbox::call(function, &call, args)
    }

    fn nodes(&self, nodes: &[Code]) -> Outcome<Vec<Dynamic>> {
        nodes.iter().map(|node| self.node(node)).collect()
    }

    /// The right side is left out where the left one decides. Behind an unknown left, an error of the right is
    /// unknown too.
    fn logical(&self, operator: Operator, left: &Code, right: &Code) -> Outcome {
        let decides = operator == Operator::Or;
        let who = if decides { "`||`" } else { "`&&`" };
        let left = self.truth(left, who)?;
        if left == Some(decides) {
            return Ok(decides.into());
        }
        let right = match self.truth(right, who) {
            Err(error) if left.is_none() && error.kind != EvalKind::Limit => None,
            right => right?,
        };
        Ok(ops::logical(decides, left, right))
    }

    fn truth(&self, node: &Code, who: &str) -> Outcome<Option<bool>> {
        let value = self.node(node)?;
        truth(&value, who).map_err(|fault| placed(fault, &node.at))
    }

    fn variable(&self, name: &str) -> Option<Dynamic> {
        self.on
            .get(name)
            .or_else(|| self.scope.get(name))
            .map(|value| value.0)
    }

    /// A variable; one that no taken path has saved is missing.
    fn variable_at(&self, name: &str, at: &Range<usize>) -> Dynamic {
        let value = self.variable(name);
        if self.seen.is_some() && value.as_ref().is_none_or(Dynamic::is_unit) {
            let known = self.scope.names();
            let known = known.iter().map(|name| &**name).chain(LOCALS);
            let near = value.is_none().then(|| nearest(name, known)).flatten();
            self.note_missing(at, near.map(str::to_owned), None);
        }
        value.unwrap_or_default()
    }

    fn path(&self, node: &Code, of: &Code, steps: &[Step]) -> Outcome {
        let mut value = self.node(of)?;
        let mut next = 0;
        while let Some(step) = steps.get(next) {
            if value.is_unit() {
                return self.rest(&steps[next..]);
            }
            if let Some(lazy) = lazy::lazy(&value) {
                value = self.json_path(node, &lazy, steps, &mut next)?;
                continue;
            }
            let found = match step {
                Step::Member(name, _) => ops::member(&value, name),
                Step::Index(by, _) => {
                    ops::index(&value, &self.node(by)?).map_err(|fault| placed(fault, &by.at))?
                }
            };
            if found.is_unit() {
                self.missing(&(node.at.start..step.end()), Some((&value, step)));
            }
            value = found;
            next += 1;
        }
        Ok(value)
    }

    /// Goes as far as the steps lead inside one JSON value, without making anything on the way.
    fn json_path(&self, node: &Code, lazy: &Lazy, steps: &[Step], next: &mut usize) -> Outcome {
        let mut json = lazy.json();
        let mut indices: Vec<Way> = Vec::new();
        let first = *next;
        let mut place = lazy.place();
        while let Some(step) = steps.get(*next) {
            let any_case = place == Place::Headers;
            let child = match step {
                Step::Member(name, _) => {
                    place = place.member(name);
                    lazy::find(json, name, any_case)
                }
                Step::Index(by, _) => {
                    let by_value = self.node(by)?;
                    if let (Ok(index), Json::Array(list)) = (by_value.as_int(), json) {
                        let index = lazy::position(index, list.len());
                        indices.push(Way::Index(index.unwrap_or_default()));
                        place = place.item();
                        index.and_then(|index| list.get(index))
                    } else if let Some(name) = ops::as_text(&by_value) {
                        indices.push(Way::Key(name.clone()));
                        place = place.member(&name);
                        lazy::find(json, &name, any_case)
                    } else {
                        // A range, a character of a text, or nothing that is an index.
                        let here = value_at(lazy, json, &steps[first..*next], indices);
                        *next += 1;
                        let found =
                            ops::index(&here, &by_value).map_err(|fault| placed(fault, &by.at))?;
                        if found.is_unit() {
                            self.missing(&(node.at.start..step.end()), Some((&here, step)));
                        }
                        return Ok(found);
                    }
                }
            };
            match child {
                Some(child) if !child.is_null() => json = child,
                other => {
                    // At the root there may be a member that stands in no JSON.
                    let made = (*next == first).then(|| lazy.made()).flatten();
                    if other.is_none() && made.is_some_and(|name| names(step, &indices, name)) {
                        *next += 1;
                        return Ok(lazy.bytes().unwrap_or_default());
                    }
                    if self.seen.is_some() {
                        let at = node.at.start..step.end();
                        let asked = match (step, indices.last()) {
                            (Step::Member(name, _), _) | (_, Some(Way::Key(name))) => Some(name),
                            _ => None,
                        };
                        let asked = asked.filter(|_| other.is_none());
                        let asked = asked.map(rhai::ImmutableString::as_str);
                        self.missing_json(&at, json, asked, made);
                    }
                    let rest = &steps[*next + 1..];
                    *next = steps.len();
                    return self.rest(rest);
                }
            }
            *next += 1;
        }
        Ok(value_at(lazy, json, &steps[first..], indices))
    }

    /// What lies behind something missing is missing too; an index on the way may still fail.
    fn rest(&self, steps: &[Step]) -> Outcome {
        for step in steps {
            if let Step::Index(by, _) = step {
                let _ = self.node(by)?;
            }
        }
        Ok(Dynamic::UNIT)
    }

    fn missing(&self, at: &Range<usize>, within: Option<(&Dynamic, &Step)>) {
        if self.seen.is_none() {
            return;
        }
        let keys = within.and_then(|(value, _)| value.as_map_ref().ok().map(|map| map.clone()));
        let near = match (&keys, within) {
            (Some(keys), Some((_, Step::Member(name, _)))) => {
                nearest(name, keys.keys().map(AsRef::as_ref))
            }
            _ => None,
        };
        let written = self.source.get(at.clone()).unwrap_or_default();
        let hint = match within {
            Some((value, Step::Member(name, _))) => {
                Asked::value(value).and_then(|asked| self.why(&asked, written, name))
            }
            _ => None,
        };
        self.note_missing(at, near.map(str::to_owned), hint);
    }

    /// `made` is a member that is there besides those of the JSON.
    fn missing_json(
        &self,
        at: &Range<usize>,
        within: &Json,
        name: Option<&str>,
        made: Option<&'static str>,
    ) {
        let near = match (within, name) {
            (Json::Object(map), Some(name)) => {
                nearest(name, map.keys().map(String::as_str).chain(made))
            }
            _ => None,
        };
        let written = self.source.get(at.clone()).unwrap_or_default();
        let hint = name.and_then(|name| self.why(&Asked::json(within)?, written, name));
        self.note_missing(at, near.map(str::to_owned), hint);
    }

    /// Why a member of a value that is no map is missing; `written`: the path with that member at its end.
    fn why(&self, of: &Asked, written: &str, name: &str) -> Option<String> {
        let of_written = written
            .strip_suffix(name)?
            .trim_end()
            .trim_end_matches(['.', '?']);
        let kind = (of_written == "res.body")
            .then(|| {
                let headers = ops::member(&self.variable("res")?, "headers");
                ops::as_text(&ops::member(&headers, "content-type"))
            })
            .flatten();
        Some(of.why(of_written, name, kind.as_deref()))
    }

    fn note_missing(&self, at: &Range<usize>, nearest: Option<String>, hint: Option<String>) {
        if let Some(seen) = &self.seen {
            let path = self.source.get(at.clone()).unwrap_or_default().to_owned();
            let missing = &mut seen.borrow_mut().missing;
            if !missing.iter().any(|(_, known)| known.path == path) {
                missing.push((
                    at.clone(),
                    Missing {
                        path,
                        nearest,
                        hint,
                    },
                ));
            }
        }
    }

    fn leaf(&self, node: &Code, leaf: &Leaf) -> Outcome {
        let mut scope = rhai::Scope::new();
        // Rhai evaluates the arguments of a method before the value that it is called on.
        let (receiver, args) = leaf.holes.split_at(usize::from(leaf.needs_first));
        for (index, hole) in args.iter().enumerate() {
            let name = format!("{HOLE}{}", index + receiver.len());
            scope.push_dynamic(name, self.node(hole)?);
        }
        if let [receiver] = receiver {
            let value = self.node(receiver)?;
            if value.is_unit() {
                return Ok(value);
            }
            scope.push_dynamic(format!("{HOLE}0"), value);
        }
        for name in &leaf.reads {
            let value = self.variable(name).unwrap_or_default();
            scope.push_constant_dynamic(&**name, value);
        }
        let _entered = Entered::new(self.host, self.place);
        let (value, absent) = sandbox::noting_missing(self.seen.is_some(), || {
            self.rhai
                .eval_ast_with_scope::<Dynamic>(&mut scope, &leaf.ast)
        });
        for absent in absent {
            let here = absent.source.is_none_or(|source| source.is_empty());
            if let Some(at) = leaf
                .printed
                .path(absent.position, absent.steps)
                .filter(|_| here)
            {
                let source = self.source.get(at.clone()).unwrap_or_default();
                let hint = (absent.asked).and_then(|(asked, name)| self.why(&asked, source, &name));
                self.note_missing(&at, absent.nearest, hint);
            }
        }
        let value = value.map_err(|error| self.leaf_error(&error, node, leaf))?;
        Ok(value.flatten())
    }

    fn leaf_error(&self, error: &rhai::EvalAltResult, node: &Code, leaf: &Leaf) -> EvalError {
        let mut located = rhai_error::located(error, &leaf.printed, &node.at, self.module_line);
        // A call that cannot be made is wrong as a whole: its operands are what to look at.
        if leaf.name_at.as_ref() == Some(&located.at) {
            located.at = node.at.clone();
        }
        located
    }
}

/// Whether a step asks for the member of this name. `indices` are those that were computed so far.
fn names(step: &Step, indices: &[Way], wanted: &str) -> bool {
    match (step, indices.last()) {
        (Step::Member(name, _), _) | (Step::Index(..), Some(Way::Key(name))) => name == wanted,
        (Step::Index(..), _) => false,
    }
}

/// A result that may have needed much memory or time.
fn metered(node: &Code, result: Result<Dynamic, Fault>) -> Outcome {
    result
        .and_then(|value| sandbox::check().map(|()| value))
        .map_err(|fault| placed(fault, &node.at))
}

/// The value at a place of JSON, given the way to it.
fn value_at(lazy: &Lazy, json: &Json, steps: &[Step], indices: Vec<Way>) -> Dynamic {
    lazy::scalar(json).unwrap_or_else(|| {
        let mut indices = indices.into_iter();
        lazy.below(steps.iter().map(|step| match step {
            Step::Member(name, _) => Way::Key(name.clone()),
            Step::Index(..) => indices.next().unwrap_or(Way::Index(0)),
        }))
    })
}
