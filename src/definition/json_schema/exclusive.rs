//! Members that exclude each other: `oneOf: [{required: [get]}, {required: [post]}, …]`, also inside `allOf`.

use super::{Spot, Validation};
use crate::definition::diagnostic::Diagnostic;
use crate::definition::node::{Node, Text};
use crate::event::Json;

impl Validation<'_> {
    /// The second of two members that exclude each other. Which of them was meant nobody knows, so nothing
    /// else is said of the map.
    pub(super) fn exclusive(
        &self,
        schema: &Json,
        members: &[(Text, Node)],
        spot: &Spot,
    ) -> Option<Diagnostic> {
        let inside = schema.get("allOf").and_then(Json::as_array);
        std::iter::once(schema)
            .chain(inside.into_iter().flatten())
            .find_map(|part| {
                let names = names(part)?;
                let mut there = members
                    .iter()
                    .map(|(key, _)| key)
                    .filter(|key| names.contains(&key.as_str()));
                let (first, second) = (there.next()?, there.next()?);
                let message = format!(
                    "`{}` and `{}`: {} has one of them",
                    first.as_str(),
                    second.as_str(),
                    spot.name
                );
                let one = self.error("exclusive-keys", second.span, message);
                Some(
                    one.related(first.span, "the other one")
                        .hint("remove one of the two"),
                )
            })
    }
}

/// Whether one of the members that exclude each other is there, and nothing else tells the alternatives apart.
pub(super) fn is_chosen(schema: &Json, members: &[(Text, Node)]) -> bool {
    names(schema).is_some_and(|names| members.iter().any(|(key, _)| names.contains(&key.as_str())))
}

/// The names of which one at most may be there, if that is what the alternatives say.
fn names(schema: &Json) -> Option<Vec<&str>> {
    let mut names = Vec::new();
    for one in schema.get("oneOf")?.as_array()? {
        let one = one.as_object()?;
        match one
            .get("required")
            .and_then(Json::as_array)
            .map(Vec::as_slice)
        {
            Some([name]) if one.len() == 1 => names.push(name.as_str()?),
            // `not` any of them: none is fine too.
            None if one.len() == 1 && one.contains_key("not") => {}
            _ => return None,
        }
    }
    Some(names)
}
