//! Large bodies stand beside their event, under their hash: an event stays small, and a body that comes a
//! hundred times is kept once.

use crate::event::{Event, ExecutionId, Json};
use serde::{Deserialize, Serialize};

/// A BLAKE3 hash.
pub type Hash = [u8; 32];

/// A part of an event that takes more bytes of JSON than this stands beside it.
pub const LIMIT: usize = 64 * 1024;

/// A body that stands beside its event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// BLAKE3 of the body.
    pub hash: Hash,
    /// The body, as JSON.
    pub body: Vec<u8>,
}

/// How the line of an event with attachments begins; every other line begins with `{"run"`.
const PREFIX: &[u8] = br#"{"attached":"#;

#[derive(Serialize, Deserialize)]
struct Line {
    attached: Vec<Reference>,
    event: Json,
}

/// Where a body belongs (a JSON Pointer, RFC 6901), and under which hash it is found.
#[derive(Serialize, Deserialize)]
struct Reference {
    at: String,
    hash: String,
    bytes: usize,
}

/// Whether this line names attachments.
pub(crate) fn has_any(line: &[u8]) -> bool {
    line.starts_with(PREFIX)
}

/// Writes an event's line, or takes it where it is written already; its large parts are added to `attachments`.
pub(crate) fn write(
    event: &Event,
    written: Option<&[u8]>,
    lines: &mut Vec<u8>,
    attachments: &mut Vec<Attachment>,
) -> serde_json::Result<()> {
    let start = lines.len();
    match written {
        Some(line) => lines.extend_from_slice(line),
        None => serde_json::to_writer(&mut *lines, event)?,
    }
    if lines.len() - start <= LIMIT {
        return Ok(());
    }
    let mut json: Json = serde_json::from_slice(&lines[start..])?;
    let mut attached = Vec::new();
    detach(&mut json, &mut String::new(), &mut attached, attachments)?;
    lines.truncate(start);
    let line = Line {
        attached,
        event: json,
    };
    serde_json::to_writer(lines, &line)
}

/// Takes the smallest parts out that are too large by themselves, the deepest first; what is too large
/// because of many small parts goes as a whole.
fn detach(
    json: &mut Json,
    at: &mut String,
    attached: &mut Vec<Reference>,
    attachments: &mut Vec<Attachment>,
) -> serde_json::Result<usize> {
    let length = at.len();
    let mut inside = 2;
    match json {
        Json::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                at.push_str(&format!("/{index}"));
                inside += 1 + detach(item, at, attached, attachments)?;
                at.truncate(length);
            }
        }
        Json::Object(members) => {
            for (key, member) in members.iter_mut() {
                at.push('/');
                at.push_str(&key.replace('~', "~0").replace('/', "~1"));
                inside += 4 + key.len() + detach(member, at, attached, attachments)?;
                at.truncate(length);
            }
        }
        Json::String(text) => inside += text.len(),
        Json::Null | Json::Bool(_) | Json::Number(_) => return Ok(8),
    }
    // The event itself, and its fact's own members, are no bodies.
    if inside <= LIMIT || at.is_empty() {
        return Ok(inside);
    }
    let body = serde_json::to_vec(json)?;
    let hash = *blake3::hash(&body).as_bytes();
    // Parts of it that were taken out before stay so: they are found from the outside inwards.
    attached.push(Reference {
        at: at.clone(),
        hash: hex(&hash),
        bytes: body.len(),
    });
    attachments.push(Attachment { hash, body });
    *json = Json::Null;
    Ok(4)
}

/// The execution that a line's event belongs to, without reading the rest of it.
pub(crate) fn execution(line: &[u8]) -> serde_json::Result<Option<ExecutionId>> {
    #[derive(Deserialize)]
    struct Owned {
        #[serde(default)]
        execution: Option<ExecutionId>,
    }
    #[derive(Deserialize)]
    struct Attached {
        event: Owned,
    }
    let owned = if has_any(line) {
        serde_json::from_slice::<Attached>(line).map(|line| line.event)
    } else {
        serde_json::from_slice::<Owned>(line)
    };
    owned.map(|owned| owned.execution)
}

/// Why a line cannot be read.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// It is no event.
    Line(String),
    /// This attachment is not there, or is not what its name says.
    Attachment(String),
}

/// Reads an event's line; `find` gives the attachments.
pub(crate) fn read(
    line: &[u8],
    mut find: impl FnMut(&Hash) -> Option<Vec<u8>>,
) -> Result<Event, Unreadable> {
    let unreadable = |error: serde_json::Error| Unreadable::Line(error.to_string());
    if !has_any(line) {
        return serde_json::from_slice(line).map_err(unreadable);
    }
    let Line {
        attached,
        mut event,
    } = serde_json::from_slice(line).map_err(unreadable)?;
    for reference in attached.into_iter().rev() {
        let lost = || Unreadable::Attachment(reference.hash.clone());
        let hash = blake3::Hash::from_hex(&reference.hash).map_err(|_| lost())?;
        let body = find(hash.as_bytes()).ok_or_else(lost)?;
        if blake3::hash(&body) != hash {
            return Err(lost());
        }
        let body = serde_json::from_slice(&body).map_err(unreadable)?;
        *event.pointer_mut(&reference.at).ok_or_else(lost)? = body;
    }
    serde_json::from_value(event).map_err(unreadable)
}

/// The attachments that a line names.
pub(crate) fn named(line: &[u8]) -> Vec<Hash> {
    if !has_any(line) {
        return Vec::new();
    }
    let Ok(line) = serde_json::from_slice::<Line>(line) else {
        return Vec::new();
    };
    let hashes = line.attached.iter();
    hashes
        .filter_map(|reference| blake3::Hash::from_hex(&reference.hash).ok())
        .map(|hash| *hash.as_bytes())
        .collect()
}

/// As people and files write it.
pub(crate) fn hex(hash: &Hash) -> String {
    blake3::Hash::from_bytes(*hash).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Fact, ValueTypes};
    use serde_json::json;

    fn saved(value: Json) -> Event {
        Event {
            run: "R".into(),
            seq: 1,
            at: 0,
            execution: Some(1),
            frame: crate::event::ROOT,
            fact: Fact::VariableSaved {
                name: "body".into(),
                value,
                types: ValueTypes::default(),
                undone: false,
            },
        }
    }

    fn there_and_back(event: &Event) -> (Vec<u8>, Vec<Attachment>) {
        let mut line = Vec::new();
        let mut attachments = Vec::new();
        write(event, None, &mut line, &mut attachments).unwrap();
        let find = |hash: &Hash| {
            let found = attachments.iter().find(|one| one.hash == *hash)?;
            Some(found.body.clone())
        };
        assert_eq!(read(&line, find).unwrap(), *event);
        (line, attachments)
    }

    #[test]
    fn a_small_event_is_a_line_of_json() {
        let event = saved(json!({ "attached": [], "event": 1 }));
        let (line, attachments) = there_and_back(&event);
        assert_eq!(line, serde_json::to_vec(&event).unwrap());
        assert!(attachments.is_empty());
    }

    #[test]
    fn a_large_text_stands_beside_its_event() {
        let event = saved(json!({ "a/b~": ["x", "y".repeat(100_000)], "rest": 1 }));
        let (line, attachments) = there_and_back(&event);
        assert!(line.len() < 300, "{}", String::from_utf8_lossy(&line));
        assert_eq!(attachments.len(), 1);
        assert_eq!(named(&line), [attachments[0].hash]);
    }

    #[test]
    fn many_small_parts_go_as_a_whole_and_parts_of_parts_are_found_again() {
        let rows: Vec<Json> = (0..20_000).map(|row| json!({ "row": row })).collect();
        there_and_back(&saved(json!({ "rows": rows, "text": "z".repeat(70_000) })));
        // One large text in each of many rows, which are too large together even without them.
        let rows: Vec<Json> = (0..9_000)
            .map(|row| match row % 4_000 {
                0 => json!([row.to_string().repeat(70_000)]),
                _ => json!(["small", row]),
            })
            .collect();
        let (_, attachments) = there_and_back(&saved(json!(rows)));
        assert_eq!(attachments.len(), 4);
    }

    #[test]
    fn a_body_that_was_altered_is_no_body() {
        let mut line = Vec::new();
        let mut attachments = Vec::new();
        let event = saved(json!("y".repeat(100_000)));
        write(&event, None, &mut line, &mut attachments).unwrap();
        let altered = |_: &Hash| Some(b"\"another\"".to_vec());
        assert!(matches!(
            read(&line, altered),
            Err(Unreadable::Attachment(_))
        ));
        assert!(matches!(
            read(&line, |_| None),
            Err(Unreadable::Attachment(_))
        ));
    }
}
