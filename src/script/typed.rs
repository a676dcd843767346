//! Values that JSON alone does not tell: times, durations and bytes.

use super::lazy;
use super::ops::{self, Type};
use crate::event::{Json, ValueType, ValueTypes, parse_signed_duration};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use rhai::Dynamic;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// How many bytes a message shows; a multiple of 3, which base64 writes without padding.
const SHOWN: usize = 24;

/// Bytes as a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bytes(pub(super) Arc<[u8]>);

impl Bytes {
    /// The bytes that a value is.
    pub(super) fn of(value: &Dynamic) -> Option<Self> {
        value.read_lock::<Self>().map(|bytes| bytes.clone())
    }

    pub(super) fn from_base64(text: &str) -> Option<Self> {
        STANDARD.decode(text).ok().map(|bytes| Self(bytes.into()))
    }

    pub(super) fn to_base64(&self) -> String {
        STANDARD.encode(&self.0)
    }

    /// For messages: how many there are, and how they begin in base64. Where there are more, their digest tells them from
    /// others that begin alike.
    pub(super) fn shown(&self) -> String {
        let length = self.0.len();
        match self.0.get(..SHOWN) {
            Some(head) if head.len() < length => {
                let digest = Sha256::digest(&self.0);
                let digest = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
                let head = STANDARD.encode(head);
                format!("({length}) {head}…, SHA-256 {digest:08x}…")
            }
            _ => format!("({length}) {}", self.to_base64()),
        }
    }
}

/// What JSON does not tell of a value.
pub(super) fn types(value: &Dynamic) -> ValueTypes {
    let mut found = ValueTypes::default();
    collect(value, &mut String::new(), &mut found);
    found
}

fn collect(value: &Dynamic, at: &mut String, found: &mut ValueTypes) {
    if value.is_shared() {
        return collect(&value.flatten_clone(), at, found);
    }
    let length = at.len();
    if let Ok(list) = value.as_array_ref() {
        for (index, item) in list.iter().enumerate() {
            at.push_str(&format!("/{index}"));
            collect(item, at, found);
            at.truncate(length);
        }
    } else if let Ok(map) = value.as_map_ref() {
        for (key, member) in &*map {
            at.push('/');
            at.push_str(&key.replace('~', "~0").replace('/', "~1"));
            collect(member, at, found);
            at.truncate(length);
        }
    } else if let Some(kind) = type_of(value) {
        found.insert(at.clone(), kind);
    }
}

fn type_of(value: &Dynamic) -> Option<ValueType> {
    if !value.is_variant() {
        return None;
    }
    match Type::of(value) {
        Type::Time => Some(ValueType::Time),
        Type::Duration => Some(ValueType::Duration),
        Type::Bytes => Some(ValueType::Bytes),
        _ => None,
    }
}

/// The value of which this JSON and these types were made. What is not as its type says (it was masked) stays as it is.
pub(super) fn restored(json: Arc<Json>, types: &ValueTypes) -> Dynamic {
    let mut value = lazy::value(json);
    for (pointer, kind) in types.places() {
        let steps: Vec<String> = pointer
            .split('/')
            .skip(1)
            .map(|step| step.replace("~1", "/").replace("~0", "~"))
            .collect();
        restore(&mut value, &steps, kind);
    }
    value
}

fn restore(value: &mut Dynamic, steps: &[String], kind: ValueType) {
    let Some((first, rest)) = steps.split_first() else {
        if let Some(typed) = ops::as_text(value).and_then(|text| read(&text, kind)) {
            *value = typed;
        }
        return;
    };
    if let Some(lazy) = lazy::lazy(value) {
        *value = lazy.opened();
    }
    if let Ok(mut map) = value.as_map_mut() {
        if let Some(member) = map.get_mut(first.as_str()) {
            restore(member, rest, kind);
        }
    } else if let Ok(mut list) = value.as_array_mut()
        && let Some(item) = first.parse().ok().and_then(|at: usize| list.get_mut(at))
    {
        restore(item, rest, kind);
    }
}

fn read(text: &str, kind: ValueType) -> Option<Dynamic> {
    match kind {
        ValueType::Time => text.parse::<Timestamp>().ok().map(Dynamic::from),
        ValueType::Duration => parse_signed_duration(text).ok().map(Dynamic::from),
        ValueType::Bytes => Bytes::from_base64(text).map(Dynamic::from),
    }
}
