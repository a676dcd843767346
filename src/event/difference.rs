use super::{Json, number};
use serde::{Deserialize, Serialize};
use similar::{ChangeTag, TextDiff};

/// The changes, or the lines of a text, that one difference names; what is more is counted.
const MAX_CHANGES: usize = 40;
/// The bytes of each text that are compared line by line.
const MAX_TEXT: usize = 64 * 1024;
/// How deep structures are followed.
const MAX_DEPTH: usize = 64;
/// Longest text of a change or a line, in characters.
const MAX_SHOWN: usize = 400;
/// The bytes of JSON of a list or map that stands whole beside a path.
const MAX_VALUE: usize = 240;
/// The characters before the first difference of two long lines that are kept.
const BEFORE: usize = 16;

/// How two values differ: bounded, however large they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The members, items or characters of the left and the right value.
    pub sizes: (u64, u64),
    /// Where they differ.
    pub parts: Parts,
    /// How many further changes or lines there are.
    #[serde(default)]
    pub more: u64,
}

/// Where two values differ.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Parts {
    /// Structures: only the paths at which they differ.
    Paths(Vec<Change>),
    /// Texts of several lines: a unified diff.
    Lines(Vec<DiffLine>),
    /// Texts of one line each, from shortly before the first difference on.
    Line {
        /// The characters that are the same before it.
        same: u64,
        /// The characters before what is kept.
        skipped: u64,
        /// The left text.
        left: String,
        /// The right text.
        right: String,
    },
}

/// One path at which two structures differ.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Where: `$.items[2].price`.
    pub path: String,
    /// The left value; `None`: there is none.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub left: Option<Json>,
    /// The right value; `None`: there is none.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub right: Option<Json>,
}

/// One line of a unified diff, without the line break.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "text", rename_all = "snake_case")]
pub enum DiffLine {
    /// Which lines follow: `@@ -1,3 +1,3 @@`.
    Hunk(String),
    /// Only on the left.
    Removed(String),
    /// Only on the right.
    Added(String),
    /// On both sides.
    Same(String),
    /// A remark: which side does not end with a line break.
    Note(String),
}

/// Keeps a value that is null apart from one that is not there.
pub(super) fn present<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Json>, D::Error> {
    Json::deserialize(deserializer).map(Some)
}

impl Difference {
    /// How these two differ; nothing, if they are equal to every expression.
    #[must_use]
    pub fn of(left: &Json, right: &Json) -> Self {
        let (parts, more) = match (left, right) {
            (Json::String(left), Json::String(right))
                if !left.contains('\n') && !right.contains('\n') =>
            {
                (one_line(left, right), 0)
            }
            (Json::String(left), Json::String(right)) => lines(left, right),
            _ => {
                let mut changes = Changes::default();
                changes.compare("$", Some(left), Some(right), 0);
                (Parts::Paths(changes.kept), changes.more)
            }
        };
        Self {
            sizes: (size(left), size(right)),
            parts,
            more,
        }
    }
}

fn size(value: &Json) -> u64 {
    match value {
        Json::Object(members) => members.len() as u64,
        Json::Array(items) => items.len() as u64,
        Json::String(text) => text.chars().count() as u64,
        _ => 1,
    }
}

#[derive(Default)]
struct Changes {
    kept: Vec<Change>,
    more: u64,
}

impl Changes {
    fn compare(&mut self, path: &str, left: Option<&Json>, right: Option<&Json>, depth: usize) {
        if let (Some(left), Some(right)) = (left, right)
            && number::equal_json(left, right)
        {
            return;
        }
        match (left, right) {
            (Some(Json::Object(a)), Some(Json::Object(b))) if depth < MAX_DEPTH => {
                for (key, value) in a {
                    self.compare(&member(path, key), Some(value), b.get(key), depth + 1);
                }
                for (key, value) in b.iter().filter(|(key, _)| !a.contains_key(*key)) {
                    self.compare(&member(path, key), None, Some(value), depth + 1);
                }
            }
            (Some(Json::Array(a)), Some(Json::Array(b))) if depth < MAX_DEPTH => {
                for at in 0..a.len().max(b.len()) {
                    self.compare(&format!("{path}[{at}]"), a.get(at), b.get(at), depth + 1);
                }
            }
            _ if self.kept.len() < MAX_CHANGES => self.kept.push(Change {
                path: path.to_owned(),
                left: left.map(shortened),
                right: right.map(shortened),
            }),
            _ => self.more += 1,
        }
    }
}

fn member(path: &str, key: &str) -> String {
    let plain = key.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && key.chars().all(|c| c.is_alphanumeric() || c == '_');
    if plain {
        format!("{path}.{key}")
    } else {
        format!(
            "{path}['{}']",
            key.replace('\\', "\\\\").replace('\'', "\\'")
        )
    }
}

/// A value that stands beside a path. The beginning is all of a longer one that is read.
fn shortened(value: &Json) -> Json {
    match value {
        Json::String(text) => Json::String(cut(text)),
        Json::Array(_) | Json::Object(_) if is_large(value, &mut MAX_VALUE.clone()) => {
            Json::String(match value {
                Json::Array(items) => format!("[… {} items]", items.len()),
                _ => format!("{{… {} members}}", size(value)),
            })
        }
        other => other.clone(),
    }
}

/// Whether a value takes more than about this many bytes as JSON. Looks at no more than it must.
fn is_large(value: &Json, room: &mut usize) -> bool {
    let own = match value {
        Json::String(text) => text.len() + 2,
        Json::Array(_) | Json::Object(_) => 2,
        _ => 4,
    };
    let Some(left) = room.checked_sub(own) else {
        return true;
    };
    *room = left;
    match value {
        Json::Array(items) => items.iter().any(|item| is_large(item, room)),
        Json::Object(members) => members.iter().any(|(key, member)| {
            let Some(left) = room.checked_sub(key.len() + 3) else {
                return true;
            };
            *room = left;
            is_large(member, room)
        }),
        _ => false,
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn lines(left: &str, right: &str) -> (Parts, u64) {
    let (left, right) = (beginning(left), beginning(right));
    let diff = TextDiff::from_lines(left, right);
    let mut kept = Vec::new();
    let mut more = 0;
    let mut push = |line: DiffLine| {
        if kept.len() < MAX_CHANGES {
            kept.push(line);
        } else {
            more += 1;
        }
    };
    for hunk in diff.unified_diff().context_radius(2).iter_hunks() {
        push(DiffLine::Hunk(
            hunk.header().to_string().trim_end().to_owned(),
        ));
        for change in hunk.iter_changes() {
            let text = cut(change.value().trim_end_matches('\n'));
            push(match change.tag() {
                ChangeTag::Delete => DiffLine::Removed(text),
                ChangeTag::Insert => DiffLine::Added(text),
                ChangeTag::Equal => DiffLine::Same(text),
            });
        }
    }
    for (text, other, side) in [(left, right, "left"), (right, left, "right")] {
        if other.ends_with('\n') && !text.ends_with('\n') {
            let note = format!("\\ no line break at the end of the {side} one");
            push(DiffLine::Note(note));
        }
    }
    (Parts::Lines(kept), more)
}

fn one_line(left: &str, right: &str) -> Parts {
    let same = left
        .chars()
        .zip(right.chars())
        .take_while(|(a, b)| a == b)
        .count();
    let skipped = same.saturating_sub(BEFORE);
    let from = |text: &str| {
        cut(&text
            .chars()
            .skip(skipped)
            .take(MAX_SHOWN + 1)
            .collect::<String>())
    };
    Parts::Line {
        same: same as u64,
        skipped: skipped as u64,
        left: from(left),
        right: from(right),
    }
}

fn beginning(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_the_paths_that_differ_are_named_however_far_in_they_lie() {
        let items = |last: f64| -> Json {
            (0..200)
                .map(|at| json!({ "sku": at, "deep": { "er": { "and": { "er": { "price": if at == 150 { last } else { 1.0 } } } } } }))
                .collect()
        };
        let difference = Difference::of(
            &json!({ "items": items(10.0) }),
            &json!({ "items": items(9.5) }),
        );
        let change = Change {
            path: "$.items[150].deep.er.and.er.price".to_owned(),
            left: Some(10.0.into()),
            right: Some(9.5.into()),
        };
        assert_eq!(difference.parts, Parts::Paths(vec![change]));
        assert_eq!(difference.more, 0);
    }

    #[test]
    fn a_difference_of_large_values_is_small() {
        let left: Json = (0..1000)
            .map(|at| json!([at, "x".repeat(10_000)]))
            .collect();
        let difference = Difference::of(&left, &json!([]));
        assert_eq!(difference.sizes, (1000, 0));
        assert_eq!(difference.more, 960);
        assert!(serde_json::to_string(&difference).unwrap().len() < 10_000);
        let long = "one line\n".repeat(100_000);
        let difference = Difference::of(&json!(long), &json!("other\n"));
        assert!(difference.more > 0);
        assert!(serde_json::to_string(&difference).unwrap().len() < 10_000);
    }

    #[test]
    fn numbers_are_told_apart_by_their_exact_value() {
        let paths = |left: Json, right: Json| match Difference::of(&left, &right).parts {
            Parts::Paths(changes) => changes.len(),
            other => panic!("{other:?}"),
        };
        assert_eq!(paths(json!([1, 1e2, [0]]), json!([1.0, 100, [-0.0]])), 0);
        assert_eq!(
            paths(
                json!([9_007_199_254_740_993_u64, 0, 0.1 + 0.2]),
                json!([9_007_199_254_740_992.0, 3e-17, 0.3])
            ),
            3
        );
        // Deeper than structures are followed, equal is still equal.
        let deep = |leaf: Json| (0..MAX_DEPTH + 5).fold(leaf, |inner, _| json!([inner]));
        assert_eq!(paths(deep(json!(1)), deep(json!(1.0))), 0);
    }

    #[test]
    fn it_survives_being_written_down() {
        let left = json!({ "a": null, "b": 1 });
        let right = json!({ "b": null, "c": [1] });
        for (left, right) in [
            (left, right),
            (json!("one\ntwo\n"), json!("one\n2")),
            (json!("a"), json!("b")),
        ] {
            let difference = Difference::of(&left, &right);
            let text = serde_json::to_string(&difference).unwrap();
            assert_eq!(
                serde_json::from_str::<Difference>(&text).unwrap(),
                difference,
                "{text}"
            );
        }
    }
}
