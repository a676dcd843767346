//! JSON that is looked into, never converted as a whole.
//!
//! A body of 900 KB takes 11 ms to convert and 100 ns to look into. A [`Lazy`] is the root and the way
//! to one of its lists or maps; scalars become plain values of Rhai at once.

use super::limits::{Limit, MAX_DEPTH};
use super::ops::Fault;
use super::typed::Bytes;
use super::weight;
use crate::event::Json;
use rhai::{Array, Dynamic, ImmutableString, Map};
use serde_json::Number;
use std::sync::Arc;

static NULL: Json = Json::Null;

/// A list or map somewhere in shared JSON.
#[derive(Clone, Debug)]
pub(super) struct Lazy {
    root: Arc<Json>,
    way: Option<Arc<Way>>,
    /// Whether it is what a client has brought, whose text has bytes.
    is_result: bool,
}

/// The member of a result that stands in no JSON: the bytes behind its text.
const BYTES: &str = "bytes";

#[derive(Debug)]
struct Way {
    before: Option<Arc<Way>>,
    step: Step,
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Key(ImmutableString),
    Index(usize),
}

/// What a stretch of JSON may be, told by the way that leads to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A result or message as a whole, or a list of them.
    Result,
    /// The headers of one: their names are found by any case.
    Headers,
    /// Anything else, bodies above all: names are as they are.
    Inside,
}

impl Place {
    /// What a member is.
    pub(super) fn member(self, name: &str) -> Self {
        if self == Self::Result && name == HEADERS {
            Self::Headers
        } else {
            Self::Inside
        }
    }

    /// What an item is.
    pub(super) fn item(self) -> Self {
        if self == Self::Result {
            Self::Result
        } else {
            Self::Inside
        }
    }
}

/// The member of a result that holds its headers.
const HEADERS: &str = "headers";

impl Way {
    fn place(&self) -> Place {
        let before = self.before.as_deref().map_or(Place::Result, Self::place);
        match &self.step {
            Step::Key(name) => before.member(name),
            Step::Index(_) => before.item(),
        }
    }
}

/// A member of JSON; by `any_case` where none has just that name.
pub(super) fn find<'j>(json: &'j Json, name: &str, any_case: bool) -> Option<&'j Json> {
    let exact = json.get(name);
    if exact.is_some() || !any_case {
        return exact;
    }
    let mut members = json.as_object()?.iter();
    members
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

impl Lazy {
    pub(super) fn json(&self) -> &Json {
        resolve(&self.root, self.way.as_deref())
    }

    /// The value at a child of this one.
    pub(super) fn member(&self, name: &str) -> Option<Dynamic> {
        match self.get(name) {
            Some(child) => Some(self.child(child, || Step::Key(name.into()))),
            None if name == BYTES => self.bytes(),
            None => None,
        }
    }

    /// The bytes behind the text of a result: `base64` where the text is not what was sent, else the text's own.
    /// So nothing is kept twice.
    pub(super) fn bytes(&self) -> Option<Dynamic> {
        if !self.is_result {
            return None;
        }
        let member = |name| self.root.get(name).and_then(Json::as_str);
        let bytes = match member("base64") {
            Some(base64) => Bytes::from_base64(base64)?,
            None => Bytes(member("text")?.as_bytes().into()),
        };
        Some(Dynamic::from(bytes))
    }

    /// The name of the member that is made when it is asked for, if there is one.
    pub(super) fn made(&self) -> Option<&'static str> {
        let has_bytes = self.is_result
            && (self.root.get("base64").or_else(|| self.root.get("text")))
                .is_some_and(Json::is_string);
        has_bytes.then_some(BYTES)
    }

    /// A member: of headers by any case.
    pub(super) fn get(&self, name: &str) -> Option<&Json> {
        find(self.json(), name, self.place() == Place::Headers)
    }

    /// What it is in the result that it may belong to.
    pub(super) fn place(&self) -> Place {
        self.way.as_deref().map_or(Place::Result, Way::place)
    }

    /// The value at an index, counted from the end if negative.
    pub(super) fn at(&self, index: i64) -> Option<Dynamic> {
        let list = self.json().as_array()?;
        let index = position(index, list.len())?;
        Some(self.child(&list[index], || Step::Index(index)))
    }

    fn child(&self, child: &Json, step: impl FnOnce() -> Step) -> Dynamic {
        scalar(child).unwrap_or_else(|| self.below(std::iter::once(step())))
    }

    /// The list or map that these steps lead to.
    pub(super) fn below(&self, steps: impl IntoIterator<Item = Step>) -> Dynamic {
        let mut way = self.way.clone();
        for step in steps {
            way = Some(Arc::new(Way { before: way, step }));
        }
        Dynamic::from(Self {
            root: self.root.clone(),
            way,
            is_result: false,
        })
    }

    pub(super) fn len(&self) -> usize {
        match self.json() {
            Json::Array(list) => list.len(),
            Json::Object(map) => map.len(),
            _ => 0,
        }
    }

    /// A list or map of Rhai whose members are still lazy.
    pub(super) fn opened(&self) -> Dynamic {
        match self.json() {
            Json::Array(_) => Dynamic::from_array(self.items().collect::<Array>()),
            Json::Object(map) => Dynamic::from_map(
                map.iter()
                    .map(|(key, child)| {
                        (
                            key.as_str().into(),
                            self.child(child, || Step::Key(key.into())),
                        )
                    })
                    .collect::<Map>(),
            ),
            other => scalar(other).unwrap_or_default(),
        }
    }

    /// The items of a list; of a map its values.
    pub(super) fn items(&self) -> impl Iterator<Item = Dynamic> + use<> {
        let this = self.clone();
        let keys: Option<Vec<ImmutableString>> = self
            .json()
            .as_object()
            .map(|map| map.keys().map(Into::into).collect());
        (0..self.len()).map(move |index| match &keys {
            Some(keys) => this.member(&keys[index]).unwrap_or_default(),
            None => this
                .json()
                .get(index)
                .map(|child| this.child(child, || Step::Index(index)))
                .unwrap_or_default(),
        })
    }

    /// The same value without the rest of the JSON that it came from. Headers stay headers.
    pub(super) fn detached(&self) -> Self {
        if self.way.is_none() {
            return Self {
                is_result: false,
                ..self.clone()
            };
        }
        let json = self.json().clone();
        if self.place() == Place::Headers {
            let whole = std::iter::once((HEADERS.to_owned(), json)).collect();
            let root = Self {
                root: Arc::new(Json::Object(whole)),
                way: None,
                is_result: false,
            };
            let way = Way {
                before: None,
                step: Step::Key(HEADERS.into()),
            };
            return Self {
                way: Some(Arc::new(way)),
                ..root
            };
        }
        Self {
            root: Arc::new(json),
            way: None,
            is_result: false,
        }
    }

    /// The JSON itself, shared if this is its root.
    pub(super) fn shared(&self) -> Arc<Json> {
        match self.way {
            None => self.root.clone(),
            Some(_) => Arc::new(self.json().clone()),
        }
    }
}

fn resolve<'r>(root: &'r Json, way: Option<&Way>) -> &'r Json {
    match way {
        None => root,
        Some(way) => {
            let parent = resolve(root, way.before.as_deref());
            let child = match &way.step {
                // Whoever made the way has looked whether any case will do.
                Step::Key(key) => find(parent, key, true),
                Step::Index(index) => parent.get(*index),
            };
            child.unwrap_or(&NULL)
        }
    }
}

/// The position that an index means in a list of this length.
pub(super) fn position(index: i64, len: usize) -> Option<usize> {
    let index = if index < 0 {
        index.checked_add(i64::try_from(len).ok()?)?
    } else {
        index
    };
    usize::try_from(index).ok().filter(|index| *index < len)
}

/// The value of a JSON leaf; `None` for a list or map.
pub(super) fn scalar(json: &Json) -> Option<Dynamic> {
    Some(match json {
        Json::Null => Dynamic::UNIT,
        Json::Bool(value) => (*value).into(),
        Json::Number(number) => number_value(number),
        Json::String(text) => text.as_str().into(),
        Json::Array(_) | Json::Object(_) => return None,
    })
}

fn number_value(number: &Number) -> Dynamic {
    if let Some(value) = number.as_i64() {
        value.into()
    } else if let Some(value) = number.as_u64() {
        // Too large for Rhai's integers: kept exact, can be compared and shown.
        Dynamic::from(value)
    } else {
        number.as_f64().unwrap_or(f64::NAN).into()
    }
}

/// Shared JSON as a value.
pub(super) fn value(json: Arc<Json>) -> Dynamic {
    scalar(&json).unwrap_or_else(|| {
        Dynamic::from(Lazy {
            root: json,
            way: None,
            is_result: false,
        })
    })
}

/// What a client has brought, as a value.
pub(super) fn result(json: Arc<Json>) -> Dynamic {
    scalar(&json).unwrap_or_else(|| {
        Dynamic::from(Lazy {
            root: json,
            way: None,
            is_result: true,
        })
    })
}

/// A value as JSON.
pub(super) fn to_json(value: &Dynamic) -> Result<Json, Fault> {
    check_weight(value)?;
    convert(value, 0)
}

/// What is one JSON value has the size that it has; what was made of several may hold one many times.
fn check_weight(value: &Dynamic) -> Result<(), Fault> {
    if value.is_array() || value.is_map() {
        weight::check(value)
    } else {
        Ok(())
    }
}

fn convert(value: &Dynamic, depth: usize) -> Result<Json, Fault> {
    if depth > MAX_DEPTH {
        return Err(Limit::Depth.fault());
    }
    if value.is_shared() {
        return convert(&value.flatten_clone(), depth);
    }
    if let Some(lazy) = lazy(value) {
        return Ok(lazy.json().clone());
    }
    if let Ok(list) = value.as_array_ref() {
        return list.iter().map(|item| convert(item, depth + 1)).collect();
    }
    if let Ok(map) = value.as_map_ref() {
        let mut out = serde_json::Map::new();
        for (key, member) in &*map {
            out.insert(key.to_string(), convert(member, depth + 1)?);
        }
        return Ok(Json::Object(out));
    }
    leaf_to_json(value)
}

fn leaf_to_json(value: &Dynamic) -> Result<Json, Fault> {
    if value.is_unit() {
        return Ok(Json::Null);
    }
    if let Ok(value) = value.as_bool() {
        return Ok(value.into());
    }
    if let Ok(value) = value.as_int() {
        return Ok(value.into());
    }
    if let Ok(value) = value.as_float() {
        return Number::from_f64(value)
            .map(Json::Number)
            .ok_or_else(|| Fault::new(format!("{value} is not a number that JSON knows")));
    }
    if let Some(value) = value.read_lock::<u64>() {
        return Ok((*value).into());
    }
    if value.is_fnptr() {
        return Err(
            Fault::new("a function is no plain value").hint("call it, and keep what it returns")
        );
    }
    Ok(Json::String(super::ops::text(value)))
}

/// Whether a list or map is plain data of bounded depth.
pub(super) fn check(value: &Dynamic) -> Result<(), Fault> {
    check_below(value, 0)?;
    check_weight(value)
}

fn check_below(value: &Dynamic, depth: usize) -> Result<(), Fault> {
    if depth > MAX_DEPTH {
        return Err(Limit::Depth.fault());
    }
    if value.is_shared() {
        return check_below(&value.flatten_clone(), depth);
    }
    if let Ok(list) = value.as_array_ref() {
        return list
            .iter()
            .try_for_each(|item| check_below(item, depth + 1));
    }
    if let Ok(map) = value.as_map_ref() {
        return map
            .values()
            .try_for_each(|member| check_below(member, depth + 1));
    }
    if value.is_variant() {
        Ok(())
    } else {
        leaf_to_json(value).map(drop)
    }
}

/// The lazy JSON that a value is.
pub(super) fn lazy(value: &Dynamic) -> Option<Lazy> {
    if value.is_variant() {
        value.read_lock::<Lazy>().map(|lazy| lazy.clone())
    } else {
        None
    }
}

/// Replaces what belongs to larger JSON by copies, so that a kept member does not keep a whole body.
pub(super) fn detach(value: &mut Dynamic) {
    if let Some(lazy) = lazy(value) {
        *value = Dynamic::from(lazy.detached());
    } else if let Ok(mut list) = value.as_array_mut() {
        list.iter_mut().for_each(detach);
    } else if let Ok(mut map) = value.as_map_mut() {
        map.values_mut().for_each(detach);
    }
}
