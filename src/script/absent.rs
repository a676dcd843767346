//! Why a member is missing, where the value that was asked for it says so, and what finds what was wanted.

use super::lazy;
use super::ops::{Type, as_text};
use crate::event::Json;
use rhai::Dynamic;

/// The longest text that is looked at, in bytes.
const MAX_TEXT: usize = 256 * 1024;

/// A value that was asked for a member and has none, whatever the name.
pub(super) enum Asked {
    List,
    Text(String),
}

impl Asked {
    pub(super) fn value(value: &Dynamic) -> Option<Self> {
        if let Some(lazy) = lazy::lazy(value) {
            return Self::json(lazy.json());
        }
        match Type::of(value) {
            Type::List => Some(Self::List),
            Type::Text => as_text(value).map(|text| Self::Text(text.to_string())),
            _ => None,
        }
    }

    pub(super) fn json(json: &Json) -> Option<Self> {
        match json {
            Json::Array(_) => Some(Self::List),
            Json::String(text) => Some(Self::Text(text.clone())),
            _ => None,
        }
    }

    /// Why `name` is no member of it. `of`: how the value is written; `content_type`: what it came with.
    pub(super) fn why(&self, of: &str, name: &str, content_type: Option<&str>) -> String {
        if matches!(name, "length" | "size" | "count") {
            return format!("write `len({of})`");
        }
        let Self::Text(text) = self else {
            return format!("`{of}` is a list: `{of}[0].{name}` is of its first item");
        };
        let came = content_type.map_or_else(String::new, |kind| format!(" ({kind})"));
        let is_json = text.len() <= MAX_TEXT
            && text.trim_start().starts_with(['{', '['])
            && serde_json::from_str::<Json>(text).is_ok();
        if is_json {
            format!("`{of}` is a text{came} that holds JSON: write `parse_json({of}).{name}`")
        } else {
            format!("`{of}` is a text{came}, which has no members")
        }
    }
}

/// Why an environment variable is missing.
pub(super) fn unset(name: &str) -> String {
    format!("the environment variable `{name}` is not set")
}
