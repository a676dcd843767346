//! Evaluates a [`Node`]: what a condition says is computed here, what only Rhai can do is left to it.

use super::arithmetic::{self, calculate};
use super::functions::{Call, Function};
use super::lazy::{self, Lazy, Step as Way};
use super::node::{Kind, Leaf, Node, Operator, Step};
use super::ops::{self, Fault, truth};
use super::sandbox::{self, Entered};
use super::scope::{Host, LOCALS, Locals, Scope};
use super::translate::HOLE;
use super::{EvalError, EvalKind, rhai_error};
use crate::event::nearest;
use crate::event::{Json, Missing};
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
    pub(super) fn value(&self, node: &Node) -> Option<&Dynamic> {
        self.values.get(&address(node))
    }
}

fn address(node: &Node) -> usize {
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
    pub(super) fn node(&self, node: &Node) -> Outcome {
        let value = self.compute(node)?;
        if let Some(seen) = &self.seen {
            seen.borrow_mut()
                .values
                .insert(address(node), value.clone());
        }
        Ok(value)
    }

    fn compute(&self, node: &Node) -> Outcome {
        let place = |fault| placed(fault, &node.at);
        match &node.kind {
            Kind::Literal(value) => Ok(value.clone()),
            Kind::Variable(name) => self.variable_at(name, &node.at),
            Kind::Path(of, steps) => self.path(node, of, steps),
            Kind::Not(of) => ops::not(&self.node(of)?).map(Dynamic::from).map_err(place),
            Kind::Negate(of) => arithmetic::negate(&self.node(of)?).map_err(place),
            Kind::And(left, right) => {
                Ok((self.truth(left, "`&&`")? && self.truth(right, "`&&`")?).into())
            }
            Kind::Or(left, right) => {
                Ok((self.truth(left, "`||`")? || self.truth(right, "`||`")?).into())
            }
            Kind::Coalesce(left, right) => {
                let value = self.node(left)?;
                if value.is_unit() {
                    self.node(right)
                } else {
                    Ok(value)
                }
            }
            Kind::Binary(operator, left, right) => {
                let (left, right) = (self.node(left)?, self.node(right)?);
                let result = apply(*operator, &left, &right);
                match operator {
                    Operator::Calculate(_) => metered(node, result),
                    _ => result.map_err(place),
                }
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
                if self.truth(condition, "`if`")? {
                    self.node(then)
                } else {
                    otherwise
                        .as_deref()
                        .map_or(Ok(Dynamic::UNIT), |node| self.node(node))
                }
            }
            Kind::Call {
                function,
                args,
                maybe,
                ..
            } => {
                let args = self.nodes(args)?;
                if *maybe && args[0].is_unit() {
                    return Ok(Dynamic::UNIT);
                }
                self.call(function, &args).map_err(place)
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

    fn nodes(&self, nodes: &[Node]) -> Outcome<Vec<Dynamic>> {
        nodes.iter().map(|node| self.node(node)).collect()
    }

    fn truth(&self, node: &Node, who: &str) -> Outcome<bool> {
        let value = self.node(node)?;
        truth(&value, who).map_err(|fault| placed(fault, &node.at))
    }

    fn variable(&self, name: &str) -> Option<Dynamic> {
        self.on
            .get(name)
            .or_else(|| self.scope.get(name))
            .map(|value| value.0)
    }

    fn variable_at(&self, name: &str, at: &Range<usize>) -> Outcome {
        let Some(value) = self.variable(name) else {
            let known = self.scope.names();
            let known = known.iter().map(|name| &**name).chain(LOCALS);
            let error = EvalError::new(
                at.clone(),
                format!("the variable `{name}` has no value here"),
            );
            return Err(match nearest(name, known) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error,
            });
        };
        if value.is_unit() {
            self.missing(at, None);
        }
        Ok(value)
    }

    fn path(&self, node: &Node, of: &Node, steps: &[Step]) -> Outcome {
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
    fn json_path(&self, node: &Node, lazy: &Lazy, steps: &[Step], next: &mut usize) -> Outcome {
        let mut json = lazy.json();
        let mut indices: Vec<Way> = Vec::new();
        let first = *next;
        while let Some(step) = steps.get(*next) {
            let child = match step {
                Step::Member(name, _) => json.get(name.as_str()),
                Step::Index(by, _) => {
                    let by_value = self.node(by)?;
                    if let (Ok(index), Json::Array(list)) = (by_value.as_int(), json) {
                        let index = lazy::position(index, list.len());
                        indices.push(Way::Index(index.unwrap_or_default()));
                        index.and_then(|index| list.get(index))
                    } else if let Some(name) = ops::as_text(&by_value) {
                        indices.push(Way::Key(name.clone()));
                        json.get(name.as_str())
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
                    if self.seen.is_some() {
                        let at = node.at.start..step.end();
                        let within = other.is_none().then_some((json, step));
                        self.missing_json(&at, within);
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
        self.note_missing(at, near.map(str::to_owned));
    }

    fn missing_json(&self, at: &Range<usize>, within: Option<(&Json, &Step)>) {
        let near = match within {
            Some((Json::Object(map), Step::Member(name, _))) => {
                nearest(name, map.keys().map(String::as_str))
            }
            _ => None,
        };
        self.note_missing(at, near.map(str::to_owned));
    }

    fn note_missing(&self, at: &Range<usize>, nearest: Option<String>) {
        if let Some(seen) = &self.seen {
            let path = self.source.get(at.clone()).unwrap_or_default().to_owned();
            let missing = &mut seen.borrow_mut().missing;
            if !missing.iter().any(|(_, known)| known.path == path) {
                missing.push((at.clone(), Missing { path, nearest }));
            }
        }
    }

    fn leaf(&self, node: &Node, leaf: &Leaf) -> Outcome {
        let mut scope = rhai::Scope::new();
        for (index, hole) in leaf.holes.iter().enumerate() {
            let value = self.node(hole)?;
            if index == 0 && leaf.maybe && value.is_unit() {
                return Ok(value);
            }
            scope.push_dynamic(format!("{HOLE}{index}"), value);
        }
        for name in &leaf.reads {
            if let Some(value) = self.variable(name) {
                scope.push_constant_dynamic(&**name, value);
            }
        }
        let _entered = Entered::new(self.host, self.place);
        let value = self
            .rhai
            .eval_ast_with_scope::<Dynamic>(&mut scope, &leaf.ast)
            .map_err(|error| self.leaf_error(&error, node, leaf))?;
        Ok(value.flatten())
    }

    fn leaf_error(&self, error: &rhai::EvalAltResult, node: &Node, leaf: &Leaf) -> EvalError {
        let mut located = rhai_error::located(error, &leaf.translation, &node.at, self.module_line);
        // A call that cannot be made is wrong as a whole: its operands are what to look at.
        if leaf.name_at.as_ref() == Some(&located.at) {
            located.at = node.at.clone();
        }
        match error {
            rhai::EvalAltResult::ErrorVariableNotFound(name, _) => {
                match self.variable_at(name, &located.at) {
                    Err(error) => error,
                    Ok(_) => located,
                }
            }
            _ => located,
        }
    }
}

fn apply(operator: Operator, left: &Dynamic, right: &Dynamic) -> Result<Dynamic, Fault> {
    match operator {
        Operator::Compare(how) => ops::compare(how, left, right).map(Dynamic::from),
        Operator::CompareNull(how) => Ok(ops::compare_null(how, left, right).into()),
        Operator::In { negated } => {
            ops::contains(right, left).map(|found| (found != negated).into())
        }
        Operator::Calculate(how) => calculate(how, left, right),
        Operator::Bits(symbol) => arithmetic::bits(symbol, left, right),
        Operator::Range { inclusive } => arithmetic::range(left, right, inclusive),
    }
}

/// A result that may have needed much memory or time.
fn metered(node: &Node, result: Result<Dynamic, Fault>) -> Outcome {
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
