//! What a client's schema says of a value: its members, and how the texts in it are used.

use crate::event::Json;

/// The member of a schema that says how the templates in a text are used.
const TEXTS: &str = "x-template";
/// The member of a schema that says what the keys of a map are.
const KEYS: &str = "x-keys";

/// How a text with templates is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usage {
    /// It is filled in.
    Text,
    /// The same, and a shell may read it, which has variables of its own.
    Shell,
    /// Its values are handed over beside its texts.
    Bind,
    /// Its values are encoded for where they stand in a URL.
    Url,
}

/// A place of a value, and what is known of it.
#[derive(Clone, Copy)]
pub(super) struct Slot<'s> {
    /// Its schema, and the whole one, to which references point.
    schema: Option<(&'s Json, &'s Json)>,
    has_template_keys: bool,
}

impl<'s> Slot<'s> {
    /// Data of the task's own.
    pub(super) const DATA: Self = Self {
        schema: None,
        has_template_keys: false,
    };

    /// A whole request, source or config.
    pub(super) fn of(schema: &'s Json) -> Self {
        Self {
            schema: Some((schema, schema)),
            ..Self::DATA
        }
    }

    /// The items of a list.
    pub(super) fn item(self) -> Self {
        self.inside(None)
    }

    /// The value of a key.
    pub(super) fn member(self, key: &str) -> Self {
        self.inside(Some(key))
    }

    fn inside(self, key: Option<&str>) -> Self {
        let schema = self
            .schema
            .and_then(|(schema, root)| Some((part(schema, root, key)?, root)));
        let inner = Self { schema, ..self };
        Self {
            has_template_keys: self.has_template_keys || inner.says(KEYS, "template"),
            ..inner
        }
    }

    /// Whether keys of maps may be templates, here and in all that stands below.
    pub(super) fn has_template_keys(self) -> bool {
        self.has_template_keys
    }

    /// How a text here is used.
    pub(super) fn usage(self) -> Usage {
        let usages = [
            ("shell", Usage::Shell),
            ("bind", Usage::Bind),
            ("url", Usage::Url),
        ];
        let said = |(word, _): &(&str, Usage)| self.says(TEXTS, word);
        let found = usages.into_iter().find(said);
        found.map_or(Usage::Text, |(_, usage)| usage)
    }

    fn says(self, key: &str, word: &str) -> bool {
        let Some((schema, root)) = self.schema else {
            return false;
        };
        let mut schemas = alternatives(schema, root).into_iter();
        schemas.any(|one| one.get(key).is_some_and(|said| said == word))
    }
}

/// The schema behind a `$ref`, and the alternatives that it names.
pub(super) fn alternatives<'s>(schema: &'s Json, root: &'s Json) -> Vec<&'s Json> {
    let mut found = vec![schema];
    let mut index = 0;
    // Bounded: a schema that refers to itself is followed a few steps only.
    while index < found.len() && found.len() < 32 {
        let one = found[index];
        if let Some(target) = one
            .get("$ref")
            .and_then(Json::as_str)
            .and_then(|path| path.strip_prefix('#'))
        {
            found.extend(root.pointer(target));
        }
        for key in ["anyOf", "oneOf", "allOf"] {
            found.extend(one.get(key).and_then(Json::as_array).into_iter().flatten());
        }
        index += 1;
    }
    found
}

/// The schema of a member, or of the items of a list.
pub(super) fn part<'s>(schema: &'s Json, root: &'s Json, key: Option<&str>) -> Option<&'s Json> {
    let inside = |one: &'s Json| match key {
        Some(key) => one.get("properties")?.get(key),
        None => one.get("items"),
    };
    // Mostly the schema says so itself.
    inside(schema).or_else(|| alternatives(schema, root).into_iter().find_map(inside))
}
