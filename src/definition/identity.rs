//! What a task file says of itself, however much else is wrong with it.

use super::diagnostic::Diagnostic;
use super::model::SourceFile;
use super::node::{Node, NodeKind};
use super::source::Lines;
use super::yaml;
use crate::event::Name;
use std::path::Path;

/// The name and tags of a task file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its name: that of the file, where none can be read.
    pub name: Name,
    /// Its tags; `None`: it breaks off before they can be read.
    pub tags: Option<Vec<Name>>,
}

impl Identity {
    /// What is known of a file that cannot be read.
    #[must_use]
    pub fn unread(path: &Path) -> Self {
        let stem = path.file_stem().unwrap_or_default();
        Self {
            name: stem.to_string_lossy().into(),
            tags: None,
        }
    }

    /// What a file says of itself, as far as it is YAML.
    #[must_use]
    pub fn of(file: &SourceFile) -> Self {
        let reading = yaml::read(file, &Lines::new(&file.text));
        let mut identity = Self::unread(&file.path);
        let Some(root) = reading.root else {
            return identity;
        };
        if let Some(name) = root.get("name").and_then(Node::as_text) {
            identity.name = Name::clone(&name.value);
        }
        let whole = !reading.diagnostics.iter().any(Diagnostic::is_error);
        identity.tags = match root.get("tags").map(|tags| &tags.kind) {
            Some(NodeKind::List(tags)) => Some(tags.iter().filter_map(text).collect()),
            Some(NodeKind::Text(tag)) => Some(vec![Name::clone(&tag.value)]),
            Some(_) => None,
            None => whole.then(Vec::new),
        };
        identity
    }
}

fn text(node: &Node) -> Option<Name> {
    node.as_text().map(|text| Name::clone(&text.value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> (String, Option<Vec<String>>) {
        let path = Path::new("tasks/order.yaml");
        let file = SourceFile::from_bytes(Name::from("order.yaml"), path, text.as_bytes()).unwrap();
        let Identity { name, tags } = Identity::of(&file);
        let tags = tags.map(|tags| tags.iter().map(ToString::to_string).collect());
        (name.to_string(), tags)
    }

    #[test]
    fn as_much_as_can_be_read_is_known() {
        let tags = |all: &[&str]| Some(all.iter().map(|&tag| tag.to_owned()).collect());
        let stem = || "order".to_owned();
        assert_eq!(of("vresion: 1"), (stem(), tags(&[])));
        assert_eq!(
            of("name: ships\ntags: [a, b]\nstates: 7"),
            ("ships".into(), tags(&["a", "b"]))
        );
        assert_eq!(of("tags: a"), (stem(), tags(&["a"])));
        assert_eq!(of("tags: {}"), (stem(), None));
        // It breaks off: what comes behind may be anything.
        assert_eq!(of("states: [\ntags: [a]"), (stem(), None));
    }
}
