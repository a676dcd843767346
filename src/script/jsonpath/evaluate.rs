//! What a path finds (RFC 9535, 2.3 to 2.5), within bounds.

use super::functions::Pattern;
use super::{MAX_VISITED, too_many};
use crate::event::{Json, number};
use crate::script::ops::Fault;
use jsonpath_rust::parser::model::{
    Comparable, Comparison, Filter, FilterAtom, Literal, Segment, Selector, SingularQuery,
    SingularQuerySegment, Test,
};
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::collections::HashMap;

/// One value, or none: what is compared, and what functions take and give.
pub(super) type Found<'j> = Option<Cow<'j, Json>>;

/// One evaluation of a path over a value.
pub(super) struct Evaluation<'p, 'j> {
    pub(super) root: &'j Json,
    literals: &'j [Json],
    pub(super) patterns: &'p HashMap<String, Pattern>,
    /// Patterns that stood in the data; `None` for what is none.
    pub(super) met: RefCell<HashMap<String, Option<Pattern>>>,
    /// How many values may still be visited.
    room: Cell<usize>,
}

impl<'p, 'j> Evaluation<'p, 'j> {
    pub(super) fn new(
        root: &'j Json,
        literals: &'j [Json],
        patterns: &'p HashMap<String, Pattern>,
    ) -> Self {
        Self {
            root,
            literals,
            patterns,
            met: RefCell::default(),
            room: Cell::new(MAX_VISITED),
        }
    }

    /// Counts what was looked at.
    pub(super) fn spend(&self, cost: usize) -> Result<(), Fault> {
        let left = self.room.get().checked_sub(cost).ok_or_else(too_many)?;
        self.room.set(left);
        Ok(())
    }

    /// What these segments find, in the order of the standard.
    pub(super) fn query(
        &self,
        segments: &[Segment],
        start: &'j Json,
    ) -> Result<Vec<&'j Json>, Fault> {
        let mut nodes = vec![start];
        for segment in segments {
            let mut found = Vec::new();
            for node in nodes {
                self.segment(segment, node, &mut found)?;
            }
            nodes = found;
        }
        Ok(nodes)
    }

    fn segment(
        &self,
        segment: &Segment,
        node: &'j Json,
        found: &mut Vec<&'j Json>,
    ) -> Result<(), Fault> {
        match segment {
            Segment::Selector(selector) => self.select(selector, node, found),
            Segment::Selectors(selectors) => selectors
                .iter()
                .try_for_each(|selector| self.select(selector, node, found)),
            // A node comes before what is below it, and all selectors are asked of one node before the
            // next (2.5.2.2).
            Segment::Descendant(inner) => {
                self.segment(inner, node, found)?;
                for child in children(node) {
                    self.spend(1)?;
                    self.segment(segment, child, found)?;
                }
                Ok(())
            }
        }
    }

    fn select(
        &self,
        selector: &Selector,
        node: &'j Json,
        found: &mut Vec<&'j Json>,
    ) -> Result<(), Fault> {
        self.spend(1)?;
        match (selector, node) {
            (Selector::Name(name), Json::Object(members)) => found.extend(members.get(name)),
            (Selector::Index(index), Json::Array(items)) => found.extend(item(items, *index)),
            (Selector::Slice(start, end, step), Json::Array(items)) => {
                let positions = slice(items.len(), *start, *end, *step);
                for position in positions {
                    self.spend(1)?;
                    found.extend(items.get(position));
                }
            }
            (Selector::Wildcard, _) => {
                for child in children(node) {
                    self.spend(1)?;
                    found.push(child);
                }
            }
            (Selector::Filter(filter), _) => {
                for child in children(node) {
                    self.spend(1)?;
                    if self.filter(filter, child)? {
                        found.push(child);
                    }
                }
            }
            (Selector::Name(_) | Selector::Index(_) | Selector::Slice(..), _) => {}
        }
        Ok(())
    }

    fn filter(&self, filter: &Filter, current: &'j Json) -> Result<bool, Fault> {
        match filter {
            Filter::Or(filters) => {
                for filter in filters {
                    if self.filter(filter, current)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Filter::And(filters) => {
                for filter in filters {
                    if !self.filter(filter, current)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Filter::Atom(FilterAtom::Filter { expr, not }) => {
                Ok(self.filter(expr, current)? != *not)
            }
            Filter::Atom(FilterAtom::Test { expr, not }) => Ok(self.test(expr, current)? != *not),
            Filter::Atom(FilterAtom::Comparison(comparison)) => self.compare(comparison, current),
        }
    }

    fn test(&self, test: &Test, current: &'j Json) -> Result<bool, Fault> {
        match test {
            Test::RelQuery(segments) => Ok(!self.query(segments, current)?.is_empty()),
            Test::AbsQuery(query) => Ok(!self.query(&query.segments, self.root)?.is_empty()),
            Test::Function(function) => self.holds(function, current),
        }
    }

    /// Whether a comparison holds (2.3.5.2.2): all of them are made of `==` and `<`.
    fn compare(&self, comparison: &Comparison, current: &'j Json) -> Result<bool, Fault> {
        let (left, right) = comparison.vals();
        let left = self.comparable(left, current)?;
        let right = self.comparable(right, current)?;
        let (left, right) = (left.as_deref(), right.as_deref());
        match comparison {
            Comparison::Eq(..) => self.equal(left, right),
            Comparison::Ne(..) => self.equal(left, right).map(|equal| !equal),
            Comparison::Lt(..) => Ok(less(left, right)),
            Comparison::Gt(..) => Ok(less(right, left)),
            Comparison::Lte(..) => Ok(less(left, right) || self.equal(left, right)?),
            Comparison::Gte(..) => Ok(less(right, left) || self.equal(left, right)?),
        }
    }

    fn equal(&self, left: Option<&Json>, right: Option<&Json>) -> Result<bool, Fault> {
        let (Some(left), Some(right)) = (left, right) else {
            // What is missing equals what is missing, and nothing else: not even null.
            return Ok(left.is_none() && right.is_none());
        };
        let mut room = self.room.get();
        let equal = number::equal_json_within(left, right, &mut room);
        self.room.set(room);
        equal.ok_or_else(too_many)
    }

    fn comparable(&self, side: &Comparable, current: &'j Json) -> Result<Found<'j>, Fault> {
        match side {
            Comparable::Literal(literal) => Ok(self.literal(literal)),
            Comparable::Function(function) => self.value_of(function, current),
            Comparable::SingularQuery(query) => {
                let (start, segments) = match query {
                    SingularQuery::Current(segments) => (current, segments),
                    SingularQuery::Root(segments) => (self.root, segments),
                };
                self.spend(segments.len())?;
                let end = segments
                    .iter()
                    .try_fold(start, |node, segment| match segment {
                        SingularQuerySegment::Name(name) => node.as_object()?.get(name),
                        SingularQuerySegment::Index(index) => item(node.as_array()?, *index),
                    });
                Ok(end.map(Cow::Borrowed))
            }
        }
    }

    /// A literal by its number, which is all that the parsed query has of it.
    pub(super) fn literal(&self, literal: &Literal) -> Found<'j> {
        let Literal::Int(number) = literal else {
            return None;
        };
        let literal = self.literals.get(usize::try_from(*number).ok()?)?;
        Some(Cow::Borrowed(literal))
    }
}

/// `<` is for two numbers or two texts; of any others neither is less.
fn less(left: Option<&Json>, right: Option<&Json>) -> bool {
    match (left, right) {
        (Some(Json::Number(left)), Some(Json::Number(right))) => {
            number::order(left, right) == Some(Ordering::Less)
        }
        // By Unicode scalar values, which is the order of UTF-8.
        (Some(Json::String(left)), Some(Json::String(right))) => left < right,
        _ => false,
    }
}

/// The items of a list, the values of a map in their order.
fn children(node: &Json) -> impl Iterator<Item = &Json> {
    let items = node.as_array().into_iter().flatten();
    let members = node.as_object().into_iter().flat_map(|map| map.values());
    items.chain(members)
}

/// The item at an index, counted from the end if it is negative.
fn item(items: &[Json], index: i64) -> Option<&Json> {
    items.get(crate::script::lazy::position(index, items.len())?)
}

/// The indices of a slice (2.3.4.2.2).
fn slice(
    length: usize,
    start: Option<i64>,
    end: Option<i64>,
    step: Option<i64>,
) -> impl Iterator<Item = usize> {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let step = step.unwrap_or(1);
    let normal = |index: i64| if index < 0 { length + index } else { index };
    // The first index, how far it may go at most, and how many steps that is. Step 0 goes nowhere.
    let (first, count) = if step >= 0 {
        let lower = normal(start.unwrap_or(0)).clamp(0, length);
        let upper = normal(end.unwrap_or(length)).clamp(0, length);
        (lower, (upper - lower).max(0))
    } else {
        let upper = normal(start.unwrap_or(length - 1)).clamp(-1, length - 1);
        let lower = end.map_or(-1, |end| normal(end).clamp(-1, length - 1));
        (upper, (upper - lower).max(0))
    };
    let steps = match step {
        0 => 0,
        _ => count.unsigned_abs().div_ceil(step.unsigned_abs()),
    };
    (0..steps).filter_map(move |at| {
        let offset = i64::try_from(at).ok()?.checked_mul(step)?;
        usize::try_from(first + offset).ok()
    })
}
